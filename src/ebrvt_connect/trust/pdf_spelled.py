"""Dictionaries spelled as nearly all are, read at one glance (từ điển PDF viết theo lối thường).

PyHanko makes a Python object of every token, which for the pages of a long document is most of the work.
Where a dictionary keeps to a small part of the grammar (ISO 32000-1, 7.3) that reads in one way only, one
expression says so, and its entries are pieces of bytes. Whatever does not keep to it is left to pyHanko.
"""

from __future__ import annotations

import re

_BLANKS = rb"[ \r\n\t]*+"
_ENDS = rb"(?=[ \r\n\t/\[\]<>(])"
_NAME = rb"/[A-Za-z0-9_.*+-]{1,60}+" + _ENDS
_REFERENCE = rb"[1-9]\d{0,7} \d{1,5} R(?=[ \r\n\t/\]>])"
_NUMBER = rb"-?\d{1,8}(?:\.\d{1,8})?" + _ENDS
_TEXT = rb"\([ -'*-\[\]-~]{0,200}\)"
_ATOM = rb"(?:" + rb"|".join((_NAME, _REFERENCE, _NUMBER, _TEXT, rb"(?:true|false|null)" + _ENDS)) + rb")"
_LEVELS = 4
_SOME = rb"{0,10000}"
"""So many in a list, and no more at a glance. Not possessive: with a group that is, Python before 3.11.5
takes part of what does not match (CPython issue 106052)."""


def _nested(levels: int) -> bytes:
    """A value with as many levels of lists and dictionaries in it."""
    if not levels:
        return _ATOM
    value = _nested(levels - 1)
    many = rb"(?:" + _BLANKS + value + rb")" + _SOME + _BLANKS
    pairs = rb"(?:" + _BLANKS + _NAME + _BLANKS + value + rb")" + _SOME + _BLANKS
    return rb"(?:" + _ATOM + rb"|\[" + many + rb"\]|<<" + pairs + rb">>)"


_VALUE = _nested(_LEVELS)
_PAIR = re.compile(_BLANKS + rb"(" + _NAME + rb")" + _BLANKS + rb"(" + _VALUE + rb")")
_KEY = re.compile(_NAME)
_OBJECT = re.compile(rb"(\d{1,10}) (\d{1,5}) obj" + _BLANKS + rb"<<")
_OBJECT_ENDS = re.compile(_BLANKS + rb">>" + _BLANKS + rb"endobj[ \r\n\t]++[0-9x]")
_MEMBER_ENDS = re.compile(_BLANKS + rb">>" + _BLANKS + rb"[^s% \r\n\t\0\f]")
_NUMBERS = re.compile(rb"\[(?:" + _BLANKS + _NUMBER + rb")" + _SOME + _BLANKS + rb"\]")
_REFERENCES = re.compile(rb"\[(?:" + _BLANKS + _REFERENCE + rb")" + _SOME + _BLANKS + rb"\]")

Entries = dict[bytes, bytes]
"""What stands under each key, as it is written."""


def object_entries(piece: bytes, number: int, generation: int) -> Entries | None:
    """The entries of the dictionary that is the object a piece of the file begins with.

    None when it is no object of this number, no dictionary, one with a stream, or not spelled as nearly all.
    """
    head = _OBJECT.match(piece)
    if head is None or (int(head[1]), int(head[2])) != (number, generation):
        return None
    return _entries(piece, head.end(), _OBJECT_ENDS)


def member_entries(content: bytes, at: int) -> Entries | None:
    """The same for a member of an object stream, which begins at `at` in what the stream unpacks to."""
    return _entries(content, at + 2, _MEMBER_ENDS) if at >= 0 and content.startswith(b"<<", at) else None


def _entries(data: bytes, at: int, closing: re.Pattern[bytes]) -> Entries | None:
    found: Entries = {}
    while pair := _PAIR.match(data, at):
        key, value = pair.groups()
        # Twice the same key is refused; where a name is there twice further inside, it may be one.
        if key in found or (b"<<" in value and _repeats(_KEY.findall(value))):
            return None
        found[key], at = value, pair.end()
    return found if closing.match(data, at) else None


def _repeats(names: list[bytes]) -> bool:
    return len(set(names)) != len(names)


def numbers_in(value: bytes) -> tuple[float, ...] | None:
    """A list of nothing but numbers; None for any other value."""
    return tuple(map(float, value[1:-1].split())) if _NUMBERS.fullmatch(value) else None


def references_in(value: bytes) -> list[tuple[int, int]] | None:
    """Number and generation of each object in a list of nothing but references; None for any other value."""
    if not _REFERENCES.fullmatch(value):
        return None
    words = value[1:-1].split()
    return list(zip(map(int, words[::3]), map(int, words[1::3]), strict=True))
