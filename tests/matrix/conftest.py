import os

import pytest

from ebrvt_connect.testing.pki import SandboxPki
from tests.matrix.making import Workshop
from tests.unit.trust.samples import Desk


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    """The sandbox's keys; under xdist the workers share them, with the tests of `trust` too."""
    base = tmp_path_factory.getbasetemp()
    pki = SandboxPki.open((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sandbox-pki")
    return Desk(pki, pki.trust_store())


@pytest.fixture(scope="session")
def workshop(desk):
    return Workshop(desk)
