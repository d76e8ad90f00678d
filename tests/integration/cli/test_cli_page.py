"""docs/operate/cli.md, the contract of the command line, names every command and every option."""

import re
from pathlib import Path

import click
import pytest

from ebrvt_connect.ops.cli import ebrvt

PAGE = Path(__file__).parents[3] / "docs" / "operate" / "cli.md"
ROWS = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `ebrvt ")]


def commands(group: click.Group, *names: str):
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, *names, name)
        else:
            yield " ".join((*names, name)), found


COMMANDS = dict(commands(ebrvt))


def row_of(name: str) -> str:
    rows = [row for row in ROWS if re.match(rf"\| `ebrvt {re.escape(name)}[ `]", row)]
    assert len(rows) == 1, f"one row for `ebrvt {name}`"
    return rows[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_row_with_its_options_and_no_others(name):
    options = {
        option.opts[-1]
        for option in COMMANDS[name].params
        if isinstance(option, click.Option) and not option.hidden
    }
    said = set(re.findall(r"--[a-z][a-z-]*", row_of(name)))
    assert said == options


def test_no_row_names_a_command_that_is_not_there():
    assert len(ROWS) == len(COMMANDS)
