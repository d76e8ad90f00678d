"""Timestamps from slow authorities, signing without one only when asked, and what importing costs."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms, x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import ValidationError

from ebrvt_connect.errors import ConnectError, RetryLater, explain
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.testing.timestamp_authority import TimestampAuthority
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.transport.signing_cms import CmsSigner, run_steps, sign_cms
from ebrvt_connect.transport.signing_pdf import sign_pdf
from ebrvt_connect.transport.timestamp import TimestampClient, TimestampReply, TimestampSettings
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verify import verify_bytes

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DOWN = explain("TEST_TSA_LINE_DOWN", "Mất đường truyền.", "Thử lại.")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return SandboxPki.open(tmp_path_factory.mktemp("stamps") / "pki", {"H06.15": "Sở mẫu"})


@pytest.fixture(scope="module")
def letter():
    return letter_pdf(Letter("Sở mẫu", "1", "CV-STTTT", "V/v thử nghiệm"))


@pytest.fixture
def authority(pki):
    return pki.timestamp_authority()


@pytest.fixture
def verdict(pki):
    return lambda data: verify_bytes(data, policy=VN_2025, trust=pki.trust_store(), at=AT)


def ask_for(stamper, digest=bytes(32)):
    return run_steps(stamper.async_timestamp(digest, "sha256"))


class Line:
    """A line to the authority that fails as often as it is told."""

    def __init__(self, authority, failures=0):
        self.authority = authority
        self.failures = failures
        self.asked = []

    def __call__(self, request):
        self.asked.append(request)
        if len(self.asked) <= self.failures:
            raise RetryLater(DOWN, "line down")
        return self.authority.answer_timestamp(request, AT)


def test_what_may_pass_is_tried_three_times_each_with_a_nonce_of_its_own(authority):
    line = Line(authority, failures=2)

    assert ask_for(TimestampClient(line, tries=3, clock=FakeClock()))
    assert len(set(line.asked)) == 3

    line = Line(authority, failures=3)
    with pytest.raises(RetryLater, match="line down"):
        ask_for(TimestampClient(line, tries=3, clock=FakeClock()))
    assert len(line.asked) == 3


def test_no_more_than_four_ask_at_once(authority):
    """The authority in use breaks under crowds."""
    busy, most, lock, go = [0], [0], threading.Lock(), threading.Event()

    def slow(request):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
            if busy[0] == 4:
                go.set()
        go.wait(60)
        reply = authority.answer_timestamp(request, AT)
        with lock:
            busy[0] -= 1
        return reply

    stamper = TimestampClient(slow)
    with ThreadPoolExecutor(12) as pool:
        tokens = list(pool.map(lambda n: ask_for(stamper, bytes([n]) * 32), range(12)))

    assert len(tokens) == 12
    assert most == [4]


def test_who_finds_no_place_in_time_comes_back_later(authority):
    inside, leave = threading.Event(), threading.Event()

    def stuck(request):
        inside.set()
        leave.wait(60)
        return authority.answer_timestamp(request, AT)

    stamper = TimestampClient(stuck, at_once=1, timeout_seconds=0.05)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask_for, stamper)
        assert inside.wait(60)
        with pytest.raises(RetryLater) as refusal:
            ask_for(stamper)
        leave.set()
        assert first.result(60)

    assert refusal.value.code == "TIMESTAMP_QUEUE_FULL"


def changed(change):
    """The authority's reply with its token's SignedData changed."""

    def alter(reply):
        parsed = TimestampReply.load(reply)
        signed = parsed["time_stamp_token"]["content"]
        change(signed)
        token = cms.ContentInfo({"content_type": "signed_data", "content": signed.copy()})
        return TimestampReply({"status": parsed["status"], "time_stamp_token": token}).dump(force=True)

    return alter


def other_signature(signed):
    value = bytearray(signed["signer_infos"][0]["signature"].native)
    value[7] ^= 1
    signed["signer_infos"][0]["signature"] = bytes(value)


def no_certificates(signed):
    signed["certificates"] = cms.CertificateSet([])


@pytest.mark.parametrize("change", [other_signature, no_certificates])
def test_a_token_that_does_not_hold_never_gets_into_a_document(authority, letter, pki, change):
    def lie(request):
        return changed(change)(authority.answer_timestamp(request, AT))

    with pytest.raises(ConnectError) as refusal:
        sign_pdf(letter, pki.signer("H06.15"), role="agency", signed_at=AT, timestamper=TimestampClient(lie))

    assert (refusal.value.code, refusal.value.effect) == ("TIMESTAMP_UNUSABLE", "retry-later")


def test_a_token_by_a_key_that_is_not_for_stamping_is_refused(pki):
    impostor = TimestampAuthority(pki.signer("H06.15"))

    with pytest.raises(ConnectError, match="không dành riêng"):
        ask_for(TimestampClient(lambda request: impostor.answer_timestamp(request, AT)))


def of_a_certificate(pki, **more):
    """An authority whose certificate is for time stamping, and flawed in one thing."""
    key = pki.identity("tsa").key
    identity = issue(Request("Dấu thời gian", **more), pki.identity("tsa-issuer"), key)
    leaf, *chain = (
        x509.Certificate.load(c.public_bytes(Encoding.DER)) for c in (identity.certificate, *identity.chain)
    )
    return TimestampAuthority(KeySigner(leaf, key, chain))


def test_a_token_our_own_verdict_would_set_aside_is_refused(pki):
    """It looked like a timestamp in the document, and proved nothing to anybody."""
    for more, why in (
        ({"purpose": ExtendedKeyUsageOID.TIME_STAMPING, "valid_to": AT - timedelta(days=1)}, "hết hiệu lực"),
        ({}, "không dành riêng"),
    ):
        authority = of_a_certificate(pki, **more)
        with pytest.raises(RetryLater, match=why):
            ask_for(TimestampClient(lambda request, a=authority: a.answer_timestamp(request, AT)))


def test_a_token_with_a_broken_digest_is_refused(pki, authority):
    def weak(request):
        good = TimestampReply.load(authority.answer_timestamp(request, AT))
        about = good["time_stamp_token"]["content"]["encap_content_info"]
        steps = CmsSigner(pki._signer("tsa")).async_sign_general_data(about, "sha1", detached=False)
        return TimestampReply({"status": good["status"], "time_stamp_token": run_steps(steps)}).dump()

    with pytest.raises(RetryLater, match="không còn an toàn"):
        ask_for(TimestampClient(weak))


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>portal", b"\r\n <html>", b"<?xml version='1.0'?><x/>"])
def test_a_page_with_200_is_said_to_be_one(page):
    with pytest.raises(RetryLater, match="trang web") as refusal:
        ask_for(TimestampClient(lambda _: page))

    assert refusal.value.code == "TIMESTAMP_UNUSABLE"


def test_an_authority_that_takes_two_minutes_is_waited_for_three_times_and_no_longer(authority):
    clock, asked = FakeClock(), []

    def slow(request):
        asked.append(clock.monotonic())
        clock.sleep(131)
        if len(asked) % 3:
            raise RetryLater(DOWN, "cut by a proxy")
        return authority.answer_timestamp(request, AT)

    stamper = TimestampClient(slow, tries=3, clock=clock)
    assert ask_for(stamper)
    assert len(asked) == 3, "the two tokens that were lost on the way are nobody's"

    asked.clear()
    with pytest.raises(RetryLater):
        ask_for(TimestampClient(slow, tries=2, clock=clock))
    assert len(asked) == 2


def test_settings_bound_what_an_authority_is_asked():
    good = {"transport": {"url": "http://127.0.0.1:9"}}
    settings = TimestampSettings.model_validate(good)

    assert (settings.timeout_seconds, settings.tries, settings.at_once) == (180.0, 3, 4)
    for bad in ({"timeout_seconds": 181}, {"at_once": 5}, {"tries": 0}, {"policy_oid": "x"}):
        with pytest.raises(ValidationError):
            TimestampSettings.model_validate(good | bad)


def test_an_authority_is_asked_as_its_settings_say(serve, authority):
    """Silent for longer than the transport's own patience, which is not the authority's."""
    failed = []

    def script(connection):
        _, _, body = connection.request().partition(b"\r\n\r\n")
        if not failed:
            failed.append(1)
            connection.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            return
        reply = authority.answer_timestamp(body, AT)
        connection.drip(b"HTTP/1.1 200 OK\r\n", 0.02)
        connection.send(b"Content-Length: %d\r\n\r\n%s" % (len(reply), reply))

    remote = serve(script)
    settings = TimestampSettings.model_validate(
        {"transport": {"url": remote.url, "read_seconds": 0.01}, "path": "/tsa", "timeout_seconds": 20}
    )
    with TimestampClient.opened(settings, clock=FakeClock()) as stamper:
        assert ask_for(stamper)

    assert len(remote.requests) == 2


# --- without a timestamp, only when asked ------------------------------------------------------------------


def test_without_a_timestamp_nothing_is_signed_unless_asked(authority, letter, pki):
    with pytest.raises(RetryLater, match="line down"):
        sign_pdf(
            letter,
            pki.signer("H06.15"),
            role="agency",
            signed_at=AT,
            timestamper=TimestampClient(Line(authority, failures=9)),
        )


class Counting:
    def __init__(self, signer):
        self._signer = signer
        self.signed = 0

    def __getattr__(self, name):
        return getattr(self._signer, name)

    def sign_digest(self, digest, algorithm, *, pss=False):
        self.signed += 1
        return self._signer.sign_digest(digest, algorithm, pss=pss)


def test_a_signature_without_a_timestamp_is_made_when_asked_and_said_aloud(authority, letter, pki, verdict):
    told = []
    for sign in (
        lambda signer, **more: sign_pdf(letter, signer, role="agency", signed_at=AT, **more),
        lambda signer, **more: sign_cms(b"x", [signer], signed_at=AT, **more),
    ):
        signer = Counting(pki.signer("H06.15"))
        stamper = TimestampClient(Line(authority, failures=9))

        report = verdict(sign(signer, timestamper=stamper, on_unstamped=told.append))

        assert report.indication == "TOTAL_PASSED"
        assert report.signatures[0].best_time.proof == "claimed"
        assert signer.signed == 1, "the signature that was made is the one that goes out"

    assert [reason.code for reason in told] == ["TEST_TSA_LINE_DOWN"] * 2


def test_asking_for_the_way_out_changes_nothing_where_a_timestamp_comes(authority, letter, pki, verdict):
    told = []
    pdf = sign_pdf(
        letter,
        pki.signer("H06.15"),
        role="agency",
        signed_at=AT,
        timestamper=TimestampClient(Line(authority)),
        on_unstamped=told.append,
    )

    assert verdict(pdf).signatures[0].best_time.proof == "timestamp"
    assert told == []


# --- the port ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module",
    [
        "ebrvt_connect.ports.signer",
        "ebrvt_connect.transport.signers",
        "ebrvt_connect.transport.pkcs11_signer",
        "ebrvt_connect.transport.remote_signing",
        "ebrvt_connect.testing.pki",
        "ebrvt_adapters.baocao.adapter",
    ],
)
def test_who_only_holds_keys_does_not_wait_for_pyhanko(module):
    program = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert not {"pyhanko", "pkcs11", "reportlab"} & set(loaded.stdout.split())


def test_the_names_that_need_pyhanko_are_still_found_beside_the_key():
    from ebrvt_connect.transport import signers, signing_pdf

    assert signers.sign_pdf is signing_pdf.sign_pdf
    with pytest.raises(AttributeError, match="sign_pfd"):
        _ = signers.sign_pfd


def test_the_time_a_document_was_changed_is_the_time_it_was_signed(pki, letter):
    pdf = sign_pdf(letter, pki.signer("H06.15"), role="agency", signed_at=AT)

    assert rb"/ModDate (D\07220261123080000\05307\04700\047)" in pdf


def test_the_same_input_gives_the_same_document(pki, letter):
    made = {sign_pdf(letter, pki.signer("H06.15"), role="agency", signed_at=AT) for _ in range(2)}

    assert len(made) == 1
