"""Who signs is a port (người ký số): a certificate, and something that signs digests with its key.

The key may lie in a file, in a token or at a remote service; whoever makes a PDF, CMS or XML signature
sees no difference. Only the digest goes to the key, never the document. Signers are shared by threads.
"""

from __future__ import annotations

from typing import Literal, Protocol

KeyKind = Literal["rsa", "ec"]
"""What kind of key signs."""


class Signer(Protocol):
    """A certificate (chứng thư số) and its private key, wherever that is kept."""

    @property
    def certificates_der(self) -> tuple[bytes, ...]:
        """The signer's certificate and then its issuers, nearest first, the root left out."""
        ...

    @property
    def key_kind(self) -> KeyKind:
        """What kind of key signs."""
        ...

    @property
    def prefers_pss(self) -> bool:
        """Whether CMS and PDF signatures shall be RSASSA-PSS (TT 15/2025/TT-BKHCN Phụ lục I).

        Off by default: the readers in use at agencies expect PKCS#1 v1.5.
        """
        ...

    def sign_digest(self, digest: bytes, algorithm: str, *, pss: bool = False) -> bytes:
        """The signature over a digest that `algorithm` (`sha256`, `sha384`, `sha512`) has made.

        RSA: PKCS#1 v1.5, or with `pss` RSASSA-PSS with MGF1 of the same digest and a salt of its length.
        ECDSA: an ASN.1 sequence of r and s. The same digest may be signed again: nothing comes of it but
        one more signature over the same.

        Raises `ValueError` for a digest of another length, an algorithm that is not known and `pss` with
        a key that is not RSA; `HeldForPerson` where a person must act (PIN, token, account);
        `RetryLater` and `ReconcileFirst` where the key lies beyond a network.
        """
        ...
