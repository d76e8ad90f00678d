"""The sandbox's control address: state, journal, faults, samples. It bends simulators, never the daemon."""

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

    from ebrvt_connect.testing.sandbox_seat import Seat

    Arm = Callable[[list[faults.Fault]], list[str]]

_FAULTS = TypeAdapter(list[faults.Fault])


def control_app(seats: Mapping[str, Seat], arm: Arm, now: Callable[[], datetime]) -> Starlette:
    """The control application over the given seats."""
    control = _Control(seats, arm, now)
    return Starlette(
        routes=[
            Route("/_sandbox/state", control.state),
            Route("/_sandbox/time", control.time),
            Route("/_sandbox/journal", control.journal),
            Route("/_sandbox/faults", control.faults, methods=["GET", "POST", "DELETE"]),
            Route("/_sandbox/seed", control.seed, methods=["POST"]),
            Route("/_sandbox/blob", control.blob, methods=["PUT"]),
        ],
        exception_handlers={_WrongCallError: _explain_wrong_call},
    )


class _WrongCallError(ValueError):
    """The control call itself is wrong; told with status 400."""


async def _explain_wrong_call(_: Request, failure: Exception) -> JSONResponse:
    return JSONResponse({"message": str(failure)}, status_code=400)


class _Control:
    def __init__(self, seats: Mapping[str, Seat], arm: Arm, now: Callable[[], datetime]) -> None:
        self._seats = seats
        self._arm = arm
        self._now = now

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
            given = json.loads(await request.body())
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
            call = await request.json()
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
            async for chunk in request.stream():
                spool.write(chunk)
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
