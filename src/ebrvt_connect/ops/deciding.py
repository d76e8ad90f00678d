"""A person's word about messages at the command line: carried out, and told, also why it was not possible."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebrvt_connect.errors import ConnectError, HeldForPerson, Rejected
from ebrvt_connect.ops.console import note, say
from ebrvt_connect.ops.ledger_access import opened_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.store.ledger import Ledger

_SHOWN = 20
"""So many are told one by one; of more only the first."""

why_option = click.option("--why", required=True, help="The reason, kept in the story of the message.")
ids_argument = click.argument("ids", nargs=-1, required=True, type=int)


def carry_out(
    config: Path | None, ids: Iterable[int], act: Callable[[Ledger, int, datetime], Message]
) -> None:
    """Do it to each message in turn; those it is not possible for are told in the end.

    Raises the first refusal, after all that was possible has been done.
    """
    done: list[Message] = []
    refused: list[ConnectError] = []
    with opened_ledger(config) as ledger:
        for message_id in ids:
            try:
                done.append(act(ledger, message_id, datetime.now(UTC)))
            except (HeldForPerson, Rejected) as refusal:
                refused.append(refusal)
    tell_done(done)
    raise_refusals(refused)


def tell_done(done: Sequence[Message]) -> None:
    """What each message is now; of very many the first, and how many there are."""
    from ebrvt_connect.ops.words import STATES_VI

    for message in done[:_SHOWN]:
        say(f"số {message.id}  {message.title}: {STATES_VI[message.state]}")
    if len(done) > _SHOWN:
        say(f"… tổng cộng {len(done)} thông điệp")


def raise_refusals(refused: Sequence[ConnectError]) -> None:
    """Tell why messages stay as they are: the first as the command's own failure, others as notes."""
    answers = [_as_answer(refusal) for refusal in refused]
    for answer in answers[1:_SHOWN]:
        note(f"{answer.code}: {answer.explanation_vi}")
    if len(answers) > _SHOWN:
        note(f"… tổng cộng {len(answers)} thông điệp không thực hiện được")
    for answer in answers:
        raise answer


def refusals_data(refused: Sequence[ConnectError]) -> list[dict[str, object]]:
    """Refusals as `--json` has them."""
    return [{"id": one.facts.get("message_id"), "code": one.code} for one in refused]


def _as_answer(refusal: ConnectError) -> ConnectError:
    """What cannot be done is a plain no to the person who asked, with state and action in their words."""
    from ebrvt_connect.engine.steering import ACTION_NOT_POSSIBLE, DEADLINE_OVER, NEWER_VERSION
    from ebrvt_connect.model.message import State
    from ebrvt_connect.ops.words import ACTIONS_VI, STATES_VI
    from ebrvt_connect.store.steering import MESSAGE_UNKNOWN

    about = refusal.facts.get("message_id")
    if refusal.code == MESSAGE_UNKNOWN.code:
        return Rejected(MESSAGE_UNKNOWN, refusal.detail, message_id=about)
    for plain in (DEADLINE_OVER, NEWER_VERSION):
        if refusal.code == plain.code:
            facts = refusal.facts
            return Rejected(
                plain,
                refusal.detail,
                message_id=about,
                deadline=facts.get("deadline"),
                newer=facts.get("newer"),
            )
    if refusal.code != ACTION_NOT_POSSIBLE.code:
        return refusal
    state, action = str(refusal.facts["state"]), str(refusal.facts["action"])
    return Rejected(
        ACTION_NOT_POSSIBLE,
        refusal.detail,
        message_id=about,
        state=STATES_VI[State(state)],
        action=ACTIONS_VI.get(action, action),
    )
