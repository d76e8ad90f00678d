"""OCSP answers (trả lời trạng thái chứng thư số, RFC 6960), judged from bytes: nothing is asked here.

An answer counts by itself or not at all: signed by the very authority that issued the certificate, or by
a responder that this authority certified for nothing else, about this serial number of this issuer. With a
digest that is weak by now only a revocation counts. Who handed it in, the file that is judged included, makes
no difference.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from asn1crypto import core
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, OCSPExtensionOID

from ebrvt_connect.trust.remembered import is_signed_by
from ebrvt_connect.trust.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

LARGEST_BYTES = 100 * 1024
_MOST_RESPONSES = 100
_MOST_CERTIFICATES = 10
_WITHOUT_NEXT_UPDATE = timedelta(minutes=5)
"""RFC 6960 4.2.2.1: without nextUpdate newer information is always there; so it is current but for asking."""
_ARCHIVE_CUTOFF = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.6")
_UNDERSTOOD = frozenset({OCSPExtensionOID.NONCE, _ARCHIVE_CUTOFF})
SIGNING_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha512_224": hashes.SHA512_224(),
    "sha512_256": hashes.SHA512_256(),
    "sha3_224": hashes.SHA3_224(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}
"""Digests that count in answers and lists (TT 15/2025 Phụ lục I)."""
_WEAK_DIGESTS: dict[str, hashes.HashAlgorithm] = {"sha1": hashes.SHA1()}  # noqa: S303 - for entries only
"""A nonce lets whoever asks choose part of what is signed: `revoked` counts so, `good` never does."""
_SHORTEST_RSA, _SHORTEST_EC = 2048, 256


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """One answer, read but not yet believed."""

    der: bytes = field(repr=False)
    response: ocsp.OCSPResponse = field(repr=False, compare=False)
    brought: bool = False
    """Whether it came along with what is judged; else we, or the operator, have kept it."""
    there_at: datetime | None = None
    """When it is proven to have been there, by a timestamp over it; else known at the time of the check only.

    A responder's key is guarded for as long as its certificate lives. Who finds it later can make answers
    of any date, so what strangers bring counts only while the responder's certificate still lives.
    """

    @classmethod
    def read(cls, der: bytes, *, brought: bool = False) -> OcspAnswer:
        """Read an OCSP response (DER); raises `ValueError` for one that does not read or is no answer."""
        if len(der) > LARGEST_BYTES:
            raise ValueError(f"an OCSP answer has at most {LARGEST_BYTES} bytes, got {len(der)}")
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise OcspRefused(response.response_status.name)
        return cls(der, response, brought)

    @classmethod
    def read_brought(cls, der: bytes, *, there_at: datetime | None = None) -> OcspAnswer:
        """Read what a signature carries: a whole response, or the BasicOCSPResponse within (RFC 5126 6.3.4).

        Raises `ValueError`.
        """
        try:
            return replace(cls.read(der, brought=True), there_at=there_at)
        except OcspRefused:
            raise
        except ValueError:
            content = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(der)}
            whole = {"response_status": "successful", "response_bytes": content}
            read = cls.read(asn1_ocsp.OCSPResponse(whole).dump(), brought=True)
            return replace(read, there_at=there_at)

    @property
    def nonce(self) -> bytes | None:
        """The nonce it repeats; None when there is none. Raises `ValueError` for broken extensions."""
        try:
            return self.response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        except x509.ExtensionNotFound:
            return None


class OcspRefused(ValueError):
    """The responder gave no answer; `status` is its word: `TRY_LATER`, `UNAUTHORIZED`, ..."""

    def __init__(self, status: str) -> None:
        """Keep the word."""
        super().__init__(f"the responder gave no answer: {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer must be about, and what is known besides."""

    certificate: x509.Certificate
    issuer: x509.Certificate
    known_at: datetime
    is_revoked: Callable[[x509.Certificate, datetime], bool | None]
    """What revocation lists of the issuer say of a responder's own certificate at a time; None: nothing."""


def statements_of(answer: OcspAnswer, asked: Asked) -> Iterator[Statement]:
    """What an answer states of a certificate; nothing where it does not count.

    Never raises for what the answer holds.
    """
    certificate, issuer = asked.certificate, asked.issuer
    try:
        singles = list(_about(answer, certificate, issuer))
        signer = _signer_of(answer, asked) if singles else None
        if signer is None:
            return
        covers_expired = _tells_of_expired(answer, certificate)
        doubted = _algorithm_of(answer).hash_algo in _WEAK_DIGESTS or (
            signer is not issuer and _digest_of(signer) in _WEAK_DIGESTS
        )
        for single in singles:
            for told in _stated(answer, single, certificate, covers_expired=covers_expired):
                yield replace(told, complete=not doubted)
    except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm, OverflowError):
        return  # encodings that either library cannot read


def _about(
    answer: OcspAnswer, certificate: x509.Certificate, issuer: x509.Certificate
) -> Iterator[ocsp.OCSPSingleResponse]:
    """The parts about this serial number of this issuer, name and key."""
    name, key = issuer.subject.public_bytes(), _key_bits(issuer)
    for place, single in enumerate(answer.response.responses):
        if place >= _MOST_RESPONSES:
            raise ValueError("more parts than are looked at")
        if single.serial_number != certificate.serial_number:
            continue
        algorithm = single.hash_algorithm.name
        # Only a name for the issuer, so SHA-1 does: whoever made a collision would need the issuer's key.
        if algorithm not in {"sha1", "sha256", "sha384", "sha512"}:
            continue
        named = (single.issuer_name_hash, single.issuer_key_hash)
        if named == (hashlib.new(algorithm, name).digest(), hashlib.new(algorithm, key).digest()):
            yield single


def _stated(
    answer: OcspAnswer,
    single: ocsp.OCSPSingleResponse,
    certificate: x509.Certificate,
    *,
    covers_expired: bool,
) -> Iterator[Statement]:
    made, following = single.this_update_utc, single.next_update_utc
    produced = answer.response.produced_at_utc
    if produced < made or (following is not None and following < made):
        return
    revoked = single.certificate_status is ocsp.OCSPCertStatus.REVOKED
    if not revoked and single.certificate_status is not ocsp.OCSPCertStatus.GOOD:
        return
    yield Statement(
        source="ocsp",
        origin=answer,
        made=made,
        next_update=following,
        until=made + _WITHOUT_NEXT_UPDATE if following is None else following,
        covers=made <= certificate.not_valid_after_utc or covers_expired,
        revoked_at=single.revocation_time_utc if revoked else None,
        suspended=revoked and single.revocation_reason is x509.ReasonFlags.certificate_hold,
    )


def _tells_of_expired(answer: OcspAnswer, certificate: x509.Certificate) -> bool:
    """Whether the responder still tells of certificates that expired when this one did (archive cutoff).

    Raises `ValueError` for extensions that are critical and unknown: then the answer means something else.
    """
    kept = False
    basic = asn1_ocsp.OCSPResponse.load(answer.der).basic_ocsp_response["tbs_response_data"]
    critical = [
        e["extn_id"].dotted
        for group in (basic["response_extensions"], *(r["single_extensions"] for r in basic["responses"]))
        if not isinstance(group, core.Void)
        for e in group
        if e["critical"].native
    ]
    if any(x509.ObjectIdentifier(oid) not in _UNDERSTOOD for oid in critical):
        raise ValueError("an unknown critical extension")
    for single in basic["responses"]:
        if isinstance(single["single_extensions"], core.Void):
            continue
        for extension in single["single_extensions"]:
            if extension["extn_id"].dotted == _ARCHIVE_CUTOFF.dotted_string:
                since = core.GeneralizedTime.load(bytes(extension["extn_value"])).native
                if single["cert_id"]["serial_number"].native == certificate.serial_number:
                    kept = since <= certificate.not_valid_after_utc
    return kept


# --- who signed it ---------------------------------------------------------------------------------


def _signer_of(answer: OcspAnswer, asked: Asked) -> x509.Certificate | None:
    """Who signed: the issuer itself, or a responder it certified for that; None for anybody else."""
    issuer = asked.issuer
    if _is_named(answer, issuer) and _is_signed_by(answer, issuer):
        return issuer
    for place, responder in enumerate(answer.response.certificates):
        if place >= _MOST_CERTIFICATES:
            return None
        if _is_named(answer, responder) and _may_answer(answer, responder, asked):
            return responder if _is_signed_by(answer, responder) else None
    return None


def _may_answer(answer: OcspAnswer, responder: x509.Certificate, asked: Asked) -> bool:
    """RFC 6960 4.2.2.2: issued directly by the issuer, for OCSP, valid then and not revoked."""
    produced = answer.response.produced_at_utc
    if not responder.not_valid_before_utc <= produced <= responder.not_valid_after_utc:
        return False
    if answer.brought and (answer.there_at or asked.known_at) > responder.not_valid_after_utc:
        return False
    if not _is_issued_by(responder, asked.issuer) or not _is_for_ocsp(responder):
        return False
    revoked = asked.is_revoked(responder, produced)
    return revoked is False or (revoked is None and _needs_no_check(responder))


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    return _digest_of(certificate) in SIGNING_DIGESTS | _WEAK_DIGESTS and is_signed_by(certificate, issuer)


def _digest_of(certificate: x509.Certificate) -> str:
    digest = certificate.signature_hash_algorithm
    return "" if digest is None else digest.name.replace("-", "_").lower()


def _is_for_ocsp(certificate: x509.Certificate) -> bool:
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def _needs_no_check(certificate: x509.Certificate) -> bool:
    """Whether its issuer says that nobody need ask after it (id-pkix-ocsp-nocheck)."""
    try:
        certificate.extensions.get_extension_for_class(x509.OCSPNoCheck)
    except x509.ExtensionNotFound:
        return False
    return True


def _is_named(answer: OcspAnswer, certificate: x509.Certificate) -> bool:
    response = answer.response
    if response.responder_name is not None:
        return response.responder_name.public_bytes() == certificate.subject.public_bytes()
    return response.responder_key_hash == hashlib.sha1(_key_bits(certificate), usedforsecurity=False).digest()


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The public key as RFC 6960 4.1.1 hashes it: the bit string's value, without algorithm and length."""
    info = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)).public_key
    return bytes(info["public_key"])


def _algorithm_of(answer: OcspAnswer) -> core.Asn1Value:
    return asn1_ocsp.OCSPResponse.load(answer.der).basic_ocsp_response["signature_algorithm"]


def _is_signed_by(answer: OcspAnswer, certificate: x509.Certificate) -> bool:
    try:
        return _verified(
            certificate.public_key(),
            _algorithm_of(answer),
            answer.response.signature,
            answer.response.tbs_response_bytes,
        )
    except InvalidSignature:
        return False


def _verified(
    key: CertificatePublicKeyTypes, algorithm: core.Asn1Value, signature: bytes, signed: bytes
) -> bool:
    """Raises `InvalidSignature`; False for algorithms and key lengths that do not count."""
    scheme = algorithm.signature_algo
    digest = (SIGNING_DIGESTS | _WEAK_DIGESTS).get(algorithm.hash_algo)
    if digest is None:
        return False
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SHORTEST_RSA:
        if scheme == "rsassa_pkcs1v15":
            key.verify(signature, signed, padding.PKCS1v15(), digest)
            return True
        if scheme == "rsassa_pss":
            masked = algorithm["parameters"]["mask_gen_algorithm"]
            same = masked["parameters"]["algorithm"].native == algorithm.hash_algo
            if masked["algorithm"].native != "mgf1" or not same:
                return False
            salt = algorithm["parameters"]["salt_length"].native
            key.verify(signature, signed, padding.PSS(padding.MGF1(digest), salt), digest)
            return True
    elif isinstance(key, ec.EllipticCurvePublicKey) and scheme == "ecdsa":
        if key.curve.key_size < _SHORTEST_EC:
            return False
        key.verify(signature, signed, ec.ECDSA(digest))
        return True
    return False
