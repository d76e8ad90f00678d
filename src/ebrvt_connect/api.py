"""Verifying and signing for library users: the pure judge of `trust` joined to files and the clock.

    from pathlib import Path
    from ebrvt_connect.api import VN_2025, load_trust_folder, verify

    report = verify(Path("cong-van.pdf"), policy=VN_2025, trust=load_trust_folder(Path("trust")))
    print(report.to_text_vi())

Heavy libraries are loaded on the first call, not by importing this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.trust.policy import (
    ETSI_STRICT,
    POLICIES,
    VN_2025,
    VN_LEGACY_2018,
    VerificationPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from pyhanko.sign.timestamps import TimeStamper

    from ebrvt_connect.errors import RetryLater
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.signer import Signer
    from ebrvt_connect.transport.signing_appearance import Appearance
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.verdict import SignatureRole, VerificationReport

__all__ = [
    "ETSI_STRICT",
    "POLICIES",
    "VN_2025",
    "VN_LEGACY_2018",
    "VerificationPolicy",
    "load_trust_folder",
    "sign_pdf",
    "verify",
]


def verify(
    source: bytes | Path | BinaryIO,
    *,
    policy: VerificationPolicy,
    trust: TrustStore,
    revocation: RevocationArchive | None = None,
    at: datetime | None = None,
    detached: Mapping[str, bytes] | None = None,
    name: str | None = None,
    clock: Clock | None = None,
) -> VerificationReport:
    """Verify the digital signatures of a file (kiểm tra chữ ký số), offline.

    `policy` says what counts, `trust` whom to trust; there is no default for either. `revocation` adds
    lists to those of the trust store. `at` (aware) is the time of the check, else the clock's. `name`
    is what the report calls the file, else the path's name. `detached` is content that stands beside
    its signature (.p7s), by name; content that no signature in the file is about has not passed.

    Never raises for what the file holds: a hostile one is a report with `FORMAT_FAILURE`. Raises
    `OSError` for a path that does not read and `ValueError` for a naive `at`.
    """
    from ebrvt_connect.trust.verify import verify_bytes

    moment = at if at is not None else (clock or SystemClock()).now()
    called = name if name is not None else (source.name if isinstance(source, Path) else "")
    data = _content(source, policy.largest_bytes)
    return verify_bytes(
        data,
        policy=policy,
        trust=trust,
        at=moment,
        revocation=revocation,
        detached=detached,
        name=called,
    )


def _content(source: bytes | Path | BinaryIO, largest_bytes: int) -> bytes:
    """The bytes, once; of a file past the limit one byte more than is needed to say so."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return _content(stream, largest_bytes)
    return source.read(largest_bytes + 1)


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
