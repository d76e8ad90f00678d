"""The procedures in use (danh mục thủ tục): a list of the deployment's, and what the portal was asked for."""

from __future__ import annotations

import json
import threading
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from ebrvt_adapters.dvcqg import faults, mapping
from ebrvt_connect.errors import HeldForPerson, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ebrvt_adapters.dvcqg import wire
    from ebrvt_connect.ports.clock import Clock

_ENTRIES = TypeAdapter(tuple[mapping.CatalogueEntry, ...])
_LARGEST_FILE_BYTES = 32 * 1024 * 1024
_NONE_KEPT_SECONDS = 300.0
"""That a procedure is not there is believed for minutes only: somebody may be entering it."""


def read_entries(path: Path, *, system: str) -> tuple[mapping.CatalogueEntry, ...]:
    """A list of procedures in TOML or JSON: `procedures = [{code, name, field_code, field_name}]`.

    Raises `HeldForPerson` `DVCQG_PROCEDURES_FILE_WRONG`: without its list the system must not start.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_FILE_BYTES).decode("utf-8")
        table = json.loads(content) if path.suffix == ".json" else tomllib.loads(content)
        return _each_once(_ENTRIES.validate_python(table["procedures"]))
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise HeldForPerson(
            faults.PROCEDURES_FILE_WRONG,
            f"cannot read {path}: {_why(failure)}",
            scope=Scope.SYSTEM,
            system=system,
            operation="open",
            file=path.name,
            why=_why(failure),
        ) from failure


def _each_once(entries: tuple[mapping.CatalogueEntry, ...]) -> tuple[mapping.CatalogueEntry, ...]:
    if len({entry.code for entry in entries}) < len(entries):
        raise ValueError("a procedure code stands twice")
    return entries


def _why(failure: Exception) -> str:
    if isinstance(failure, ValidationError):
        first = failure.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return f"{type(failure).__name__}: {failure}"[:200]


@dataclass(frozen=True, slots=True)
class _Answer:
    entry: mapping.CatalogueEntry | None
    until: float


class Catalogue:
    """Finds a procedure by its national code; safe for several threads."""

    def __init__(
        self,
        entries: Iterable[mapping.CatalogueEntry],
        clock: Clock,
        *,
        ask: Callable[[str], wire.ThuTuc | None] | None = None,
        kept_seconds: float = 0.0,
    ) -> None:
        """`ask` looks up what the list does not have; its answers, none among them, are kept for a while."""
        self._listed = {entry.code: entry for entry in entries}
        self._clock = clock
        self._ask = ask
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._answers: dict[str, _Answer] = {}

    def __len__(self) -> int:
        """How many procedures are listed."""
        return len(self._listed)

    def find(self, code: str) -> mapping.CatalogueEntry | None:
        """The entry of a code, or None; raises `ConnectError` when the portal had to be asked and failed."""
        listed = self._listed.get(code.strip())
        if listed is not None or self._ask is None:
            return listed
        # One look-up at a time: a hundred dossiers of one procedure ask once.
        with self._lock:
            kept = self._answers.get(code)
            if kept is None or self._clock.monotonic() >= kept.until:
                procedure = self._ask(code)
                entry = mapping.entry_of(procedure) if procedure else None
                if entry is not None and entry.code != code:
                    entry = None
                lasts = self._kept_seconds if entry else min(self._kept_seconds, _NONE_KEPT_SECONDS)
                kept = _Answer(entry, self._clock.monotonic() + lasts)
                self._answers[code] = kept
            return kept.entry
