"""Inside the simulated ministry: regimes, periods, templates, the register of reports, and its clerks.

A report is received, checked, laid before whoever approves, and approved or returned with a reason; when
its period's time is up before that, it is locked. Of one regime, period and organisation there is one
current report, trials apart; a new one names the one it replaces.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ebrvt_adapters.baocao import wire
from ebrvt_adapters.baocao.sandbox_door import issue, refused
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.period import VIETNAM, Frequency, ReportingPeriod
from ebrvt_connect.model.report import ReportState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ebrvt_connect.ports.simulator import World

PACKETS = "packets"
CURRENT = "current"
DESK = "desk"
PERIODS = "periods"
TEMPLATES = "templates"
RETURNED_ONCE = "returned-once"

Row = dict[str, Any]

RETURN_REASON_VI = "Đề nghị rà soát lại số liệu và giải trình chênh lệch so với kỳ trước"
LOCKED_VI = "Kỳ báo cáo đã khóa"
_PERCENT = "PCT"
_CENT = Decimal("0.01")
_OFFICE_CLOSES = time(17)
_UNDECIDED = frozenset({ReportState.RECEIVED, ReportState.PENDING_APPROVAL, ReportState.RETURNED})
# A locked one can be replaced where its period takes reports again: that is asked before.
_REPLACEABLE = frozenset({ReportState.RETURNED, ReportState.APPROVED, ReportState.LOCKED})


@cache
def shipped() -> Mapping[str, Any]:
    """The regimes and templates that ship with the simulator."""
    return tomllib.loads(files(__package__).joinpath("data/templates.toml").read_text("utf-8"))


def template_of(row: Mapping[str, Any]) -> wire.TemplateTold:
    """A template from a table of the data file or of a seed; raises `ValueError`."""
    return wire.TemplateTold(
        template_code=row["code"],
        version=row["version"],
        name=row["name"],
        indicator=tuple(
            wire.IndicatorRow(
                indicator_code=one["code"],
                name=one["name"],
                unit=one.get("unit", _PERCENT),
                data_type=one.get("type", "decimal"),
                required=one.get("required", False),
                dimension=tuple(one.get("dimensions", ("LEVEL",))),
            )
            for one in row["indicators"]
        ),
    )


@cache
def _shipped_templates() -> Mapping[str, wire.TemplateTold]:
    return {row["code"]: template_of(row) for row in shipped()["template"]}


@dataclass(frozen=True, slots=True)
class Habits:
    """How this ministry works."""

    pace: timedelta
    """How long a clerk takes for one step."""
    return_first: bool
    """Return the first report of each regime, period and organisation once."""
    due_after: timedelta
    """How long after a period's end its report is due."""


class Ministry:
    """The registers and desks; attributes are plain, so a test can bump them."""

    def __init__(self, world: World, habits: Habits) -> None:
        """Take up the world where it was left."""
        self.world = world
        self.habits = habits
        self._receipts = sum(1 for _ in world.rows(PACKETS))
        self._look_again_at: datetime | None = None

    # --- catalogues ---------------------------------------------------------------------------------------

    def regime(self, code: str) -> Row:
        """A regime; raises `RefusedError` `NOT_FOUND`."""
        found = next((one for one in shipped()["regime"] if one["code"] == code), None)
        if found is None:
            raise refused("NOT_FOUND", "no such regime", issue("REGIME", "regimeCode", "không có chế độ này"))
        row: Row = found
        return row

    def template(self, code: str) -> wire.TemplateTold:
        """The current version of a template; raises `RefusedError` `NOT_FOUND`."""
        seeded = self.world.get(TEMPLATES, code)
        found = template_of(seeded) if seeded else _shipped_templates().get(code)
        if found is None:
            detail = issue("TEMPLATE", "templateCode", "không có biểu mẫu này")
            raise refused("NOT_FOUND", "no such template", detail)
        return found

    def periods(self, regime: str, year: int, now: datetime) -> tuple[wire.PeriodRow, ...]:
        """The periods of a regime whose figures are closed in that year."""
        frequency = Frequency(self.regime(regime)["frequency"])
        months = range(frequency.months, 13, frequency.months)
        codes = (
            ReportingPeriod.containing(datetime(year, month, 1, tzinfo=VIETNAM).date(), frequency)
            for month in months
        )
        return tuple(self.period(regime, period, now) for period in codes)

    def period(self, regime: str, period: ReportingPeriod, now: datetime) -> wire.PeriodRow:
        """One period as it stands now; a seed may have set its due time or opened it."""
        said = self.world.get(PERIODS, f"{regime}/{period}") or {}
        last = datetime.combine(period.last_day, _OFFICE_CLOSES, VIETNAM)
        due = datetime.fromisoformat(said["dueAt"]) if "dueAt" in said else last + self.habits.due_after
        return wire.PeriodRow(
            period_code=str(period),
            frequency=period.frequency.value,
            data_from=period.first_day,
            data_to=period.last_day,
            due_at=due,
            open=bool(said.get("open", period.starts_at <= now < period.ends_at)),
        )

    # --- the register -------------------------------------------------------------------------------------

    def known(self, packet_id: str) -> Row | None:
        """A packet's row, or None."""
        return self.world.get(PACKETS, packet_id.lower())

    def check_replacement(self, packet: wire.Packet) -> None:
        """A second report for the same names the one it replaces; raises `RefusedError`."""
        current = self.world.get(CURRENT, key_of(packet))
        named = (packet.header.replaces_packet_id or "").lower()
        path = "header/replacesPacketId"
        if current is None:
            if named:
                detail = issue("REPLACES_UNKNOWN", path, "không có báo cáo nào để thay thế")
                raise refused("SCHEMA_INVALID", "nothing to replace", detail)
            return
        if named != current["packetId"]:
            detail = issue("REPLACES_WRONG", path, "kỳ này đã có báo cáo; phải nêu đúng mã gói tin được thay")
            raise refused("SCHEMA_INVALID", "there is a report for this period already", detail)
        if self.state_of(named) not in _REPLACEABLE:
            detail = issue("REPLACES_UNDECIDED", path, "báo cáo trước chưa được phê duyệt hoặc trả lại")
            raise refused("SCHEMA_INVALID", "the report to replace is not decided", detail)

    def receive(self, packet: wire.Packet, sha256: str, certificate_sha256: str, now: datetime) -> Row:
        """Enter a checked packet in the register and lay it on a desk; returns its row."""
        header, body = packet.header, packet.body
        self._receipts += 1
        name = header.packet_id.lower()
        regime_period = ReportingPeriod.parse(body.period_code)
        due = self.period(body.regime_code, regime_period, now).due_at
        key = key_of(packet)
        row: Row = {
            "packetId": header.packet_id,
            "sha256": sha256,
            "receiptId": f"BN-{now.astimezone(VIETNAM):%Y%m%d}-{self._receipts:06d}",
            "receivedAt": now.isoformat(),
            "status": ReportState.RECEIVED.value,
            "changedAt": now.isoformat(),
            "key": key,
            "regime": body.regime_code,
            "period": body.period_code,
            "organization": body.organization_code,
            "test": bool(header.test),
            "contradictions": [one.model_dump(mode="json") for one in contradictions(body)],
        }
        self.world.put(PACKETS, name, row)
        self.world.journal(
            "report-received",
            packetId=header.packet_id,
            receiptId=row["receiptId"],
            regime=body.regime_code,
            period=body.period_code,
            organization=body.organization_code,
            senderCode=header.sender_code,
            test=row["test"],
            replacesPacketId=header.replaces_packet_id or "",
            sha256=sha256,
            certificateSha256=certificate_sha256,
            observations=len(body.observation),
        )
        if header.replaces_packet_id:
            self._move(header.replaces_packet_id.lower(), ReportState.SUPERSEDED, now)
        self.world.put(CURRENT, key, {"packetId": name})
        # A trial's period need not be over: nothing locks it.
        lock_at = None if row["test"] else due.isoformat()
        self._lay(name, {"step_at": (now + self.habits.pace).isoformat(), "lock_at": lock_at})
        return row

    def state_of(self, packet_id: str) -> ReportState:
        """Where a known packet stands; raises `KeyError`."""
        row = self.known(packet_id)
        if row is None:
            raise KeyError(packet_id)
        return ReportState(row["status"])

    # --- the clerks ---------------------------------------------------------------------------------------

    def clerks_act(self, now: datetime) -> None:
        """Do every step that is due."""
        if self._look_again_at is not None and now < self._look_again_at:
            return
        for name, desk in list(self.world.rows(DESK)):
            if _due(desk, "lock_at", now):
                self._move(name, ReportState.LOCKED, now, reason=LOCKED_VI)
            elif _due(desk, "step_at", now):
                self._step(name, desk, now)
        left = [_next(desk) for _, desk in self.world.rows(DESK)]
        self._look_again_at = min(
            (at for at in left if at is not None), default=datetime.max.replace(tzinfo=VIETNAM)
        )

    def decide(self, packet_id: str, state: ReportState, now: datetime, reason: str = "") -> None:
        """What a clerk, or a test, decides at once; raises `KeyError` for an unknown packet."""
        self.state_of(packet_id)
        self._move(packet_id.lower(), state, now, reason=reason)

    def _step(self, name: str, desk: Row, now: datetime) -> None:
        row = self.world.get(PACKETS, name) or {}
        if row["status"] == ReportState.RECEIVED and row["contradictions"]:
            self._move(name, ReportState.INVALID, now, issues=row["contradictions"])
        elif row["status"] == ReportState.RECEIVED:
            self._move(name, ReportState.PENDING_APPROVAL, now)
            self._lay(name, {**desk, "step_at": (now + self.habits.pace).isoformat()})
        elif self.habits.return_first and self.world.get(RETURNED_ONCE, row["key"]) is None:
            self.world.put(RETURNED_ONCE, row["key"], {"packetId": name})
            self._move(name, ReportState.RETURNED, now, reason=RETURN_REASON_VI)
        else:
            self._move(name, ReportState.APPROVED, now)

    def _move(
        self,
        name: str,
        state: ReportState,
        now: datetime,
        *,
        reason: str = "",
        issues: list[Row] | None = None,
    ) -> None:
        """Put a packet into a state, tell the journal, and clear or keep its desk."""
        row = self.world.get(PACKETS, name) or {}
        changed = {
            "status": state.value,
            "changedAt": now.isoformat(),
            "reason": reason,
            "issues": issues or [],
        }
        self.world.put(PACKETS, name, row | changed)
        self.world.journal(
            f"report-{state.value.lower().replace('_', '-')}",
            packetId=row["packetId"],
            period=row["period"],
            organization=row["organization"],
            test=row["test"],
            reason=reason,
        )
        current = self.world.get(CURRENT, row["key"]) or {}
        if state is ReportState.INVALID and current.get("packetId") == name:
            self.world.delete(CURRENT, row["key"])  # it never counted, so a corrected one replaces nothing
        desk = self.world.get(DESK, name)
        if desk is not None and state in _UNDECIDED and desk["lock_at"]:
            self._lay(name, {**desk, "step_at": None})
        else:
            self.world.delete(DESK, name)

    def _lay(self, name: str, desk: Row) -> None:
        self.world.put(DESK, name, desk)
        at = _next(desk)
        if at is not None and self._look_again_at is not None:
            self._look_again_at = min(self._look_again_at, at)


def key_of(packet: wire.Packet) -> str:
    """What there is one current report of."""
    body = packet.body
    parts = [body.regime_code, body.period_code, body.organization_code]
    return "/".join([*parts, "test"] if packet.header.test else parts)


def contradictions(body: wire.Body) -> Iterator[wire.Issue]:
    """Percentages that are not what their numerator and denominator give, to two digits."""
    for place, one in enumerate(body.observation, start=1):
        if one.value is None or one.numerator is None or not one.denominator:
            continue
        if one.unit not in {None, _PERCENT}:
            continue
        ratio = (100 * one.numerator / one.denominator).quantize(_CENT, ROUND_HALF_UP)
        if ratio != one.value.quantize(_CENT, ROUND_HALF_UP):
            yield issue(
                "RATIO_CONTRADICTS",
                f"body/observation[{place}]/value",
                f"{one.indicator_code}: tỷ lệ không khớp tử số, mẫu số (tính được {ratio})",
            )


def period_of(text: str) -> ReportingPeriod:
    """A period by its code; raises `RefusedError` `SCHEMA_INVALID`."""
    try:
        return ReportingPeriod.parse(text)
    except InvalidValue:
        detail = issue("PERIOD", "body/periodCode", "không phải mã kỳ báo cáo")
        raise refused("SCHEMA_INVALID", "no such period", detail) from None


def _due(desk: Row, name: str, now: datetime) -> bool:
    return bool(desk[name]) and datetime.fromisoformat(desk[name]) <= now


def _next(desk: Row) -> datetime | None:
    times = [datetime.fromisoformat(desk[name]) for name in ("step_at", "lock_at") if desk[name]]
    return min(times, default=None)
