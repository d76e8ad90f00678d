"""How commands speak: JSON on stdout when asked, plain Vietnamese text otherwise."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ebrvt_connect.model.text import nfc

as_json = click.option("--json", "json_out", is_flag=True, help="JSON on stdout instead of text.")
config_path = click.option(
    "--config",
    "config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration file (default: EBRVT_CONFIG, else ./ebrvt.toml).",
)
language = click.option(
    "--lang", type=click.Choice(["vi", "en"]), default="vi", show_default=True, help="Language of sentences."
)


def say(text: str = "") -> None:
    """A line of human text on stdout, in NFC."""
    click.echo(nfc(text))


def say_json(value: object) -> None:
    """A value as JSON on stdout, Vietnamese readable."""
    click.echo(nfc(json.dumps(value, ensure_ascii=False, indent=2, default=str)))


def note(text: str) -> None:
    """A diagnostic line on stderr."""
    click.echo(nfc(text), err=True)


def on_terminal() -> bool:
    """Whether a person watches: progress is drawn only then."""
    return sys.stderr.isatty()
