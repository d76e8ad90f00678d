"""Systems that are part of the program itself: no adapter of another party, made from the ledger.

In the configuration they look like any other system (`[systems.so-lieu] adapter = "ledger"`); beside their
settings and surroundings they are handed the ledger that the engine works on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from ebrvt_connect.ports.adapter import Adapter, Surroundings
    from ebrvt_connect.store.ledger import Ledger

BUILT_IN: Mapping[str, str] = {"ledger": "ebrvt_connect.ops.report_desk:ReportDesk"}
"""Module and class by the name the configuration gives as `adapter`."""
DIRECTIONS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "ledger": {"report": ("source",), "report-status": ("sink",)}
}
"""What each gives and takes, as an adapter's manifest says it."""


class LedgerAdapter(Protocol):
    """A built-in system's class: an adapter that is opened with the ledger."""

    settings_type: type[BaseModel]

    def open(self, settings: BaseModel, surroundings: Surroundings, ledger: Ledger) -> Adapter:
        """Make an instance from validated settings; reads and writes nothing yet."""
        ...


def built_in(adapter: str) -> LedgerAdapter | None:
    """The built-in system of this name, imported when it is asked for; None for an adapter's name."""
    where = BUILT_IN.get(adapter)
    if where is None:
        return None
    module, _, name = where.partition(":")
    return cast("LedgerAdapter", getattr(import_module(module), name))
