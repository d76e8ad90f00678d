"""What pyHanko is asked, and on what terms: its validation contexts, made for one chain and one moment.

PyHanko validates the path in 'require' revocation mode, and the only thing that vouches for a
certificate is our own judge of revocation (`trust.revocation`): whatever that has not called good,
pyHanko refuses. It fetches nothing, trusts only the anchor our own chain ends in, and judges at the
best signing time.

Most of what it would be asked has been answered before, or is plain: see `trust.sound_cms`, and the memory
of paths below. Both only spare it questions; where they do not say yes, it is asked as ever.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import (
    async_validate_cms_signature,
    validate_cert_usage,
    validate_tst_signed_data,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import StandardCMSSignatureStatus, TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.ltv.poe import POEManager
from pyhanko_certvalidator.policy_decl import NonRevokedStatusAssertion
from pyhanko_certvalidator.registry import CertificateRegistry
from pyhanko_certvalidator.revinfo.manager import RevinfoManager

from ebrvt_connect.trust import findings
from ebrvt_connect.trust.immediate import run_to_end
from ebrvt_connect.trust.sound_cms import algorithm_policy, content_digest, plainly_holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from asn1crypto import cms
    from cryptography import x509
    from pyhanko_certvalidator.path import ValidationPath

    from ebrvt_connect.trust.chain import Chain
    from ebrvt_connect.trust.grounds import CertificateJudgement
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.signed_data import SignedData
    from ebrvt_connect.trust.verdict import Finding

# Both libraries log a traceback with the signer's full name for every signature that does not hold;
# what they have to say stands in the report, and names of citizens have no place in a log.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

SIGNING_USAGE = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
"""Either will do: TT 15/2025 does not ask for nonRepudiation, and certificates in use carry one or both."""
STAMPING_USAGE = TimestampSignatureStatus.default_usage_constraints()
"""As pyHanko asks of an authority for timestamps."""


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
    hints = (c for c in embedded if not _is_unprepared(c))
    registry = CertificateRegistry.build([_asn1(c) for c in (*certificates, *hints)])
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


_SHA256 = hashes.SHA256()


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """Parsed anew for each use: asn1crypto reads lazily and is not safe to share between threads."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


UNPREPARED_NAME = "tên trong chứng thư có ký tự mà phép so sánh tên (RFC 4518) không nhận"


def _has_unprepared_name(leaf: x509.Certificate, chain: Chain | None) -> bool:
    """Whether pyHanko could not look up the signer or its authorities by name."""
    above = () if chain is None else (*chain.intermediates, chain.anchor.certificate)
    return any(_is_unprepared(c) for c in (leaf, *above))


def _is_unprepared(certificate: x509.Certificate) -> bool:
    """Whether a name in it has a letter newer than Unicode 3.2, or none (RFC 4518, 2.4): asn1crypto stops."""
    try:
        names = (certificate.subject, certificate.issuer)
        if all(str(attribute.value).isascii() for name in names for attribute in name):
            return False
        read = _asn1(certificate)
        return not all(isinstance(name.hashable, str) for name in (read.subject, read.issuer))
    except ValueError:
        return True


@dataclass(frozen=True, slots=True)
class CmsOpinion:
    """What is to be said of one CMS signature: pyHanko's status, or why it would not go on."""

    status: StandardCMSSignatureStatus | None
    refusal: str = ""
    """Its sub-indication, or the class of its exception."""
    plain: bool = False
    """It holds in every respect, and needed no asking."""
    unasked: str = ""
    """Why pyHanko could not be asked about the certificates, in Vietnamese."""

    @property
    def intact(self) -> bool:
        """Whether digest and signature value hold."""
        return self.plain or (self.status is not None and bool(self.status.intact and self.status.valid))

    @property
    def path(self) -> ValidationPath | None:
        """The path pyHanko found; None too where it was not asked."""
        return None if self.status is None else self.status.validation_path

    @property
    def doubt(self) -> str:
        """Why it would not trust the signer; empty when it would."""
        if self.plain or self.unasked:
            return self.unasked
        if self.status is None:
            return self.refusal
        if self.status.trust_problem_indic is not None:
            return getattr(self.status.trust_problem_indic, "name", "path")
        return "" if self.status.validation_path is not None and self.status.trusted else "path"


_PLAIN = CmsOpinion(None, plain=True)


def opinion_on_signer(
    signed: SignedData,
    digest: bytes,
    certificate: CertificateJudgement,
    policy: VerificationPolicy,
    *,
    need_path: bool = False,
) -> CmsOpinion:
    """Ask about one signer of content that has this digest; `need_path` where the path itself is wanted."""
    chain, moment, vouched = certificate.chain, certificate.moment, certificate.vouched
    if not need_path and plainly_holds(signed, digest, policy):
        doubt = doubt_about_signer(signed.leaf, signed.others, chain, moment, policy, vouched=vouched)
        if not doubt:
            return _PLAIN
    if _has_unprepared_name(signed.leaf, chain):
        nobodys = validation_context(None, moment, policy, vouched=False)
        return replace(opinion_on_cms(signed.content, digest, nobodys), unasked=UNPREPARED_NAME)
    context = validation_context(chain, moment, policy, vouched=vouched, embedded=signed.others)
    return opinion_on_cms(signed.content, digest, context)


@dataclass(frozen=True, slots=True)
class TokenOpinion:
    """What is to be said of a timestamp token."""

    intact: bool
    """Whether imprint, digest and signature value hold."""
    doubt: str = ""
    """Why pyHanko would not trust the authority; empty when it would."""


def opinion_on_token(
    signed: SignedData,
    chain: Chain | None,
    moment: datetime,
    policy: VerificationPolicy,
    imprint_of: Callable[[str], bytes],
    *,
    vouched: bool,
) -> TokenOpinion:
    """Ask about a token whose imprint is the right one; `vouched` when nothing is wrong with its authority.

    Where something is, the doubt is not looked for: there is one already. Raises as pyHanko does.
    """
    if plainly_holds(signed, content_digest(signed), policy):
        if not vouched:
            return TokenOpinion(intact=True)
        doubt = doubt_about_signer(
            signed.leaf, signed.others, chain, moment, policy, vouched=True, stamping=True
        )
        if not doubt or doubt == UNPREPARED_NAME:
            return TokenOpinion(intact=True, doubt=doubt)
    context = validation_context(chain, moment, policy, vouched=vouched, embedded=signed.others)
    status = run_to_end(validate_tst_signed_data(signed.content, context, imprint_of))
    problem = status["trust_problem_indic"]
    return TokenOpinion(bool(status["intact"] and status["valid"]), "" if problem is None else problem.name)


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
    if opinion.plain:
        return
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
    stamping: bool = False,
) -> str:
    """Why pyHanko would not trust a signer (or an authority for timestamps) at a moment; empty when it would.

    Asked once for the same certificates, policy and standing: nothing else takes part in its answer, since
    revocation is vouched for by us and no list, clock or network is consulted.
    """
    every = (*(() if chain is None else chain.certificates), leaf, *others)
    within = tuple(c.not_valid_before_utc <= moment <= c.not_valid_after_utc for c in every)
    asked = (leaf, others, chain, _Standing(within, moment), policy, vouched, stamping)
    answer = _doubt_about_signer if _is_worth_keeping(every) else _doubt_about_signer.__wrapped__
    return answer(*asked)


def _is_worth_keeping(certificates: tuple[x509.Certificate, ...]) -> bool:
    """Whether a question is of a common size: a memory of large ones could be made to fill."""
    if len(certificates) > _MOST_KEPT:
        return False
    return sum(len(c.public_bytes(Encoding.DER)) for c in certificates) <= _MOST_BYTES_KEPT


_MOST_KEPT = 16
_MOST_BYTES_KEPT = 64 * 1024


@lru_cache(maxsize=512)
def _doubt_about_signer(
    leaf: x509.Certificate,
    others: tuple[x509.Certificate, ...],
    chain: Chain | None,
    standing: _Standing,
    policy: VerificationPolicy,
    vouched: bool,  # noqa: FBT001 - a part of the key
    stamping: bool,  # noqa: FBT001 - a part of the key
) -> str:
    if _has_unprepared_name(leaf, chain):
        return UNPREPARED_NAME
    context = validation_context(chain, standing.moment, policy, vouched=vouched, embedded=others)
    return doubt_about_path(leaf, context, STAMPING_USAGE if stamping else SIGNING_USAGE)


def doubt_about_path(
    leaf: x509.Certificate, context: ValidationContext, usage: KeyUsageConstraints = SIGNING_USAGE
) -> str:
    """Why pyHanko would not trust a certificate for signing; empty when it would."""
    certificate = _asn1(leaf)
    try:
        result = run_to_end(
            validate_cert_usage(
                certificate,
                context,
                usage,
                context.path_builder.async_build_paths_lazy(certificate),
            )
        )
    except ValueError:
        return "path"
    if result.error_subindic is not None:
        return result.error_subindic.name
    return "" if result.success_result is not None else "path"
