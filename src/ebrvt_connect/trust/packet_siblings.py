"""Files that lie side by side (tệp nằm cạnh nhau): a detached signature (.p7s) finds the content it is about.

`giay.pdf.p7s` is about `giay.pdf`, `giay.p7s` about the only other file called `giay`. Names only bring the
two together: whether the one signs the other its digest says. Content that carries no signature of its own
then has the verdict of what signs it, so nobody has to look for it elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.trust import findings, packet_findings
from ebrvt_connect.trust.cms_armour import unarmoured
from ebrvt_connect.trust.disguise import repeated_signatures
from ebrvt_connect.trust.kind import sighted
from ebrvt_connect.trust.signed_data import CmsMalformed, content_inside, load_signed_data
from ebrvt_connect.trust.verdict import DocumentKind, Severity, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import VerificationReport

    Judge = Callable[[bytes, str, Mapping[str, bytes]], VerificationReport]
    """Verifies content, called by this name, with the content beside it."""

_SUFFIXES = (".p7s", ".p7m", ".sig")
_NO_SIGNATURE = frozenset(
    {findings.SIGNED_DATA_NOT_FOUND, findings.KIND_NOT_JUDGED_YET, findings.KIND_UNKNOWN}
)


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file by its name; its bytes are read when it is its turn, so that not all are in memory at once."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """A file with its verdict, and which file beside it is signed by it."""

    name: str
    report: VerificationReport
    signs: int | None = None
    """Position of the file this detached signature gives its verdict to."""


def judge_together(
    files: Sequence[NamedFile], judge: Judge, policy: VerificationPolicy
) -> tuple[JudgedFile, ...]:
    """Each file's verdict, in order; detached signatures are given the file they are about."""
    names = [file.name for file in files]
    reports: list[VerificationReport] = []
    about: dict[int, int] = {}
    for place, file in enumerate(files):
        data = file.read()
        sibling = _sibling(place, names) if _is_detached(data) else None
        beside = {} if sibling is None else {names[sibling]: files[sibling].read()}
        reports.append(judge(data, file.name, beside))
        if sibling is not None:
            about[place] = sibling
    return tuple(_judged(place, names, reports, about, policy) for place in range(len(files)))


def beside(place: int, files: Sequence[NamedFile]) -> dict[str, bytes]:
    """What stands beside one of the files, by name: the content of a detached signature, else nothing."""
    sibling = _sibling(place, [file.name for file in files]) if _is_detached(files[place].read()) else None
    return {} if sibling is None else {files[sibling].name: files[sibling].read()}


def _judged(
    place: int,
    names: Sequence[str],
    reports: Sequence[VerificationReport],
    about: Mapping[int, int],
    policy: VerificationPolicy,
) -> JudgedFile:
    report = reports[place]
    signatures = tuple(n for n, content in about.items() if content == place)
    if signatures and _is_unsigned(report):
        whole = _signed_beside(report, [reports[n] for n in signatures], policy)
        return JudgedFile(names[place], whole)
    content = about.get(place)
    gives = content is not None and _is_unsigned(reports[content])
    return JudgedFile(names[place], report, signs=content if gives else None)


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


def _is_detached(data: bytes) -> bool:
    """Whether it is a CMS signature whose content stands elsewhere."""
    if sighted(data).kind is not DocumentKind.CMS:
        return False
    try:
        return content_inside(load_signed_data(unarmoured(data))) is None
    except (CmsMalformed, ValueError, TypeError, KeyError):
        return False


def _sibling(place: int, names: Sequence[str]) -> int | None:
    """Position of the one file the name says the signature is about."""
    bare = _without_suffix(names[place])
    if bare is None:
        return None
    others = [n for n in range(len(names)) if n != place and _without_suffix(names[n]) is None]
    for matching in (
        [n for n in others if names[n] == bare],
        [n for n in others if names[n].rpartition(".")[0] == bare],
    ):
        if matching:
            return matching[0] if len(matching) == 1 else None
    return None


def _without_suffix(name: str) -> str | None:
    """`giay.pdf` for `giay.pdf.p7s`; nothing for a name that is no signature's."""
    suffix = next((s for s in _SUFFIXES if name.lower().endswith(s)), None)
    return name[: -len(suffix)] if suffix else None
