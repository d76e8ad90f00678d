"""The options that narrow a list of messages, or a word about many, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.model.period import VIETNAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ebrvt_connect.model.message import State
    from ebrvt_connect.store.choice import Choice
    from ebrvt_connect.store.ledger import Ledger

_NARROWING = ("system", "link", "kind", "code", "since", "until", "agency", "text")

_OPTIONS = (
    click.option("--system", help="Comes from this system or goes there."),
    click.option("--link", help="Travels on this link."),
    click.option("--kind", help="document, dossier, progress, report, ..."),
    click.option("--code", help="Failed with this code."),
    click.option("--since", help="So since this day (2026-01-31, in Vietnam) or moment (ISO 8601)."),
    click.option("--until", help="So before this moment, or until the end of this day."),
    click.option("--agency", help="Of, or naming, the agency with this code (mã định danh), in either form."),
    click.option("--text", default="", help="A part of number and symbol, code, external id or reason."),
)


which_state = click.option(
    "--state",
    type=click.Choice(["dead", "refused"]),
    default="dead",
    show_default=True,
    help="Given up, or refused by the remote.",
)
_MANY = (
    click.argument("ids", nargs=-1, type=int),
    which_state,
    click.option("--all", "everything", is_flag=True, help="All of them, where nothing is narrowed."),
    click.option("--dry-run", is_flag=True, help="Only say how many and which; change nothing."),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a word about many is about: these numbers, or whatever the options mean."""

    ids: tuple[int, ...]
    narrowing: dict[str, Any]
    state: str
    everything: bool
    dry_run: bool

    def of(self, ledger: Ledger) -> list[int]:
        """The numbers of the messages, in their original order where they were not named.

        Raises `click.UsageError` where nothing was said, or two things were, and as `choice_of`.
        """
        from ebrvt_connect.model.message import State

        narrowed_by = any(self.narrowing.values())
        if self.ids and (narrowed_by or self.everything):
            msg = "ghi số thông điệp hoặc bộ lọc, không ghi cả hai"
            raise click.UsageError(msg)
        if not (self.ids or narrowed_by or self.everything):
            msg = "ghi số thông điệp, hoặc bộ lọc (--system, --code, ...), hoặc --all"
            raise click.UsageError(msg)
        return list(self.ids) or ledger.chosen_ids(choice_of(self.narrowing, State(self.state)))


def narrowed(command: Callable[..., None]) -> Callable[..., None]:
    """The options that narrow, given to the command as `narrowing`."""
    return _gathered(command, "narrowing", dict, _NARROWING, _OPTIONS)


def about_many(command: Callable[..., None]) -> Callable[..., None]:
    """The numbers or options that say what is meant, given to the command as `asked`."""
    names = ("ids", "narrowing", "state", "everything", "dry_run")
    return narrowed(_gathered(command, "asked", Asked, names, _MANY))


def _gathered(
    command: Callable[..., None],
    name: str,
    made: Callable[..., Any],
    names: tuple[str, ...],
    options: Iterable[Callable[..., Any]],
) -> Callable[..., None]:
    """The command with these options, given to it as one value."""

    @wraps(command)
    def gathering(**given: Any) -> None:  # noqa: ANN401 - whatever click hands over
        command(**{name: made(**{one: given.pop(one) for one in names})}, **given)

    for option in reversed(tuple(options)):
        option(gathering)
    return gathering


def choice_of(narrowing: dict[str, Any], *states: State) -> Choice:
    """The messages in these states that the options mean.

    Raises `click.UsageError` for an unknown kind or an unreadable moment, `InvalidValue` for no agency code.
    """
    from ebrvt_connect.model.ids import AgencyCode
    from ebrvt_connect.model.message import Kind
    from ebrvt_connect.store.choice import Choice

    kind, agency, since, until = (narrowing[name] for name in ("kind", "agency", "since", "until"))
    if kind is not None and kind not in set(Kind):
        msg = f"--kind “{kind}” không phải một trong: {', '.join(Kind)}"
        raise click.UsageError(msg)
    return Choice(
        states=states,
        system=narrowing["system"],
        link=narrowing["link"],
        kind=None if kind is None else Kind(kind),
        code=narrowing["code"],
        since=None if since is None else moment("--since", since, timedelta(0)),
        until=None if until is None else moment("--until", until),
        agency=None if agency is None else AgencyCode.parse(agency),
        text=narrowing["text"],
    )


def moment(option: str, text: str, of_a_day: timedelta = timedelta(days=1)) -> datetime:
    """A moment (ISO 8601), in Vietnam's time unless it names its zone; of a day alone its end.

    Raises `click.UsageError`.
    """
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), VIETNAM) + of_a_day
        found = datetime.fromisoformat(text)
    except ValueError as failure:
        msg = f"{option} “{text}” không phải ngày hay thời điểm, viết ví dụ 2026-01-31 hoặc 2026-01-31T08:00"
        raise click.UsageError(msg) from failure
    return found if found.tzinfo is not None else found.replace(tzinfo=VIETNAM)
