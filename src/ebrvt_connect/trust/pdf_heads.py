"""Where a PDF reader could take bytes for the beginning of an object (phần đầu của một đối tượng).

A reader that rebuilds a table looks for an integer, an integer and the word `obj`. What may stand between
them differs: some read lines and skip blanks only; some read tokens and skip comments as well, need nothing
between the second integer and the word, and forgive a stray parenthesis or a sign; some count blanks of other
character sets. Here all of it is allowed at once: whatever one of them would take for an object is one. By
chance there is one in some hundred gigabytes of scanned pages.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from ebrvt_connect.trust.scanning import places_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_WORD = b"obj"
_SKIPPED = rb"\0\t\x0b\f\x1c-\x1f \x80\x85\xa0\xff+)>-"
_BLANKS = rb"[" + _SKIPPED + rb"]"
_LINES = _BLANKS + rb"*+[\r\n][\r\n" + _SKIPPED + rb"]*+"
_ON = rb"(?=[0-9\r\n" + _SKIPPED + rb"]|\Z)"
_APART = rb"(?:" + _LINES + rb"(?:[^\r\n]*%" + _ON + rb")?|" + _BLANKS + rb"++)"
"""Backwards: what a reader skips, and where there is a line end in it, the comment that ends there."""
_TWO_NUMBERS = re.compile(_APART + rb"*[0-9]++" + _APART + rb"+[0-9]")
_CUT_SHORT = re.compile(_APART + rb"*(?:[0-9]++" + _APART + rb"*)?(?:" + _LINES + rb"[^\r\n]*)?\Z")
"""Backwards: all of it may yet belong to two numbers, if they stand or a comment begins further ahead."""
_FIRST_LOOK_BYTES = 64
_LAST_LOOK_BYTES = 2**16


class TooManyWords(Exception):
    """More words `obj` than are worth looking at; `at` is where."""

    def __init__(self, at: int) -> None:
        """`at` is a place in the file."""
        super().__init__("too many objects")
        self.at = at


def heads_in(data: bytes, begin: int, end: int, *, but: Container[int], most: int) -> Iterator[int]:
    """Places of the word `obj` in [begin, end) behind two numbers, those in `but` left out.

    Raises `TooManyWords` at the word after `most`.
    """
    places = places_of(_WORD, data, begin, end)
    for at in islice(places, most):
        if at not in but and data[at - 3 : at] != b"end" and is_behind_numbers(data, at):
            yield at
    for at in places:
        raise TooManyWords(at)


def is_behind_numbers(data: bytes, at: int) -> bool:
    """Whether a reader could take the word at `at` for the end of `n g obj`.

    What would have to be looked for too far ahead counts as if it were there. Looked at in growing pieces: a
    comment may be long. What is looked through ends at this word, so for all words together it is no more
    than the file.
    """
    reach = _FIRST_LOOK_BYTES
    while True:
        backwards = data[max(0, at - reach) : at][::-1]
        if _TWO_NUMBERS.match(backwards):
            return True
        if reach >= at or not _CUT_SHORT.match(backwards):
            return False
        if reach >= _LAST_LOOK_BYTES:
            return True
        reach *= 16
