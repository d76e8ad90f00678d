"""What the record of a document asks of its files (quy tắc hồ sơ văn bản), as findings.

The record says who issued the document, when, and which files it has. The main file must be signed by the
leader and then sealed by the issuing agency (NĐ 30/2020 Điều 32, 33); an appendix in a file of its own must
carry the agency's seal (Phụ lục I); the record's files must all be there, unchanged, and none besides.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from ebrvt_connect.codec.edxml_attachments import safe_name
from ebrvt_connect.codec.edxml_words import ATTACHMENT_MISSING, ATTACHMENT_NOT_ANNOUNCED, is_decisive
from ebrvt_connect.model.document import AttachmentRole
from ebrvt_connect.model.ids import AgencyHistory
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.trust import findings, limit_findings, packet_findings
from ebrvt_connect.trust.extensions import is_of_another_kind
from ebrvt_connect.trust.packet_siblings import is_without_signature
from ebrvt_connect.trust.signers import ISSUED_DOCUMENT, SEALED
from ebrvt_connect.trust.verdict import DocumentKind, Indication, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ebrvt_connect.model.document import Attachment, Document
    from ebrvt_connect.model.ids import AgencyCode
    from ebrvt_connect.trust.packet_siblings import JudgedFile
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.signers import IssuingDecision, SignerRegister
    from ebrvt_connect.trust.verdict import Finding, SignatureReport, VerificationReport


_MOST_SHOWN = 5
_KIND_SOUGHT = frozenset({findings.KIND_NOT_JUDGED_YET, packet_findings.SIGNED_BESIDE})


@dataclass(frozen=True, slots=True)
class PacketGrounds:
    """By what a packet is weighed."""

    policy: VerificationPolicy
    signers: SignerRegister
    at: datetime
    history: AgencyHistory = AgencyHistory()  # noqa: RUF009 - a frozen value

    @property
    def today(self) -> date:
        """The day of the check in Vietnam."""
        return self.at.astimezone(VIETNAM).date()


def record_findings(record: Document, grounds: PacketGrounds) -> Iterator[Finding]:
    """What is odd about the record by itself: how it was read, its date, names that say nothing."""
    yield from reading_findings(record, grounds.policy)
    notice, dated = grounds.policy.notice, record.promulgated_on
    if dated is None:
        yield notice(packet_findings.DOCUMENT_DATE_MISSING)
    elif dated > grounds.today:
        yield notice(
            packet_findings.DOCUMENT_DATE_IN_FUTURE,
            dated=_told(dated),
            dated_iso=dated.isoformat(),
            today=_told(grounds.today),
        )
    if not record.attachments:
        yield notice(packet_findings.PACKET_WITHOUT_MAIN_FILE)
    yield from repeated_names([a.name for a in record.attachments], grounds.policy)


def reading_findings(record: Document, policy: VerificationPolicy) -> Iterator[Finding]:
    """What its reader warned of that bears on the files and the date (`edxml_words.is_decisive`)."""
    of_files = {
        ATTACHMENT_MISSING.code: packet_findings.PACKET_FILE_MISSING,
        ATTACHMENT_NOT_ANNOUNCED.code: packet_findings.PACKET_FILE_UNLISTED,
    }
    warnings = [w for w in record.warnings if is_decisive(w.code, w.field)]
    for warning in warnings:
        if warning.code in of_files:
            yield policy.notice(of_files[warning.code], name=warning.got)
    others = dict.fromkeys(w.message_vi for w in warnings if w.code not in of_files)
    if others:
        fields = dict.fromkeys(w.field for w in warnings if w.code not in of_files)
        shown = [*others][:_MOST_SHOWN], [*fields][:_MOST_SHOWN]
        yield policy.notice(
            packet_findings.PACKET_AMBIGUOUS, reasons=" ".join(shown[0]), fields=", ".join(shown[1])
        )


def plain_name(name: str) -> str:
    """A name as disks and eyes tell names apart: without marks, the blanks and dots behind it, or case."""
    seen = "".join(c for c in safe_name(name) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", seen).casefold().rstrip(". ")


def name_findings(name: str, report: VerificationReport, policy: VerificationPolicy) -> Iterator[Finding]:
    """Whether software that goes by the name would take the file for one of another kind."""
    # Of what was not read to its kind (too large, empty) nothing is said.
    seen = report.kind is not DocumentKind.UNKNOWN or any(f.code in _KIND_SOUGHT for f in report.findings)
    if seen and is_of_another_kind(plain_name(name), report.kind):
        told = "?" if report.kind is DocumentKind.UNKNOWN else report.kind.value.upper()
        yield policy.notice(packet_findings.FILE_NAME_OF_ANOTHER_KIND, name=name, kind=told)


def repeated_names(names: Sequence[str], policy: VerificationPolicy) -> Iterator[Finding]:
    """Names that more than one file has, as a reader sees them; big and small letters are one."""
    shown = {plain_name(name): name for name in names}
    counted = Counter(map(plain_name, names))
    for key, count in counted.items():
        if count > 1:
            yield policy.notice(packet_findings.PACKET_NAME_REPEATED, name=shown[key])


def is_as_described(attachment: Attachment, report: VerificationReport) -> bool:
    """Whether these are the bytes the record speaks of; nothing is said of more than was read."""
    if any(f.code == limit_findings.FILE_TOO_LARGE for f in report.findings):
        return True
    return attachment.sha256 == report.sha256


def main_places(
    attachments: Sequence[Attachment], judged: Sequence[JudgedFile | None], *, parts_told: bool
) -> frozenset[int]:
    """Which files are the document itself (văn bản chính).

    Those the record calls so, where `parts_told` or where it calls one an appendix. A packet from the axis
    does not tell (edXML knows no such thing), and then all are called main: the first that is no detached
    signature is taken for it, the rest for what it brings.
    """
    signatures = {n for n, j in enumerate(judged) if j is not None and j.signs is not None}
    named = [n for n, a in enumerate(attachments) if a.role is AttachmentRole.MAIN and n not in signatures]
    told = parts_told or any(a.role is AttachmentRole.APPENDIX for a in attachments)
    return frozenset(named if told else named[:1])


def main_findings(report: VerificationReport, record: Document, grounds: PacketGrounds) -> Iterator[Finding]:
    """Leader, seal, whose, in which order, and when."""
    decision = grounds.signers.signed_for(
        report,
        record.issuer.code,
        at=grounds.at,
        policy=grounds.policy,
        history=grounds.history,
        wanted=ISSUED_DOCUMENT,
    )
    yield from decision.findings
    if record.promulgated_on is not None:
        yield from _date_findings(report, decision, record.promulgated_on, grounds.policy)


def appendix_findings(
    report: VerificationReport, agency: AgencyCode, grounds: PacketGrounds, *, sealed_packet: bool
) -> Iterator[Finding]:
    """Whether the issuing agency vouches for an appendix; `sealed_packet`: its seal is on the packet."""
    notice = grounds.policy.notice
    if is_without_signature(report):
        covered = packet_findings.APPENDIX_IN_SEALED_PACKET
        yield notice(covered if sealed_packet else packet_findings.APPENDIX_NOT_SIGNED, agency=agency)
    elif report.indication is Indication.TOTAL_PASSED:
        decision = grounds.signers.signed_for(
            report,
            agency,
            at=grounds.at,
            policy=grounds.policy,
            history=grounds.history,
            wanted=SEALED,
        )
        if decision.held:
            yield notice(packet_findings.APPENDIX_NOT_SEALED, agency=agency)
            yield from decision.findings


def holding(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that keep a document from passing."""
    return tuple(f for f in found if f.severity is Severity.ERROR)


def _date_findings(
    report: VerificationReport, decision: IssuingDecision, dated: date, policy: VerificationPolicy
) -> Iterator[Finding]:
    """The day of leader and seal against the document's; whoever copies does it when he likes."""
    for signature in report.signatures:
        if signature.index not in (*decision.leaders, *decision.seals):
            continue
        signed_on = _signed_on(signature)
        if signed_on is None:
            yield policy.notice(
                packet_findings.SIGNING_DATE_UNKNOWN,
                number=signature.index,
                dated=_told(dated),
                dated_iso=dated.isoformat(),
            )
            continue
        leads = signature.index in decision.leaders
        allowed = policy.leader_days_before if leads else policy.seal_days_before
        days = (signed_on - dated).days
        if -allowed <= days <= policy.signed_days_after:
            continue
        before = packet_findings.SIGNED_BEFORE_DOCUMENT_DATE
        yield policy.notice(
            before if days < 0 else packet_findings.SIGNED_LONG_AFTER_DOCUMENT_DATE,
            number=signature.index,
            signed_on=_told(signed_on),
            dated=_told(dated),
            dated_iso=dated.isoformat(),
            days=abs(days),
        )


def _signed_on(signature: SignatureReport) -> date | None:
    """The day in Vietnam; nothing where only the check itself says when."""
    best = signature.best_time
    if best is None or best.proof == "validation":
        return None
    return best.value.astimezone(VIETNAM).date()


def _told(day: date) -> str:
    return f"{day:%d/%m/%Y}"
