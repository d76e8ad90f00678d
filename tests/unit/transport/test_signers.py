"""Signing with a key in memory: what comes out is verified by our own judge and by OpenSSL's words."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms, tsp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import pkcs12

from ebrvt_connect.errors import ConnectError, HeldForPerson, RetryLater, Scope, explain
from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.testing.timestamp_authority import POLICY
from ebrvt_connect.transport.signers import KeySigner, run_steps, sign_pdf
from ebrvt_connect.transport.timestamp import TimestampClient, TimestampReply
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication, SignatureRole
from ebrvt_connect.trust.verify import verify_bytes

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PASSWORD = b"mat khau mau"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    from ebrvt_connect.testing.pki import SandboxPki

    return SandboxPki.open(tmp_path_factory.mktemp("signers") / "pki", {"H06.15": "Sở mẫu"})


@pytest.fixture(scope="module")
def letter():
    return letter_pdf(Letter("Sở mẫu", "1", "CV-STTTT", "V/v thử nghiệm"))


@pytest.fixture
def verdict(pki):
    return lambda pdf: verify_bytes(pdf, policy=VN_2025, trust=pki.trust_store(), at=AT)


def bundle(key, identity):
    return pkcs12.serialize_key_and_certificates(
        b"khoa", key, identity.certificate, identity.chain, serialization.BestAvailableEncryption(PASSWORD)
    )


def test_a_pkcs12_file_signs(pki, letter, verdict):
    identity = pki.identity("000.00.15.H06-agency-good")
    signer = KeySigner.from_pkcs12(bundle(identity.key, identity), PASSWORD)

    report = verdict(sign_pdf(letter, signer, role=SignatureRole.AGENCY, signed_at=AT))

    assert report.indication is Indication.TOTAL_PASSED
    assert report.signatures[0].certificate.sha256 == signer.certificate_sha256


def test_of_a_file_only_the_issuers_go_into_a_signature(pki):
    """Bundles hold what their maker had at hand: other people's certificates, in any order, and the root."""
    own = pki.identity("000.00.15.H06-agency-good")
    others = [pki.identity(n).certificate for n in ("000.00.15.H06-person-good", "root", "issuer", "tsa")]
    content = pkcs12.serialize_key_and_certificates(
        b"khoa", own.key, own.certificate, others, serialization.BestAvailableEncryption(PASSWORD)
    )

    signer = KeySigner.from_pkcs12(content, PASSWORD)

    wanted = (own.certificate, pki.identity("issuer").certificate)
    assert signer.certificates_der == tuple(c.public_bytes(serialization.Encoding.DER) for c in wanted)


@pytest.mark.parametrize("content", [b"", b"not a bundle", None], ids=["empty", "garbage", "wrong password"])
def test_a_key_that_does_not_open_stops_the_system_and_tells_no_secret(pki, content):
    identity = pki.identity("000.00.15.H06-agency-good")
    given = bundle(identity.key, identity) if content is None else content

    with pytest.raises(HeldForPerson) as refusal:
        KeySigner.from_pkcs12(given, b"sai")

    assert (refusal.value.code, refusal.value.scope) == ("SIGNING_KEY_UNUSABLE", Scope.SYSTEM)
    assert "sai" not in str(refusal.value)


def test_a_key_of_a_kind_we_do_not_sign_with_is_refused(pki):
    key = ed25519.Ed25519PrivateKey.generate()
    content = pkcs12.serialize_key_and_certificates(b"k", key, None, None, serialization.NoEncryption())

    with pytest.raises(HeldForPerson):
        KeySigner.from_pkcs12(content, None)


def test_an_elliptic_curve_signs(pki, letter, verdict):
    key = ec.generate_private_key(ec.SECP256R1())
    identity = issue(Request("Người ký"), pki.identity("issuer"), key)
    signer = KeySigner.from_pkcs12(bundle(key, identity), PASSWORD)

    report = verdict(sign_pdf(letter, signer, role="person", signed_at=AT))

    assert report.indication is Indication.TOTAL_PASSED
    assert report.signatures[0].algorithms.key == "ec-256"


def test_pss_is_signed_where_it_is_asked_for(pki, letter, verdict):
    identity = pki.identity("000.00.15.H06-agency-good")
    signer = KeySigner.from_pkcs12(bundle(identity.key, identity), PASSWORD, prefer_pss=True)

    report = verdict(sign_pdf(letter, signer, role="agency", signed_at=AT))

    assert report.signatures[0].algorithms.signature == "rsassa_pss"
    assert report.indication is Indication.TOTAL_PASSED


def test_an_earlier_signature_stays_byte_for_byte(pki, letter, verdict):
    leader, seal = pki.signer("H06.15", role="person"), pki.signer("H06.15")
    first = sign_pdf(letter, leader, role="person", signed_at=AT)

    second = sign_pdf(first, seal, role="agency", signed_at=AT)

    assert second.startswith(first)
    assert [s.field for s in verdict(second).signatures] == ["ChuKyLanhDao", "ChuKyCoQuan"]


def test_a_second_signature_in_a_role_gets_a_field_of_its_own(pki, letter, verdict):
    signer = pki.signer("H06.15", role="person")
    once = sign_pdf(letter, signer, role="person", signed_at=AT)
    thrice = sign_pdf(sign_pdf(once, signer, role="person", signed_at=AT), signer, role="copy", signed_at=AT)

    assert [s.field for s in verdict(thrice).signatures] == ["ChuKyLanhDao", "ChuKyLanhDao2", "ChuKy_copy"]


def test_the_claimed_time_is_written_in_vietnams_offset(pki, letter):
    pdf = sign_pdf(letter, pki.signer("H06.15"), role="agency", signed_at=AT, field_name="Dau", reason="Thử")

    assert rb"/M (D\07220261123080000\05307\04700\047)" in pdf
    assert b"(Dau)" in pdf


def test_a_time_without_offset_is_a_mistake(pki, letter):
    with pytest.raises(ValueError, match="aware"):
        sign_pdf(letter, pki.signer("H06.15"), role="agency", signed_at=AT.replace(tzinfo=None))


def test_an_unknown_digest_is_a_mistake(pki):
    with pytest.raises(ValueError, match="md5"):
        pki.signer("H06.15").sign_digest(bytes(16), "md5")


@pytest.mark.parametrize("pdf", [b"", b"%PDF-1.7\n", b"not a pdf"])
def test_a_file_that_is_no_sound_pdf_is_held(pki, pdf):
    with pytest.raises(HeldForPerson) as refusal:
        sign_pdf(pdf, pki.signer("H06.15"), role="agency", signed_at=AT)

    assert refusal.value.code == "DOCUMENT_CANNOT_BE_SIGNED"


def test_a_taken_field_is_held(pki, letter):
    signer = pki.signer("H06.15")
    once = sign_pdf(letter, signer, role="agency", signed_at=AT, field_name="A")

    with pytest.raises(HeldForPerson):
        sign_pdf(once, signer, role="agency", signed_at=AT, field_name="A")


def test_room_is_kept_for_a_long_chain(pki, letter, verdict, authority):
    """Forty certificates were once more than the room kept, and said so as if the PDF were broken."""
    good = pki.signer("H06.15")
    issuer = pki.identity("issuer")
    many = [issue(Request(f"Cơ quan {n}"), issuer, good._key).certificate for n in range(40)]
    from ebrvt_connect.testing.pki import _asn1

    heavy = KeySigner(good.certificate, good._key, [_asn1(c) for c in many])

    pdf = sign_pdf(letter, heavy, role="agency", signed_at=AT, timestamper=client(authority))

    assert verdict(pdf).indication is Indication.TOTAL_PASSED


def padded(reply):
    """A token with more certificates than any authority has reason to send."""
    parsed = TimestampReply.load(reply)
    signed = parsed["time_stamp_token"]["content"]
    signed["certificates"] = cms.CertificateSet(list(signed["certificates"]) * 30)
    token = cms.ContentInfo({"content_type": "signed_data", "content": signed.copy()})
    return TimestampReply({"status": parsed["status"], "time_stamp_token": token}).dump(force=True)


def test_a_timestamp_that_does_not_fit_is_told_as_that(pki, letter, authority):
    with pytest.raises(HeldForPerson) as refusal:
        sign_pdf(
            letter,
            pki.signer("H06.15"),
            role="agency",
            signed_at=AT,
            timestamper=client(authority, padded),
        )

    assert refusal.value.code == "SIGNATURE_ROOM_TOO_SMALL"
    assert "32768 byte" in refusal.value.explanation_vi


def test_signing_works_inside_a_running_event_loop(pki, letter, verdict):
    async def within():
        return sign_pdf(letter, pki.signer("H06.15"), role="agency", signed_at=AT)

    assert verdict(asyncio.run(within())).indication is Indication.TOTAL_PASSED


# --- the timestamp client ------------------------------------------------------------------------------


@pytest.fixture
def authority(pki):
    return pki.timestamp_authority()


def client(authority, change=lambda reply: reply, **more):
    return TimestampClient(lambda request: change(authority.answer_timestamp(request, AT)), **more)


def test_a_token_asked_for_over_a_function_proves_the_time(pki, letter, verdict, authority):
    signed_at = AT - timedelta(seconds=3)
    pdf = sign_pdf(
        letter, pki.signer("H06.15"), role="agency", signed_at=signed_at, timestamper=client(authority)
    )

    signature = verdict(pdf).signatures[0]

    assert (signature.best_time.proof, signature.best_time.value) == ("timestamp", AT)
    assert signature.indication is Indication.TOTAL_PASSED


def ask_for(stamper, digest=bytes(32), algorithm="sha256"):
    return run_steps(stamper.async_timestamp(digest, algorithm))


def test_a_reply_to_another_request_is_refused(authority):
    old = []

    def replay(request):
        old.append(authority.answer_timestamp(request, AT))
        return old[0]

    stamper = TimestampClient(replay)
    ask_for(stamper)

    with pytest.raises(ConnectError, match="nonce") as refusal:
        ask_for(stamper)
    assert refusal.value.effect == "retry-later"
    with pytest.raises(ConnectError, match="nội dung khác"):
        ask_for(stamper, b"\1" * 32)


@pytest.mark.parametrize("reply", [b"", b"<html>", bytes.fromhex("3000"), bytes.fromhex("30053003020100")])
def test_a_reply_that_is_none_is_tried_again(reply):
    with pytest.raises(ConnectError) as refusal:
        ask_for(TimestampClient(lambda _: reply))

    assert (refusal.value.code, refusal.value.effect) == ("TIMESTAMP_UNUSABLE", "retry-later")


def test_a_refusal_for_good_needs_a_person(authority):
    with pytest.raises(HeldForPerson) as refusal:
        ask_for(client(authority), bytes(20), "sha1")

    assert (refusal.value.code, refusal.value.scope) == ("TIMESTAMP_REFUSED", Scope.SYSTEM)
    assert "bad_alg" in refusal.value.explanation_vi


def test_a_refusal_for_now_is_tried_again():
    status = {"status": "rejection", "fail_info": {"time_not_available"}}
    reply = TimestampReply({"status": status}).dump()

    with pytest.raises(ConnectError) as refusal:
        ask_for(TimestampClient(lambda _: reply))

    assert (refusal.value.code, refusal.value.effect) == ("TIMESTAMP_REFUSED", "retry-later")


def test_the_policy_asked_for_is_insisted_on(authority):
    assert ask_for(client(authority, policy_oid=POLICY))
    with pytest.raises(HeldForPerson, match="unaccepted_policy"):
        ask_for(client(authority, policy_oid="1.2.3"))

    def of_its_own(request):
        asked = tsp.TimeStampReq.load(request)
        asked["req_policy"] = POLICY
        return authority.answer_timestamp(asked.dump(force=True), AT)

    with pytest.raises(ConnectError, match="chính sách"):
        ask_for(TimestampClient(of_its_own, policy_oid="1.2.3"))


def test_a_digest_of_a_wrong_length_is_rejected_by_the_sandbox(authority):
    with pytest.raises(HeldForPerson, match="bad_data_format"):
        ask_for(client(authority), bytes(31))


def test_what_the_authoritys_line_raises_comes_through(pki, letter):
    down = explain("TEST_TSA_LINE_CUT", "Mất đường truyền.", "Thử lại.")

    def fail(request):
        raise HeldForPerson(down, "line down")

    with pytest.raises(HeldForPerson, match="line down"):
        sign_pdf(letter, pki.signer("H06.15"), role="agency", signed_at=AT, timestamper=TimestampClient(fail))


def test_a_request_that_does_not_read_is_rejected_by_the_sandbox(authority):
    reply = TimestampReply.load(authority.answer_timestamp(b"garbage", AT))

    assert reply["status"]["fail_info"].native == {"bad_data_format"}


def test_a_token_is_asked_for_over_http(serve, connect, authority):
    def script(connection):
        _, _, body = connection.request().partition(b"\r\n\r\n")
        reply = authority.answer_timestamp(body, AT)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(reply), reply))

    remote = serve(script)

    token = ask_for(TimestampClient.over_http(connect(remote.url), "/tsa"))

    assert token["content"]["encap_content_info"]["content"].parsed["gen_time"].native == AT
    head = remote.requests[0].partition(b"\r\n\r\n")[0]
    assert head.startswith(b"POST /tsa HTTP/1.1\r\n")
    assert b"Content-Type: application/timestamp-query" in head


def test_an_authority_that_is_busy_is_asked_again_later(serve, connect):
    def script(connection):
        connection.request()
        connection.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n")

    with pytest.raises(RetryLater) as refusal:
        ask_for(TimestampClient.over_http(connect(serve(script).url)))

    assert refusal.value.retry_after == timedelta(seconds=7)


def test_a_key_hands_out_what_a_packets_signature_needs(pki):
    signer = pki.signer("H06.15")
    own, *issuers = signer.certificates_der

    assert own == signer.certificate.dump()
    assert len(issuers) == 1, "the issuer, and not the root"
    assert signer.key_kind == "rsa"
    assert len(signer.sign_digest(bytes(32), "sha256")) == 256
    with pytest.raises(ValueError, match="digest"):
        signer.sign_digest(bytes(20), "sha256")
