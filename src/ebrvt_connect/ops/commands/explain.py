"""`ebrvt explain`: the story of a document, dossier, report or message, from what the ledger has recorded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, config_path, language, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode
from ebrvt_connect.ops.redaction import redacted_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ebrvt_connect.model.message import Kind, Message
    from ebrvt_connect.ports.ledger import Exchange
    from ebrvt_connect.store.queries import Story

_TAKEN = "taken"
"""How the story names that the remote took a thing and decides later (`Event.TAKEN`)."""
_PLACE = re.compile(r"\{\{|\}\}|\{\w+\}")
"""A place to be filled in, or a doubled brace, which is a brace."""
_CATALOGUE_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")


@click.command(epilog="Example: ebrvt explain 7849/UBND-VP")
@click.argument("code")
@config_path
@as_json
@language
@click.pass_context
def command(context: click.Context, *, code: str, config: Path | None, json_out: bool, lang: str) -> None:
    """Tell what became of CODE: number and symbol, document id, dossier code, ledger id; or a code's meaning.

    Kể lại diễn biến của một văn bản, hồ sơ, báo cáo, hoặc giải thích một mã lỗi, một mã phát hiện.
    Exit code: 1 if unknown.
    """
    meaning = _meaning(code)
    if meaning is not None:
        say_json(meaning) if json_out else say(_meaning_text(meaning, lang))
        return
    stories = _stories(code, config)
    if json_out:
        say_json({"stories": [story_data(story) for story in stories]})
    elif not stories:
        say(f"Không tìm thấy “{code}” trong sổ cái.")
    else:
        say("\n\n".join("\n".join(story_lines(story, lang)) for story in _main_ones(stories)))
    context.exit(int(ExitCode.DONE if stories else ExitCode.NO))


def _stories(code: str, config: Path | None) -> list[Story]:
    from ebrvt_connect.ops.ledger_access import opened_ledger

    with opened_ledger(config) as ledger:
        return list(ledger.stories(code))


def _main_ones(stories: list[Story]) -> list[Story]:
    """Without the statuses of documents that are told anyway: a document's story lists them."""
    told = {story.message.id for story in stories}
    return [story for story in stories if story.message.origin_id not in told]


def _meaning(code: str) -> dict[str, str] | None:
    """What an error code, or the code of a finding on a signature, means."""
    if not _CATALOGUE_CODE.fullmatch(code):
        return None
    from ebrvt_connect.ops.error_catalogue import full_catalogue
    from ebrvt_connect.trust.advice_vi import advice as what_to_do
    from ebrvt_connect.trust.catalogue import noticed
    from ebrvt_connect.trust.findings import CATALOGUE

    if entry := full_catalogue().get(code):
        sentence, advice = _with_gaps(entry.sentence_vi), _with_gaps(entry.advice_vi)
        return {"code": entry.code, "sentence_vi": sentence, "advice_vi": advice}
    if kind := CATALOGUE.get(code):
        return {
            "code": kind.code,
            "severity": kind.weight.severity.value,
            "message_vi": _with_gaps(kind.message_vi),
            "message_en": _with_gaps(kind.message_en),
            "legal_ref": kind.legal_ref,
            "advice_vi": _with_gaps(what_to_do(noticed(kind.code))),
        }
    return None


def _with_gaps(template: str) -> str:
    """A sentence nothing has happened for yet: `…` stands for what is filled in then."""
    return _PLACE.sub(lambda match: match[0][0] if match[0][0] == match[0][-1] else "…", template)


def _meaning_text(meaning: dict[str, str], lang: str) -> str:
    if "sentence_vi" in meaning:
        return f"{meaning['code']}: {meaning['sentence_vi']}\n  → {meaning['advice_vi']}"
    article = f" ({meaning['legal_ref']})" if meaning["legal_ref"] else ""
    what_to_do = f"\n  Cách xử lý: {meaning['advice_vi']}" if meaning["advice_vi"] else ""
    return f"{meaning['code']}: {meaning[f'message_{lang}']}{article}{what_to_do}"


def story_data(story: Story) -> dict[str, Any]:
    """A story as `--json` has it: without records, payloads and raw answers, which hold people's data."""
    message = story.message.model_dump(mode="json", exclude={"record", "payload", "receipt", "verdict"})
    return {
        "message": message,
        "verdict": json.loads(story.message.verdict) if story.message.verdict else None,
        "warnings": _warnings(story.message),
        "exchanges": [_exchange_data(exchange) for exchange in story.exchanges],
        "related": [
            {"id": m.id, "link": m.link, "title": m.title, "state": m.state.value} for m in story.related
        ],
        "duplicates": list(story.duplicates),
    }


def _exchange_data(exchange: Exchange) -> dict[str, Any]:
    return {
        "step": exchange.step.value,
        "attempt": exchange.attempt,
        "started_at": exchange.started_at,
        "ended_at": exchange.ended_at,
        "effect": exchange.effect.value if exchange.effect else None,
        "code": exchange.code,
        "detail": redacted_text(exchange.detail),
        "external_id": exchange.external_id,
        "http_status": exchange.http_status or None,
    }


def story_lines(story: Story, lang: str) -> Iterator[str]:
    """A story as an operator reads it, line by line."""
    from ebrvt_connect.model.message import Kind, State
    from ebrvt_connect.ops.words import KEYS_VI, STATES_VI, local_time

    message = story.message
    yield f"{_called(message)} (số {message.id} trong sổ cái)"
    yield f"  Từ {message.source} tới {message.target}, liên kết {message.link}"
    yield f"  {KEYS_VI[message.kind]}: {message.business_key or '–'}"
    came = "tạo ra để báo lại" if message.link.endswith("~feedback") else f"lấy từ {message.source} và lưu"
    yield f"  {local_time(message.created_at)}  {came}"
    yield from _given_up_line(story)
    yield from (_exchange_line(exchange) for exchange in story.exchanges)
    for again in story.duplicates:
        yield f"  Nhận lại lần nữa với mã {again}: nhận ra là trùng, không chuyển lần hai"
    yield f"  Hiện nay: {STATES_VI[message.state]}"
    if message.reason_vi and message.state is not State.DONE:
        yield f"    Lý do: {message.reason_vi} [{message.code}]"
        yield f"    Cách xử lý: {message.advice_vi}"
    for document in json.loads(message.verdict or "{}").get("documents", ()):
        yield from _verdict_lines(document, lang)
    yield from _warning_lines(message)
    if story.related:
        yield "  Trạng thái, tiến độ kèm theo:" if message.kind is Kind.DOSSIER else "  Trạng thái kèm theo:"
    for m in story.related:
        when, said = local_time(m.updated_at), _related_words(m)
        yield f"    {when}  {said} → {m.target}: {STATES_VI[m.state]}"


def _given_up_line(story: Story) -> Iterator[str]:
    """Where retention has given up the lines of a story, it is not to look as if nothing had been sent."""
    from ebrvt_connect.ops.words import local_time
    from ebrvt_connect.ports.ledger import Step

    message = story.message
    if message.first_sent_at is None or any(one.step in {Step.SUBMIT, Step.ASK} for one in story.exchanges):
        return
    when = local_time(message.first_sent_at)
    yield f"  {when}  gửi lần đầu, tất cả {message.attempts} lần; diễn biến từng lần đã hết thời hạn lưu giữ"


def _called(message: Message) -> str:
    """What it is and what it is called, without saying twice what the title says already."""
    from ebrvt_connect.ops.words import KINDS_VI

    kind, title = KINDS_VI[message.kind].capitalize(), message.title or message.external_id
    return title if title.casefold().startswith(f"{kind.casefold()} ") else f"{kind} {title}"


def _exchange_line(exchange: Exchange) -> str:
    from ebrvt_connect.ops.words import EFFECTS_VI, STEPS_VI, decision_vi, local_time
    from ebrvt_connect.ports.ledger import Step

    when, what = local_time(exchange.ended_at), STEPS_VI[exchange.step]
    if exchange.effect is not None:
        # What is judged has not been tried yet: there is nothing to count.
        nth = f" (lần {exchange.attempt})" if exchange.attempt else ""
        answered = f", HTTP {exchange.http_status}" if exchange.http_status else ""
        return f"  {when}  {what}{nth}: {EFFECTS_VI[exchange.effect]} [{exchange.code}]{answered}"
    if exchange.step is Step.PERSON:
        return f"  {when}  {decision_vi(exchange.code, exchange.detail)}"
    told = f", mã bên nhận {exchange.external_id}" if exchange.external_id else ""
    ended = "bên nhận đã nhận, chờ phê duyệt" if exchange.code == _TAKEN else "xong"
    return f"  {when}  {what}: {ended}{told}"


def _warnings(message: Message) -> list[dict[str, str]]:
    """The data-quality warnings of the record as it came, and of what was made of it for the target."""
    facts = dict(message.payload.facts) if message.payload else {}
    came = json.loads(message.record or "{}").get("warnings", ())
    return [*came, *json.loads(facts.get("warnings") or "[]")]


def _warning_lines(message: Message) -> Iterator[str]:
    warnings = _warnings(message)
    if warnings:
        yield f"  Cảnh báo chất lượng dữ liệu ({len(warnings)}):"
    for one in warnings:
        yield f"    {one['message_vi']} [{one['code']}{_behind(', trường ', one['field'])}]"


def _verdict_lines(document: dict[str, Any], lang: str) -> Iterator[str]:
    """The verdict on one file, and what kept it from passing, told once for all its signatures."""
    yield f"    Chữ ký số của “{document['file']}”: {document['headline_vi']}"
    found = [*document["findings"], *(f for s in document["signatures"] for f in s["findings"])]
    errors = (f for f in found if f["severity"] == "error")
    yield from dict.fromkeys(f"      {f[f'message_{lang}']} [{f['code']}]" for f in errors)


def _related_words(message: Message) -> str:
    """What a status or a progress entry says, in a few words."""
    from ebrvt_connect.model.message import Kind

    data = json.loads(message.record or "{}")
    if message.kind is Kind.PROGRESS:
        return f"bước {data.get('seq', '?')}{_behind(' ', data.get('action') or data.get('status_word'))}"
    if message.kind is Kind.DOCUMENT_STATUS:
        agency = data.get("reporter") or {}
        told_by = _behind(" – ", agency.get("name") or agency.get("code"))
        note = f" ({data['note']})" if data.get("note") else ""
        return f"trạng thái {_told(message.kind, data.get('code'))}{told_by}{note}"
    reason = f" ({data['reason_vi']})" if data.get("reason_vi") else ""
    by = _behind(" – hệ thống ", data.get("system"))
    return f"trạng thái {_told(message.kind, data.get('state'))}{by}{reason}"


def _told(kind: Kind, code: str | None) -> str:
    """A status in words with its code behind; a code nobody knows stands alone."""
    from ebrvt_connect.model.message import Kind
    from ebrvt_connect.ops.report_words import REPORT_STATES_VI
    from ebrvt_connect.ops.words import TOLD_VI

    words: Mapping[str, str] = TOLD_VI.get(kind, {})
    if kind is Kind.REPORT_STATUS:
        words = {state.value: said for state, said in REPORT_STATES_VI.items()}
    said = words.get(code or "")
    return f"“{said}” [{code}]" if said else code or "?"


def _behind(sign: str, text: str | None) -> str:
    return f"{sign}{text}" if text else ""
