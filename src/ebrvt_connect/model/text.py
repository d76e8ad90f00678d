"""Vietnamese text: one normal form for values, one search key; signed bytes are never touched."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


def nfc(text: str) -> str:
    """The text in Unicode NFC: one code point for each Vietnamese letter."""
    return unicodedata.normalize("NFC", text)


def search_key(text: str) -> str:
    """A key for finding, never for the wire: no accents, đ as d, case folded, single spaces.

    NFC does not unify the old and new placement of tones ("hòa", "hoà"); this key does.
    """
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return " ".join(bare.replace("đ", "d").replace("Đ", "D").casefold().split())


def _nfc_if_text(value: object) -> object:
    return nfc(value) if isinstance(value, str) else value


NfcText = Annotated[str, BeforeValidator(_nfc_if_text)]
"""A text kept in NFC; lengths are counted after normalising."""


class Value(BaseModel):
    """A frozen value that refuses unknown fields: the ground of every model in this room."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
