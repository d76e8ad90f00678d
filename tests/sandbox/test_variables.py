"""How the variables are read: what is meant is done, what cannot be meant is said, secrets are not shown."""

import re
import socket
from pathlib import Path

import pytest
from pytest_socket import SocketConnectBlockedError

from ebrvt_connect.model.ids import AgencyCode
from tests.sandbox.peers import (
    LOOPBACK,
    NAMES,
    PREFIX,
    WrongVariablesError,
    allowed_hosts,
    axis_at,
    document_system_at,
    one_stop_at,
    portal_at,
    refuse_misspelt,
    reporting_at,
)

AXIS = {
    "VXP_URL": "http://10.0.0.8:8280",
    "VXP_SYSTEMID": "sys.01",
    "VXP_SECRET": "hush",
    "VXP_AGENCIES": "H06.15, 000.00.00.H06",
}
OFFICE = {"QLVB_URL": "https://qlvb.example", "QLVB_AGENCY": "H06.15", "QLVB_TOKEN": "hush"}

SHOP = {"MOTCUA_URL": "https://motcua.example", "MOTCUA_TOKEN": "hush"}
PORTAL = {
    "DVCQG_URL": "http://10.0.0.9:8080",
    "DVCQG_USERNAME": "brvt_mc",
    "DVCQG_PASSWORD": "hush",
    "DVCQG_UNIT": "000.00.00.H06",
    "DVCQG_DSTCODE": "VN:GOV:dvcqg",
    "DVCQG_PROCEDURE": "1.003560.000.00.00.H06",
}
MINISTRY = {
    "BAOCAO_URL": "https://baocao.example",
    "BAOCAO_USERNAME": "brvt",
    "BAOCAO_PASSWORD": "hush",
    "BAOCAO_KEY": "seal.p12",
    "BAOCAO_SENDER": "H06.15",
    "BAOCAO_RECEIVER": "G14",
}


def set_to(*names, **changes):
    return {PREFIX + name: text for name, text in {**dict(*names), **changes}.items()}


def test_without_variables_there_is_no_endpoint():
    assert axis_at({"PATH": "/bin"}) is None
    for read in (document_system_at, one_stop_at, portal_at, reporting_at):
        assert read(set_to(AXIS)) is None


def test_axis_is_made_from_its_variables():
    given = set_to(AXIS, VXP_CA="ca.pem", VXP_SETTINGS='{"fetch_by": "getEdoc"}', PATIENCE="7")

    peer = axis_at(given)

    assert (peer.sender, peer.recipient) == (AgencyCode("H06.15"), AgencyCode("000.00.00.H06"))
    assert (peer.settings.transport.url, peer.settings.transport.ca) == (AXIS["VXP_URL"], Path("ca.pem"))
    assert peer.settings.credentials.secret.get_secret_value() == "hush"
    assert (peer.settings.fetch_by, peer.patience_seconds, peer.simulated) == ("getEdoc", 7.0, False)
    assert peer.comes_back


def test_recipient_of_another_system_does_not_come_back():
    assert not axis_at(set_to(AXIS, VXP_RECIPIENT="000.00.00.G22")).comes_back


@pytest.mark.parametrize(
    ("login", "header"),
    [
        ({"QLVB_TOKEN": "hush"}, "Bearer hush"),
        ({"QLVB_TOKEN": "", "QLVB_USERNAME": "a", "QLVB_PASSWORD": "b"}, "Basic YTpi"),
    ],
)
def test_document_system_is_logged_in_to_either_way(login, header):
    assert document_system_at(set_to(OFFICE, **login)).settings.credentials.authorization == header


def test_one_stop_shop_is_made_from_its_variables():
    peer = one_stop_at(set_to(SHOP, MOTCUA_DOSSIER="H06.15-261123-0001"))

    assert peer.settings.credentials.authorization == "Bearer hush"
    assert peer.dossier == "H06.15-261123-0001"
    assert one_stop_at(set_to(SHOP)).dossier == ""


def test_portal_is_made_from_its_variables():
    peer = portal_at(set_to(PORTAL, DVCQG_AGENCY="H06.15", PATIENCE="7"))

    assert (peer.settings.unit, peer.settings.dstcode) == (AgencyCode("000.00.00.H06"), "VN:GOV:dvcqg")
    assert (peer.agency, str(peer.procedure)) == (AgencyCode("H06.15"), PORTAL["DVCQG_PROCEDURE"])
    assert peer.patience_seconds == 7
    assert portal_at(set_to(PORTAL)).agency == AgencyCode("000.00.00.H06")


def test_reporting_software_is_made_from_its_variables():
    peer = reporting_at(set_to(MINISTRY, BAOCAO_KEY_PASSWORD="hush", BAOCAO_TEMPLATE="M-1"))

    assert peer.settings.credentials.pkcs12 == Path("seal.p12")
    assert (peer.sender, peer.organization, peer.receiver) == (
        AgencyCode("H06.15"),
        AgencyCode("H06.15"),
        AgencyCode("G14"),
    )
    assert (peer.template, reporting_at(set_to(MINISTRY)).template) == ("M-1", "NQ17-Q")


WRONG = {
    "secret_missing": (axis_at, set_to(AXIS, VXP_SECRET=""), "VXP_SECRET"),
    "address_missing": (axis_at, set_to(VXP_SECRET="hush"), "VXP_URL"),
    "agency_missing": (document_system_at, set_to(OFFICE, QLVB_AGENCY=""), "QLVB_AGENCY"),
    "two_logins": (
        document_system_at,
        set_to(OFFICE, QLVB_USERNAME="a", QLVB_PASSWORD="hush"),
        "credentials",
    ),
    "no_code": (axis_at, set_to(AXIS, VXP_RECIPIENT="Sở Mẫu"), "VXP_RECIPIENT"),
    "no_codes": (axis_at, set_to(AXIS, VXP_AGENCIES="H06.15; H06"), "agencies"),
    "no_address": (axis_at, set_to(AXIS, VXP_URL="10.0.0.8"), "url"),
    "no_number": (axis_at, set_to(AXIS, PATIENCE="long"), "PATIENCE"),
    "no_json": (axis_at, set_to(AXIS, VXP_SETTINGS="fetch_by=getEdoc"), "VXP_SETTINGS"),
    "no_settings": (axis_at, set_to(AXIS, VXP_SETTINGS='["getEdoc"]'), "VXP_SETTINGS"),
    "set_twice": (axis_at, set_to(AXIS, VXP_SETTINGS='{"agencies": []}'), "VXP_SETTINGS"),
    "no_login": (one_stop_at, set_to(SHOP, MOTCUA_TOKEN=""), "credentials"),
    "no_procedure": (portal_at, set_to(PORTAL, DVCQG_PROCEDURE="hush"), "DVCQG_PROCEDURE"),
    "no_key": (reporting_at, set_to(MINISTRY, BAOCAO_KEY=""), "BAOCAO_KEY"),
    "no_such_setting": (axis_at, set_to(AXIS, VXP_SETTINGS='{"fetchby": 1}'), "fetchby"),
}


@pytest.mark.parametrize(("read", "given", "named"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_meant_is_named_without_its_value(read, given, named):
    with pytest.raises(WrongVariablesError) as wrong:
        read(given)

    assert named in str(wrong.value)
    assert "hush" not in str(wrong.value)
    assert wrong.value.__suppress_context__ or wrong.value.__context__ is None


def test_misspelt_variable_is_told_with_the_one_that_was_meant():
    with pytest.raises(
        WrongVariablesError, match=r"VXP_SYSTEM_ID: no such variable; did you mean .*VXP_SYSTEMID"
    ):
        refuse_misspelt(set_to(AXIS, VXP_SYSTEM_ID="sys.01"))


def test_right_variables_are_not_misspelt():
    every = {**AXIS, **OFFICE, **SHOP, **PORTAL, **MINISTRY}
    refuse_misspelt({"EBRVT_TEST_OTHER": "1", **set_to(every, DOCUMENT="a.pdf", PATIENCE="1")})


def test_only_configured_hosts_are_let_through():
    assert allowed_hosts({}) == [*LOOPBACK]
    assert allowed_hosts(set_to(AXIS, **OFFICE)) == [*LOOPBACK, "10.0.0.8", "qlvb.example"]
    assert allowed_hosts(set_to(PORTAL, **MINISTRY)) == [*LOOPBACK, "10.0.0.9", "baocao.example"]


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_any_other_host_stays_blocked():
    with pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_page_for_the_province_names_every_variable():
    page = (Path(__file__).parents[2] / "docs" / "guide" / "sandbox-tests.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]

    assert sorted(re.findall(r"`([A-Z_]+)`", "".join(rows))) == sorted(NAMES)
