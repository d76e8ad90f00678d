"""The simulated remote (hệ thống mô phỏng): it obeys the contract and refuses what the real one refuses.

What it knows is in its world, committed before an answer leaves, so a kill -9 loses nothing. Faults of the
wire (cut connections, gateways' pages) are the host's; `throttled`, `internal`, `unavailable` and
`unauthenticated` come with `RestSimulator`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError

from ebrvt_connect.codec.simulated_rest import (
    Answering,
    Call,
    Refusal,
    RestSimulator,
    counted,
    json_reply,
)

from . import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrvt_connect.ports.simulator import SimReply

_TOLD, _ROWS = "told", "rows"


class KhuonmauSimulator(RestSimulator):
    """The simulated system."""

    name: ClassVar[str] = "khuonmau"
    synthetic: ClassVar[tuple[str, ...]] = ("the whole interface: change it to what the real system does",)

    def routes(self) -> tuple[tuple[str, str, str, Answering], ...]:
        """The calls of the contract."""
        return (
            ("GET", r"/api/statuses", "/api/statuses", self._rows),
            ("POST", r"/api/statuses", "/api/statuses", self._told),
        )

    def state(self) -> dict[str, Any]:
        """How much is in each register."""
        return counted(self.world, {"rows": _ROWS, "told": _TOLD})

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Rows for the feed: `{"statuses": [StatusRow...]}`; the same id again changes nothing."""
        new = [row for row in data.get("statuses", ()) if not self.has(_ROWS, row["id"])]
        for row in new:
            self.world.put(_ROWS, row["id"], row)
        return {"statuses": len(new)}

    def _rows(self, call: Call) -> SimReply:
        after = call.number("after", 0)
        rows = [row for _, row in self.world.rows(_ROWS) if row["seq"] > after]
        rows.sort(key=lambda row: int(row["seq"]))
        page = rows[: call.limit()]
        following = page[-1]["seq"] if len(rows) > len(page) else None
        return json_reply({"items": page, "next": following})

    def _told(self, call: Call) -> SimReply:
        key, content = call.request.header("idempotency-key"), self.object_of(call)
        if not key:
            raise Refusal(422, "INVALID", "no key", ({"field": "Idempotency-Key", "code": "MISSING"},))
        _check(content)
        known = self.world.get(_TOLD, key)
        if known is not None and known["content"] != content:
            raise Refusal(409, "KEY_REUSED", "something else lies under this key")
        if known is not None:
            self.world.journal("status-repeated", id=known["id"])
            return json_reply({"id": known["id"]})
        name = f"st-{1 + counted(self.world, {'told': _TOLD})['told']}"
        self.world.put(_TOLD, key, {"id": name, "content": content})
        self.world.journal("status-stored", id=name, documentId=content["documentId"])
        return json_reply({"id": name}, 201)


def _check(content: Mapping[str, Any]) -> None:
    try:
        wire.StatusTold.model_validate(content)
    except ValidationError as failure:
        fields = [".".join(map(str, error["loc"])) for error in failure.errors()]
        issues = tuple({"field": name, "code": "WRONG", "message": ""} for name in fields)
        raise Refusal(422, "INVALID", "the status is not complete", issues) from failure
