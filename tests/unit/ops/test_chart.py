"""The chart's numbers: what was delivered when, with the faults as bands, inside the template's box."""

from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.model.message import Kind, Message, State
from ebrvt_connect.ops.demo.chart import draw_chart

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LEFT, RIGHT, TOP, BOTTOM = 50.0, 990.0, 20.0, 210.0


def message(link: str, second: float, state: State = State.DONE, kind: Kind = Kind.DOCUMENT) -> Message:
    at = START + timedelta(seconds=second)
    return Message(
        id=1,
        idem_key="k",
        link=link,
        source="a",
        target="b",
        kind=kind,
        lane="l",
        shard=0,
        state=state,
        created_at=START,
        updated_at=at,
        record="",
    )


def points_of(chart: dict, label: str) -> list[tuple[float, float]]:
    (line,) = (line for line in chart["lines"] if line["label"] == label)
    return [tuple(float(n) for n in point.split(",")) for point in line["points"].split()]


def drawn(*messages: Message, seconds: float = 10.0, bands=()) -> dict:
    return draw_chart(messages, START, START + timedelta(seconds=seconds), bands)


def test_a_line_climbs_by_one_at_each_delivery():
    chart = drawn(message("van-ban-di", 0), message("van-ban-di", 5), message("van-ban-di", 10))
    assert points_of(chart, "Văn bản đi") == [
        (LEFT, BOTTOM),
        (LEFT, 146.7),
        (520.0, 83.3),
        (RIGHT, TOP),
        (RIGHT, TOP),
    ]


def test_deliveries_are_drawn_in_the_order_they_happened():
    chart = drawn(message("van-ban-den", 9), message("van-ban-den", 1))
    xs = [x for x, _ in points_of(chart, "Văn bản đến")]
    assert xs == sorted(xs)


def test_what_is_not_done_is_not_drawn():
    chart = drawn(message("van-ban-di", 1, State.HELD), message("van-ban-di", 2, State.WAITING))
    assert points_of(chart, "Văn bản đi") == [(LEFT, BOTTOM), (RIGHT, BOTTOM)]


@pytest.mark.parametrize("link", ["trang-thai-di", "van-ban-den~feedback"])
def test_statuses_out_are_those_of_clerks_and_our_own_of_arrival(link):
    assert len(points_of(drawn(message(link, 1)), "Trạng thái đi")) == 3


def test_feedback_to_our_own_system_is_no_line():
    chart = drawn(message("van-ban-di~feedback", 1))
    assert all(len(points_of(chart, line["label"])) == 2 for line in chart["lines"])


def test_all_lines_share_one_height():
    chart = drawn(message("van-ban-di", 1), message("van-ban-di", 2), message("trang-thai-ve", 3))
    assert points_of(chart, "Trạng thái về")[-1][1] == 115.0


def test_nothing_leaves_the_box_even_when_it_happened_outside_of_the_run():
    bands = [(START + timedelta(seconds=s), 3.0, "x") for s in (-5, 2, 11)]
    chart = drawn(message("van-ban-di", -3), message("van-ban-di", 30), bands=bands)
    for line in chart["lines"]:
        assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in points_of(chart, line["label"]))
    for band in chart["bands"]:
        assert LEFT <= band["x"] <= band["x"] + band["width"] <= RIGHT


def test_bands_stand_where_the_faults_struck_and_are_numbered_for_the_table():
    bands = [
        (START + timedelta(seconds=2), 5.0, "axis down"),
        (START + timedelta(seconds=9), 0.0, "a moment"),
    ]
    first, second = drawn(bands=bands)["bands"]
    assert (first["x"], first["width"], first["label"]) == (238.0, 470.0, "1")
    assert (second["x"], second["width"], second["label"]) == (896.0, 3.0, "2")


@pytest.mark.parametrize(
    ("seconds", "labels"), [(0.0, ["0 s", "1 s"]), (10.0, 6), (60.0, 7), (600.0, 7), (7200, 8)]
)
def test_ticks_are_round_and_few(seconds, labels):
    told = [tick["label"] for tick in drawn(seconds=seconds)["x_ticks"]]
    assert told == labels if isinstance(labels, list) else len(told) == labels


def test_each_decision_on_a_report_is_a_mark_of_its_own():
    approved = message("bao-cao", 9, State.DONE, Kind.REPORT)
    returned = message("bao-cao", 2, State.REFUSED, Kind.REPORT)
    undecided = message("bao-cao", 5, State.AWAITING, Kind.REPORT)

    marks = drawn(approved, undecided, returned)["marks"]

    assert [(mark["label"], mark["x"], mark["anchor"]) for mark in marks] == [
        ("báo cáo bị trả lại", 238.0, "start"),
        ("báo cáo được duyệt", 896.0, "end"),
    ]
    assert len({mark["y"] for mark in marks}) == 2, "labels that are close do not cover each other"


def test_an_empty_ledger_can_be_drawn():
    chart = drawn()
    assert chart["marks"] == []
    assert [tick["label"] for tick in chart["y_ticks"]] == ["0", "1"]
