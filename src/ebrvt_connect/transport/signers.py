"""A key held in memory (khóa ký số trong tệp PKCS#12), as a `Signer`.

The key object is made once: loading an RSA key checks it for consistency, and doing so at every signature
would take four fifths of the time. Other signers are `pkcs11_signer` (a token) and `remote_signing` (a
service). What is made with any of them stands in `signing_pdf`, `signing_cms` and `trust.xmldsig`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from asn1crypto import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import pkcs12

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.transport.signing_proof import DIGESTS, chain_of, check_digest, pss_padding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrvt_connect.ports.signer import KeyKind
    from ebrvt_connect.transport.signing_cms import run_steps
    from ebrvt_connect.transport.signing_pdf import DOCUMENT_CANNOT_BE_SIGNED, sign_pdf

__all__ = [
    "DOCUMENT_CANNOT_BE_SIGNED",
    "SIGNING_KEY_UNUSABLE",
    "KeySigner",
    "run_steps",
    "sign_pdf",
]

SIGNING_KEY_UNUSABLE = explain(
    "SIGNING_KEY_UNUSABLE",
    "Không mở được khóa ký số ({reason}).",
    "Kiểm tra tệp khóa, mật khẩu và chứng thư số đi kèm. Dịch vụ đang chạy tự đọc lại tệp đã thay; nếu đã "
    "dừng hoặc sửa tệp cấu hình thì khởi động lại.",
)

# SHA-1 only here: it signs samples that a verifier must refuse.
_KNOWN_DIGESTS = {**DIGESTS, "sha1": hashes.SHA1()}  # noqa: S303

_HOMES = {
    "DOCUMENT_CANNOT_BE_SIGNED": "signing_pdf",
    "run_steps": "signing_cms",
    "sign_pdf": "signing_pdf",
}
"""Names that bring pyHanko along, which takes more than half a second to load: only when asked for."""


class KeySigner:
    """A certificate and its private key, held in memory; may be used by several threads."""

    def __init__(
        self,
        certificate: x509.Certificate,
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
        chain: Iterable[x509.Certificate] = (),
        *,
        prefer_pss: bool = False,
    ) -> None:
        """`chain` are the issuers to embed; `prefer_pss` asks for RSASSA-PSS (TT 15/2025 Phụ lục I)."""
        self.certificate = certificate
        """The signing certificate (chứng thư số)."""
        self.chain = tuple(chain)
        """The issuers it was given."""
        self._key = key
        self._prefer_pss = prefer_pss
        issuers = (c.dump() for c in self.chain if c.subject != c.issuer)
        self._certificates = (certificate.dump(), *issuers)

    @classmethod
    def from_pkcs12(cls, content: bytes, password: bytes | None, *, prefer_pss: bool = False) -> Self:
        """Open a PKCS#12 file (.p12, .pfx).

        Raises `HeldForPerson` `SIGNING_KEY_UNUSABLE` (scope system) for a wrong password, a file
        without key or certificate, or a kind of key we do not sign with.
        """
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(content, password)
        except ValueError as failure:
            raise _unusable("sai mật khẩu hoặc tệp hỏng") from failure
        if certificate is None or not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            raise _unusable("tệp không có khóa RSA/ECDSA kèm chứng thư")
        leaf, *chain = (
            x509.Certificate.load(c.public_bytes(serialization.Encoding.DER)) for c in (certificate, *others)
        )
        return cls(leaf, key, _issuers(leaf, chain), prefer_pss=prefer_pss)

    @property
    def certificate_sha256(self) -> str:
        """What `signers.toml` knows the certificate by (hex)."""
        return bytes(self.certificate.sha256).hex()

    @property
    def certificates_der(self) -> tuple[bytes, ...]:
        """The certificate and then its issuers, the root left out."""
        return self._certificates

    @property
    def key_kind(self) -> KeyKind:
        """What kind of key signs."""
        return "ec" if isinstance(self._key, ec.EllipticCurvePrivateKey) else "rsa"

    @property
    def prefers_pss(self) -> bool:
        """Whether CMS and PDF signatures shall be RSASSA-PSS."""
        return self._prefer_pss and self.key_kind == "rsa"

    def sign_digest(self, digest: bytes, algorithm: str, *, pss: bool = False) -> bytes:
        """Sign a digest; raises `ValueError` as the port says."""
        found = check_digest(digest, algorithm, self.key_kind, pss=pss, known=_KNOWN_DIGESTS)
        hashed = Prehashed(found)
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(digest, ec.ECDSA(hashed))
        return self._key.sign(digest, pss_padding(found) if pss else padding.PKCS1v15(), hashed)


def _issuers(leaf: x509.Certificate, others: list[x509.Certificate]) -> list[x509.Certificate]:
    """Those of a file that issued the leaf, nearest first: who else's certificates lie in it is not told."""
    by_der = {one.dump(): one for one in others}
    try:
        return [by_der[der] for der in chain_of(leaf.dump(), tuple(by_der))[1:]]
    except ValueError:
        return []


def _unusable(reason_vi: str) -> HeldForPerson:
    return HeldForPerson(
        SIGNING_KEY_UNUSABLE, "the signing key cannot be used", scope=Scope.SYSTEM, reason=reason_vi
    )


# Hidden from the type checker, which would take a module with `__getattr__` for one that has every name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load the home of a name that needs pyHanko on its first use (PEP 562)."""
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"ebrvt_connect.transport.{_HOMES[name]}"), name)
        return value
