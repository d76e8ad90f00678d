"""Inside the simulated document system: its registers, its feeds and its clerks, all in one durable world."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ebrvt_connect.codec.jsonfields import written_moment
from ebrvt_connect.codec.simulated_rest import FeedTable, Row, moment_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.ports.simulator import World

OUTGOING = "outgoing"
INCOMING = "incoming"
INCOMING_KEYS = "incoming-keys"
INCOMING_EVENTS = "incoming-events"
OUTGOING_EVENTS = "outgoing-events"
STATUSES = "exchange-statuses"
DESKS = "desks"
AGENCIES = "agencies"
ACKS = "acks"

_CLERKS = (
    {
        "name": "Nguyễn Thị Mẫu",
        "unit": "Văn thư",
        "position": "Văn thư",
        "email": "vanthu@co-quan-mau.example",
    },
    {"name": "Trần Văn Ví Dụ", "unit": "Phòng Hành chính", "position": "Chuyên viên"},
    {"name": "Lê Thị Thử Nghiệm", "unit": "Phòng Tổng hợp", "position": "Trưởng phòng"},
)
_REFUSALS_VI = (
    "Văn bản gửi nhầm đơn vị, đề nghị gửi đúng cơ quan có thẩm quyền.",
    "Văn bản thiếu phụ lục kèm theo, đề nghị bổ sung và gửi lại.",
)
_REFUSAL_SIGNATURE_VI = "Chữ ký số của văn bản không hợp lệ, đề nghị ký lại và gửi lại."
_REFUSED_SHARE = 0.1
_ASSIGNED_SHARE = 0.3


class Office:
    """The registers and desks; attributes are plain, so a test can bump them."""

    def __init__(self, world: World, seed: int, clerk_seconds: float) -> None:
        """Take up the world where it was left."""
        self.world = world
        self.seed = seed
        self.clerk_seconds = clerk_seconds
        """How long a clerk takes for one step, at the least; up to twice that."""
        self._outgoing = FeedTable(world, OUTGOING, "document")
        self._seqs = {
            table: max((int(key.rpartition("-")[2]) for key, _ in world.rows(table)), default=0)
            for table in (INCOMING, INCOMING_EVENTS, OUTGOING_EVENTS)
        }

    # --- outgoing documents -------------------------------------------------------------------------------

    def put_outgoing(self, document: Row, visible_at: datetime | None = None) -> None:
        """Register an issued document or its new revision; one committed late shows from `visible_at` on."""
        self._outgoing.put(document["id"], document, visible_at)

    def outgoing(self, name: str, now: datetime) -> Row | None:
        """One issued document as others may see it."""
        found: Row | None = self._outgoing.get(name, now)
        return found

    def outgoing_after(self, place: tuple[datetime, str], now: datetime) -> Iterator[Row]:
        """Documents past a place, in the order of the feed."""
        return self._outgoing.after(place, now)

    # --- events -------------------------------------------------------------------------------------------

    def put_event(self, table: str, event: Row) -> int:
        """Append to one of the two feeds of events; numbers never repeat."""
        self._seqs[table] += 1
        seq = self._seqs[table]
        self.world.put(table, str(seq), {"seq": seq, **event})
        return seq

    def events_after(self, table: str, after: int) -> Iterator[Row]:
        """Events past a number, by number."""
        for seq in range(after + 1, self._seqs[table] + 1):
            # A number whose transaction was taken back has no row.
            if (event := self.world.get(table, str(seq))) is not None:
                yield event

    # --- incoming documents and their clerks --------------------------------------------------------------

    def put_incoming(self, metadata: Row, now: datetime) -> str:
        """File an incoming document and lay it on a desk for each of its recipients; returns its id."""
        self._seqs[INCOMING] += 1
        name = f"den-{self._seqs[INCOMING]:06d}"
        self.world.put(INCOMING, name, {"metadata": metadata, "received_at": now.isoformat()})
        for recipient in metadata.get("recipients") or [{}]:
            code = recipient.get("code", "")
            refused = metadata.get("verification", {}).get("indication") == "TOTAL_FAILED"
            plan = self._plan(metadata["axisDocId"], code, signature_failed=refused)
            self.world.put(
                DESKS,
                f"{name}>{code}",
                {
                    "incomingId": name,
                    "axisDocId": metadata["axisDocId"],
                    "agencyCode": code,
                    "plan": plan,
                    "due_at": (now + timedelta(seconds=plan[0]["after"])).isoformat(),
                },
            )
        return name

    def clerks_act(self, now: datetime) -> None:
        """Do every step that is due and write its event."""
        for key, desk in self.world.rows(DESKS):
            if moment_of(desk["due_at"]) > now:
                continue
            step, *rest = desk["plan"]
            event = {name: desk[name] for name in ("incomingId", "axisDocId", "agencyCode") if desk[name]}
            told = {name: step[name] for name in ("code", "by", "note") if name in step}
            seq = self.put_event(INCOMING_EVENTS, {**event, **told, "at": written_moment(now)})
            self.world.journal("incoming-event", seq=seq, code=step["code"], axisDocId=desk["axisDocId"])
            if not rest:
                self.world.delete(DESKS, key)
                continue
            due = now + timedelta(seconds=rest[0]["after"])
            self.world.put(DESKS, key, {**desk, "plan": rest, "due_at": due.isoformat()})

    def _plan(self, axis_doc_id: str, agency: str, *, signature_failed: bool) -> list[Row]:
        """What will be done with a document, drawn from the seed and the document alone."""
        chance = random.Random(f"{self.seed}:{axis_doc_id}:{agency}")  # noqa: S311 - a play, not a secret
        clerk, officer = _CLERKS[0], chance.choice(_CLERKS[1:])
        if signature_failed or chance.random() < _REFUSED_SHARE:
            reason = _REFUSAL_SIGNATURE_VI if signature_failed else chance.choice(_REFUSALS_VI)
            steps = [{"code": "02", "by": clerk, "note": reason}]
        else:
            middle = ["04", "05"] if chance.random() < _ASSIGNED_SHARE else ["05"]
            steps = [
                {"code": "03", "by": clerk},
                *({"code": code, "by": officer} for code in (*middle, "06")),
            ]
        return [{**step, "after": round(self.clerk_seconds * (1 + chance.random()), 3)} for step in steps]
