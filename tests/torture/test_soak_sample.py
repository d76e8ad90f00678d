"""A seeded sample of R14 and R17: a short soak with one kill, and a few damaged stores."""

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.store.soundness import refuse_unsound
from ebrvt_connect.testing.clock import START
from tests.torture.corrupt import AT_REST, at_rest, settled_store
from tests.torture.drawing import Panel, svg
from tests.torture.soak import soak
from tests.torture.suites import CASES

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_a_short_soak_with_faults_and_a_kill_loses_and_doubles_nothing(tmp_path):
    outcome = soak(120, tmp_path)

    assert not outcome.failed, outcome.troubles
    assert outcome.messages == 120
    assert outcome.faults >= 3
    written = json.loads((tmp_path / "soak.json").read_text())
    assert (written["lost"], written["doubled"], written["kills"]) == (0, 0, 1)
    assert "lost 0, doubled 0" in (tmp_path / "soak.svg").read_text()


@pytest.mark.timeout(600)
def test_a_damaged_store_is_named_or_nothing_that_counts_is_different():
    with settled_store() as whole:
        told = {at_rest(whole, seed, random.Random(f"R17:{seed}")) for seed in range(10 * len(AT_REST))}

    assert "STORE_DAMAGED" in told


def test_a_text_whose_bytes_have_changed_is_damage_and_is_not_quoted(tmp_path):
    """SQLite's driver quotes what it cannot decode; and a damaged store must not pass for a busy one."""
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", START)
    with ledger.database.begin() as tx:
        tx.exec_driver_sql("INSERT INTO store_meta VALUES ('knock', CAST(X'4E677579E1BB' AS TEXT))")
    with pytest.raises(HeldForPerson) as told:
        ledger.knocks()
    assert told.value.code == "STORE_DAMAGED"
    assert "Nguy" not in str(told.value)
    ledger.close()


def test_an_index_that_misses_a_row_is_found(tmp_path):
    """No statement fails by it; it only finds less than there is."""
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", START)
    refuse_unsound(ledger.database)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as database:
        database.execute(
            "INSERT INTO inbox VALUES (1, 'out', 'dms', 'document', 'd1', '1', NULL, NULL, 1, 0, 0, NULL)"
        )
        database.execute("PRAGMA writable_schema=ON")
        root = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'message_by_shard'"
        ).fetchone()
        database.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'inbox_unacknowledged'", root)
    ledger.close()
    again = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", START)
    with pytest.raises(HeldForPerson) as told:
        refuse_unsound(again.database)
    again.close()
    assert told.value.code == "STORE_DAMAGED"
    assert "integrity check" in str(told.value)


@pytest.mark.parametrize("recipe", CASES)
def test_what_a_recipe_runs_is_there(recipe):
    assert [case for case in CASES[recipe] if not (ROOT / case.partition("::")[0]).exists()] == []


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_picture_is_an_svg_with_a_line_a_name_and_a_mark(logarithmic):
    lines = {"one & only": [(1.0, 2.0), (10.0, 30.0)], "other": [(1.0, 1.0), (10.0, 5.0)]}
    picture = ET.fromstring(svg("Title", [Panel("panel", lines, "x", logarithmic=logarithmic)], [5.0]))

    assert len(picture.findall(".//{*}polyline")) == 2
    assert "one & only" in [text.text for text in picture.findall(".//{*}text")]
