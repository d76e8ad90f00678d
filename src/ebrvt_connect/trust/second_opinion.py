"""What pyHanko is asked, and on what terms: its validation contexts, made for one chain and one moment.

PyHanko validates the path in 'require' revocation mode, and the only thing that vouches for a
certificate is our own judge of revocation (`trust.revocation`): whatever that has not called good,
pyHanko refuses. It fetches nothing, trusts only the anchor our own chain ends in, and judges at the
best signing time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import async_validate_cms_signature, validate_cert_usage
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import StandardCMSSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.ltv.poe import POEManager
from pyhanko_certvalidator.policy_decl import DisallowWeakAlgorithmsPolicy, NonRevokedStatusAssertion
from pyhanko_certvalidator.registry import CertificateRegistry
from pyhanko_certvalidator.revinfo.manager import RevinfoManager

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.immediate import run_to_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from asn1crypto import cms
    from cryptography import x509

    from ebrvt_connect.trust.chain import Chain
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding

# Both libraries log a traceback with the signer's full name for every signature that does not hold;
# what they have to say stands in the report, and names of citizens have no place in a log.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

_KNOWN_DIGESTS = frozenset(
    {
        *("md2", "md4", "md5", "sha1", "ripemd160", "sha224", "sha256", "sha384", "sha512"),
        *("sha512_224", "sha512_256", "sha3_224", "sha3_256", "sha3_384", "sha3_512"),
    }
)

SIGNING_USAGE = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
"""Either will do: TT 15/2025 does not ask for nonRepudiation, and certificates in use carry one or both."""


def validation_context(
    chain: Chain | None,
    moment: datetime,
    policy: VerificationPolicy,
    *,
    vouched: bool,
    embedded: Iterable[x509.Certificate] = (),
) -> ValidationContext:
    """A context that trusts this chain's anchor at one moment; `vouched` when none of it is revoked."""
    certificates = () if chain is None else (chain.leaf, *chain.intermediates)
    registry = CertificateRegistry.build([_asn1(c) for c in (*certificates, *embedded)])
    # One assertion about the leaf makes pyHanko skip revocation for the whole path: all or nothing.
    good = certificates if vouched else ()
    asserted = [NonRevokedStatusAssertion(c.fingerprint(_SHA256), moment) for c in good]
    return ValidationContext(
        trust_roots=[] if chain is None else [_asn1(chain.anchor.certificate)],
        moment=moment,
        best_signature_time=moment,
        revocation_mode="require",
        algorithm_usage_policy=algorithm_policy(policy),
        certificate_registry=registry,
        revinfo_manager=RevinfoManager(
            certificate_registry=registry, poe_manager=POEManager(), crls=(), ocsps=(), assertions=asserted
        ),
        time_tolerance=timedelta(0),
    )


def algorithm_policy(policy: VerificationPolicy) -> DisallowWeakAlgorithmsPolicy:
    """The policy's algorithms as pyHanko wants them: by what is forbidden."""
    return DisallowWeakAlgorithmsPolicy(
        weak_hash_algos=_KNOWN_DIGESTS - set(policy.digests), rsa_key_size_threshold=policy.rsa_bits
    )


_SHA256 = hashes.SHA256()


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """Parsed anew for each use: asn1crypto reads lazily and is not safe to share between threads."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


@dataclass(frozen=True, slots=True)
class CmsOpinion:
    """What pyHanko says of one CMS signature: its status, or why it would not go on."""

    status: StandardCMSSignatureStatus | None
    refusal: str = ""
    """Its sub-indication, or the class of its exception."""

    @property
    def intact(self) -> bool:
        """Whether digest and signature value hold."""
        return self.status is not None and bool(self.status.intact and self.status.valid)

    @property
    def doubt(self) -> str:
        """Why it would not trust the signer; empty when it would."""
        if self.status is None:
            return self.refusal
        if self.status.trust_problem_indic is not None:
            return getattr(self.status.trust_problem_indic, "name", "path")
        return "" if self.status.validation_path is not None and self.status.trusted else "path"


def opinion_on_cms(signed_data: cms.SignedData, digest: bytes, context: ValidationContext) -> CmsOpinion:
    """Ask about signed data whose content, standing elsewhere, has this digest."""
    try:
        status = run_to_end(
            async_validate_cms_signature(
                signed_data,
                status_cls=StandardCMSSignatureStatus,
                raw_digest=digest,
                validation_context=context,
                key_usage_settings=SIGNING_USAGE,
            )
        )
    except SignatureValidationError as failure:
        indication = getattr(failure.ades_subindication, "name", "")
        return CmsOpinion(None, indication or type(failure).__name__)
    return CmsOpinion(status)


def cms_findings(opinion: CmsOpinion, policy: VerificationPolicy) -> Iterator[Finding]:
    """Integrity; where pyHanko would not go on, a wrong certificate is told from a broken object."""
    status = opinion.status
    if status is None:
        if opinion.refusal == "NO_SIGNING_CERTIFICATE_FOUND":
            yield policy.notice(findings.SIGNER_CERTIFICATE_MISMATCH)
        else:
            yield policy.notice(findings.CMS_MALFORMED, reason=opinion.refusal)
        return
    if not status.intact:
        yield policy.notice(findings.HASH_MISMATCH)
    if not status.valid:
        yield policy.notice(findings.SIGNATURE_VALUE_WRONG)


@dataclass(frozen=True, slots=True)
class _Standing:
    """A moment, as far as a path's validity depends on it: which certificates are within their period."""

    within: tuple[bool, ...]
    moment: datetime = field(compare=False)


def doubt_about_signer(
    leaf: x509.Certificate,
    others: tuple[x509.Certificate, ...],
    chain: Chain | None,
    moment: datetime,
    policy: VerificationPolicy,
    *,
    vouched: bool,
) -> str:
    """Why pyHanko would not trust a signer at a moment; empty when it would.

    Asked once for the same certificates, policy and standing: nothing else takes part in its answer, since
    revocation is vouched for by us and no list, clock or network is consulted.
    """
    every = (*(() if chain is None else chain.certificates), leaf, *others)
    within = tuple(c.not_valid_before_utc <= moment <= c.not_valid_after_utc for c in every)
    return _doubt_about_signer(leaf, others, chain, _Standing(within, moment), policy, vouched)


@lru_cache(maxsize=512)
def _doubt_about_signer(
    leaf: x509.Certificate,
    others: tuple[x509.Certificate, ...],
    chain: Chain | None,
    standing: _Standing,
    policy: VerificationPolicy,
    vouched: bool,  # noqa: FBT001 - a part of the key
) -> str:
    context = validation_context(chain, standing.moment, policy, vouched=vouched, embedded=others)
    return doubt_about_path(leaf, context)


def doubt_about_path(leaf: x509.Certificate, context: ValidationContext) -> str:
    """Why pyHanko would not trust a certificate for signing; empty when it would."""
    certificate = _asn1(leaf)
    try:
        result = run_to_end(
            validate_cert_usage(
                certificate,
                context,
                SIGNING_USAGE,
                context.path_builder.async_build_paths_lazy(certificate),
            )
        )
    except ValueError:
        return "path"
    if result.error_subindic is not None:
        return result.error_subindic.name
    return "" if result.success_result is not None else "path"
