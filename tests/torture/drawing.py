"""Pictures of measurements as plain SVG: panels one above the other, with ticks, lines and upright marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 920, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 880, 34, 150
_COLOURS = ("#0b5cad", "#b3261e", "#12784a", "#8a5a00", "#7a3e9d", "#3d7f8c", "#37474f")
_TICKS = 5
_LABEL = 180
"""So far apart are the names of lines."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One diagram: lines by their labels over a common x."""

    title: str
    lines: dict[str, Points]
    x_label: str = ""
    logarithmic: bool = False
    """Both axes in powers of ten."""


def svg(title: str, panels: Sequence[Panel], marks: Sequence[float] = ()) -> str:
    """The whole picture; `marks` are upright lines at these x, in every panel."""
    height = 40 + _HEIGHT * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        "<style>text {font: 12px sans-serif}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="24" style="font-size: 15px">{escape(title)}</text>',
    ]
    for nth, panel in enumerate(panels):
        parts += [f'<g transform="translate(0 {30 + _HEIGHT * nth})">', *_drawn(panel, marks), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _drawn(panel: Panel, marks: Sequence[float]) -> list[str]:
    points = [point for line in panel.lines.values() for point in line]
    across = _Axis([x for x, _ in points], _LEFT, _RIGHT, logarithmic=panel.logarithmic)
    up = _Axis([y for _, y in points], _BOTTOM, _TOP, logarithmic=panel.logarithmic)
    found = [f'<text x="{_LEFT}" y="{_TOP - 10}" style="font-weight: bold">{escape(panel.title)}</text>']
    for y in up.ticks():
        found += [
            f'<path d="M{_LEFT} {up(y):.1f}H{_RIGHT}" stroke="#ddd"/>',
            f'<text x="{_LEFT - 6}" y="{up(y) + 4:.1f}" text-anchor="end">{y:,.7g}</text>',
        ]
    for x in across.ticks():
        found.append(f'<text x="{across(x):.1f}" y="{_BOTTOM + 16}" text-anchor="middle">{x:,.7g}</text>')
    found.append(f'<text x="{_RIGHT}" y="{_BOTTOM + 32}" text-anchor="end">{escape(panel.x_label)}</text>')
    found += [
        f'<path d="M{across(x):.1f} {_TOP}V{_BOTTOM}" stroke="#b3261e" stroke-dasharray="3 3"/>'
        for x in marks
    ]
    for nth, (label, line) in enumerate(panel.lines.items()):
        colour = _COLOURS[nth % len(_COLOURS)]
        where = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line)
        found.append(f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if len(panel.lines) > 1:
            place = f'x="{_RIGHT - _LABEL * (len(panel.lines) - nth - 1)}" y="{_TOP - 10}" text-anchor="end"'
            found.append(f'<text {place} fill="{colour}">{escape(label)}</text>')
    return found


class _Axis:
    """Puts values in their place; from zero, or in powers of ten."""

    def __init__(self, values: Sequence[float], begin: float, end: float, *, logarithmic: bool) -> None:
        self._begin, self._end = begin, end
        self._logarithmic = logarithmic
        if logarithmic:
            self._low = math.floor(math.log10(min(values)))
            self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
            return
        self._step = _round_step(max(values, default=1.0) or 1.0)
        self._low, self._high = 0.0, max(values, default=1.0) or 1.0

    def __call__(self, value: float) -> float:
        place = math.log10(value) if self._logarithmic else value
        return self._begin + (self._end - self._begin) * (place - self._low) / (self._high - self._low)

    def ticks(self) -> list[float]:
        if self._logarithmic:
            return [10.0**power for power in range(int(self._low), int(self._high) + 1)]
        return [self._step * nth for nth in range(int(self._high / self._step) + 1)]


def _round_step(highest: float) -> float:
    """1, 2 or 5 times a power of ten, a few of them up to the highest."""
    unit = 10.0 ** math.floor(math.log10(highest / _TICKS))
    return unit * next(n for n in (1, 2, 5, 10) if unit * n * _TICKS >= highest)
