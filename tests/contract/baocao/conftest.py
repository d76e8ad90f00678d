import os

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from ebrvt_adapters.baocao import Baocao, BaocaoClient, BaocaoCredentials, BaocaoSettings
from ebrvt_adapters.baocao.sandbox import BaocaoSimulator

from ebrvt_connect.ports.adapter import Surroundings
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.transport.http import HttpSettings
from tests.contract.baocao.ministry import PASSWORD, SENDER, USERNAME, Caller, Desk

KEY_PASSWORD = "mở khóa"


@pytest.fixture(scope="session")
def sandbox_pki(tmp_path_factory):
    """Made once for all test processes: keys take some seconds."""
    base = tmp_path_factory.getbasetemp()
    return SandboxPki.open((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sandbox-pki")


@pytest.fixture(scope="session")
def seal(sandbox_pki):
    """The seal that signs packets."""
    return sandbox_pki.signer(SENDER)


@pytest.fixture(scope="session")
def key_file(sandbox_pki, tmp_path_factory):
    identity = sandbox_pki.identity(f"{SENDER}-agency-good")
    path = tmp_path_factory.mktemp("keys") / "stttt.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"seal",
            identity.key,
            identity.certificate,
            identity.chain,
            BestAvailableEncryption(KEY_PASSWORD.encode()),
        )
    )
    return path


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def habits():
    """What a test wants different in the simulator's table."""
    return {}


@pytest.fixture
def host(tmp_path, clock, seal, habits):
    table = {
        "username": USERNAME,
        "password": PASSWORD,
        "senders": {seal.certificate_sha256: [SENDER]},
        "pace_seconds": 10,
        **habits,
    }
    systems = {"baocao": BaocaoSimulator}
    with SandboxHost(tmp_path, systems, {"baocao": table}, now=clock.now, tick_seconds=0) as started:
        yield started


@pytest.fixture
def desk(host, clock):
    """What happens inside the ministry, and the faults it is told to play."""
    return Desk(host, clock)


@pytest.fixture
def caller(host, clock):
    return Caller(host.url("baocao"), clock)


@pytest.fixture
def settings(host, key_file):
    def make(password=PASSWORD, url=None, **changes):
        fields = {
            "transport": HttpSettings(url=url or host.url("baocao"), connect_seconds=2, read_seconds=5),
            "credentials": BaocaoCredentials(
                username=USERNAME, password=password, pkcs12=key_file, pkcs12_password=KEY_PASSWORD
            ),
            "poll_seconds": 60,
        }
        return BaocaoSettings(**(fields | changes))

    return make


@pytest.fixture
def blobs():
    return MemoryBlobs()


@pytest.fixture
def client(settings, clock):
    with BaocaoClient(settings(), clock) as opened:
        yield opened


@pytest.fixture
def open_adapter(settings, clock, blobs):
    opened = []

    def make(**changes):
        adapter = Baocao.open(settings(**changes), Surroundings("baocao", clock, blobs))
        opened.append(adapter)
        return adapter

    yield make
    for adapter in opened:
        adapter.close()


@pytest.fixture
def adapter(open_adapter):
    return open_adapter()
