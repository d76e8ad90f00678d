"""Our time reasoning beside pyHanko's AdES validation: where they differ, and why (decision 15)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation.ades import ades_with_time_validation
from pyhanko.sign.validation.policy_decl import (
    CertValidationPolicySpec,
    CRLContainer,
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
    ValidationTimingInfo,
)
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager

from ebrvt_connect.testing.pki_issue import REVOKED_AT
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AGENCY, AT, EARLY
from tests.unit.trust.time_samples import content_stamped_cms, lists_of

PASSED, UNCLEAR, FAILED = Indication
CONTENT = b"noi dung"
LAPSED = datetime(2018, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def theirs(desk, data, at=AT):
    """PyHanko's indication and its reason."""

    def loaded(certificate):
        return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))

    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build([loaded(a.certificate) for a in desk.trust.anchors]),
        revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
    )
    spec = SignatureValidationSpec(
        cert_validation_policy=policy,
        ts_cert_validation_policy=policy,
        revinfo_gathering_policy=RevocationInfoGatheringSpec(
            online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY
        ),
        local_knowledge=LocalKnowledge(
            known_crls=[CRLContainer(asn1_crl.CertificateList.load(c)) for c in lists_of(desk.trust)],
            known_certs=[loaded(c) for c in desk.trust.intermediates],
        ),
    )
    content = cms.ContentInfo.load(data)["content"]
    result = asyncio.run(
        ades_with_time_validation(
            content,
            spec,
            timing_info=ValidationTimingInfo(at, at, point_in_time_validation=True),
        )
    )
    status = {"PASSED": PASSED, "INDETERMINATE": UNCLEAR, "FAILED": FAILED}[result.ades_subindic.status.name]
    return status, getattr(result.ades_subindic, "name", "OK")


def plain(desk, flavour="good", at=AT, after=None):
    stamper = None if after is None else desk.stamped(after)
    return signed_cms(CONTENT, [desk.pki.signer(AGENCY, flavour=flavour)], signed_at=at, timestamper=stamper)


def before(desk, flavour, at, after=None):
    after = None if after is None else desk.stamped(after)
    return content_stamped_cms(desk, CONTENT, flavour=flavour, before=desk.stamped(at), after=after)


AGREED: dict[str, tuple] = {
    "good, timestamped": (lambda d: plain(d, after=AT), PASSED, "OK"),
    "revoked since, timestamped before": (lambda d: plain(d, "revoked", EARLY, EARLY), PASSED, "OK"),
    "revoked before the timestamp": (lambda d: plain(d, "revoked", EARLY, AT), UNCLEAR, "REVOKED_NO_POE"),
    "revoked before the content timestamp": (
        lambda d: before(d, "revoked", REVOKED_AT + HOUR),
        FAILED,
        "REVOKED",
    ),
    "expired since, timestamped before": (lambda d: plain(d, "expired", EARLY, EARLY), PASSED, "OK"),
    "unknown authority": (lambda d: plain(d, "impostor"), UNCLEAR, "NO_CERTIFICATE_CHAIN_FOUND"),
}
"""Both say the same: how it is made, the indication, the reason."""
DIFFERENT: dict[str, tuple] = {
    # Its basic validation ends at the missing timestamp, whatever else there is to say.
    "good": (plain, (PASSED, "OK"), (UNCLEAR, "SIG_CONSTRAINTS_FAILURE")),
    "revoked before the claimed time": (
        lambda d: plain(d, "revoked"),
        (UNCLEAR, "REVOKED_NO_POE"),
        (UNCLEAR, "SIG_CONSTRAINTS_FAILURE"),
    ),
    "expired before the claimed time": (
        lambda d: plain(d, "expired"),
        (UNCLEAR, "OUT_OF_BOUNDS_NO_POE"),
        (UNCLEAR, "SIG_CONSTRAINTS_FAILURE"),
    ),
    # It holds the best time against notBefore alone (its own note says so): a false accept.
    "expired before the timestamp": (
        lambda d: plain(d, "expired", EARLY, AT),
        (UNCLEAR, "OUT_OF_BOUNDS_NO_POE"),
        (PASSED, "OK"),
    ),
    # The same reason, counted among the undecided; EN 319 102-1 table 5 has EXPIRED under TOTAL-FAILED.
    "expired before the content timestamp": (
        lambda d: before(d, "expired", LAPSED),
        (FAILED, "EXPIRED"),
        (UNCLEAR, "EXPIRED"),
    ),
    # The check itself proves that it was made before notBefore; pyHanko stops at the path.
    "not yet valid": (
        lambda d: plain(d, "future"),
        (FAILED, "NOT_YET_VALID"),
        (UNCLEAR, "CERTIFICATE_CHAIN_GENERAL_FAILURE"),
    ),
    # It never compares the two: EN 319 102-1, 5.5.4 step 5 does.
    "content timestamp after signature timestamp": (
        lambda d: before(d, "good", AT, AT - HOUR),
        (UNCLEAR, "TIMESTAMP_ORDER_FAILURE"),
        (PASSED, "OK"),
    ),
}
"""How it is made, what we say, what pyHanko says; each with the reason in ADR 0015."""


def ours(desk, data):
    report = desk.verdict(data)
    return report.indication, next((str(s) for s in report.sub_indications), "OK")


@pytest.mark.parametrize("name", AGREED)
def test_both_say_the_same(desk, name):
    make, *expected = AGREED[name]
    data = make(desk)

    assert (ours(desk, data), theirs(desk, data)) == (tuple(expected), tuple(expected))


@pytest.mark.parametrize("name", DIFFERENT)
def test_differences_are_those_that_are_explained(desk, name):
    make, here, there = DIFFERENT[name]
    data = make(desk)

    assert (ours(desk, data), theirs(desk, data)) == (here, there)
