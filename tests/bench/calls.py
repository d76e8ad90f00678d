"""HTTP calls per second on loopback: HttpTransport against a bare requests session and bare urllib3.

Each call posts a small JSON body and reads a small answer on a connection that is kept. Ours adds the
deadline over the whole call, limits on the answer and refusal of what would not go over the wire as
written; the peers stand for the loops one would write by hand.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import requests
import urllib3

from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.http import HttpRequest, HttpSettings, HttpTransport
from tests.bench.loopback import Loopback
from tests.bench.measure import Act, Figure, Setup, rates

if TYPE_CHECKING:
    from collections.abc import Callable

_BODY = b'{"docId": "1", "status": "done"}'
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
_THREADS = 4


def measure(setup: Setup) -> list[Figure]:
    with Loopback() as url:
        transport = HttpTransport(HttpSettings(url=url), system="loopback", clock=SystemClock())
        pool = urllib3.PoolManager(maxsize=16, retries=False)
        session = requests.Session()
        session.trust_env = False
        address, alike = url + "/ack", {"headers": _HEADERS, "timeout": 30}
        calls = {
            "": lambda: transport.send(request()),
            "requests.Session": lambda: session.post(address, data=_BODY, **alike).content,
            "urllib3": lambda: pool.request("POST", address, body=_BODY, **alike).data,
        }
        found = contest("one after the other", in_turn, calls, setup)
        # A requests session is not promised to be safe to share; ours and urllib3's pool are.
        del calls["requests.Session"]
        found += contest(f"from {_THREADS} threads", at_once, calls, setup)
        transport.close()
    return found


def contest(
    what: str,
    way: Callable[[Callable[[], object]], Act],
    calls: dict[str, Callable[[], object]],
    setup: Setup,
) -> list[Figure]:
    ours, *peers = ((name, way(call)) for name, call in calls.items())
    return rates(what, ours[1], dict(peers), setup.sizes)


def request() -> HttpRequest:
    return HttpRequest(
        operation="updateStatus",
        method="POST",
        path="/ack",
        headers=tuple(_HEADERS.items()),
        body=_BODY,
        safe=True,
    )


def in_turn(call: Callable[[], object]) -> Act:
    def turns(count: int) -> None:
        for _ in range(count):
            call()

    return turns


def at_once(call: Callable[[], object]) -> Act:
    def turns(count: int) -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            for done in [pool.submit(call) for _ in range(count)]:
                done.result()

    return turns
