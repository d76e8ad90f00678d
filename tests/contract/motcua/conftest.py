import pytest
from ebrvt_adapters.motcua import Motcua, MotcuaClient, MotcuaCredentials, MotcuaSettings
from ebrvt_adapters.motcua.sandbox import MotcuaSimulator

from ebrvt_connect.ports.adapter import Surroundings
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.transport.http import HttpSettings
from tests.contract.motcua.shop import Counter

CONFIG = {"motcua": {"username": "ebrvt", "password": "mật khẩu mẫu", "token": "t0ken"}}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def host(tmp_path, clock):
    with SandboxHost(tmp_path, {"motcua": MotcuaSimulator}, CONFIG, now=clock.now, tick_seconds=0) as started:
        yield started


@pytest.fixture
def counter(host, clock):
    """What happens inside the one-stop shop, and the faults it is told to play."""
    return Counter(host, clock)


@pytest.fixture
def settings(host):
    def make(**changes):
        fields = {
            "transport": HttpSettings(url=host.url("motcua"), connect_seconds=2, read_seconds=5),
            "credentials": MotcuaCredentials(username="ebrvt", password="mật khẩu mẫu"),
        }
        return MotcuaSettings(**(fields | changes))

    return make


@pytest.fixture
def blobs():
    return MemoryBlobs()


@pytest.fixture
def client(settings, clock):
    with MotcuaClient(settings(), clock) as opened:
        yield opened


@pytest.fixture
def open_adapter(settings, clock, blobs):
    opened = []

    def make(**changes):
        adapter = Motcua.open(settings(**changes), Surroundings("motcua", clock, blobs))
        opened.append(adapter)
        return adapter

    yield make
    for adapter in opened:
        adapter.close()


@pytest.fixture
def adapter(open_adapter):
    return open_adapter()
