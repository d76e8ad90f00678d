"""The simulated document system (phần mềm quản lý văn bản mô phỏng): the port, and what each call is told.

It refuses what a real one would: unknown accounts, forms that lack a field or whose files are not the
ones announced, a key used again for other bytes, status codes it does not know, ids it never gave.
`sandbox_office` is its inside, `sandbox_form` what it checks of an incoming document. Faults of its own
(`SimRequest.fault`) are the constants below.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from ebrvt_adapters.qlvb import sandbox_office as tables
from ebrvt_adapters.qlvb import wire
from ebrvt_adapters.qlvb.sandbox_form import Issue, read_form, wrong_status
from ebrvt_adapters.qlvb.sandbox_office import Office, counted, moment
from ebrvt_connect.codec.jsonwire import JsonValue, json_value, write_json
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import StatusCode
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.ports.simulator import SimReply, SimRequest, Simulator, SimulatorSeat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ebrvt_connect.ports.simulator import World

THROTTLED = "throttled"
"""429 with Retry-After: 1."""
INTERNAL = "internal"
"""500 INTERNAL in the system's own words."""
UNAVAILABLE = "unavailable"
"""503 UNAVAILABLE with Retry-After: 1."""
UNAUTHENTICATED = "unauthenticated"
"""401, as if the account had been closed."""
ATTACHMENT_CHANGED = "attachment-changed"
"""A file is served with a byte appended, as if it had been saved again after signing."""
WRONG_ETAG = "wrong-etag"
"""A file is served with an ETag that is not its digest."""
_ERRORS = {
    THROTTLED: (429, "THROTTLED"),
    INTERNAL: (500, "INTERNAL"),
    UNAVAILABLE: (503, "UNAVAILABLE"),
    UNAUTHENTICATED: (401, "UNAUTHENTICATED"),
}

_JSON = ("content-type", "application/json; charset=utf-8")
_LONGEST_PAGE = 500
_FEEDS = frozenset({"outgoing", "incoming-events", "outgoing-events"})
_STATUS_CODES = frozenset(code.value for code in StatusCode)
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")
_PIECE_BYTES = 256 * 1024
_LARGEST_JSON_BYTES = 4 * 1024 * 1024


class QlvbAccount(BaseModel):
    """The sandbox's table `[qlvb]`: whom to let in, and how fast clerks are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str = "ebrvt"
    password: str = "sandbox-only"  # noqa: S105 - opens nothing but the simulator
    token: str = ""
    clerk_seconds: float = 0.3

    def lets_in(self, authorization: str) -> bool:
        """Whether the header names this account."""
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")
        wanted = [f"Basic {pair}", *([f"Bearer {self.token}"] if self.token else [])]
        return any(hmac.compare_digest(authorization.encode(), one.encode()) for one in wanted)


class _RefusedError(Exception):
    """The call is answered with an error."""

    def __init__(self, status: int, code: str, message: str, issues: tuple[Issue, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.issues = issues


@dataclass(frozen=True, slots=True)
class _Call:
    """A request that was let in, with what its path names."""

    request: SimRequest
    now: datetime
    names: dict[str, str]

    def query(self, name: str) -> str:
        """A query value, or nothing."""
        return dict(self.request.query).get(name, "")

    def number(self, name: str, default: int) -> int:
        """A query value that must be a number."""
        text = self.query(name)
        if text and not (text.isascii() and text.isdecimal() and len(text) < 16):  # noqa: PLR2004 - 2^53
            raise _invalid(name, "NOT_A_NUMBER")
        return int(text) if text else default

    def limit(self) -> int:
        """How many rows are wanted, within reason."""
        return min(max(self.number("limit", 100), 1), _LONGEST_PAGE)


class QlvbSimulator(Simulator):
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
        accounts = seat.config.get("accounts", [seat.config])
        self.accounts = [QlvbAccount.model_validate(account) for account in accounts]
        self.world: World = seat.world
        self.office = Office(seat.world, seat.seed, self.accounts[0].clerk_seconds)
        self._routes: tuple[tuple[str, re.Pattern[str], str, Callable[[_Call], SimReply]], ...] = tuple(
            (method, re.compile(path, re.DOTALL), name, answer)
            for method, path, name, answer in (
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
        )

    # --- the port -----------------------------------------------------------------------------------------

    @classmethod
    def open(cls, seat: SimulatorSeat) -> Self:
        """Take up the world where it was left; raises `ValueError` for a configuration it cannot read."""
        return cls(seat)

    def answer(self, request: SimRequest, now: datetime) -> SimReply:
        """Answer one request."""
        operation = self.operation(request)
        try:
            self._let_in(request)
            return self._routed(request, now)
        except _RefusedError as refusal:
            self.world.journal("refused", operation=operation, status=refusal.status, code=refusal.code)
            return _problem(refusal)

    def operation(self, request: SimRequest) -> str:
        """The call by method and path pattern: `GET /api/outgoing/{id}`."""
        for method, path, name, _ in self._routes:
            if request.method == method and path.fullmatch(request.path):
                return f"{method} {name}"
        return f"{request.method} {request.path}"

    def credentials(self) -> dict[str, Any]:
        """The first account."""
        account = self.accounts[0]
        told = {"username": account.username, "password": account.password}
        return {**told, "token": account.token} if account.token else told

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
        documents = [one for one in data.get("documents", ()) if not self._has(tables.OUTGOING, one["id"])]
        for document in documents:
            self._check_document(document)
            self.office.put_outgoing(
                dict(document), moment(late[document["id"]]) if document["id"] in late else None
            )
        events = [
            one for one in data.get("outgoing_events", ()) if not self._has("seeded-events", one["key"])
        ]
        for event in events:
            self.world.put("seeded-events", event["key"], {})
            self.office.put_event(tables.OUTGOING_EVENTS, {k: v for k, v in event.items() if k != "key"})
        agencies = [one for one in data.get("agencies", ()) if not self._has(tables.AGENCIES, one["code"])]
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
        at = wire.written_moment(now)
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
                "at": wire.written_moment(now),
                "by": {"name": "Phạm Văn Soạn", "unit": "Phòng Hành chính", "position": "Chuyên viên"},
            },
        )

    def _has(self, table: str, key: str) -> bool:
        return self.world.get(table, key) is not None

    def _check_document(self, document: Mapping[str, Any]) -> None:
        found = wire.OutgoingDocument.model_validate(document)
        for attachment in found.attachments:
            try:
                self._blob(attachment)
            except KeyError:
                raise ValueError(
                    f"{found.id}: the bytes of attachment {attachment.seq} were not kept"
                ) from None

    def _blob(self, attachment: wire.Attachment) -> BlobRef:
        with self.world.open(attachment.sha256) as stream:
            size = stream.seek(0, 2)
        return BlobRef(sha256=attachment.sha256, size_bytes=size)

    # --- calls --------------------------------------------------------------------------------------------

    def _let_in(self, request: SimRequest) -> None:
        if request.fault in _ERRORS:
            status, code = _ERRORS[request.fault]
            raise _RefusedError(status, code, "as the sandbox was told")
        authorization = request.header("authorization") or ""
        if not any(account.lets_in(authorization) for account in self.accounts):
            raise _RefusedError(401, "UNAUTHENTICATED", "unknown account")

    def _routed(self, request: SimRequest, now: datetime) -> SimReply:
        for method, path, _, answer in self._routes:
            if request.method == method and (match := path.fullmatch(request.path)):
                return answer(_Call(request, now, match.groupdict()))
        raise _RefusedError(404, "NOT_FOUND", "no such call")

    def _outgoing(self, call: _Call) -> SimReply:
        try:
            place = (moment(call.query("updatedAfter")), call.query("afterId"))
        except ValueError:
            raise _invalid("updatedAfter", "NOT_A_TIME") from None
        found = list(islice(self.office.outgoing_after(place, call.now), call.limit() + 1))
        items = found[: call.limit()]
        following = {"updatedAfter": items[-1]["updatedAt"], "afterId": items[-1]["id"]} if items else None
        return _json({"items": items, "next": following if len(found) > len(items) else None})

    def _outgoing_document(self, call: _Call) -> SimReply:
        return _json(self._document(call))

    def _document(self, call: _Call) -> dict[str, Any]:
        document = self.office.outgoing(call.names["id"], call.now)
        if document is None:
            raise _RefusedError(404, "NOT_FOUND", "no such document")
        return document

    def _attachment(self, call: _Call) -> SimReply:
        document = self._document(call)
        seq = int(call.names["seq"])
        found = next((one for one in document["attachments"] if one["seq"] == seq), None)
        if found is None:
            raise _RefusedError(404, "NOT_FOUND", "no such attachment")
        blob = self._blob(wire.Attachment.model_validate(found))
        if call.request.fault == ATTACHMENT_CHANGED:
            blob = self.world.keep((*self._pieces(blob, 0, blob.size_bytes), b"\n"))
        tag = "0" * 64 if call.request.fault == WRONG_ETAG else blob.sha256
        headers = (("content-type", found["mediaType"]), ("etag", f'"{tag}"'), ("accept-ranges", "bytes"))
        wanted = _RANGE.fullmatch(call.request.header("range") or "")
        if wanted is None:
            return SimReply(200, blob=blob, headers=headers)
        first, last = int(wanted[1]), min(int(wanted[2] or blob.size_bytes), blob.size_bytes - 1)
        if first > last:
            return SimReply(416, headers=(*headers, ("content-range", f"bytes */{blob.size_bytes}")))
        part = self.world.keep(self._pieces(blob, first, last + 1 - first))
        span = ("content-range", f"bytes {first}-{last}/{blob.size_bytes}")
        return SimReply(206, blob=part, headers=(*headers, span))

    def _pieces(self, blob: BlobRef, first: int, count: int) -> Iterator[bytes]:
        with self.world.open(blob.sha256) as stream:
            stream.seek(first)
            while count > 0 and (piece := stream.read(min(count, _PIECE_BYTES))):
                count -= len(piece)
                yield piece

    def _exchange_status(self, call: _Call) -> SimReply:
        document = self._document(call)
        status = self._object(call)
        if issues := tuple(wrong_status(status, _STATUS_CODES)):
            raise _RefusedError(422, "INVALID", "the status is not complete", issues)
        key = json.dumps([document["id"], status["messageId"]])
        if self._has(tables.STATUSES, key):
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

    def _incoming(self, call: _Call) -> SimReply:
        key = call.request.header("idempotency-key") or ""
        form = read_form(call.request, self.world)
        if not form.issues and form.metadata["axisDocId"] != key:
            form.issues.append({"field": "Idempotency-Key", "code": "NOT_THE_DOCUMENT", "message": ""})
        known = self.world.get(tables.INCOMING_KEYS, key) if not form.issues else None
        if form.issues:
            raise _RefusedError(422, "INVALID", "the document is not complete", tuple(form.issues))
        if known is not None and known["digest"] != form.digest():
            raise _RefusedError(409, "KEY_REUSED", "other bytes lie under this key")
        if known is not None:
            self.world.journal("incoming-repeated", id=known["id"], axisDocId=key)
            return _json({"id": known["id"]})
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
        return _json({"id": name}, 201)

    def _incoming_events(self, call: _Call) -> SimReply:
        return self._events(call, tables.INCOMING_EVENTS)

    def _outgoing_events(self, call: _Call) -> SimReply:
        return self._events(call, tables.OUTGOING_EVENTS)

    def _events(self, call: _Call, table: str) -> SimReply:
        after = call.number("afterSeq", 0)
        found = list(islice(self.office.events_after(table, after), call.limit() + 1))
        items = found[: call.limit()]
        return _json({"items": items, "next": items[-1]["seq"] if len(found) > len(items) else None})

    def _ack(self, call: _Call) -> SimReply:
        told = self._object(call)
        if told.get("feed") not in _FEEDS:
            raise _invalid("feed", "NOT_KNOWN")
        self.world.put(tables.ACKS, told["feed"], {"cursor": told.get("cursor")})
        return SimReply(204, headers=())

    def _agencies(self, _: _Call) -> SimReply:
        return _json([row for _, row in self.world.rows(tables.AGENCIES)])

    def _object(self, call: _Call) -> dict[str, Any]:
        with self.world.open(call.request.body.sha256) as stream:
            body = stream.read(_LARGEST_JSON_BYTES + 1)
        try:
            value = json_value(body)
        except InvalidValue as refusal:
            raise _invalid("", refusal.code) from None
        if not isinstance(value, dict):
            raise _invalid("", "NOT_AN_OBJECT")
        return value


def _invalid(name: str, code: str) -> _RefusedError:
    return _RefusedError(422, "INVALID", "not valid", ({"field": name, "code": code, "message": ""},))


def _json(value: JsonValue, status: int = 200) -> SimReply:
    return SimReply(status, write_json(value), headers=(_JSON,))


def _problem(refusal: _RefusedError) -> SimReply:
    told = {
        "error_code": refusal.code,
        "message": refusal.message,
        "traceId": "sandbox",
        "issues": list(refusal.issues),
    }
    extra = {
        401: (("www-authenticate", 'Basic realm="qlvb"'),),
        429: (("retry-after", "1"),),
        503: (("retry-after", "1"),),
    }
    return SimReply(refusal.status, write_json(told), headers=(_JSON, *extra.get(refusal.status, ())))
