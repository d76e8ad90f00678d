"""Keys in a token: a real SoftHSM2 in a folder of its own, wrong PINs, lost sessions, many threads."""

import ctypes
import logging
import os
import shutil
import subprocess
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.testing import softhsm
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.transport.pkcs11_signer import Pkcs11Signer, TokenSettings
from ebrvt_connect.transport.signing_cms import sign_cms
from ebrvt_connect.transport.signing_pdf import sign_pdf
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from ebrvt_connect.trust.xmldsig import sign_packet

pytestmark = pytest.mark.skipif(softhsm.softhsm_module() is None, reason=softhsm.HOW_TO_INSTALL)

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
AGENCY = "000.00.15.H06"
PIN, WRONG_PIN = "24681357", "00009999"
RSA_ID, EC_ID, BARE_ID, TWICE_ID, STRAY_ID = "a1", "e1", "b0", "72", "57"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return SandboxPki.open(tmp_path_factory.mktemp("token") / "pki", {AGENCY: "Sở mẫu"})


@pytest.fixture(scope="module")
def seal(pki):
    return pki.identity(f"{AGENCY}-agency-good")


@pytest.fixture(scope="module")
def token(tmp_path_factory, pki, seal):
    """Keys by id: RSA and ECDSA with certificates, one without, one with two, one with another's."""
    softhsm.use_folder(tmp_path_factory.mktemp("softhsm"))
    made = softhsm.SoftToken.make("dau-co-quan", PIN)
    curve = issue(Request("Người ký"), pki.identity("issuer"), ec.generate_private_key(ec.SECP256R1()))
    for key, label, key_id in (
        (seal.key, "con-dau", RSA_ID),
        (curve.key, "nguoi-ky", EC_ID),
        (pki.identity("issuer").key, "khong-chung-thu", BARE_ID),
        (pki.identity("tsa").key, "hai-chung-thu", TWICE_ID),
        (pki.identity("ocsp").key, "lac-khoa", STRAY_ID),
    ):
        made.add_key(key, label=label, key_id=key_id)
    for certificate, label, key_id in (
        (seal.certificate, "con-dau", RSA_ID),
        (seal.chain[0], "cap-tren", "c0"),
        (pki.identity("root").certificate, "goc", "c1"),
        (curve.certificate, "nguoi-ky", EC_ID),
        (pki.identity("tsa").certificate, "mot", TWICE_ID),
        (pki.identity("ocsp").certificate, "hai", TWICE_ID),
        (seal.certificate, "lac", STRAY_ID),
    ):
        made.add_certificate(certificate, label=label, key_id=key_id)
    yield made
    os.environ.pop(softhsm.CONFIGURATION)


@pytest.fixture
def opened(token):
    made = []

    def start(key_id=RSA_ID, pin=lambda: PIN, **more):
        wanted = {"module": token.module, "token_label": token.label, "key_id": key_id, **more}
        made.append(Pkcs11Signer(TokenSettings(**wanted), pin))
        return made[-1]

    yield start
    for signer in made:
        signer.close()


@pytest.fixture(scope="module")
def letter():
    return letter_pdf(Letter("Sở mẫu", "1", "CV-STTTT", "V/v thử nghiệm"))


@pytest.fixture
def verdict(pki):
    return lambda data: verify_bytes(data, policy=VN_2025, trust=pki.trust_store(), at=AT)


def intact_for_pyhanko(pdf, pki):
    root = asn1_x509.Certificate.load(pki.identity("root").certificate.public_bytes(Encoding.DER))
    context = ValidationContext(trust_roots=[root], moment=AT)
    status = validate_pdf_signature(PdfFileReader(BytesIO(pdf)).embedded_signatures[0], context)
    return status.intact and status.valid


@pytest.mark.parametrize(
    ("key_id", "prefer_pss", "mechanism"),
    [(RSA_ID, False, "rsassa_pkcs1v15"), (RSA_ID, True, "rsassa_pss"), (EC_ID, False, "ecdsa")],
)
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_a_token_signs_what_passes(opened, pki, letter, verdict, key_id, prefer_pss, mechanism, digest):
    signer = opened(key_id, prefer_pss=prefer_pss)

    pdf = sign_pdf(letter, signer, role="agency", signed_at=AT, digest=digest)

    report = verdict(pdf)
    assert report.indication is Indication.TOTAL_PASSED
    assert report.signatures[0].algorithms.signature.endswith(mechanism.removeprefix("rsassa_"))
    assert intact_for_pyhanko(pdf, pki)


def test_xml_and_cms_are_signed_by_the_same_token(opened, verdict):
    for key_id in (RSA_ID, EC_ID):
        signer = opened(key_id)

        assert (
            verdict(sign_packet(b'<p Id="p-1">x</p>', signer, reference_id="p-1")).indication
            == "TOTAL_PASSED"
        )
        assert verdict(sign_cms(b"x", [signer], signed_at=AT)).indication == "TOTAL_PASSED"


def test_the_issuers_come_from_the_token_and_the_root_stays_out(opened, seal):
    own, *issuers = (x509.load_der_x509_certificate(der) for der in opened().certificates_der)

    assert own == seal.certificate
    assert issuers == [seal.chain[0]]


def test_the_certificate_may_stand_in_a_file(opened, pki, tmp_path):
    issuer, root = pki.identity("issuer").certificate, pki.identity("root").certificate
    (tmp_path / "own.crt").write_bytes(issuer.public_bytes(Encoding.DER))

    signer = opened(BARE_ID, certificate=tmp_path / "own.crt")

    assert x509.load_der_x509_certificate(signer.certificates_der[0]) == issuer
    assert root.public_bytes(Encoding.DER) not in signer.certificates_der
    assert signer.sign_digest(bytes(32), "sha256")


def test_eight_threads_sign_at_once(opened, verdict, letter):
    signer = opened()

    def sign(number):
        digest = bytes([number]) * 32
        return digest, signer.sign_digest(digest, "sha256")

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(sign, range(200)))
        papers = list(pool.map(lambda _: sign_pdf(letter, signer, role="agency", signed_at=AT), range(8)))

    assert len({value for _, value in made}) == 200, (
        "each is verified under the certificate by the signer itself"
    )
    assert {verdict(pdf).indication for pdf in papers} == {"TOTAL_PASSED"}


# --- PINs ----------------------------------------------------------------------------------------------


def refused(act):
    with pytest.raises(HeldForPerson) as refusal:
        act()
    assert refusal.value.scope is Scope.SYSTEM
    assert refusal.value.system == "token"
    return refusal.value


def test_a_wrong_pin_is_given_once_and_never_again(opened, token, caplog):
    """Three wrong ones lock a token: neither this signer nor the next one tries its luck."""
    caplog.set_level(logging.DEBUG)
    asked = []

    def wrong():
        asked.append(1)
        return WRONG_PIN

    first = refused(lambda: opened(pin=wrong))
    second = refused(lambda: opened(pin=wrong))

    assert (first.code, second.code) == ("TOKEN_PIN_REFUSED", "TOKEN_PIN_AT_RISK")
    assert asked == [1]
    told = "".join(traceback.format_exception(first)) + repr(first) + first.explanation_vi + caplog.text
    assert WRONG_PIN not in told
    # A person logs in by hand, which clears the token's warning.
    opened(pin_despite_warning=True)
    assert opened().sign_digest(bytes(32), "sha256")


def test_no_pin_is_no_try(opened, token):
    """Enter pressed at the terminal: an empty PIN was given, and counted as a wrong one."""
    assert refused(lambda: opened(pin=lambda: "")).code == "SIGNING_PIN_MISSING"

    assert opened().sign_digest(bytes(32), "sha256"), "the token warns of no wrong PIN"


@pytest.mark.skipif(shutil.which("pkcs11-tool") is None, reason=softhsm.HOW_TO_INSTALL)
def test_a_key_that_wants_its_pin_each_time_is_told_when_it_is_opened(opened, token):
    how = [
        "--login",
        "--pin",
        PIN,
        "--keypairgen",
        "--key-type",
        "EC:prime256v1",
        "--id",
        "aa",
        "--always-auth",
    ]
    where = ["--module", token.module, "--token-label", token.label]
    subprocess.run(["pkcs11-tool", *where, *how], check=True, capture_output=True)
    library(token).reinitialize()

    refusal = refused(lambda: opened("aa"))

    assert refusal.code == "TOKEN_FAILED"
    assert "CKA_ALWAYS_AUTHENTICATE" in refusal.explanation_vi


def test_a_pin_that_turns_wrong_is_not_repeated(opened, token):
    """The PIN was changed while the daemon ran and its session was lost."""
    pins = [PIN, WRONG_PIN]
    signer = opened(pin=lambda: pins.pop(0))
    signer.close()

    codes = [refused(lambda: signer.sign_digest(bytes(32), "sha256")).code for _ in range(4)]

    assert codes == ["TOKEN_PIN_REFUSED"] * 4
    assert pins == [], "the second PIN was asked for once"
    opened(pin_despite_warning=True)


def test_what_is_said_of_a_signer_holds_no_pin(opened):
    signer = opened()

    assert PIN not in repr(signer) + str(vars(signer)) + repr(signer._settings)
    assert repr(signer) == "<Pkcs11Signer 'token' at libsofthsm2.so>"


# --- sessions and tokens that go away --------------------------------------------------------------------


def library(token):
    import pkcs11

    return pkcs11.lib(str(token.module))


def test_a_lost_session_is_renewed_once(opened, token):
    signer = opened()
    library(token).reinitialize()

    assert signer.sign_digest(bytes(32), "sha256")


def test_a_login_that_another_program_ended_is_renewed(opened, token):
    signer, other = opened(), opened(EC_ID)
    signer.close()

    assert other.sign_digest(bytes(32), "sha256")
    assert signer.sign_digest(bytes(32), "sha256")


def test_a_closed_library_is_opened_again(opened, token):
    signer = opened()
    library(token).finalize()

    assert signer.sign_digest(bytes(32), "sha256")


def test_a_library_that_another_part_of_the_process_closed_is_opened_again(opened, token):
    """C_Finalize behind python-pkcs11's back: it went on believing that the library was open, for ever."""
    signer, other = opened(), opened(EC_ID)
    module = ctypes.CDLL(str(token.module))
    for end in (lambda: module.C_Finalize(None), lambda: module.C_CloseAllSessions(slot_of(token))):
        assert end() == 0

        assert signer.sign_digest(bytes(32), "sha256")
        assert other.sign_digest(bytes(32), "sha256")


def slot_of(token):
    return ctypes.c_ulong(library(token).get_token(token_label=token.label).slot.slot_id)


def test_one_who_logs_out_does_not_disturb_those_who_sign(opened):
    first, second = opened(), opened(EC_ID)

    def leaving(number):
        value = first.sign_digest(bytes([number]) * 32, "sha256")
        first.close()
        return value

    with ThreadPoolExecutor(3) as pool:
        gone = [pool.submit(leaving, n) for n in range(20)]
        stayed = [pool.submit(second.sign_digest, bytes([n]) * 32, "sha256") for n in range(20)]

    assert all(done.result() for done in (*gone, *stayed))


def test_a_token_that_is_pulled_out_calls_a_person_and_works_again_when_back(opened, token):
    signer = opened()
    tokens = Path(os.environ[softhsm.CONFIGURATION]).parent / "tokens"
    away = tokens.with_name("away")
    tokens.rename(away)
    tokens.mkdir()
    library(token).reinitialize()
    try:
        told = [refused(lambda: signer.sign_digest(bytes(32), "sha256")) for _ in range(2)]
    finally:
        shutil.rmtree(tokens)
        away.rename(tokens)
        library(token).reinitialize()

    assert [e.code for e in told] == ["TOKEN_NOT_PRESENT"] * 2
    assert "Cắm lại thiết bị" in told[0].advice_vi
    assert signer.sign_digest(bytes(32), "sha256")


# --- configuration ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "code", "told"),
    [
        ({"module": "/khong/co.so"}, "TOKEN_MODULE_UNUSABLE", "không nạp được module"),
        ({"token_label": "khac"}, "TOKEN_NOT_PRESENT", "sai nhãn"),
        ({"token_label": None, "slot": 0}, "TOKEN_NOT_PRESENT", "sai nhãn"),
        ({"key_id": "ff"}, "TOKEN_KEY_NOT_FOUND", "khóa bí mật"),
        ({"key_label": "con-dau", "key_id": EC_ID}, "TOKEN_KEY_NOT_FOUND", "khóa bí mật"),
        ({"key_id": BARE_ID}, "TOKEN_KEY_NOT_FOUND", "chứng thư số"),
        ({"key_id": TWICE_ID}, "TOKEN_KEY_NOT_FOUND", "chứng thư số"),
        ({"certificate": "/khong/co.crt"}, "SIGNING_CERTIFICATE_UNUSABLE", "co.crt"),
    ],
)
def test_a_configuration_that_names_no_key_says_what_is_missing(opened, settings, code, told):
    refusal = refused(lambda: opened(**settings))

    assert refusal.code == code
    assert told in refusal.explanation_vi


def test_two_tokens_of_one_label_are_not_chosen_between(opened, token):
    for _ in range(2):
        softhsm.SoftToken.make("sinh-doi", PIN)
    library(token).reinitialize()

    assert refused(lambda: opened(token_label="sinh-doi")).code == "TOKEN_AMBIGUOUS"


def test_a_signer_is_logged_out_at_the_end_and_in_again_when_used(token):
    settings = TokenSettings(module=token.module, token_label=token.label, key_id=RSA_ID)
    with Pkcs11Signer(settings, lambda: PIN) as signer:
        assert signer._session is not None
    assert signer._session is None

    assert signer.sign_digest(bytes(32), "sha256")
    signer.close()


def test_a_certificate_of_another_key_signs_nothing(opened):
    """Else every receiver would call the document forged."""
    refusal = refused(lambda: opened(STRAY_ID).sign_digest(bytes(32), "sha256"))

    assert refusal.code == "SIGNATURE_OF_ANOTHER_KEY"


def test_a_weak_certificate_is_refused(opened, pki, tmp_path):
    weak = pki.identity(f"{AGENCY}-agency-weak").certificate
    (tmp_path / "weak.crt").write_bytes(weak.public_bytes(Encoding.DER))

    assert refused(lambda: opened(certificate=tmp_path / "weak.crt")).code == "SIGNING_CERTIFICATE_UNUSABLE"


@pytest.mark.parametrize(
    "more", [{"token_label": "a"}, {"key_label": "a"}, {"token_label": "a", "key_id": "x"}]
)
def test_settings_that_leave_the_key_open_are_refused(more):
    with pytest.raises(ValidationError):
        TokenSettings(module="/x.so", **more)


def test_what_no_port_signs_is_a_mistake(opened):
    signer = opened(EC_ID)

    for digest, algorithm, pss in (
        (bytes(32), "sha1", False),
        (bytes(31), "sha256", False),
        (bytes(32), "sha256", True),
    ):
        with pytest.raises(ValueError, match=r"digest|pss"):
            signer.sign_digest(digest, algorithm, pss=pss)


def test_without_its_library_the_extra_is_named(monkeypatch, token):
    monkeypatch.setitem(__import__("sys").modules, "pkcs11", None)

    refusal = refused(lambda: Pkcs11Signer(TokenSettings(module="/x.so", slot=0, key_id="a1"), lambda: PIN))

    assert refusal.code == "TOKEN_MODULE_UNUSABLE"
    assert "ebrvt-connect[pkcs11]" in refusal.advice_vi
