"""The ministry's reporting software as the engine sees it: a sink for reports, which it approves or returns.

A packet is made and signed once, when the report is prepared; from then on only the envelope around its
bytes is new. The ministry decides later: what it has taken is pending until asking after it brings the
decision. SubmitReport carries its own key (packetId), so what never arrived is sent again as it is.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

from ebrvt_adapters.baocao import faults, mapping, wire
from ebrvt_adapters.baocao.client import BaocaoClient, Reply
from ebrvt_adapters.baocao.settings import BaocaoSettings
from ebrvt_connect.errors import HeldForPerson, InvalidValue, Rejected, Scope
from ebrvt_connect.model.message import Payload, Receipt, State
from ebrvt_connect.model.report import Report, ReportState
from ebrvt_connect.ports.adapter import (
    Answer,
    AskAgain,
    NotThere,
    Pending,
    Settled,
    Sink,
    Surroundings,
    Work,
)
from ebrvt_connect.transport.signers import SIGNING_KEY_UNUSABLE, KeySigner
from ebrvt_connect.trust.xmldsig import sign_packet

if TYPE_CHECKING:
    from pydantic import BaseModel

PACKET_TYPE = "application/xml"
_TURNED_DOWN = frozenset({ReportState.RETURNED, ReportState.INVALID})


class Baocao(Sink):
    """The ministry's reporting software (phần mềm báo cáo của Bộ)."""

    system_kind: ClassVar[str] = "baocao"
    settings_type: ClassVar[type[BaseModel]] = BaocaoSettings

    def __init__(self, settings: BaocaoSettings, surroundings: Surroundings) -> None:
        """Opens no connection yet."""
        self._settings = settings
        self._system = surroundings.system
        self._blobs = surroundings.blobs
        self._poll = timedelta(seconds=settings.poll_seconds)
        self.client = BaocaoClient(settings, surroundings.clock, system=surroundings.system)

    @classmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings) -> Self:
        """Make an instance; raises `TypeError` for settings of another adapter."""
        if not isinstance(settings, BaocaoSettings):
            raise TypeError(f"expected BaocaoSettings, got {type(settings).__name__}")
        return cls(settings, surroundings)

    def ping(self) -> str:
        """Open the signing key and ask for the periods of the regime."""
        self.open_keys()
        periods = self.client.periods(self._settings.regime)
        return f"{len(periods)} kỳ báo cáo, {sum(1 for period in periods if period.open)} kỳ đang mở"

    def open_keys(self) -> None:
        """Open the signing key; raises `HeldForPerson` `SIGNING_KEY_UNUSABLE`."""
        _ = self._signer

    def close(self) -> None:
        """Give back connections."""
        self.client.close()

    @cached_property
    def _signer(self) -> KeySigner:
        """The key, opened once: a broken one stops this system, not the others."""
        return _opened_key(self._settings, self._system)

    def _prepare(self, work: Work) -> Payload:
        report = work.record
        if not isinstance(report, Report):
            raise TypeError(f"expected a Report, got {type(report).__name__}")
        try:
            unsigned = mapping.unsigned_packet(report, self._settings.agency_form)
        except InvalidValue as refusal:
            raise refusal.held(system=self._system, operation="prepare") from refusal
        signed = sign_packet(unsigned, self._signer, reference_id=wire.packet_reference(report.packet_id))
        blob = self._blobs.put((signed,), limit_bytes=self._settings.largest_packet_bytes)
        facts = (
            ("packet_id", report.packet_id),
            ("period", str(report.period)),
            ("organization", str(report.organization)),
        )
        return Payload(blob=blob, media_type=PACKET_TYPE, facts=facts)

    def _submit(self, work: Work, payload: Payload) -> Receipt | Pending:  # noqa: ARG002 - the port's signature
        packet = self._blobs.read(payload.blob.sha256, limit_bytes=self._settings.largest_packet_bytes)
        reply = self.client.submit(packet)
        told = reply.told
        if not mapping.same_packet(told.packet_id, payload.fact("packet_id")):
            # It has something, yet says it is another packet: only asking by our own id can tell.
            raise faults.other_packet(told, system=self._system)
        receipt = Receipt(external_id=told.receipt_id, raw=reply.raw, note=mapping.RECEIVED_VI)
        state = mapping.state_of(told.status)
        if state is ReportState.APPROVED:
            return receipt.model_copy(update={"note": mapping.APPROVED_VI})
        if state is ReportState.SUPERSEDED:
            return receipt.model_copy(update={"note": mapping.SUPERSEDED_VI})
        # Whatever else it has become (a repeated one may have been returned already) is told on asking.
        return Pending(receipt, self._poll if state in mapping.AWAITED else timedelta(0))

    def _ask_after(self, work: Work, payload: Payload) -> Answer:
        awaiting = work.message.state is State.AWAITING
        try:
            reply = self.client.status(payload.fact("packet_id"))
        except (Rejected, HeldForPerson) as refusal:
            if faults.is_not_found(refusal):
                if awaiting:
                    raise faults.packet_lost(system=self._system) from refusal
                return NotThere()
            if awaiting and faults.is_about_the_question(refusal):
                # Refused was the question, not the report: only its status can say that.
                raise faults.not_told(refusal) from refusal
            raise
        return self._decided(reply, work, payload.fact("period"), awaiting=awaiting)

    def _decided(self, reply: Reply[wire.StatusTold], work: Work, period: str, *, awaiting: bool) -> Answer:
        told = reply.told
        state = mapping.state_of(told.status)
        if state in mapping.AWAITED:
            if awaiting:
                return AskAgain(self._poll)
            return Pending(_receipt(reply, work, mapping.RECEIVED_VI), self._poll)
        if state is ReportState.LOCKED:
            raise faults.locked(told, period, system=self._system)
        if state in _TURNED_DOWN and not awaiting:
            # It is there: what was decided is heard on asking after it as one that awaits.
            return Pending(_receipt(reply, work, mapping.RECEIVED_VI), timedelta(0))
        if state is ReportState.RETURNED:
            raise faults.returned(told, period, system=self._system)
        if state is ReportState.INVALID:
            raise faults.found_invalid(told, period, system=self._system)
        note = mapping.SUPERSEDED_VI if state is ReportState.SUPERSEDED else mapping.APPROVED_VI
        return Settled(_receipt(reply, work, note))


def _receipt(reply: Reply[wire.StatusTold], work: Work, note: str) -> Receipt:
    """The ministry's last word under the receipt number of its first, where we heard that one."""
    first = work.message.receipt
    return Receipt(external_id=first.external_id if first else "", raw=reply.raw, note=note)


def _opened_key(settings: BaocaoSettings, system: str) -> KeySigner:
    password = settings.credentials.pkcs12_password
    try:
        content = settings.credentials.pkcs12.read_bytes()
    except OSError as failure:
        kind = type(failure).__name__
        raise HeldForPerson(
            SIGNING_KEY_UNUSABLE,
            f"the signing key cannot be read: {kind}",
            scope=Scope.SYSTEM,
            system=system,
            reason="không đọc được tệp khóa",
        ) from failure
    return KeySigner.from_pkcs12(content, password.get_secret_value().encode() if password else None)
