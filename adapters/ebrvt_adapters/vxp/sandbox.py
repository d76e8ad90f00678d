"""The simulated axis (trục liên thông mô phỏng): the port, and what each operation is told.

It refuses what the real axis is known to refuse or must be expected to: headers that do not match their
HMAC, unknown systems, senders not registered, a file that is not the one announced, packets that are no
edXML, unknown recipients, a document a second time. `sandbox_entry` is its door, `sandbox_axis` its inside.
Faults of its own (`SimRequest.fault`) are the constants below.
"""

from __future__ import annotations

import base64
import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import TypeAdapter

from ebrvt_adapters.vxp import wire
from ebrvt_adapters.vxp.sandbox_axis import Axis, Row
from ebrvt_adapters.vxp.sandbox_entry import (
    Call,
    Refusal,
    VxpAccount,
    announced_file,
    authenticated,
    named_recipients,
)
from ebrvt_connect.codec.jsonwire import JsonValue, json_value, write_json
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import Document
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ports.simulator import SimReply, SimRequest, Simulator, SimulatorSeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REJECT_TIMESTAMP = "reject-timestamp"
"""FAIL, as if the timestamp were refused."""
DUPLICATE = "duplicate"
"""A list shows the packet acknowledged last again, under the same docId, until it is acknowledged again.
Where nothing has been acknowledged yet, the first list after the first acknowledgement does."""
DUPLICATE_NEW_ID = "duplicate-new-id"
"""The same under another docId."""
FAIL_200 = "fail-200"
"""FAIL with status 200 and without a reason one could act on."""
STALE_LIST = "stale-list"
"""A list is answered as the one before; an acknowledgement is answered and forgotten."""
EMPTY_LIST_BODY = "empty-list-body"
"""The answer has no body."""
TRUNCATED_JSON = "truncated-json"
"""The request is carried out, the answer ends in the middle."""

_ACCOUNTS = TypeAdapter(tuple[VxpAccount, ...])


class VxpSimulator(Simulator):
    """The simulated axis."""

    name: ClassVar[str] = "vxp"
    synthetic: ClassVar[tuple[str, ...]] = (
        "numeric error codes, and most of the words in ErrorDesc",
        "HTTP status 200 for business refusals",
        "times in lists as yyyy-MM-dd HH:mm:ss",
        "senderDocId holds the DocId, notation is number/symbol",
        "a document id sent twice by one agency is refused; an identical status packet is taken again",
        "a plain Content-Type or XroadVnpt-version other than the signed or captured one is refused",
        "recipients answer 01, 03, 06; one in ten answers 02; recalls and updates are agreed to",
        "the directory of agencies",
    )

    def __init__(self, seat: SimulatorSeat) -> None:
        """Take up the world where it was left."""
        tables = seat.config.get("accounts", [seat.config])
        accounts = _ACCOUNTS.validate_python(tables)
        self.accounts = {account.systemid: account for account in accounts}
        window = accounts[0].timestamp_window_seconds
        self.timestamp_window = None if window is None else timedelta(seconds=window)
        """Requests further off are refused; None (the default) does not look."""
        self.versions = {wire.PROTOCOL_VERSION}
        """Values of `XroadVnpt-version` that are let in."""
        self.answers_a_tick = 50
        """After a long silence answers come in portions, so that requests are not kept waiting."""
        self.world = seat.world
        pace = timedelta(seconds=accounts[0].pace_seconds)
        self.axis = Axis(seat.world, self.accounts, seat.seed, pace)
        self.last_listed: dict[tuple[str, str], list[Row]] = {}
        """What each queue was last told to hold, for a stale list."""
        self.now = datetime.min.replace(tzinfo=UTC)
        """The time of the last request or tick: samples are delivered then."""
        self._operations: dict[str, Callable[[Call], SimReply]] = {
            "getReceivedEdocList": self._list_received,
            "getSentEdocList": self._list_sent,
            "sendEdoc": self._send_edoc,
            "getEdoc": self._get_edoc,
            "downloadEdoc": self._download_edoc,
            "updateStatus": self._update_status,
            "countReceiveEdoc": self._count_edoc,
            "countReceiveStatus": self._count_status,
            "getAgenciesList": self._agencies,
            "getAgenciesListQD20": self._agencies_qd20,
            "getSynchronizeUnit": self._units,
            "registerAgency": self._register_agency,
            "deleteAgency": self._delete_agency,
        }

    @classmethod
    def open(cls, seat: SimulatorSeat) -> Self:
        """Take up the world where it was left; raises `ValueError` for a configuration it cannot read."""
        return cls(seat)

    # --- the port -----------------------------------------------------------------------------------------

    def answer(self, request: SimRequest, now: datetime) -> SimReply:
        """Answer one request."""
        self.now = now
        with self._all_or_nothing():
            return self._answer(request, now)

    def operation(self, request: SimRequest) -> str:
        """The operation as the path names it: `sendEdoc`, `getReceivedEdocList`."""
        return request.path.strip("/")

    def credentials(self) -> dict[str, Any]:
        """The first account; every one under `accounts`."""
        accounts = [
            account.model_dump(mode="json", include={"systemid", "secret", "agencies"})
            for account in self.accounts.values()
        ]
        return {**accounts[0], "accounts": accounts}

    def state(self) -> dict[str, Any]:
        """How much was accepted, waits for whom, and how many answers are still to come."""
        axis = self.axis
        queues = {
            queue: sum(len(rows) for (_, q), rows in axis.sent.items() if q == queue) for queue in _QUEUES
        }
        return {
            "documents_accepted": queues[wire.MessageType.EDOC],
            "statuses_accepted": queues[wire.MessageType.STATUS],
            "waiting": {
                f"{systemid}/{queue}": len(rows) for (systemid, queue), rows in axis.waiting.items() if rows
            },
            "acknowledged": sum(len(rows) for rows in axis.acknowledged.values()),
            "answers_to_come": len(axis.plays),
        }

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Put packets into queues and agencies into the directory; the same id again changes nothing.

        `{"incoming": [{"id", "sha256" or "base64", "systemid"?}], "agencies": [{"code", "name"?}]}`. The
        bytes of `sha256` were kept before. Answers `{"doc_ids": {id: [docId]}}`. Raises `KeyError` for
        unknown bytes, `ValueError` for what is no code.
        """
        with self._all_or_nothing():
            for agency in data.get("agencies", ()):
                code = AgencyCode.parse(agency["code"])
                if code.qd20 not in self.axis.directory:
                    name = agency.get("name") or f"Đơn vị {code} (mẫu)"
                    self.axis.put_agency({"code": code.text, "name": name, "systemid": ""})
            doc_ids = {
                item["id"]: self.axis.put_sample(
                    str(item["id"]), self._sample_blob(item), str(item.get("systemid", "")), self._seed_time()
                )
                for item in data.get("incoming", ())
            }
        return {"doc_ids": doc_ids}

    def tick(self, now: datetime) -> None:
        """Let recipients give the answers that are due."""
        self.now = now
        if self.axis.plays:
            with self._all_or_nothing():
                self.axis.play_due(now, self.answers_a_tick)

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """The world's transaction; when it is taken back the indices are made anew from what is left."""
        try:
            with self.world.transaction():
                yield
        except BaseException:
            self.axis.take_up()
            raise

    def _seed_time(self) -> datetime:
        """Samples put in before anything happened are as old as the world."""
        return max(self.now, _BEGINNING)

    def _sample_blob(self, item: Mapping[str, Any]) -> BlobRef:
        if "base64" in item:
            return self.world.keep((base64.b64decode(item["base64"], validate=True),))
        with self.world.open(item["sha256"]) as stream:
            return BlobRef(sha256=item["sha256"], size_bytes=stream.seek(0, 2))

    # --- requests -----------------------------------------------------------------------------------------

    def _answer(self, request: SimRequest, now: datetime) -> SimReply:
        operation = self.operation(request)
        method = self._operations.get(operation)
        if method is None:
            return SimReply(404, headers=(("content-type", "text/plain"),))
        try:
            self._refuse_by_fault(request.fault)
            call = authenticated(
                request, now, accounts=self.accounts, versions=self.versions, window=self.timestamp_window
            )
            reply = method(call)
        except Refusal as refusal:
            self.world.journal("refused", operation=operation, code=refusal.code, said=refusal.said)
            extra = {"DocId": ""} if operation == "sendEdoc" else {}
            reply = _told(status="FAIL", code=refusal.code, said=refusal.said, **extra)
        if request.fault == EMPTY_LIST_BODY:
            return replace(reply, body=b"")
        if request.fault == TRUNCATED_JSON:
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        return reply

    @staticmethod
    def _refuse_by_fault(fault: str) -> None:
        if fault == FAIL_200:
            raise Refusal("trouble", "Loi he thong")
        if fault == REJECT_TIMESTAMP:
            raise Refusal("bad-signature", "Timestamp khong hop le")

    def _send_edoc(self, call: Call) -> SimReply:
        queue = call.queue()
        file = announced_file(call, self.world)
        sender = self.axis.registered_sender(call.systemid, call.given("from"))
        named_recipients(call)
        record = self.axis.read(file.chunks(self.world))
        issuer = record.issuer if isinstance(record, Document) else record.reporter
        if not issuer.code.same_agency(sender):
            self.axis.registered_sender("", issuer.code.text)
        if isinstance(record, Document) and queue is wire.MessageType.EDOC:
            doc_id = self.axis.take_document(call.systemid, record, file, call.now)
        elif not isinstance(record, Document) and queue is wire.MessageType.STATUS:
            doc_id = self.axis.take_status(call.systemid, record, file, call.now)
        else:
            raise Refusal("invalid-packet", f"edXML khong hop le: messagetype={queue}")
        return _told(DocId=doc_id)

    # --- receiving ----------------------------------------------------------------------------------------

    def _list_received(self, call: Call) -> SimReply:
        key = (call.systemid, call.queue().value)
        if call.request.fault == STALE_LIST and key in self.last_listed:
            return _told(data=[_received_row(row) for row in self.last_listed[key]])
        self._redeliver(key, call)
        since, until = call.period()
        rows = [
            row for row in self.axis.waiting.get(key, {}).values() if _within(row["created_at"], since, until)
        ]
        self.last_listed[key] = rows
        return _told(data=[_received_row(row) for row in rows])

    def _redeliver(self, key: tuple[str, str], call: Call) -> None:
        """Play a duplicate delivery, now or when there is first something to deliver twice."""
        systemid, queue = key
        wish = f"{systemid}/{queue}"
        wished = self.world.get("redelivery", wish)
        fault = call.request.fault
        if fault in {DUPLICATE, DUPLICATE_NEW_ID}:
            wished = {"new_id": fault == DUPLICATE_NEW_ID}
        if wished is None:
            return
        if self.axis.redeliver(systemid, queue, call.now, new_id=wished["new_id"]):
            self.world.delete("redelivery", wish)
        else:
            self.world.put("redelivery", wish, wished)

    def _list_sent(self, call: Call) -> SimReply:
        since, until = call.period()
        wanted = call.given("docId")
        rows = [
            _sent_row(row, recipient)
            for row in self.axis.sent.get((call.systemid, call.queue().value), ())
            if _within(row["sent_at"], since, until) and wanted in {"", row["doc_id"]}
            for recipient in row["recipients"]
        ]
        return _told(data=rows)

    def _get_edoc(self, call: Call) -> SimReply:
        row = self.axis.delivery(call.systemid, call.given("docId"))
        with self.world.open(row["sha256"]) as stream:
            return _told(data=base64.b64encode(stream.read()).decode())

    def _download_edoc(self, call: Call) -> SimReply:
        row = self.axis.delivery(call.systemid, call.given("docId"))
        blob = BlobRef(sha256=row["sha256"], size_bytes=row["size_bytes"])
        return SimReply(blob=blob, headers=(("content-type", wire.FILE_TYPE),))

    def _update_status(self, call: Call) -> SimReply:
        doc_id = call.given("docid")
        try:
            status = wire.TransportStatus(call.given("status"))
        except ValueError:
            raise Refusal("missing-header", "Thieu header status hop le") from None
        if call.request.fault == STALE_LIST:
            self.axis.delivery(call.systemid, doc_id)
            self.world.journal("acknowledgement-forgotten", systemid=call.systemid, doc_id=doc_id)
        else:
            self.axis.acknowledge(call.systemid, doc_id, status, call.now)
        return _told()

    def _count(self, call: Call, queue: wire.MessageType) -> SimReply:
        return _told(count=len(self.axis.waiting.get((call.systemid, queue.value), {})))

    def _count_edoc(self, call: Call) -> SimReply:
        return self._count(call, wire.MessageType.EDOC)

    def _count_status(self, call: Call) -> SimReply:
        return self._count(call, wire.MessageType.STATUS)

    # --- agencies -----------------------------------------------------------------------------------------

    def _agencies(self, call: Call) -> SimReply:
        del call
        return _told(
            data=[
                {
                    "id": key,
                    "pid": "",
                    "code": _spelled(row, qcvn102=True),
                    "name": row["name"],
                    "mail": "",
                    "oldCode": key,
                }
                for key, row in self.axis.directory.items()
            ]
        )

    def _agencies_qd20(self, call: Call) -> SimReply:
        level = call.given("level")
        return _told(
            data=[
                {
                    "id": key,
                    "code": key,
                    "name": row["name"],
                    "mail": "",
                    "code102": _spelled(row, qcvn102=True),
                }
                for key, row in self.axis.directory.items()
                if level in {"", str(key.count(".") + 1)}
            ]
        )

    def _units(self, call: Call) -> SimReply:
        del call
        return _told(
            data=[
                {
                    "id": key,
                    "pid": "",
                    "code": row["code"],
                    "name": row["name"],
                    "mail": "",
                    "version": 1,
                    "centerCode": row["systemid"],
                    "deleted": False,
                    "modifyDate": "",
                    "isAgency": True,
                }
                for key, row in self.axis.directory.items()
            ]
        )

    def _register_agency(self, call: Call) -> SimReply:
        with self.world.open(call.request.body.sha256) as stream:
            content = stream.read(_LONGEST_REGISTRATION_BYTES)
        try:
            agency = wire.NewAgency.model_validate(json_value(content))
        except (InvalidValue, ValueError):
            raise Refusal("missing-header", "Sai dinh dang JSON") from None
        self.axis.put_agency({"code": agency.code, "name": agency.name, "systemid": call.systemid})
        self.world.journal("agency-registered", systemid=call.systemid, code=agency.code)
        return _told()

    def _delete_agency(self, call: Call) -> SimReply:
        code = call.given("AgencyCode")
        self.axis.registered_sender(call.systemid, code)
        self.axis.put_agency({"code": code, "name": "", "systemid": call.systemid, "deleted": True})
        self.world.journal("agency-deleted", systemid=call.systemid, code=code)
        return _told()


_QUEUES = (wire.MessageType.EDOC, wire.MessageType.STATUS)
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_LONGEST_REGISTRATION_BYTES = 64 * 1024


def _told(status: str = "OK", code: str = "0", said: str = "Thanh cong", **more: JsonValue) -> SimReply:
    return SimReply(body=write_json({"status": status, "ErrorCode": code, "ErrorDesc": said, **more}))


def _received_row(row: Row) -> Row:
    return {
        "docId": row["doc_id"],
        "serviceType": wire.SERVICE_TYPE,
        "messageType": row["queue"],
        "created_time": _local(row["created_at"]),
        "updated_time": _local(row["updated_at"]),
        "from": row["sender"],
        "to": row["systemid"],
        "status": row["status"] or "waiting",
        "status_desc": "Cho nhan",
    }


def _sent_row(row: Row, recipient: str) -> Row:
    return {
        "serviceType": wire.SERVICE_TYPE,
        "messageType": row["queue"],
        "senderDocId": row["doc_id"],
        "receiverDocId": row["doc_id"],
        "fromCode": row["sender"],
        "toCode": recipient,
        "title": row["title"],
        "notation": row["number"],
        "sentTime": _local(row["sent_at"]),
        "receivedTime": _local(row["sent_at"]),
        "sendStatus": "done",
        "sendStatusDesc": "Da gui",
        "receiveStatus": "",
        "receiveStatusDesc": "",
    }


def _local(iso: str) -> str:
    return datetime.fromisoformat(iso).astimezone(VIETNAM).strftime("%Y-%m-%d %H:%M:%S")


def _within(iso: str, since: datetime | None, until: datetime | None) -> bool:
    """Whether a time lies in a period named to the second."""
    moment = datetime.fromisoformat(iso).replace(microsecond=0)
    return (since is None or moment >= since) and (until is None or moment <= until)


def _spelled(row: Row, *, qcvn102: bool) -> str:
    """The code in QCVN 102's form where it has one."""
    code = AgencyCode.parse(row["code"])
    try:
        return code.qcvn102 if qcvn102 else code.qd20
    except InvalidValue:
        return code.text
