"""What a simulated remote is to its host: pure answers over a durable world.

A simulator obeys the contract and refuses what the remote would refuse. It says in `synthetic` what
was made up. The host speaks HTTP, injects faults and calls `tick`; the world is committed before the
answer leaves, so a kill -9 loses nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ebrvt_connect.model.message import BlobRef


@dataclass(frozen=True, slots=True)
class SimRequest:
    """A request as it came: headers as raw bytes in their order, the body spooled to a blob."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[bytes, bytes], ...]
    body: BlobRef
    fault: str = ""
    """A fault of the simulator's own to play for this request (`reject-timestamp`, `duplicate`)."""

    def header(self, name: str) -> str | None:
        """The first value of a header, decoded as UTF-8 (replacing what is not); None when absent."""
        wanted = name.lower().encode()
        for key, value in self.headers:
            if key.lower() == wanted:
                return value.decode("utf-8", "replace")
        return None


@dataclass(frozen=True, slots=True)
class SimReply:
    """An answer: small bytes, or a blob of the world to be streamed."""

    status: int = 200
    body: bytes = b""
    blob: BlobRef | None = None
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json; charset=utf-8"),)


class World(Protocol):
    """The durable state of a simulated remote: tables of JSON rows by key, blobs, and a journal of events."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit all within at the end, or nothing; re-entrant; one at a time."""
        ...

    def put(self, table: str, key: str, row: Mapping[str, Any]) -> None:
        """Insert or replace a row."""
        ...

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        """A row, or None."""
        ...

    def delete(self, table: str, key: str) -> None:
        """Remove a row if it is there."""
        ...

    def rows(self, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """All rows of a table in the order they were first put."""
        ...

    def keep(self, chunks: Iterable[bytes]) -> BlobRef:
        """Keep bytes by their SHA-256."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Read kept bytes; raises `KeyError`."""
        ...

    def journal(self, event: str, **facts: object) -> None:
        """Append to the journal (with a sequence number and the time)."""
        ...

    def journal_entries(self) -> Iterator[dict[str, Any]]:
        """The journal from its beginning: `{"seq", "at", "event", ...facts}`."""
        ...


@dataclass(frozen=True, slots=True)
class SimulatorSeat:
    """What a simulator is handed: its world, a seed, and its table of the sandbox's TOML."""

    world: World
    seed: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)


class Simulator(ABC):
    """A simulated remote. Attributes of an instance are plain, so a test can bump them."""

    name: ClassVar[str]
    synthetic: ClassVar[tuple[str, ...]] = ()
    """What of this simulator's behaviour is made up."""

    @classmethod
    @abstractmethod
    def open(cls, seat: SimulatorSeat) -> Self:
        """Take up the world where it was left."""

    @abstractmethod
    def answer(self, request: SimRequest, now: datetime) -> SimReply:
        """Answer one request; all its effects are in the world's transaction when it returns."""

    @abstractmethod
    def operation(self, request: SimRequest) -> str:
        """The name faults and journals know the request by (`sendEdoc`, `POST /api/incoming`)."""

    @abstractmethod
    def credentials(self) -> dict[str, Any]:
        """What a client needs to be let in (plain: they open nothing but the simulator)."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """A summary for `GET /_sandbox/state`: counts of what matters."""

    @abstractmethod
    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Put sample things in (control call `POST /_sandbox/seed`); the same id again changes nothing."""

    def tick(self, now: datetime) -> None:  # noqa: B027 - a world may stand still
        """Let time pass: recipients and clerks play their part (nothing by default)."""
