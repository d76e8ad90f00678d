"""Vietnamese text has one normal form for values and one key for searching."""

from __future__ import annotations

import unicodedata

from ebrvt_connect.model.document import DocumentType
from ebrvt_connect.model.text import nfc, search_key

_NAME = "Bà Rịa – Vũng Tàu"


def test_decomposed_text_becomes_one_code_point_a_letter() -> None:
    decomposed = unicodedata.normalize("NFD", _NAME)
    assert (len(decomposed), len(nfc(decomposed))) == (21, 17)
    assert DocumentType(name=decomposed).name == _NAME


def test_the_search_key_unifies_tone_placement_and_case() -> None:
    assert search_key("HÒA  bình") == search_key("hoà Bình")
    assert search_key("Đất đỏ") == "dat do"
