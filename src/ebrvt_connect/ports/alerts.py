"""Incidents (sự cố) and how people are told of them: once when one opens, once when it is over.

An incident is one trouble, however often it shows: a system that does not answer, a password that has
expired, messages given up for one reason, a disk that is nearly full. It is known by its system, its code
and, where it is one machine's own, its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Key = tuple[str, str, str]
"""System, code and place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A trouble that is there now."""

    code: str
    reason_vi: str
    advice_vi: str
    system: str = ""
    """Empty: it is no one system's."""
    place: str = ""
    """The daemon whose own trouble it is; empty: whichever daemon looks finds it."""
    count: int = 1
    """How much of it there is: messages, failures."""
    each_new: bool = False
    """More of it is new trouble, even after a person has closed what there was (messages given up)."""

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.system, self.code, self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as it is kept."""

    id: int
    system: str
    code: str
    place: str
    reason_vi: str
    advice_vi: str
    opened_at: datetime
    last_at: datetime
    """When its cause was last seen, to the minute."""
    count: int
    """The most there was of it at a time; of a dismissed one whose `each_new` counts, the least since."""
    returns: int = 0
    """How often its cause went and came back before it was closed."""
    gone_at: datetime | None = None
    """Since when its cause has not been seen."""
    closed_at: datetime | None = None
    closed_by: str = ""
    """The person who closed it; empty: it closed itself when its cause was gone."""
    closed_why: str = ""
    dismissed: bool = False
    """Closed by a person while its cause was there: not opened again before that has been gone, or grown
    where each is new trouble."""

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.system, self.code, self.place


class What(StrEnum):
    """What an alert says of an incident."""

    OPENED = "opened"
    REMINDER = "reminder"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message about an incident, without secrets or people's data."""

    id: str
    """The same whenever this message is sent: whoever gets it twice can tell."""
    what: What
    incident: Incident
    subject_vi: str
    text_vi: str


class AlertSink(Protocol):
    """Where alerts go (kênh cảnh báo)."""

    @property
    def name(self) -> str:
        """Kept with what is still to be sent: stable, and no other sink's."""
        ...

    def send(self, alert: Alert) -> None:
        """Send it, within a minute; raises `ConnectError` where it did not go through."""
        ...


class Watch(Protocol):
    """Looks now and then for a trouble of this machine (theo dõi)."""

    def __call__(self, now: datetime) -> Iterable[Cause]:
        """The troubles that are there; whatever it raises is a trouble, too."""
        ...
