"""Fonts and forms that signing tools leave with the form of a PDF (/DR, /DA): who would ever use them.

The first time a tool based on iText, or Acrobat, signs, it gives the form default fonts and a default
appearance, for text fields nobody has. Readers paint with them where a field or note has no appearance of its
own, or one without resources, so only what cannot paint anything else may come: the two fonts by their usual
names, plainly spelled; and drawings, where a form has no fields but those of signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyhanko.pdf_utils import generic

if TYPE_CHECKING:
    from collections.abc import Callable

_FONTS: Final = {"/Helv": "/Helvetica", "/ZaDb": "/ZapfDingbats"}
_FONT_KEYS: Final = frozenset({"/Type", "/Subtype", "/BaseFont", "/Encoding", "/Name"})
FONTS: Final = frozenset({"/Font"})
DRAWINGS: Final = frozenset({"/XObject"})


def grown_resources(
    before: object,
    after: object,
    kinds: frozenset[str],
    look_up: Callable[[object], object],
    same: Callable[[object, object], bool],
) -> bool:
    """Whether default resources (looked up) are what they were, and what was added is harmless.

    `kinds` are those of which anything may be added at all.
    """
    old = before if isinstance(before, generic.DictionaryObject) else generic.DictionaryObject()
    if not isinstance(after, generic.DictionaryObject) or isinstance(after, generic.StreamObject):
        return False
    for kind in old.keys() | after.keys():
        held = old.raw_get(kind) if kind in old else None
        now = after.raw_get(kind) if kind in after else None
        if same(held, now):
            continue
        added = _added(look_up(held), look_up(now), same)
        if added is None or str(kind) not in kinds:
            return False
        if not all(_is_harmless(str(kind), name, look_up(value)) for name, value in added.items()):
            return False
    return True


def _added(held: object, now: object, same: Callable[[object, object], bool]) -> dict[str, object] | None:
    """What one kind of resources has more than before; None where something is gone or differs."""
    old = held if isinstance(held, generic.DictionaryObject) else generic.DictionaryObject()
    if not isinstance(now, generic.DictionaryObject):
        return None
    if any(name not in now or not same(old.raw_get(name), now.raw_get(name)) for name in old):
        return None
    return {str(name): now.raw_get(name) for name in now if name not in old}


def _is_harmless(kind: str, name: str, value: object) -> bool:
    """Whether a resource paints no more than its usual name says."""
    if kind in DRAWINGS:
        return isinstance(value, generic.StreamObject)
    if name not in _FONTS or not isinstance(value, generic.DictionaryObject):
        return False
    entries = {str(key): value.raw_get(key) for key in value}
    return (
        entries.keys() <= _FONT_KEYS
        and all(isinstance(entry, generic.NameObject) for entry in entries.values())
        and entries.get("/BaseFont") == _FONTS[name]
        and entries.get("/Subtype") == "/Type1"
    )
