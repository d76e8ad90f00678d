"""CMS signatures that plainly hold (chữ ký CMS đúng dạng thường gặp): proven here, without asking pyHanko.

Asking pyHanko costs ten times the mathematics of a signature: it parses every certificate anew, compares
names letter by letter, builds the path each time. Nearly all signatures are of one plain form, though, and
of that form all its questions have one answer. So this is a short cut in one direction only: what is proven
here pyHanko would hold too, in every respect; of anything else nothing is said, and pyHanko is asked.

1. One certificate of the bag is the signer's, by issuer and serial to the byte, and no other has that serial.
2. Every algorithm is one the policy, put into pyHanko's words, lets pass.
3. Algorithm protection and signing-certificate attributes, where there are any, agree.
4. The digest is that of the content, and the signature value is right for the signer's key.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from asn1crypto import algos, core, keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation.generic_cms import get_signing_cert_attr, validate_algorithm_protection
from pyhanko.sign.validation.utils import CMSAlgorithmUsagePolicy
from pyhanko_certvalidator.policy_decl import DisallowWeakAlgorithmsPolicy
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator, SignatureValidationContext

if TYPE_CHECKING:
    from cryptography import x509

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.signed_data import SignedData

_KNOWN_DIGESTS = frozenset(
    {
        *("md2", "md4", "md5", "sha1", "ripemd160", "sha224", "sha256", "sha384", "sha512"),
        *("sha512_224", "sha512_256", "sha3_224", "sha3_256", "sha3_384", "sha3_512"),
    }
)
_DIGESTS = frozenset({"sha256", "sha384", "sha512"})
_LONGEST_KEPT = 4096


def algorithm_policy(policy: VerificationPolicy) -> DisallowWeakAlgorithmsPolicy:
    """The policy's algorithms as pyHanko wants them: by what is forbidden."""
    return DisallowWeakAlgorithmsPolicy(
        weak_hash_algos=_KNOWN_DIGESTS - set(policy.digests), rsa_key_size_threshold=policy.rsa_bits
    )


def plainly_holds(signed: SignedData, digest: bytes, policy: VerificationPolicy) -> bool:
    """Whether a signature over content of this digest is of the plain form and holds.

    `signed` has passed `signed_data.read_signed_data`. False says nothing but that pyHanko is to be asked.
    """
    try:
        return (
            _names_one_certificate(signed)
            and signed.message_digest == digest
            and _allowed(signed, policy)
            and _attributes_agree(signed)
            and _value_holds(signed)
        )
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong, pyHanko will say it in its own way
        return False


def content_digest(signed: SignedData) -> bytes:
    """The digest of the content a token carries, by its signer's algorithm; empty for an unusual one."""
    if signed.signer_digest not in _DIGESTS:
        return b""
    return hashlib.new(signed.signer_digest, bytes(signed.content["encap_content_info"]["content"])).digest()


def _names_one_certificate(signed: SignedData) -> bool:
    sid = signed.signer_info["sid"]
    if sid.name != "issuer_and_serial_number":
        return False
    if any(choice.name != "certificate" for choice in signed.content["certificates"]):
        return False
    serial = signed.leaf.serial_number
    return (
        sid.chosen["issuer"].dump() == _issuer_of(signed.leaf)
        and _is_serial(sid.chosen["serial_number"], serial)
        and all(other.serial_number != serial for other in signed.others)
    )


def _allowed(signed: SignedData, policy: VerificationPolicy) -> bool:
    signer = signed.signer_info
    signature, digest = signer["signature_algorithm"].dump(), signer["digest_algorithm"].dump()
    key = _key_of(signed.leaf)
    if len(signature) + len(digest) + len(key) > _LONGEST_KEPT:
        return False
    return _pyhanko_allows(signature, digest, key, policy)


@lru_cache(maxsize=256)
def _pyhanko_allows(signature: bytes, digest: bytes, key: bytes, policy: VerificationPolicy) -> bool:
    """Both algorithms, and the two together, as pyHanko asks before it verifies."""
    rules = CMSAlgorithmUsagePolicy.lift_policy(algorithm_policy(policy))
    signing = algos.SignedDigestAlgorithm.load(signature)
    hashing = algos.DigestAlgorithm.load(digest)
    bare = algos.DigestAlgorithm({"algorithm": hashing["algorithm"].native})
    return bool(
        rules.signature_algorithm_allowed(signing, moment=None, public_key=keys.PublicKeyInfo.load(key))
        and rules.digest_algorithm_allowed(hashing, moment=None)
        and rules.digest_combination_allowed(signing, bare, moment=None)
    )


def _attributes_agree(signed: SignedData) -> bool:
    """Raises what pyHanko raises where they do not."""
    signer = signed.signer_info
    attributes = signer["signed_attrs"]
    validate_algorithm_protection(
        attributes,
        claimed_digest_algorithm_obj=signer["digest_algorithm"],
        claimed_signature_algorithm_obj=signer["signature_algorithm"],
        claimed_mac_algorithm_obj=None,
    )
    named = get_signing_cert_attr(attributes)
    return named is None or _is_about(named["certs"][0], signed.leaf)


def _is_about(named: tsp.ESSCertID | tsp.ESSCertIDv2, leaf: x509.Certificate) -> bool:
    """Whether a signing-certificate attribute names this certificate: its digest, issuer and serial."""
    digest = "sha1" if isinstance(named, tsp.ESSCertID) else named["hash_algorithm"]["algorithm"].native
    if digest not in _DIGESTS | {"sha1"}:
        return False
    made = hashlib.new(digest, leaf.public_bytes(Encoding.DER), usedforsecurity=False).digest()
    if made != named["cert_hash"].native:
        return False
    place = named["issuer_serial"]
    if isinstance(place, core.Void):
        return True
    issuers = place["issuer"]
    return (
        len(issuers) == 1
        and issuers[0].name == "directory_name"
        and issuers[0].chosen.untag().dump() == _issuer_of(leaf)
        and _is_serial(place["serial_number"], leaf.serial_number)
        and _equals_itself(_issuer_of(leaf))
    )


def _value_holds(signed: SignedData) -> bool:
    """Over the signed attributes as they stand, with the tag of a SET (RFC 5652, 5.4)."""
    signer = signed.signer_info
    try:
        DefaultSignatureValidator().validate_signature(
            signer["signature"].native,
            signer["signed_attrs"].untag().dump(),
            keys.PublicKeyInfo.load(_key_of(signed.leaf)),
            signer["signature_algorithm"],
            SignatureValidationContext(contextual_md_algorithm=signed.signer_digest, prehashed=False),
        )
    except InvalidSignature:
        return False
    return True


def _key_of(certificate: x509.Certificate) -> bytes:
    der = certificate.public_bytes(Encoding.DER)
    return _key_in(der) if len(der) <= _LONGEST_KEPT else _key_in.__wrapped__(der)


@lru_cache(maxsize=256)
def _key_in(certificate: bytes) -> bytes:
    """As it stands there: what else the certificate says of its key (for PSS only) counts too."""
    key: bytes = asn1_x509.Certificate.load(certificate).public_key.dump()
    return key


def _issuer_of(certificate: x509.Certificate) -> bytes:
    name: bytes = certificate.issuer.public_bytes()
    return name


def _is_serial(written: core.Integer, serial: int) -> bool:
    """To the byte: pyHanko compares encodings, and a number can be written in several."""
    return bool(written.contents == core.Integer(serial).contents)


@lru_cache(maxsize=256)
def _equals_itself(name: bytes) -> bool:
    """Whether pyHanko can compare such a name at all: some letters it refuses to prepare for that."""
    if len(name) > _LONGEST_KEPT:
        return False
    try:
        return bool(asn1_x509.Name.load(name) == asn1_x509.Name.load(name))
    except ValueError:
        return False
