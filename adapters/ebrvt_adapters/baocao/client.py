"""One method for each operation of the reporting software. Usable alone: settings and a clock will do.

    with BaocaoClient(settings, SystemClock()) as client:
        for period in client.periods("NQ17", 2026):
            print(period.period_code, period.due_at)

Every method raises `ConnectError` (see `faults`). Every call is a read or carries a key (packetId), so
nothing here is ever in doubt for long. Each attempt has a security header of its own. Objects are safe to
share between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from pydantic import ValidationError

from ebrvt_adapters.baocao import faults, wire
from ebrvt_adapters.baocao.mapping import same_packet
from ebrvt_connect.errors import RetryLater
from ebrvt_connect.transport.patience import with_patience
from ebrvt_connect.transport.soap import SoapAnswer, SoapChannel, SoapFault, SoapService, UsernameLogin, Wsdl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebrvt_adapters.baocao.settings import BaocaoSettings
    from ebrvt_connect.ports.clock import Clock

Told = TypeVar("Told", bound=wire.WireValue)


@dataclass(frozen=True, slots=True)
class Reply(Generic[Told]):
    """What was answered, and the whole reply as it came: evidence."""

    told: Told
    raw: bytes


class BaocaoClient:
    """The reporting software as one account sees it."""

    def __init__(self, settings: BaocaoSettings, clock: Clock, *, system: str = "baocao") -> None:
        """Opens no connection. `system` is how errors name this connection."""
        self._settings = settings
        self._clock = clock
        self._system = system
        credentials = settings.credentials
        self._channel = SoapChannel(
            SoapService(Wsdl.packaged(wire.WSDL), settings.path),
            settings.transport,
            system=system,
            clock=clock,
            login=UsernameLogin(
                username=credentials.username,
                password=credentials.password,
                style=settings.password_style,
                text_without_tls=settings.text_without_tls,
            ),
        )

    def close(self) -> None:
        """Give back connections."""
        self._channel.close()

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def submit(self, packet: bytes) -> Reply[wire.Accepted]:
        """Hand a signed packet over (SubmitReport), its bytes untouched; the same may be sent again.

        `HeldForPerson` `BAOCAO_PACKET_ID_REUSED` where other bytes lie under its packetId.
        """
        operation = wire.Operation.SUBMIT
        return self._asked(
            operation,
            lambda: self._channel.call_with_packet(
                operation.value, packet, safe=True, deadline_seconds=self._settings.call_seconds
            ),
            wire.Accepted,
        )

    def status(self, packet_id: str) -> Reply[wire.StatusTold]:
        """Where a packet stands (GetReportStatus); `Rejected` `BAOCAO_NOT_FOUND` where it is not known."""
        reply = self._call(wire.Operation.STATUS, {"packetId": packet_id}, wire.StatusTold)
        if not same_packet(reply.told.packet_id, packet_id):
            detail = f"asked for {packet_id!r}, told of another packet"
            raise self._unreadable(wire.Operation.STATUS, detail)
        return reply

    def periods(self, regime: str, year: int | None = None) -> tuple[wire.PeriodRow, ...]:
        """The periods of a regime (GetPeriods), of one year if wanted."""
        values: dict[str, object] = {"regimeCode": regime}
        if year is not None:
            values["year"] = (year, None)  # a gYear may have an offset, too
        return self._call(wire.Operation.PERIODS, values, wire.PeriodsTold).told.period

    def template(self, code: str, version: str | None = None) -> wire.TemplateTold:
        """A template with its indicators (GetTemplate): the version wanted, or the current one."""
        values: dict[str, object] = {"templateCode": code}
        if version is not None:
            values["version"] = version
        return self._call(wire.Operation.TEMPLATE, values, wire.TemplateTold).told

    def _call(self, operation: wire.Operation, values: Mapping[str, object], kind: type[Told]) -> Reply[Told]:
        seconds = self._settings.call_seconds
        return self._asked(
            operation,
            lambda: self._channel.call(operation.value, values, safe=True, deadline_seconds=seconds),
            kind,
        )

    def _asked(
        self, operation: wire.Operation, ask: Callable[[], SoapAnswer | SoapFault], kind: type[Told]
    ) -> Reply[Told]:
        def attempt() -> Reply[Told]:
            answer = ask()
            if isinstance(answer, SoapFault):
                raise faults.failure_of(answer, system=self._system, operation=operation.value)
            try:
                return Reply(kind.model_validate(answer.values), answer.raw)
            except ValidationError as failure:
                raise self._unreadable(operation, "an answer whose values cannot be read") from failure

        return with_patience(attempt, clock=self._clock)

    def _unreadable(self, operation: wire.Operation, detail: str) -> RetryLater:
        return RetryLater(faults.REPLY_UNREADABLE, detail, system=self._system, operation=operation.value)
