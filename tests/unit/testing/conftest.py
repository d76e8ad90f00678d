import pytest
import requests

from ebrvt_connect.testing.sandbox_host import SandboxHost
from tests.unit.testing.echo_simulator import Echo


@pytest.fixture
def echo_type():
    return Echo


@pytest.fixture
def host(tmp_path):
    with SandboxHost(tmp_path, {"echo": Echo}, tick_seconds=0) as started:
        yield started


@pytest.fixture
def http():
    with requests.Session() as session:
        session.trust_env = False
        yield session
