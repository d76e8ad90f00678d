"""`ebrvt dead`: what was given up (dead letters), what it means, and a person's word about it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.choosing import Asked, about_many, choice_of, moment, narrowed, which_state
from ebrvt_connect.ops.console import as_json, by_whom, config_path, say, say_json
from ebrvt_connect.ops.deciding import raise_refusals, refusals_data, tell_done, why_option

if TYPE_CHECKING:
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ports.ledger import Case
    from ebrvt_connect.store.ledger import Ledger

_PAGE = 50

_one_id = click.argument("number", type=int, metavar="ID")


@click.group(epilog="Example: ebrvt dead list --system cong --since 2026-11-20")
def command() -> None:
    """See and decide on what was given up (thông điệp đã bỏ cuộc, bị từ chối).

    Exit code: 1 if there is no such message, or what was asked is not possible as it stands.
    """


@command.command("list", epilog="Example: ebrvt dead list --code DEADLINE_PASSED --limit 20 --json")
@narrowed
@which_state
@click.option("--after", default=0, show_default=True, help="Begin behind this number: the next page.")
@click.option("--limit", default=_PAGE, show_default=True, type=click.IntRange(1, 10_000))
@config_path
@as_json
def list_dead(
    *, narrowing: dict[str, Any], state: str, after: int, limit: int, config: Path | None, json_out: bool
) -> None:
    """List what was given up, oldest first, a page at a time."""
    from ebrvt_connect.model.message import State
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.ops.words import brief_text

    choice = choice_of(narrowing, State(state))
    with opened_ledger(config) as ledger:
        total = ledger.chosen_count(choice)
        found = ledger.chosen(choice, after_id=after, limit=limit + 1)
    page, more = found[:limit], len(found) > limit
    if json_out:
        next_after = page[-1].id if more else None
        say_json({"total": total, "messages": [_listed(one) for one in page], "next_after": next_after})
        return
    for one in page:
        say(brief_text(_listed(one)))
    say(f"{len(page)}/{total} thông điệp." if page else "Không có thông điệp nào.")
    if more:
        say(f"Trang sau: thêm --after {page[-1].id}")


@command.command(epilog="Example: ebrvt dead show 12")
@_one_id
@config_path
@as_json
def show(*, number: int, config: Path | None, json_out: bool) -> None:
    """Show the whole story of message ID: every attempt, answer, verdict and decision."""
    from ebrvt_connect.ops.commands.explain import story_data, story_lines
    from ebrvt_connect.ops.dead_words import fact_lines
    from ebrvt_connect.ops.ledger_access import opened_ledger

    with opened_ledger(config) as ledger:
        case, behind = _case(ledger, number)
        story = ledger.story(number)
    if story is None:
        return  # it has been deleted between the two looks
    if json_out:
        say_json(story_data(story) | _facts(case, behind))
    else:
        say("\n".join([*story_lines(story, "vi"), *fact_lines(case, behind)]))


@command.command(epilog="Example: ebrvt dead explain 12")
@_one_id
@config_path
@as_json
def explain(*, number: int, config: Path | None, json_out: bool) -> None:
    """Explain message ID: what happened, what it means, what to do next (giải thích)."""
    from ebrvt_connect.ops import dead_words
    from ebrvt_connect.ops.ledger_access import opened_ledger

    with opened_ledger(config) as ledger:
        case, behind = _case(ledger, number)
        story = ledger.story(number)
    told = {
        "happened_vi": list(dead_words.happened_vi(case.message, story.exchanges if story else ())),
        "meaning_vi": list(dead_words.meaning_vi(case, behind)),
        "advice_vi": list(dead_words.advice_vi(case, datetime.now(UTC))),
    }
    if json_out:
        say_json({"id": number, "title": case.message.title, **told})
        return
    say(f"Số {number}  {case.message.title}")
    for heading, name in (("Chuyện gì", "happened_vi"), ("Nghĩa là", "meaning_vi"), ("Cần làm", "advice_vi")):
        say(f"  {heading}:")
        for line in told[name]:
            say(f"    {line}")


@command.command(epilog='Example: ebrvt dead requeue --system cong --dry-run --why "Cổng đã hoạt động lại"')
@about_many
@click.option("--deadline", help="They must have left by then (2026-01-31 or ISO 8601), instead of before.")
@click.option("--no-deadline", is_flag=True, help="Tried until a person says otherwise.")
@why_option
@by_whom
@config_path
@as_json
def requeue(
    *,
    asked: Asked,
    deadline: str | None,
    no_deadline: bool,
    why: str,
    by: str,
    config: Path | None,
    json_out: bool,
) -> None:
    """Try messages again (gửi lại): IDS, or those that the options mean, in their original order.

    Each goes on from the step that failed: judged again, or sent again with the same key and content, or,
    where it may have arrived, asked after first. Its attempts stay counted.
    """
    from ebrvt_connect.engine import steering
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.ops.requeue_plan import Plan

    if deadline is not None and no_deadline:
        msg = "--deadline và --no-deadline không đi cùng nhau"
        raise click.UsageError(msg)
    until = None if deadline is None else moment("--deadline", deadline)
    term = steering.Term(until=until, lifted=no_deadline)
    with opened_ledger(config) as ledger:
        wanted, now = asked.of(ledger), datetime.now(UTC)
        plan = Plan.of(ledger, wanted, term, now)
        if not asked.dry_run:
            plan = plan.carried_out(steering.requeue_all(ledger, wanted, by=by, why=why, now=now, term=term))
    if json_out:
        say_json({"dry_run": asked.dry_run, **plan.as_data()})
    else:
        say("\n".join(plan.lines(dry_run=asked.dry_run)))
    raise_refusals(plan.refused)


@command.command(epilog='Example: ebrvt dead skip 12 --why "đã gửi bản giấy"')
@about_many
@why_option
@by_whom
@config_path
@as_json
def skip(*, asked: Asked, why: str, by: str, config: Path | None, json_out: bool) -> None:
    """Never send messages (bỏ qua): IDS, or those that the options mean; their lanes go on, sources are told.

    IDS may also be of messages that still wait.
    """
    from ebrvt_connect.engine import steering
    from ebrvt_connect.ops.ledger_access import opened_ledger
    from ebrvt_connect.ops.requeue_plan import cases_of
    from ebrvt_connect.ports.ledger import Acted

    with opened_ledger(config) as ledger:
        wanted = asked.of(ledger)
        if asked.dry_run:
            acted = Acted(tuple(case.message for case in cases_of(ledger, wanted)))
        else:
            acted = steering.skip_all(ledger, wanted, by=by, why=why, now=datetime.now(UTC))
    if json_out:
        skipped = [message.id for message in acted.done]
        say_json({"dry_run": asked.dry_run, "skipped": skipped, "refused": refusals_data(acted.refused)})
    else:
        tell_done(acted.done)
    raise_refusals(acted.refused)


def _case(ledger: Ledger, number: int) -> tuple[Case, int]:
    """One message and how many wait behind it; raises `Rejected` `MESSAGE_UNKNOWN`."""
    from ebrvt_connect.store.steering import unknown

    found = ledger.cases([number])
    if not found:
        raise_refusals([unknown(number)])
    return found[0], ledger.waiting_behind(found[0].message)


def _listed(message: Message) -> dict[str, object]:
    """A line of the list: what names it, why it stands, and no word of what it says about people."""
    from ebrvt_connect.ops.words import in_brief

    return in_brief(message) | {
        "kind": message.kind.value,
        "source": message.source,
        "target": message.target,
        "state": message.state.value,
        "attempts": message.attempts,
        "created_at": message.created_at,
        "deadline": message.deadline,
    }


def _facts(case: Case, behind: int) -> dict[str, object]:
    from ebrvt_connect.engine.steering import step_again

    message, receipt = case.message, case.message.receipt
    return {
        "correlation_id": message.idem_key,
        "failed_at": case.failed_at.value if case.failed_at else None,
        "again_from": step_again(case).value,
        "doubted": case.doubted,
        "waiting_behind": behind,
        "payload": message.payload.blob.model_dump() if message.payload else None,
        "receipt": None
        if receipt is None
        else {
            "external_id": receipt.external_id,
            "note": receipt.note,
            "sha256": hashlib.sha256(receipt.raw).hexdigest(),
            "size_bytes": len(receipt.raw),
        },
    }
