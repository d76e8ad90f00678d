from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ebrvt_adapters.dvcqg import Dvcqg
from ebrvt_adapters.dvcqg.sandbox import DvcqgSimulator

from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sandbox_host import SandboxHost
from tests.contract.dvcqg.desk import ACCOUNT, Link, settings_for, surroundings


@pytest.fixture
def linked(tmp_path) -> Iterator[Callable[..., Link]]:
    """Makes a link: settings by keyword, the simulator's table by `account`, its class by `simulator`."""
    links: list[Link] = []

    def link(
        account: Any = None, simulator: type[DvcqgSimulator] = DvcqgSimulator, seed: int = 0, **settings: Any
    ) -> Link:
        clock, blobs = FakeClock(), MemoryBlobs()
        host = SandboxHost(
            tmp_path / f"host{len(links)}",
            systems={"dvcqg": simulator},
            config={"dvcqg": [{**ACCOUNT, **(account or {})}]},
            seed=seed,
            now=clock.now,
            tick_seconds=0,
        ).start()
        adapter = Dvcqg.open(settings_for(host.url("dvcqg"), **settings), surroundings(clock, blobs))
        links.append(Link(host, adapter, blobs, clock))
        return links[-1]

    yield link
    for made in links:
        made.adapter.close()
        made.host.stop()
