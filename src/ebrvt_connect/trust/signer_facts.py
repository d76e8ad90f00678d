"""What a report tells of a signer and the certificate, the same for every format."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from cryptography import x509

from ebrvt_connect.trust.anchors import sha256_of
from ebrvt_connect.trust.chain import key_description
from ebrvt_connect.trust.names import issuer_name, managing_unit, signer_name
from ebrvt_connect.trust.verdict import Algorithms, CertificateFacts, RevocationFacts, SignatureKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.trust.grounds import CertificateJudgement, Grounds, ShownSigner


_MOST_STATEMENTS = 10
_LONGEST_STATEMENT = 200


def certificate_facts(
    signed: ShownSigner, judged: CertificateJudgement, grounds: Grounds
) -> dict[str, object]:
    """The fields of a `SignatureReport` that speak of the certificate at the best signing time."""
    leaf, state, chain = signed.leaf, judged.revocation, judged.chain
    in_period = leaf.not_valid_before_utc <= judged.moment <= leaf.not_valid_after_utc
    valid = None if in_period and state.status == "unknown" else in_period and state.status == "good"
    return {
        **identity_facts(signed),
        "role": grounds.trust.signers.role_of(sha256_of(leaf), judged.moment),
        "signature_kind": SignatureKind.OTHER if chain is None else chain.anchor.kind,
        "certificate_valid_at_best_time": valid,
        "revocation": RevocationFacts(
            status=state.status,
            source=state.source,
            this_update=state.this_update,
            next_update=state.next_update,
            revoked_at=state.revoked_at,
            sha256=state.sha256,
            fetched_at=state.fetched_at,
        ),
        "chain": () if chain is None else tuple(sha256_of(c) for c in chain.certificates),
    }


def identity_facts(signed: ShownSigner) -> dict[str, object]:
    """The fields that tell who signed with what, before anything is judged."""
    leaf = signed.leaf
    return {
        "signer": signer_name(leaf),
        "issuer": issuer_name(leaf),
        "managing_unit": managing_unit(leaf),
        "algorithms": Algorithms(digest=signed.digest, signature=signed.mechanism, key=key_description(leaf)),
        "certificate": CertificateFacts(
            sha256=sha256_of(leaf),
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            statements=tuple(islice(_statements(leaf), _MOST_STATEMENTS)),
        ),
    }


def _statements(certificate: x509.Certificate) -> Iterator[str]:
    """Certificate policies (RFC 5280, 4.2.1.4): nothing where the extension is absent or does not read."""
    try:
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except (x509.ExtensionNotFound, ValueError):
        return
    for policy in policies:
        yield policy.policy_identifier.dotted_string
        for qualifier in policy.policy_qualifiers or ():
            text = qualifier.explicit_text if isinstance(qualifier, x509.UserNotice) else qualifier
            if text:
                yield str(text)[:_LONGEST_STATEMENT]
