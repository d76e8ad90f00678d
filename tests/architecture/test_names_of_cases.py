"""Every worker must collect the same names, whenever it collects: bytes made on the way are no name."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("made_while_collecting", [b"PK\x03\x04", b""])
def test_a_case_of_bytes_is_named_by_its_argument(made_while_collecting, request):
    assert request.node.callspec.id.startswith("made_while_collecting")
