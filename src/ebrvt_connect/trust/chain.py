"""Chains of certificates (chuỗi chứng thư) from a signer up to a pinned anchor.

Names only say where to look; each link is proven by the issuer's key and the top by its pinned SHA-256.
PyHanko's path validation gives the second opinion (name constraints, policies) in `trust.pades`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ebrvt_connect.trust.anchors import sha256_of
from ebrvt_connect.trust.remembered import bears_name_of, is_signed_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from ebrvt_connect.trust.anchors import Anchor
    from ebrvt_connect.trust.policy import VerificationPolicy

SHAKE_SIGNATURES: Final = {
    "1.3.6.1.5.5.7.6.30": "RSASSA-PSS-SHAKE128",
    "1.3.6.1.5.5.7.6.31": "RSASSA-PSS-SHAKE256",
    "1.3.6.1.5.5.7.6.32": "ECDSA-SHAKE128",
    "1.3.6.1.5.5.7.6.33": "ECDSA-SHAKE256",
}
"""Permitted (TT 15/2025 Phụ lục I, RFC 8702), and not checked by this program."""
_LONGEST = 6
_MOST_TRIED = 200


@dataclass(frozen=True, slots=True)
class Chain:
    """A signer's certificate, its issuers in order, and the anchor on top.

    An operator may also pin a signer's own certificate: then signer and anchor are the same one.
    """

    leaf: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]
    anchor: Anchor

    @property
    def is_pinned_signer(self) -> bool:
        """Whether the operator's pin is on the signer's own certificate, with no authority above it."""
        return self.leaf == self.anchor.certificate

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """From the signer's up to the anchor's."""
        if self.is_pinned_signer:
            return (self.leaf,)
        return (self.leaf, *self.intermediates, self.anchor.certificate)

    @property
    def links(self) -> tuple[tuple[x509.Certificate, x509.Certificate], ...]:
        """(certificate, its issuer), the signer's first; the anchor has no issuer but the operator's pin."""
        return tuple(zip(self.certificates, self.certificates[1:], strict=False))

    def trouble_at(self, moment: datetime) -> str:
        """Why the authorities of this chain may not issue at `moment`, in Vietnamese; empty when they may."""
        if trouble := self.anchor.trouble_at(moment):
            return trouble
        for below, authority in enumerate(self.certificates[1:]):
            if not authority.not_valid_before_utc <= moment <= authority.not_valid_after_utc:
                return "chứng thư của cơ quan cấp không còn hoặc chưa có hiệu lực"
            if not _may_issue(authority, below):
                return "chứng thư ở giữa chuỗi không được phép cấp chứng thư khác"
        return ""

    def is_weak(self, policy: VerificationPolicy) -> bool:
        """Whether a link has a weak digest or an authority a short key (the anchor's own signature aside)."""
        return any(not digest_allowed(c, policy) for c, _ in self.links) or any(
            not key_allowed(c, policy) for c in self.certificates[1:]
        )


def chain_to_anchor(
    leaf: x509.Certificate,
    hints: Iterable[x509.Certificate],
    anchors: Iterable[Anchor],
    moment: datetime,
) -> Chain | None:
    """The chain to an anchor, preferably one without trouble at `moment`; None when there is none."""
    found = None
    for chain in _chains(leaf, tuple(hints), tuple(anchors)):
        if not chain.trouble_at(moment):
            return chain
        found = found or chain
    return found


def imitates(embedded: Iterable[x509.Certificate], known: Iterable[x509.Certificate]) -> bool:
    """Whether a certificate names a known authority as its issuer, but was not issued by it."""
    budget = [_MOST_TRIED]
    authorities = tuple(known)
    for certificate in embedded:
        named = [a for a in authorities if bears_name_of(certificate, a)]
        if named and not any(_issued(certificate, authority, budget) for authority in named):
            return True
    return False


def key_description(certificate: x509.Certificate) -> str:
    """Kind and size of a public key: `rsa-2048`, `ec-256`; `unknown` for what we do not read."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown"
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ec-{key.curve.key_size}"
    return "unknown"


def key_allowed(certificate: x509.Certificate, policy: VerificationPolicy) -> bool:
    """Whether the key is of an accepted kind and long enough."""
    kind, _, bits = key_description(certificate).partition("-")
    shortest = {"rsa": policy.rsa_bits, "ec": policy.ec_bits}.get(kind)
    return shortest is not None and int(bits) >= shortest


def digest_allowed(certificate: x509.Certificate, policy: VerificationPolicy) -> bool:
    """Whether the certificate is signed with an accepted digest."""
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    return digest is not None and digest.name.replace("-", "_").lower() in policy.digests


def unchecked_algorithm(certificate: x509.Certificate) -> str:
    """The algorithm a certificate is signed with, where it is permitted and not checked; else empty."""
    return SHAKE_SIGNATURES.get(certificate.signature_algorithm_oid.dotted_string, "")


def _chains(
    leaf: x509.Certificate, hints: tuple[x509.Certificate, ...], anchors: tuple[Anchor, ...]
) -> Iterator[Chain]:
    """Depth first, anchors before hints; bounded in length and in the number of signatures tried."""
    budget = [_MOST_TRIED]

    def climb(path: tuple[x509.Certificate, ...]) -> Iterator[Chain]:
        top = path[-1]
        for anchor in anchors:
            if anchor.certificate == leaf:
                # A pinned authority issues certificates; that it signs papers itself was never meant.
                if len(path) == 1 and not _is_authority(leaf):
                    yield Chain(leaf, (), anchor)
            elif _issued(top, anchor.certificate, budget):
                yield Chain(leaf, path[1:], anchor)
        if len(path) == _LONGEST:
            return
        for hint in hints:
            if hint not in path and _issued(top, hint, budget):
                yield from climb((*path, hint))

    return climb((leaf,))


def _issued(certificate: x509.Certificate, issuer: x509.Certificate, budget: list[int]) -> bool:
    if not bears_name_of(certificate, issuer) or budget[0] <= 0:
        return False
    budget[0] -= 1
    return is_signed_by(certificate, issuer)


def _is_authority(certificate: x509.Certificate) -> bool:
    """Whether it is one, or does not let itself be read."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
    except ValueError:
        return True


def _may_issue(authority: x509.Certificate, below: int) -> bool:
    """CA flag, path length (`below` authorities stand under it), keyCertSign."""
    try:
        extensions = authority.extensions
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    try:
        may_sign = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        may_sign = True
    return basic.ca and may_sign and (basic.path_length is None or below <= basic.path_length)


__all__ = [
    "Chain",
    "chain_to_anchor",
    "digest_allowed",
    "imitates",
    "key_allowed",
    "key_description",
    "sha256_of",
    "unchecked_algorithm",
]
