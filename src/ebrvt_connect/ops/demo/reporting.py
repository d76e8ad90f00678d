"""The officer who reports: files the quarter's figures as a trial, and again when they come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.period import VIETNAM, Frequency, ReportingPeriod
from ebrvt_connect.model.report import ReportState
from ebrvt_connect.ops.composition import system_settings
from ebrvt_connect.ops.report_making import DeskSettings, ReportMaking

if TYPE_CHECKING:
    from ebrvt_connect.ops.composition import Composition
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.store.snapshots import Snapshot

DESK = "so-cai"


class ReportOfficer:
    """Files a report before all figures are in, has it returned, and corrects it by one that replaces it."""

    def __init__(self, composition: Composition, clock: Clock, *, first_at: int) -> None:
        """The first report is filed once so many dossiers are synchronised."""
        settings = system_settings(composition.loaded, DESK)
        assert isinstance(settings, DeskSettings)  # noqa: S101 - what the built-in system has
        self._making = ReportMaking(settings, composition.ledger)
        self._ledger = composition.ledger
        self._clock = clock
        self._first_at = first_at
        self._period = ReportingPeriod.containing(clock.now().astimezone(VIETNAM).date(), Frequency.QUARTER)

    def file_first(self) -> None:
        """File the first version as soon as there is something to report."""
        if self._newest() is None and self._synchronised() >= self._first_at:
            self._file(reason="Báo cáo thử giữa kỳ")

    def finished(self) -> bool:
        """With everything else settled: whether the report has ended; corrects it if it came back."""
        newest = self._newest()
        if newest is None:
            self._file(reason="Báo cáo thử giữa kỳ")
            return False
        if newest.state is ReportState.RETURNED:
            self._file(reason="Cập nhật số liệu theo yêu cầu của Bộ", replaces=newest.report.packet_id)
            return False
        return newest.state is not None

    def _file(self, *, reason: str, replaces: str = "") -> None:
        now = self._clock.now()
        self._making.freeze(self._period, now, reason=reason, test=True, replaces=replaces, hand_over=True)

    def _newest(self) -> Snapshot | None:
        return self._making.newest(self._period, self._clock.now(), test=True)

    def _synchronised(self) -> int:
        done = self._ledger.messages(states=[State.DONE], kinds=[Kind.DOSSIER])
        return len({message.lane for message in done})
