"""Revocation (thu hồi chứng thư số), judged from lists and answers at hand: nothing is fetched here.

TT 15/2025 Phụ lục II mục 1.2 asks for the list that was newest at signing time; a list made after the
signing says as much, and so does an OCSP answer about the one certificate. Either answers for the signing
time. What neither covers is unknown, and unknown is told loudly, never taken for good. An entry counts in
whichever list it stands; that there is none counts only in a complete list, made while the certificate
lived, and current. Where a list and an answer differ, the worse one counts. A digest that is weak by now
(SHA-1) is a reason to doubt absence, and never an entry: whoever could make one up would harm himself only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from asn1crypto import core
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtensionOID

from ebrvt_connect.trust.list_scope import is_about, scope_of
from ebrvt_connect.trust.ocsp import SIGNING_DIGESTS, Asked, OcspAnswer, statements_of
from ebrvt_connect.trust.remembered import HeldList, verify_sha1
from ebrvt_connect.trust.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

_EXPIRED_CERTS_ON_CRL = x509.ObjectIdentifier("2.5.29.60")
_PEM = b"-----BEGIN"
_UNDERSTOOD_CRITICAL = frozenset(
    {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_NUMBER,
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
    }
)
_CLOCKS_DIFFER = timedelta(seconds=60)
"""How far a responder's clock may run ahead of ours: an answer just fetched may seem made in the future."""
_NOTHING = "không có danh sách thu hồi của cơ quan cấp"
_UNUSABLE = (
    "danh sách thu hồi có điều kiện riêng, lập sau khi chứng thư hết hạn hoặc ký bằng hàm băm yếu (SHA-1)"
)


@dataclass(frozen=True, slots=True)
class RevocationState:
    """What lists and answers say of one certificate at one time."""

    status: Literal["good", "revoked", "suspended", "unknown"]
    source: str = ""
    """`crl` or `ocsp`; `pin` where the operator's pin stands in; empty when there was nothing."""
    this_update: datetime | None = None
    next_update: datetime | None = None
    revoked_at: datetime | None = None
    """For `good` too: it was revoked, but after the time in question."""
    reason: str = ""
    """Why it is unknown, in Vietnamese."""
    sha256: str = ""
    """Of the list or answer that says so (hex)."""
    fetched_at: datetime | None = None
    """When it was fetched over the network; None: it was at hand."""


@dataclass(frozen=True, slots=True)
class RevocationArchive:
    """Revocation lists (CRL) and OCSP answers, older ones too: a verdict can be repeated later.

    May be shared by threads.
    """

    crls: tuple[x509.CertificateRevocationList, ...] = ()
    ocsp: tuple[OcspAnswer, ...] = ()
    fetched: tuple[tuple[x509.CertificateRevocationList | OcspAnswer, datetime], ...] = ()
    """Which of them came over the network, and when."""
    held: tuple[HeldList, ...] = field(default=(), compare=False, repr=False)
    """The lists again, with what is remembered of them."""

    def __post_init__(self) -> None:
        """Nothing is remembered of lists that are new here."""
        if len(self.held) != len(self.crls) or any(
            h.crl is not c for h, c in zip(self.held, self.crls, strict=True)
        ):
            object.__setattr__(self, "held", tuple(HeldList(c) for c in self.crls))

    @classmethod
    def of(cls, contents: Iterable[bytes], ocsp: Iterable[bytes] = ()) -> RevocationArchive:
        """Read lists (PEM or DER) and OCSP responses (DER); raises `ValueError` for what does not read."""
        return cls(tuple(read_crl(raw) for raw in contents), tuple(OcspAnswer.read(raw) for raw in ocsp))

    def __add__(self, other: RevocationArchive) -> RevocationArchive:
        """Both together."""
        return RevocationArchive(
            self.crls + other.crls,
            self.ocsp + other.ocsp,
            self.fetched + other.fetched,
            self.held + other.held,
        )

    def __len__(self) -> int:
        """How many lists and answers there are."""
        return len(self.crls) + len(self.ocsp)

    def state_of(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        *,
        used_at: datetime,
        known_at: datetime,
        proven: bool = True,
        sha1_until: datetime | None = None,
    ) -> RevocationState:
        """What was so at `used_at`, by what existed at `known_at` and `issuer` or its responder signed.

        With `proven` false nobody but the signer vouches for `used_at`: then a list or answer must also be
        current at `known_at`, or a date made up would make any old list sufficient. What a list signed with
        SHA-1 leaves out counts as far as the list was made before `sha1_until`; what is on it always.
        """
        stated = self.statements(certificate, issuer, known_at=known_at, sha1_until=sha1_until)
        if not stated:
            return RevocationState("unknown", reason=_NOTHING)
        told = _told(stated, used_at)
        if told is not None and told.revoked_at is not None and told.revoked_at <= used_at:
            return self._dated(told, stated)
        usable = [s for s in stated if s.complete and s.covers]
        if not usable:
            return RevocationState("unknown", reason=_UNUSABLE)
        later = None if told is None else told.revoked_at
        state = _covered(usable, used_at, later)
        if state.status == "good" and not proven:
            now = _covered(usable, known_at, later)
            if now.status != "good":
                return now
        return self._dated(state, stated)

    def statements(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        *,
        known_at: datetime,
        sha1_until: datetime | None = None,
    ) -> list[Statement]:
        """What counts of a certificate, in order of making: by `issuer`'s signature, and made by then."""
        by_then = known_at + _CLOCKS_DIFFER
        lists = [h for h in self.held if h.crl.last_update_utc <= by_then and _holds_for(h, issuer)]
        stated = [_stated(held, certificate, sha1_until) for held in lists]
        asked = Asked(certificate, issuer, known_at, partial(_is_listed, lists=lists, sha1_until=sha1_until))
        for answer in self.ocsp:
            if answer.response.produced_at_utc <= by_then:
                stated += statements_of(answer, asked)
        return sorted(stated, key=lambda s: s.made)

    def _dated(self, state: RevocationState, stated: Iterable[Statement]) -> RevocationState:
        """With the time its ground was fetched, where it was."""
        if not self.fetched:
            return state
        origins = [s.origin for s in stated if _sha256_of(s.origin) == state.sha256]
        times = [at for held, at in self.fetched if any(held is origin for origin in origins)]
        return replace(state, fetched_at=times[0]) if times else state


def read_crl(raw: bytes) -> x509.CertificateRevocationList:
    """A revocation list, PEM or DER; raises `ValueError`."""
    return x509.load_pem_x509_crl(raw) if raw.lstrip().startswith(_PEM) else x509.load_der_x509_crl(raw)


# --- what is concluded -----------------------------------------------------------------------------


def _told(stated: Sequence[Statement], used_at: datetime) -> RevocationState | None:
    """What the entries say, of every list, partial ones too: only absence needs a complete list.

    `stated` is in order of making. A revocation is for ever, so any list that tells of one counts. A
    suspension can be lifted: whether one held at `used_at` is told by the newest list before it and
    those after, whether one holds now by the newest of all.
    """
    complete = [s.made for s in stated if s.complete]
    newest = complete[-1] if complete else stated[-1].made
    speaking = max((made for made in complete if made <= used_at), default=None)
    later: RevocationState | None = None
    for one in stated:
        at = one.revoked_at
        if at is None:
            continue
        if one.suspended:
            since = speaking if at <= used_at else newest
            if since is not None and one.made < since:
                continue
            if _lifted(stated, one, used_at if at <= used_at else None):
                continue
        told = _state("suspended" if one.suspended else "revoked", one, revoked_at=at)
        if at <= used_at:
            return told
        if later is None or later.revoked_at is None or at < later.revoked_at:
            later = told
    return later


def _lifted(stated: Iterable[Statement], held_by: Statement, until: datetime | None) -> bool:
    """Whether a partial list made after `held_by` (and by `until`) takes the certificate off again."""
    return any(s.lifts and s.made > held_by.made and (until is None or s.made <= until) for s in stated)


def _covered(
    usable: Sequence[Statement], used_at: datetime, revoked_later: datetime | None
) -> RevocationState:
    """Good, if something speaks for `used_at`: what was made later, or before it and was still current."""
    after = [s for s in usable if s.made > used_at]
    if after:
        return _state("good", after[0], revoked_at=revoked_later)
    current = [s for s in usable if s.until is not None and s.until >= used_at]
    if current:
        return _state("good", current[-1], revoked_at=revoked_later)
    return replace(_state("unknown", usable[-1]), reason="danh sách thu hồi đã quá hạn")


def _state(
    status: Literal["good", "revoked", "suspended", "unknown"],
    ground: Statement,
    *,
    revoked_at: datetime | None = None,
) -> RevocationState:
    return RevocationState(
        status,
        ground.source,
        ground.made,
        ground.next_update,
        revoked_at,
        sha256=_sha256_of(ground.origin) if ground.held is None else ground.held.sha256,
    )


def _sha256_of(origin: x509.CertificateRevocationList | OcspAnswer) -> str:
    if isinstance(origin, OcspAnswer):
        return hashlib.sha256(origin.der).hexdigest()
    return origin.fingerprint(hashes.SHA256()).hex()


# --- what a list states ----------------------------------------------------------------------------


def _stated(held: HeldList, certificate: x509.Certificate, sha1_until: datetime | None) -> Statement:
    crl, doubted = held.crl, _is_doubted(held, sha1_until)
    entry = _entry(crl, certificate) if held.may_name(certificate.serial_number) else None
    reason = None if entry is None else _reason(entry)
    lifts = reason is x509.ReasonFlags.remove_from_crl
    return Statement(
        source="crl",
        origin=crl,
        held=held,
        made=crl.last_update_utc,
        next_update=crl.next_update_utc,
        until=crl.next_update_utc,
        complete=held.once("complete", _is_complete) and not doubted and _is_about(held, certificate),
        covers=_speaks_of(crl, certificate),
        revoked_at=None if entry is None or lifts else entry.revocation_date_utc,
        suspended=reason is x509.ReasonFlags.certificate_hold,
        lifts=lifts and not doubted,
    )


def _is_listed(
    responder: x509.Certificate,
    at: datetime,
    *,
    lists: Sequence[HeldList],
    sha1_until: datetime | None,
) -> bool | None:
    """Whether an OCSP responder's own certificate stands on a list; None where no list speaks for `at`.

    On any list, for any time: a key that was given up may have been in other hands before.
    """
    stated = [_stated(held, responder, sha1_until) for held in lists]
    if any(s.revoked_at is not None for s in stated):
        return True
    usable = sorted((s for s in stated if s.complete and s.covers), key=lambda s: s.made)
    return False if usable and _covered(usable, at, None).status == "good" else None


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


def _is_doubted(held: HeldList, sha1_until: datetime | None) -> bool:
    """Whether the digest a list is signed with is too weak for what the list leaves out.

    SHA-1 counts for lists from before `sha1_until`. Of one that came along with what is judged only a
    timestamp over it says so: whoever makes up a list makes up its date.
    """
    if not held.once("sha1", is_signed_with_sha1):
        return not held.once("strong", _is_signed_strongly)
    made = held.there_at if held.brought else held.crl.last_update_utc
    return sha1_until is None or made is None or made >= sha1_until


def is_signed_with_sha1(crl: x509.CertificateRevocationList) -> bool:
    """Whether a list counts only where SHA-1 does (`VerificationPolicy.sha1_until`)."""
    try:
        return isinstance(crl.signature_hash_algorithm, hashes.SHA1)
    except UnsupportedAlgorithm:
        return False


def _is_signed_strongly(crl: x509.CertificateRevocationList) -> bool:
    try:
        digest = crl.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    return digest is not None and digest.name.replace("-", "_").lower() in SIGNING_DIGESTS


def _holds_for(held: HeldList, issuer: x509.Certificate) -> bool:
    """Whether `issuer` made it, asked once for each list and issuer."""
    return held.once(issuer, lambda crl: _is_made_by(crl, issuer))


def is_made_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether `issuer` itself signed a list, and may, with a digest that counts today."""
    return not is_signed_with_sha1(crl) and _is_made_by(crl, issuer)


def _is_made_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    # Names that differ as text differ as bytes; writing them out costs ten times as much.
    if crl.issuer != issuer.subject or crl.issuer.public_bytes() != issuer.subject.public_bytes():
        return False
    try:
        may_sign = issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        may_sign = True
    except ValueError:
        return False
    try:
        if is_signed_with_sha1(crl):
            verify_sha1(crl.signature, crl.tbs_certlist_bytes, issuer)
            return may_sign
        return may_sign and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False


def _is_complete(crl: x509.CertificateRevocationList) -> bool:
    """Whether absence from this list may mean something: no delta, nothing unknown critical."""
    try:
        extensions = list(crl.extensions)
    except ValueError:
        return False
    delta = ExtensionOID.DELTA_CRL_INDICATOR
    return not any(e.oid == delta or (e.critical and e.oid not in _UNDERSTOOD_CRITICAL) for e in extensions)


def _is_about(held: HeldList, certificate: x509.Certificate) -> bool:
    """Whether the certificate would stand on this list, were it revoked."""
    scope = held.once("scope", scope_of)
    return scope is None or is_about(scope, certificate)


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, ValueError):
        return None
