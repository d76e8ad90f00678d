"""A key at a remote service: signed once whatever is lost, PINs given once, nothing secret told."""

import base64
import dataclasses
import hashlib
import json
import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from ebrvt_connect.errors import ConnectError, HeldForPerson, ReconcileFirst, RetryLater, Scope
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.remote_signing_service import HeldKey, RemoteSigningService
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.credentials import TokenOrPassword
from ebrvt_connect.transport.http import HttpSettings, HttpTransport
from ebrvt_connect.transport.remote_signing import RemoteSigner, RemoteSigningSettings
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.transport.signing_cms import sign_cms
from ebrvt_connect.transport.signing_pdf import sign_pdf
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from ebrvt_connect.trust.xmldsig import sign_packet

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
AGENCY = "000.00.15.H06"
PIN, WRONG_PIN, TOKEN, SECRET = "13572468", "99990000", "tok-3f9a77c2", "mat-khau-9x"
ACCOUNT = TokenOrPassword(token=TOKEN)
DIGEST = hashlib.sha256(b"x").digest()


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return SandboxPki.open(tmp_path_factory.mktemp("remote") / "pki", {AGENCY: "Sở mẫu"})


@pytest.fixture(scope="module")
def curve(pki):
    identity = issue(Request("Người ký"), pki.identity("issuer"), ec.generate_private_key(ec.SECP256R1()))
    leaf, *chain = (
        asn1_x509.Certificate.load(c.public_bytes(Encoding.DER))
        for c in (identity.certificate, *identity.chain)
    )
    return KeySigner(leaf, identity.key, chain)


@pytest.fixture
def clock():
    return FakeClock(AT)


@pytest.fixture
def service(pki, curve, clock):
    keys = {"dau": HeldKey(pki.signer(AGENCY), PIN), "nguoi": HeldKey(curve, PIN)}
    return RemoteSigningService(keys, ACCOUNT.authorization, clock)


@pytest.fixture
def opened(service, clock):
    transports = []
    with service.listening() as url:

        def start(credential="dau", pin=lambda: PIN, account=ACCOUNT, **more):
            transports.append(
                HttpTransport(HttpSettings(url=url), system="remote-signing", clock=SystemClock())
            )
            settings = RemoteSigningSettings(credential_id=credential, account=account, **more)
            return RemoteSigner(settings, transports[-1], clock=clock, pin=pin)

        yield start
        for transport in transports:
            transport.close()


@pytest.fixture(scope="module")
def letter():
    return letter_pdf(Letter("Sở mẫu", "1", "CV-STTTT", "V/v thử nghiệm"))


@pytest.fixture
def verdict(pki):
    return lambda data: verify_bytes(data, policy=VN_2025, trust=pki.trust_store(), at=AT)


@pytest.mark.parametrize(
    "case", [("dau", False, "pkcs1v15"), ("dau", True, "pss"), ("nguoi", False, "ecdsa")]
)
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_a_service_signs_what_passes(opened, service, pki, letter, verdict, case, digest):
    credential, prefer_pss, mechanism = case
    signer = opened(credential, prefer_pss=prefer_pss)

    pdf = sign_pdf(letter, signer, role="agency", signed_at=AT, digest=digest)

    report = verdict(pdf)
    assert report.indication is Indication.TOTAL_PASSED
    assert report.signatures[0].algorithms.signature.endswith(mechanism)
    assert service.made == {credential: 1}
    root = asn1_x509.Certificate.load(pki.identity("root").certificate.public_bytes(Encoding.DER))
    context = ValidationContext(trust_roots=[root], moment=AT)
    status = validate_pdf_signature(PdfFileReader(BytesIO(pdf)).embedded_signatures[0], context)
    assert status.intact
    assert status.valid


def test_xml_and_cms_are_signed_by_the_same_service(opened, verdict):
    for credential in ("dau", "nguoi"):
        signer = opened(credential)

        packet = sign_packet(b'<p Id="p-1">x</p>', signer, reference_id="p-1")
        assert verdict(packet).indication is Indication.TOTAL_PASSED
        assert verdict(sign_cms(b"x", [signer], signed_at=AT)).indication is Indication.TOTAL_PASSED


# --- signing once ----------------------------------------------------------------------------------------


def test_a_lost_reply_is_asked_after_and_signed_once(opened, service):
    signer = opened()
    service.lose.append("signatures/signHash")

    value = signer.sign_digest(DIGEST, "sha256")

    assert service.made == {"dau": 1}
    assert service.calls[-2:] == ["signatures/signHash", "signatures/signPolling"]
    assert signer.sign_digest(DIGEST, "sha256") == value
    assert service.made == {"dau": 1}, "the same digest is the same transaction"


def test_an_order_that_never_arrived_is_sent_again(opened, service):
    signer = opened(settle_seconds=0)
    service.drop.append("signatures/signHash")

    assert signer.sign_digest(DIGEST, "sha256")

    assert service.made == {"dau": 1}
    assert service.calls[1:] == [
        "credentials/authorize",
        "signatures/signPolling",
        "credentials/authorize",
        "signatures/signHash",
    ]


def test_a_service_slower_than_the_line_is_not_ordered_from_a_second_time(opened, service, clock):
    """Cut off, it says for a while that it knows no such order, and is at work on it."""
    signer = opened(wait_seconds=0, settle_seconds=150, poll_seconds=10)
    service.slow.append("signatures/signHash")

    assert signer.sign_digest(DIGEST, "sha256")

    assert 131 <= clock.monotonic() < 150
    assert service.calls.count("credentials/authorize") == 1
    assert service.calls.count("signatures/signHash") == 0, "the one that was cut off, and none after it"
    assert service.made == {"dau": 1}


def test_an_order_repeated_too_early_is_still_signed_once(opened, service, clock):
    """Settled too soon by the configuration; the transaction number keeps it from being billed twice."""
    signer = opened(settle_seconds=4)
    service.slow.append("signatures/signHash")

    assert signer.sign_digest(DIGEST, "sha256")
    clock.sleep(200)

    assert signer.sign_digest(DIGEST, "sha256")
    assert service.made == {"dau": 1}


def test_an_account_that_may_not_ask_leaves_the_doubt(opened, service):
    """The account was locked while a reply was lost: that says nothing of what was signed."""
    signer = opened()
    service.lose.append("signatures/signHash")
    answered, refuse = service.answer, [True]

    def locked_out(operation, headers, body):
        if operation == "signatures/signPolling" and refuse.pop():
            headers = {**headers, "authorization": "Bearer x"}
        return answered(operation, headers, body)

    service.answer = locked_out
    with pytest.raises(HeldForPerson):
        signer.sign_digest(DIGEST, "sha256")
    refuse.append(False)
    before = len(service.calls)

    assert signer.sign_digest(DIGEST, "sha256")
    assert service.calls[before:] == ["signatures/signPolling"], "asked after, not ordered again"


def test_an_order_in_doubt_is_asked_after_before_it_is_sent_again(opened, service):
    """The reply is lost and so is the answer to our question: nobody may say that nothing has happened."""
    signer = opened()
    service.lose += ["signatures/signHash", "signatures/signPolling"]

    with pytest.raises(ReconcileFirst) as doubt:
        signer.sign_digest(DIGEST, "sha256")
    before = len(service.calls)
    assert doubt.value.code == "REMOTE_SIGNING_IN_DOUBT"

    service.lose.append("signatures/signPolling")
    with pytest.raises(ReconcileFirst):
        signer.sign_digest(DIGEST, "sha256")
    assert signer.sign_digest(DIGEST, "sha256")
    assert service.calls[before:] == ["signatures/signPolling"] * 2
    assert service.made == {"dau": 1}


def test_a_document_signed_twice_from_the_same_input_costs_one_signature(opened, service, letter):
    signer = opened()

    papers = {sign_pdf(letter, signer, role="agency", signed_at=AT) for _ in range(2)}

    assert len(papers) == 1
    assert service.made == {"dau": 1}


def test_a_busy_service_is_tried_again_and_signs_once(opened, service):
    signer = opened(tries=4)
    signer.sign_digest(bytes(32), "sha256")
    service.busy += ["credentials/authorize", "signatures/signHash", "signatures/signHash"]

    assert signer.sign_digest(DIGEST, "sha256")
    assert service.made == {"dau": 2}


def test_eight_threads_share_one_signer(opened, service):
    signer = opened()

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: signer.sign_digest(bytes([n]) * 32, "sha256"), range(24)))

    assert len(set(made)) == 24
    assert service.made == {"dau": 24}


# --- confirmation on a device ------------------------------------------------------------------------


def test_a_signer_who_confirms_in_time_is_waited_for(opened, service, clock):
    service.keys["dau"].confirms = True
    signer = opened()
    sleep = clock.sleep
    clock.sleep = lambda seconds: (sleep(seconds), len(clock.slept) == 3 and service.confirm())

    assert signer.sign_digest(DIGEST, "sha256")

    assert clock.slept == [2.0, 2.0, 2.0]
    assert service.made == {"dau": 1}


def test_a_signer_who_takes_longer_is_asked_after_later(opened, service):
    service.keys["dau"].confirms = True
    signer = opened(wait_seconds=5)

    with pytest.raises(ReconcileFirst) as waiting:
        signer.sign_digest(DIGEST, "sha256")
    service.confirm()

    assert waiting.value.code == "REMOTE_SIGNING_AWAITED"
    assert signer.sign_digest(DIGEST, "sha256")
    assert service.made == {"dau": 1}
    assert service.calls.count("signatures/signHash") == 1


def test_a_signer_who_declines_is_heard(opened, service):
    service.keys["dau"].confirms = True
    signer = opened(wait_seconds=0)
    with pytest.raises(ReconcileFirst):
        signer.sign_digest(DIGEST, "sha256")
    service.confirm(agree=False)

    with pytest.raises(HeldForPerson) as refusal:
        signer.sign_digest(DIGEST, "sha256")

    assert (refusal.value.code, refusal.value.scope) == ("REMOTE_SIGNING_DECLINED", Scope.MESSAGE)


# --- PIN, account, secrets ---------------------------------------------------------------------------


def told(error, caplog):
    return "".join(traceback.format_exception(error)) + repr(error) + error.explanation_vi + caplog.text


def test_a_wrong_pin_is_given_once(opened, service, caplog):
    caplog.set_level(logging.DEBUG)
    signer = opened(pin=lambda: WRONG_PIN)

    errors = []
    for _ in range(4):
        with pytest.raises(HeldForPerson) as refusal:
            signer.sign_digest(DIGEST, "sha256")
        errors.append(refusal.value)

    assert {e.code for e in errors} == {"REMOTE_PIN_REFUSED"}
    assert service.keys["dau"].wrong_pins == 1
    assert service.calls == ["credentials/info", "credentials/authorize"]
    assert WRONG_PIN not in told(errors[0], caplog)
    assert TOKEN not in told(errors[0], caplog)


def test_no_pin_is_no_try(opened, service):
    """Enter pressed at the terminal: an empty PIN was sent, and counted as a wrong one."""
    with pytest.raises(HeldForPerson) as refusal:
        opened(pin=lambda: "").sign_digest(DIGEST, "sha256")

    assert refusal.value.code == "SIGNING_PIN_MISSING"
    assert service.calls == ["credentials/info"]


def test_a_wrong_pin_whose_refusal_was_lost_is_not_repeated(opened, service):
    service.lose.append("credentials/authorize")
    signer = opened(pin=lambda: WRONG_PIN)

    with pytest.raises(ReconcileFirst):
        signer.sign_digest(DIGEST, "sha256")

    assert service.keys["dau"].wrong_pins == 1


def test_a_wrong_account_stops_the_system(opened, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(HeldForPerson) as refusal:
        opened(account=TokenOrPassword(username="sp-01", password=SECRET))

    assert refusal.value.scope is Scope.SYSTEM
    assert SECRET not in told(refusal.value, caplog)


def test_what_is_said_of_a_signer_holds_no_secret(opened):
    signer = opened()
    signer.sign_digest(DIGEST, "sha256")

    seen = repr(signer) + str(vars(signer)) + repr(signer._settings)
    assert PIN not in seen
    assert TOKEN not in seen


# --- what the service says of keys, and lies ---------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"key_status": "disabled"}, "REMOTE_CREDENTIAL_UNUSABLE"),
        ({"certificate_status": "revoked"}, "REMOTE_CREDENTIAL_UNUSABLE"),
    ],
)
def test_a_key_that_is_not_fit_is_refused_at_once(opened, service, change, code):
    for name, value in change.items():
        setattr(service.keys["dau"], name, value)

    with pytest.raises(HeldForPerson) as refusal:
        opened()

    assert refusal.value.code == code


@pytest.mark.parametrize("page", [b"<html>Portal</html>", b"", b"[1]", b"{"])
def test_a_page_with_200_instead_of_a_signature_is_asked_after(opened, service, page):
    """A proxy in between; the order behind it was carried out."""
    signer = opened()
    send, swapped = signer._transport.send, []

    def through_a_portal(request):
        reply = send(request)
        if request.operation == "signatures/signHash" and not swapped:
            swapped.append(1)
            return dataclasses.replace(reply, body=page)
        return reply

    signer._transport.send = through_a_portal

    assert signer.sign_digest(DIGEST, "sha256")
    assert service.made == {"dau": 1}
    assert service.calls.count("signatures/signHash") == 1


def test_a_signature_over_another_digest_is_none(opened, service):
    signer = opened()
    key = service.keys["dau"].signer
    service.keys["dau"].signer = SignsAnother(key)

    with pytest.raises(HeldForPerson) as refusal:
        signer.sign_digest(DIGEST, "sha256")

    assert refusal.value.code == "SIGNATURE_OF_ANOTHER_KEY"


class SignsAnother:
    def __init__(self, signer):
        self._signer = signer

    def __getattr__(self, name):
        return getattr(self._signer, name)

    def sign_digest(self, digest, algorithm, *, pss=False):
        return self._signer.sign_digest(digest[::-1], algorithm, pss=pss)


def test_an_unknown_key_is_refused_at_once(opened):
    with pytest.raises(HeldForPerson) as refusal:
        opened("khong-co")

    assert (refusal.value.code, refusal.value.facts["reason"]) == (
        "REMOTE_SIGNING_REFUSED",
        "invalid_credential",
    )


def test_another_certificate_than_the_pinned_one_is_refused(opened, pki):
    expected = pki.signer(AGENCY).certificate_sha256
    assert opened(certificate_sha256=expected)

    with pytest.raises(HeldForPerson) as refusal:
        opened("nguoi", certificate_sha256=expected)

    assert "certificate_sha256" in refusal.value.explanation_vi


def test_a_signature_of_another_key_is_not_handed_on(opened, service, pki):
    signer = opened()
    service.keys["dau"].signer = pki.signer(AGENCY, role="person")

    with pytest.raises(HeldForPerson) as refusal:
        signer.sign_digest(DIGEST, "sha256")

    assert refusal.value.code == "SIGNATURE_OF_ANOTHER_KEY"


def scripted(serve, replies):
    """A service that answers with these contents in turn."""
    left = list(replies)

    def script(connection):
        while connection.request():
            content = left.pop(0)
            status = content.pop("status", 200) if isinstance(content, dict) else 200
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            head = b"HTTP/1.1 %d Told\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            connection.send(head + body)

    return serve(script)


def info(pki):
    chain = [base64.b64encode(der).decode() for der in pki.signer(AGENCY).certificates_der]
    return {"key": {"status": "enabled"}, "cert": {"certificates": chain}}


@pytest.mark.parametrize(
    "answer",
    [
        {"signatures": []},
        {"signatures": ["YQ==", "YQ=="]},
        {"signatures": ["không"]},
        {"signatures": "YQ=="},
        {"signatures": ["YQ=="]},
        {"signatures": [""]},
        {"signatures": None},
    ],
)
def test_an_answer_that_is_no_signature_is_not_handed_on(serve, connect, clock, pki, answer):
    remote = scripted(serve, [info(pki), {"SAD": "s"}, answer])
    settings = RemoteSigningSettings(credential_id="dau", account=ACCOUNT)
    signer = RemoteSigner(settings, connect(remote.url), clock=clock)

    with pytest.raises(HeldForPerson):
        signer.sign_digest(DIGEST, "sha256")


def signature(pki):
    value = pki.signer(AGENCY).sign_digest(DIGEST, "sha256")
    return {"signatures": [base64.b64encode(value).decode()]}


def against(serve, connect, clock, pki, *replies):
    remote = scripted(serve, [info(pki), *replies])
    settings = RemoteSigningSettings(credential_id="dau", account=ACCOUNT)
    return RemoteSigner(settings, connect(remote.url), clock=clock), remote


def test_leave_that_has_gone_stale_is_asked_for_again(serve, connect, clock, pki):
    stale = {"status": 400, "error": "expired_sad"}
    signer, remote = against(serve, connect, clock, pki, {"SAD": "1"}, stale, {"SAD": "2"}, signature(pki))

    assert signer.sign_digest(DIGEST, "sha256")
    assert len(remote.requests) == 5


@pytest.mark.parametrize(
    ("replies", "code"),
    [
        ([{"SAD": ""}], "REMOTE_SIGNING_REFUSED"),
        ([{"SAD": "1"}, {"status": 400, "error": "invalid_algorithm"}], "REMOTE_SIGNING_REFUSED"),
        ([{"SAD": "1"}, {"status": 400, "error": "Số 079… không hợp lệ"}], "REMOTE_REJECTED"),
        ([{"SAD": "1"}, {"responseID": "r"}, {"status": 404, "error": "unknown"}], "REMOTE_SIGNING_IN_DOUBT"),
        ([{"SAD": "1"}, {"responseID": "r"}, {"status": 503, "error": "busy"}], "REMOTE_SIGNING_IN_DOUBT"),
        ([{"SAD": "1"}, {"responseID": "r"}, {"responseID": "r"}, b"<html>"], "REMOTE_SIGNING_IN_DOUBT"),
    ],
)
def test_refusals_are_told_by_their_word_and_never_by_their_text(serve, connect, clock, pki, replies, code):
    signer, _ = against(serve, connect, clock, pki, *[dict(r) if isinstance(r, dict) else r for r in replies])

    with pytest.raises(ConnectError) as refusal:
        signer.sign_digest(DIGEST, "sha256")

    assert refusal.value.code == code
    assert "079" not in str(refusal.value) + refusal.value.explanation_vi


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b"{}", {"key": {}, "cert": {"certificates": ["!"]}}, {"key": 1, "cert": 2}],
)
def test_an_answer_without_a_certificate_is_told(serve, connect, clock, answer):
    remote = scripted(serve, [answer])
    settings = RemoteSigningSettings(credential_id="dau", account=ACCOUNT)

    with pytest.raises(ConnectError):
        RemoteSigner(settings, connect(remote.url), clock=clock)


def test_a_service_that_is_not_there_is_tried_again_later(clock):
    transport = HttpTransport(
        HttpSettings(url="http://127.0.0.1:9"), system="remote-signing", clock=SystemClock()
    )
    with pytest.raises(RetryLater):
        RemoteSigner(RemoteSigningSettings(credential_id="x", account=ACCOUNT), transport, clock=clock)
    transport.close()
