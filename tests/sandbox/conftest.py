"""Opens the peers; lets the network be used for the hosts that were configured, in this folder only."""

import functools
import inspect
import os
from pathlib import Path

import pytest
from ebrvt_adapters.baocao import BaocaoClient
from ebrvt_adapters.dvcqg import DvcqgClient
from ebrvt_adapters.motcua import MotcuaClient
from ebrvt_adapters.qlvb import QlvbClient
from ebrvt_adapters.vxp import Packet, Vxp, VxpClient
from ebrvt_adapters.vxp.wire import MessageType

from ebrvt_connect.codec.edxml_write import write_document
from ebrvt_connect.errors import ConnectError
from ebrvt_connect.model.ids import CodeForm
from ebrvt_connect.ports.adapter import Surroundings
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.transport.clock import SystemClock
from tests.sandbox import simulated
from tests.sandbox.peers import (
    LOOPBACK,
    PREFIX,
    SYSTEMS,
    WrongVariablesError,
    allowed_hosts,
    axis_at,
    document_system_at,
    one_stop_at,
    portal_at,
    refuse_misspelt,
    reporting_at,
)
from tests.sandbox.samples import AGENCY_NAME, Sent, sample_document, signed_letter, work_of

FOLDER = Path(__file__).parent
LONGEST_SECONDS = 600
"""A real endpoint may be slow, and the suite waits for it."""
LEARNT = "learnt"
"""A property of a test's report: something the endpoint showed."""


def pytest_collection_modifyitems(items):
    hosts = allowed_hosts(os.environ)
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.allow_hosts(hosts))
            item.add_marker(pytest.mark.timeout(LONGEST_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Tells a failure for the province: the endpoint's error in place of our call stack, and what it means.

    The meaning is the test's own docstring, shown also where a fixture failed before the test began.
    """
    report = yield
    if report.failed and item.path.is_relative_to(FOLDER):
        failure = call.excinfo.value
        if isinstance(failure, ConnectError):
            report.longrepr = f"{failure}\n{failure.explanation_vi}\n{failure.advice_vi}"
        if item.obj.__doc__:
            report.sections.append(("what this means", inspect.cleandoc(item.obj.__doc__)))
    return report


def pytest_report_header():
    told = (f"{name} = {os.environ.get(f'{PREFIX}{name}_URL') or 'simulated'}" for name in SYSTEMS)
    return f"sandbox peers: {', '.join(told)}"


def pytest_terminal_summary(terminalreporter):
    learnt = {
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == LEARNT
    }
    if learnt and len(allowed_hosts(os.environ)) > len(LOOPBACK):
        terminalreporter.section("what the endpoints showed")
        for text in sorted(learnt):
            terminalreporter.line(text)


@pytest.fixture
def learn(record_property):
    """Notes for the end of the run what an endpoint showed; never a secret."""
    return lambda text: record_property(LEARNT, text)


def read_variables(read):
    try:
        refuse_misspelt(os.environ)
        return read(os.environ)
    except WrongVariablesError as wrong:
        pytest.fail(str(wrong), pytrace=False)


def peer_of(request, read, system, account):
    """The endpoint of the variables, else our simulator in its place."""
    return read_variables(read) or simulated.in_place(read, request.getfixturevalue("host"), system, account)


@pytest.fixture(scope="session")
def clock():
    return SystemClock()


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    """The simulators; started by whoever first needs one."""
    with simulated.simulators(tmp_path_factory.mktemp("host")) as started:
        yield started


@pytest.fixture(scope="session")
def letter_of(clock, tmp_path_factory):
    """Makes a signed PDF of an agency: the one the province named, else a sample signed by the test PKI."""

    @functools.cache
    def make(agency):
        if own := os.environ.get(f"{PREFIX}DOCUMENT"):
            return Path(own).read_bytes()
        if agency.form is CodeForm.OTHER:
            pytest.skip(f"the test PKI signs for official agency codes: set {PREFIX}DOCUMENT to a signed PDF")
        pki = SandboxPki.open(tmp_path_factory.mktemp("pki") / "keys", {agency.text: AGENCY_NAME})
        return signed_letter(pki, agency, clock.now())

    return make


# --- the axis ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def axis_peer(request):
    configured = read_variables(axis_at)
    return configured or simulated.simulated_axis(request.getfixturevalue("host"), simulated.OURS)


@pytest.fixture(scope="session")
def axis(axis_peer, clock):
    """The client alone, as a developer would use it."""
    with VxpClient(axis_peer.settings, clock, system="axis") as client:
        yield client


@pytest.fixture(scope="session")
def blobs():
    return MemoryBlobs()


@pytest.fixture(scope="session")
def adapter(axis_peer, clock, blobs):
    """The adapter as the daemon uses it."""
    opened = Vxp.open(axis_peer.settings, Surroundings(system="axis", clock=clock, blobs=blobs))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def sent(axis_peer, adapter, letter_of, clock, blobs):
    """One signed document, handed over once and used by every test that needs one sent."""
    now = clock.now()
    letter = letter_of(axis_peer.sender)
    document = sample_document(axis_peer.sender, axis_peer.recipient, letter, blobs, now)
    work = work_of(document, now)
    payload = adapter.prepare(work)
    return Sent(document, work, payload, adapter.submit(work, payload))


@pytest.fixture(scope="session")
def coming_from(axis_peer, letter_of, clock, blobs, request):
    """Who has sent us a sample, where that is in our hands: the neighbour on the simulator, or ourselves."""
    if axis_peer.simulated:
        neighbour = simulated.simulated_axis(request.getfixturevalue("host"), simulated.NEIGHBOUR)
        letter = letter_of(neighbour.sender)
        document = sample_document(neighbour.sender, neighbour.recipient, letter, blobs, clock.now())
        packet = Packet.of(b"".join(write_document(document, blobs, passed_at=clock.now())))
        with VxpClient(neighbour.settings, clock) as other_side:
            other_side.send(packet, MessageType.EDOC, sender=neighbour.sender.text)
        return neighbour.sender
    if axis_peer.comes_back:
        return request.getfixturevalue("sent").document.issuer.code
    return None


# --- the document system ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def dms_peer(request):
    return peer_of(request, document_system_at, "qlvb", simulated.DOCUMENT_SYSTEM)


@pytest.fixture(scope="session")
def dms(dms_peer, clock):
    """The client alone, as a developer would use it."""
    with QlvbClient(dms_peer.settings, clock, system="qlvb") as client:
        yield client


# --- the one-stop shop ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shop_peer(request):
    return peer_of(request, one_stop_at, "motcua", simulated.ONE_STOP)


@pytest.fixture(scope="session")
def shop(shop_peer, clock):
    """The client alone, as a developer would use it."""
    with MotcuaClient(shop_peer.settings, clock, system="motcua") as client:
        yield client


# --- the portal -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def portal_peer(request):
    return peer_of(request, portal_at, "dvcqg", simulated.PORTAL)


@pytest.fixture(scope="session")
def portal(portal_peer, clock):
    """The client alone, as a developer would use it."""
    with DvcqgClient(portal_peer.settings, clock, system="dvcqg") as client:
        yield client


# --- the reporting software -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def reporting_peer(request):
    if configured := read_variables(reporting_at):
        return configured
    host = request.getfixturevalue("host")
    return simulated.in_place(reporting_at, host, "baocao", host.reporting)


@pytest.fixture(scope="session")
def ministry(reporting_peer, clock):
    """The client alone, as a developer would use it."""
    with BaocaoClient(reporting_peer.settings, clock, system="baocao") as client:
        yield client
