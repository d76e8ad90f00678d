"""The simulated axis' inside: the directory, what was accepted, the queues, and recipients who answer.

The truth is in the world; the plain attributes of `Axis` are indices of it, made again when it is opened
(and after a failure), so that lists and ticks stay quick under thousands of messages.
"""

from __future__ import annotations

import hashlib
import heapq
import io
import re
import shutil
import tempfile
import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from uuid import UUID, uuid5

from ebrvt_adapters.vxp import wire
from ebrvt_adapters.vxp.mapping import told_to
from ebrvt_adapters.vxp.sandbox_entry import CHUNK_BYTES, Refusal, SentFile, VxpAccount
from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.codec.edxml_write import write_status
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import (
    Agency,
    BusinessKind,
    Document,
    DocumentReference,
    DocumentStatus,
    Staff,
    StatusCode,
)
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ports.blobs import Blobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ebrvt_connect.ports.simulator import World

Row = dict[str, Any]

_DOC_IDS = UUID("8f3f0c8e-5f5b-4a53-9b1e-6f3a0c1d7a11")
_HEADER_BYTES = 4 * 1024 * 1024
_IN_MEMORY_BYTES = 1024 * 1024
_ONE_IN = 10
_TURNED_DOWN = frozenset({StatusCode.REFUSED, StatusCode.CHANGE_ACCEPTED})
_IN_WORK = frozenset({StatusCode.ACCEPTED, StatusCode.ASSIGNED, StatusCode.IN_PROGRESS, StatusCode.FINISHED})
"""One recipient in so many refuses."""
_REFUSAL_NOTES = (
    "Văn bản gửi không đúng cơ quan có thẩm quyền giải quyết.",
    "Thiếu phụ lục nêu trong văn bản, đề nghị gửi bổ sung.",
    "Văn bản không thuộc lĩnh vực đơn vị phụ trách, đề nghị xem lại nơi nhận.",
)
_NOTES = {
    StatusCode.ARRIVED: "Văn bản đã đến, văn thư chưa xử lý.",
    StatusCode.ACCEPTED: "Đã tiếp nhận, vào sổ văn bản đến.",
    StatusCode.FINISHED: "Đã hoàn thành xử lý.",
    StatusCode.CHANGE_ACCEPTED: "Đồng ý.",
}


class Axis:
    """What the simulated axis knows and does, once a request has been let in."""

    def __init__(self, world: World, accounts: Mapping[str, VxpAccount], seed: int, pace: timedelta) -> None:
        """Take up the world where it was left."""
        self.world = world
        self.accounts = accounts
        self.seed = seed
        self.pace = pace
        """Between the steps of a recipient's script."""
        self.take_up()

    def take_up(self) -> None:
        """Make the indices anew."""
        self.directory: dict[str, Row] = {}
        """Agencies by the QĐ 20 form of their code: `code`, `name`, `systemid` (empty: played by script)."""
        self.packets: dict[str, Row] = {}
        """Everything accepted, by DocId."""
        self.by_identity: dict[str, str] = {}
        self.sent: dict[tuple[str, str], list[Row]] = {}
        """What a system has sent, by (systemid, queue), in order."""
        self.waiting: dict[tuple[str, str], dict[str, Row]] = {}
        """What a system has not acknowledged, by (systemid, queue) and DocId."""
        self.acknowledged: dict[tuple[str, str], dict[str, Row]] = {}
        self.plays: list[tuple[str, str]] = []
        """A heap of (due, key): answers that recipients will give."""
        for code, name in _default_directory():
            self._know({"code": code, "name": name, "systemid": ""})
        for account in self.accounts.values():
            for known in account.recipients:
                self._know({"code": known.text, "name": f"Đơn vị {known} (mẫu)", "systemid": ""})
            for own in account.agencies:
                name = self.directory.get(own.qd20, {}).get("name") or f"Đơn vị {own} (mẫu)"
                self._know({"code": own.text, "name": name, "systemid": account.systemid})
        for _, row in self.world.rows("agency"):
            self._know(row)
        for _, row in self.world.rows("packet"):
            self._index_packet(row)
        for _, row in self.world.rows("delivery"):
            self._index_delivery(row)
        self.plays.extend((row["due"], key) for key, row in self.world.rows("play"))
        heapq.heapify(self.plays)

    # --- directory ----------------------------------------------------------------------------------------

    def _know(self, row: Row) -> None:
        key = AgencyCode.parse(row["code"]).qd20
        if row.get("deleted"):
            self.directory.pop(key, None)
        else:
            self.directory[key] = row

    def put_agency(self, row: Row) -> None:
        """Add, replace or (`deleted`) remove an agency; raises `Refusal` for what is no code."""
        try:
            key = AgencyCode.parse(row["code"]).qd20
        except InvalidValue as refusal:
            raise Refusal("unknown-recipient", "Ma don vi khong hop le") from refusal
        self.world.put("agency", key, row)
        self._know(row)

    def owner(self, code: AgencyCode) -> str:
        """The system an agency is registered for, empty if the script plays it; `Refusal` if unknown."""
        known = self.directory.get(code.qd20)
        if known is None:
            raise Refusal("unknown-recipient", f"Don vi nhan khong ton tai: {code}")
        return str(known["systemid"])

    def registered_sender(self, systemid: str, code: str) -> AgencyCode:
        """The sender's code if it is registered for the system; `Refusal` in the real axis' words if not."""
        try:
            sender = AgencyCode.parse(code)
            if self.owner(sender) == systemid:
                return sender
        except (InvalidValue, Refusal):
            pass
        raise Refusal("sender-mismatch", f"Don vi gui {code} khong dung voi ma da dang ky: {systemid}")

    # --- accepting ----------------------------------------------------------------------------------------

    def read(self, chunks: Iterable[bytes]) -> Document | DocumentStatus:
        """What a packet says; its files are read through and forgotten. Raises `Refusal`."""
        with _ScratchBlobs() as scratch:
            try:
                return read_document(chunks, scratch).record
            except InvalidValue as refusal:
                raise Refusal("invalid-packet", f"edXML khong hop le ({refusal.code})") from refusal

    def take_document(self, systemid: str, document: Document, file: SentFile, now: datetime) -> str:
        """Accept a document, file it for every recipient's system, plan the script; returns its DocId.

        The same document id from the same agency a second time is refused, whatever the bytes.
        """
        recipients = [agency.code for agency in document.recipients]
        owners = [self.owner(code) for code in recipients]
        identity = _identity(document, file.sha256)
        facts: Row = {
            "systemid": systemid,
            "sender": document.issuer.code.text,
            "document_id": document.document_id,
            "sha256": file.sha256,
        }
        if (first := self.by_identity.get(identity)) is not None:
            self.world.journal("duplicate-refused", **facts, first_doc_id=first)
            raise Refusal("duplicate", "Van ban da ton tai tren truc")
        row: Row = {
            **facts,
            "doc_id": self._doc_id(identity),
            "queue": wire.MessageType.EDOC.value,
            "recipients": [code.text for code in recipients],
            "number": str(document.number),
            "title": document.abstract,
            "promulgated_on": document.promulgated_on.isoformat() if document.promulgated_on else "",
            "business": document.business.kind.value,
            "identity": identity,
            "size_bytes": file.size_bytes,
            "sent_at": _iso(now),
        }
        self._put_packet(row)
        attachments = [[one.name, one.sha256] for one in document.attachments]
        self.world.journal("document-accepted", **row, attachments=attachments)
        self._fan_out(row, set(owners) - {""}, _traced(file.chunks(self.world), now), now)
        for code, owner in zip(recipients, owners, strict=True):
            if not owner:
                self._plan(row, code, _script(self._draw(row, code), document.business.kind), now)
        return str(row["doc_id"])

    def take_status(self, systemid: str, status: DocumentStatus, file: SentFile, now: datetime) -> str:
        """Accept a status packet; identical bytes again get the same DocId and go nowhere."""
        addressee = told_to(status)
        if addressee is None or status.about is None:
            raise Refusal("invalid-packet", "edXML khong hop le: thieu ResponseFor")
        owner = self.owner(addressee)
        identity = f"status|{status.reporter.code.qd20}|{file.sha256}"
        facts: Row = {
            "systemid": systemid,
            "sender": status.reporter.code.text,
            "recipient": addressee.text,
            "code": status.code,
            "document_id": status.about.document_id,
            "sha256": file.sha256,
        }
        if (first := self.by_identity.get(identity)) is not None:
            self.world.journal("status-repeated", **facts, doc_id=first)
            return first
        row: Row = {
            **facts,
            "doc_id": self._doc_id(identity),
            "queue": wire.MessageType.STATUS.value,
            "recipients": [addressee.text],
            "number": status.about.number,
            "title": "",
            "identity": identity,
            "size_bytes": file.size_bytes,
            "sent_at": _iso(now),
        }
        self._put_packet(row)
        self.world.journal("status-accepted", **facts, doc_id=row["doc_id"])
        if owner:
            self._fan_out(row, {owner}, file.chunks(self.world), now)
        elif status.code == StatusCode.RECALL:
            self._answer_recall(status, addressee, now)
        return str(row["doc_id"])

    def _answer_recall(self, status: DocumentStatus, addressee: AgencyCode, now: datetime) -> None:
        """A recipient played by the script lets go of the document it has."""
        wanted = status.about.document_id if status.about else ""
        document = next(
            (
                row
                for row in self.packets.values()
                if row["queue"] == wire.MessageType.EDOC and row["document_id"] == wanted
            ),
            None,
        )
        if document is not None:
            self._plan(
                document, addressee, ((StatusCode.CHANGE_ACCEPTED, _NOTES[StatusCode.CHANGE_ACCEPTED]),), now
            )

    def _fan_out(self, row: Row, systems: set[str], content: Iterator[bytes], now: datetime) -> None:
        """One delivery for each recipient's system, however many of its agencies are named."""
        if not systems:
            return
        blob = self.world.keep(content)
        for systemid in sorted(systems):
            self.deliver(systemid, row, blob, now)

    def _put_packet(self, row: Row) -> None:
        self.world.put("packet", row["doc_id"], row)
        self._index_packet(row)

    def _index_packet(self, row: Row) -> None:
        self.packets[row["doc_id"]] = row
        self.by_identity[row["identity"]] = row["doc_id"]
        self.sent.setdefault((row["systemid"], row["queue"]), []).append(row)

    def _doc_id(self, basis: str) -> str:
        return str(uuid5(_DOC_IDS, f"{self.seed}\n{basis}"))

    # --- queues -------------------------------------------------------------------------------------------

    def deliver(self, systemid: str, row: Row, blob: BlobRef, now: datetime, **facts: object) -> None:
        """Put a packet into a system's queue. `row` has doc_id, queue, sender, recipients."""
        delivery: Row = {
            "systemid": systemid,
            "doc_id": row["doc_id"],
            "queue": row["queue"],
            "document_id": row.get("document_id", ""),
            "sender": row["sender"],
            "recipients": row["recipients"],
            "sha256": blob.sha256,
            "size_bytes": blob.size_bytes,
            "created_at": _iso(now),
            "updated_at": _iso(now),
            "status": "",
        }
        self._put_delivery(delivery)
        told = {name: row.get(name, "") for name in ("queue", "doc_id", "sender", "document_id", "code")}
        self.world.journal("delivered", systemid=systemid, **told, sha256=blob.sha256, **facts)

    def _put_delivery(self, row: Row) -> None:
        self.world.put("delivery", f"{row['systemid']}/{row['doc_id']}", row)
        self._index_delivery(row)

    def _index_delivery(self, row: Row) -> None:
        key, doc_id = (row["systemid"], row["queue"]), row["doc_id"]
        settled = row["status"] in {wire.TransportStatus.DONE, wire.TransportStatus.FAIL}
        here, there = (self.acknowledged, self.waiting) if settled else (self.waiting, self.acknowledged)
        there.get(key, {}).pop(doc_id, None)
        here.setdefault(key, {})[doc_id] = row

    def delivery(self, systemid: str, doc_id: str) -> Row:
        """A packet delivered to the system, acknowledged or not; `Refusal` where there is none."""
        row = self.world.get("delivery", f"{systemid}/{doc_id}") if doc_id else None
        if row is None:
            raise Refusal("not-found", "Khong tim thay van ban")
        return row

    def acknowledge(self, systemid: str, doc_id: str, status: wire.TransportStatus, now: datetime) -> None:
        """Note what a system says of a packet; `done` and `fail` take it from the queue. May be repeated."""
        row = self.delivery(systemid, doc_id)
        repeated = row["status"] == status
        if not repeated:
            self._put_delivery({**row, "status": status.value, "updated_at": _iso(now)})
        facts = {"doc_id": doc_id, "queue": row["queue"], "status": status.value, "repeated": repeated}
        self.world.journal("acknowledged", systemid=systemid, **facts)

    def redeliver(self, systemid: str, queue: str, now: datetime, *, new_id: bool) -> bool:
        """Put a packet that was acknowledged into the queue again; False when none has been yet.

        The last one; under a new id one that is no document turned down since, and if there is one a
        document already in work: one that was turned down would be sent anew, which is no duplicate.
        """
        done = list(self.acknowledged.get((systemid, queue), {}).values())
        row = self._undisputed(systemid, done) if new_id else next(reversed(done), None)
        if row is None:
            return False
        doc_id = row["doc_id"]
        if new_id:
            doc_id = self._doc_id(f"{doc_id}\nagain {sum(1 for _ in self.world.rows('delivery'))}")
        self._put_delivery({**row, "doc_id": doc_id, "status": "", "updated_at": _iso(now)})
        facts = {"queue": queue, "doc_id": row["doc_id"], "as_doc_id": doc_id, "sha256": row["sha256"]}
        self.world.journal("redelivered", systemid=systemid, **facts)
        return True

    def _undisputed(self, systemid: str, done: list[Row]) -> Row | None:
        told: dict[str, set[str]] = {}
        for status in self.sent.get((systemid, wire.MessageType.STATUS.value), ()):
            told.setdefault(status["document_id"], set()).add(status["code"])
        codes = [told.get(row["document_id"], set()) for row in done]
        kept = [
            (bool(known & _IN_WORK), place) for place, known in enumerate(codes) if not known & _TURNED_DOWN
        ]
        return done[max(kept)[1]] if kept else None

    # --- the script ---------------------------------------------------------------------------------------

    def _draw(self, row: Row, recipient: AgencyCode) -> int:
        """A number that depends on the seed, the document and the recipient alone."""
        text = f"{self.seed}|{row['sender']}|{row['document_id']}|{row['number']}|{recipient.qd20}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

    def _plan(
        self, row: Row, recipient: AgencyCode, steps: Sequence[tuple[StatusCode, str]], now: datetime
    ) -> None:
        for nth, (code, note) in enumerate(steps, start=1):
            due = _iso(now + self.pace * nth)
            key = f"{row['doc_id']}/{recipient.qd20}/{_iso(now)}/{nth}-{code}"
            facts = {"doc_id": row["doc_id"], "recipient": recipient.text, "code": code.value, "note": note}
            self.world.put("play", key, {**facts, "due": due})
            heapq.heappush(self.plays, (due, key))

    def play_due(self, now: datetime, limit: int) -> None:
        """Recipients give at most so many of the answers that are due, in the order they are due."""
        for _ in range(limit):
            if not self.plays or self.plays[0][0] > _iso(now):
                return
            _, key = heapq.heappop(self.plays)
            play = self.world.get("play", key)
            if play is not None:
                self.world.delete("play", key)
                self._play(key, play)

    def _play(self, key: str, play: Row) -> None:
        document = self.packets[play["doc_id"]]
        recipient = AgencyCode.parse(play["recipient"])
        happened_at = datetime.fromisoformat(play["due"])
        known = self.directory.get(recipient.qd20, {})
        promulgated = document["promulgated_on"]
        status = DocumentStatus(
            code=play["code"],
            reporter=Agency(code=recipient, name=known.get("name", "")),
            about=DocumentReference(
                agency_code=AgencyCode.parse(document["sender"]),
                number=document["number"],
                document_id=document["document_id"],
                promulgated_on=date.fromisoformat(promulgated) if promulgated else None,
            ),
            note=play["note"],
            happened_at=happened_at,
            staff=Staff(department="Văn thư", name="Cán bộ mô phỏng"),
        )
        packet: Row = {
            "doc_id": self._doc_id(key),
            "queue": wire.MessageType.STATUS.value,
            "sender": recipient.text,
            "recipients": [document["sender"]],
            "document_id": document["document_id"],
            "code": play["code"],
        }
        blob = self.world.keep((write_status(status),))
        self.deliver(document["systemid"], packet, blob, happened_at)

    # --- samples ------------------------------------------------------------------------------------------

    def put_sample(self, name: str, blob: BlobRef, systemid: str, now: datetime) -> list[str]:
        """Deliver a packet from outside to the systems of its recipients; returns its DocIds.

        The same name again does nothing. What cannot be read, or is for none of the registered systems,
        goes to `systemid`, else to the first.
        """
        known = self.world.get("seed", name)
        if known is not None:
            return [str(doc_id) for doc_id in known["doc_ids"]]
        row: Row = {"queue": wire.MessageType.EDOC.value, "sender": "", "recipients": []}
        try:
            row.update(_told_by(self.read(_chunks(self.world, blob.sha256))))
        except Refusal:
            row["document_id"] = ""
        owners = {
            self.directory.get(AgencyCode.parse(code).qd20, {}).get("systemid") for code in row["recipients"]
        }
        targets = sorted(owner for owner in owners if owner) or [systemid or next(iter(self.accounts))]
        doc_ids = [self._doc_id(f"sample {name} {target}") for target in targets]
        for target, doc_id in zip(targets, doc_ids, strict=True):
            self.deliver(target, {**row, "doc_id": doc_id}, blob, now, seed_id=name)
        self.world.put("seed", name, {"doc_ids": doc_ids})
        return doc_ids


def _told_by(record: Document | DocumentStatus) -> Row:
    """What the queue needs to know of a packet."""
    if isinstance(record, Document):
        return {
            "sender": record.issuer.code.text,
            "recipients": [agency.code.text for agency in record.recipients],
            "document_id": record.document_id,
        }
    addressee = told_to(record)
    return {
        "queue": wire.MessageType.STATUS.value,
        "sender": record.reporter.code.text,
        "recipients": [addressee.text] if addressee else [],
        "document_id": record.about.document_id if record.about else "",
        "code": record.code,
    }


def _identity(document: Document, sha256: str) -> str:
    """By what a document is known again; an update or revocation goes by the same id and is another thing."""
    kind = document.business.kind
    named = document.document_id or f"{document.number} {document.promulgated_on}"
    other = "" if kind is BusinessKind.NEW else sha256
    return f"{document.issuer.code.qd20}|{named}|{kind}|{other}"


def _script(draw: int, kind: BusinessKind) -> tuple[tuple[StatusCode, str], ...]:
    arrived = (StatusCode.ARRIVED, _NOTES[StatusCode.ARRIVED])
    if kind in {BusinessKind.REVOKE, BusinessKind.UPDATE}:
        return (arrived, (StatusCode.CHANGE_ACCEPTED, _NOTES[StatusCode.CHANGE_ACCEPTED]))
    if draw % _ONE_IN == 0:
        return (arrived, (StatusCode.REFUSED, _REFUSAL_NOTES[draw // _ONE_IN % len(_REFUSAL_NOTES)]))
    return (
        arrived,
        (StatusCode.ACCEPTED, _NOTES[StatusCode.ACCEPTED]),
        (StatusCode.FINISHED, _NOTES[StatusCode.FINISHED]),
    )


def _iso(moment: datetime) -> str:
    """UTC text that sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _chunks(world: World, sha256: str) -> Iterator[bytes]:
    with world.open(sha256) as stream:
        while piece := stream.read(CHUNK_BYTES):
            yield piece


_END_OF_TRACE = re.compile(rb"</((?:[A-Za-z_][A-Za-z0-9_.-]*:)?)TraceHeaderList\s*>")


def _traced(chunks: Iterator[bytes], now: datetime) -> Iterator[bytes]:
    """The packet with one more `TraceHeader`, the axis' own, with the empty name real ones have had.

    All other bytes stay as they are; a trace list that does not end in the first megabytes is left alone.
    """
    head, end = b"", None
    for piece in chunks:
        head += piece
        end = _END_OF_TRACE.search(head)
        if end or len(head) > _HEADER_BYTES:
            break
    if end:
        prefix = end[1].decode("ascii")
        stamp = now.astimezone(VIETNAM).strftime("%Y/%m/%d %H:%M:%S")
        hop = (
            f"<{prefix}TraceHeader><{prefix}OrganId></{prefix}OrganId>"
            f"<{prefix}Timestamp>{stamp}</{prefix}Timestamp></{prefix}TraceHeader>"
        )
        head = head[: end.start()] + hop.encode() + head[end.start() :]
    yield head
    yield from chunks


def _default_directory() -> Iterator[tuple[str, str]]:
    table = tomllib.loads(files(__package__).joinpath("data/sandbox_directory.toml").read_text("utf-8"))
    yield from table["agencies"].items()


class _ScratchBlobs(Blobs):
    """Files of a packet while it is read; the axis looks at them and forgets. Large ones lie on the disk."""

    def __init__(self) -> None:
        self._small: dict[str, bytes] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder:
            self._folder.cleanup()

    def has(self, sha256: str) -> bool:
        """Whether the bytes are here."""
        return sha256 in self._small or self._path(sha256).exists()

    def _put(self, chunks: Iterable[bytes]) -> BlobRef:
        digest, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
            for chunk in chunks:
                digest.update(chunk)
                size += file.write(chunk)
            file.seek(0)
            name = digest.hexdigest()
            if size <= _IN_MEMORY_BYTES:
                self._small[name] = file.read()
            else:
                with self._path(name).open("wb") as kept:
                    shutil.copyfileobj(file, kept, CHUNK_BYTES)
        return BlobRef(sha256=name, size_bytes=size)

    def _open(self, sha256: str) -> BinaryIO:
        if sha256 in self._small:
            return io.BytesIO(self._small[sha256])
        return self._path(sha256).open("rb")

    def _path(self, name: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="vxp-sandbox-")
        return Path(self._folder.name, name)
