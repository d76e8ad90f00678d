"""The signature inside an edXML header (chữ ký của gói tin): what it covers, and plainly what it does not.

An edXML file names its attached files by `cid:` references. A signature in the header covers those
references; whether it covers the bytes too depends on where they stand and on what it refers to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.codec.edxml_words import EnvelopeSignature
from ebrvt_connect.trust import findings, packet_findings
from ebrvt_connect.trust.verdict import Indication

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding, VerificationReport

_FILES = "/edXML/AttachmentEncoded"
_RECORD = "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader"
_NOTHING_VI = "không nội dung nào"


def is_signed(envelope: VerificationReport) -> bool:
    """Whether the envelope is to be judged: it carries a signature, or more than the lack of one is wrong."""
    lack = {findings.SIGNED_DATA_NOT_FOUND}
    return bool(envelope.signatures) or not {f.code for f in envelope.findings} <= lack


def covers_files(envelope: VerificationReport) -> bool:
    """Whether every signature of the envelope is intact and covers the bytes of the attached files."""
    return bool(envelope.signatures) and all(
        s.integrity and any(_holds(path, _FILES) for path in s.coverage.covered) for s in envelope.signatures
    )


def covers_record(envelope: VerificationReport) -> bool:
    """Whether every signature of the envelope has passed and covers number, issuer and abstract."""
    return bool(envelope.signatures) and all(
        s.indication is Indication.TOTAL_PASSED and any(_holds(path, _RECORD) for path in s.coverage.covered)
        for s in envelope.signatures
    )


def envelope_findings(
    envelope: VerificationReport, signature: EnvelopeSignature, policy: VerificationPolicy
) -> Iterator[Finding]:
    """The plain statement of what the envelope's signature is about."""
    if signature is EnvelopeSignature.PRESENT_UNVERIFIABLE:
        yield policy.notice(packet_findings.ENVELOPE_NOT_VERIFIABLE)
    if not is_signed(envelope):
        yield policy.notice(packet_findings.ENVELOPE_NOT_SIGNED)
    if envelope.signatures:
        covered = dict.fromkeys(path for s in envelope.signatures for path in s.coverage.covered)
        code = packet_findings.ENVELOPE_COVERS_FILES
        yield policy.notice(
            code if covers_files(envelope) else packet_findings.ENVELOPE_LEAVES_FILES,
            covered=", ".join(covered) or _NOTHING_VI,
        )


def _holds(path: str, part: str) -> bool:
    return path == part or part.startswith(path + "/")
