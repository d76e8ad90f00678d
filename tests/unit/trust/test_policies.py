"""Three policies: what passes under one and not under another, and never for a reason nobody gave."""

from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.trust.policy import ETSI_STRICT, POLICIES, VN_2025, VN_LEGACY_2018
from ebrvt_connect.trust.verdict import Indication, SubIndication
from tests.unit.trust.samples import AGENCY, AT, EARLY

PASSED, UNCLEAR = Indication.TOTAL_PASSED, Indication.INDETERMINATE
LATE = datetime(2020, 1, 1, tzinfo=UTC)
"""Too late for SHA-1, by some hours."""


def codes(report):
    return {finding.code for finding in report.all_findings()}


def test_policies_are_known_by_their_ids_and_differ_in_their_hashes():
    assert set(POLICIES) == {"VN_2025", "VN_LEGACY_2018", "ETSI_STRICT"}
    assert len({policy.reference.sha256 for policy in POLICIES.values()}) == 3


@pytest.mark.parametrize("policy", [VN_2025, VN_LEGACY_2018], ids=lambda p: p.id)
def test_claimed_time_passes_with_a_loud_warning(desk, policy):
    report = desk.verdict(desk.signed(), policy=policy)

    assert report.indication is PASSED
    assert "NO_TIMESTAMP" in codes(report)


def test_claimed_time_is_nothing_to_the_strict_policy(desk):
    report = desk.verdict(desk.signed(), policy=ETSI_STRICT)

    assert (report.indication, report.sub_indications) == (UNCLEAR, (SubIndication.NO_POE,))
    assert desk.verdict(desk.signed(timestamper=desk.stamped()), policy=ETSI_STRICT).indication is PASSED


def test_sha1_of_a_time_when_it_was_safe_passes_under_the_old_policy_alone(desk):
    old = desk.signed(at=EARLY, digest="sha1", timestamper=desk.stamped(EARLY))

    told = {policy.id: desk.verdict(old, policy=policy) for policy in POLICIES.values()}

    assert {name: report.indication for name, report in told.items()} == {
        "VN_2025": UNCLEAR,
        "VN_LEGACY_2018": PASSED,
        "ETSI_STRICT": UNCLEAR,
    }
    assert "OUTDATED_DIGEST" in codes(told["VN_LEGACY_2018"])
    assert told["VN_LEGACY_2018"].policy == VN_LEGACY_2018.reference


@pytest.mark.parametrize(
    "at",
    [None, LATE - timedelta(hours=6), LATE, AT],
    ids=["unproven", "in the new year's night", "2020", "now"],
)
def test_sha1_without_proof_of_an_early_time_never_passes(desk, at):
    stamper = None if at is None else desk.stamped(at)
    report = desk.verdict(
        desk.signed(at=at or EARLY, digest="sha1", timestamper=stamper), policy=VN_LEGACY_2018
    )

    assert report.indication is not PASSED
    assert "WEAK_DIGEST" in codes(report)


def test_timestamp_of_an_impostor_does_not_make_sha1_safe(desk):
    stamper = desk.stamped(EARLY, impostor=True)
    report = desk.verdict(desk.signed(at=EARLY, digest="sha1", timestamper=stamper), policy=VN_LEGACY_2018)

    assert report.indication is not PASSED


def test_what_is_weaker_than_sha1_passes_nowhere(desk):
    unbound = VN_LEGACY_2018.model_copy(update={"digests": ("sha512",)})
    old = desk.signed(at=EARLY, digest="sha256", timestamper=desk.stamped(EARLY))

    assert "WEAK_DIGEST" in codes(desk.verdict(old, policy=unbound))


def test_cms_and_xml_know_the_policies_too(desk, pki):
    cms = signed_cms(b"noi dung", [pki.signer(AGENCY)], signed_at=AT)
    xml = signed_xml(result_paper_xml("Giấy phép", {"Số": "1"}), [pki.signer(AGENCY)])

    for content in (cms, xml):
        assert desk.verdict(content, policy=VN_LEGACY_2018).indication is PASSED
        assert desk.verdict(content, policy=ETSI_STRICT).indication is UNCLEAR
