"""Every error code of the house and of the installed adapters, for `ebrvt explain` and the generated page.

Codes of the simulators and the demonstration are left out: no operator of a real province meets them.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import ebrvt_connect
from ebrvt_connect.errors import Explanation
from ebrvt_connect.ops.catalogue import ADAPTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

_ROOMS = (
    "errors",
    "model",
    "ports",
    "codec",
    "trust",
    "resilience",
    "transport",
    "store",
    "engine",
    "api",
    "ops",
)
"""From the ground up: an explanation found in two rooms belongs to the lower one, which the other imports."""
_NOT_FOR_OPERATORS = ("ebrvt_connect.testing", "ebrvt_connect.ops.demo")
_SIMULATORS = "sandbox"


def full_catalogue() -> Mapping[str, Explanation]:
    """Every explanation by its code."""
    return {e.code: e for explanations in catalogue_by_room().values() for e in explanations}


def catalogue_by_room() -> dict[str, list[Explanation]]:
    """The explanations of each room and then of each adapter's package, by code.

    Imports all of them. Rooms that explain nothing are left out.
    """
    rooms: dict[str, dict[str, Explanation]] = {name: {} for name in _ROOMS}
    for module in _modules(ebrvt_connect):
        room = module.__name__.split(".")[1]
        rooms[room].update(_explanations(module))
    for entry in sorted(entry_points(group=ADAPTERS), key=lambda entry: entry.name):
        own = rooms.setdefault(entry.module, {})
        for module in _modules(importlib.import_module(entry.module)):
            own.update(_explanations(module))
    told: set[str] = set()
    grouped = {}
    for room, found in rooms.items():
        if fresh := sorted(found.keys() - told):
            grouped[room] = [found[code] for code in fresh]
            told.update(fresh)
    return grouped


def as_read(template: str) -> str:
    """A sentence with its places left open, as a reader sees it: a doubled brace is a brace."""
    return template.replace("{{", "{").replace("}}", "}")


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    """The package's modules, imported, without what only plays a remote."""
    for found in pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}."):
        last = found.name.rpartition(".")[2]
        if not found.name.startswith(_NOT_FOR_OPERATORS) and not last.startswith(_SIMULATORS):
            yield importlib.import_module(found.name)


def _explanations(module: ModuleType) -> dict[str, Explanation]:
    """What stands in a module under a name of its own, which is how every explanation is made."""
    return {value.code: value for value in vars(module).values() if isinstance(value, Explanation)}
