from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ebrvt_adapters.vxp import Vxp
from ebrvt_adapters.vxp.sandbox import VxpSimulator

from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sandbox_host import SandboxHost
from tests.contract.vxp.exchange import ACCOUNT, Link, settings_for, surroundings


@pytest.fixture
def linked(tmp_path) -> Iterator[Callable[..., Link]]:
    """Makes a link: settings by keyword, the simulator's accounts by `accounts`."""
    links: list[Link] = []

    def link(accounts: Any = (ACCOUNT,), **settings: Any) -> Link:
        clock, blobs = FakeClock(), MemoryBlobs()
        host = SandboxHost(
            tmp_path / f"host{len(links)}",
            systems={"vxp": VxpSimulator},
            config={"vxp": list(accounts)},
            now=clock.now,
            tick_seconds=0,
        ).start()
        adapter = Vxp.open(settings_for(host.url("vxp"), **settings), surroundings(clock, blobs))
        links.append(Link(host, adapter, blobs, clock))
        return links[-1]

    yield link
    for made in links:
        made.adapter.close()
        made.host.stop()
