"""`ebrvt held`: what waits for a person, and the person's word about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.errors import Rejected, explain
from ebrvt_connect.ops.choosing import choice_of, narrowed
from ebrvt_connect.ops.console import as_json, by_whom, config_path, say, say_json
from ebrvt_connect.ops.deciding import carry_out, ids_argument, why_option

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.store.ledger import Ledger

SECRET_NOT_RELEASED = explain(
    "SECRET_NOT_RELEASED",
    "Văn bản {title} bị giữ vì độ mật nên không thể cho gửi tiếp qua trục liên thông.",
    "Gửi theo quy định về bảo vệ bí mật nhà nước; nếu ghi nhầm độ mật, sửa ở nguồn rồi phát hành lại.",
)
_SECRECY = "SECRET_"


@click.group(epilog='Example: ebrvt held release 12 --why "đã đối chiếu bản giấy"')
def command() -> None:
    """Decide on held messages (các thông điệp bị giữ).

    Exit code: 1 if there is no such message, or what was asked is not possible as it stands.
    """


@command.command("list", epilog="Example: ebrvt held list --json")
@narrowed
@config_path
@as_json
def list_held(*, narrowing: dict[str, Any], config: Path | None, json_out: bool) -> None:
    """List what waits for a person, oldest first; and what was given up, since its lane waits too."""
    from ebrvt_connect.model.message import State
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.ops.words import brief_text, in_brief

    held_ones, dead_ones = (choice_of(narrowing, state) for state in (State.HELD, State.DEAD))
    with opened_ledger(config) as ledger:
        held = [in_brief(message) for message in ledger.chosen(held_ones)]
        dead = [in_brief(message) for message in ledger.chosen(dead_ones)]
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
@ids_argument
@why_option
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

    carry_out(config, ids, let_go)


@command.command(epilog='Example: ebrvt held confirm 12 --why "bên nhận đã gọi điện xác nhận"')
@ids_argument
@why_option
@by_whom
@config_path
def confirm(*, ids: tuple[int, ...], why: str, by: str, config: Path | None) -> None:
    """Mark messages that did arrive as done (xác nhận đã đến nơi); the source is told, nothing is sent.

    A report that did arrive is asked after until it is decided.
    """
    from ebrvt_connect.engine import steering

    carry_out(config, ids, lambda ledger, n, now: steering.confirm(ledger, n, by=by, why=why, now=now))


@command.command("return", epilog='Example: ebrvt held return 12 --why "thiếu chữ ký lãnh đạo"')
@ids_argument
@why_option
@by_whom
@config_path
def give_back(*, ids: tuple[int, ...], why: str, by: str, config: Path | None) -> None:
    """Give messages back to where they came from, which is told why (trả lại)."""
    from ebrvt_connect.engine import steering

    carry_out(
        config, ids, lambda ledger, n, now: steering.return_to_source(ledger, n, by=by, why=why, now=now)
    )


@command.command(epilog='Example: ebrvt held refuse 12 --why "không đúng thẩm quyền"')
@ids_argument
@why_option
@by_whom
@config_path
def refuse(*, ids: tuple[int, ...], why: str, by: str, config: Path | None) -> None:
    """Refuse messages for good; the source is told why (từ chối)."""
    from ebrvt_connect.engine import steering

    carry_out(config, ids, lambda ledger, n, now: steering.refuse(ledger, n, by=by, why=why, now=now))
