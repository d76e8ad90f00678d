"""Revocation (thu hồi chứng thư số), judged from lists at hand: nothing is fetched here.

TT 15/2025 Phụ lục II mục 1.2 asks for the list that was newest at signing time; a list made after the
signing says as much. Either answers for the signing time. What neither covers is unknown, and unknown
is told loudly, never taken for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_PEM = b"-----BEGIN"
_UNDERSTOOD_CRITICAL = frozenset({ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER})


@dataclass(frozen=True, slots=True)
class RevocationState:
    """What the lists say of one certificate at one time."""

    status: Literal["good", "revoked", "suspended", "unknown"]
    source: str = ""
    this_update: datetime | None = None
    next_update: datetime | None = None
    revoked_at: datetime | None = None
    """For `good` too: it was revoked, but after the time in question."""
    reason: str = ""
    """Why it is unknown, in Vietnamese."""


@dataclass(frozen=True, slots=True)
class RevocationArchive:
    """Certificate revocation lists (CRL) by issuer name, older ones too: a verdict can be repeated later.

    May be shared by threads.
    """

    crls: tuple[x509.CertificateRevocationList, ...] = ()

    @classmethod
    def of(cls, contents: Iterable[bytes]) -> RevocationArchive:
        """Read lists (PEM or DER); raises `ValueError` for one that does not read."""
        return cls(
            tuple(
                x509.load_pem_x509_crl(raw) if raw.lstrip().startswith(_PEM) else x509.load_der_x509_crl(raw)
                for raw in contents
            )
        )

    def __add__(self, other: RevocationArchive) -> RevocationArchive:
        """Both together."""
        return RevocationArchive(self.crls + other.crls)

    def state_of(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        *,
        used_at: datetime,
        known_at: datetime,
    ) -> RevocationState:
        """What was so at `used_at`, by lists that existed at `known_at` and that `issuer` itself signed."""
        lists = sorted(
            (c for c in self.crls if _made_by(c, issuer) and c.last_update_utc <= known_at),
            key=lambda c: c.last_update_utc,
        )
        if not lists:
            return RevocationState("unknown", reason="không có danh sách thu hồi của cơ quan cấp")
        usable = [c for c in lists if _is_complete(c)]
        if not usable:
            return RevocationState(
                "unknown", reason="danh sách thu hồi có điều kiện riêng, không áp dụng được"
            )
        return _judged(certificate, usable, used_at)


def _judged(
    certificate: x509.Certificate, lists: list[x509.CertificateRevocationList], used_at: datetime
) -> RevocationState:
    """`lists` in order of issue.

    A revocation is for ever, so any list that tells of one counts. A suspension can be lifted: whether
    one held at `used_at` is told by the newest list before it and those after, whether one holds now by
    the newest of all.
    """
    before = [c for c in lists if c.last_update_utc <= used_at]
    after = [c for c in lists if c.last_update_utc > used_at]
    speaking = before[-1:] + after
    revoked_later: datetime | None = None
    for crl in lists:
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is None:
            continue
        suspended = _is_hold(entry)
        at = entry.revocation_date_utc
        if suspended and (crl not in speaking if at <= used_at else crl is not lists[-1]):
            continue
        if at <= used_at:
            return RevocationState(
                "suspended" if suspended else "revoked", "crl", crl.last_update_utc, crl.next_update_utc, at
            )
        revoked_later = min(at, revoked_later or at)
    return _covered(before, after, used_at, revoked_later)


def _covered(
    before: list[x509.CertificateRevocationList],
    after: list[x509.CertificateRevocationList],
    used_at: datetime,
    revoked_later: datetime | None,
) -> RevocationState:
    """Good, if a list speaks for `used_at`: one made later, or the newest before it while it was current."""
    if not after:
        newest = before[-1]
        if newest.next_update_utc is None or newest.next_update_utc < used_at:
            return RevocationState(
                "unknown",
                "crl",
                newest.last_update_utc,
                newest.next_update_utc,
                reason="danh sách thu hồi đã quá hạn so với thời điểm ký",
            )
        source = newest
    else:
        source = after[0]
    return RevocationState(
        "good", "crl", source.last_update_utc, source.next_update_utc, revoked_at=revoked_later
    )


def _made_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    if crl.issuer.public_bytes() != issuer.subject.public_bytes():
        return False
    try:
        may_sign = issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        may_sign = True
    except ValueError:
        return False
    try:
        return may_sign and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False


def _is_complete(crl: x509.CertificateRevocationList) -> bool:
    """Whether absence from this list means something: no delta, no scope, nothing unknown critical."""
    try:
        extensions = list(crl.extensions)
    except ValueError:
        return False
    scoped = {ExtensionOID.DELTA_CRL_INDICATOR, ExtensionOID.ISSUING_DISTRIBUTION_POINT}
    return not any(e.oid in scoped or (e.critical and e.oid not in _UNDERSTOOD_CRITICAL) for e in extensions)


def _is_hold(entry: x509.RevokedCertificate) -> bool:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, ValueError):
        return False
    return reason is x509.ReasonFlags.certificate_hold
