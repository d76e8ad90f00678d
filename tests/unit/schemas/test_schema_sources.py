"""The published formats we ship are the very files their source list names."""

import hashlib
import tomllib
from importlib.resources import files

import pytest
from ebrvt_schemas import open_schema
from lxml import etree

ROOT = files("ebrvt_schemas")
SOURCES = tomllib.loads(ROOT.joinpath("SOURCES.toml").read_text("utf-8"))["file"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source["path"])
def test_a_shipped_file_has_the_sum_its_source_states(source):
    assert hashlib.sha256(open_schema(source["path"])).hexdigest() == source["sha256"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source["path"])
def test_a_source_says_where_when_and_whether_it_is_official(source):
    assert source["origin"]
    assert source["date"].year >= 2016
    assert source["official"] is False or source["origin"].startswith("http")


def test_no_schema_ships_without_a_source():
    shipped = {
        f"edxml/{file.name}" for file in ROOT.joinpath("edxml").iterdir() if file.name.endswith(".xsd")
    }
    assert shipped == {source["path"] for source in SOURCES if source["path"].startswith("edxml/")}


@pytest.mark.parametrize("name", ["strict", "lenient"])
def test_an_edxml_schema_compiles(name):
    schema = etree.fromstring(open_schema(f"edxml/edxml-qcvn102-draft-{name}.xsd"))
    assert etree.XMLSchema(schema) is not None
