"""`ebrvt explain`: the story of one document or message, told from what the ledger has recorded."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, config_path, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from ebrvt_connect.store.queries import Story

_ERROR_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")


@click.command(epilog="Example: ebrvt explain 7849/UBND-VP")
@click.argument("code")
@config_path
@as_json
@click.pass_context
def command(context: click.Context, *, code: str, config: Path | None, json_out: bool) -> None:
    """Tell what became of CODE: number and symbol, document id, ledger id, or an error code.

    Kể lại diễn biến của một văn bản, hoặc giải thích một mã lỗi.
    """
    from ebrvt_connect.ops.ledger_access import opened_ledger

    if explained := _catalogue_entry(code):
        say_json(explained) if json_out else say(
            f"{explained['code']}: {explained['sentence_vi']}\n  → {explained['advice_vi']}"
        )
        return
    with opened_ledger(config) as ledger:
        stories = list(ledger.stories(code))
    if json_out:
        say_json({"stories": [_as_data(story) for story in stories]})
    elif not stories:
        say(f"Không tìm thấy “{code}” trong sổ cái.")
    else:
        say("\n\n".join(_as_text(story) for story in stories))
    context.exit(int(ExitCode.DONE if stories else ExitCode.NO))


def _catalogue_entry(code: str) -> dict[str, str] | None:
    from ebrvt_connect.ops.error_catalogue import full_catalogue

    if not _ERROR_CODE.fullmatch(code):
        return None

    entry = full_catalogue().get(code)
    if entry is None:
        return None
    return {"code": entry.code, "sentence_vi": entry.sentence_vi, "advice_vi": entry.advice_vi}


def _as_data(story: Story) -> dict[str, Any]:
    message = story.message.model_dump(mode="json", exclude={"record", "payload", "receipt", "verdict"})
    return {
        "message": message,
        "verdict": json.loads(story.message.verdict) if story.message.verdict else None,
        "exchanges": [
            {
                "step": e.step.value,
                "attempt": e.attempt,
                "started_at": e.started_at.isoformat(),
                "ended_at": e.ended_at.isoformat(),
                "effect": e.effect.value if e.effect else None,
                "code": e.code,
                "detail": e.detail,
                "external_id": e.external_id,
            }
            for e in story.exchanges
        ],
        "related": [
            {"id": m.id, "link": m.link, "title": m.title, "state": m.state.value} for m in story.related
        ],
        "duplicates": list(story.duplicates),
    }


def _as_text(story: Story) -> str:
    from ebrvt_connect.ops.words import KINDS_VI, STATES_VI, local_time

    message = story.message
    lines = [
        f"{KINDS_VI[message.kind].capitalize()} {message.title or message.external_id} (số {message.id} trong sổ cái)",
        f"  Từ {message.source} tới {message.target}, liên kết {message.link}; mã văn bản: {message.business_key or '–'}",
        f"  {local_time(message.created_at)}  lấy từ {message.source} và lưu",
    ]
    lines += [_line(e) for e in story.exchanges]
    lines += [f"  Nhận lại lần nữa với mã {again}: nhận ra là trùng, không chuyển lần hai" for again in story.duplicates]
    lines.append(f"  Hiện nay: {STATES_VI[message.state]}")
    if message.reason_vi and message.state not in ("done",):
        lines += [f"    Lý do: {message.reason_vi} [{message.code}]", f"    Cách xử lý: {message.advice_vi}"]
    lines += [_verdict_line(d) for d in json.loads(message.verdict or "{}").get("documents", ())]
    if story.related:
        lines.append("  Trạng thái kèm theo:")
        lines += [
            f"    {local_time(m.updated_at)}  {_status_words(m.record)} → {m.target}: {STATES_VI[m.state]}"
            for m in story.related
        ]
    return "\n".join(lines)


def _line(exchange: Any) -> str:  # noqa: ANN401 - an Exchange, imported for typing only
    from ebrvt_connect.ops.words import EFFECTS_VI, STEPS_VI, local_time

    when = local_time(exchange.ended_at)
    what = STEPS_VI[exchange.step]
    if exchange.effect is not None:
        return f"  {when}  {what} (lần {exchange.attempt}): {EFFECTS_VI[exchange.effect]} [{exchange.code}]"
    told = f", mã bên nhận {exchange.external_id}" if exchange.external_id else ""
    person = f": {exchange.detail}" if exchange.step.value == "person" else ""
    return f"  {when}  {what}: xong{told}{person}"


def _verdict_line(document: dict[str, Any]) -> str:
    return f"    Chữ ký số của “{document['file']}”: {document['headline_vi']}"


def _status_words(record: str) -> str:
    data = json.loads(record or "{}")
    note = f" ({data['note']})" if data.get("note") else ""
    return f"trạng thái {data.get('code', '?')}{note}"
