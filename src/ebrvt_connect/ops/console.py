"""How commands speak: JSON on stdout when asked, plain Vietnamese text otherwise, diagnostics on stderr."""

from __future__ import annotations

import getpass
import io
import json
import os
import re
import sys
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebrvt_connect.ops.redaction import without_known_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

as_json = click.option("--json", "json_out", is_flag=True, help="JSON on stdout instead of text.")
config_path = click.option(
    "--config",
    "config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration file (default: EBRVT_CONFIG, else ./ebrvt.toml).",
)
language = click.option(
    "--lang",
    "lang",
    type=click.Choice(["vi", "en"]),
    default="vi",
    show_default=True,
    help="Language of findings; what exists in Vietnamese only stays Vietnamese.",
)


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "?"


by_whom = click.option("--by", default=_operator, show_default="the user's name", help="Who decides.")

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What steers a terminal or turns the reading direction. It comes with names that strangers chose."""


def moment_of(text: str) -> datetime:
    """The moment an `--at` names (ISO 8601, with its zone); raises `click.UsageError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as failure:
        msg = f"--at “{text}” không phải thời điểm theo ISO 8601, ví dụ 2026-01-31T08:00:00+07:00"
        raise click.UsageError(msg) from failure
    if moment.tzinfo is None:
        msg = f"--at “{text}” thiếu múi giờ; viết ví dụ 2026-01-31T08:00:00+07:00"
        raise click.UsageError(msg)
    return moment


def speak_utf8() -> None:
    """Make stdout and stderr UTF-8 whatever the locale says; what UTF-8 cannot hold is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def readable(text: str) -> str:
    """Text in NFC that cannot steer a terminal."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", _nfc(text))


def shown_path(path: Path) -> str:
    """A path as text, even where its name is no valid text."""
    return str(path).encode("utf-8", "replace").decode()


def told_apart(paths: Iterable[Path]) -> dict[Path, str]:
    """A text for each path as `shown_path` has it, and no text for two: bytes that are none are spelt out.

    Two texts are one where a reader sees one: a name may be written composed (NFC) and decomposed (NFD).
    """
    told: dict[Path, str] = {}
    taken: set[str] = set()
    once = tuple(dict.fromkeys(paths))
    shown = Counter(_nfc(shown_path(path)) for path in once)
    for path in sorted(once, key=_oddness):  # what is text keeps its name
        name = plain = _plain(path) if shown[_nfc(shown_path(path))] > 1 else shown_path(path)
        number = 1
        while _nfc(name) in taken or (name != shown_path(path) and _nfc(name) in shown):
            number += 1
            name = f"{plain} ({number})"
        taken.add(_nfc(name))
        told[path] = name
    return told


def _oddness(path: Path) -> tuple[bool, bool]:
    shown = shown_path(path)
    return shown != str(path), shown != _nfc(shown)


def _plain(path: Path) -> str:
    """What tells a path from others that look the same."""
    shown = shown_path(path)
    if shown != str(path):
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    return shown if shown == _nfc(shown) else f"{shown} (tên viết dạng NFD)"


def say(text: str = "") -> None:
    """A line of human text on stdout."""
    click.echo(readable(text))


def say_json(value: object) -> None:
    """A value as JSON on stdout: Vietnamese readable, times in ISO 8601, nothing that steers a terminal."""
    click.echo(json_text(value))


def json_text(value: object) -> str:
    """A value as `say_json` says it."""
    text = _nfc(json.dumps(value, ensure_ascii=False, indent=2, default=_as_text))
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def say_raw(text: str) -> None:
    """A piece of what is being said on stdout, to the letter."""
    click.echo(text, nl=False)


def note(text: str) -> None:
    """A diagnostic line on stderr; it may quote others, so the secrets we have read are blotted out."""
    click.echo(readable(without_known_secrets(text)), err=True)


def on_terminal() -> bool:
    """Whether a person watches: progress is drawn only then."""
    return sys.stderr.isatty()


def _nfc(text: str) -> str:
    # Not imported above: the models bring pydantic with them, and `ebrvt --help` speaks through here.
    from ebrvt_connect.model.text import nfc

    return nfc(text)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
