"""The report's chart as numbers for an SVG: deliveries over time, with the faults as bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebrvt_connect.model.message import Kind, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ebrvt_connect.model.message import Message

_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 990.0, 20.0, 210.0
_NARROWEST_BAND = 3.0
_LINES = (
    ("van-ban-di", "Văn bản đi", "#0b5cad"),
    ("van-ban-den", "Văn bản đến", "#12784a"),
    ("trang-thai-ve", "Trạng thái về", "#8a5a00"),
    ("trang-thai-di", "Trạng thái đi", "#7a3e9d"),
    ("ho-so", "Hồ sơ", "#b3261e"),
    ("tien-do", "Tiến độ hồ sơ", "#3d7f8c"),
)
"""What is drawn: a link, or the part of one that `_drawn_as` sets apart."""
_MARKED = {State.DONE: "báo cáo được duyệt", State.REFUSED: "báo cáo bị trả lại"}
"""Reports are too few for a line that climbs beside hundreds: each decision is an upright line of its own."""
_MARK_COLOUR = "#37474f"
_MARK_ROWS = (12.0, -6.0)
"""Heights of their labels above the plot, by turns, so that two that are close can both be read."""


def draw_chart(
    ledger: Sequence[Message],
    started_at: datetime,
    finished_at: datetime,
    bands: Sequence[tuple[datetime, float, str]],
) -> dict[str, Any]:
    """Points, ticks, bands and reports' marks in the coordinates of the template's box, 1000 wide."""
    span = max((finished_at - started_at).total_seconds(), 1.0)
    done = {
        name: sorted(
            (m.updated_at - started_at).total_seconds()
            for m in ledger
            if m.state is State.DONE and _drawn_as(m) == name
        )
        for name, _, _ in _LINES
    }
    highest = max((len(times) for times in done.values()), default=0) or 1

    def x(seconds: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * min(max(seconds / span, 0.0), 1.0), 1)

    def y(number: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * number / highest, 1)

    return {
        "lines": [
            {"label": label, "colour": colour, "points": _steps(done[name], x, y, span)}
            for name, label, colour in _LINES
        ],
        "bands": [
            {**_band(x, (at - started_at).total_seconds(), seconds), "label": str(nth)}
            for nth, (at, seconds, _) in enumerate(bands, start=1)
        ],
        "marks": _marks(ledger, started_at, x),
        "marks_colour": _MARK_COLOUR,
        "x_ticks": [
            {"x": x(second), "label": f"{second} s"} for second in range(0, int(span) + 1, _pace(span))
        ],
        "y_ticks": [
            {"y": y(number), "label": str(number)} for number in range(0, highest + 1, _pace(highest))
        ],
    }


def _drawn_as(message: Message) -> str:
    """Arrivals told to the axis are statuses going out; a dossier's steps are a line of their own."""
    if message.kind is Kind.PROGRESS:
        return "tien-do"
    return "trang-thai-di" if message.link == "van-ban-den~feedback" else message.link


def _marks(
    ledger: Sequence[Message], started_at: datetime, x: Callable[[float], float]
) -> list[dict[str, Any]]:
    """Where reports were decided, in that order; the label stays inside the box on either side."""
    decided = sorted(
        (message.updated_at, _MARKED[message.state])
        for message in ledger
        if message.kind is Kind.REPORT and message.state in _MARKED
    )
    return [
        {
            "x": (place := x((at - started_at).total_seconds())),
            "y": _MARK_ROWS[nth % len(_MARK_ROWS)],
            "anchor": "end" if place > (_LEFT + _RIGHT) / 2 else "start",
            "label": label,
            "colour": _MARK_COLOUR,
        }
        for nth, (at, label) in enumerate(decided)
    ]


def _band(x: Callable[[float], float], begin: float, seconds: float) -> dict[str, float]:
    """As wide as it lasted within the run, but wide enough to be seen."""
    left, right = x(begin), x(begin + seconds)
    width = round(max(_NARROWEST_BAND, right - left), 1)
    return {"x": min(left, _RIGHT - width), "width": width}


def _steps(times: list[float], x: Callable[[float], float], y: Callable[[float], float], span: float) -> str:
    points = [(0.0, 0), *((moment, nth) for nth, moment in enumerate(times, start=1)), (span, len(times))]
    return " ".join(f"{x(moment)},{y(number)}" for moment, number in points)


def _pace(highest: float) -> int:
    """A round distance between ticks, some five of them."""
    for pace in (1, 2, 5, 10, 20, 50, 100, 200, 500):
        if highest / pace <= 6:  # noqa: PLR2004 - ticks that fit without crowding
            return pace
    return 1000
