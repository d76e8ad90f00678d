"""Verifying and signing for library users: the pure judge of `trust` joined to files and the clock.

    from pathlib import Path
    from ebrvt_connect.api import VN_2025, load_trust_folder, verify

    report = verify(Path("cong-van.pdf"), policy=VN_2025, trust=load_trust_folder(Path("trust")))
    print(report.to_text_vi())

Heavy libraries are loaded on the first call, not by importing this module.
"""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.verify_items import Source, ToVerify, VerifyLimits
from ebrvt_connect.trust.policy import (
    ETSI_STRICT,
    POLICIES,
    VN_2025,
    VN_LEGACY_2018,
    VerificationPolicy,
)
from ebrvt_connect.trust.verdict import DocumentKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pyhanko.sign.timestamps import TimeStamper

    from ebrvt_connect.errors import RetryLater
    from ebrvt_connect.model.document import Document
    from ebrvt_connect.model.ids import AgencyHistory
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.signer import Signer
    from ebrvt_connect.transport.revocation_online import OnlineRevocation
    from ebrvt_connect.transport.signing_appearance import Appearance
    from ebrvt_connect.transport.verify_one import KeepsEvidence
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.signed_content import SignedContent
    from ebrvt_connect.trust.verdict import SignatureRole, VerificationReport

__all__ = [
    "ETSI_STRICT",
    "POLICIES",
    "VN_2025",
    "VN_LEGACY_2018",
    "ToVerify",
    "VerificationPolicy",
    "VerifyLimits",
    "averify",
    "load_trust_folder",
    "sign_cms",
    "sign_pdf",
    "sign_xml",
    "signed_content",
    "verify",
    "verify_many",
    "verify_packet",
]


def verify(  # noqa: PLR0913 - a verdict has as many grounds
    source: bytes | Path | BinaryIO,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    revocation: RevocationArchive | OnlineRevocation | None = None,
    at: datetime | None = None,
    detached: Mapping[str, bytes] | None = None,
    name: str | None = None,
    clock: Clock | None = None,
    evidence: KeepsEvidence | None = None,
    kind: DocumentKind | str = "auto",
) -> VerificationReport:
    """Verify the digital signatures of a file (kiểm tra chữ ký số), offline unless `revocation` is online.

    `policy` says what counts, `trust` whom to trust; there is no default for either. `revocation` adds
    lists and answers to those of the trust store, or fetches what is lacking (`OnlineRevocation`). In
    `evidence` (`EvidenceFolder`) what the verdict rests on is kept before it is told. `at` (aware) is the
    time of the check, else the clock's. `name` is what the report calls the file, else the path's name.
    `detached` is content that stands beside its signature (.p7s), by name; content that no signature in
    the file is about has not passed. What the file is its content says; where `kind` names one (`pdf`, `xml`,
    `cms`, `ooxml`, `edxml`), another has failed with `KIND_NOT_AS_NAMED`.

    Never raises for what the file holds: a hostile one is a report with `FORMAT_FAILURE`. Raises
    `OSError` for a path that does not read, `ValueError` for a naive `at` or a `kind` nobody knows, and
    `TypeError` for a source, policy or trust that is none (a path as text, a folder instead of its store).
    No limits are set to what the file may take: `verify_many` sets them.
    """
    from ebrvt_connect.transport.verify_one import OneFile, verified

    _expect_grounds(policy, trust)
    named = None if kind == "auto" else DocumentKind(kind)
    if named is DocumentKind.UNKNOWN:
        raise ValueError("a file cannot be verified as one of unknown kind")

    called, data = _name_and_content(source, name, policy)
    file = OneFile(
        data=data, policy=policy, trust=trust, detached=dict(detached or {}), name=called, kind=named
    )
    return verified(file, revocation=revocation, at=at, clock=clock or SystemClock(), evidence=evidence)


async def averify(  # noqa: PLR0913 - as `verify`
    source: bytes | Path | BinaryIO,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    revocation: RevocationArchive | OnlineRevocation | None = None,
    at: datetime | None = None,
    detached: Mapping[str, bytes] | None = None,
    name: str | None = None,
    clock: Clock | None = None,
    evidence: KeepsEvidence | None = None,
    kind: DocumentKind | str = "auto",
) -> VerificationReport:
    """`verify` for an event loop, which it never holds up: in a thread of the loop's own pool.

    That pool is bounded (`asyncio.to_thread`: four threads more than there are processors, 32 at most), so
    however many are awaited, no more are judged at once; the others wait in line. They share one processor
    for most of the work: for many files `verify_many` is faster, and sets limits. Cancelling gives up
    waiting; what has begun is judged to its end. Arguments, result and errors are those of `verify`.
    """
    from asyncio import to_thread

    return await to_thread(
        verify,
        source,
        policy=policy,
        trust=trust,
        revocation=revocation,
        at=at,
        detached=detached,
        name=name,
        clock=clock,
        evidence=evidence,
        kind=kind,
    )


def signed_content(
    source: bytes | Path | BinaryIO,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    revocation: RevocationArchive | None = None,
    at: datetime | None = None,
    name: str | None = None,
    clock: Clock | None = None,
) -> SignedContent:
    """Verify a file and hand out what its signatures cover, nothing beside it (nội dung được ký), offline.

    Of an XML paper that is signed in part these are the signed elements: whoever reads on from the octets
    never reads what somebody put around them. Nothing is handed out unless the file has passed. The rest is
    as in `verify`; `policy.whole_files_only()` does not pass what is signed in part.
    """
    from ebrvt_connect.trust import signed_content as handing_out

    _expect_grounds(policy, trust)
    called, data = _name_and_content(source, name, policy)
    moment = at if at is not None else (clock or SystemClock()).now()
    return handing_out.signed_content(
        data, policy=policy, trust=trust, at=moment, revocation=revocation, name=called
    )


def verify_packet(  # noqa: PLR0913 - one more side than a file has
    packet: bytes | Path | Document,
    files: Sequence[Path] | Mapping[str, bytes | Path] = (),
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    revocation: RevocationArchive | OnlineRevocation | None = None,
    at: datetime | None = None,
    history: AgencyHistory | None = None,
    name: str | None = None,
    clock: Clock | None = None,
    evidence: KeepsEvidence | None = None,
) -> PacketReport:
    """Verify a document with its files against its record (kiểm tra gói tin văn bản).

    `packet` is an edXML file, which brings its files, or a record (`Document`, or its JSON as `ebrvt edxml
    extract` writes it) with `files` beside it. Besides the signatures of every file it is judged who signed
    first, for which agency, when, and whether the record's files are all there, unchanged, and none
    besides: NĐ 30/2020/NĐ-CP Điều 32, 33, Phụ lục I. Who signs for an agency the register of signers in
    `trust` says; `history` says which code followed which. The rest is as in `verify`.

    Never raises for what an edXML file or a signed file holds. Raises `InvalidValue` for a JSON record that
    is none, or `FILE_CHANGED_MEANWHILE` for a file that is being written; `OSError` for a path that does not
    read; `ValueError` for a naive `at` or for files given beside an edXML file.
    """
    from ebrvt_connect.transport.verify_packet import PacketVerifier

    _expect_grounds(policy, trust)
    timer = clock or SystemClock()
    judge = PacketVerifier(
        policy=policy,
        trust=trust,
        at=at if at is not None else timer.now(),
        clock=timer,
        revocation=revocation,
        history=history,
        evidence=evidence,
    )
    called = name if name is not None else (packet.name if isinstance(packet, Path) else "")
    return judge.verdict(packet, files, called)


def verify_many(
    sources: Iterable[Source],
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    revocation: RevocationArchive | None = None,
    at: datetime | None = None,
    workers: int | None = None,
    limits: VerifyLimits | None = None,
    clock: Clock | None = None,
) -> Iterator[VerificationReport]:
    """Verify many files (kiểm tra hàng loạt), offline, each in a worker process under limits.

    One report for each source, in their order; a source is bytes, a path, an open file, or a `ToVerify`
    with a name and content beside it. Sources are asked for as workers get free, so an endless generator
    will do, and a caller who is slow is not overrun. All files are judged as of the same time.

    A file that takes more than `limits` allow, or that its worker dies of, is `FORMAT_FAILURE` with a
    finding that says so, and costs the others nothing. A path that does not read is INDETERMINATE with
    `FILE_UNREADABLE`. `workers` is one for each processor unless given; with 0 files are judged in this
    process, without limits. Closing the iterator ends the workers.

    Raises `ValueError` for a naive `at` or a negative number of workers, and, while iterating, what the
    sources raise, `TypeError` for one that is no source and `RuntimeError` when workers cannot be started.
    Workers take about a second to start: give many files to one call. Linux only.
    """
    from ebrvt_connect.transport import verify_batch
    from ebrvt_connect.transport.verify_wire import BatchGrounds

    _expect_grounds(policy, trust)
    moment = at if at is not None else (clock or SystemClock()).now()
    if moment.tzinfo is None:
        raise ValueError(f"the time of a verification must be aware, got {moment!r}")
    wanted = verify_batch.available_processors() if workers is None else workers
    if isinstance(sources, Sized):
        wanted = min(wanted, len(sources))
    grounds = BatchGrounds(
        policy=policy, trust=trust, revocation=revocation, at=moment, limits=limits or VerifyLimits()
    )
    if wanted < 0:
        raise ValueError(f"workers must not be negative, got {workers}")
    if workers == 0:
        return verify_batch.verify_here(sources, grounds)
    return verify_batch.verify_batch(sources, grounds, workers=wanted)


def sign_pdf(  # noqa: PLR0913 - a signature has as many sides
    pdf: bytes,
    signer: Signer,
    *,
    role: SignatureRole | str,
    signed_at: datetime,
    timestamper: TimeStamper | None = None,
    on_unstamped: Callable[[RetryLater], None] | None = None,
    field_name: str | None = None,
    reason: str | None = None,
    appearance: Appearance | None = None,
) -> bytes:
    """Add one signature to a PDF (ký số): the leader's (`person`) first, then the agency's (`agency`).

    `signer` holds the key in memory (`KeySigner`), in a token (`Pkcs11Signer`) or at a service
    (`RemoteSigner`). As `transport.signing_pdf.sign_pdf`, where the rest and the errors are described.
    Raises also `InvalidValue` for a certificate that is not valid at `signed_at` or not for signing
    (`transport.signing_certificate`).
    """
    from ebrvt_connect.transport import signing_certificate, signing_pdf

    signing_certificate.check_certificate(signer, signed_at)
    return signing_pdf.sign_pdf(
        pdf,
        signer,
        role=role,
        signed_at=signed_at,
        timestamper=timestamper,
        on_unstamped=on_unstamped,
        field_name=field_name,
        reason=reason,
        appearance=appearance,
    )


def sign_xml(
    document: bytes,
    signer: Signer,
    *,
    signed_at: datetime,
    part_id: str = "",
    timestamper: TimeStamper | None = None,
    on_unstamped: Callable[[RetryLater], None] | None = None,
) -> bytes:
    """Add one signature to an XML file (ký tệp XML): XAdES B-B, with a `timestamper` B-T.

    As `transport.signing_xml.sign_xml`, where the rest and the errors are described; refuses certificates
    as `sign_pdf`.
    """
    from ebrvt_connect.transport import signing_certificate, signing_xml

    signing_certificate.check_certificate(signer, signed_at)
    return signing_xml.sign_xml(
        document,
        signer,
        signed_at=signed_at,
        part_id=part_id,
        timestamper=timestamper,
        on_unstamped=on_unstamped,
    )


def sign_cms(
    content: bytes,
    signers: Sequence[Signer],
    *,
    signed_at: datetime,
    detached: bool = False,
    timestamper: TimeStamper | None = None,
    on_unstamped: Callable[[RetryLater], None] | None = None,
) -> bytes:
    """Sign any file as CMS (.p7m, `detached` .p7s): CAdES B-B, with a `timestamper` B-T.

    As `transport.signing_cms.sign_cms`, where the rest and the errors are described; refuses certificates
    as `sign_pdf`.
    """
    from ebrvt_connect.transport import signing_certificate, signing_cms

    for signer in signers:
        signing_certificate.check_certificate(signer, signed_at)
    return signing_cms.sign_cms(
        content,
        signers,
        signed_at=signed_at,
        detached=detached,
        timestamper=timestamper,
        on_unstamped=on_unstamped,
    )


def load_trust_folder(folder: Path) -> TrustStore:
    """The trust store of a folder (kho tin cậy); its errors are described in `transport.trust_folder`.

    Load it once and keep it; after a change in the folder load it again.
    """
    from ebrvt_connect.transport import trust_folder

    return trust_folder.load_trust_folder(Path(folder))


def _expect_grounds(policy: object, trust: object) -> None:
    """Raises `TypeError` where a policy's name or a folder stands for the thing itself."""
    from ebrvt_connect.trust.anchors import TrustStore

    if not isinstance(policy, VerificationPolicy):
        raise TypeError(f"policy: expected a VerificationPolicy such as VN_2025, got {type(policy).__name__}")
    if not isinstance(trust, TrustStore):
        raise TypeError(f"trust: expected what load_trust_folder gives, got {type(trust).__name__}")


def _name_and_content(
    source: bytes | Path | BinaryIO, name: str | None, policy: VerificationPolicy
) -> tuple[str, bytes]:
    """What the report calls the file, and as much of it as the policy looks at."""
    called = name if name is not None else (source.name if isinstance(source, Path) else "")
    return called, source if isinstance(source, bytes) else read_bounded(source, policy.largest_bytes)
