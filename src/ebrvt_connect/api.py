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

from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.verify_items import Source, ToVerify, VerifyLimits
from ebrvt_connect.trust.policy import (
    ETSI_STRICT,
    POLICIES,
    VN_2025,
    VN_LEGACY_2018,
    VerificationPolicy,
)

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
    from ebrvt_connect.trust.verdict import SignatureRole, VerificationReport

__all__ = [
    "ETSI_STRICT",
    "POLICIES",
    "VN_2025",
    "VN_LEGACY_2018",
    "ToVerify",
    "VerificationPolicy",
    "VerifyLimits",
    "load_trust_folder",
    "sign_pdf",
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
) -> VerificationReport:
    """Verify the digital signatures of a file (kiểm tra chữ ký số), offline unless `revocation` is online.

    `policy` says what counts, `trust` whom to trust; there is no default for either. `revocation` adds
    lists and answers to those of the trust store, or fetches what is lacking (`OnlineRevocation`). In
    `evidence` (`EvidenceFolder`) what the verdict rests on is kept before it is told. `at` (aware) is the
    time of the check, else the clock's. `name` is what the report calls the file, else the path's name.
    `detached` is content that stands beside its signature (.p7s), by name; content that no signature in
    the file is about has not passed.

    Never raises for what the file holds: a hostile one is a report with `FORMAT_FAILURE`. Raises
    `OSError` for a path that does not read and `ValueError` for a naive `at`.
    """
    from ebrvt_connect.transport.verify_one import OneFile, verified

    called = name if name is not None else (source.name if isinstance(source, Path) else "")
    data = _content(source, policy.largest_bytes)
    file = OneFile(data=data, policy=policy, trust=trust, detached=dict(detached or {}), name=called)
    return verified(file, revocation=revocation, at=at, clock=clock or SystemClock(), evidence=evidence)


def _content(source: bytes | Path | BinaryIO, largest_bytes: int) -> bytes:
    """The bytes, once; of a file past the limit one byte more than is needed to say so."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return _content(stream, largest_bytes)
    return source.read(largest_bytes + 1)


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
    is none, `OSError` for a path that does not read, `ValueError` for a naive `at` or for files given
    beside an edXML file.
    """
    from ebrvt_connect.transport.verify_packet import PacketJudge

    timer = clock or SystemClock()
    judge = PacketJudge(
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
    sources raise and `RuntimeError` when workers cannot be started. Linux only.
    """
    from ebrvt_connect.transport import verify_batch
    from ebrvt_connect.transport.verify_wire import BatchGrounds

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
    """
    from ebrvt_connect.transport import signing_pdf

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


def load_trust_folder(folder: Path) -> TrustStore:
    """The trust store of a folder (kho tin cậy); its errors are described in `transport.trust_folder`."""
    from ebrvt_connect.transport import trust_folder

    return trust_folder.load_trust_folder(folder)
