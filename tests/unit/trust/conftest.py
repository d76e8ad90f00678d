import os

import pytest

from ebrvt_connect.testing.pki import SandboxPki
from tests.unit.trust.both_ways import short_cuts_watched
from tests.unit.trust.pdf_both_ways import pdf_short_cuts_watched
from tests.unit.trust.samples import AGENCY, Desk


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """One sandbox PKI for all; under xdist the workers share it."""
    base = tmp_path_factory.getbasetemp()
    return SandboxPki.open((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sandbox-pki")


@pytest.fixture(scope="session")
def trust(pki):
    return pki.trust_store()


@pytest.fixture(scope="session")
def desk(pki, trust):
    return Desk(pki, trust)


@pytest.fixture(scope="session")
def seal(pki):
    """The agency's signing key."""
    return pki.signer(AGENCY)


@pytest.fixture(scope="session")
def issued(desk):
    """A sound document: leader and seal, each with a timestamp."""
    return desk.issued(timestamper=desk.stamped())


@pytest.fixture(autouse=True)
def nothing_is_proven_that_signxml_denies():
    """Of every XML file in these tests, attacks above all."""
    with short_cuts_watched() as differences:
        yield
    assert not differences


@pytest.fixture(autouse=True)
def nothing_is_read_that_pyhanko_reads_otherwise():
    """Of every PDF in these tests, attacks above all."""
    with pdf_short_cuts_watched() as differences:
        yield
    assert not differences
