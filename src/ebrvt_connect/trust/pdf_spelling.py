"""How an object added after a signature must be spelled (ISO 32000-1, 7.2 and 7.3): to the letter.

PDF readers forgive each in their own way: one ends a dictionary at any `>`, another reads on until `>>`, and
what stands between is seen by one of them only. A file with two faces is made like that without any key. So
what is added later is read here by the grammar alone: no comments, no key twice, everything closed by what
opened it, numbers and references as writers write them.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

_BLANK = rb"[\0\t\n\f\r ]"
_APART = rb"(?=[\0\t\n\f\r ()<>\[\]/]|\Z)"
_TOKEN = re.compile(
    rb"(?P<blank>" + _BLANK + rb"+)"
    rb"|(?P<open><<|\[)|(?P<close>>>|\])"
    rb"|(?P<string>\()|(?P<hex><[0-9A-Fa-f\0\t\n\f\r ]*>)"
    rb"|(?P<name>/(?:[^\0-\x20()<>\[\]{}/%#\x7f]|#[0-9A-Fa-f]{2})+)"
    + _APART
    + rb"|(?P<reference>[1-9]\d{0,7}"
    + _BLANK
    + rb"{1,4}(?:0|[1-9]\d{0,4})"
    + _BLANK
    + rb"{1,4}R)"
    + _APART
    + rb"|(?P<number>[+-]?(?:\d{1,10}(?:\.\d{0,20})?|\.\d{1,20}))"
    + _APART
    + rb"|(?P<word>true|false|null)"
    + _APART
)
_IN_STRING = re.compile(rb"[()]|\\.", re.DOTALL)
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_OBJECT_ENDS = re.compile(_BLANK + rb"*(?:endobj(?=" + _BLANK + rb"|\Z)|(stream)(?:\r\n|\n))")
_ONLY_BLANKS = re.compile(_BLANK + rb"*\Z")

_MOST_LEVELS: Final = 100
MOST_TOKENS: Final = 500_000
"""Of one value; signatures and evidence are a few hundred, the list of a thousand pages some thousands."""


class SpellingOdd(Exception):
    """A value not spelled by the grammar."""


def check_object(data: bytes, at: int) -> None:
    """Of an object, its value at `at`: one value, then its end or its stream. Raises `SpellingOdd`."""
    end = value_end(data, at)
    closing = _OBJECT_ENDS.match(data, end)
    if closing is None or (closing[1] and data[end - 2 : end] != b">>"):
        raise SpellingOdd("an object that does not end")


def check_members(content: bytes, starts: list[int]) -> None:
    """Of an object stream's members: one value each, and blanks up to the next. Raises `SpellingOdd`."""
    if starts != sorted(set(starts)):
        raise SpellingOdd("members that overlap")
    for start, stop in pairwise([*starts, len(content)]):
        if not _ONLY_BLANKS.match(content[value_end(content, start) : stop]):
            raise SpellingOdd("a member that does not end")


def value_end(data: bytes, at: int) -> int:
    """Where the value that begins at `at` ends. Raises `SpellingOdd`."""
    open_ones: list[_Open] = []
    for _ in range(MOST_TOKENS):
        token = _TOKEN.match(data, at)
        if token is None:
            raise SpellingOdd("what is no token")
        kind, at = token.lastgroup, token.end()
        if kind == "blank":
            continue
        if kind == "open":
            open_ones.append(_Open(dictionary=token[0] == b"<<"))
            if len(open_ones) > _MOST_LEVELS:
                raise SpellingOdd("too many levels")
            continue
        if kind == "close":
            if not open_ones or not open_ones.pop().is_closed_by(token[0]):
                raise SpellingOdd("what nothing opened")
        elif kind == "string":
            at = _string_end(data, at)
        if not open_ones:
            return at
        open_ones[-1].take(token[0] if kind == "name" else b"")
    raise SpellingOdd("too many tokens")


class _Open:
    """An array or dictionary not closed yet."""

    __slots__ = ("awaits_value", "keys")

    def __init__(self, *, dictionary: bool) -> None:
        self.keys: set[bytes] | None = set() if dictionary else None
        self.awaits_value = False

    def take(self, name: bytes) -> None:
        """A value; `name` if it is a name, which in a dictionary is a key every other time."""
        if self.keys is None:
            return
        if self.awaits_value:
            self.awaits_value = False
            return
        key = _ESCAPED.sub(lambda m: bytes.fromhex(m[1].decode()), name)
        if not key or key in self.keys:
            raise SpellingOdd("a key that is none, or twice there")
        self.keys.add(key)
        self.awaits_value = True

    def is_closed_by(self, bracket: bytes) -> bool:
        return bracket == (b"]" if self.keys is None else b">>") and not self.awaits_value


def _string_end(data: bytes, at: int) -> int:
    """Where a literal string ends whose parenthesis stands before `at`."""
    level = 1
    while level:
        mark = _IN_STRING.search(data, at)
        if mark is None:
            raise SpellingOdd("a string without an end")
        at = mark.end()
        level += {b"(": 1, b")": -1}.get(mark[0], 0)
    return at
