"""Inside the simulated one-stop shop: dossiers, their progress and files, and clerks, in one world."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ebrvt_adapters.motcua import wire
from ebrvt_connect.codec.jsonfields import written_moment
from ebrvt_connect.codec.simulated_rest import FeedTable, Row, moment_of
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.text import nfc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ebrvt_connect.ports.simulator import World

DOSSIERS = "dossiers"
PROGRESS = "progress"
FILES = "files"
SCRIPTS = "scripts"
EXCHANGES = "exchange-statuses"
INBOX = "inbox"
ENQUIRIES = "enquiries"
PROCEDURES = "procedures"
ACKS = "acks"

NOW = "$now"
"""In a clerk's step: the moment of the step."""
_AGENCY = "H06"
"""Numbers a dossier filed elsewhere that names no agency."""


class Shop:
    """The registers and desks; attributes are plain, so a test can bump them."""

    def __init__(self, world: World, clerk_seconds: float) -> None:
        """Take up the world where it was left."""
        self.world = world
        self.clerk_seconds = clerk_seconds
        self.feed = FeedTable(world, DOSSIERS, "dossier")

    # --- dossiers -----------------------------------------------------------------------------------------

    def put(self, dossier: Row, visible_at: datetime | None = None) -> None:
        """Register a dossier or its new state."""
        self.feed.put(dossier["code"], dossier, visible_at)

    def change(self, code: str, fields: Mapping[str, Any], now: datetime, *, unchecked: bool = False) -> Row:
        """Change a dossier: the next revision, as of now. Raises `KeyError` for one that is not there.

        Raises `ValueError` for what the contract does not allow, unless it is `unchecked`.
        """
        row = self.world.get(DOSSIERS, code)
        if row is None:
            raise KeyError(code)
        before: Row = row["dossier"]
        next_one = {"revision": int(before["revision"]) + 1, "updatedAt": written_moment(now)}
        changed = {**before, **next_one, **fields} if unchecked else {**before, **fields, **next_one}
        if not unchecked:
            wire.Dossier.model_validate(changed)
        self.put(changed)
        status = changed["status"]
        self.world.journal("dossier-changed", dossier=code, revision=changed["revision"], status=status)
        return changed

    def file(self, filed: Mapping[str, Any], now: datetime) -> str:
        """Register a dossier filed elsewhere under a number of ours; returns it."""
        agency = nfc(str((filed.get("agency") or {}).get("code") or "")).strip() or _AGENCY
        day = now.astimezone(VIETNAM).strftime("%y%m%d")
        number = 1
        while self.world.get(DOSSIERS, code := f"{agency}-{day}-{number:04d}") is not None:
            number += 1
        at = written_moment(now)
        own = {"id": f"hs-{code}", "code": code, "status": "new", "updatedAt": at, "revision": 1}
        self.put({**filed, **own})
        return code

    # --- progress and files -------------------------------------------------------------------------------

    def steps(self, code: str) -> list[Any]:
        """A dossier's progress, in its order."""
        row = self.world.get(PROGRESS, code)
        return list(row["entries"]) if row else []

    def add_steps(self, code: str, entries: Iterable[Any]) -> None:
        """Append steps; one without a number gets the next."""
        known = self.steps(code)
        for entry in entries:
            last = max((seq_of(one) for one in known), default=0)
            numbered = {"seq": last + 1, **entry} if isinstance(entry, dict) else entry
            known.append(numbered)
            if isinstance(numbered, dict):
                told = {name: numbered.get(name) for name in ("status", "action")}
                # Not "seq": that is the journal's own number.
                self.world.journal("progress", dossier=code, step=numbered["seq"], **told)
        self.world.put(PROGRESS, code, {"entries": known})

    def files(self, code: str) -> dict[str, Row]:
        """The files of a dossier by id."""
        row = self.world.get(FILES, code)
        return dict(row["files"]) if row else {}

    def add_files(self, code: str, files: Mapping[str, Row]) -> None:
        """Put files there; a known id is replaced."""
        self.world.put(FILES, code, {"files": {**self.files(code), **files}})

    # --- clerks -------------------------------------------------------------------------------------------

    def clerks_act(self, now: datetime) -> None:
        """Do each script's next step when it is due; the first waits from the first look on."""
        for code, script in list(self.world.rows(SCRIPTS)):
            steps = script["steps"]
            if not script.get("due_at"):
                self._wait(code, steps, now)
            elif moment_of(script["due_at"]) <= now:
                self.do(code, steps[0], now)
                self._wait(code, steps[1:], now)

    def _wait(self, code: str, steps: list[Row], now: datetime) -> None:
        if not steps:
            self.world.delete(SCRIPTS, code)
            return
        after = timedelta(seconds=float(steps[0].get("after_seconds", self.clerk_seconds)))
        self.world.put(SCRIPTS, code, {"steps": steps, "due_at": (now + after).isoformat()})

    def do(self, code: str, step: Mapping[str, Any], now: datetime) -> None:
        """One step of a clerk: files, an entry of progress, and the dossier's new state."""
        step = _dated(dict(step), written_moment(now))
        self.add_files(code, step.get("files", {}))
        if "progress" in step:
            self.world.put(PROGRESS, code, {"entries": step["progress"]})
            self.world.journal("progress-rewritten", dossier=code, steps=len(step["progress"]))
        fields = dict(step.get("dossier", {}))
        entry = step.get("entry")
        if entry is not None:
            self.add_steps(code, [{"at": written_moment(now), **entry}])
            if entry.get("status"):
                fields = {"status": entry["status"], **fields}
        self.change(code, fields, now, unchecked=bool(step.get("unchecked")))


def seq_of(step: object) -> int:
    """The number of a step; 0 where it has none."""
    seq = step.get("seq") if isinstance(step, dict) else None
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else 0


def _dated(value: Any, at: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A step with the moment it is done in place of `$now`."""
    if isinstance(value, dict):
        return {name: _dated(one, at) for name, one in value.items()}
    if isinstance(value, list):
        return [_dated(one, at) for one in value]
    return at if value == NOW else value
