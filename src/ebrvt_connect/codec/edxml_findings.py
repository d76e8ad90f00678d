"""Reading a packet leniently and honestly: every value taken is ticked off, everything odd is written down.

Elements are found by name in the namespace of edXML, whatever their prefix and order. What nobody asked
for is kept as (path, text).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, TypeVar

from ebrvt_connect.codec.edxml_dates import NotThisForm, read_date, read_time
from ebrvt_connect.codec.edxml_words import (
    DATE_IMPOSSIBLE,
    DATE_NOT_EDXML_FORM,
    FIELD_REPEATED,
    FIELD_TOO_LONG,
    FLAG_UNKNOWN,
    LONGEST_CHARS,
    NAMESPACE,
    NUMBER_NOT_READ,
    WARNINGS_OMITTED,
    field_vi,
    is_decisive,
    missing,
    repeated,
)
from ebrvt_connect.errors import Explanation
from ebrvt_connect.model.document import DataWarning
from ebrvt_connect.model.text import nfc

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

Moment = TypeVar("Moment", date, datetime)

_MOST_WARNINGS = 100
_MOST_UNKNOWN = 200
_KEPT_CHARS = 2_000
_SHOWN_CHARS = 80
_WRAPPERS = frozenset({"edXML", "edXMLEnvelope", "edXMLHeader", "edXMLBody", "MessageHeader"})
_OURS = f"{{{NAMESPACE}}}"
_NUMBER = re.compile(r"[0-9]{1,9}")
_FLAGS = {"0": False, "1": True, "false": False, "true": True}


def path_of(element: Element) -> str:
    """Where an element stands, by names, without the wrappers every packet has."""
    chain = [element, *element.iterancestors()]
    names = [str(step.tag).removeprefix(_OURS) for step in reversed(chain)]
    return "/".join(name for name in names if name not in _WRAPPERS) or names[-1]


class Findings:
    """Warnings and unread elements of one packet, bounded however hostile it is.

    Those a verdict rests on are counted by themselves: a hundred trifles do not push one of them out.
    """

    def __init__(self) -> None:
        self._warnings: list[DataWarning] = []
        self._decisive: list[DataWarning] = []
        self._taken: set[Element] = set()
        self._omitted = 0

    def warn(self, explanation: Explanation, field: str, got: str = "", **facts: object) -> None:
        """Write down a warning about a field; past a hundred they are only counted."""
        kept = self._decisive if is_decisive(explanation.code, field) else self._warnings
        if len(kept) >= _MOST_WARNINGS:
            self._omitted += 1
            return
        shown = got[:_SHOWN_CHARS]
        told = {"field": field, "field_vi": field_vi(field), "got": shown, **facts}
        kept.append(
            DataWarning(
                code=explanation.code,
                field=field,
                got=shown,
                message_vi=explanation.sentence_vi.format_map(told),
            )
        )

    def take(self, element: Element) -> None:
        """Tick an element off: its text has a place in the value."""
        self._taken.add(element)

    def leave(self, element: Element) -> None:
        """Its text could not be understood after all: keep it among the unknown."""
        self._taken.discard(element)

    def warned_about(self, name: str) -> bool:
        """Whether a warning about an element of this name is written down already."""
        written = (*self._decisive, *self._warnings)
        return any(warning.field.rpartition("/")[2] == name for warning in written)

    def unknown(self, root: Element) -> tuple[tuple[str, str], ...]:
        """Every text under `root` that nobody took, as (path, text)."""
        unread = [
            (path_of(element), (element.text or "").strip()[:_KEPT_CHARS])
            for element in root.iter()
            if element not in self._taken and (element.text or "").strip()
        ]
        self._omitted += max(0, len(unread) - _MOST_UNKNOWN)
        return tuple(unread[:_MOST_UNKNOWN])

    def warnings(self) -> tuple[DataWarning, ...]:
        """All warnings, with a last one that counts those left out."""
        if not self._omitted:
            return (*self._decisive, *self._warnings)
        count = self._omitted
        rest = DataWarning(
            code=WARNINGS_OMITTED.code,
            field="",
            got=str(count),
            message_vi=WARNINGS_OMITTED.sentence_vi.format(count=count),
        )
        return (*self._decisive, *self._warnings, rest)


class Node:
    """An element being read: asks for children by name and ticks off what it hands out."""

    def __init__(self, element: Element, findings: Findings) -> None:
        self.element = element
        self.findings = findings

    def path(self, name: str) -> str:
        """Where a child of this name stands, whether there is one or not."""
        above = path_of(self.element)
        return name if above in _WRAPPERS else f"{above}/{name}"

    def all(self, name: str) -> Iterator[Node]:
        """Every child of this name, in order."""
        for child in self.element.iterchildren(_OURS + name):
            yield Node(child, self.findings)

    def first(self, name: str) -> Node | None:
        """The first child of this name; more of them leave a warning and stay among the unknown."""
        found = list(self.all(name))
        if len(found) > 1:
            self.findings.warn(FIELD_REPEATED, self.path(name))
        return found[0] if found else None

    def only(self, name: str) -> Node | None:
        """The one child of this name; raises `InvalidValue` `EDXML_ELEMENT_REPEATED` for a second."""
        found = list(self.all(name))
        if len(found) > 1:
            raise repeated(self.path(name))
        return found[0] if found else None

    def required(self, name: str) -> Node:
        """As `only`; raises `InvalidValue` `EDXML_FIELD_MISSING` when there is none."""
        found = self.only(name)
        if found is None:
            raise missing(self.path(name))
        return found

    def has(self, name: str) -> bool:
        """Whether a child of this name says anything."""
        return any((child.element.text or "").strip() for child in self.all(name))

    def own_text(self) -> str:
        """The element's own text without blanks around it, ticked off."""
        self.findings.take(self.element)
        return (self.element.text or "").strip()

    def text(self, name: str) -> str:
        """The text of the first child of this name; empty when there is none."""
        child = self.first(name)
        text = child.own_text() if child else ""
        limit = LONGEST_CHARS.get(name)
        if limit is not None and len(nfc(text)) > limit:
            self.findings.warn(FIELD_TOO_LONG, self.path(name), text, limit=limit)
        return text

    def required_text(self, name: str) -> str:
        """As `text`; raises `InvalidValue` `EDXML_FIELD_MISSING` or `EDXML_ELEMENT_REPEATED`."""
        self.required(name)
        if not self.has(name):
            raise missing(self.path(name))
        return self.text(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of all children of this name, empty ones left out."""
        return tuple(text for text in (child.own_text() for child in self.all(name)) if text)

    def code(self, name: str, known: Container[str], unknown: Explanation) -> str:
        """The text of a coded child; one that is not known leaves a warning and stays among the unknown."""
        text = self.text(name)
        if text and text not in known:
            self.findings.warn(unknown, self.path(name), text)
            for child in self.all(name):
                self.findings.leave(child.element)
        return text

    def number(self, name: str) -> int | None:
        """A whole number of at most nine digits; anything else is absent and leaves a warning."""
        text = self.text(name)
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            self.findings.warn(NUMBER_NOT_READ, self.path(name), text)
            return None
        return int(text)

    def flag(self, name: str) -> bool | None:
        """Yes or no; anything else is absent and leaves a warning."""
        text = self.text(name)
        if text and text.lower() not in _FLAGS:
            self.findings.warn(FLAG_UNKNOWN, self.path(name), text)
        return _FLAGS.get(text.lower())

    def day(self, name: str) -> date | None:
        """A date; one in another form or not in the calendar is absent and leaves a warning."""
        return self._moment(name, read_date)

    def time(self, name: str) -> datetime | None:
        """A moment in UTC; as `day`."""
        return self._moment(name, read_time)

    def _moment(self, name: str, read: Callable[[str], Moment]) -> Moment | None:
        text = self.text(name)
        if not text:
            return None
        try:
            return read(text)
        except NotThisForm:
            self.findings.warn(DATE_NOT_EDXML_FORM, self.path(name), text)
        except ValueError:
            self.findings.warn(DATE_IMPOSSIBLE, self.path(name), text)
        return None
