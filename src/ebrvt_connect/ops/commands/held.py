"""`ebrvt held`: what waits for a person, and the person's word about it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebrvt_connect.errors import HeldForPerson, Rejected, explain
from ebrvt_connect.ops.console import as_json, by_whom, config_path, say, say_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.store.ledger import Ledger

SECRET_NOT_RELEASED = explain(
    "SECRET_NOT_RELEASED",
    "Văn bản {title} bị giữ vì độ mật nên không thể cho gửi tiếp qua trục liên thông.",
    "Gửi theo quy định về bảo vệ bí mật nhà nước; nếu ghi nhầm độ mật, sửa ở nguồn rồi phát hành lại.",
)
_SECRECY = "SECRET_"

_why = click.option("--why", required=True, help="The reason, kept in the story of the message.")
_ids = click.argument("ids", nargs=-1, required=True, type=int)


@click.group(epilog='Example: ebrvt held release 12 --why "đã đối chiếu bản giấy"')
def command() -> None:
    """Decide on held messages (các thông điệp bị giữ).

    Exit code: 1 if there is no such message, or what was asked is not possible as it stands.
    """


@command.command("list", epilog="Example: ebrvt held list --json")
@config_path
@as_json
def list_held(*, config: Path | None, json_out: bool) -> None:
    """List what waits for a person, oldest first; and what was given up, since its lane waits too."""
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.ops.words import brief_text, in_brief

    with opened_ledger(config) as ledger:
        held = [in_brief(message) for message in ledger.held()]
        dead = [in_brief(message) for message in ledger.dead()]
    if json_out:
        say_json({"held": held, "dead": dead})
        return
    if not held:
        say("Không có thông điệp nào bị giữ.")
    for brief in held:
        say(brief_text(brief))
    if dead:
        say("Đã bỏ cuộc vì quá thời hạn, chờ người quyết định:")
    for brief in dead:
        say(brief_text(brief))


@command.command(epilog='Example: ebrvt held release 12 --why "đã đối chiếu bản giấy"')
@_ids
@_why
@by_whom
@config_path
def release(*, ids: tuple[int, ...], why: str, by: str, config: Path | None) -> None:
    """Let messages go on, whatever the gate said (cho gửi tiếp); a secret document never leaves."""
    from ebrvt_connect.engine import steering

    def let_go(ledger: Ledger, message_id: int, now: datetime) -> Message:
        message = ledger.message(message_id)
        if message is not None and message.code.startswith(_SECRECY):
            detail = f"message {message_id} is held for secrecy ({message.code})"
            raise Rejected(SECRET_NOT_RELEASED, detail, operation="release", title=message.title)
        return steering.release(ledger, message_id, by=by, why=why, now=now)

    _act(config, ids, let_go)


@command.command(epilog='Example: ebrvt held confirm 12 --why "bên nhận đã gọi điện xác nhận"')
@_ids
@_why
@by_whom
@config_path
def confirm(*, ids: tuple[int, ...], why: str, by: str, config: Path | None) -> None:
    """Mark messages that did arrive as done (xác nhận đã đến nơi); the source is told, nothing is sent.

    A report that did arrive is asked after until it is decided.
    """
    from ebrvt_connect.engine import steering

    _act(config, ids, lambda ledger, n, now: steering.confirm(ledger, n, by=by, why=why, now=now))


@command.command("return", epilog='Example: ebrvt held return 12 --why "thiếu chữ ký lãnh đạo"')
@_ids
@_why
@by_whom
@config_path
def give_back(*, ids: tuple[int, ...], why: str, by: str, config: Path | None) -> None:
    """Give messages back to where they came from, which is told why (trả lại)."""
    from ebrvt_connect.engine import steering

    _act(config, ids, lambda ledger, n, now: steering.return_to_source(ledger, n, by=by, why=why, now=now))


@command.command(epilog='Example: ebrvt held refuse 12 --why "không đúng thẩm quyền"')
@_ids
@_why
@by_whom
@config_path
def refuse(*, ids: tuple[int, ...], why: str, by: str, config: Path | None) -> None:
    """Refuse messages for good; the source is told why (từ chối)."""
    from ebrvt_connect.engine import steering

    _act(config, ids, lambda ledger, n, now: steering.refuse(ledger, n, by=by, why=why, now=now))


def _act(config: Path | None, ids: tuple[int, ...], decide: Callable[..., Message]) -> None:
    """Apply the word to each message in turn; the first that is not possible ends it with its explanation."""
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.ops.words import STATES_VI

    with opened_ledger(config) as ledger:
        for message_id in ids:
            try:
                message = decide(ledger, message_id, datetime.now(UTC))
            except HeldForPerson as refusal:
                raise _as_answer(refusal) from refusal
            say(f"số {message.id}  {message.title}: {STATES_VI[message.state]}")


def _as_answer(refusal: HeldForPerson) -> Exception:
    """What cannot be done is a plain no to the person who asked, with state and action in their words."""
    from ebrvt_connect.engine.steering import ACTION_NOT_POSSIBLE
    from ebrvt_connect.model.message import State
    from ebrvt_connect.ops.words import ACTIONS_VI, STATES_VI
    from ebrvt_connect.store.steering import MESSAGE_UNKNOWN

    about = refusal.facts.get("message_id")
    if refusal.code == MESSAGE_UNKNOWN.code:
        return Rejected(MESSAGE_UNKNOWN, refusal.detail, message_id=about)
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
