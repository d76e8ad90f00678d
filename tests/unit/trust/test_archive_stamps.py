"""Archive timestamps, in CMS and in XML: what they prove, what they do not protect, and attacks on them."""

from datetime import UTC, datetime

import pytest

from ebrvt_connect.trust.policy import POLICIES
from tests.unit.trust.archive_samples import (
    HOUR,
    LAPSE,
    MIDWAY,
    PASSED,
    PLAIN,
    SOON,
    UNCLEAR,
    WITH_NAMESPACES,
    CmsPapers,
    XmlPapers,
    codes,
    level,
    told,
)
from tests.unit.trust.samples import AT, EARLY, CopiedTimestamps
from tests.unit.trust.time_samples import stamper_of

FORMATS = {"CMS": CmsPapers, "XML": XmlPapers}


@pytest.fixture(params=FORMATS.values(), ids=FORMATS)
def papers(request, desk):
    return request.param(desk)


# --- levels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("papers", "how", "stamped"),
    [
        *((CmsPapers, {}, {"digest": digest}) for digest in ("sha256", "sha384", "sha512")),
        *(
            (XmlPapers, {"xml": xml}, {"digest": digest, "inclusive": inclusive})
            for xml in (PLAIN, WITH_NAMESPACES)
            for inclusive in (False, True)
            for digest in ("sha256", "sha512")
        ),
    ],
    indirect=["papers"],
)
def test_levels_are_told_as_far_as_they_hold(desk, papers, how, stamped):
    made = papers.signed(evidence=False, **how), papers.signed(**how), papers.archived(**how, **stamped)
    reports = [desk.verdict(d) for d in made]

    assert [level(r) for r in reports] == ["B-T", "B-LT", "B-LTA"], codes(reports[2])
    assert {r.indication for r in reports} == {PASSED}
    assert [t.kind for t in reports[2].signatures[0].timestamps] == ["signature", "archive"]
    assert "ARCHIVE_TIMESTAMP_NOT_COUNTED" not in codes(reports[2])


def test_evidence_in_the_archive_answers_where_the_folder_has_none(desk, papers):
    report = desk.without_revocation_lists().verdict(papers.archived())

    assert (report.indication, level(report)) == (PASSED, "B-LTA"), codes(report)


# --- what it proves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda p: p.id)
@pytest.mark.parametrize(
    ("flavour", "at", "expected"),
    [
        ("expired", SOON, (PASSED, set())),
        ("revoked", SOON, (PASSED, set())),
        ("expired", AT, (UNCLEAR, {"OUT_OF_BOUNDS_NO_POE"})),
        ("revoked", AT, (UNCLEAR, {"REVOKED_NO_POE"})),
        ("impostor", SOON, (UNCLEAR, {"NO_CERTIFICATE_CHAIN_FOUND"})),
    ],
)
def test_an_archive_alone_proves_when_it_was_signed(desk, papers, flavour, at, expected, policy):
    report = desk.verdict(papers.archived(at, flavour=flavour, stamped=False), policy=policy)

    assert told(report) == expected
    assert report.signatures[0].best_time.value == at


def test_a_timestamp_that_has_lapsed_holds_by_the_archive(desk, pki, papers):
    old = stamper_of(pki, EARLY, valid_to=LAPSE)
    renewed = desk.verdict(papers.archived(MIDWAY, flavour="revoked", stamper=old))

    assert renewed.indication is PASSED
    assert renewed.signatures[0].best_time.value == EARLY
    assert "TIMESTAMP_RENEWED" in codes(renewed)


def test_a_timestamp_archived_after_it_had_lapsed_proves_nothing(desk, pki, papers):
    old = stamper_of(pki, EARLY, valid_to=LAPSE)
    report = desk.verdict(papers.archived(AT, flavour="revoked", stamper=old))

    assert told(report) == (UNCLEAR, {"REVOKED_NO_POE"})
    assert "TIMESTAMP_NOT_TRUSTED" in codes(report)


def in_a_row(pki, papers, *, gap=False):
    """Three archive timestamps, each made while the one before it still held; with `gap` one too late."""
    data = papers.signed("revoked", stamped=False)
    for at, until in (
        (SOON, datetime(2017, 1, 1, tzinfo=UTC)),
        (datetime(2017 if gap else 2016, 8, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)),
        (datetime(2019, 8, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)),
    ):
        data = papers.stamped(data, stamper_of(pki, at, valid_to=until))
    return data


def test_archive_timestamps_in_a_row_carry_the_oldest_through(desk, pki, papers):
    report = desk.verdict(in_a_row(pki, papers))

    assert (told(report), level(report)) == ((PASSED, set()), "B-LTA"), codes(report)
    assert report.signatures[0].best_time.value == SOON
    assert [t.valid for t in report.signatures[0].timestamps] == [True, True, True]


def test_a_row_with_a_gap_does_not(desk, pki, papers):
    report = desk.verdict(in_a_row(pki, papers, gap=True))

    assert told(report) == (UNCLEAR, {"REVOKED_NO_POE"}), codes(report)
    assert sorted(t.valid for t in report.signatures[0].timestamps) == [False, True, True]


def test_archive_timestamps_out_of_order_are_undecided(desk, papers):
    report = desk.verdict(papers.stamped(papers.archived(MIDWAY), desk.stamped(MIDWAY - HOUR)))

    assert told(report) == (UNCLEAR, {"TIMESTAMP_ORDER_FAILURE"})


# --- attacks -------------------------------------------------------------------------------------------


def test_a_timestamp_over_other_bytes_is_told_as_broken(desk, papers):
    copied = CopiedTimestamps(desk.stamped(SOON))
    report = desk.verdict(papers.stamped(papers.signed("expired", stamped=False), copied))

    assert report.indication is UNCLEAR
    assert {"TIMESTAMP_BROKEN", "EXPIRED_SINCE_NO_PROOF"} <= codes(report)


def test_an_authority_nobody_pinned_archives_nothing(desk, papers):
    own = desk.stamped(SOON, impostor=True)
    report = desk.verdict(papers.stamped(papers.signed(), own))
    lapsed = desk.verdict(papers.stamped(papers.signed("expired", stamped=False), own))

    assert (report.indication, level(report)) == (PASSED, "B-LT")
    assert "TIMESTAMP_NOT_TRUSTED" in codes(report)
    assert told(lapsed) == (UNCLEAR, {"OUT_OF_BOUNDS_NO_POE"})


def test_a_timestamp_moved_to_another_signature_is_told_as_broken(desk, papers):
    report = desk.verdict(papers.moved(papers.archived(), papers.signed("expired", stamped=False)))

    assert report.indication is UNCLEAR
    assert {"TIMESTAMP_BROKEN", "EXPIRED_SINCE_NO_PROOF"} <= codes(report)


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_no_flipped_bit_of_what_is_archived_leaves_it_holding(desk, papers, place):
    data = papers.archived(flavour="expired", stamped=False)
    at = data.index(papers.mark) * place // 100
    report = desk.verdict(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])

    assert report.indication is not PASSED, (at, codes(report))
