"""Three policies: what passes under one and not under another, and never for a reason nobody gave."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.testing.pki_issue import revocation_list
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.transport.signers import KeySigner, sign_pdf
from ebrvt_connect.trust.policy import ETSI_STRICT, POLICIES, VN_2025, VN_LEGACY_2018, PolicyId
from ebrvt_connect.trust.revocation import RevocationArchive
from ebrvt_connect.trust.verdict import Indication, SignatureRole, SubIndication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.samples import (
    AGENCY,
    AT,
    EARLY,
    list_signed_with_sha1,
    plain_pdf,
    signed_with_sha1,
)

PASSED, UNCLEAR = Indication.TOTAL_PASSED, Indication.INDETERMINATE
LATE = datetime(2020, 1, 1, tzinfo=UTC)
"""Too late for SHA-1, by some hours."""
MONTH = timedelta(days=30)


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


@pytest.fixture
def old_seal(pki):
    """The agency's seal with a certificate signed by SHA-1, as those of before 2017 are."""
    issuer = pki.identity("issuer")
    seal = pki.signer(AGENCY)
    known = x509.load_der_x509_certificate(seal.certificate.dump())
    old = signed_with_sha1(known, issuer.key).public_bytes(Encoding.DER)
    return KeySigner(asn1_x509.Certificate.load(old), seal._key, seal.chain)


@pytest.mark.parametrize(
    ("at", "expected"), [(EARLY, PASSED), (AT, UNCLEAR)], ids=["proven of an early time", "of today"]
)
def test_a_certificate_signed_with_sha1_is_judged_by_the_policy(desk, old_seal, at, expected):
    stamped = sign_pdf(
        plain_pdf(), old_seal, role=SignatureRole.AGENCY, signed_at=at, timestamper=desk.stamped(at)
    )

    legacy, today = (desk.verdict(stamped, policy=policy) for policy in (VN_LEGACY_2018, VN_2025))

    assert (legacy.indication, today.indication) == (expected, UNCLEAR)
    assert today.sub_indications == (SubIndication.CRYPTO_CONSTRAINTS_FAILURE,)


def test_a_sha1_signature_by_another_key_is_no_link_of_a_chain(desk, pki, old_seal):
    known = x509.load_der_x509_certificate(old_seal.certificate.dump())
    forged = signed_with_sha1(known, pki.identity("impostor-root").key).public_bytes(Encoding.DER)
    signer = KeySigner(asn1_x509.Certificate.load(forged), old_seal._key, old_seal.chain)
    stamper = desk.stamped(EARLY)
    report = desk.verdict(
        sign_pdf(plain_pdf(), signer, role=SignatureRole.AGENCY, signed_at=EARLY, timestamper=stamper),
        policy=VN_LEGACY_2018,
    )

    assert report.indication is not PASSED


@pytest.fixture
def old_list(pki):
    """A store in which the list of the signer's issuer is signed with SHA-1, and was made at a time."""

    def make(made):
        issuer = pki.identity("issuer")
        listed = revocation_list(issuer, [], issued_at=made, next_at=made + MONTH)
        store = pki.trust_store()
        kept = tuple(c for c in store.revocation.crls if c.issuer != issuer.certificate.subject)
        old = RevocationArchive.of([list_signed_with_sha1(listed, issuer.key)])
        return replace(store, revocation=RevocationArchive(kept) + old)

    return make


@pytest.mark.parametrize(
    ("signed", "made", "expected"),
    [
        (EARLY, EARLY + MONTH, PASSED),
        (EARLY, LATE, UNCLEAR),
        (EARLY, LATE - MONTH, PASSED),
        (LATE, LATE - timedelta(days=1), UNCLEAR),
        (AT, AT, UNCLEAR),
    ],
    ids=["both early", "list of 2020", "list of 2019", "signed in 2020", "today"],
)
def test_lists_signed_with_sha1_count_as_the_policy_says(desk, old_list, signed, made, expected):
    trust = old_list(made)
    pdf = desk.signed(at=signed, timestamper=desk.stamped(signed))

    legacy, today = (verify_bytes(pdf, policy=p, trust=trust, at=AT) for p in (VN_LEGACY_2018, VN_2025))

    assert (legacy.indication, today.indication) == (expected, UNCLEAR)
    assert "REVOCATION_UNKNOWN" in codes(today)


def test_without_a_timestamp_no_list_signed_with_sha1_counts(desk, old_list):
    trust = old_list(EARLY + MONTH)
    report = verify_bytes(desk.signed(at=EARLY), policy=VN_LEGACY_2018, trust=trust, at=AT)

    assert (report.indication, "REVOCATION_UNKNOWN" in codes(report)) == (UNCLEAR, True)


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


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        (("person", "agency"), set()),
        (("agency", "person"), {"SEAL_OLDER_THAN_LEADER"}),
        (("agency",), {"SEAL_WITHOUT_LEADER"}),
        (("person",), set()),
    ],
    ids=str,
)
def test_a_file_tells_what_is_unusual_about_leader_and_seal(desk, roles, told):
    pdf = None
    for role in roles:
        pdf = desk.signed(pdf, role=role, timestamper=desk.stamped())

    report = desk.verdict(pdf)

    assert report.indication is PASSED
    assert codes(report) & {"SEAL_OLDER_THAN_LEADER", "SEAL_WITHOUT_LEADER"} == told


def test_the_ids_in_configuration_and_on_the_command_line_are_those_of_the_policies():
    assert get_args(PolicyId) == tuple(POLICIES) == tuple(p.id for p in POLICIES.values())
