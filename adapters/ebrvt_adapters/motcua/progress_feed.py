"""A dossier's steps (tiến độ xử lý) as items: each once and in order, whatever becomes of the list later.

Steps are append-only and the portal knows no key for them, so what was handed over is never handed over
again: a step is known by its number (`<code>#<seq>`) and by its content. One that cannot be taken as it
stands is held in its lane under a name its correction can tell:

    <code>#<seq>          its number can be read, another field cannot
    <code>#~<seq>         its number cannot be read; it stands where this number is to be expected
    <code>#=<content>     another step has the same number
    <code>#renumbered     steps stand under other numbers now
    <code>#               the whole progress cannot be had
"""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ebrvt_adapters.motcua import faults, mapping, oddities
from ebrvt_connect.codec.feed import scalars
from ebrvt_connect.errors import HeldForPerson, InvalidValue, Scope
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ports.adapter import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ebrvt_adapters.motcua import wire
    from ebrvt_adapters.motcua.dossier_feed import Desk
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.document import DataWarning
    from ebrvt_connect.model.dossier import ProgressEntry

_REMEMBERED = 20_000
_LARGEST_SEQ = 2**53
_LONGEST_SEQ = len(str(_LARGEST_SEQ))
_WIDEST_GAP = 20
"""So many numbers may be missing before a step that stands for one that could not be read."""
_SHOWN_MOVES = 8


class KnownSteps:
    """Which content was handed over under which number; bounded, the oldest dossiers go first."""

    def __init__(self) -> None:
        """Knows none; after a restart a change goes unnoticed here, but never on: the ledger knows."""
        self._contents: OrderedDict[str, dict[int, str]] = OrderedDict()
        self._count = 0

    def of(self, code: str) -> Mapping[int, str]:
        """What is known of a dossier's steps."""
        return self._contents.get(code, {})

    def keep(self, code: str, seq: int, content: str) -> None:
        """Remember what was handed over under a number."""
        steps = self._contents.setdefault(code, {})
        self._contents.move_to_end(code)
        self._count += seq not in steps
        steps[seq] = content
        while self._count > _REMEMBERED and len(self._contents) > 1:
            _, dropped = self._contents.popitem(last=False)
            self._count -= len(dropped)


@dataclass(slots=True)
class Steps:
    """What a dossier's progress made."""

    items: list[Item] = field(default_factory=list)
    warnings: list[DataWarning] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """One row of the list."""

    row: bytes
    seq: int
    """0 where it cannot be read."""
    entry: ProgressEntry | None = None
    refusal: InvalidValue | None = None

    @property
    def content(self) -> str:
        """What it says of the step itself."""
        return mapping.entry_content(self.entry) if self.entry else ""


@dataclass(frozen=True, slots=True)
class ProgressReader:
    """Reads one dossier's progress."""

    desk: Desk
    dossier: wire.Dossier

    @property
    def code(self) -> str:
        """The dossier's own code, which is also its lane."""
        return str(self.dossier.code)

    def missing(self) -> Steps:
        """The progress cannot be had: a hold stands for it."""
        fault = self._fault(faults.PROGRESS_UNAVAILABLE, "progress cannot be had")
        return Steps([self._held(f"{self.code}#", f"missing:{self.dossier.revision}", fault)])

    def steps(self, rows: Iterable[bytes]) -> Steps:
        """All steps not known to be stored, in their order, and a hold for each that cannot be taken."""
        listed = [self._read(row) for row in _in_order(rows)]
        known = {
            seq: content
            for seq, content in self.desk.steps.of(self.code).items()
            if self.desk.stored.has(f"{self.code}#{seq}")
        }
        chosen = _chosen(listed, known)
        contents = {seq: one.content for seq, one in chosen.items()}
        moved = _moved(known, contents)
        made = Steps()
        if moved:
            made.items.extend(self._renumbered(moved, known, contents))
        names = _expected_names(listed)
        occurrences = _occurrences(known, contents)
        last = 0
        for place, one in enumerate(listed):
            if one.refusal is not None:
                self._unreadable(made, one, one.refusal, names[place])
            elif chosen[one.seq] is not one:
                if one.content != contents[one.seq]:
                    self._repeated(made, one)
            else:
                changed = one.seq in known and known[one.seq] != one.content
                if one.seq not in moved and not (changed and moved):
                    stands_for = _between(last, one.seq) - set(names.values())
                    self._readable(
                        made, one, changed=changed, occurrence=occurrences[one.seq], stands_for=stands_for
                    )
                last = one.seq
        return made

    def _read(self, row: bytes) -> _Read:
        seq = seq_of(row)
        try:
            found = mapping.progress_of(row, self.code)
        except InvalidValue as refusal:
            return _Read(row, seq, refusal=refusal)
        desk = self.desk
        return _Read(row, found.seq, mapping.entry_of(found, self.dossier, desk.statuses, now=desk.now()))

    # --- one step -----------------------------------------------------------------------------------------

    def _readable(
        self,
        made: Steps,
        one: _Read,
        *,
        changed: bool,
        occurrence: int,
        stands_for: Iterable[str],
    ) -> None:
        """A step: an item, where it is not known to be stored as it is; one that was changed is told.

        Only the ledger knows whether a changed one was sent already or can still be corrected.
        """
        entry = one.entry
        if entry is None:  # pragma: no cover - a row is read or refused
            return
        name, version = f"{self.code}#{entry.seq}", mapping.entry_version(entry)
        if changed:
            made.warnings.append(oddities.changed_entry(entry.seq))
        else:
            self.desk.steps.keep(self.code, entry.seq, one.content)
            if (name, version) in self.desk.stored:
                return
        first = not any(item.fault is None for item in made.items) and not self.desk.stored.has(name)
        held = [*(["#"] if first else []), f"#={one.content}", *sorted(stands_for)]
        made.items.append(
            Item(
                kind=Kind.PROGRESS,
                external_id=name,
                version=version,
                lane=self.code,
                business_key=str(entry.dossier_code),
                title=f"{self.code} (bước {entry.seq})",
                record=entry,
                original=self.desk.keep(one.row),
                same_as=f"step:{self.code}:{one.content}:{occurrence}",
                once=True,
                replaces=tuple(f"{self.code}{suffix}" for suffix in held),
            )
        )

    def _unreadable(self, made: Steps, one: _Read, refusal: InvalidValue, name: str) -> None:
        if one.seq in self.desk.steps.of(self.code):
            made.warnings.append(oddities.changed_entry(one.seq))
        own = f"{self.code}{name}"
        item = self.desk.unreadable(Kind.PROGRESS, one.row, refusal, own, lane=self.code)
        if item is not None:
            # A step that was sent and cannot be read now is no reason to stop the others.
            made.items.append(replace(item, once=True, business_key=self._public()))

    def _repeated(self, made: Steps, one: _Read) -> None:
        name, version = f"{self.code}#={one.content}", f"repeated:{one.seq}"
        if (name, version) in self.desk.stored:
            return
        fault = self._fault(faults.PROGRESS_REPEATED, f"step number {one.seq} given twice", seq=one.seq)
        made.items.append(self._held(name, version, fault, one.row))

    # --- the list -----------------------------------------------------------------------------------------

    def _renumbered(
        self, moved: Mapping[int, int], known: Mapping[int, str], contents: Mapping[int, str]
    ) -> Iterator[Item]:
        """One hold for steps that stand under other numbers now; they are not sent again."""
        told = "\n".join(f"{now} {contents[now]}" for now in sorted(moved))
        version = f"renumbered:{hashlib.sha256(told.encode()).hexdigest()[:32]}"
        name = f"{self.code}#renumbered"
        if (name, version) in self.desk.stored:
            return
        moves = [f"bước {old} nay là bước {now}" for now, old in sorted(moved.items())]
        more = f" và {len(moves) - _SHOWN_MOVES} bước khác" if len(moves) > _SHOWN_MOVES else ""
        others = [
            str(seq)
            for seq, content in sorted(contents.items())
            if seq not in moved and seq in known and known[seq] != content
        ]
        inserted = (
            f"; nội dung mới dưới số cũ {', '.join(others[:_SHOWN_MOVES])} chưa được gửi" if others else ""
        )
        fault = self._fault(
            faults.PROGRESS_RENUMBERED,
            f"steps renumbered: {sorted(moved.items())[:_SHOWN_MOVES]}",
            moves=", ".join(moves[:_SHOWN_MOVES]) + more,
            inserted=inserted,
        )
        yield self._held(name, version, fault)

    def _held(self, name: str, version: str, fault: HeldForPerson, row: bytes | None = None) -> Item:
        original = None if row is None else self.desk.keep(row)
        return Item(
            kind=Kind.PROGRESS,
            external_id=name,
            version=version,
            lane=self.code,
            business_key=self._public(),
            title=self.code,
            original=original,
            fault=fault,
        )

    def _public(self) -> str:
        return str(self.dossier.national_code or self.dossier.code)

    def _fault(self, explanation: Explanation, detail: str, **facts: str | int) -> HeldForPerson:
        return HeldForPerson(
            explanation,
            f"dossier {self.code!r}: {detail}",
            system=self.desk.surroundings.system,
            operation="fetch",
            title=self.code,
            scope=Scope.MESSAGE,
            evidence_id="",
            **facts,
        )


def seq_of(row: bytes) -> int:
    """The number of a step, whatever else of it can be read; 0 where it is none, or there are two."""
    found = {token for path, token in scalars(row) if path == ("seq",)}
    token = found.pop() if len(found) == 1 else b""
    if not token.isdigit() or len(token) > _LONGEST_SEQ:
        return 0
    return int(token) if int(token) < _LARGEST_SEQ else 0


def _in_order(rows: Iterable[bytes]) -> list[bytes]:
    """By their numbers; one without a number stays behind the one it was listed behind. Each once."""
    placed: list[tuple[int, bytes]] = []
    last = 0
    for row in dict.fromkeys(rows):
        last = seq_of(row) or last
        placed.append((last, row))
    return [row for _, row in sorted(placed, key=lambda one: one[0])]


def _chosen(listed: Iterable[_Read], known: Mapping[int, str]) -> dict[int, _Read]:
    """The step each number stands for: what was handed over under it, else the one that happened first."""
    chosen: dict[int, _Read] = {}
    for one in listed:
        other = chosen.get(one.seq)
        if one.entry and (other is None or not other.entry or _earlier(one, other, known.get(one.seq, ""))):
            chosen[one.seq] = one
    return chosen


def _earlier(one: _Read, other: _Read, known: str) -> bool:
    if known in {one.content, other.content}:
        return one.content == known
    return one.entry is not None and other.entry is not None and one.entry.at < other.entry.at


def _moved(known: Mapping[int, str], contents: Mapping[int, str]) -> dict[int, int]:
    """New numbers of steps that were handed over under another one, where they stand no more.

    A step that merely says the same as another one, which still stands in its place, is a step of its own.
    """
    gone: dict[str, list[int]] = {}
    for seq, content in sorted(known.items()):
        if contents.get(seq) != content:
            gone.setdefault(content, []).append(seq)
    return {
        seq: gone[content].pop(0)
        for seq, content in sorted(contents.items())
        if known.get(seq) != content and gone.get(content)
    }


def _expected_names(listed: Iterable[_Read]) -> dict[int, str]:
    """What each step that cannot be read is held under, by its place in the list."""
    good = {one.seq for one in listed if one.entry}
    names: dict[int, str] = {}
    expected = 1
    for place, one in enumerate(listed):
        if one.refusal is None:
            expected = one.seq + 1
        else:
            readable = one.seq and one.seq not in good
            names[place] = f"#{one.seq}" if readable else f"#~{expected}"
            expected += 1
    return names


def _between(last: int, seq: int) -> set[str]:
    """What a step may be held under that could not be numbered before."""
    return {f"#~{one}" for one in range(max(last + 1, seq - _WIDEST_GAP + 1), seq + 1)}


def _occurrences(known: Mapping[int, str], contents: Mapping[int, str]) -> dict[int, int]:
    """Which of the steps that say the same each one is: two of them are two."""
    counted: Counter[str] = Counter()
    told: dict[int, int] = {}
    for seq in sorted({*known, *contents}):
        says = {steps[seq] for steps in (known, contents) if seq in steps}
        counted.update(says)
        if seq in contents:
            told[seq] = counted[contents[seq]]
    return told
