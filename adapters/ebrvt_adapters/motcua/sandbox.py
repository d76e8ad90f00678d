"""The simulated one-stop shop (hệ thống một cửa mô phỏng): the port, and what each call is told.

It refuses what a real one would: unknown accounts, bodies that lack a field, a key used again for other
content, dossiers and files it never had. `sandbox_shop` is its inside. Faults of its own
(`SimRequest.fault`) are the constants below, beside those every REST system has.

The seed:

    {
      "dossiers":   [Dossier],                    the contract's form; its code again changes nothing
      "progress":   {code: [ProgressEntry]},      what has happened already; `seq` may be left out
      "files":      {code: {fileId: {"sha256", "mediaType", "name"}}},   the bytes were kept before
      "clerks":     {code: [Step]},               what clerks do from now on, one step after the other
      "visible_at": {code: time},                 a row committed late: not shown before
      "rows":       [any JSON],                   bad rows, served in the feed as they are
      "procedures": [ProcedureRow]
    }
    Step = {"after_seconds": 0.4, "entry": ProgressEntry without seq and at, "dossier": {changed fields},
            "files": {fileId: {...}},             "$now" stands for the moment of the step
            "progress": [any JSON],               the whole progress as it reads from now on
            "unchecked": true}                    the fields are put there whatever the contract says
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar

from pydantic import ValidationError

from ebrvt_adapters.motcua import sandbox_shop as tables
from ebrvt_adapters.motcua import wire
from ebrvt_adapters.motcua.sandbox_shop import Shop
from ebrvt_connect.codec.jsonfields import WireValue, written_moment
from ebrvt_connect.codec.simulated_rest import (
    BEGINNING,
    Answering,
    Call,
    Issue,
    Refusal,
    RestSimulator,
    Row,
    counted,
    invalid,
    json_reply,
    moment_of,
)
from ebrvt_connect.ports.simulator import SimReply, SimulatorSeat

FILE_CHANGED = "file-changed"
"""A file is served with a byte appended, as if it had been saved again after signing."""
WRONG_ETAG = "wrong-etag"
"""A file is served with an ETag that is not its digest."""

_FEEDS = frozenset({"dossier"})
_LONGEST_KEY = 200
_INBOXES: Mapping[str, type[WireValue]] = {
    "dossiers": wire.FiledDossier,
    "supplements": wire.InboxSupplement,
    "payments": wire.InboxPayment,
    "enquiries": wire.InboxEnquiry,
}


class MotcuaSimulator(RestSimulator):
    """The simulated one-stop shop."""

    name: ClassVar[str] = "motcua"
    synthetic: ClassVar[tuple[str, ...]] = (
        "the whole interface: no vendor publishes one",
        "clerks do the steps their seed tells, at the pace it tells",
        "a step sets the dossier's revision and time of change",
        "a dossier filed elsewhere is numbered by its agency, the day and the next free number",
    )

    def __init__(self, seat: SimulatorSeat) -> None:
        """Take up the world where it was left."""
        super().__init__(seat)
        self.shop = Shop(seat.world, self.accounts[0].clerk_seconds)

    def routes(self) -> tuple[tuple[str, str, str, Answering], ...]:
        """The calls of the contract."""
        one = r"/api/dossiers/(?P<code>[^/]+)"
        inboxes = tuple(
            ("POST", f"/api/inbox/{name}", f"/api/inbox/{name}", self._taking(name)) for name in _INBOXES
        )
        return (
            ("GET", r"/api/dossiers", "/api/dossiers", self._dossiers),
            ("GET", one, "/api/dossiers/{code}", self._dossier_of),
            ("GET", f"{one}/progress", "/api/dossiers/{code}/progress", self._progress),
            ("GET", f"{one}/files/(?P<file>.+)", "/api/dossiers/{code}/files/{fileId}", self._file),
            ("PUT", f"{one}/exchange-status", "/api/dossiers/{code}/exchange-status", self._exchange),
            *inboxes,
            ("GET", r"/api/procedures", "/api/procedures", self._procedures),
            (
                "PUT",
                r"/api/procedures/(?P<national>[^/]+)",
                "/api/procedures/{nationalCode}",
                self._map_procedure,
            ),
            ("POST", r"/api/ack", "/api/ack", self._ack),
        )

    # --- the port -----------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """How much is in each register."""
        counts = counted(
            self.world,
            {
                "dossiers": tables.DOSSIERS,
                "exchange_statuses": tables.EXCHANGES,
                "inbox": tables.INBOX,
                "procedures": tables.PROCEDURES,
            },
        )
        world = self.world
        return {
            **counts,
            "progress": sum(len(row["entries"]) for _, row in world.rows(tables.PROGRESS)),
            "files": sum(len(row["files"]) for _, row in world.rows(tables.FILES)),
            "steps_to_come": sum(len(row["steps"]) for _, row in world.rows(tables.SCRIPTS)),
        }

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Put dossiers in, with all that is about them (see above); a known code changes nothing.

        Answers how many of each were new. Raises `ValueError` for what the contract does not allow.
        """
        late = data.get("visible_at", {})
        fresh = [one for one in data.get("dossiers", ()) if not self.has(tables.DOSSIERS, one["code"])]
        for dossier in fresh:
            self._seed_dossier(dict(dossier), data, late.get(dossier["code"]))
        rows = [(_row_key(one), one) for one in data.get("rows", ())]
        strays = [(key, row) for key, row in rows if not self.has(tables.DOSSIERS, key)]
        for key, row in strays:
            self.shop.feed.put(key, row)
        procedures = [
            one
            for one in data.get("procedures", ())
            if not self.has(tables.PROCEDURES, wire.ProcedureRow.model_validate(one).local_code)
        ]
        for procedure in procedures:
            self.world.put(tables.PROCEDURES, procedure["localCode"], procedure)
        return {"dossiers": len(fresh), "rows": len(strays), "procedures": len(procedures)}

    def _seed_dossier(self, dossier: Row, data: Mapping[str, Any], visible_at: str | None) -> None:
        code = dossier["code"]
        wire.Dossier.model_validate(dossier)
        steps = data.get("clerks", {}).get(code, [])
        files: dict[str, Row] = data.get("files", {}).get(code, {})
        for file_id, one in (
            *files.items(),
            *(pair for step in steps for pair in step.get("files", {}).items()),
        ):
            try:
                self.kept(one["sha256"])
            except KeyError:
                raise ValueError(f"{code}: the bytes of file {file_id} were not kept") from None
        self.shop.put(dossier, moment_of(visible_at) if visible_at else None)
        self.shop.add_steps(code, data.get("progress", {}).get(code, []))
        self.shop.add_files(code, files)
        if steps:
            self.world.put(tables.SCRIPTS, code, {"steps": steps})

    def tick(self, now: datetime) -> None:
        """Let clerks do what is due."""
        self.shop.clerks_act(now)

    # --- dossiers -----------------------------------------------------------------------------------------

    def _dossiers(self, call: Call) -> SimReply:
        place = (call.moment("updatedAfter") or BEGINNING, call.query("afterId"))
        found = list(islice(self.shop.feed.after(place, call.now), call.limit() + 1))
        items = found[: call.limit()]
        last = items[-1] if len(found) > len(items) else None
        following = {"updatedAfter": last["updatedAt"], "afterId": last["id"]} if last else None
        return json_reply({"items": items, "next": following})

    def _dossier_of(self, call: Call) -> SimReply:
        return json_reply(self._dossier(call))

    def _dossier(self, call: Call) -> Row:
        dossier = self.shop.feed.get(call.names["code"], call.now)
        if not isinstance(dossier, dict):
            raise Refusal(404, "NOT_FOUND", "no such dossier")
        return dossier

    def _progress(self, call: Call) -> SimReply:
        code = self._dossier(call)["code"]
        after = call.number("afterSeq", 0)
        steps = [
            step
            for step in self.shop.steps(code)
            if tables.seq_of(step) > after or not (after or tables.seq_of(step))
        ]
        items = steps[: call.limit()]
        more = len(steps) > len(items)
        return json_reply({"items": items, "next": max(map(tables.seq_of, items)) if more else None})

    def _file(self, call: Call) -> SimReply:
        code = self._dossier(call)["code"]
        found = self.shop.files(code).get(call.names["file"])
        if found is None:
            raise Refusal(404, "NOT_FOUND", "no such file")
        blob = self.kept(found["sha256"])
        if call.request.fault == FILE_CHANGED:
            blob = self.changed(blob)
        tag = "0" * 64 if call.request.fault == WRONG_ETAG else blob.sha256
        self.world.journal("file-served", dossier=code, fileId=call.names["file"], sha256=blob.sha256)
        return self.file_reply(call, blob, found.get("mediaType", "application/octet-stream"), tag)

    def _exchange(self, call: Call) -> SimReply:
        code = self._dossier(call)["code"]
        status = self.object_of(call)
        _check(wire.ExchangeStatus, status)
        told = {"dossier": code, **{name: status.get(name, "") for name in ("system", "state", "at")}}
        key = json.dumps([code, status["system"], status["state"], moment_of(status["at"]).isoformat()])
        if self.has(tables.EXCHANGES, key):
            self.world.journal("dossier-exchange-repeated", **told)
            return SimReply(204, headers=())
        self.world.put(tables.EXCHANGES, key, {"dossier": code, **status})
        more = {name: status.get(name, "") for name in ("code", "receipt", "reasonVi")}
        self.world.journal("dossier-exchange", **told, **more)
        return SimReply(204, headers=())

    # --- the inbox ----------------------------------------------------------------------------------------

    def _taking(self, inbox: str) -> Answering:
        take: Mapping[str, Callable[[Row, datetime], str]] = {
            "dossiers": self._take_dossier,
            "supplements": self._take_supplement,
            "payments": self._take_payment,
            "enquiries": self._take_enquiry,
        }
        return lambda call: self._take(call, inbox, take[inbox])

    def _take(self, call: Call, inbox: str, take: Callable[[Row, datetime], str]) -> SimReply:
        key = call.request.header("idempotency-key") or ""
        if not (key.isprintable() and 0 < len(key) <= _LONGEST_KEY):
            raise invalid("Idempotency-Key", "REQUIRED")
        content = self.object_of(call)
        digest = hashlib.sha256(self.body_of(call)).hexdigest()
        name = json.dumps([inbox, key])
        known = self.world.get(tables.INBOX, name)
        if known is not None and known["digest"] != digest:
            raise Refusal(409, "KEY_REUSED", "other content lies under this key")
        if known is not None:
            self.world.journal("inbox-repeated", kind=inbox, key=key)
            return json_reply({"code": known["code"]})
        _check(_INBOXES[inbox], content)
        code = take(content, call.now)
        self.world.put(tables.INBOX, name, {"digest": digest, "code": code, "content": content})
        self.world.journal("inbox", kind=inbox, key=key, code=code)
        return json_reply({"code": code}, 201)

    def _take_dossier(self, content: Row, now: datetime) -> str:
        filed = wire.FiledDossier.model_validate(content)
        procedure = filed.procedure
        needed = {
            "procedure": procedure.local_code or procedure.national_code,
            "applicant.kind": filed.applicant.kind,
            "applicant.name": filed.applicant.name,
            "abstract": filed.abstract,
            "channel": filed.channel,
            "submittedAt": filed.submitted_at,
        }
        issues = tuple(_issue(name, "REQUIRED") for name, value in needed.items() if not value)
        if issues:
            raise Refusal(422, "INVALID", "the dossier is not complete", issues)
        return self.shop.file(content, now)

    def _take_supplement(self, content: Row, now: datetime) -> str:
        code = str(content["dossierCode"])
        before = self._known(code)
        components = [*(before.get("components") or []), *content["components"]]
        self.shop.change(code, {"components": components}, now)
        return code

    def _take_payment(self, content: Row, now: datetime) -> str:
        code = str(content["dossierCode"])
        self._known(code)
        self.shop.change(code, {"onlinePayment": content["paidOn"]}, now)
        return code

    def _take_enquiry(self, content: Row, now: datetime) -> str:
        name = str(content["enquiryId"])
        self.world.put(tables.ENQUIRIES, name, {**content, "storedAt": written_moment(now)})
        return name

    def _known(self, code: str) -> Row:
        row = self.world.get(tables.DOSSIERS, code)
        if row is None:
            raise invalid("dossierCode", "NOT_KNOWN")
        dossier: Row = row["dossier"]
        return dossier

    # --- procedures and the rest --------------------------------------------------------------------------

    def _procedures(self, call: Call) -> SimReply:
        after = call.moment("updatedAfter") or BEGINNING
        rows = [row for _, row in self.world.rows(tables.PROCEDURES)]
        return json_reply({"items": [one for one in rows if _changed(one) >= after], "next": None})

    def _map_procedure(self, call: Call) -> SimReply:
        told = self.object_of(call)
        _check(wire.ProcedureRow, told)
        national = call.names["national"]
        if told.get("nationalCode", national) != national:
            raise invalid("nationalCode", "NOT_THE_PATH")
        row = {**told, "nationalCode": national, "updatedAt": written_moment(call.now)}
        self.world.put(tables.PROCEDURES, told["localCode"], row)
        self.world.journal("procedure", nationalCode=national)
        return SimReply(204, headers=())

    def _ack(self, call: Call) -> SimReply:
        told = self.object_of(call)
        if told.get("kind") not in _FEEDS:
            raise invalid("kind", "NOT_KNOWN")
        try:
            moment_of(str(told.get("updatedAfter", "")))
        except ValueError:
            raise invalid("updatedAfter", "NOT_A_TIME") from None
        place = {name: told.get(name, "") for name in ("updatedAfter", "afterId")}
        self.world.put(tables.ACKS, told["kind"], place)
        return SimReply(204, headers=())


def _row_key(row: object) -> str:
    return "row-" + hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:16]


def _changed(procedure: Row) -> datetime:
    return moment_of(procedure.get("updatedAt") or "")


def _check(kind: type[WireValue], content: Row) -> None:
    """Refuse a body the contract does not allow, each field by its name."""
    try:
        kind.model_validate(content)
    except ValidationError as failure:
        wrong = failure.errors(include_url=False, include_context=False, include_input=False)
        issues = tuple(
            _issue(
                ".".join(str(part) for part in one["loc"]),
                "REQUIRED" if one["type"] == "missing" else "NOT_VALID",
            )
            for one in wrong
        )
        raise Refusal(422, "INVALID", f"{len(issues)} fields are not valid", issues) from None


def _issue(name: str, code: str) -> Issue:
    return {"field": name, "code": code, "message": f"{name}: {code}"}
