"""What every signing backend asks of a digest, and what it proves of a signature before handing it on.

A token holds several keys and a remote service many; one of them chosen wrongly makes signatures that
nobody can verify. That is found here, under the certificate that goes into the document, and not by the
receiver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from asn1crypto import algos
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from ebrvt_connect.errors import HeldForPerson, Scope, explain

if TYPE_CHECKING:
    from ebrvt_connect.ports.signer import KeyKind

SIGNATURE_OF_ANOTHER_KEY = explain(
    "SIGNATURE_OF_ANOTHER_KEY",
    "Chữ ký do {system} tạo ra không khớp với chứng thư số đã khai báo; văn bản chưa được ký.",
    "Kiểm tra cấu hình: nhãn khóa (key_label, key_id) và chứng thư số phải thuộc cùng một cặp khóa.",
)
SIGNING_CERTIFICATE_UNUSABLE = explain(
    "SIGNING_CERTIFICATE_UNUSABLE",
    "Chứng thư số dùng để ký tại {system} không dùng được ({reason}).",
    "Kiểm tra chứng thư số trong cấu hình hoặc trong thiết bị; cần RSA từ 2048 bit hoặc ECDSA từ 256 bit.",
)

SIGNING_PIN_MISSING = explain(
    "SIGNING_PIN_MISSING",
    "Chưa có mã PIN cho {system}; chương trình không thử mã PIN rỗng để tránh bị khóa.",
    "Nhập mã PIN, hoặc kiểm tra biến môi trường hay tệp chứa mã PIN, rồi ký lại.",
)

DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
"""The digests that are signed (TT 15/2025/TT-BKHCN Phụ lục I, as far as tokens and readers know them)."""

_SMALLEST_RSA_BITS, _SMALLEST_EC_BITS = 2048, 256
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def check_digest(
    digest: bytes,
    algorithm: str,
    kind: KeyKind,
    *,
    pss: bool,
    known: dict[str, hashes.HashAlgorithm] | None = None,
) -> hashes.HashAlgorithm:
    """The algorithm by its name; raises `ValueError` as `Signer.sign_digest` promises."""
    algorithms = DIGESTS if known is None else known
    if algorithm not in algorithms:
        raise ValueError(f"digest: got {algorithm!r}, expected one of {sorted(algorithms)}")
    found = algorithms[algorithm]
    if len(digest) != found.digest_size:
        raise ValueError(f"digest: got {len(digest)} bytes, {algorithm} has {found.digest_size}")
    if pss and kind != "rsa":
        raise ValueError(f"pss: the key is {kind}, expected rsa")
    return found


def pss_padding(algorithm: hashes.HashAlgorithm) -> padding.PSS:
    """The one form of RSASSA-PSS the house signs: MGF1 of the same digest, a salt of its length."""
    return padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)


def pss_parameters(digest: str) -> algos.RSASSAPSSParams:
    """The same form as it is written in a signature (RFC 4055)."""
    algorithm = algos.DigestAlgorithm({"algorithm": digest})
    return algos.RSASSAPSSParams(
        {
            "hash_algorithm": algorithm,
            "mask_gen_algorithm": algos.MaskGenAlgorithm({"algorithm": "mgf1", "parameters": algorithm}),
            "salt_length": DIGESTS[digest].digest_size,
        }
    )


def certified_key(certificate: bytes, *, system: str) -> PublicKey:
    """The public key of a signing certificate (DER).

    Raises `HeldForPerson` `SIGNING_CERTIFICATE_UNUSABLE` for one that does not read, or whose key is
    too weak or of a kind nobody here signs with.
    """
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError as failure:
        raise _unusable(system, "không đọc được") from failure
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _SMALLEST_EC_BITS:
        return key
    raise _unusable(system, "loại khóa hoặc độ dài khóa không được chấp nhận")


def given_pin(pin: str, *, system: str) -> str:
    """The PIN itself; an empty one would only be counted as wrong.

    Raises `HeldForPerson` `SIGNING_PIN_MISSING` (scope system).
    """
    if pin:
        return pin
    raise HeldForPerson(
        SIGNING_PIN_MISSING, "no PIN was given", scope=Scope.SYSTEM, system=system, operation="log in"
    )


def key_kind(key: PublicKey) -> KeyKind:
    """`rsa` or `ec`."""
    return "rsa" if isinstance(key, rsa.RSAPublicKey) else "ec"


def proven(
    signature: bytes,
    digest: bytes,
    algorithm: hashes.HashAlgorithm,
    key: PublicKey,
    *,
    pss: bool,
    system: str,
) -> bytes:
    """The signature itself, once it holds under the certificate's key.

    Raises `HeldForPerson` `SIGNATURE_OF_ANOTHER_KEY` (scope system) when it does not.
    """
    hashed = Prehashed(algorithm)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, pss_padding(algorithm) if pss else padding.PKCS1v15(), hashed)
        else:
            key.verify(signature, digest, ec.ECDSA(hashed))
    except InvalidSignature as failure:
        raise HeldForPerson(
            SIGNATURE_OF_ANOTHER_KEY,
            "the signature made does not verify under the signing certificate",
            scope=Scope.SYSTEM,
            system=system,
            operation="sign",
        ) from failure
    return signature


def chain_of(leaf: bytes, pool: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The leaf and those of `pool` (DER) that issued it, nearest first, the root left out.

    Raises `ValueError` for a certificate that does not read.
    """
    certificates = {der: x509.load_der_x509_certificate(der) for der in (leaf, *pool)}
    found = [leaf]
    while True:
        last = certificates[found[-1]]
        above = (
            der
            for der, one in certificates.items()
            if one.subject == last.issuer and one.subject != one.issuer and der not in found
        )
        issuer = next(above, None)
        if issuer is None:
            return tuple(found)
        found.append(issuer)


def _unusable(system: str, reason: str) -> HeldForPerson:
    return HeldForPerson(
        SIGNING_CERTIFICATE_UNUSABLE,
        "the signing certificate cannot be used",
        scope=Scope.SYSTEM,
        system=system,
        operation="open",
        reason=reason,
    )
