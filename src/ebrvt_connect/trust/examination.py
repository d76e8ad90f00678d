"""One signature examined (kiểm tra một chữ ký): the same steps for every format (ETSI EN 319 102-1).

A format reads its own syntax and hands over a `SignatureReading`. From there on all are alike:

1. What came along is a hint: certificates, lists, answers. 2. The timestamps, those over the others first,
and with them the moment of signing. 3. The signer's certificate at that moment, and the algorithms that
counted then. 4. What the format proves of the content (`SignatureReading.prove`). 5. What is found, in the
order a reader wants it: integrity before certificate before time. 6. What we would pass and pyHanko would not
is undecided. 7. The report.

A further format is one module that reads; nothing here knows which there are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeVar

from ebrvt_connect.trust import findings, level_findings
from ebrvt_connect.trust.archive_stamps import judge_archive
from ebrvt_connect.trust.catalogue import Refused
from ebrvt_connect.trust.grounds import judge_certificate
from ebrvt_connect.trust.levels import level_of
from ebrvt_connect.trust.signer_facts import certificate_facts
from ebrvt_connect.trust.times import Proofs, signing_time
from ebrvt_connect.trust.timestamps import judge_token, unreadable_token
from ebrvt_connect.trust.verdict import Indication, SignatureReport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from asn1crypto import cms

    from ebrvt_connect.trust.archive_stamps import Archive, ArchiveStamp
    from ebrvt_connect.trust.embedded import Embedded
    from ebrvt_connect.trust.grounds import CertificateJudgement, Grounds, ShownSigner
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.times import SigningTime
    from ebrvt_connect.trust.timestamps import TimestampVerdict
    from ebrvt_connect.trust.verdict import Finding, SignatureIdentity

_Examined = TypeVar("_Examined")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A timestamp token as it stands in a signature, and what it must be about."""

    token: cms.SignedData | None
    """None for one that could not even be taken out."""
    imprint_of: Callable[[str], bytes]
    """The digest of what it must be about, by algorithm name."""
    part: Hashable = None
    """The part of the signature it is, as archive timestamps list it."""


@dataclass(frozen=True, slots=True)
class ProofsOfExistence:
    """What else proves when a signature was there, its own timestamps with it (EN 319 102-1, 5.6)."""

    times: tuple[datetime, ...] = ()
    """Proven by timestamps over all of it that hold."""
    archived: bool = False
    """One of them lies over evidence for its validity too."""

    @property
    def earliest(self) -> datetime | None:
        """When it was there by; None when nothing proves it."""
        return min(self.times, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """What a format proved of a signature at the moment of signing."""

    integrity: bool
    """Whether what was signed is what is there now, and the signature value is the signer's."""
    identity: SignatureIdentity | None
    found: tuple[Finding, ...] = ()
    """Of integrity and coverage; stands first in the report, and so gives the first reason."""
    algorithms: tuple[Finding, ...] = ()
    """Of algorithms that contradict each other; stands behind what is found of the certificate."""
    remarks: tuple[Finding, ...] = ()
    """What is to be said besides; stands last."""
    doubt: Callable[[], str]
    """Why pyHanko would not pass it, empty when it would; asked where nothing else speaks against it."""
    facts: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """The fields of a `SignatureReport` that depend on the format: `coverage`, `format` and its own."""


Prover = Callable[["Grounds", "CertificateJudgement"], Proved]
"""Proves a signature by the rules of the proven time, with the certificate as judged at that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReading:
    """A signature as its format has it, read and not yet judged."""

    signer: ShownSigner
    prove: Prover
    brought: Embedded
    """Certificates, lists and answers in it; each stands by its issuer's signature."""
    claimed_time: datetime | None = None
    """By the signer's word, in UTC."""
    before: Iterable[Stamp] = ()
    """Over the content, among what was signed."""
    after: Iterable[Stamp] = ()
    """Over the signature value."""
    further: ProofsOfExistence = ProofsOfExistence()
    """Further proofs of existence of this signature: timestamps over the signature and its own timestamps
    (document timestamps of a PDF)."""
    archive: tuple[ArchiveStamp, ...] = ()
    """Its archive timestamps: over the signature and those of its parts that each of them lists."""
    uncounted: tuple[str, ...] = ()
    """Names of the kinds of timestamps it has that are not judged."""
    bound: bool = False
    """Whether it names its certificate, as AdES asks."""


def examine(reading: SignatureReading, index: int, grounds: Grounds) -> SignatureReport:
    """Examine one signature; `index` is its place in the report.

    Raises `Refused`, and whatever a hostile encoding makes a parser raise: see `fenced`.
    """
    grounds = grounds.with_evidence(reading.brought)  # 1
    archive, grounds = judge_archive(reading.archive, grounds)  # 2
    time = _time_of(reading, archive, grounds)
    grounds = grounds.as_proven(time)
    certificate = judge_certificate(grounds, reading.signer, time)  # 3
    proved = reading.prove(grounds, certificate)  # 4
    policy = grounds.policy
    found = [*proved.found, *certificate.found, *proved.algorithms, *time.found]  # 5
    found += (policy.notice(level_findings.ARCHIVE_TIMESTAMP_NOT_COUNTED, name=n) for n in reading.uncounted)
    if not reading.bound:
        found.append(policy.notice(findings.SIGNER_CERTIFICATE_NOT_BOUND))
    found += proved.remarks
    if policy.conclude(found)[0] is Indication.TOTAL_PASSED and (doubt := proved.doubt()):  # 6
        found.append(policy.notice(findings.SECOND_OPINION_DIFFERS, reason=doubt))
    facts = {  # 7
        **certificate_facts(reading.signer, certificate, grounds),
        **time.report,
        "identity": proved.identity,
        "integrity": proved.integrity,
        "level": level_of(
            grounds,
            certificate,
            bound=reading.bound,
            archived=reading.further.archived,
            archive=archive.evidence,
        ),
    }
    return bare_report(index, policy, found, **{**facts, **proved.facts})


def _time_of(reading: SignatureReading, archive: Archive, grounds: Grounds) -> SigningTime:
    """The moment of signing: its own timestamps, the claimed time, and what else proves it to be there."""
    around = (*reading.further.times, *archive.times)

    def judged(stamps: Iterable[Stamp], kind: Literal["content", "signature"]) -> Iterator[TimestampVerdict]:
        for stamp in stamps:
            if stamp.token is None:
                yield unreadable_token(grounds)
                continue
            # What was signed along is under every archive timestamp, what stands beside under some.
            there = archive.times if kind == "content" else (archive.there_at(stamp.part),)
            witness = min((t for t in (reading.further.earliest, *there) if t is not None), default=None)
            yield judge_token(grounds, stamp.token, stamp.imprint_of, kind=kind, witness=witness)

    before, after = tuple(judged(reading.before, "content")), tuple(judged(reading.after, "signature"))
    return signing_time(reading.claimed_time, Proofs(before, after, around, archive.verdicts), grounds)


def bare_report(
    index: int, policy: VerificationPolicy, found: Iterable[Finding], **facts: object
) -> SignatureReport:
    """A report with its findings and the verdict that follows from them; `facts` are what else is known."""
    noticed = tuple(found)
    indication, reasons = policy.conclude(noticed)
    report = SignatureReport(
        index=index, indication=indication, sub_indication=next(iter(reasons), None), findings=noticed
    )
    return report.model_copy(update=facts)


def fenced(
    look: Callable[[], _Examined],
    index: int,
    policy: VerificationPolicy,
    broken: Callable[[SignatureReport], _Examined],
    **known: object,
) -> _Examined:
    """What `look` gives; whatever a hostile signature makes it raise becomes a finding of a report.

    `broken` makes the result of that report, in which `known` stands besides.
    """
    try:
        return look()
    except Refused as refusal:
        finding = policy.notice(refusal.code, **refusal.facts)
    except MemoryError:
        raise
    except Exception as failure:  # noqa: BLE001 - hostile input breaks parsers in every way there is
        finding = policy.notice(findings.VERIFIER_FAILED, reason=type(failure).__name__)
    return broken(bare_report(index, policy, [finding], **known))
