"""The figures of a report: edges of the window, ratios, what is counted and told, what is never invented."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.engine.figures import (
    INDICATORS,
    RESOLVED,
    Aside,
    Entry,
    Outcome,
    Placed,
    Punctuality,
    closed_at,
    compute,
    placed,
    punctuality,
    ratio,
)
from ebrvt_connect.model.document import Confidentiality
from ebrvt_connect.model.dossier import Channel, DossierStage
from ebrvt_connect.model.period import VIETNAM, ReportingPeriod
from ebrvt_connect.model.report import Missing
from ebrvt_connect.ports.figures import (
    DocumentFact,
    DossierFact,
    Facts,
    Signature,
    SupplementFact,
    Trouble,
)

Q3 = ReportingPeriod.parse("2019-Q3")  # 15/06/2019 to 14/09/2019
AFTER = datetime(2019, 10, 1, tzinfo=VIETNAM)
LAST_MOMENT = datetime(2019, 9, 14, 23, 59, 59, 999999, tzinfo=VIETNAM)
FIRST_MOMENT = datetime(2019, 6, 15, tzinfo=VIETNAM)
MOMENT = timedelta(microseconds=1)


def at(month, day, hour=9, year=2019):
    return datetime(year, month, day, hour, tzinfo=VIETNAM)


def dossier(number=1, **changes):
    wanted = {
        "message_id": number,
        "key": f"ho-so:d{number}:1",
        "code": f"H06.15-190701-{number:04d}",
        "stage": DossierStage.RETURNED,
        "channel": Channel.ONLINE,
        "received_at": at(7, 1),
        "due_at": at(7, 20, 17),
        "finished_at": at(7, 18),
        "returned_at": at(7, 19),
        "updated_at": at(7, 19),
        **changes,
    }
    return DossierFact(**wanted)


def document(number=1, **changes):
    wanted = {
        "message_id": number,
        "key": f"van-ban-di:v{number}:1",
        "promulgated_on": date(2019, 8, 1),
        "confidentiality": Confidentiality.NORMAL,
        "to_agencies": True,
        "accepted": True,
        "sent_id": number,
        "signature": Signature.FOR_ISSUER,
        **changes,
    }
    return DocumentFact(**wanted)


def figures(dossiers=(), documents=(), now=AFTER, **changes):
    return compute(Facts(dossiers=dossiers, documents=documents, **changes), Q3, now)


def told(code, *dossiers, **changes):
    (found,) = (o for o in figures(dossiers, **changes).observations if o.indicator_code == code)
    return found


# --- ratios -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numerator", "denominator", "value"),
    [
        (4274, 20000, "21.37"),
        (1, 3, "33.33"),
        (2, 3, "66.67"),
        (1, 800, "0.13"),  # 0.125: half goes up, not to the even neighbour
        (3, 800, "0.38"),
        (1, 1, "100.00"),
        (0, 7, "0.00"),
    ],
)
def test_a_ratio_is_rounded_half_up_to_two_places(numerator, denominator, value):
    found = ratio("NQ17.02", numerator, denominator)
    assert (str(found.value), found.numerator, found.denominator) == (value, numerator, denominator)


def test_over_nought_there_is_no_ratio_neither_0_nor_100():
    found = ratio("NQ17.05", 0, 0)
    assert (found.value, found.missing) == (None, Missing.DENOMINATOR_ZERO)
    assert (found.numerator, found.denominator) == (Decimal(0), Decimal(0))


@given(st.integers(1, 10**7).flatmap(lambda d: st.tuples(st.integers(0, d), st.just(d))))
def test_a_ratio_is_never_further_from_the_truth_than_half_a_hundredth(pair):
    numerator, denominator = pair
    value = ratio("NQ17.02", numerator, denominator).value
    assert 0 <= value <= 100
    # In whole numbers: |value * denominator - 100 * numerator| <= denominator / 200
    assert abs(value * denominator - 100 * numerator) * 200 <= denominator


# --- edges of the window ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finished", "counted"),
    [
        (FIRST_MOMENT, 1),
        (FIRST_MOMENT - MOMENT, 0),
        (LAST_MOMENT, 1),
        (LAST_MOMENT + MOMENT, 0),
        (LAST_MOMENT.astimezone(UTC), 1),
        ((LAST_MOMENT + MOMENT).astimezone(UTC), 0),
    ],
)
def test_what_is_finished_at_an_edge_belongs_to_one_quarter_only(finished, counted):
    one = dossier(received_at=at(6, 1), finished_at=finished, returned_at=None)
    assert told("NQ17.02", one).denominator == counted


@given(st.datetimes(datetime(2019, 1, 1), datetime(2021, 1, 1)))  # noqa: DTZ001 - a zone is given below
def test_every_moment_lies_in_exactly_one_quarter(moment):
    finished = moment.replace(tzinfo=VIETNAM)
    one = dossier(received_at=at(1, 1, year=2018), finished_at=finished, returned_at=None)
    quarters = [
        ReportingPeriod.parse(f"{year}-Q{n}") for year in (2018, 2019, 2020, 2021) for n in (1, 2, 3, 4)
    ]
    later = datetime(2022, 1, 1, tzinfo=UTC)
    found = [q for q in quarters if isinstance(p := placed(one, q, later), Placed) and p.outcome in RESOLVED]
    assert len(found) == 1
    assert found[0].holds(finished)


@pytest.mark.parametrize(
    ("day", "counted"),
    [(date(2019, 6, 14), 0), (date(2019, 6, 15), 1), (date(2019, 9, 14), 1), (date(2019, 9, 15), 0)],
)
def test_a_document_belongs_to_the_quarter_of_its_day(day, counted):
    sent = figures(documents=[document(promulgated_on=day)]).observations[2]
    assert sent.denominator == counted


# --- where a dossier is placed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Placed(Entry.RECEIVED, Outcome.DONE)),
        ({"received_at": at(6, 14)}, Placed(Entry.CARRIED, Outcome.DONE)),
        ({"returned_at": None}, Placed(Entry.RECEIVED, Outcome.AWAITING)),
        ({"returned_at": at(9, 15)}, Placed(Entry.RECEIVED, Outcome.AWAITING)),
        ({"stage": DossierStage.STOPPED}, Placed(Entry.RECEIVED, Outcome.REFUSED)),
        (
            {"stage": DossierStage.STOPPED, "finished_at": None, "refused_at": at(7, 5)},
            Placed(Entry.RECEIVED, Outcome.REFUSED),
        ),
        ({"stage": DossierStage.WITHDRAWN, "finished_at": None}, Placed(Entry.RECEIVED, Outcome.WITHDRAWN)),
        ({"finished_at": at(9, 20), "due_at": at(9, 1)}, Placed(Entry.RECEIVED, Outcome.OVERDUE)),
        ({"finished_at": at(9, 20), "due_at": at(9, 30)}, Placed(Entry.RECEIVED, Outcome.IN_TIME)),
        # Opened again after its result was returned: the old dates are still there, the stage is not.
        ({"stage": DossierStage.IN_PROGRESS, "due_at": at(12, 1)}, Placed(Entry.RECEIVED, Outcome.IN_TIME)),
        ({"stage": DossierStage.SUPPLEMENT_REQUESTED}, Placed(Entry.RECEIVED, Outcome.WAITING)),
        ({"linked": True}, Aside.LINKED),
        ({"stage": DossierStage.NOT_RECEIVED}, Aside.NOT_RECEIVED),
        ({"stage": DossierStage.FILED, "received_at": None}, Aside.LATER),
        ({"received_at": at(9, 15), "finished_at": at(9, 16)}, Aside.LATER),
        ({"received_at": at(5, 1), "finished_at": at(6, 14)}, Aside.EARLIER),
        ({"stage": None}, Aside.UNCLEAR),
        ({"received_at": None}, Aside.UNCLEAR),
        ({"finished_at": None}, Aside.UNCLEAR),
        ({"finished_at": at(6, 30)}, Aside.UNCLEAR),
    ],
)
def test_a_dossier_has_one_place(changes, expected):
    assert placed(dossier(**changes), Q3, AFTER) == expected


@pytest.mark.parametrize(
    ("supplement", "expected"),
    [
        (SupplementFact(at(8, 1), None, False), Outcome.WAITING),
        (SupplementFact(at(8, 1), None, True), Outcome.IN_TIME),
        (SupplementFact(at(8, 1), at(8, 9), True), Outcome.IN_TIME),
        (SupplementFact(at(8, 1), at(9, 20), True), Outcome.WAITING),
        (SupplementFact(at(9, 20), None, False), Outcome.IN_TIME),
        (SupplementFact(None, None, False), Outcome.IN_TIME),
    ],
)
def test_whoever_waits_for_papers_waits_as_of_the_end_of_the_window(supplement, expected):
    one = dossier(stage=DossierStage.IN_PROGRESS, due_at=at(12, 1), supplements=(supplement,))
    assert placed(one, Q3, AFTER).outcome is expected


def test_in_an_open_window_overdue_is_judged_by_now():
    one = dossier(stage=DossierStage.IN_PROGRESS, due_at=at(8, 1))
    assert placed(one, Q3, at(7, 31)).outcome is Outcome.IN_TIME
    assert placed(one, Q3, at(8, 2)).outcome is Outcome.OVERDUE


moments = st.none() | st.datetimes(
    datetime(2019, 4, 1),  # noqa: DTZ001 - a zone is given below
    datetime(2019, 12, 1),  # noqa: DTZ001 - a zone is given below
).map(lambda m: m.replace(tzinfo=VIETNAM))
supplements = st.lists(st.builds(SupplementFact, moments, moments, st.booleans()), max_size=2).map(tuple)
dossiers = st.builds(
    DossierFact,
    message_id=st.integers(1, 10**6),
    key=st.just("k"),
    code=st.just("c"),
    stage=st.none() | st.sampled_from(DossierStage),
    channel=st.none() | st.sampled_from(Channel),
    received_at=moments,
    due_at=moments,
    finished_at=moments,
    returned_at=moments,
    refused_at=moments,
    updated_at=moments,
    supplements=supplements,
    linked=st.booleans(),
)


@given(st.lists(dossiers, max_size=30), moments)
def test_carried_and_received_are_done_awaiting_refused_withdrawn_waiting_in_time_and_overdue(
    all_of_them, now
):
    places = [placed(one, Q3, now or AFTER) for one in all_of_them]
    inside = [place for place in places if isinstance(place, Placed)]
    entries = {entry: sum(p.entry is entry for p in inside) for entry in Entry}
    outcomes = {outcome: sum(p.outcome is outcome for p in inside) for outcome in Outcome}
    assert entries[Entry.CARRIED] + entries[Entry.RECEIVED] == sum(outcomes.values())
    assert len(inside) + sum(isinstance(place, Aside) for place in places) == len(all_of_them)


@given(dossiers)
def test_what_is_resolved_was_closed_in_the_window_and_nothing_else_was(one):
    place = placed(one, Q3, AFTER)
    if isinstance(place, Placed):
        closed = Q3.holds(closed_at(one))
        assert closed == (place.outcome in RESOLVED or place.outcome is Outcome.WITHDRAWN)


@given(dossiers)
def test_who_is_open_at_the_end_of_a_quarter_is_carried_into_the_next(one):
    following = ReportingPeriod.parse("2019-Q4")
    before, after = placed(one, Q3, AFTER), placed(one, following, AFTER)
    if isinstance(before, Placed):
        if before.outcome in {Outcome.WAITING, Outcome.IN_TIME, Outcome.OVERDUE}:
            assert isinstance(after, Placed)
            assert after.entry is Entry.CARRIED
        else:
            assert after is Aside.EARLIER


@given(st.lists(dossiers, max_size=30))
def test_no_figure_is_greater_than_what_it_is_a_part_of(all_of_them):
    for found in figures(all_of_them).observations:
        assert 0 <= found.numerator <= found.denominator <= len(all_of_them)
        assert (found.value is None) == (found.denominator == 0)


# --- early, on time, late ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finished", "expected"),
    [
        (at(7, 19, 23), Punctuality.EARLY),
        (at(7, 20, 8), Punctuality.ON_TIME),
        (at(7, 20, 17), Punctuality.ON_TIME),
        (at(7, 20, 17) + MOMENT, Punctuality.LATE),
        (at(7, 20, 18), Punctuality.LATE),
    ],
)
def test_punctuality_is_judged_by_the_moment_of_the_appointment(finished, expected):
    assert punctuality(dossier(finished_at=finished)) is expected


def test_a_late_pick_up_makes_nothing_late():
    one = dossier(finished_at=at(7, 18), returned_at=at(8, 30))
    assert told("NQ17.05", one).value == 100


def test_without_an_appointment_it_is_on_time_and_said_so():
    found = told("NQ17.05", dossier(1, due_at=None), dossier(2, finished_at=at(8, 1)))
    assert (found.value, found.numerator, found.denominator) == (50, 1, 2)
    assert found.note == "Có 1 hồ sơ không ghi ngày hẹn trả, được tính là đúng hạn."


def test_an_open_dossier_has_no_punctuality():
    with pytest.raises(ValueError, match="not resolved"):
        punctuality(dossier(stage=DossierStage.IN_PROGRESS))


# --- what is counted, what is told ------------------------------------------------------------------


def test_online_ones_among_the_resolved():
    found = told(
        "NQ17.02",
        dossier(1),
        dossier(2, channel=Channel.DIRECT),
        dossier(3, channel=Channel.POST, stage=DossierStage.STOPPED),
        dossier(4, stage=DossierStage.WITHDRAWN),
        dossier(5, stage=DossierStage.NOT_RECEIVED),
        dossier(6, linked=True),
    )
    assert (str(found.value), found.numerator, found.denominator) == ("33.33", 1, 3)


def test_a_dossier_without_a_channel_is_not_taken_for_an_online_one():
    found = told("NQ17.02", dossier(channel=None))
    assert found.numerator == 0
    assert "Có 1 hồ sơ không ghi kênh nộp" in found.note


def test_what_was_not_delivered_is_told_and_not_counted():
    undelivered = [
        dossier(7),
        dossier(8, stage=None),
        dossier(9, received_at=at(10, 1), finished_at=at(10, 2)),
        None,
    ]
    found = told("NQ17.05", dossier(1), undelivered=undelivered)
    assert found.denominator == 1
    assert "Có 2 hồ sơ của kỳ đang bị giữ" in found.note
    assert "Có 1 hồ sơ không đọc được nội dung" in found.note


def test_a_delivered_dossier_that_cannot_be_read_is_told():
    found = told("NQ17.02", dossier(1), None)
    assert found.denominator == 1
    assert "Có 1 hồ sơ không đọc được nội dung" in found.note


def test_what_cannot_be_placed_is_told():
    assert "Có 1 hồ sơ thiếu hoặc sai trạng thái" in told("NQ17.02", dossier(finished_at=None)).note


def test_what_cannot_be_placed_but_is_surely_of_another_quarter_is_not_told():
    one = dossier(
        stage=None, received_at=at(1, 3), finished_at=at(1, 9), returned_at=at(1, 9), updated_at=at(1, 9)
    )
    assert told("NQ17.02", one).note == ""


def test_documents_issued_sent_and_signed():
    sent, signed = figures(
        documents=[
            document(1),
            document(2, signature=Signature.FAILED),
            document(3, accepted=False, sent_id=0),
            document(4, confidentiality=Confidentiality.SECRET),
            document(5, to_agencies=False),
            document(6, promulgated_on=None),
            None,
        ]
    ).observations[2:]
    assert (sent.numerator, sent.denominator) == (2, 3)
    assert (signed.numerator, signed.denominator) == (1, 2)
    assert "Có 1 văn bản không ghi ngày ban hành" in sent.note
    assert "Có 1 văn bản không đọc được" in sent.note
    assert "Có 1 văn bản có chữ ký không hợp lệ." in signed.note


@pytest.mark.parametrize("kind", [s for s in Signature if s is not Signature.FOR_ISSUER])
def test_only_a_signature_for_the_issuing_agency_counts(kind):
    signed = figures(documents=[document(signature=kind)]).observations[3]
    assert (signed.numerator, signed.denominator) == (0, 1)
    assert signed.note.startswith("Có 1 văn bản ")


def test_a_source_that_is_not_configured_leaves_its_figures_missing():
    found = figures(None, None).observations
    assert [(o.indicator_code, o.missing, o.value) for o in found] == [
        (code, Missing.SOURCE_OFFLINE, None) for code in INDICATORS
    ]
    assert "Chưa khai báo liên kết hồ sơ" in found[0].note


def test_a_source_in_trouble_is_told():
    found = figures(
        dossier_troubles=(Trouble("ho-so", at(9, 1)), Trouble("ho-so-2", None)),
        document_troubles=(Trouble("van-ban-di", None, paused=True),),
    ).observations
    assert "Liên kết ho-so không lấy được dữ liệu từ 01/09/2019 09:00" in found[0].note
    assert "Liên kết ho-so-2 chưa lấy được dữ liệu lần nào" in found[1].note
    assert "Liên kết van-ban-di đang tạm dừng" in found[3].note


# --- what was counted is pinned ---------------------------------------------------------------------


def test_the_same_facts_give_the_same_fingerprint():
    assert figures([dossier(1), dossier(2)]) == figures([dossier(1), dossier(2)])


@pytest.mark.parametrize(
    "change",
    [
        {"key": "ho-so:d1:2"},
        {"message_id": 99},
        {"channel": Channel.DIRECT},
        {"finished_at": at(8, 18)},
        {"stage": DossierStage.IN_PROGRESS},
    ],
)
def test_whatever_changes_a_figure_changes_the_fingerprint(change):
    before, after = figures([dossier(1)]), figures([replace(dossier(1), **change)])
    assert before.snapshot_sha256 != after.snapshot_sha256
    assert not before.same_as(after.observations, after.snapshot_sha256)


def test_what_is_not_counted_does_not_change_the_fingerprint():
    before = figures([dossier(1)], [document(1)])
    after = figures([dossier(1), dossier(2, linked=True)], [document(1), document(2, promulgated_on=None)])
    assert before.snapshot_sha256 == after.snapshot_sha256
    assert before.same_as(after.observations, after.snapshot_sha256)


def test_a_document_accepted_later_changes_the_fingerprint():
    before = figures(documents=[document(accepted=False, sent_id=0)])
    assert before.snapshot_sha256 != figures(documents=[document()]).snapshot_sha256


def test_two_periods_have_two_fingerprints():
    nothing = Facts(dossiers=(), documents=())
    other = compute(nothing, ReportingPeriod.parse("2019-Q4"), AFTER)
    assert compute(nothing, Q3, AFTER).snapshot_sha256 != other.snapshot_sha256


# --- what is yet to come, and what came twice -------------------------------------------------------


def test_what_is_to_be_finished_tomorrow_is_not_resolved_today():
    today = at(7, 17)
    assert placed(dossier(finished_at=at(7, 18)), Q3, today) is Aside.UNCLEAR
    assert placed(dossier(finished_at=today), Q3, today) == Placed(Entry.RECEIVED, Outcome.DONE)
    assert placed(dossier(stage=DossierStage.STOPPED, finished_at=at(9, 14)), Q3, today) is Aside.UNCLEAR
    assert placed(dossier(received_at=at(10, 2), finished_at=at(10, 3)), Q3, today) is Aside.LATER


def test_a_dossier_resolved_in_an_earlier_period_too_is_counted_and_said_so():
    found = told("NQ17.02", dossier(1, closed_earlier=True), dossier(2))
    assert (found.numerator, found.denominator) == (2, 2)
    assert "Có 1 hồ sơ đã kết thúc xử lý ở kỳ trước, được mở lại" in found.note
    open_again = dossier(1, closed_earlier=True, stage=DossierStage.IN_PROGRESS)
    assert "mở lại" not in told("NQ17.02", open_again, dossier(2)).note
