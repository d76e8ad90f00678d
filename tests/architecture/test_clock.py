"""A clock is a port: only the rooms at the edge ask the machine what time it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ADAPTERS, CORE, SCHEMAS, named, parse, python_files

# Called on a class or module these read the machine's clock; `clock.now()` on a port does not.
CLOCK_READINGS = {
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "date.today",
    "time.time",
    "time.time_ns",
}
ROOMS_WITH_A_CLOCK = (CORE / "ops", CORE / "testing")


def test_only_the_edge_reads_the_clock():
    offences = [
        f"{named(path)}:{line} {call}"
        for path in python_files(CORE, ADAPTERS, SCHEMAS)
        if not may_read_the_clock(path)
        for line, call in clock_readings(parse(path))
    ]

    assert offences == []


def may_read_the_clock(path: Path) -> bool:
    """The one real clock, the operator's rooms, and simulators: they play somebody else's machine."""
    return (
        path == CORE / "transport" / "clock.py"
        or path.name == "sandbox.py"
        or any(path.is_relative_to(room) for room in ROOMS_WITH_A_CLOCK)
    )


def clock_readings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        # Not only calls: `default_factory=datetime.now` reads the clock as well.
        if isinstance(node, ast.Attribute):
            reading = ".".join(ast.unparse(node).split(".")[-2:])
            if reading in CLOCK_READINGS or node.attr == "utcnow":
                yield node.lineno, reading
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            names = (alias.name for alias in node.names)
            yield from (
                (node.lineno, f"from time import {name}") for name in names if name in ("time", "time_ns")
            )


@pytest.mark.parametrize(
    "source",
    ["datetime.now(UTC)", "dt.datetime.now()", "date.today()", "time.time()", "from time import time"],
)
def test_the_test_sees_a_clock(source):
    assert list(clock_readings(ast.parse(source)))


@pytest.mark.parametrize("source", ["clock.now()", "time.monotonic()", "datetime.fromisoformat(text)"])
def test_the_test_leaves_ports_alone(source):
    assert not list(clock_readings(ast.parse(source)))
