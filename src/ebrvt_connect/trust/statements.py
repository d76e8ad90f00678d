"""What one revocation list or one OCSP answer states of one certificate, whoever made the statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from ebrvt_connect.trust.ocsp import OcspAnswer
    from ebrvt_connect.trust.remembered import HeldList


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One list's or answer's word on a certificate; its signature and issuer have been checked."""

    source: Literal["crl", "ocsp"]
    origin: x509.CertificateRevocationList | OcspAnswer
    held: HeldList | None = None
    """The list again, with what is remembered of it."""
    made: datetime
    next_update: datetime | None
    until: datetime | None
    """How long it is current; None: at no time but its own."""
    complete: bool = True
    """Whether saying nothing means something: no delta, no scope of its own, a digest that still counts."""
    covers: bool = True
    """Whether it would still tell of a certificate as old as this one."""
    revoked_at: datetime | None = None
    """It tells of a revocation or suspension, from then on."""
    suspended: bool = False
    """What it tells of can be lifted again (certificateHold)."""
    lifts: bool = False
    """A partial list that takes the certificate off again (removeFromCRL)."""
