"""Every finding a verdict can rest on is made by a file of some test, and named there."""

import re

from ebrvt_connect.trust.findings import CATALOGUE
from tests.architecture.sources import TESTS, python_files

_WORD = re.compile(r"\b[A-Z][A-Z0-9_]+\b")


def test_every_finding_is_named_by_a_test():
    here = TESTS / "architecture"
    named = {
        word
        for path in python_files(TESTS)
        if here not in path.parents
        for word in _WORD.findall(path.read_text(encoding="utf-8"))
    }

    assert sorted(CATALOGUE.keys() - named) == []
