"""Findings as a certificate prints them (phát hiện trên phiếu): the gravest first, each once, none long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.ops.certificate_page import Note, lines_of_note
from ebrvt_connect.trust.advice_vi import advice
from ebrvt_connect.trust.findings import CATALOGUE
from ebrvt_connect.trust.verdict import Indication, Severity
from ebrvt_connect.trust.words_vi import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ebrvt_connect.trust.verdict import Finding

REMARK = "Lưu ý"
_WEIGHTS = {Severity.ERROR: "Lỗi", Severity.WARNING: "Cảnh báo", Severity.INFO: REMARK}
_ORDER = {"Lỗi": 0, "Chưa đạt": 1, "Cảnh báo": 2, REMARK: 3}
_MINISTRY = "/TT-BKHCN"
"""The page's own heading names the circular in full."""
_MOST_NOTES = 60
_LONGEST_SENTENCE = 420
_SHORT_SENTENCE = 300
_MOST_PLACES, _MOST_KINDS = 8, 4
_REPEATED = re.compile(r"\ufffd{4,}")


@dataclass(frozen=True, slots=True)
class Noticed:
    """A finding and where it was noticed."""

    finding: Finding
    what: str = ""
    """Kind of place: signature, file; places of one kind are told by their numbers."""
    number: str = ""


def told(found: Iterable[Finding]) -> tuple[tuple[Note, ...], tuple[Note, ...], str]:
    """Findings in full for the annex; remarks apart; and how many more there are."""
    ordered = sorted(dict.fromkeys(found), key=_gravity)
    shown = ordered[:_MOST_NOTES]
    notes = tuple(_note(f) for f in shown if f.severity is not Severity.INFO)
    remarks = tuple(_note(f) for f in shown if f.severity is Severity.INFO)
    left = len(ordered) - len(shown)
    more = f"và {left} phát hiện khác (xem báo cáo đầy đủ: ebrvt verify --json)" if left else ""
    return notes, remarks, more


def gathered(noticed: Iterable[Noticed]) -> tuple[tuple[Note, ...], tuple[Note, ...]]:
    """The same for the front: what is said of several signatures is said once, with all of them named."""
    places: dict[Finding, dict[str, list[str]]] = {}
    for one in noticed:
        named = places.setdefault(one.finding, {})
        if one.what and one.number not in named.setdefault(one.what, []):
            named[one.what].append(one.number)
    ordered = sorted(places, key=_gravity)
    notes = tuple(
        _note(f, _places(places[f]), _SHORT_SENTENCE) for f in ordered if f.severity is not Severity.INFO
    )
    remarks = tuple(_note(f, "", _SHORT_SENTENCE) for f in ordered if f.severity is Severity.INFO)
    return notes, remarks


def that_fit(notes: Sequence[Note], lines: int) -> tuple[Note, ...]:
    """As many of them, from the first, as so many printed lines hold; what decided most is always told."""
    kept: list[Note] = list(notes[:1])
    lines -= sum(map(lines_of_note, kept))
    for note in notes[1:]:
        lines -= lines_of_note(note)
        if lines < 0:
            break
        kept.append(note)
    return tuple(kept)


def tidy(text: str) -> str:
    """A name that was nothing but hidden characters is not worth a line of replacements."""
    return _REPEATED.sub("\N{REPLACEMENT CHARACTER}" * 3, text)


def _note(finding: Finding, where: str = "", longest: int = _LONGEST_SENTENCE) -> Note:
    return Note(
        _weight(finding),
        tidy(one_line(finding.message_vi, longest)),
        one_line(finding.legal_ref.replace(_MINISTRY, "")),
        advice(finding),
        finding.code,
        where,
    )


def _places(named: Mapping[str, Sequence[str]]) -> str:
    """`Chữ ký 1, 2, 3`, or several kinds of places one after the other."""
    listed = [_listed(what, numbers) for what, numbers in named.items()]
    more = [f"và {len(listed) - _MOST_KINDS} nơi khác"] if len(listed) > _MOST_KINDS else []
    return "; ".join([*listed[:_MOST_KINDS], *more])


def _listed(what: str, numbers: Sequence[str]) -> str:
    shown = ", ".join(numbers[:_MOST_PLACES])
    more = f" và {len(numbers) - _MOST_PLACES} nơi khác" if len(numbers) > _MOST_PLACES else ""
    return f"{what} {shown}{more}".strip()


def _gravity(finding: Finding) -> int:
    return _ORDER[_weight(finding)]


def _weight(finding: Finding) -> str:
    """An error that leaves the verdict open is not told as one that decides it."""
    row = CATALOGUE.get(finding.code)
    decides = row is None or row.weight.indication is Indication.TOTAL_FAILED
    return "Chưa đạt" if finding.severity is Severity.ERROR and not decides else _WEIGHTS[finding.severity]


__all__ = ["REMARK", "Noticed", "gathered", "that_fit", "tidy", "told"]
