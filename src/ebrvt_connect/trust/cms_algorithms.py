"""Which algorithms a CMS signer names (thuật toán), and whether they are one story.

A SignerInfo names a digest twice: for the content, and with the signature algorithm, where PSS names it
twice more. Whoever could have them differ would have one checked and another relied upon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.trust import level_findings
from ebrvt_connect.trust.chain import key_description
from ebrvt_connect.trust.signed_data import CmsMalformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asn1crypto import cms

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.signed_data import SignedData
    from ebrvt_connect.trust.verdict import Finding

_DIGEST_BYTES = {
    "sha1": 20,
    "sha224": 28,
    "sha256": 32,
    "sha384": 48,
    "sha512": 64,
    "sha512_224": 28,
    "sha512_256": 32,
    "sha3_224": 28,
    "sha3_256": 32,
    "sha3_384": 48,
    "sha3_512": 64,
}
_LONGEST_SALT = 512
_KEYS = {"rsassa_pkcs1v15": "rsa", "rsassa_pss": "rsa", "ecdsa": "ec"}


def digests_named(signer: cms.SignerInfo) -> tuple[str, ...]:
    """Every digest a signer's algorithms name, the content's first."""
    content = str(signer["digest_algorithm"]["algorithm"].native).lower()
    return tuple(dict.fromkeys([content, *_digests_of_signature(signer["signature_algorithm"])]))


def algorithm_findings(signed: SignedData, policy: VerificationPolicy) -> Iterator[Finding]:
    """Digests that differ, and PSS parameters out of order.

    Raises `CmsMalformed` for a certificate whose key is not of the algorithm's kind: such a signature cannot
    even be checked.
    """
    signer, key = signed.signer_info, key_description(signed.leaf)
    named = digests_named(signer)
    if len(named) > 1:
        yield policy.notice(level_findings.ALGORITHMS_DISAGREE, reason=" ≠ ".join(named))
    algorithm = signer["signature_algorithm"]
    wanted = _KEYS.get(_mechanism(algorithm))
    kind = key.partition("-")[0]
    if wanted is not None and kind in _KEYS.values() and kind != wanted:
        raise CmsMalformed(f"{algorithm['algorithm'].native}, {key}", level_findings.ALGORITHMS_DISAGREE)
    if algorithm["algorithm"].native == "rsassa_pss" and (trouble := _pss_trouble(algorithm["parameters"])):
        yield policy.notice(level_findings.SIGNATURE_PARAMETERS_WEAK, reason=trouble)


def _mechanism(algorithm: cms.SignedDigestAlgorithm) -> str:
    try:
        return str(algorithm.signature_algo)
    except ValueError:
        return str(algorithm["algorithm"].native)


def _digests_of_signature(algorithm: cms.SignedDigestAlgorithm) -> Iterator[str]:
    if algorithm["algorithm"].native == "rsassa_pss":
        parameters = algorithm["parameters"]
        yield str(parameters["hash_algorithm"]["algorithm"].native).lower()
        yield str(parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native).lower()
        return
    try:
        yield str(algorithm.hash_algo).lower()
    except ValueError:  # plain rsaEncryption: the content's digest it is
        return


def _pss_trouble(parameters: cms.RSASSAPSSParams) -> str:
    digest = str(parameters["hash_algorithm"]["algorithm"].native).lower()
    if parameters["mask_gen_algorithm"]["algorithm"].native != "mgf1":
        return "MGF"
    if parameters["trailer_field"].native not in {1, "trailer_field_bc"}:
        return "trailerField"
    salt = parameters["salt_length"].native
    if not _DIGEST_BYTES.get(digest, 0) <= salt <= _LONGEST_SALT:
        return f"saltLength {salt}"
    return ""
