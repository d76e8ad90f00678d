"""Packets of one queue that would not come: remembered while the process runs, so that they starve no other.

The axis lists what is not acknowledged in an order of its own, so a few packets that cannot be fetched may
stand before all others for ever. They are tried last, those first that were left alone longest; and after
a time a person is told of each of them, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

FEWEST_TRIES = 3
"""However long it has been: a machine that slept over night has tried but once."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is known of a packet that would not come."""

    since: datetime
    last_at: datetime
    tries: int
    told: bool = False
    """Whether it has been handed over as an item that is held."""


class Unfetched:
    """The packets of one queue that would not come. One fetch at a time may use it."""

    def __init__(self, patience: timedelta) -> None:
        """`patience` is how long a packet is tried for before a person is told."""
        self._patience = patience
        self._troubles: dict[str, Trouble] = {}

    def sorted(self, doc_ids: Iterable[str]) -> tuple[list[str], list[str]]:
        """The packets listed, without those in trouble; and those, the longest left alone first.

        What is listed no more is forgotten.
        """
        listed = list(dict.fromkeys(doc_ids))
        self._troubles = {one: self._troubles[one] for one in listed if one in self._troubles}
        in_trouble = sorted(self._troubles, key=lambda one: self._troubles[one].last_at)
        return [one for one in listed if one not in self._troubles], in_trouble

    def came(self, doc_id: str) -> None:
        """It has been fetched after all."""
        self._troubles.pop(doc_id, None)

    def failed(self, doc_id: str, now: datetime) -> Trouble:
        """It did not come, again."""
        before = self._troubles.get(doc_id) or Trouble(now, now, 0)
        known = Trouble(before.since, now, before.tries + 1, before.told)
        self._troubles[doc_id] = known
        return known

    def over(self, trouble: Trouble) -> bool:
        """Whether patience with it has ended and nobody has been told yet."""
        waited = trouble.last_at - trouble.since
        return not trouble.told and trouble.tries >= FEWEST_TRIES and waited >= self._patience

    def told(self, doc_id: str) -> None:
        """Its item has been stored: it is not handed over again."""
        trouble = self._troubles.get(doc_id)
        if trouble is not None:
            self._troubles[doc_id] = Trouble(trouble.since, trouble.last_at, trouble.tries, told=True)
