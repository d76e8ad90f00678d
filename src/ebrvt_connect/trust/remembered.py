"""Facts that cannot change, found out once for all files (ghi nhớ): signatures of certificates, lists read.

That one certificate was signed with the key of another depends on the bytes of both and on nothing else, so
the bytes of both are what the answer is kept by; yes and no alike. Nothing is kept by a name or a key alone:
another certificate of the same name, or of the same key, is another question. What is kept is public, small
and bounded, and may be shared by threads. What a list says is kept with the list and goes with it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

_LARGEST_KEPT = 8 * 1024
"""Bytes of a certificate: others do not come in numbers, and a memory of them could be made to fill."""
_MOST_ANSWERS = 64
_LOOKS_BEFORE_A_TABLE = 16
_Answer = TypeVar("_Answer")


def read_certificate(der: bytes) -> x509.Certificate:
    """The certificate in these bytes (DER); raises `ValueError`. The same bytes give the same object."""
    return _read(der) if len(der) <= _LARGEST_KEPT else x509.load_der_x509_certificate(der)


@lru_cache(maxsize=1024)
def _read(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def bears_name_of(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether it says to be issued by a certificate of this very name, to the byte. Proves nothing."""
    # Names that differ as text differ as bytes; writing them out to see costs ten times as much.
    if certificate.issuer != issuer.subject:
        return False
    return certificate.issuer.public_bytes() == issuer.subject.public_bytes()


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether a certificate was signed with the key of another."""
    if _is_small(certificate) and _is_small(issuer):
        return _is_signed_by(certificate, issuer)
    return _is_signed_by.__wrapped__(certificate, issuer)


@lru_cache(maxsize=1024)
def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        if isinstance(certificate.signature_hash_algorithm, hashes.SHA1):
            _verify_sha1(certificate, issuer)
        else:
            certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _verify_sha1(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    if certificate.issuer != issuer.subject:
        raise ValueError("another issuer is named")
    verify_sha1(certificate.signature, certificate.tbs_certificate_bytes, issuer)


def verify_sha1(value: bytes, signed: bytes, issuer: x509.Certificate) -> None:
    """As certificates and lists of the years before 2017 are signed; cryptography no longer tries these.

    Who signed is one question, whether SHA-1 still counts another: the policy's. Raises as cryptography does.
    """
    match issuer.public_key():
        case rsa.RSAPublicKey() as key:
            key.verify(value, signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - see above
        case ec.EllipticCurvePublicKey() as curve:
            curve.verify(value, signed, ec.ECDSA(hashes.SHA1()))  # noqa: S303 - see above
        case _:
            raise UnsupportedAlgorithm("a key that SHA-1 was not used with")


def _is_small(certificate: x509.Certificate) -> bool:
    return len(certificate.public_bytes(Encoding.DER)) <= _LARGEST_KEPT


class HeldList:
    """A revocation list (CRL) and what has been found out about it; goes with the archive that holds it."""

    __slots__ = ("_answers", "_looks", "_serials", "_sha256", "brought", "crl", "there_at")

    def __init__(
        self,
        crl: x509.CertificateRevocationList,
        *,
        brought: bool = False,
        there_at: datetime | None = None,
    ) -> None:
        """Nothing is looked at yet.

        `brought`: it came along with what is judged, and was there at `there_at` where a timestamp over it
        proves that; else the operator has kept it.
        """
        self.crl = crl
        self.brought = brought
        self.there_at = there_at
        self._answers: dict[Hashable, Any] = {}
        self._looks = 0
        self._serials: frozenset[int] | None = None
        self._sha256 = ""

    def once(self, question: Hashable, ask: Callable[[x509.CertificateRevocationList], _Answer]) -> _Answer:
        """What `ask` says of the list; asked once, as long as no more than a few questions come."""
        answers = self._answers
        answer: _Answer
        if question in answers:
            answer = answers[question]
            return answer
        answer = ask(self.crl)
        if len(answers) >= _MOST_ANSWERS:
            # Another thread may still hold the old one, so that one is left as it is.
            self._answers = answers = {}
        answers[question] = answer
        return answer

    @property
    def sha256(self) -> str:
        """Of the list (hex)."""
        if not self._sha256:
            self._sha256 = self.crl.fingerprint(hashes.SHA256()).hex()
        return self._sha256

    def may_name(self, serial: int) -> bool:
        """Whether an entry may have this serial number; no is certain, and spares a walk through all.

        A list asked often is walked once for all; for one that came with a single file that is not worth it.
        """
        if serial < 0:
            return True
        if (serials := self._serials) is None:
            self._looks += 1  # threads may miss each other's count: the table is only made a little later
            if self._looks < _LOOKS_BEFORE_A_TABLE:
                return True
            self._serials = serials = frozenset(entry.serial_number for entry in self.crl)
        return serial in serials
