import pytest
from ebrvt_adapters.qlvb import Qlvb, QlvbClient, QlvbCredentials, QlvbSettings
from ebrvt_adapters.qlvb.sandbox import QlvbSimulator

from ebrvt_connect.ports.adapter import Surroundings
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.transport.http import HttpSettings
from tests.contract.qlvb.office import Desk

CONFIG = {"qlvb": {"username": "ebrvt", "password": "mật khẩu mẫu", "token": "t0ken"}}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def host(tmp_path, clock):
    with SandboxHost(tmp_path, {"qlvb": QlvbSimulator}, CONFIG, now=clock.now, tick_seconds=0) as started:
        yield started


@pytest.fixture
def desk(host, clock):
    """What happens inside the document system, and the faults it is told to play."""
    return Desk(host, clock)


@pytest.fixture
def settings(host):
    def make(**changes):
        fields = {
            "transport": HttpSettings(url=host.url("qlvb"), connect_seconds=2, read_seconds=5),
            "credentials": QlvbCredentials(username="ebrvt", password="mật khẩu mẫu"),
        }
        return QlvbSettings(**(fields | changes))

    return make


@pytest.fixture
def blobs():
    return MemoryBlobs()


@pytest.fixture
def client(settings, clock):
    with QlvbClient(settings(), clock) as opened:
        yield opened


@pytest.fixture
def open_adapter(settings, clock, blobs):
    opened = []

    def make(**changes):
        adapter = Qlvb.open(settings(**changes), Surroundings("qlvb", clock, blobs))
        opened.append(adapter)
        return adapter

    yield make
    for adapter in opened:
        adapter.close()


@pytest.fixture
def adapter(open_adapter):
    return open_adapter()
