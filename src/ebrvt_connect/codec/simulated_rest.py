"""What simulated REST systems share: accounts, routes, answers that are errors, files in parts.

A simulator of a JSON system subclasses `RestSimulator`, lists its routes and answers each `Call`. The world
is the port's; nothing here knows a network.
"""

from __future__ import annotations

import base64
import hmac
import re
from abc import abstractmethod
from bisect import bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict

from ebrvt_connect.codec.jsonfields import bounded_moment
from ebrvt_connect.codec.jsonwire import JsonValue, json_value, write_json
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.ports.bounded import read_bounded
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
_ERRORS = {
    THROTTLED: (429, "THROTTLED"),
    INTERNAL: (500, "INTERNAL"),
    UNAVAILABLE: (503, "UNAVAILABLE"),
    UNAUTHENTICATED: (401, "UNAUTHENTICATED"),
}

Issue = dict[str, str]
Row = dict[str, Any]
Answering = Callable[["Call"], SimReply]

JSON_TYPE = ("content-type", "application/json; charset=utf-8")
BEGINNING = datetime.min.replace(tzinfo=UTC)
_LAST = "\U0010ffff"
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")
_PIECE_BYTES = 256 * 1024
_LARGEST_JSON_BYTES = 4 * 1024 * 1024
_LONGEST_PAGE = 500
_LONGEST_NUMBER = 16
"""Below 2^53."""


class RestAccount(BaseModel):
    """A simulated system's table: whom to let in, and how fast its clerks are."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    username: str = "ebrvt"
    password: str = "sandbox-only"  # noqa: S105 - opens nothing but the simulator
    token: str = ""
    clerk_seconds: float = 0.3
    """How long a clerk takes for one step."""

    def lets_in(self, authorization: str) -> bool:
        """Whether the header names this account."""
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")
        wanted = [f"Basic {pair}", *([f"Bearer {self.token}"] if self.token else [])]
        return any(hmac.compare_digest(authorization.encode(), one.encode()) for one in wanted)


class Refusal(Exception):
    """The call is answered with an error."""

    def __init__(self, status: int, code: str, message: str, issues: tuple[Issue, ...] = ()) -> None:
        """With its HTTP status, its word and what is wrong with which field."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.issues = issues


@dataclass(frozen=True, slots=True)
class Call:
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
        if text and not (text.isascii() and text.isdecimal() and len(text) < _LONGEST_NUMBER):
            raise invalid(name, "NOT_A_NUMBER")
        return int(text) if text else default

    def limit(self) -> int:
        """How many rows are wanted, within reason."""
        return min(max(self.number("limit", 100), 1), _LONGEST_PAGE)

    def moment(self, name: str) -> datetime | None:
        """A query value that must be a time, or nothing."""
        text = self.query(name)
        try:
            return bounded_moment(text) if text else None
        except ValueError:
            raise invalid(name, "NOT_A_TIME") from None


class RestSimulator(Simulator):
    """A simulated system that is called over REST with JSON."""

    def __init__(self, seat: SimulatorSeat) -> None:
        """Take up the world where it was left."""
        accounts = seat.config.get("accounts", [seat.config])
        self.accounts = [RestAccount.model_validate(account) for account in accounts]
        self.world: World = seat.world
        self._routes = tuple(
            (method, re.compile(pattern, re.DOTALL), name, answer)
            for method, pattern, name, answer in self.routes()
        )

    @classmethod
    def open(cls, seat: SimulatorSeat) -> Self:
        """Take up the world where it was left; raises `ValueError` for a configuration it cannot read."""
        return cls(seat)

    @abstractmethod
    def routes(self) -> tuple[tuple[str, str, str, Answering], ...]:
        """Method, pattern of the path, the path as it is named, and who answers; the first match counts."""

    def answer(self, request: SimRequest, now: datetime) -> SimReply:
        """Answer one request."""
        operation = self.operation(request)
        try:
            self._let_in(request)
            return self._routed(request, now)
        except Refusal as refusal:
            self.world.journal("refused", operation=operation, status=refusal.status, code=refusal.code)
            return self._problem(refusal)

    def operation(self, request: SimRequest) -> str:
        """The call by method and named path: `GET /api/outgoing/{id}`."""
        for method, path, name, _ in self._routes:
            if request.method == method and path.fullmatch(request.path):
                return f"{method} {name}"
        return f"{request.method} {request.path}"

    def credentials(self) -> dict[str, Any]:
        """The first account."""
        account = self.accounts[0]
        told = {"username": account.username, "password": account.password}
        return {**told, "token": account.token} if account.token else told

    # --- for those who answer -----------------------------------------------------------------------------

    def has(self, table: str, key: str) -> bool:
        """Whether a row is in the world."""
        return self.world.get(table, key) is not None

    def kept(self, sha256: str) -> BlobRef:
        """Bytes the world keeps; raises `KeyError` where it does not."""
        with self.world.open(sha256) as stream:
            return BlobRef(sha256=sha256, size_bytes=stream.seek(0, 2))

    def changed(self, blob: BlobRef) -> BlobRef:
        """The same bytes with one appended, as if saved again after signing."""
        return self.world.keep((*self._pieces(blob, 0, blob.size_bytes), b"\n"))

    def file_reply(self, call: Call, blob: BlobRef, media_type: str, tag: str) -> SimReply:
        """A file, or the part of it that was asked for."""
        headers = (("content-type", media_type), ("etag", f'"{tag}"'), ("accept-ranges", "bytes"))
        wanted = _RANGE.fullmatch(call.request.header("range") or "")
        if wanted is None:
            return SimReply(200, blob=blob, headers=headers)
        first, last = int(wanted[1]), min(int(wanted[2] or blob.size_bytes), blob.size_bytes - 1)
        if first > last:
            return SimReply(416, headers=(*headers, ("content-range", f"bytes */{blob.size_bytes}")))
        part = self.world.keep(self._pieces(blob, first, last + 1 - first))
        span = ("content-range", f"bytes {first}-{last}/{blob.size_bytes}")
        return SimReply(206, blob=part, headers=(*headers, span))

    def object_of(self, call: Call) -> dict[str, Any]:
        """The body as a JSON object; refuses anything else."""
        try:
            value = json_value(self.body_of(call))
        except InvalidValue as refusal:
            raise invalid("", refusal.code) from None
        if not isinstance(value, dict):
            raise invalid("", "NOT_AN_OBJECT")
        return value

    def body_of(self, call: Call) -> bytes:
        """The body's bytes, cut off behind what is read at most."""
        with self.world.open(call.request.body.sha256) as stream:
            return read_bounded(stream, _LARGEST_JSON_BYTES)

    # --- inside -------------------------------------------------------------------------------------------

    def _let_in(self, request: SimRequest) -> None:
        if request.fault in _ERRORS:
            status, code = _ERRORS[request.fault]
            raise Refusal(status, code, "as the sandbox was told")
        authorization = request.header("authorization") or ""
        if not any(account.lets_in(authorization) for account in self.accounts):
            raise Refusal(401, "UNAUTHENTICATED", "unknown account")

    def _routed(self, request: SimRequest, now: datetime) -> SimReply:
        for method, path, _, answer in self._routes:
            if request.method == method and (match := path.fullmatch(request.path)):
                return answer(Call(request, now, match.groupdict()))
        raise Refusal(404, "NOT_FOUND", "no such call")

    def _pieces(self, blob: BlobRef, first: int, count: int) -> Iterator[bytes]:
        with self.world.open(blob.sha256) as stream:
            stream.seek(first)
            while count > 0 and (piece := stream.read(min(count, _PIECE_BYTES))):
                count -= len(piece)
                yield piece

    def _problem(self, refusal: Refusal) -> SimReply:
        told = {
            "error_code": refusal.code,
            "message": refusal.message,
            "traceId": "sandbox",
            "issues": list(refusal.issues),
        }
        extra = {
            401: (("www-authenticate", f'Basic realm="{self.name}"'),),
            429: (("retry-after", "1"),),
            503: (("retry-after", "1"),),
        }
        return SimReply(refusal.status, write_json(told), headers=(JSON_TYPE, *extra.get(refusal.status, ())))


class FeedTable:
    """A table read in the order (updatedAt, id), as a feed of changes is.

    The order is kept in memory and checked against the world at each reading, so a transaction taken back
    leaves nothing wrong behind.
    """

    def __init__(self, world: World, table: str, inner: str) -> None:
        """Take up the world where it was left; each row holds its thing under `inner`."""
        self.world = world
        self.table = table
        self.inner = inner
        self._order = sorted((*_place(row[inner]), key) for key, row in world.rows(table))

    def put(self, key: str, thing: JsonValue, visible_at: datetime | None = None) -> None:
        """Insert or replace a thing; one committed late shows from `visible_at` on."""
        row: Row = {self.inner: thing}
        if visible_at is not None:
            row["visible_at"] = visible_at.isoformat()
        self.world.put(self.table, key, row)
        insort(self._order, (*_place(thing), key))

    def get(self, key: str, now: datetime) -> Any:  # noqa: ANN401 - a bad row may be any JSON
        """One thing as others may see it; None where there is none."""
        row = self.world.get(self.table, key)
        return None if row is None or moment_of(row.get("visible_at", "")) > now else row[self.inner]

    def after(self, place: tuple[datetime, str], now: datetime) -> Iterator[Any]:
        """Things past a place, in the order of the feed; at the beginning of time, those without one too."""
        beginning = place == (BEGINNING, "")
        start = 0 if beginning else bisect_right(self._order, (*place, _LAST))
        last: tuple[datetime, str, str] | None = None
        for found in self._order[start:]:
            if found == last:
                continue
            last = found
            thing = self.get(found[2], now)
            if thing is not None and _place(thing) == found[:2]:
                yield thing


def _place(thing: Any) -> tuple[datetime, str]:  # noqa: ANN401 - a bad row may be any JSON
    """Where a thing stands in its feed; at the beginning where that cannot be read."""
    fields = thing if isinstance(thing, dict) else {}
    changed, name = fields.get("updatedAt"), fields.get("id")
    try:
        at = moment_of(changed) if isinstance(changed, str) else BEGINNING
    except ValueError:
        at = BEGINNING
    return at, name if isinstance(name, str) else ""


def moment_of(text: str) -> datetime:
    """A time of the world; the beginning of time where there is none; raises `ValueError` otherwise."""
    return bounded_moment(text) if text else BEGINNING


def counted(world: World, tables: Mapping[str, str]) -> dict[str, int]:
    """How many rows each table has, under the name it is told by."""
    return {name: sum(1 for _ in world.rows(table)) for name, table in tables.items()}


def invalid(name: str, code: str) -> Refusal:
    """422 for one field."""
    return Refusal(422, "INVALID", "not valid", ({"field": name, "code": code, "message": ""},))


def json_reply(value: JsonValue, status: int = 200) -> SimReply:
    """An answer in JSON."""
    return SimReply(status, write_json(value), headers=(JSON_TYPE,))
