"""Python before 3.11.5 reads possessive groups wrongly: part of what does not match is taken along."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import CORE

POSSESSIVE_GROUP = re.compile(r"(?<!\()\)(?:[*+?]|\{\d*,?\d*\})\+")


@pytest.mark.parametrize("path", sorted((CORE / "trust").glob("*.py")), ids=lambda path: path.name)
def test_no_verdict_hangs_on_a_possessive_group(path):
    assert not POSSESSIVE_GROUP.search(path.read_text("utf-8"))


@pytest.mark.parametrize("spelled", ["(?:a|b)*+", "(ab)++", "(a){0,8}+", "(?:a)?+"])
def test_the_test_sees_one(spelled):
    assert POSSESSIVE_GROUP.search(spelled)
    assert not POSSESSIVE_GROUP.search("[ab]*+" + spelled[:-1])
