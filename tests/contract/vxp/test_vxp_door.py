"""The simulated axis lets in the captured requests, and nothing of which a signed byte was changed."""

import json

import pytest
from ebrvt_adapters.vxp import wire

from tests.contract.vxp.exchange import (
    ACCOUNT,
    MINISTRY,
    PROVINCE,
    Axis,
    make_document,
    moment,
    packet_of,
    sample,
)
from tests.unit.adapters.test_vxp_wire import CAPTURES

DOOR_CODES = {"1", "2", "3"}
"""Synthetic codes of a request that is not let in."""


def replay(axis, capture, headers=None):
    """A captured request as it stood on the wire."""
    method, path, _ = capture["line"].split()
    given = capture["headers"] if headers is None else headers
    encoded = [(name, value.encode("latin-1")) for name, value in given]
    return axis.raw(path.strip("/"), encoded, capture["head"].encode(), method=method)


def code_of(reply):
    """The ErrorCode, or success for a reply that is no JSON (a packet)."""
    return "0" if reply.blob else json.loads(reply.body)["ErrorCode"]


# --- the door -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture["line"].split()[1])
def test_captured_request_is_let_in(capture):
    assert code_of(replay(Axis(), capture)) not in DOOR_CODES


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture["line"].split()[1])
def test_any_changed_byte_of_the_signed_headers_is_refused(capture):
    axis = Axis()
    for nth, (name, value) in enumerate(capture["headers"]):
        if not name.startswith("XroadVnpt-"):
            continue
        for at in range(len(value)):
            changed = value[:at] + chr((ord(value[at]) + 1) % 256) + value[at + 1 :]
            headers = [*capture["headers"][:nth], [name, changed], *capture["headers"][nth + 1 :]]

            assert code_of(replay(axis, capture, headers)) in DOOR_CODES, (name, at)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture["line"].split()[1])
def test_missing_or_added_signed_header_is_refused(capture):
    for nth, (name, _) in enumerate(capture["headers"]):
        if name.startswith("XroadVnpt-"):
            less = [*capture["headers"][:nth], *capture["headers"][nth + 1 :]]
            more = [*capture["headers"], [name, "x"]]

            assert code_of(replay(Axis(), capture, less)) in DOOR_CODES
            assert code_of(replay(Axis(), capture, more)) in DOOR_CODES


def test_headers_may_arrive_in_lower_case():
    capture = CAPTURES[0]
    lowered = [[name.lower(), value] for name, value in capture["headers"]]

    assert code_of(replay(Axis(), capture, lowered)) == "0"


def test_header_the_signature_does_not_cover_is_not_believed():
    axis = Axis()
    axis.simulator.seed(
        {"incoming": [sample("a", packet_of(make_document(sender=MINISTRY, to=(PROVINCE,))))]}
    )
    headers = wire.signed_headers(
        (("systemid", ACCOUNT["systemid"]), ("timestamp", wire.timestamp(axis.now))), ACCOUNT["secret"]
    )
    [row] = axis.listed()

    reply = axis.raw("getEdoc", (*headers, ("XroadVnpt-docId", row["docId"])))

    assert code_of(reply) == "7"


def test_leaked_headers_of_an_earlier_call_are_tolerated():
    axis = Axis()

    answer = axis.ask(
        "getReceivedEdocList",
        ("docId", "d1"),
        ("filePath", "xml"),
        ("servicetype", "eDoc"),
        ("messagetype", "edoc"),
    )

    assert answer["ErrorCode"] == "0"


def test_unknown_system_is_refused():
    assert Axis().ask("getAgenciesList", account={**ACCOUNT, "systemid": "who"})["ErrorCode"] == "3"


def test_wrong_secret_is_refused():
    assert Axis().ask("getAgenciesList", account={**ACCOUNT, "secret": "guess"})["ErrorCode"] == "2"


def test_old_timestamp_is_refused_only_where_a_window_is_set():
    axis, strict = Axis(), Axis({**ACCOUNT, "timestamp_window_seconds": 300})
    old = moment("2020-01-01T00:00:00")
    headers = wire.signed_headers(
        (("systemid", ACCOUNT["systemid"]), ("timestamp", wire.timestamp(old))), ACCOUNT["secret"]
    )

    assert code_of(axis.raw("getAgenciesList", headers)) == "0"
    assert code_of(strict.raw("getAgenciesList", headers)) == "2"


def test_unknown_operation_is_not_found():
    assert Axis().raw("getSecrets", ()).status == 404
