"""The simulated signing service is as suspicious as a real one."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.remote_signing_service import HeldKey, RemoteSigningService
from ebrvt_connect.transport.credentials import TokenOrPassword

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
AGENCY = "000.00.15.H06"
PIN, WRONG_PIN = "13572468", "99990000"
ACCOUNT = TokenOrPassword(token="tok-3f9a77c2")
DIGEST = hashlib.sha256(b"x").digest()


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return SandboxPki.open(tmp_path_factory.mktemp("remote") / "pki", {AGENCY: "Sở mẫu"})


@pytest.fixture
def clock():
    return FakeClock(AT)


@pytest.fixture
def service(pki, clock):
    keys = {"dau": HeldKey(pki.signer(AGENCY), PIN)}
    return RemoteSigningService(keys, ACCOUNT.authorization, clock)


def call(service, operation, content, key="", authorization=ACCOUNT.authorization):
    headers = {"authorization": authorization, "idempotency-key": key}
    return service.answer(operation, headers, json.dumps(content).encode())


def order(**changes):
    asked = {
        "credentialID": "dau",
        "hashes": [base64.b64encode(DIGEST).decode()],
        "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        "signAlgo": "1.2.840.113549.1.1.11",
        "clientData": "t-1",
        "numSignatures": 1,
        "authData": [{"id": "PIN", "value": PIN}],
    }
    return {**asked, **changes}


def sign(service, **changes):
    leave = call(service, "credentials/authorize", order())
    asked = {k: v for k, v in order(**changes).items() if k not in {"numSignatures", "authData"}}
    return call(service, "signatures/signHash", {"SAD": leave.content["SAD"], **asked}, asked["clientData"])


def test_leave_to_sign_is_for_one_digest_once_and_for_a_while(service, clock):
    assert sign(service).status == 200
    other = base64.b64encode(bytes(32)).decode()
    assert sign(service, hashes=[other]).content["error"] == "invalid_sad"
    assert sign(service, SAD="x").content["error"] == "invalid_sad"
    leave = call(service, "credentials/authorize", order()).content["SAD"]
    clock.advance(timedelta(minutes=6))
    late = call(service, "signatures/signHash", order(SAD=leave), "t-1")
    assert late.content["error"] == "expired_sad"
    again = call(service, "signatures/signHash", order(SAD=leave), "t-1")
    assert again.content["error"] == "invalid_sad"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"signAlgo": "1.2.840.113549.1.1.12"}, "invalid_algorithm"),
        ({"signAlgo": "1.2.840.10045.4.3.2"}, "invalid_algorithm"),
        ({"signAlgo": "1.2.840.113549.1.1.10"}, "invalid_algorithm"),
        ({"hashAlgorithmOID": "1.3.14.3.2.26"}, "invalid_request"),
        ({"hashAlgorithmOID": "2.16.840.1.101.3.4.2.3"}, "invalid_digest_length"),
        ({"clientData": ""}, "invalid_request"),
    ],
)
def test_orders_that_do_not_fit_together_are_refused(service, changes, word):
    assert sign(service, **changes).content["error"] == word
    assert not service.made


def test_a_transaction_number_means_one_order(service):
    assert sign(service).status == 200
    assert sign(service, extra="x").status == 409
    assert service.made == {"dau": 1}


def test_three_wrong_pins_lock_the_key(service):
    wrong = order(authData=[{"id": "PIN", "value": WRONG_PIN}])
    words = [call(service, "credentials/authorize", wrong).content["error"] for _ in range(4)]

    assert words == ["invalid_pin"] * 3 + ["credential_locked"]
    assert call(service, "credentials/authorize", order()).content["error"] == "credential_locked"
    assert call(service, "credentials/info", order(), authorization="Bearer x").status == 401
