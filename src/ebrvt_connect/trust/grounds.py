"""What one verification rests on, and the judgement of a certificate at a time that all formats share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.trust import findings
from ebrvt_connect.trust.chain import chain_to_anchor, digest_allowed, imitates, key_allowed, key_description
from ebrvt_connect.trust.revocation import RevocationState
from ebrvt_connect.trust.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.trust.anchors import Anchor, TrustStore
    from ebrvt_connect.trust.chain import Chain
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.verdict import BestTime, SignatureReport


class Evidence(Protocol):
    """What a signature of any format shows of its signer."""

    @property
    def leaf(self) -> x509.Certificate:
        """The signer's certificate."""
        ...

    @property
    def others(self) -> tuple[x509.Certificate, ...]:
        """What else came along: hints for the chain, no more."""
        ...

    @property
    def digest(self) -> str:
        """The digest algorithm: `sha256`; where there are several, rather one that does not count."""
        ...

    @property
    def mechanism(self) -> str:
        """How it was signed: `rsassa_pkcs1v15`, `rsassa_pss`, `ecdsa`."""
        ...


@dataclass(frozen=True, slots=True)
class FileJudgement:
    """Signatures in signing order, and what was found about the file as a whole."""

    signatures: tuple[SignatureReport, ...]
    found: tuple[Finding, ...]
    contents: tuple[str, ...] = ()
    """Names of the contents beside the file that a signature in it is about."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """Policy, trust, revocation lists and the time of the check; the same grounds give the same verdict."""

    policy: VerificationPolicy
    trust: TrustStore
    revocation: RevocationArchive
    at: datetime

    @classmethod
    def of(
        cls,
        policy: VerificationPolicy,
        trust: TrustStore,
        at: datetime,
        revocation: RevocationArchive | None = None,
    ) -> Grounds:
        """`revocation` adds lists to those of the trust store. Raises `ValueError` for a naive time."""
        if at.tzinfo is None:
            raise ValueError(f"the time of a verification must be aware, got {at!r}")
        archive = trust.revocation if revocation is None else trust.revocation + revocation
        return cls(policy, trust, archive, at)

    def as_proven(self, best: BestTime) -> Grounds:
        """The grounds for what was signed then, where a timestamp proves it."""
        proven = best.value if best.proof == "timestamp" else None
        return replace(self, policy=self.policy.as_of(proven))

    def lies_ahead(self, moment: datetime) -> bool:
        """Whether a time is later than the check by more than clocks may differ."""
        return moment > self.at + timedelta(seconds=self.policy.clock_tolerance_seconds)

    def chain_of(self, signed: Evidence, anchors: tuple[Anchor, ...], moment: datetime) -> Chain | None:
        """The signer's chain, from what the signature carries and the store's hints."""
        hints = (*signed.others, *self.trust.intermediates)
        return chain_to_anchor(signed.leaf, hints, anchors, moment)

    def untrusted(self, signed: Evidence) -> Finding:
        """Why there is no chain: unknown authority, or one that bears a known name."""
        known = (*(a.certificate for a in self.trust.anchors), *self.trust.intermediates)
        imitated = imitates((signed.leaf, *signed.others), known)
        return self.policy.notice(findings.ISSUER_NAME_IMITATED if imitated else findings.ISSUER_NOT_TRUSTED)

    def state_of(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        used_at: datetime,
        *,
        proven: bool,
    ) -> RevocationState:
        """Whether one certificate was revoked at a time, as far as is known at the time of the check."""
        return self.revocation.state_of(certificate, issuer, used_at=used_at, known_at=self.at, proven=proven)


@dataclass(frozen=True, slots=True)
class CertificateJudgement:
    """A signer's certificate judged at the best signing time."""

    found: tuple[Finding, ...]
    revocation: RevocationState
    vouched: bool
    """No certificate of the chain was revoked, and all of them could be checked."""


_CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
_PINNED = RevocationState("good", "pin")
"""Nobody issued it, so nobody can revoke it but the operator, by taking the pin away."""
_UNASKED = RevocationState("unknown", reason="không có chuỗi chứng thư")


def judge_certificate(
    grounds: Grounds, signed: Evidence, chain: Chain | None, moment: datetime, *, proven: bool
) -> CertificateJudgement:
    """Judge validity, chain, revocation and algorithms at `moment`; `proven` when a timestamp proves it.

    1. Validity period of the signer's certificate (TT 15/2025 Phụ lục II 1.1). 2. Chain to a pinned
    anchor, each authority allowed and valid. 3. Revocation of every certificate (1.2). 4. Key usage
    (1.4). 5. Algorithms (1.3).
    """
    found = list(_period(grounds, signed.leaf, moment, proven=proven))  # 1
    state, vouched = _UNASKED, False
    if chain is None:  # 2
        found.append(grounds.untrusted(signed))
    else:
        if trouble := chain.trouble_at(moment):
            found.append(grounds.policy.notice(findings.CHAIN_INVALID, reason=trouble))
        states = [grounds.state_of(c, issuer, moment, proven=proven) for c, issuer in chain.links]  # 3
        state = states[0] if states else _PINNED
        if chain.is_pinned_signer:
            found.append(grounds.policy.notice(findings.SIGNER_PINNED))
        found += _revocation(grounds, states, proven=proven)
        vouched = all(s.status == "good" for s in states)
        if chain.is_weak(grounds.policy):
            found.append(grounds.policy.notice(findings.WEAK_CERTIFICATE))
    found += _usage(grounds, signed.leaf, chain)  # 4
    found += _algorithms(grounds, signed)  # 5
    return CertificateJudgement(tuple(found), state, vouched)


def _period(
    grounds: Grounds, certificate: x509.Certificate, moment: datetime, *, proven: bool
) -> Iterator[Finding]:
    notice = grounds.policy.notice
    if moment < certificate.not_valid_before_utc:
        yield notice(findings.NOT_YET_VALID_AT_SIGNING)
    elif moment > certificate.not_valid_after_utc:
        yield notice(findings.EXPIRED_AT_SIGNING)
    elif grounds.at > certificate.not_valid_after_utc and not proven:
        yield notice(findings.EXPIRED_SINCE_NO_PROOF)


def _told(moment: datetime | None) -> dict[str, str]:
    """A moment for a finding's sentences, as Vietnam's clocks show it; nothing where there is none."""
    if moment is None:
        return {}
    local = moment.astimezone(VIETNAM)
    return {"revoked_at": local.strftime("%d/%m/%Y %H:%M:%S"), "revoked_iso": local.isoformat()}


def _revocation(grounds: Grounds, states: list[RevocationState], *, proven: bool) -> Iterator[Finding]:
    """The signer's state first, then those of the authorities."""
    notice = grounds.policy.notice
    for place, state in enumerate(states):
        at = _told(state.revoked_at)
        if state.status == "unknown":
            yield notice(findings.REVOCATION_UNKNOWN, reason=state.reason)
        elif place and at and not (proven and state.status == "good"):
            yield notice(findings.ISSUER_REVOKED, **at)
        elif state.status == "revoked":
            yield notice(findings.REVOKED_AT_SIGNING, **at)
        elif state.status == "suspended":
            yield notice(findings.SUSPENDED_AT_SIGNING, **at)
        elif at:
            yield notice(findings.REVOKED_LATER if proven else findings.REVOKED_NO_PROOF, **at)


def _algorithms(grounds: Grounds, signed: Evidence) -> Iterator[Finding]:
    policy = grounds.policy
    if signed.digest not in policy.digests:
        yield policy.notice(findings.WEAK_DIGEST, algorithm=signed.digest)
    elif signed.digest in policy.outdated_digests:
        yield policy.notice(findings.OUTDATED_DIGEST, algorithm=signed.digest)
    if not key_allowed(signed.leaf, policy):
        yield policy.notice(findings.WEAK_KEY, key=key_description(signed.leaf))
    if not digest_allowed(signed.leaf, policy):
        yield policy.notice(findings.WEAK_CERTIFICATE)
    if signed.mechanism == "rsassa_pkcs1v15":
        yield policy.notice(findings.RSA_PKCS1_V15)


_SIGNING_PURPOSES = frozenset(
    x509.ObjectIdentifier(oid)
    for oid in (
        "1.3.6.1.5.5.7.3.4",  # emailProtection
        "1.3.6.1.5.5.7.3.36",  # documentSigning (RFC 9336)
        "1.3.6.1.4.1.311.10.3.12",  # Microsoft document signing
        "1.2.840.113583.1.1.5",  # Adobe authentic documents
        "2.5.29.37.0",  # anyExtendedKeyUsage
    )
)


def _usage(grounds: Grounds, leaf: x509.Certificate, chain: Chain | None) -> Iterator[Finding]:
    """Key usage of the signer; extended key usage, where there is one, of the signer and its authorities.

    Certificates for state agencies often name clientAuth; one that names nothing else was probably made
    for logging in, which is told and left to a person.
    """
    notice = grounds.policy.notice
    purposes = [_purposes(c) for c in (leaf, *(chain.intermediates if chain else ()))]
    logins = [p is not None and _CLIENT_AUTH in p and not p & _SIGNING_PURPOSES for p in purposes]
    wrong = any(
        p is not None and not p & _SIGNING_PURPOSES and not login
        for p, login in zip(purposes, logins, strict=True)
    )
    if wrong or not _may_sign(leaf):
        yield notice(findings.KEY_USAGE_WRONG)
    elif logins[0]:
        yield notice(findings.KEY_PURPOSE_UNUSUAL)


def _purposes(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier] | None:
    """The extended key usage; None when there is none, empty when it does not read."""
    try:
        return frozenset(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return None
    except ValueError:
        return frozenset()


def _may_sign(certificate: x509.Certificate) -> bool:
    """Key usage digitalSignature or nonRepudiation; a certificate that says nothing is not for signing."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return usage.digital_signature or usage.content_commitment
