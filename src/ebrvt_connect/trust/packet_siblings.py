"""Files that lie side by side (tệp nằm cạnh nhau): a detached signature (.p7s) finds the content it is about.

Which one that is its digest says (`trust.pairing`); a name is only a hint. Content that carries no signature
of its own then has the verdict of what signs it, so nobody has to look for it elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.trust import findings, packet_findings
from ebrvt_connect.trust.disguise import repeated_signatures
from ebrvt_connect.trust.pairing import NamedFile, pairings
from ebrvt_connect.trust.verdict import Severity, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ebrvt_connect.trust.pairing import Pairing
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import VerificationReport

    FileVerifier = Callable[[bytes, str, Mapping[str, bytes]], VerificationReport]
    """Verifies content, called by this name, with the content beside it."""

_NO_SIGNATURE = frozenset(
    {findings.SIGNED_DATA_NOT_FOUND, findings.KIND_NOT_JUDGED_YET, findings.KIND_UNKNOWN}
)


@dataclass(frozen=True, slots=True)
class SignedBeside:
    """The report on a detached signature, and the SHA-256 of the content it was judged with."""

    report: VerificationReport
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """A file with its verdict, and which file beside it is signed by it."""

    name: str
    report: VerificationReport
    signs: int | None = None
    """Position of the file this detached signature gives its verdict to."""


def judge_together(
    files: Sequence[NamedFile], judge: FileVerifier, policy: VerificationPolicy
) -> tuple[JudgedFile, ...]:
    """Each file's verdict, in order; detached signatures are given the file they are about."""
    pairs = pairings(files)
    judged = []
    for place, file in enumerate(files):
        content = _content(place, pairs, files)
        report = judge(file.read(), file.name, content)
        judged.append(SignedBeside(report, *(hashlib.sha256(c).hexdigest() for c in content.values())))
    return tuple(_judged(place, files, judged, pairs, policy) for place in range(len(files)))


def beside(place: int, files: Sequence[NamedFile]) -> dict[str, bytes]:
    """What stands beside one of the files, by name: the content of a detached signature, else nothing."""
    return _content(place, pairings(files, [place]), files)


def _content(place: int, pairs: Mapping[int, Pairing], files: Sequence[NamedFile]) -> dict[str, bytes]:
    content = None if place not in pairs else pairs[place].content
    return {} if content is None else {files[content].name: files[content].read()}


def _judged(
    place: int,
    files: Sequence[NamedFile],
    judged: Sequence[SignedBeside],
    pairs: Mapping[int, Pairing],
    policy: VerificationPolicy,
) -> JudgedFile:
    report, name = judged[place].report, files[place].name
    signatures = [judged[n] for n, pair in pairs.items() if place in pair.contents]
    if signatures and _is_unsigned(report):
        return JudgedFile(name, with_signatures(report, signatures, policy))
    if place not in pairs:
        return JudgedFile(name, report)
    pair = pairs[place]
    gives = pair.content is not None and _is_unsigned(judged[pair.content].report)
    told = report_of_pair(report, pair, [file.name for file in files], policy)
    return JudgedFile(name, told, signs=pair.content if gives else None)


def with_signatures(
    content: VerificationReport, signatures: Sequence[SignedBeside], policy: VerificationPolicy
) -> VerificationReport:
    """The verdict on content that detached signatures are about: theirs, where it carries none of its own.

    Only of those judged with these very bytes: what lies under a name may have been exchanged meanwhile.
    """
    theirs = [signature.report for signature in signatures if signature.sha256 == content.sha256]
    return _signed_beside(content, theirs, policy) if theirs and _is_unsigned(content) else content


def report_of_pair(
    report: VerificationReport, pair: Pairing, names: Sequence[str], policy: VerificationPolicy
) -> VerificationReport:
    """The report on a detached signature that also tells with which file it was paired, and why."""
    return report.model_copy(update={"findings": (*report.findings, *pair.findings(names, policy))})


def _signed_beside(
    content: VerificationReport, signatures: Sequence[VerificationReport], policy: VerificationPolicy
) -> VerificationReport:
    """The verdict on content without a signature of its own: the worst of those that are about it."""
    signers = (s for r in signatures for s in r.signatures)
    numbered = tuple(s.model_copy(update={"index": n}) for n, s in enumerate(signers, 1))
    twice = tuple(repeated_signatures(numbered, policy))
    of_twice, why = policy.conclude(twice)
    indication = worst([of_twice, *(r.indication for r in signatures)])
    own = why if of_twice is indication else ()
    reasons = (*own, *(s for r in signatures if r.indication is indication for s in r.sub_indications))
    return content.model_copy(
        update={
            "indication": indication,
            "sub_indications": tuple(dict.fromkeys(reasons)),
            "headline_vi": indication.headline_vi,
            "signatures": numbered,
            "findings": (
                *(f for f in content.findings if f.code not in _NO_SIGNATURE),
                *(policy.notice(packet_findings.SIGNED_BESIDE, name=r.file) for r in signatures),
                *(f for r in signatures for f in r.findings),
                *twice,
            ),
        }
    )


def is_without_signature(report: VerificationReport) -> bool:
    """Whether a file surely carries no signature at all, and nothing else speaks against it."""
    errors = {f.code for f in report.findings if f.severity is Severity.ERROR}
    certain = findings.SIGNED_DATA_NOT_FOUND in errors
    return certain and not report.signatures and errors <= _NO_SIGNATURE


def _is_unsigned(report: VerificationReport) -> bool:
    """The same, or of a kind nobody knows: what is in it a detached signature can tell as well."""
    errors = {f.code for f in report.findings if f.severity is Severity.ERROR}
    return is_without_signature(report) or (not report.signatures and errors == {findings.KIND_UNKNOWN})


__all__ = [
    "JudgedFile",
    "NamedFile",
    "SignedBeside",
    "beside",
    "is_without_signature",
    "judge_together",
    "report_of_pair",
    "with_signatures",
]
