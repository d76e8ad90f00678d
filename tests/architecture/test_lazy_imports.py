"""Importing the library costs little: heavy packages are loaded by whoever first needs them."""

import subprocess
import sys

import pytest

import ebrvt_connect

HEAVY = {"zeep", "dbos", "pyhanko", "sqlalchemy", "reportlab", "lxml", "requests"}

LOADED = "print(*{name.partition('.')[0] for name in __import__('sys').modules})"


def loaded_by(program: str) -> set[str]:
    """The packages a new interpreter has loaded once the program has run."""
    answer = subprocess.run(
        [sys.executable, "-c", f"{program}\n{LOADED}"], capture_output=True, text=True, check=True
    )
    return set(answer.stdout.split())


def test_importing_the_library_loads_nothing_heavy():
    loaded = loaded_by("import ebrvt_connect")

    assert "ebrvt_connect" in loaded
    assert loaded & (HEAVY | {"pydantic", "cryptography"}) == set()


def test_naming_what_a_user_needs_loads_nothing_heavy_either():
    loaded = loaded_by("from ebrvt_connect import *; ConnectError, verify, AgencyCode, VerificationReport")

    assert "pydantic" in loaded
    assert loaded & HEAVY == set()


def test_the_test_sees_a_heavy_package():
    assert "lxml" in loaded_by("import ebrvt_connect.codec.xml")


@pytest.mark.parametrize("name", ebrvt_connect.__all__)
def test_each_public_name_is_there_and_at_home(name):
    value = getattr(ebrvt_connect, name)

    assert name in dir(ebrvt_connect)
    assert name in vars(ebrvt_connect)
    assert getattr(value, "__name__", name) == name


def test_the_public_names_are_those_with_a_home():
    homes = [name for names in ebrvt_connect._HOMES.values() for name in names]

    assert sorted([*homes, "__version__"]) == sorted(ebrvt_connect.__all__)


def test_a_name_that_is_not_there_is_told_as_for_any_module():
    with pytest.raises(AttributeError, match="module 'ebrvt_connect' has no attribute 'verfy'"):
        _ = ebrvt_connect.verfy
