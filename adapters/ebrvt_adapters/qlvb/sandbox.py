"""The simulated document system (phần mềm quản lý văn bản mô phỏng): the port, and what each call is told.

It refuses what a real one would: unknown accounts, forms that lack a field or whose files are not the
ones announced, a key used again for other bytes, status codes it does not know, ids it never gave.
`sandbox_office` is its inside, `sandbox_form` what it checks of an incoming document. Faults of its own
(`SimRequest.fault`) are the constants below, beside those every REST system has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar

from ebrvt_adapters.qlvb import sandbox_office as tables
from ebrvt_adapters.qlvb import wire
from ebrvt_adapters.qlvb.sandbox_form import read_form, wrong_status
from ebrvt_adapters.qlvb.sandbox_office import Office
from ebrvt_connect.codec.jsonfields import written_moment
from ebrvt_connect.codec.simulated_rest import (
    BEGINNING,
    Answering,
    Call,
    Refusal,
    RestSimulator,
    counted,
    invalid,
    json_reply,
    moment_of,
)
from ebrvt_connect.model.document import StatusCode
from ebrvt_connect.ports.simulator import SimReply, SimulatorSeat

ATTACHMENT_CHANGED = "attachment-changed"
"""A file is served with a byte appended, as if it had been saved again after signing."""
WRONG_ETAG = "wrong-etag"
"""A file is served with an ETag that is not its digest."""

_FEEDS = frozenset({"outgoing", "incoming-events", "outgoing-events"})
_STATUS_CODES = frozenset(code.value for code in StatusCode)


class QlvbSimulator(RestSimulator):
    """The simulated document system."""

    name: ClassVar[str] = "qlvb"
    synthetic: ClassVar[tuple[str, ...]] = (
        "the whole interface: no vendor publishes one",
        "clerks accept, work on and finish documents by a seeded script; one in ten is refused",
        "a document whose signature failed is always refused by its clerk",
        "events name the agency that acted (agencyCode)",
    )

    def __init__(self, seat: SimulatorSeat) -> None:
        """Take up the world where it was left."""
        super().__init__(seat)
        self.office = Office(seat.world, seat.seed, self.accounts[0].clerk_seconds)

    def routes(self) -> tuple[tuple[str, str, str, Answering], ...]:
        """The calls of the contract."""
        return (
            ("GET", r"/api/outgoing", "/api/outgoing", self._outgoing),
            ("GET", r"/api/outgoing/events", "/api/outgoing/events", self._outgoing_events),
            (
                "GET",
                r"/api/outgoing/(?P<id>.+)/attachments/(?P<seq>\d{1,9})",
                "/api/outgoing/{id}/attachments/{seq}",
                self._attachment,
            ),
            (
                "PUT",
                r"/api/outgoing/(?P<id>.+)/exchange-status",
                "/api/outgoing/{id}/exchange-status",
                self._exchange_status,
            ),
            ("GET", r"/api/outgoing/(?P<id>.+)", "/api/outgoing/{id}", self._outgoing_document),
            ("POST", r"/api/incoming", "/api/incoming", self._incoming),
            ("GET", r"/api/incoming/events", "/api/incoming/events", self._incoming_events),
            ("POST", r"/api/ack", "/api/ack", self._ack),
            ("GET", r"/api/agencies", "/api/agencies", self._agencies),
        )

    # --- the port -----------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """How much is in each register."""
        return counted(
            self.world,
            {
                "outgoing": tables.OUTGOING,
                "incoming": tables.INCOMING,
                "exchange_statuses": tables.STATUSES,
                "incoming_events": tables.INCOMING_EVENTS,
                "outgoing_events": tables.OUTGOING_EVENTS,
                "steps_to_come": tables.DESKS,
            },
        )

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Put issued documents, events and agencies in; the same id again changes nothing.

        `{"documents": [OutgoingDocument...], "visible_at": {id: time}, "outgoing_events": [{"key", "id",
        "kind", "reason", "at", ...}], "agencies": [{"code", "name"}]}`. The bytes of attachments were kept
        before. `visible_at` shows a document later than its `updatedAt`, as if committed late. Answers how
        many of each were new. Raises `ValueError` for what the contract does not allow.
        """
        late = data.get("visible_at", {})
        documents = [one for one in data.get("documents", ()) if not self.has(tables.OUTGOING, one["id"])]
        for document in documents:
            self._check_document(document)
            self.office.put_outgoing(
                dict(document), moment_of(late[document["id"]]) if document["id"] in late else None
            )
        events = [one for one in data.get("outgoing_events", ()) if not self.has("seeded-events", one["key"])]
        for event in events:
            self.world.put("seeded-events", event["key"], {})
            self.office.put_event(tables.OUTGOING_EVENTS, {k: v for k, v in event.items() if k != "key"})
        agencies = [one for one in data.get("agencies", ()) if not self.has(tables.AGENCIES, one["code"])]
        for agency in agencies:
            self.world.put(tables.AGENCIES, agency["code"], agency)
        return {"documents": len(documents), "outgoing_events": len(events), "agencies": len(agencies)}

    def tick(self, now: datetime) -> None:
        """Let clerks do what is due."""
        self.office.clerks_act(now)

    # --- what a test or a clerk does ----------------------------------------------------------------------

    def issue(self, document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Issue a document, or a known one anew: the next revision, changed now. Returns it as issued."""
        known = self.world.get(tables.OUTGOING, document["id"])
        revision = 1 + int(known["document"]["revision"]) if known else int(document.get("revision", 1))
        at = written_moment(now)
        issued = {"issuedAt": at, **document, "revision": revision, "updatedAt": at}
        self._check_document(issued)
        self.office.put_outgoing(issued)
        return issued

    def recall(self, document_id: str, reason: str, now: datetime, *, kind: str = "RECALL") -> int:
        """Ask that a document be taken back (or `UPDATE`, `REPLACE`); returns the event's number."""
        return self.office.put_event(
            tables.OUTGOING_EVENTS,
            {
                "id": document_id,
                "kind": kind,
                "reason": reason,
                "at": written_moment(now),
                "by": {"name": "Phạm Văn Soạn", "unit": "Phòng Hành chính", "position": "Chuyên viên"},
            },
        )

    def _check_document(self, document: Mapping[str, Any]) -> None:
        found = wire.OutgoingDocument.model_validate(document)
        for attachment in found.attachments:
            try:
                self.kept(attachment.sha256)
            except KeyError:
                raise ValueError(
                    f"{found.id}: the bytes of attachment {attachment.seq} were not kept"
                ) from None

    # --- calls --------------------------------------------------------------------------------------------

    def _outgoing(self, call: Call) -> SimReply:
        place = (call.moment("updatedAfter") or BEGINNING, call.query("afterId"))
        found = list(islice(self.office.outgoing_after(place, call.now), call.limit() + 1))
        items = found[: call.limit()]
        following = {"updatedAfter": items[-1]["updatedAt"], "afterId": items[-1]["id"]} if items else None
        return json_reply({"items": items, "next": following if len(found) > len(items) else None})

    def _outgoing_document(self, call: Call) -> SimReply:
        return json_reply(self._document(call))

    def _document(self, call: Call) -> dict[str, Any]:
        document = self.office.outgoing(call.names["id"], call.now)
        if document is None:
            raise Refusal(404, "NOT_FOUND", "no such document")
        return document

    def _attachment(self, call: Call) -> SimReply:
        document = self._document(call)
        seq = int(call.names["seq"])
        found = next((one for one in document["attachments"] if one["seq"] == seq), None)
        if found is None:
            raise Refusal(404, "NOT_FOUND", "no such attachment")
        blob = self.kept(found["sha256"])
        if call.request.fault == ATTACHMENT_CHANGED:
            blob = self.changed(blob)
        tag = "0" * 64 if call.request.fault == WRONG_ETAG else blob.sha256
        return self.file_reply(call, blob, found["mediaType"], tag)

    def _exchange_status(self, call: Call) -> SimReply:
        document = self._document(call)
        status = self.object_of(call)
        if issues := tuple(wrong_status(status, _STATUS_CODES)):
            raise Refusal(422, "INVALID", "the status is not complete", issues)
        key = json.dumps([document["id"], status["messageId"]])
        if self.has(tables.STATUSES, key):
            self.world.journal("exchange-status-repeated", id=document["id"], messageId=status["messageId"])
            return SimReply(204, headers=())
        self.world.put(tables.STATUSES, key, {"id": document["id"], **status})
        self.world.journal(
            "exchange-status",
            id=document["id"],
            agencyCode=status["agencyCode"],
            code=status["code"],
            messageId=status["messageId"],
            note=status.get("note", ""),
        )
        return SimReply(204, headers=())

    def _incoming(self, call: Call) -> SimReply:
        key = call.request.header("idempotency-key") or ""
        form = read_form(call.request, self.world)
        if not form.issues and form.metadata["axisDocId"] != key:
            form.issues.append({"field": "Idempotency-Key", "code": "NOT_THE_DOCUMENT", "message": ""})
        known = self.world.get(tables.INCOMING_KEYS, key) if not form.issues else None
        if form.issues:
            raise Refusal(422, "INVALID", "the document is not complete", tuple(form.issues))
        if known is not None and known["digest"] != form.digest():
            raise Refusal(409, "KEY_REUSED", "other bytes lie under this key")
        if known is not None:
            self.world.journal("incoming-repeated", id=known["id"], axisDocId=key)
            return json_reply({"id": known["id"]})
        name = self.office.put_incoming(form.metadata, call.now)
        self.world.put(tables.INCOMING_KEYS, key, {"id": name, "digest": form.digest()})
        self.world.journal(
            "incoming-stored",
            id=name,
            axisDocId=key,
            documentId=form.metadata.get("documentId", ""),
            number=f"{form.metadata['codeNumber']}/{form.metadata['codeNotation']}",
            sha256s=[one["sha256"] for one in form.metadata.get("attachments", ())],
            packetSha256=form.metadata["packet"]["sha256"],
            indication=form.metadata["verification"]["indication"],
        )
        return json_reply({"id": name}, 201)

    def _incoming_events(self, call: Call) -> SimReply:
        return self._events(call, tables.INCOMING_EVENTS)

    def _outgoing_events(self, call: Call) -> SimReply:
        return self._events(call, tables.OUTGOING_EVENTS)

    def _events(self, call: Call, table: str) -> SimReply:
        after = call.number("afterSeq", 0)
        found = list(islice(self.office.events_after(table, after), call.limit() + 1))
        items = found[: call.limit()]
        return json_reply({"items": items, "next": items[-1]["seq"] if len(found) > len(items) else None})

    def _ack(self, call: Call) -> SimReply:
        told = self.object_of(call)
        if told.get("feed") not in _FEEDS:
            raise invalid("feed", "NOT_KNOWN")
        self.world.put(tables.ACKS, told["feed"], {"cursor": told.get("cursor")})
        return SimReply(204, headers=())

    def _agencies(self, _: Call) -> SimReply:
        return json_reply([row for _, row in self.world.rows(tables.AGENCIES)])
