"""The simulated reporting software of the ministry (phần mềm báo cáo mô phỏng): the port and its answers.

It refuses what a real one would: unknown accounts, stale or replayed tokens, bodies not by the schema,
packets unsigned, changed or re-formatted since they were signed, senders a certificate does not stand for,
unknown indicators, periods that are not open. `sandbox_door` is its door, `sandbox_signature` and
`sandbox_checks` what it checks of a packet, `sandbox_ministry` its inside. Faults of its own
(`SimRequest.fault`) are the constants below.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ebrvt_schemas import open_schema
from pydantic import BaseModel, ConfigDict, Field

from ebrvt_adapters.baocao import wire
from ebrvt_adapters.baocao.sandbox_checks import check_report
from ebrvt_adapters.baocao.sandbox_door import (
    NONCES,
    Door,
    RefusedError,
    action_of,
    issue,
    packet_in,
    refused,
)
from ebrvt_adapters.baocao.sandbox_ministry import (
    DESK,
    PACKETS,
    PERIODS,
    TEMPLATES,
    Habits,
    Ministry,
    period_of,
    template_of,
)
from ebrvt_adapters.baocao.sandbox_signature import Register
from ebrvt_connect.codec.soap import SOAP_11, envelope_bytes, fault_bytes
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.report import ReportState
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.ports.simulator import SimReply, SimRequest, Simulator, SimulatorSeat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrvt_connect.codec.soap import Envelope

PATH = "/soap/reporting"

SOAP_FAULT_SERVER = "soap-fault-server"
"""A fault `Server` with INTERNAL in its detail; nothing is done."""
SOAP_FAULT_NO_DETAIL = "soap-fault-no-detail"
"""A fault `Server` without a detail; nothing is done."""
SOAP_FAULT_CLIENT = "soap-fault-client"
"""A fault `Client` without a detail; nothing is done."""
THROTTLED = "throttled"
"""A fault THROTTLED, with `Retry-After: 1`; nothing is done."""
UNAVAILABLE = "unavailable"
"""A fault UNAVAILABLE; nothing is done."""
AUTH_FAILED = "auth-failed"
"""A fault AUTH_FAILED, as if the account had been closed."""
HTML_200 = "html-200"
"""A login page with status 200; nothing is done."""
EMPTY_202 = "empty-202"
"""The call is done, and answered with 202 and nothing."""
WRONG_TYPES = "wrong-types"
"""The call is done; the answer's times and truth values are words the schema has no place for."""
NO_OFFSET = "no-offset"
"""The call is done; the answer's times lack their offset, which the schema allows and we cannot use."""
MISSING_ELEMENT = "missing-element"
"""The call is done; the answer lacks its last element."""
OTHER_PACKET = "other-packet"
"""The call is done; the answer names another packet."""
WITH_DOCTYPE = "doctype"
"""The call is done; the answer begins with a DOCTYPE."""

_XML = ("content-type", "text/xml; charset=utf-8")
_HTML = ("content-type", "text/html; charset=utf-8")
_LOGIN_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Đăng nhập</title></head>"
    "<body><form>Phiên làm việc đã hết hạn.</form></body></html>\n"
).encode()
_ADDRESS = re.compile(rb'(<soap:address location=")[^"]*(")')
_LONGEST_BODY_BYTES = 16 * 1024 * 1024
_UNDONE: dict[str, RefusedError] = {
    SOAP_FAULT_SERVER: RefusedError("INTERNAL", "as the sandbox was told", retryable=True, fault="Server"),
    SOAP_FAULT_NO_DETAIL: RefusedError("", "as the sandbox was told", fault="Server"),
    SOAP_FAULT_CLIENT: RefusedError("", "as the sandbox was told"),
    THROTTLED: RefusedError("THROTTLED", "as the sandbox was told", retryable=True, fault="Server"),
    UNAVAILABLE: RefusedError("UNAVAILABLE", "as the sandbox was told", retryable=True, fault="Server"),
    AUTH_FAILED: RefusedError("AUTH_FAILED", "as the sandbox was told"),
}
_WRONG = (
    (re.compile(rb"(<(receivedAt|changedAt|dueAt)>)[^<]*"), rb"\1" + "hôm qua".encode()),
    (re.compile(rb"(<(duplicate|open|required)>)[^<]*"), rb"\1" + "có".encode()),
)
_LAST_ELEMENT = re.compile(rb"<(\w+)>[^<]*</\1>((?:</\w+>)+)\Z")
_ANY_PACKET = re.compile(rb"(<packetId>)[^<]*")
_OTHER_PACKET_ID = b"00000000-0000-4000-8000-000000000000"


class BaocaoDesk(BaseModel):
    """The sandbox's table `[baocao]`: whom to let in, whose signature counts, how the clerks work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str = "brvt.stttt"
    password: str = "sandbox-only"  # noqa: S105 - opens nothing but the simulator
    text_allowed: bool = False
    senders: dict[str, tuple[AgencyCode, ...]] = {}
    receivers: tuple[AgencyCode, ...] = (AgencyCode("000.00.00.G14"),)
    pace_seconds: float = Field(default=0.3, ge=0)
    return_first: bool = False
    due_days: int = Field(default=15, ge=0)
    fresh_seconds: float = Field(default=300.0, gt=0)
    ahead_seconds: float = Field(default=60.0, ge=0)


class BaocaoSimulator(Simulator):
    """The simulated reporting software."""

    name: ClassVar[str] = "baocao"
    synthetic: ClassVar[tuple[str, ...]] = (
        "the whole interface: the ministry publishes none",
        "regimes, templates and codes of indicators (data/templates.toml)",
        "periods are counted from the 15th to the 14th; a report is due due_days after its period",
        "clerks approve everything in two steps, or return the first report of its kind once (return_first)",
        "a percentage that its numerator and denominator contradict is found INVALID",
        "certificates are known one by one (senders), their issuers are not asked",
    )

    def __init__(self, seat: SimulatorSeat) -> None:
        """Take up the world where it was left."""
        self.desk = BaocaoDesk.model_validate(dict(seat.config))
        self.world = seat.world
        fresh = timedelta(seconds=self.desk.fresh_seconds)
        self.door = Door(
            world=seat.world,
            passwords={self.desk.username: self.desk.password},
            text_allowed=self.desk.text_allowed,
            fresh_for=fresh,
            ahead_by=timedelta(seconds=self.desk.ahead_seconds),
        )
        senders = {sha256.lower(): agencies for sha256, agencies in self.desk.senders.items()}
        self.register = Register(senders, self.desk.receivers)
        habits = Habits(
            pace=timedelta(seconds=self.desk.pace_seconds),
            return_first=self.desk.return_first,
            due_after=timedelta(days=self.desk.due_days),
        )
        self.ministry = Ministry(seat.world, habits)
        self._forget_at: datetime | None = None

    # --- the port -----------------------------------------------------------------------------------------

    @classmethod
    def open(cls, seat: SimulatorSeat) -> Self:
        """Take up the world where it was left; raises `ValueError` for a configuration it cannot read."""
        return cls(seat)

    def answer(self, request: SimRequest, now: datetime) -> SimReply:
        """Answer one request."""
        if request.path != PATH:
            return SimReply(404, b"not found\n", headers=(("content-type", "text/plain"),))
        if request.method == "GET" and any(name.lower() == "wsdl" for name, _ in request.query):
            return SimReply(200, _wsdl(request), headers=(_XML,))
        if request.method != "POST":
            return SimReply(405, headers=(("allow", "POST"),))
        if request.fault == HTML_200:
            return SimReply(200, _LOGIN_PAGE, headers=(_HTML,))
        media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
        if media_type != SOAP_11.media_type:
            return SimReply(415, b"expected text/xml\n", headers=(("content-type", "text/plain"),))
        try:
            if request.fault in _UNDONE:
                raise _UNDONE[request.fault]
            answered = self._answered(request, now)
        except RefusedError as refusal:
            return self._refusal(refusal, self.operation(request))
        return _reply(_spoilt(answered, request.fault), request.fault)

    def operation(self, request: SimRequest) -> str:
        """The operation SOAPAction names, or `GET ?wsdl`."""
        if request.method == "GET":
            return "GET ?wsdl"
        return action_of(request) or f"{request.method} {request.path}"

    def credentials(self) -> dict[str, Any]:
        """The account, and where the service is."""
        return {"username": self.desk.username, "password": self.desk.password, "path": PATH}

    def state(self) -> dict[str, Any]:
        """How many packets there are, in which state, and how many await a clerk."""
        states = [row["status"] for _, row in self.world.rows(PACKETS)]
        return {
            "packets": len(states),
            "by_status": {state.value: states.count(state) for state in ReportState if state in states},
            "on_desks": sum(1 for _ in self.world.rows(DESK)),
            "nonces": sum(1 for _ in self.world.rows(NONCES)),
        }

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Put periods and templates in; the same again changes nothing.

        `{"periods": [{"regimeCode", "periodCode", "dueAt"?, "open"?}], "templates": [{"code", "version",
        "name", "indicators": [...]}]}` as in `data/templates.toml`. Answers how many of each were told.
        Raises `ValueError` for what the contract does not allow.
        """
        periods, templates = data.get("periods", ()), data.get("templates", ())
        for one in periods:
            period = period_of(one["periodCode"])
            told = {name: one[name] for name in ("dueAt", "open") if name in one}
            if "dueAt" in told and datetime.fromisoformat(told["dueAt"]).tzinfo is None:
                raise ValueError(f"{period}: dueAt without its offset")
            self.world.put(PERIODS, f"{one['regimeCode']}/{period}", told)
        for one in templates:
            self.world.put(TEMPLATES, template_of(one).template_code, dict(one))
        return {"periods": len(periods), "templates": len(templates)}

    def tick(self, now: datetime) -> None:
        """Let clerks do what is due, and forget nonces of tokens that are stale by now."""
        self.ministry.clerks_act(now)
        if self._forget_at is None or now >= self._forget_at:
            self.door.forget_nonces(now)
            self._forget_at = now + self.door.fresh_for

    # --- calls --------------------------------------------------------------------------------------------

    def _answered(self, request: SimRequest, now: datetime) -> bytes:
        with self.world.open(request.body.sha256) as stream:
            data = read_bounded(stream, _LONGEST_BODY_BYTES)
        envelope = self.door.opened(request, data, now)
        operation = wire.Operation(action_of(request))
        value = self._called(operation, envelope, data, now)
        element = wire.element_of(f"{operation.value}Response", value)
        if problems := wire.body_schema().problems(element):
            raise RuntimeError(f"{operation}: the answer is not by the schema: {problems}")
        return wire.bytes_of(element)

    def _called(
        self, operation: wire.Operation, envelope: Envelope, data: bytes, now: datetime
    ) -> wire.WireValue:
        match operation:
            case wire.Operation.SUBMIT:
                return self._submit(data, now)
            case wire.Operation.STATUS:
                return self._status(_text(envelope, "packetId"))
            case wire.Operation.PERIODS:
                year = _text(envelope, "year")[:4]
                wanted = int(year) if year else now.astimezone(VIETNAM).year
                return wire.PeriodsTold(
                    period=self.ministry.periods(_text(envelope, "regimeCode"), wanted, now)
                )
            case wire.Operation.TEMPLATE:
                return self._template(_text(envelope, "templateCode"), _text(envelope, "version"))

    def _submit(self, data: bytes, now: datetime) -> wire.Accepted:
        cut = packet_in(data)
        signed = self.register.signed(cut, now)
        self.register.check_sender(signed)
        packet_id = signed.packet.header.packet_id
        sha256 = hashlib.sha256(cut.raw).hexdigest()
        row = self.ministry.known(packet_id)
        if row is not None and row["sha256"] != sha256:
            detail = issue("PACKET_ID", "header/packetId", "mã gói tin này đã dùng cho nội dung khác")
            raise refused("PACKET_ID_REUSED", "other bytes lie under this packetId", detail)
        if row is not None:
            self.world.journal("report-repeated", packetId=packet_id, receiptId=row["receiptId"])
            return _accepted(row, duplicate=True)
        check_report(signed.packet, self.ministry, now)
        return _accepted(
            self.ministry.receive(signed.packet, sha256, signed.certificate_sha256, now), duplicate=False
        )

    def _status(self, packet_id: str) -> wire.StatusTold:
        row = self.ministry.known(packet_id)
        if row is None:
            detail = issue("PACKET", "packetId", "không có gói tin này")
            raise refused("NOT_FOUND", "no such packet", detail)
        return wire.StatusTold(
            packet_id=row["packetId"],
            status=row["status"],
            changed_at=_local(row["changedAt"]),
            reason=row.get("reason") or None,
            issue=tuple(wire.Issue.model_validate(one) for one in row.get("issues", ())),
        )

    def _template(self, code: str, version: str) -> wire.TemplateTold:
        template = self.ministry.template(code)
        if version and version != template.version:
            detail = issue("TEMPLATE_VERSION", "version", f"phiên bản hiện hành là {template.version}")
            raise refused("NOT_FOUND", "no such version of the template", detail)
        return template

    def _refusal(self, refusal: RefusedError, operation: str) -> SimReply:
        self.world.journal(
            "refused",
            operation=operation,
            fault=refusal.fault,
            code=refusal.code,
            issues=[one.code for one in refusal.issues],
        )
        detail = b""
        if refusal.code:
            told = wire.ServiceFault(
                code=refusal.code,
                message=refusal.message,
                retryable=refusal.retryable,
                trace_id="sandbox",
                issue=refusal.issues,
            )
            detail = wire.bytes_of(wire.element_of("ServiceFault", told))
        body = envelope_bytes(fault_bytes(refusal.fault, refusal.message, detail))
        wait = (("retry-after", "1"),) if refusal.code == "THROTTLED" else ()
        return SimReply(500, body, headers=(_XML, *wait))


def _accepted(row: Mapping[str, Any], *, duplicate: bool) -> wire.Accepted:
    return wire.Accepted(
        receipt_id=row["receiptId"],
        packet_id=row["packetId"],
        received_at=_local(row["receivedAt"]),
        status=row["status"],
        duplicate=duplicate,
    )


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(VIETNAM)


def _text(envelope: Envelope, name: str) -> str:
    return (envelope.body.findtext(wire.tag(name)) or "").strip()


def _wsdl(request: SimRequest) -> bytes:
    """The contract byte for byte, but for the address it was asked at."""
    host = (request.header("host") or "127.0.0.1").encode()
    if not re.fullmatch(rb"[A-Za-z0-9.:\[\]-]+", host):
        host = b"127.0.0.1"
    return _ADDRESS.sub(rb"\g<1>http://" + host + PATH.encode() + rb"\2", open_schema(wire.WSDL))


def _spoilt(body: bytes, fault: str) -> bytes:
    """An answer as a broken service would give it."""
    if fault == WRONG_TYPES:
        for pattern, wrong in _WRONG:
            body = pattern.sub(wrong, body)
    if fault == NO_OFFSET:
        body = body.replace(b"+07:00<", b"<")
    if fault == MISSING_ELEMENT:
        body = _LAST_ELEMENT.sub(rb"\2", body)
    if fault == OTHER_PACKET:
        body = _ANY_PACKET.sub(rb"\g<1>" + _OTHER_PACKET_ID, body)
    return body


def _reply(body: bytes, fault: str) -> SimReply:
    if fault == EMPTY_202:
        return SimReply(202, headers=(_XML,))
    whole = envelope_bytes(body)
    if fault == WITH_DOCTYPE:
        whole = whole.replace(b"?>\n", b'?>\n<!DOCTYPE x [<!ENTITY e "x">]>\n', 1)
    return SimReply(200, whole, headers=(_XML,))
