"""When it was signed: content before, signature after, documents around; what each proves and what not."""

from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.testing.pki_issue import REVOKED_AT
from ebrvt_connect.trust.policy import ETSI_STRICT, POLICIES, VN_2025, VN_LEGACY_2018
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AT, EARLY, CopiedTimestamps, flipped_at, plain_pdf
from tests.unit.trust.time_samples import (
    content_stamped,
    content_stamped_cms,
    document_stamped,
    lists_of,
    pkcs7_sha1,
    stamper_of,
    with_store,
)

PASSED, UNCLEAR, FAILED = Indication
HOUR = timedelta(hours=1)
MIDWAY = datetime(2017, 1, 1, tzinfo=UTC)
"""After the revocation, before the expired ones expire."""
LAPSED = datetime(2018, 1, 2, tzinfo=UTC)
"""After the expired ones expired."""


def codes(report):
    return {f.code for f in report.all_findings()}


def told(report):
    return report.indication, {str(s) for s in report.sub_indications}


# --- content timestamps: no earlier than ---------------------------------------------------------------


@pytest.mark.parametrize("form", ["pdf", "cms"])
@pytest.mark.parametrize(
    ("flavour", "before", "after", "expected", "code"),
    [
        ("good", AT - HOUR, None, PASSED, None),
        ("good", AT - HOUR, AT, PASSED, None),
        ("revoked", REVOKED_AT, None, FAILED, "REVOKED_AT_SIGNING"),
        ("revoked", MIDWAY, AT, FAILED, "REVOKED_AT_SIGNING"),
        ("revoked", EARLY, AT, UNCLEAR, "REVOKED_NO_PROOF"),
        ("revoked", EARLY, EARLY + HOUR, PASSED, "REVOKED_LATER"),
        ("expired", LAPSED, AT, FAILED, "EXPIRED_AT_SIGNING"),
        ("expired", LAPSED, None, FAILED, "EXPIRED_AT_SIGNING"),
        ("expired", EARLY, AT, UNCLEAR, "EXPIRED_SINCE_NO_PROOF"),
        ("good", AT, AT - HOUR, UNCLEAR, "TIMESTAMP_OUT_OF_ORDER"),
    ],
)
def test_what_a_content_timestamp_proves(desk, form, flavour, before, after, expected, code):
    stamps = {"before": desk.stamped(before), "after": after and desk.stamped(after)}
    at = before if after is None else after
    if form == "pdf":
        data = content_stamped(desk, flavour=flavour, at=at, **stamps)
    else:
        data = content_stamped_cms(desk, b"noi dung", flavour=flavour, at=at, **stamps)

    report = desk.verdict(data)

    assert report.indication is expected, codes(report)
    assert code is None or code in codes(report)
    (signature,) = report.signatures
    assert signature.earliest_time == before
    assert signature.timestamps[0].kind == "content"


def test_the_failure_names_its_reason(desk):
    stamps = {"before": desk.stamped(MIDWAY), "after": desk.stamped(AT)}

    assert told(desk.verdict(content_stamped(desk, flavour="revoked", **stamps))) == (FAILED, {"REVOKED"})
    stamps["before"] = desk.stamped(LAPSED)
    assert told(desk.verdict(content_stamped(desk, flavour="expired", **stamps))) == (FAILED, {"EXPIRED"})


def test_a_claim_before_the_content_timestamp_is_not_believed(desk):
    """Claimed while the certificate lived, but the content was stamped after."""
    data = content_stamped_cms(desk, b"x", flavour="expired", before=desk.stamped(LAPSED), at=EARLY)

    report = desk.verdict(data)

    assert told(report) == (FAILED, {"EXPIRED"})
    assert "CLAIMED_TIME_TOO_EARLY" in codes(report)
    assert report.signatures[0].best_time.proof == "validation"


def test_a_content_timestamp_nobody_trusts_proves_nothing(desk):
    data = content_stamped_cms(desk, b"x", flavour="revoked", before=desk.stamped(AT, impostor=True))

    report = desk.verdict(data)

    assert told(report) == (UNCLEAR, {"REVOKED_NO_POE"})
    assert {"TIMESTAMP_NOT_TRUSTED", "REVOKED_NO_PROOF"} <= codes(report)
    assert report.signatures[0].earliest_time is None


def test_a_content_timestamp_of_another_content_is_told_as_broken(desk):
    data = content_stamped_cms(desk, b"x", before=CopiedTimestamps(desk.stamped(AT - HOUR)))

    assert "TIMESTAMP_BROKEN" in codes(desk.verdict(data))


def test_without_a_timestamp_a_claimed_time_before_the_certificate_is_undecided(desk):
    report = desk.verdict(desk.signed(at=datetime(2014, 6, 1, tzinfo=UTC)))

    assert told(report) == (UNCLEAR, {"OUT_OF_BOUNDS_NO_POE"})
    assert "CLAIMED_BEFORE_VALIDITY" in codes(report)


def test_a_timestamp_before_the_certificate_has_failed_it(desk):
    report = desk.verdict(desk.signed(flavour="future", timestamper=desk.stamped()), at=AT.replace(year=2048))

    assert told(report) == (FAILED, {"NOT_YET_VALID"})


# --- document timestamps: no later than, one over the other -------------------------------------------


def test_a_timestamp_whose_certificate_has_expired_since_proves_nothing(desk, pki):
    old = stamper_of(pki, EARLY, valid_to=MIDWAY)
    report = desk.verdict(desk.signed(flavour="expired", at=EARLY, timestamper=old))

    assert told(report) == (UNCLEAR, {"OUT_OF_BOUNDS_NO_POE"})
    assert "TIMESTAMP_NOT_TRUSTED" in codes(report)


@pytest.mark.parametrize(
    ("renewed_at", "expected"),
    [(MIDWAY - HOUR, PASSED), (MIDWAY + HOUR, UNCLEAR)],
    ids=["in time", "too late"],
)
@pytest.mark.parametrize("first", ["signature", "document"])
def test_a_newer_timestamp_made_in_time_saves_the_older(desk, pki, first, renewed_at, expected):
    old = stamper_of(pki, EARLY, valid_to=MIDWAY)
    # Expires between the two candidates for renewal: only the first proves a signature of its day.
    pdf = desk.signed(flavour="revoked", at=EARLY, timestamper=old if first == "signature" else None)
    if first == "document":
        pdf = document_stamped(pdf, old)

    report = desk.verdict(document_stamped(pdf, desk.stamped(renewed_at)))

    assert report.indication is expected
    assert ("TIMESTAMP_RENEWED" in codes(report)) is (expected is PASSED)
    if expected is PASSED:
        assert report.signatures[0].best_time.value == EARLY


def test_three_timestamps_in_a_chain_carry_the_oldest_through(desk, pki):
    pdf = desk.signed(flavour="revoked", at=EARLY)
    for made, until in (
        (EARLY, datetime(2016, 6, 1, tzinfo=UTC)),
        (datetime(2016, 3, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC)),
        (datetime(2018, 6, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)),
    ):
        pdf = document_stamped(pdf, stamper_of(pki, made, valid_to=until))

    report = desk.verdict(pdf)

    assert report.indication is PASSED, codes(report)
    assert [s.role for s in report.signatures] == ["agency", "timestamp", "timestamp", "timestamp"]
    assert report.signatures[0].best_time.value == EARLY


def test_document_timestamps_out_of_order_are_undecided(desk):
    pdf = document_stamped(desk.with_document_timestamp(desk.signed(at=EARLY)), desk.stamped(MIDWAY))

    report = desk.verdict(pdf)

    assert told(report) == (UNCLEAR, {"TIMESTAMP_ORDER_FAILURE"})


def test_a_signature_timestamp_later_than_the_documents_is_undecided(desk):
    pdf = desk.with_document_timestamp(desk.signed(timestamper=desk.stamped()), MIDWAY)

    assert told(desk.verdict(pdf)) == (UNCLEAR, {"TIMESTAMP_ORDER_FAILURE"})


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda p: p.id)
def test_a_document_timestamp_alone_is_no_signature(desk, policy):
    report = desk.verdict(desk.with_document_timestamp(plain_pdf()), policy=policy)

    assert told(report) == (UNCLEAR, {"SIGNED_DATA_NOT_FOUND"})
    assert "DOCUMENT_TIMESTAMP_ALONE" in codes(report)


# --- levels and evidence -------------------------------------------------------------------------------


def test_levels_are_told_as_far_as_they_hold(desk):
    lists = lists_of(desk.trust)
    basic, timed = desk.signed(), desk.signed(timestamper=desk.stamped())
    long_term = with_store(timed, crls=lists)

    def level(pdf):
        return desk.verdict(pdf).signatures[0].level

    assert [level(p) for p in (basic, timed, long_term)] == ["B-B", "B-T", "B-LT"]
    assert level(desk.with_document_timestamp(long_term)) == "B-LTA"
    assert level(with_store(basic, crls=lists)) == "B-B"
    assert level(with_store(timed, crls=[])) == "B-T"
    assert level(desk.signed(pades=False)) in {"", "B-B"}


def test_revocation_lists_in_the_file_answer_where_the_folder_has_none(desk):
    pdf = with_store(desk.signed(timestamper=desk.stamped()), crls=lists_of(desk.trust))
    bare = desk.without_revocation_lists()

    assert bare.verdict(desk.signed(timestamper=desk.stamped())).indication is UNCLEAR
    report = bare.verdict(pdf)
    assert (report.indication, report.signatures[0].revocation.source) == (PASSED, "crl")


def test_a_list_in_the_file_cannot_hide_a_revocation(desk, pki):
    from ebrvt_connect.testing.pki_issue import VALID_TO, revocation_list

    clean = revocation_list(pki.identity("issuer"), (), issued_at=AT - HOUR, next_at=VALID_TO)
    pdf = with_store(desk.signed(flavour="revoked", timestamper=desk.stamped()), crls=[clean])

    assert told(desk.verdict(pdf)) == (UNCLEAR, {"REVOKED_NO_POE"})


def test_a_list_of_an_impostor_in_the_file_counts_for_nothing(desk, pki):
    from ebrvt_connect.testing.pki_issue import revocation_list

    forged = revocation_list(pki.identity("impostor-issuer"), ())
    pdf = with_store(desk.signed(timestamper=desk.stamped()), crls=[forged, b"\x30\x00"][:1])

    assert desk.without_revocation_lists().verdict(pdf).indication is UNCLEAR


def test_an_authority_in_the_file_completes_the_chain(desk, pki):
    from dataclasses import replace

    from asn1crypto import cms

    from tests.unit.trust.samples import with_signed_data

    def leaf_only(data):
        serial = data["signer_infos"][0]["sid"].chosen["serial_number"].native
        data["certificates"] = cms.CertificateSet(
            [c for c in data["certificates"] if c.chosen.serial_number == serial]
        )

    pdf = with_signed_data(desk.signed(), leaf_only)
    bare = type(desk)(pki, replace(desk.trust, intermediates=()))

    assert bare.verdict(pdf).indication is UNCLEAR
    assert bare.verdict(with_store(pdf, certs=[pki.identity("issuer").certificate])).indication is PASSED


# --- the old form --------------------------------------------------------------------------------------

SAFE = datetime(2016, 6, 1, tzinfo=UTC)


def test_the_sha1_form_passes_only_under_the_old_policy_with_a_timestamp_of_its_day(desk):
    pdf = pkcs7_sha1(desk, at=SAFE, stamper=desk.stamped(SAFE))

    reports = {p.id: desk.verdict(pdf, policy=p) for p in POLICIES.values()}

    assert {name: r.indication for name, r in reports.items()} == {
        "VN_2025": UNCLEAR,
        "VN_LEGACY_2018": PASSED,
        "ETSI_STRICT": UNCLEAR,
    }
    assert "SUBFILTER_OUTDATED_PROVEN" in codes(reports["VN_LEGACY_2018"])
    assert {"SUBFILTER_OUTDATED", "WEAK_DIGEST"} <= codes(reports["VN_2025"])
    assert reports["VN_LEGACY_2018"].signatures[0].algorithms.digest == "sha1"


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
@pytest.mark.parametrize("stamp", [None, AT])
def test_the_sha1_form_without_proof_of_an_early_time_never_passes(desk, digest, stamp):
    pdf = pkcs7_sha1(desk, at=SAFE, stamper=stamp and desk.stamped(stamp), digest=digest)

    for policy in POLICIES.values():
        report = desk.verdict(pdf, policy=policy)
        assert report.indication is UNCLEAR
        assert {"SUBFILTER_OUTDATED", "WEAK_DIGEST"} <= codes(report)


@pytest.mark.parametrize("policy", [VN_2025, VN_LEGACY_2018], ids=lambda p: p.id)
def test_the_sha1_inside_must_be_that_of_the_file(desk, policy):
    spoilt = pkcs7_sha1(desk, at=SAFE, stamper=desk.stamped(SAFE), spoil=True)
    sound = pkcs7_sha1(desk, at=SAFE, stamper=desk.stamped(SAFE))
    changed = flipped_at(sound, sound.index(b"Van ban mau"))

    for pdf in (spoilt, changed):
        report = desk.verdict(pdf, policy=policy)
        assert told(report) == (FAILED, {"HASH_FAILURE"})
        assert report.signatures[0].integrity is False


def test_strict_policy_counts_proofs_alone(desk):
    assert desk.verdict(desk.signed(timestamper=desk.stamped()), policy=ETSI_STRICT).indication is PASSED
    assert desk.verdict(desk.with_document_timestamp(desk.signed()), policy=ETSI_STRICT).indication is PASSED
