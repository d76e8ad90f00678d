"""Verdicts told as they come: text or one JSON document, and on a terminal how far it is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from ebrvt_connect.errors import ConnectError
from ebrvt_connect.ops.console import json_text, note, on_terminal, say, say_raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ebrvt_connect.trust.verdict import VerificationReport

_INDENT: Final = "    "
_UNREAD: Final = "FILE_UNREADABLE"


def judged(reports: Iterable[VerificationReport]) -> Iterator[VerificationReport]:
    """The reports on files that could be read; the others are told on stderr."""
    for report in reports:
        unread = next((f for f in report.findings if f.code == _UNREAD), None)
        if unread is None:
            yield report
        else:
            note(f"{report.file}: {unread.message_vi}")


def watched(reports: Iterable[VerificationReport], count: int, *, held: bool) -> Iterator[VerificationReport]:
    """The same reports; where a person watches and there is more than one, a bar on stderr.

    `held`: the verdicts go to the same terminal and would run through the bar, so they follow it; those
    that were there when it broke off come before what broke it off.
    """
    if count < 2 or not on_terminal():  # noqa: PLR2004 - one file is no batch
        yield from reports
        return
    with click.progressbar(reports, length=count, label="Đang kiểm tra", file=sys.stderr) as bar:
        if not held:
            yield from bar
            return
        broken: BaseException | None = None
        read: list[VerificationReport] = []
        try:
            read.extend(bar)
        except (KeyboardInterrupt, ConnectError, OSError) as failure:
            broken = failure
    yield from read
    if broken is not None:
        raise broken


def say_documents(reports: Iterable[VerificationReport]) -> Iterator[VerificationReport]:
    """Each told as it comes, as an entry of `{"documents": [...]}`; an empty list where there is none."""
    before = '{\n  "documents": [\n'
    for report in reports:
        lines = json_text(report.to_dict()).replace("\n", f"\n{_INDENT}")
        say_raw(f"{before}{_INDENT}{lines}")
        before = ",\n"
        yield report
    say_raw("\n  ]\n}\n" if before == ",\n" else '{\n  "documents": []\n}\n')


def say_texts(
    reports: Iterable[VerificationReport], as_text: Callable[[VerificationReport], str]
) -> Iterator[VerificationReport]:
    """Each told as it comes, for a reader, with a blank line between them."""
    for nth, report in enumerate(reports):
        if nth:
            say()
        say(as_text(report).rstrip())
        yield report
