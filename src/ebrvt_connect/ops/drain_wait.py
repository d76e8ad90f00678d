"""Waiting until a drained system's queue is empty (chờ rút hết), for scripts that replace or restart it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.engine.settings import EngineSettings
from ebrvt_connect.errors import ConnectError, RetryLater
from ebrvt_connect.ops.exit_codes import ExitCode
from ebrvt_connect.ops.words import paused_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.store.draining import Draining
    from ebrvt_connect.store.ledger import Ledger

_LOOK_SECONDS, _SAY_EVERY_SECONDS = 1.0, 10.0
_GOES_ON = "Dịch vụ vẫn tiếp tục rút hết; gọi lại lệnh để chờ tiếp, xem vì sao chậm bằng ebrvt status."
_NOBODY = "chưa có dịch vụ nào chạy trên sổ cái này; cần ebrvt run thì mới gửi đi được"


@dataclass(frozen=True, slots=True)
class Waited:
    """How the waiting ended."""

    code: ExitCode
    """0 nothing is left, 2 only a person can take on what is left, 1 the time was over, or it was resumed."""
    said_vi: str


def wait_until_drained(
    ledger: Ledger, system: str, *, within: timedelta, clock: Clock, tell: Callable[[str], None]
) -> Waited:
    """Look once a second until nothing goes by itself any more, `within` so long at most.

    A ledger that is busy for a moment is asked again; else raises as `Ledger`. `tell` is given a line when
    what is left has changed, and now and then while it has not.
    """
    began = clock.monotonic()
    until, said, again_at = began + within.total_seconds(), "", began
    while True:
        try:
            ended, line = _look(ledger, system, clock)
        except RetryLater as busy:
            ended, line = None, _busy_vi(busy)
        if ended is not None:
            return ended
        now = clock.monotonic()
        if line != said or now >= again_at:
            tell(line)
            said, again_at = line, now + _SAY_EVERY_SECONDS
        if now >= until:
            return Waited(ExitCode.NO, f"Đã hết thời gian chờ. {line}\n  → {_GOES_ON}")
        clock.sleep(min(_LOOK_SECONDS, until - now))


def _look(ledger: Ledger, system: str, clock: Clock) -> tuple[Waited | None, str]:
    """How it ended, or what to say meanwhile."""
    one = next((one for one in ledger.draining() if one.system == system), None)
    if one is None:
        return Waited(ExitCode.NO, f"{system} đã được cho nhận lại (ebrvt resume); không chờ nữa."), ""
    if not one.going:
        return _ended(one), ""
    pause = ledger.paused().get(system)
    if pause is not None:
        waiting = f"{system} còn {_left_vi(one)} nhưng không gửi được."
        return Waited(
            ExitCode.UNDECIDED, f"{waiting}\n{paused_text(system, pause.reason_vi, pause.code)}"
        ), ""
    alive = ledger.living_executors(clock.now(), EngineSettings().dead_after)
    return None, f"{system}: còn {_left_vi(one)}" + ("." if alive else f"; {_NOBODY}.")


def _ended(one: Draining) -> Waited:
    if not one.left:
        return Waited(ExitCode.DONE, f"{one.system} đã rút hết.")
    said = f"{one.system}: {one.stuck} thông điệp còn lại chờ người quyết định"
    return Waited(ExitCode.UNDECIDED, f"{said} (ebrvt held list, ebrvt dead list).")


def _left_vi(one: Draining) -> str:
    parts = [f"{one.left - one.stuck} thông điệp đang chờ gửi"]
    if one.owed:
        parts.append(f"{one.owed} thông điệp chưa báo đã nhận")
    if one.stuck:
        parts.append(f"{one.stuck} thông điệp chờ người quyết định")
    return ", ".join(parts)


def _busy_vi(busy: ConnectError) -> str:
    return f"{busy.explanation_vi} [{busy.code}]; đang hỏi lại."
