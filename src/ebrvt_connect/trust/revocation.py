"""Revocation (thu hồi chứng thư số), judged from lists at hand: nothing is fetched here.

TT 15/2025 Phụ lục II mục 1.2 asks for the list that was newest at signing time; a list made after the
signing says as much. Either answers for the signing time. What neither covers is unknown, and unknown
is told loudly, never taken for good. An entry counts in whichever list it stands; that there is none
counts only in a complete list, made while the certificate lived, and current.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from asn1crypto import core
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_EXPIRED_CERTS_ON_CRL = x509.ObjectIdentifier("2.5.29.60")
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
        proven: bool = True,
    ) -> RevocationState:
        """What was so at `used_at`, by lists that existed at `known_at` and that `issuer` itself signed.

        With `proven` false nobody but the signer vouches for `used_at`: then a list must also be current
        at `known_at`, or a date made up would make any old list sufficient.
        """
        lists = sorted(
            (c for c in self.crls if _made_by(c, issuer) and c.last_update_utc <= known_at),
            key=lambda c: c.last_update_utc,
        )
        if not lists:
            return RevocationState("unknown", reason="không có danh sách thu hồi của cơ quan cấp")
        told = _told(certificate, lists, used_at)
        if told is not None and told.revoked_at is not None and told.revoked_at <= used_at:
            return told
        usable = [c for c in lists if _is_complete(c) and _speaks_of(c, certificate)]
        if not usable:
            return RevocationState(
                "unknown", reason="danh sách thu hồi có điều kiện riêng hoặc lập sau khi chứng thư hết hạn"
            )
        later = None if told is None else told.revoked_at
        state = _covered(usable, used_at, later)
        if state.status == "good" and not proven:
            now = _covered(usable, known_at, later)
            return state if now.status == "good" else now
        return state


def _told(
    certificate: x509.Certificate, lists: list[x509.CertificateRevocationList], used_at: datetime
) -> RevocationState | None:
    """What the entries say, of every list, partial ones too: only absence needs a complete list.

    `lists` are in order of issue. A revocation is for ever, so any list that tells of one counts. A
    suspension can be lifted: whether one held at `used_at` is told by the newest list before it and
    those after, whether one holds now by the newest of all.
    """
    complete = [c.last_update_utc for c in lists if _is_complete(c)]
    newest = complete[-1] if complete else lists[-1].last_update_utc
    speaking = max((made for made in complete if made <= used_at), default=None)
    later: RevocationState | None = None
    for crl in lists:
        entry = _entry(crl, certificate)
        if entry is None or _reason(entry) is x509.ReasonFlags.remove_from_crl:
            continue
        at, suspended = entry.revocation_date_utc, _reason(entry) is x509.ReasonFlags.certificate_hold
        if suspended:
            since = speaking if at <= used_at else newest
            if since is not None and crl.last_update_utc < since:
                continue
            if _lifted(certificate, lists, crl, used_at if at <= used_at else None):
                continue
        told = RevocationState(
            "suspended" if suspended else "revoked", "crl", crl.last_update_utc, crl.next_update_utc, at
        )
        if at <= used_at:
            return told
        if later is None or later.revoked_at is None or at < later.revoked_at:
            later = told
    return later


def _lifted(
    certificate: x509.Certificate,
    lists: list[x509.CertificateRevocationList],
    held_by: x509.CertificateRevocationList,
    until: datetime | None,
) -> bool:
    """Whether a partial list made after `held_by` (and by `until`) takes the certificate off again."""
    for crl in lists:
        made = crl.last_update_utc
        if made <= held_by.last_update_utc or (until is not None and made > until):
            continue
        entry = _entry(crl, certificate)
        if entry is not None and _reason(entry) is x509.ReasonFlags.remove_from_crl:
            return True
    return False


def _covered(
    lists: list[x509.CertificateRevocationList], used_at: datetime, revoked_later: datetime | None
) -> RevocationState:
    """Good, if a list speaks for `used_at`: one made later, or the newest before it while it was current."""
    after = [c for c in lists if c.last_update_utc > used_at]
    if not after:
        newest = lists[-1]
        if newest.next_update_utc is None or newest.next_update_utc < used_at:
            return RevocationState(
                "unknown",
                "crl",
                newest.last_update_utc,
                newest.next_update_utc,
                reason="danh sách thu hồi đã quá hạn",
            )
        source = newest
    else:
        source = after[0]
    return RevocationState(
        "good", "crl", source.last_update_utc, source.next_update_utc, revoked_at=revoked_later
    )


def _speaks_of(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether absence says something: a list made after the certificate expired may have dropped it.

    Unless it keeps expired ones (expiredCertsOnCRL, X.509 clause 9.5.2.8) from before that day on.
    """
    expires = certificate.not_valid_after_utc
    if crl.last_update_utc <= expires:
        return True
    try:
        kept = crl.extensions.get_extension_for_oid(_EXPIRED_CERTS_ON_CRL).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    if not isinstance(kept, x509.UnrecognizedExtension):
        return False
    try:
        since = core.GeneralizedTime.load(kept.value).native
    except (ValueError, TypeError):
        return False
    return bool(since <= expires)


def _entry(
    crl: x509.CertificateRevocationList, certificate: x509.Certificate
) -> x509.RevokedCertificate | None:
    """The entry about a certificate; in an indirect list, only one said to be of its issuer."""
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None or not _is_indirect(crl):
        return entry
    issuer = crl.issuer.public_bytes()
    for each in crl:
        try:
            named = each.extensions.get_extension_for_class(x509.CertificateIssuer).value
            issuer = next(iter(named.get_values_for_type(x509.DirectoryName))).public_bytes()
        except (x509.ExtensionNotFound, ValueError, StopIteration):
            pass
        if each.serial_number == certificate.serial_number and issuer == certificate.issuer.public_bytes():
            return each
    return None


def _is_indirect(crl: x509.CertificateRevocationList) -> bool:
    try:
        point = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return point.indirect_crl


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


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, ValueError):
        return None
