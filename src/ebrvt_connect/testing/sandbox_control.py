"""The sandbox's control address: state, journal, faults, samples. It bends simulators, never the daemon.

It answers programs of this machine only. A page in a browser on it could otherwise reach loopback, by its
own address or by a name that is made to point here; so the `Host` must be ours, an `Origin` must not be
there, and a POST must be JSON, which no form can send.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ebrvt_connect.testing import sandbox_faults as faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from starlette.types import ASGIApp, Receive, Scope, Send

    from ebrvt_connect.testing.sandbox_seat import Seat

    Arm = Callable[[list[faults.Fault]], list[str]]

_OUR_NAMES = ("127.0.0.1", "localhost", "[::1]")
_FAULTS = TypeAdapter(list[faults.Fault])


def control_app(
    seats: Mapping[str, Seat], arm: Arm, now: Callable[[], datetime], max_body_bytes: int
) -> ASGIApp:
    """The control application over the given seats; a body longer than `max_body_bytes` is refused."""
    control = _Control(seats, arm, now, max_body_bytes)
    return _Doorkeeper(_application(control))


def _application(control: _Control) -> Starlette:
    return Starlette(
        routes=[
            Route("/_sandbox/state", control.state),
            Route("/_sandbox/time", control.time),
            Route("/_sandbox/journal", control.journal),
            Route("/_sandbox/faults", control.faults, methods=["GET", "POST", "DELETE"]),
            Route("/_sandbox/seed", control.seed, methods=["POST"]),
            Route("/_sandbox/blob", control.blob, methods=["PUT"]),
        ],
        exception_handlers={_WrongCallError: _explain_wrong_call, _TooLongError: _explain_too_long},
    )


class _Doorkeeper:
    """Turns away what did not come from a program of this machine, before anything is looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(Request(scope))
        await (refusal or self._app)(scope, receive, send)


def _refusal(request: Request) -> JSONResponse | None:
    """The answer to a call that must not go on: 403, or 415 for a POST that is no JSON."""
    port = request.scope["server"][1]
    if request.headers.getlist("host") not in [[f"{name}:{port}"] for name in _OUR_NAMES]:
        return _message(403, f"the Host must be one of {', '.join(_OUR_NAMES)} with port {port}")
    if "origin" in request.headers:
        return _message(403, "a web page (a call with an Origin) has no business here")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind != "application/json":
        return _message(415, "a POST must have Content-Type application/json")
    return None


def _message(status: int, text: str) -> JSONResponse:
    return JSONResponse({"message": text}, status_code=status)


class _WrongCallError(ValueError):
    """The control call itself is wrong; told with status 400."""


async def _explain_wrong_call(_: Request, failure: Exception) -> JSONResponse:
    return _message(400, str(failure))


class _TooLongError(Exception):
    """The body is longer than the host takes; told with status 413."""


async def _explain_too_long(_: Request, failure: Exception) -> JSONResponse:
    return _message(413, str(failure))


class _Control:
    def __init__(
        self, seats: Mapping[str, Seat], arm: Arm, now: Callable[[], datetime], max_body_bytes: int
    ) -> None:
        self._seats = seats
        self._arm = arm
        self._now = now
        self._max_body_bytes = max_body_bytes

    async def _read(self, request: Request, write: Callable[[bytes], object]) -> None:
        """Hand the body on up to the limit; the rest is read and dropped, so that the caller hears why."""
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size <= self._max_body_bytes:
                write(chunk)
        if size > self._max_body_bytes:
            msg = f"the body exceeds {self._max_body_bytes} bytes"
            raise _TooLongError(msg)

    async def _json(self, request: Request) -> Any:  # noqa: ANN401 - whatever the caller sends
        body = bytearray()
        await self._read(request, body.extend)
        return json.loads(body)

    def _seat(self, name: object) -> Seat:
        try:
            return self._seats[str(name)]
        except KeyError:
            msg = f"no simulator named {name!r} here; there are {', '.join(self._seats)}"
            raise _WrongCallError(msg) from None

    async def state(self, _: Request) -> JSONResponse:
        """What each simulator has and whether it listens."""
        found = {name: await run_in_threadpool(seat.summary) for name, seat in self._seats.items()}
        return JSONResponse({"systems": found, "now": self._now().isoformat()})

    async def time(self, _: Request) -> JSONResponse:
        """The sandbox's clock."""
        return JSONResponse({"now": self._now().isoformat()})

    async def journal(self, request: Request) -> JSONResponse:
        """Journal entries of one simulator (`system`) or all, past `after`, each naming its system."""
        wanted = request.query_params.get("system")
        names = [wanted] if wanted else list(self._seats)
        after = _number(request.query_params.get("after", "0"))
        entries = await run_in_threadpool(self._entries, names, after)
        return JSONResponse({"entries": entries})

    def _entries(self, names: list[str], after: int) -> list[dict[str, Any]]:
        return [
            {**entry, "system": name}
            for name in names
            for entry in self._seat(name).world.journal_after(after)
        ]

    async def faults(self, request: Request) -> JSONResponse:
        """POST arms a list of faults, bare or under `faults`; GET lists all with `seen` and `fired`.

        DELETE forgets them.
        """
        if request.method == "GET":
            return JSONResponse({"faults": await run_in_threadpool(self._listed)})
        if request.method == "DELETE":
            for seat in self._seats.values():
                await run_in_threadpool(_disarm, seat)
            return JSONResponse({"faults": []})
        try:
            given = await self._json(request)
            plan = _FAULTS.validate_python(given["faults"] if isinstance(given, dict) else given)
        except (ValueError, KeyError) as failure:
            raise _WrongCallError(str(failure)) from failure
        for fault in plan:
            self._seat(fault.system)
        return JSONResponse({"armed": await run_in_threadpool(self._arm, plan)})

    def _listed(self) -> list[dict[str, Any]]:
        return [row for seat in self._seats.values() for row in faults.armed(seat.world)]

    async def seed(self, request: Request) -> JSONResponse:
        """Put sample things into one simulator: `{"system", "data"}`."""
        try:
            call = await self._json(request)
            name, data = call["system"], dict(call["data"])
        except (ValueError, KeyError, TypeError) as failure:
            msg = 'expected {"system": name, "data": {...}}'
            raise _WrongCallError(msg) from failure
        try:
            return JSONResponse(await run_in_threadpool(_seed_committed, self._seat(name), data))
        except (ValueError, KeyError, TypeError) as failure:
            msg = f"{name} refused the samples: {type(failure).__name__}: {failure}"
            raise _WrongCallError(msg) from failure

    async def blob(self, request: Request) -> JSONResponse:
        """Keep the raw body in one simulator's world; answers its SHA-256 and size."""
        seat = self._seat(request.query_params.get("system"))
        with seat.world.spool() as spool:
            await self._read(request, spool.write)
            kept = await run_in_threadpool(spool.keep)
        return JSONResponse(kept.model_dump())


def _disarm(seat: Seat) -> None:
    with seat.held():
        faults.disarm_all(seat.world)


def _seed_committed(seat: Seat, data: dict[str, Any]) -> dict[str, Any]:
    with seat.held() as simulator:
        return simulator.seed(data)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        msg = f"expected a number, got {text[:40]!r}"
        raise _WrongCallError(msg) from None
