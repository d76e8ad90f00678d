"""`ebrvt sign`: real keys in files, in a SoftHSM2 and at the simulated service; and what it refuses."""

import errno
import os
import stat
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pikepdf
import PIL.Image
import PIL.ImageDraw
import pytest
from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    pkcs12,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigFieldSpec
from pyhanko.sign.signers.functions import sign_pdf as pyhanko_sign
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata

from ebrvt_connect.ops.new_file import write_whole
from ebrvt_connect.testing import softhsm
from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.testing.remote_signing_service import HeldKey, RemoteSigningService
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.testing.sample_signed import result_paper_xml
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.signing_cms import CmsSigner

AGENCY = "000.00.15.H06"
PASSWORD, PIN = "mat-khau-tep-khoa-5c1e", "24681357"
ACCOUNT = "tai-khoan-dich-vu-77ab"
PLACE = "-1,110,60,190,90"
needs_softhsm = pytest.mark.skipif(softhsm.softhsm_module() is None, reason=softhsm.HOW_TO_INSTALL)


def bundle(identity, certificate=None, password=PASSWORD):
    return pkcs12.serialize_key_and_certificates(
        b"khoa",
        identity.key,
        certificate or identity.certificate,
        identity.chain,
        BestAvailableEncryption(password.encode()),
    )


@pytest.fixture(scope="module")
def bundles(pki):
    """PKCS#12 files of the seal and of the leader."""
    return {role: bundle(pki.identity(f"{AGENCY}-{role}-good")) for role in ("agency", "person")}


@pytest.fixture(scope="module")
def letter():
    return letter_pdf(Letter("Sở mẫu", "1", "CV-STTTT", "V/v thử nghiệm"))


def picture(colour):
    image = PIL.Image.new("RGBA", (300, 300))
    PIL.ImageDraw.Draw(image).rectangle([4, 4, 295, 295], outline=colour, width=9)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def secret_file(path, secret, mode=0o600):
    path.touch(mode=mode)
    path.write_text(f"{secret}\n", "utf-8")
    return path


@pytest.fixture
def place(tmp_path, bundles, letter):
    """A folder with a letter, keys, their password and pictures."""
    for name, content in {
        "thu.pdf": letter,
        "dau.p12": bundles["agency"],
        "lanh-dao.p12": bundles["person"],
        "dau.png": picture((210, 20, 30, 255)),
        "chu-ky.png": picture((20, 40, 170, 255)),
        "so-lieu.csv": b"chi tieu;gia tri\n",
        "ket-qua.xml": result_paper_xml("Giấy phép", {"Số": "12"}),
    }.items():
        (tmp_path / name).write_bytes(content)
    secret_file(tmp_path / "mk", PASSWORD)
    return tmp_path


@pytest.fixture
def sign(ebrvt, place):
    """Signs with the seal's key unless another is named."""

    def run(file, out, *options, key="p12:dau.p12", secret=("--password-file", "mk")):
        return ebrvt("sign", file, "--key", key, *secret, *options, "-o", out)

    return run


@pytest.fixture
def passed(ebrvt, pki):
    """Whether `ebrvt verify` passes a file, and who signed in which field."""

    def judge(file, *options):
        answer = ebrvt("verify", file, "--trust", pki.trust_folder, "--json", *options)
        [report] = answer.data["documents"]
        assert report["indication"] == "TOTAL_PASSED", report
        return report["signatures"]

    return judge


@contextmanager
def authority(pki, answer=None):
    """The sandbox's timestamp authority on loopback."""
    tsa = pki.timestamp_authority()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = answer if answer is not None else tsa.answer_timestamp(body, datetime.now(UTC))
            self.send_response(200 if self.path == "/tsa" else 404)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def nothing_written(place, answer, code, why):
    assert (answer.code, answer.out) == (code, ""), answer.err
    assert why in answer.err
    assert not (place / "ra").exists()
    assert list(place.glob(".*.tmp")) == []
    assert PASSWORD not in answer.err


# --- what is made ---------------------------------------------------------------------------------------


def test_leader_then_seal_then_copy_are_seen_and_pass(sign, passed, place, pki, letter):
    with authority(pki) as url:
        first = sign(
            "thu.pdf", "1.pdf", "--role", "person", "--image", "chu-ky.png", "--place", PLACE, "--tsa", url,
            "--json", key="p12:lanh-dao.p12",
        )  # fmt: skip
    second = sign("1.pdf", "2.pdf", "--image", "dau.png", "--json")
    third = sign("2.pdf", "3.pdf", "--role", "copy", "--copy-form", "SAO LỤC")

    assert (first.code, second.code, third.code) == (0, 0, 0), (first.err, second.err, third.err)
    assert first.data["form"] == "pades"
    assert first.data["timestamp"]["authority"]
    assert (second.data["signatures"], second.data["timestamp"], second.data["role"]) == (2, None, "agency")
    assert second.data["certificate_sha256"] == pki.certificate_sha256(AGENCY)
    assert [s["field"] for s in passed("3.pdf")] == ["ChuKyLanhDao", "ChuKyCoQuan", "ChuKy_copy"]
    assert passed("1.pdf")[0]["level"] == "B-T"
    assert (place / "thu.pdf").read_bytes() == letter
    assert "Đã ký: 3.pdf" in third.out
    with pikepdf.open(place / "3.pdf") as pdf:
        widgets = [a for page in pdf.pages for a in page.get("/Annots", [])]
    assert len(widgets) == 3


@pytest.mark.parametrize("root", ["", ' Id="kq-1"'], ids=["no Id", "Id"])
def test_xml_is_signed_within_and_as_a_whole(sign, passed, place, root):
    (place / "a.xml").write_text(f'<?xml version="1.0"?>\n<kq{root}>\n  <so>12</so>\n</kq>', "utf-8")

    answer = sign("a.xml", "b.xml", "--json")

    assert (answer.code, answer.data["form"], answer.data["role"]) == (0, "xmldsig", None), answer.err
    assert passed("b.xml")[0]["coverage"]["level"] == "entire_file"
    again = sign("b.xml", "ra")
    nothing_written(place, again, 1, "SIGN_XML_SIGNED")


def test_a_part_is_not_signed_where_that_breaks_a_signature_over_the_whole(sign, place):
    assert sign("ket-qua.xml", "b.xml").code == 0

    answer = sign("b.xml", "ra", "--part", "noi-dung")

    nothing_written(place, answer, 1, "SIGN_HARMS_EARLIER")


def test_two_sign_the_same_part_of_an_xml_paper(sign, passed):
    assert sign("ket-qua.xml", "1.xml", "--part", "noi-dung", key="p12:lanh-dao.p12").code == 0
    assert sign("1.xml", "2.xml", "--part", "noi-dung").code == 0

    assert len(passed("2.xml")) == 2


def test_any_other_file_becomes_cms_around_or_beside_it(sign, passed, vectors):
    packet = next(vectors.rglob("*.edxml"))
    around = sign("so-lieu.csv", "so-lieu.csv.p7m")
    beside = sign("so-lieu.csv", "so-lieu.csv.p7s", "--detached")
    pdf = sign("thu.pdf", "thu.pdf.p7s", "--detached")
    edxml = sign(packet, "goi.p7s", "--json")

    assert (around.code, beside.code, pdf.code) == (0, 0, 0), (around.err, beside.err, pdf.err)
    assert (edxml.code, edxml.data["kind"], edxml.data["form"]) == (0, "edxml", "cms")
    assert ".p7m" in edxml.err, "the name says that the content is beside it, and it is within"
    assert passed("so-lieu.csv.p7m")
    assert passed("so-lieu.csv.p7s", "--detached", "so-lieu.csv")
    assert passed("thu.pdf.p7s", "--detached", "thu.pdf")


def test_the_result_is_no_more_open_than_its_source(sign, place):
    (place / "so-lieu.csv").chmod(0o600)
    (place / "thu.pdf").chmod(0o644)
    old = os.umask(0o022)
    try:
        sign("so-lieu.csv", "a.p7m")
        sign("thu.pdf", "a.pdf", "--no-appearance")
    finally:
        os.umask(old)

    assert stat.S_IMODE((place / "a.p7m").stat().st_mode) == 0o600
    assert stat.S_IMODE((place / "a.pdf").stat().st_mode) == 0o644


def test_as_a_process_with_the_password_in_a_variable(ebrvt_process, place):
    answer = ebrvt_process(
        "sign",
        "so-lieu.csv",
        "--key",
        "p12:dau.p12",
        "--password-env",
        "MK_DAU",
        "-o",
        "ra.p7m",
        MK_DAU=PASSWORD,
    )

    assert answer.code == 0, answer.err
    assert (place / "ra.p7m").exists()


def test_where_nobody_sits_nobody_is_asked(sign, place):
    nothing_written(place, sign("so-lieu.csv", "ra", secret=()), 64, "--password-file")


# --- other keys -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def token(pki, tmp_path_factory):
    was = os.environ.get(softhsm.CONFIGURATION)
    softhsm.use_folder(tmp_path_factory.mktemp("softhsm-cli"))
    made = softhsm.SoftToken.make("dau cli", PIN)
    seal = pki.identity(f"{AGENCY}-agency-good")
    made.add_key(seal.key, label="con-dau", key_id="a1")
    made.add_certificate(seal.certificate, label="con-dau", key_id="a1")
    made.add_certificate(seal.chain[0], label="cap-tren", key_id="c0")
    yield made
    if was is None:
        os.environ.pop(softhsm.CONFIGURATION)
    else:
        os.environ[softhsm.CONFIGURATION] = was


def configured(place, section):
    (place / "ebrvt.toml").write_text(f'[province]\ncode = "H06"\n{section}', "utf-8")


@needs_softhsm
def test_a_token_signs_by_uri_and_by_name(sign, passed, place, token):
    secret_file(place / "pin", PIN)
    where = f"pkcs11:token=dau%20cli;id=%a1;type=private?module-path={token.module}"
    configured(
        place,
        f'[signing.dau]\nkind = "pkcs11"\nmodule = "{token.module}"\n'
        'token_label = "dau cli"\nkey_id = "a1"\n',
    )

    by_uri = sign("so-lieu.csv", "1.p7m", key=where, secret=("--password-file", "pin"))
    by_name = sign("thu.pdf", "2.pdf", "--no-appearance", key="pkcs11:dau", secret=("--password-file", "pin"))

    assert (by_uri.code, by_name.code) == (0, 0), (by_uri.err, by_name.err)
    assert passed("1.p7m")
    assert passed("2.pdf")


@needs_softhsm
def test_a_token_that_is_not_there_or_refuses_the_pin_signs_nothing(sign, place, token):
    secret_file(place / "pin", PIN)
    end = f"?module-path={token.module}"

    absent = sign(
        "so-lieu.csv", "ra", key=f"pkcs11:token=khac;id=%a1{end}", secret=("--password-file", "pin")
    )
    nothing_written(place, absent, 2, "TOKEN_NOT_PRESENT")
    strange = sign(
        "so-lieu.csv", "ra", key=f"pkcs11:token=dau%20cli;id=%ff{end}", secret=("--password-file", "pin")
    )
    nothing_written(place, strange, 4, "TOKEN_KEY_NOT_FOUND")
    wrong = sign("so-lieu.csv", "ra", key=f"pkcs11:token=dau%20cli;id=%a1{end}")
    nothing_written(place, wrong, 2, "TOKEN_PIN_REFUSED")


def test_a_module_that_is_none_is_told(sign, place):
    answer = sign("so-lieu.csv", "ra", key="pkcs11:token=a;id=%a1?module-path=/dev/null")

    nothing_written(place, answer, 4, "TOKEN_MODULE_UNUSABLE")


_REMOTE = """[signing.lanh-dao]
kind = "remote"
transport = {{ url = "{url}" }}
credential_id = "lanh-dao"
account = {{ token = {{ file = "tai-khoan" }} }}
"""


def test_a_remote_service_signs_and_a_wrong_pin_is_not_tried_twice(sign, passed, place, pki):
    secret_file(place / "pin", PIN)
    secret_file(place / "tai-khoan", ACCOUNT)
    held = HeldKey(pki.signer(AGENCY, role="person"), PIN)
    service = RemoteSigningService({"lanh-dao": held}, f"Bearer {ACCOUNT}", SystemClock())
    with service.listening() as url:
        configured(place, _REMOTE.format(url=url))
        good = sign("so-lieu.csv", "1.p7m", key="remote:lanh-dao", secret=("--password-file", "pin"))
        wrong = sign("so-lieu.csv", "ra", key="remote:lanh-dao")

    assert good.code == 0, good.err
    assert passed("1.p7m")
    nothing_written(place, wrong, 2, "REMOTE_PIN_REFUSED")
    assert held.wrong_pins == 1


def test_a_remote_key_is_configured_rightly_or_refused(sign, place):
    nothing_written(place, sign("so-lieu.csv", "ra", key="remote:lanh-dao"), 4, "CONFIG_NOT_FOUND")
    configured(place, _REMOTE.format(url="https://ky.example"))
    nothing_written(place, sign("so-lieu.csv", "ra", key="remote:lanhdao"), 4, "có lẽ là “lanh-dao”")
    configured(place, _REMOTE.format(url="https://ky.example").replace('{ file = "tai-khoan" }', '"lo-ra"'))
    plain = sign("so-lieu.csv", "ra", key="remote:lanh-dao")
    nothing_written(place, plain, 4, "CONFIG_SECRET")
    assert "lo-ra" not in plain.err
    secret_file(place / "tai-khoan", ACCOUNT)
    configured(place, _REMOTE.format(url="https://ky.example") + "credental_id = 1\n")
    odd = sign("so-lieu.csv", "ra", key="remote:lanh-dao")
    nothing_written(place, odd, 4, "credential_id")
    assert "ebrvt.toml:8" in odd.err
    configured(place, _REMOTE.format(url="http://ky.example"))
    text = (place / "ebrvt.toml").read_text("utf-8")
    (place / "ebrvt.toml").write_text(f'environment = "production"\n{text}', "utf-8")
    nothing_written(place, sign("so-lieu.csv", "ra", key="remote:lanh-dao"), 4, "CONFIG_INSECURE")


# --- what is refused ------------------------------------------------------------------------------------


def test_nothing_is_overwritten_and_the_password_is_not_even_asked(sign, place):
    (place / "co-roi.pdf").write_bytes(b"giu nguyen")
    (place / "treo.pdf").symlink_to(place / "khong-co")

    for out in ("co-roi.pdf", "thu.pdf", "treo.pdf"):
        answer = sign("thu.pdf", out, "--no-appearance", secret=())
        assert (answer.code, answer.out) == (64, "")
        assert "không ghi đè" in answer.err
    assert (place / "co-roi.pdf").read_bytes() == b"giu nguyen"
    assert not (place / "khong-co").exists()


def test_wrong_passwords_and_secrets_that_others_can_read_are_refused(sign, place):
    secret_file(place / "sai", "khong-phai")
    nothing_written(
        place, sign("so-lieu.csv", "ra", secret=("--password-file", "sai")), 4, "SIGNING_KEY_UNUSABLE"
    )
    (place / "mk").chmod(0o640)
    nothing_written(place, sign("so-lieu.csv", "ra"), 4, "chmod 600")
    nothing_written(
        place, sign("so-lieu.csv", "ra", secret=("--password-env", "KHONG_CO")), 4, "CONFIG_SECRET"
    )


def of_another_key():
    """A PKCS#12 file whose certificate is of the same name and length, but of another key."""
    first, second = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    right = issue(Request("A"), None, first)
    own = right.certificate.public_bytes(Encoding.DER)
    strangers = (issue(Request("A"), None, second).certificate.public_bytes(Encoding.DER) for _ in range(500))
    other = next(der for der in strangers if len(der) == len(own))
    plain = pkcs12.serialize_key_and_certificates(b"khoa", first, right.certificate, None, NoEncryption())
    mixed = asn1_pkcs12.Pfx.load(plain.replace(own, other))
    return asn1_pkcs12.Pfx({"version": "v3", "auth_safe": mixed["auth_safe"]}).dump()


def test_a_certificate_of_another_key_and_one_out_of_its_time_are_refused(sign, place, pki):
    issuer, now = pki.identity("issuer"), datetime.now(UTC)
    curve = ec.generate_private_key(ec.SECP256R1())
    weak = ec.generate_private_key(ec.SECP192R1())
    late = Request("Hết hạn", valid_to=now - timedelta(days=1))
    early = Request("Chưa tới", valid_from=now + timedelta(days=1))
    for name, content, code, why in (
        ("lac.p12", of_another_key(), 4, "SIGNING_KEY_UNUSABLE"),
        ("yeu.p12", bundle(issue(Request("Yếu"), issuer, weak)), 4, "SIGNING_CERTIFICATE_UNUSABLE"),
        ("het.p12", bundle(issue(late, issuer, curve)), 1, "SIGN_CERTIFICATE_EXPIRED"),
        ("som.p12", bundle(issue(early, issuer, curve)), 1, "SIGN_CERTIFICATE_NOT_YET_VALID"),
    ):
        (place / name).write_bytes(content)
        nothing_written(place, sign("so-lieu.csv", "ra", key=f"p12:{name}"), code, why)


def test_a_certificate_authority_is_no_signer(sign, place, pki):
    (place / "ca.p12").write_bytes(bundle(pki.identity("issuer")))

    nothing_written(place, sign("so-lieu.csv", "ra", key="p12:ca.p12"), 1, "SIGN_CERTIFICATE_NOT_FOR_SIGNING")


def signed_by_others(pdf, signer, *, locks=None, **more):
    """As other programs sign: certified, or with fields locked."""
    meta = PdfSignatureMetadata(field_name="Dau", md_algorithm="sha256", **more)
    field = SigFieldSpec("Dau", field_mdp_spec=locks)
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    return pyhanko_sign(writer, meta, CmsSigner(signer), new_field_spec=field).getvalue()


def test_a_signature_is_added_only_where_the_earlier_one_allows_it(sign, place, pki, letter):
    seal = pki.signer(AGENCY)
    forms = {"certify": True, "docmdp_permissions": MDPPerm.FILL_FORMS}
    (place / "mau.pdf").write_bytes(signed_by_others(letter, seal, **forms))
    locked = signed_by_others(letter, seal, locks=FieldMDPSpec(FieldMDPAction.ALL))
    (place / "khoa.pdf").write_bytes(locked)

    assert sign("mau.pdf", "mau-2.pdf", "--no-appearance").code == 0
    refused = sign("khoa.pdf", "ra", "--no-appearance")
    nothing_written(place, refused, 1, "SIGN_HARMS_EARLIER")
    assert "chữ ký 1 đã có trong tệp" in refused.err


def test_encrypted_certified_and_broken_pdfs_are_refused_before_a_password_is_asked(sign, place, pki, letter):
    with pikepdf.open(BytesIO(letter)) as pdf:
        pdf.save(place / "khoa.pdf", encryption=pikepdf.Encryption(owner="a", user=""))
    seal = pki.signer(AGENCY)
    never = {"certify": True, "docmdp_permissions": MDPPerm.NO_CHANGES}
    (place / "chung-thuc.pdf").write_bytes(signed_by_others(letter, seal, **never))
    (place / "cut.pdf").write_bytes(letter[: len(letter) // 2])
    (place / "rong.csv").write_bytes(b"")

    for name, code, why in (
        ("khoa.pdf", 1, "SIGN_PDF_ENCRYPTED"),
        ("chung-thuc.pdf", 1, "SIGN_PDF_CERTIFIED"),
        ("cut.pdf", 1, "SIGN_SOURCE_FAILED"),
        ("rong.csv", 1, "SIGN_FILE_EMPTY"),
        ("khong-co.csv", 64, "FILE_UNUSABLE"),
    ):
        nothing_written(place, sign(name, "ra", "--no-appearance", secret=()), code, why)


@pytest.mark.parametrize(
    "content", ["<a><!-- ghi chú --></a>", '<a Id="1"/>', "<!DOCTYPE a []><a/>", "<a>"], ids=str
)
def test_xml_that_cannot_be_signed_is_told(sign, place, content):
    (place / "a.xml").write_text(content, "utf-8")

    answer = sign("a.xml", "ra")
    assert answer.code == 1
    assert "SIGN_XML_UNSUITABLE" in answer.err or "SIGN_SOURCE_FAILED" in answer.err
    assert not (place / "ra").exists()


def test_a_source_whose_signature_is_broken_gets_no_further_one(sign, place):
    assert sign("thu.pdf", "1.pdf", "--no-appearance").code == 0
    whole = bytearray((place / "1.pdf").read_bytes())
    whole[whole.index(b"%PDF-1.") + 7] ^= 1
    (place / "2.pdf").write_bytes(whole)

    nothing_written(place, sign("2.pdf", "ra", "--no-appearance"), 1, "SIGN_SOURCE_FAILED")
    sign("so-lieu.csv", "so-lieu.p7m")
    nothing_written(place, sign("so-lieu.p7m", "ra"), 1, "SIGN_CMS_ALREADY")


def test_a_silent_timestamp_authority_is_an_error_unless_a_signature_without_is_wanted(
    sign, passed, place, monkeypatch
):
    monkeypatch.setattr("ebrvt_connect.transport.patience.FIRST_WAIT_SECONDS", 0.001)
    tsa = ("--tsa", "http://127.0.0.1:9/tsa")

    nothing_written(place, sign("so-lieu.csv", "ra", *tsa), 3, "Cách xử lý")
    answer = sign("so-lieu.csv", "1.p7m", *tsa, "--allow-unstamped", "--json")
    assert (answer.code, answer.data["timestamp"]) == (0, None)
    assert answer.data["unstamped"]["code"] in answer.err
    assert "CẢNH BÁO" in answer.err
    assert passed("1.p7m")


def test_what_an_authority_sends_is_not_taken_on_trust(sign, place, pki, monkeypatch):
    monkeypatch.setattr("ebrvt_connect.transport.patience.FIRST_WAIT_SECONDS", 0.001)
    with authority(pki, answer=b"khong phai dau thoi gian") as url:
        nothing_written(place, sign("so-lieu.csv", "ra", "--tsa", url), 3, "TIMESTAMP_UNUSABLE")


@pytest.mark.parametrize(
    ("file", "options", "why"),
    [
        ("thu.pdf", [], "--image"),
        ("thu.pdf", ["--role", "person", "--image", "chu-ky.png"], "--place"),
        ("thu.pdf", ["--image", "dau.png", "--place", "1,2,3,nan,5"], "--place"),
        ("thu.pdf", ["--no-appearance", "--part", "x"], "--part"),
        ("thu.pdf", ["--no-appearance", "--tsa", "http://ai:mk@tsa.example"], "--tsa"),
        ("thu.pdf", ["--no-appearance", "--allow-unstamped"], "--allow-unstamped"),
        ("ket-qua.xml", ["--tsa", "http://tsa.example"], "XMLDSig"),
        ("thu.pdf", ["--no-appearance", "--password-env", "MK"], "--password-env"),
        ("thu.pdf", ["--no-appearance", "--key", "dau.p12"], "p12:"),
        ("thu.pdf", ["--no-appearance", "--key", "pkcs11:token=a;id=%a1?module-path=m&pin-value=1"], "PIN"),
        ("thu.pdf", ["--no-appearance", "--key", "pkcs11:token=a?module-path=m"], "object"),
        ("thu.pdf", ["--no-appearance", "--key", "pkcs11:tokn=a?module-path=m"], "tokn"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_call_that_means_nothing_is_64(sign, place, file, options, why):
    nothing_written(place, sign(file, "ra", *options), 64, why)


def test_a_picture_of_the_wrong_colour_and_a_seal_without_a_leader_wait_for_a_person(sign, place):
    nothing_written(place, sign("thu.pdf", "ra", "--image", "chu-ky.png"), 2, "SIGNATURE_IMAGE_UNUSABLE")
    nothing_written(place, sign("thu.pdf", "ra", "--image", "dau.png"), 2, "SIGNATURE_PLACE_UNUSABLE")


def test_what_does_not_verify_is_never_written(sign, place, monkeypatch):
    """A signer that signs something else than it was asked to."""
    honest = CmsSigner.async_sign_raw

    async def astray(self, data, digest_algorithm, dry_run=False):
        return await honest(self, data + b"!", digest_algorithm, dry_run)

    monkeypatch.setattr(CmsSigner, "async_sign_raw", astray)
    nothing_written(place, sign("so-lieu.csv", "ra"), 1, "SIGN_NOT_PROVEN")
    nothing_written(place, sign("thu.pdf", "ra", "--no-appearance"), 1, "SIGN_NOT_PROVEN")


@pytest.mark.parametrize("links", [True, False], ids=["links", "a disk without links"])
def test_who_comes_first_keeps_the_name(place, monkeypatch, links):
    def refused(*_):
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    out = place / "ra"
    write_whole(out, b"mot", like=0o600)
    with pytest.raises(FileExistsError):
        write_whole(out, b"hai")

    assert out.read_bytes() == b"mot"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(place.glob(".*.tmp")) == []
