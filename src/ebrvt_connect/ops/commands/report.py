"""`ebrvt report`: build a report from the ledger, look at it, have it sent, see what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebrvt_connect.ops.console import as_json, by_whom, config_path, note, say, say_json
from ebrvt_connect.ops.exit_codes import ExitCode

if TYPE_CHECKING:
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.ops.report_making import ReportMaking
    from ebrvt_connect.store.snapshots import Snapshot

_LATEST = "latest"

_desk = click.option(
    "--desk", "desk", help="The report desk by its name in [systems], where there are several."
)
_which = click.argument("report", default=_LATEST)


@click.group(epilog="Example: ebrvt report build --period 2026-Q3")
def command() -> None:
    """Reports computed from the ledger (báo cáo số liệu)."""


@command.command(epilog="Example: ebrvt report build --period 2026-Q4 --test")
@click.option(
    "--period", "period", help="The reporting period: 2026-Q3, 2026-S1, 2026-09, 2026; with --replaces, its."
)
@click.option("--test", "test", is_flag=True, help="A trial that does not count; the period may be open.")
@click.option("--regime", "regime", help="The regime of reports, where it is to be made sure of.")
@click.option("--replaces", "replaces", default="", help="The report that this one corrects, by its code.")
@_desk
@by_whom
@config_path
@as_json
def build(
    *,
    period: str | None,
    test: bool,
    regime: str | None,
    replaces: str,
    desk: str | None,
    by: str,
    config: Path | None,
    json_out: bool,
) -> None:
    """Compute a period's figures and freeze them (lập và chốt báo cáo); `report submit` has them sent.

    Exit code: 1 if the period is not over, or is reported already and --replaces does not say so.
    """
    from ebrvt_connect.model.period import ReportingPeriod
    from ebrvt_connect.ops.reporting import opened_desk

    if period is None and not replaces:
        raise click.UsageError("thiếu --period (kỳ báo cáo), hoặc --replaces (mã báo cáo được thay thế)")
    with opened_desk(config, desk) as making:
        if regime not in {None, making.settings.regime}:
            raise click.BadParameter(f"bàn báo cáo này lập {making.settings.regime}", param_hint="--regime")
        replaced = _found(making, replaces).report if replaces else None
        if replaced is not None:
            replaces, test = replaced.packet_id, test or replaced.test
        wanted = replaced.period if replaced and period is None else ReportingPeriod.parse(period or "")
        frozen = making.freeze(wanted, datetime.now(UTC), reason=f"{by} lập", test=test, replaces=replaces)
        _tell(making, frozen, json_out=json_out)
    note(f"Kiểm tra số liệu rồi chạy: ebrvt report submit {frozen.report.packet_id}")


@command.command(epilog="Example: ebrvt report show latest --xlsx bao-cao.xlsx")
@_which
@click.option(
    "--xlsx",
    "sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the form for typing it in by hand, too; nothing is overwritten.",
)
@_desk
@config_path
@as_json
def show(*, report: str, sheet: Path | None, desk: str | None, config: Path | None, json_out: bool) -> None:
    """Show a report with numerators, denominators and notes (xem báo cáo): by its code, or the latest."""
    from ebrvt_connect.ops.report_words import write_sheet
    from ebrvt_connect.ops.reporting import opened_desk

    with opened_desk(config, desk) as making:
        found = _found(making, report)
        if sheet is not None:
            if sheet.exists():
                raise click.BadParameter(f"đã có tệp {sheet}; hãy chọn tên khác", param_hint="--xlsx")
            write_sheet(found, sheet)
            note(f"Đã ghi {sheet}")
        _tell(making, found, json_out=json_out)


@command.command(epilog="Example: ebrvt report submit latest")
@_which
@_desk
@config_path
def submit(*, report: str, desk: str | None, config: Path | None) -> None:
    """Hand a frozen report to the daemon, which sends it (chuyển gửi); again comes to the same.

    Exit code: 1 if another has replaced it, or the one it replaces is under way.
    """
    from ebrvt_connect.model.message import State
    from ebrvt_connect.ops.report_words import standing_vi
    from ebrvt_connect.ops.reporting import opened_desk

    with opened_desk(config, desk) as making:
        handed = making.hand_over(_found(making, report).report.packet_id, datetime.now(UTC))
        message = _message(making, handed)
        say(f"{handed.report.packet_id}: {standing_vi(handed, message)}")
        if message is not None and message.state is State.HELD:
            note("Chưa gửi thêm lần nào: báo cáo đang chờ người quyết định, xem bằng ebrvt held list.")


@command.command(epilog="Example: ebrvt report status --json")
@_desk
@config_path
@as_json
@click.pass_context
def status(context: click.Context, *, desk: str | None, config: Path | None, json_out: bool) -> None:
    """List reports and where they stand, the newest first (tình trạng báo cáo).

    Exit code: 1 if the newest version of a report was turned down, 2 if one waits for a person.
    """
    from ebrvt_connect.ops.report_desk import title_of
    from ebrvt_connect.ops.report_words import is_overtaken, standing_vi
    from ebrvt_connect.ops.reporting import opened_desk

    with opened_desk(config, desk) as making:
        found = making.snapshots.all()
        told = [(snapshot, _message(making, snapshot)) for snapshot in found]
    if json_out:
        say_json({"reports": [_data(snapshot, message) for snapshot, message in told]})
    elif not told:
        say("Chưa có báo cáo nào.")
    else:
        for snapshot, message in told:
            say(f"{snapshot.report.packet_id}  {title_of(snapshot.report)}: {standing_vi(snapshot, message)}")
            if snapshot.reason_vi and not is_overtaken(snapshot, message):
                say(f"    {snapshot.reason_vi}")
    context.exit(int(_exit_code(told)))


def _found(making: ReportMaking, report: str) -> Snapshot:
    """By its code, or the one frozen last; raises `Rejected` `REPORT_UNKNOWN`."""
    latest = making.snapshots.latest() if report == _LATEST else None
    return latest or making.known(report)


def _message(making: ReportMaking, snapshot: Snapshot) -> Message | None:
    return making.message(snapshot.report.packet_id)


def _tell(making: ReportMaking, snapshot: Snapshot, *, json_out: bool) -> None:
    from ebrvt_connect.ops.report_words import report_lines

    message = _message(making, snapshot)
    if json_out:
        say_json(_data(snapshot, message))
    else:
        say("\n".join(report_lines(snapshot, message)))


def _data(snapshot: Snapshot, message: Message | None) -> dict[str, Any]:
    from ebrvt_connect.ops.report_words import standing_vi

    return {
        "report": snapshot.report.model_dump(mode="json"),
        "state": snapshot.state.value if snapshot.state else None,
        "standing_vi": standing_vi(snapshot, message),
        "told_at": snapshot.told_at,
        "code": snapshot.code,
        "reason_vi": snapshot.reason_vi,
        "receipt_id": snapshot.receipt_id,
        "handed_over": bool(snapshot.handed_over),
        "message": message.id if message else None,
    }


def _exit_code(told: list[tuple[Snapshot, Message | None]]) -> ExitCode:
    """By what was not replaced, and is not under way again."""
    from ebrvt_connect.model.report import ReportState
    from ebrvt_connect.ops.report_words import is_overtaken

    replaced = {snapshot.replaces for snapshot, _ in told}
    states = {
        snapshot.state
        for snapshot, message in told
        if snapshot.report.packet_id not in replaced and not is_overtaken(snapshot, message)
    }
    if states & {ReportState.RETURNED, ReportState.INVALID}:
        return ExitCode.NO
    return ExitCode.UNDECIDED if states & {ReportState.HELD, ReportState.LOCKED} else ExitCode.DONE
