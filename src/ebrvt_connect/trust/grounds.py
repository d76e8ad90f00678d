"""What one verification rests on, and the judgement of a certificate at a time that all formats share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.trust import findings, level_findings
from ebrvt_connect.trust.chain import (
    chain_to_anchor,
    digest_allowed,
    imitates,
    key_allowed,
    key_description,
    unchecked_algorithm,
)
from ebrvt_connect.trust.inquiry import Question
from ebrvt_connect.trust.names import issuer_name, signer_name
from ebrvt_connect.trust.revocation import RevocationState
from ebrvt_connect.trust.times import told
from ebrvt_connect.trust.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.trust.anchors import Anchor, TrustStore
    from ebrvt_connect.trust.chain import Chain
    from ebrvt_connect.trust.embedded import Embedded
    from ebrvt_connect.trust.inquiry import Inquiry
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.revocation import RevocationArchive
    from ebrvt_connect.trust.times import SigningTime
    from ebrvt_connect.trust.verdict import SignatureReport


class ShownSigner(Protocol):
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
    sha256: str = ""
    """Of the file (hex), where judging it has hashed all of it anyway."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """Policy, trust, revocation lists and the time of the check; the same grounds give the same verdict."""

    policy: VerificationPolicy
    trust: TrustStore
    revocation: RevocationArchive
    at: datetime
    hints: tuple[x509.Certificate, ...] = ()
    """Certificates that came along with the file as a whole; trusted no more than those of a signature."""
    embedded: RevocationArchive | None = None
    """Revocation data that came along; `revocation` has it too."""
    notes: Inquiry | None = field(default=None, compare=False)
    """Where it is written down what was asked and looked at, for whoever may find more or keeps evidence."""

    @classmethod
    def of(
        cls,
        policy: VerificationPolicy,
        trust: TrustStore,
        at: datetime,
        revocation: RevocationArchive | None = None,
        notes: Inquiry | None = None,
    ) -> Grounds:
        """`revocation` adds lists to those of the trust store. Raises `ValueError` for a naive time."""
        if at.tzinfo is None:
            raise ValueError(f"the time of a verification must be aware, got {at!r}")
        archive = trust.revocation if revocation is None else trust.revocation + revocation
        return cls(policy, trust, archive, at, notes=notes)

    def as_proven(self, time: SigningTime) -> Grounds:
        """The grounds for what was signed then, where a timestamp proves it."""
        return replace(self, policy=self.policy.as_of(time.best.value if time.proven else None))

    def with_evidence(self, found: Embedded) -> Grounds:
        """The grounds with what a file brings along: each piece stands by its issuer's signature alone."""
        hints = (*self.hints, *found.certificates)
        if found.revocation is None:
            return replace(self, hints=hints)
        if self.notes is not None:
            self.notes.embedded.append(found.revocation)
        embedded = found.revocation if self.embedded is None else self.embedded + found.revocation
        return replace(self, hints=hints, revocation=self.revocation + found.revocation, embedded=embedded)

    @property
    def tolerance(self) -> timedelta:
        """How much clocks may differ."""
        return timedelta(seconds=self.policy.clock_tolerance_seconds)

    def lies_ahead(self, moment: datetime) -> bool:
        """Whether a time is later than the check by more than clocks may differ."""
        return moment > self.at + self.tolerance

    def chain_of(self, signed: ShownSigner, anchors: tuple[Anchor, ...], moment: datetime) -> Chain | None:
        """The signer's chain, from what the signature carries and the store's hints."""
        hints = (*signed.others, *self.hints, *self.trust.intermediates)
        return chain_to_anchor(signed.leaf, hints, anchors, moment)

    def untrusted(self, signed: ShownSigner) -> Finding:
        """Why there is no chain: unknown authority, or one that bears a known name."""
        known = (*(a.certificate for a in self.trust.anchors), *self.trust.intermediates)
        imitated = imitates((signed.leaf, *signed.others, *self.hints), known)
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
        state = self.revocation.state_of(
            certificate,
            issuer,
            used_at=used_at,
            known_at=self.at,
            proven=proven,
            sha1_until=self.policy.sha1_until if proven else None,
        )
        if self.notes is not None:
            self.notes.questions.append(Question(certificate, issuer, used_at, proven, state))
        return state


@dataclass(frozen=True, slots=True)
class CertificateJudgement:
    """A signer's certificate judged at the best signing time."""

    chain: Chain | None
    """To a pinned anchor; None when there is none."""
    time: SigningTime
    found: tuple[Finding, ...]
    revocation: RevocationState
    vouched: bool
    """No certificate of the chain was revoked, and all of them could be checked."""

    @property
    def moment(self) -> datetime:
        """The best known signing time."""
        return self.time.best.value


_CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
_PINNED = RevocationState("good", "pin")
"""Nobody issued it, so nobody can revoke it but the operator, by taking the pin away."""
_UNASKED = RevocationState("unknown", reason="không có chuỗi chứng thư")


def judge_certificate(grounds: Grounds, signed: ShownSigner, time: SigningTime) -> CertificateJudgement:
    """Judge validity, chain, revocation and algorithms at the best signing time.

    1. Validity period of the signer's certificate (TT 15/2025 Phụ lục II 1.1). 2. Chain to a pinned
    anchor, each authority allowed and valid. 3. Revocation of every certificate (1.2). 4. Key usage
    (1.4). 5. Algorithms (1.3).
    """
    moment = time.best.value
    chain = grounds.chain_of(signed, grounds.trust.for_signing, moment)
    found = list(_period(grounds, signed.leaf, time))  # 1
    state, vouched = _UNASKED, False
    if chain is None:  # 2
        found.append(grounds.untrusted(signed))
    else:
        found += _chain_trouble(grounds, chain, time)
        states = [grounds.state_of(c, issuer, moment, proven=time.proven) for c, issuer in chain.links]  # 3
        state = states[0] if states else _PINNED
        if chain.is_pinned_signer:
            found.append(grounds.policy.notice(findings.SIGNER_PINNED))
        found += _revocation(grounds, chain, states, time)
        vouched = all(s.status == "good" for s in states)
        if chain.is_weak(grounds.policy):
            found.append(grounds.policy.notice(findings.WEAK_CERTIFICATE))
    found += _usage(grounds, signed.leaf, chain)  # 4
    found += _algorithms(grounds, signed)  # 5
    return CertificateJudgement(chain, time, tuple(found), state, vouched)


def _period(grounds: Grounds, certificate: x509.Certificate, time: SigningTime) -> Iterator[Finding]:
    """Within its period at the best time; failed only where another time is proven (EN 319 102-1, 5.3.4)."""
    notice = grounds.policy.notice
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if time.latest < begins:
        yield notice(findings.NOT_YET_VALID_AT_SIGNING)
    elif time.earliest is not None and time.earliest > ends:
        yield notice(findings.EXPIRED_AT_SIGNING)
    elif time.best.value < begins:
        yield notice(level_findings.CLAIMED_BEFORE_VALIDITY)
    elif time.best.value > ends or (grounds.at > ends and not time.proven):
        yield notice(findings.EXPIRED_SINCE_NO_PROOF)


def _chain_trouble(grounds: Grounds, chain: Chain, time: SigningTime) -> Iterator[Finding]:
    """The authorities at the best time, and today as well: a claimed time is as old as one likes to say."""
    # The operator's bounds must hold today too, where nothing but the signer's word says otherwise.
    today = "" if time.proven else chain.anchor.trouble_at(grounds.at)
    if trouble := chain.trouble_at(time.best.value) or today:
        yield grounds.policy.notice(findings.CHAIN_INVALID, reason=trouble)
    elif not time.proven and chain.trouble_at(grounds.at):
        yield grounds.policy.notice(level_findings.CHAIN_LAPSED_NO_PROOF)


def _revocation(
    grounds: Grounds, chain: Chain, states: list[RevocationState], time: SigningTime
) -> Iterator[Finding]:
    """The signer's state first, then those of the authorities."""
    notice = grounds.policy.notice
    for place, state in enumerate(states):
        at = told("revoked_at", state.revoked_at)
        if state.status == "unknown":
            certificate, _ = chain.links[place]
            authority = f"“{signer_name(certificate).cn}”" if place else ""
            yield notice(
                findings.REVOCATION_UNKNOWN,
                reason=state.reason,
                whose=f"chứng thư số của {f'cơ quan cấp {authority}' if place else 'người ký'}",
                whose_en=f"the authority {authority}" if place else "the signer",
                issuer=f"“{issuer_name(certificate)}”",
            )
        elif place and at and not (time.proven and state.status == "good"):
            yield notice(findings.ISSUER_REVOKED, **at)
        elif state.status in _WITHDRAWN:
            proven, unproven = _WITHDRAWN[state.status]
            since = state.revoked_at
            yield notice(proven if since is not None and time.was_made_after(since) else unproven, **at)
        elif at:
            yield notice(findings.REVOKED_LATER if time.proven else findings.REVOKED_NO_PROOF, **at)


_WITHDRAWN = {
    "revoked": (findings.REVOKED_AT_SIGNING, findings.REVOKED_NO_PROOF),
    "suspended": (findings.SUSPENDED_AT_SIGNING, level_findings.SUSPENDED_NO_PROOF),
}
"""What is found where a content timestamp proves that it was signed after, and where nothing does."""


def _algorithms(grounds: Grounds, signed: ShownSigner) -> Iterator[Finding]:
    policy = grounds.policy
    if signed.digest not in policy.digests:
        yield policy.notice(findings.WEAK_DIGEST, algorithm=signed.digest)
    elif signed.digest in policy.outdated_digests:
        yield policy.notice(findings.OUTDATED_DIGEST, algorithm=signed.digest)
    if not key_allowed(signed.leaf, policy):
        yield policy.notice(findings.WEAK_KEY, key=key_description(signed.leaf))
    if unchecked := unchecked_algorithm(signed.leaf):
        yield policy.notice(level_findings.ALGORITHM_NOT_CHECKED, reason=unchecked)
    elif not digest_allowed(signed.leaf, policy):
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


def is_for_signing(certificate: x509.Certificate) -> bool:
    """Whether what a certificate is for lets it sign documents, by itself: what a signer asks beforehand."""
    purposes = _purposes(certificate)
    allowed = purposes is None or _CLIENT_AUTH in purposes or bool(purposes & _SIGNING_PURPOSES)
    return allowed and _may_sign(certificate)


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
