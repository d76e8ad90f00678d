"""What the engine's files may know of each other's tools."""

import ast
from pathlib import Path

import pytest

import ebrvt_connect
from ebrvt_connect.errors import CATALOGUE

SOURCE = Path(ebrvt_connect.__file__).parent


def imports(path: Path) -> set[str]:
    """The top-level packages a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_dbos_is_known_to_one_file():
    assert [p.relative_to(SOURCE).as_posix() for p in SOURCE.rglob("*.py") if "dbos" in imports(p)] == [
        "engine/dispatch.py"
    ]


def test_drivers_are_imported_by_nobody_but_the_database_library():
    rooms = (SOURCE / "engine", SOURCE / "store")
    assert not [p for room in rooms for p in room.glob("*.py") if {"sqlite3", "psycopg"} & imports(p)]


@pytest.mark.parametrize("name", ["drain", "work", "intake", "pressure", "standing", "sweep", "schedule"])
def test_what_moves_messages_speaks_to_the_ledger_through_its_port(name):
    assert "sqlalchemy" not in imports(SOURCE / "engine" / f"{name}.py")


def test_every_sentence_for_an_operator_can_be_filled_and_says_what_to_do():
    import ebrvt_connect.engine.engine
    import ebrvt_connect.engine.sweep
    import ebrvt_connect.store.seat  # noqa: F401 - their codes are looked at

    for explanation in CATALOGUE.values():
        assert explanation.sentence_vi.strip().endswith((".", "!", "}"))
        assert explanation.advice_vi.strip()
