"""How an answer leaves the sandbox (cách trả lời): whole, in part, late, twice, in drops, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.ports.simulator import SimReply
from ebrvt_connect.testing import sandbox_faults as faults
from ebrvt_connect.testing.wrong_answers import WRONG_ANSWERS, WrongAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import Send

    Stored = Callable[[str], AsyncGenerator[bytes, None]]

PIECE_BYTES = 256 * 1024
_NO_BODY = frozenset({204, 304})
_MOST_HEADER_BYTES = 64 * 1024 * 1024
_HEADER_LINE = b"X-Endless: " + b"x" * 1000 + b"\r\n"
_GATEWAY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class Client(Protocol):
    """The connection an answer goes to, below HTTP."""

    @property
    def gone(self) -> bool:
        """Whether nobody is there any more."""
        ...

    async def write(self, raw: bytes) -> None:
        """Send bytes as they are, once the bytes before have mostly left."""
        ...

    async def cut(self) -> None:
        """Close it after what is already written to it."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """What shall be told of a request that has been worked through."""

    reply: SimReply
    portion: float = 1.0
    """How much of the answer leaves before the connection is cut; 0 is not a word, 1 is all."""
    delay_seconds: float = 0.0
    down_seconds: float | None = None
    drop_seconds: float | None = None
    """Between two bytes, where it drips."""
    header_seconds: float | None = None
    """Between two headers, where they do not end."""
    twice: bool = False
    wrong: WrongAnswer | None = None
    """What is told in place of the reply."""


def spoiled(reply: SimReply, fault: faults.Fault) -> Delivery:
    """How a fault of `HOST_KINDS` tells a reply, or what it tells instead."""
    wish = () if fault.retry_after is None else (("retry-after", str(fault.retry_after)),)
    made = {
        faults.DOWN: lambda: Delivery(reply, down_seconds=fault.seconds),
        faults.HTML_502: lambda: Delivery(
            SimReply(HTTPStatus.BAD_GATEWAY, _GATEWAY_PAGE, headers=(("content-type", "text/html"),))
        ),
        faults.STATUS: lambda: Delivery(SimReply(fault.code, headers=wish)),
        faults.CUT_BEFORE: lambda: Delivery(reply, portion=0.0),
        faults.LOSE_REPLY: lambda: Delivery(reply, portion=0.0),
        faults.TRUNCATE: lambda: Delivery(reply, portion=0.5),
        faults.SLOW: lambda: Delivery(reply, delay_seconds=fault.seconds),
        faults.DRIP: lambda: Delivery(reply, drop_seconds=fault.seconds),
        faults.DUPLICATE_REPLY: lambda: Delivery(reply, twice=True),
        faults.ENDLESS_HEADERS: lambda: Delivery(reply, header_seconds=fault.seconds),
        faults.WRONG_ANSWER: lambda: Delivery(reply, wrong=WRONG_ANSWERS[fault.answer]),
    }
    return made[fault.kind]()


async def deliver(delivery: Delivery, send: Send, client: Client, stored: Stored) -> None:
    """Send the answer, or what shall leave in its place; a connection that shall be cut is cut at the end."""
    if delivery.header_seconds is not None:
        await _endless_headers(client, delivery.header_seconds)
        await client.cut()
    elif delivery.wrong is not None:
        await _wrong(send, delivery.wrong, client)
    elif not await _true(delivery, send, client, stored):
        await client.cut()
    elif delivery.twice:
        await client.write(await _as_bytes(delivery.reply, stored))


async def _true(delivery: Delivery, send: Send, client: Client, stored: Stored) -> bool:
    """Send the reply or the portion that shall leave; whether it was all."""
    reply = delivery.reply
    length = _length(reply)
    left = int(length * delivery.portion)
    if delivery.portion < 1 and not left:
        return False
    await send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})
    async with contextlib.aclosing(_pieces(reply, stored)) as pieces:
        async for part in _leaving(pieces, left, delivery.drop_seconds):
            if client.gone:
                return False
            await send({"type": "http.response.body", "body": part, "more_body": True})
    if delivery.portion < 1:
        return False
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    return True


async def _leaving(
    pieces: AsyncGenerator[bytes, None], left: int, drop_seconds: float | None
) -> AsyncGenerator[bytes, None]:
    """What may leave of these pieces, where it drips one byte after the other."""
    async for piece in pieces:
        if not left:
            return
        portion = piece[:left]
        left -= len(portion)
        if drop_seconds is None:
            yield portion
            continue
        for place in range(len(portion)):
            yield portion[place : place + 1]
            await asyncio.sleep(drop_seconds)


async def _wrong(send: Send, wrong: WrongAnswer, client: Client) -> None:
    """Send something that means nothing, once or a thousand times, while somebody is there."""
    headers = [(name.encode(), value.encode()) for name, value in wrong.headers]
    if wrong.media_type:
        headers.append((b"content-type", wrong.media_type.encode()))
    if wrong.announced:
        headers.append((b"content-length", str(wrong.size_bytes).encode()))
    await send({"type": "http.response.start", "status": wrong.status, "headers": headers})
    for _ in range(wrong.times):
        if client.gone:
            return
        await send({"type": "http.response.body", "body": wrong.body, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _endless_headers(client: Client, seconds: float) -> None:
    await client.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(_MOST_HEADER_BYTES // len(_HEADER_LINE)):
        if client.gone:
            return
        await client.write(_HEADER_LINE)
        await asyncio.sleep(seconds)


def _length(reply: SimReply) -> int:
    if reply.status in _NO_BODY:
        return 0
    return reply.blob.size_bytes if reply.blob else len(reply.body)


def _headers(reply: SimReply) -> list[tuple[bytes, bytes]]:
    headers = [
        (name.lower().encode(), value.encode())
        for name, value in reply.headers
        if name.lower() != "content-length"
    ]
    if reply.status not in _NO_BODY:
        headers.append((b"content-length", str(_length(reply)).encode()))
    return headers


async def _pieces(reply: SimReply, stored: Stored) -> AsyncGenerator[bytes, None]:
    if reply.blob is None:
        yield reply.body
        return
    async with contextlib.aclosing(stored(reply.blob.sha256)) as pieces:
        async for piece in pieces:
            yield piece


async def _as_bytes(reply: SimReply, stored: Stored) -> bytes:
    """The reply as it stands on the wire."""
    head = b"".join(name + b": " + value + b"\r\n" for name, value in _headers(reply))
    body = b"".join([piece async for piece in _pieces(reply, stored)]) if _length(reply) else b""
    return b"HTTP/1.1 %d OK\r\n%s\r\n%s" % (reply.status, head, body)
