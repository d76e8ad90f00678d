r"""The evidence log (nhật ký bằng chứng) as text a shell can hash: entries, their chain, trees and seals.

An entry is a few lines `name: value`. Its hash is the SHA-256 of `<number> <hash of the one before>\n`
followed by those lines, so that its place counts, too. A seal is the statement about a run of entries: the
last one's hash, and the root of a tree over all their hashes, so that one entry is proven by some twenty
lines, however many the run holds. All hashes are lower-case hex and are hashed as such, never as raw bytes:
whatever is made here, `sha256sum` makes again (docs/decisions/0016-proof-that-a-shell-can-check.md).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

BEGINNING = "0" * 64
"""What stands for the hash before the first."""
_ENTRY = "ebrvt-proof 1"
_SEAL = "ebrvt-proof-seal 1"
_PLACE = "ebrvt-proof-place 1"
_UNSEEN = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HEX = re.compile(r"[0-9a-f]{64}")
_STEP = re.compile(r"([LR]) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Link:
    """Where an entry stands in the chain (mắt xích)."""

    number: int
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Place:
    """An entry's link, the seal it is under (None: not sealed yet) and its way up to that seal's root."""

    link: Link
    seal: int | None = None
    path: tuple[tuple[str, str], ...] = ()
    """(`L` or `R`, hash): on which side the other half stands, from the entry upwards."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What is stamped: a run of entries by its root (niêm phong)."""

    number: int
    previous: str
    """SHA-256 of the statement before."""
    first: int
    last: int
    head: str
    """Hash of the last entry."""
    root: str


def sha256_hex(content: bytes | str) -> str:
    """The SHA-256 as `sha256sum` tells it."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def entry_body(facts: Iterable[tuple[str, str]]) -> str:
    r"""The lines of an entry; a value's backslashes and control characters are written `\\xNN`."""
    return _lines(_ENTRY, facts)


def entry_facts(body: str) -> dict[str, str]:
    """The facts of an entry as its lines spell them; raises `ValueError` for what is no entry."""
    return dict(_facts_of(_ENTRY, body))


def moment(at: datetime | None) -> str:
    """A time in an entry or a seal: UTC to the microsecond; `-` for none."""
    return "-" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def linked(number: int, previous: str, body: str) -> Link:
    """An entry's link behind the one before."""
    return Link(number, previous, sha256_hex(f"{number} {previous}\n{body}"))


def root_of(hashes: Sequence[str]) -> str:
    """The root over the entries' hashes, in order; raises `ValueError` for none."""
    if not hashes:
        raise ValueError("a tree needs a leaf")
    level = list(hashes)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path_of(hashes: Sequence[str], nth: int) -> tuple[tuple[str, str], ...]:
    """The way from the `nth` hash (counted from 0) up to the root."""
    level, path = list(hashes), []
    while len(level) > 1:
        beside = nth ^ 1
        if beside < len(level):  # the last of an odd number goes up alone
            path.append(("L" if beside < nth else "R", level[beside]))
        level, nth = _above(level), nth // 2
    return tuple(path)


def root_by(hash_: str, path: Iterable[tuple[str, str]]) -> str:
    """The root that a hash and its path lead to."""
    for side, other in path:
        hash_ = _node(other, hash_) if side == "L" else _node(hash_, other)
    return hash_


def _above(level: Sequence[str]) -> list[str]:
    pairs = [_node(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
    return pairs + list(level[len(pairs) * 2 :])


def _node(left: str, right: str) -> str:
    return sha256_hex(f"{left} {right}\n")


def seal_statement(seal: Seal, made_at: datetime) -> str:
    """The statement whose SHA-256 is stamped."""
    facts = (
        ("seal", str(seal.number)),
        ("previous-seal-sha256", seal.previous),
        ("first", str(seal.first)),
        ("last", str(seal.last)),
        ("head", seal.head),
        ("root", seal.root),
        ("made-at", moment(made_at)),
    )
    return _lines(_SEAL, facts)


def read_seal(statement: str) -> Seal:
    """A statement as a value; raises `ValueError` for what is none."""
    facts = _known(
        _facts_of(_SEAL, statement),
        ("seal", "previous-seal-sha256", "first", "last", "head", "root", "made-at"),
    )
    return Seal(
        _number(facts["seal"]),
        _hash(facts["previous-seal-sha256"]),
        _number(facts["first"]),
        _number(facts["last"]),
        _hash(facts["head"]),
        _hash(facts["root"]),
    )


def place_text(place: Place) -> str:
    """An entry's place, as it is exported beside its lines."""
    seal = "-" if place.seal is None else str(place.seal)
    facts = (
        ("number", str(place.link.number)),
        ("previous", place.link.previous),
        ("hash", place.link.hash),
        ("seal", seal),
    )
    return _lines(_PLACE, facts) + "".join(f"{side} {other}\n" for side, other in place.path)


def read_place(text: str) -> Place:
    """A place as a value; raises `ValueError` for what is none."""
    lines = text.split("\n")
    steps = [step for line in lines[5:-1] if (step := _STEP.fullmatch(line))]
    facts = _known(_facts_of(_PLACE, "\n".join([*lines[:5], ""])), ("number", "previous", "hash", "seal"))
    if len(steps) != len(lines) - 6 or lines[-1]:
        raise ValueError("a place ends with lines `L hash` or `R hash`")
    link = Link(_number(facts["number"]), _hash(facts["previous"]), _hash(facts["hash"]))
    seal = None if facts["seal"] == "-" else _number(facts["seal"])
    return Place(link, seal, tuple((step[1], step[2]) for step in steps))


def _lines(title: str, facts: Iterable[tuple[str, str]]) -> str:
    return "".join((f"{title}\n", *(f"{name}: {_spelled(value)}\n" for name, value in facts)))


def _spelled(value: str) -> str:
    return _UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", value)


def _facts_of(title: str, text: str) -> list[tuple[str, str]]:
    first, *lines = text.split("\n")
    if first != title or not lines or lines.pop() != "":
        raise ValueError(f"expected {title!r} and whole lines")
    facts = [line.partition(": ") for line in lines]
    if not all(sign for _, sign, _ in facts) or len({name for name, _, _ in facts}) < len(facts):
        raise ValueError("expected lines `name: value`, each name once")
    return [(name, value) for name, _, value in facts]


def _known(facts: list[tuple[str, str]], names: tuple[str, ...]) -> dict[str, str]:
    if tuple(name for name, _ in facts) != names:
        raise ValueError(f"expected the lines {', '.join(names)}")
    return dict(facts)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or text.startswith("0") or len(text) > 18:  # noqa: PLR2004 - a BIGINT
        raise ValueError(f"expected a number, got {text[:30]!r}")
    return int(text)


def _hash(text: str) -> str:
    if not _HEX.fullmatch(text):
        raise ValueError(f"expected a SHA-256 in hex, got {text[:70]!r}")
    return text
