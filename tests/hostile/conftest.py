import os

import pytest

from ebrvt_connect import VerifyLimits
from ebrvt_connect.testing.pki import SandboxPki
from tests.unit.trust.samples import Desk


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """One sandbox PKI for all; under xdist the workers share it."""
    base = tmp_path_factory.getbasetemp()
    return SandboxPki.open((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sandbox-pki")


@pytest.fixture(scope="session")
def desk(pki):
    return Desk(pki, pki.trust_store())


@pytest.fixture(scope="session")
def unhurried():
    """The usual limits, but by the clock of a busy machine: what a file costs is its processor time."""
    return VerifyLimits(wall_seconds=120.0)


@pytest.fixture(scope="session")
def issued(desk):
    """A sound document: leader and seal, each with a timestamp."""
    return desk.issued(timestamper=desk.stamped())
