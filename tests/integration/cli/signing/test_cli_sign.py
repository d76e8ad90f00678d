"""`ebrvt sign`: real keys in files, in a SoftHSM2 and at the simulated service; and what it refuses."""

import errno
import os
import resource
import shutil
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pikepdf
import pytest
from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    pkcs12,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigFieldSpec
from pyhanko.sign.signers.functions import sign_pdf as pyhanko_sign
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata
from pyhanko.sign.timestamps import TimeStamper

from ebrvt_connect.ops.new_file import write_whole
from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.transport import timestamp
from ebrvt_connect.transport.signing_cms import CmsSigner
from ebrvt_connect.transport.timestamp import TimestampClient
from tests.integration.cli.signing.sign_samples import (
    AGENCY,
    PASSWORD,
    PLACE,
    authority,
    bundle,
    nothing_written,
    secret_file,
)

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

    assert (answer.code, answer.data["form"], answer.data["role"]) == (0, "xades", None), answer.err
    assert passed("b.xml")[0]["coverage"]["level"] == "entire_file"
    again = sign("b.xml", "ra")
    nothing_written(place, again, 1, "SIGN_XML_SIGNED")


def test_the_seal_signs_the_whole_over_a_part_the_leader_signed(sign, passed, place):
    assert sign("ket-qua.xml", "1.xml", "--part", "noi-dung", key="p12:lanh-dao.p12").code == 0
    assert sign("1.xml", "2.xml").code == 0

    assert [s["coverage"]["level"] for s in passed("2.xml")] == ["partial", "entire_file"]
    nothing_written(place, sign("2.xml", "ra"), 1, "SIGN_XML_SIGNED")


@pytest.mark.parametrize("part", ["", "noi-dung"], ids=["whole", "part"])
def test_xml_bears_a_timestamp_where_one_is_asked_for(sign, passed, pki, part):
    with authority(pki) as url:
        answer = sign("ket-qua.xml", "b.xml", "--tsa", url, "--json", *(("--part", part) if part else ()))

    assert answer.code == 0, answer.err
    assert answer.data["timestamp"]["authority"]
    [signature] = passed("b.xml")
    assert (signature["level"], signature["best_time"]["proof"]) == ("B-T", "timestamp")


def test_a_silent_authority_leaves_xml_unsigned_unless_allowed(sign, passed, place):
    gone = ("--tsa", "http://127.0.0.1:9/tsa")

    refused = sign("ket-qua.xml", "ra", *gone)
    nothing_written(place, refused, 3, "REMOTE_REFUSED_CONNECTION")
    allowed = sign("ket-qua.xml", "b.xml", *gone, "--allow-unstamped", "--json")

    assert (allowed.code, allowed.data["timestamp"]) == (0, None), allowed.err
    assert allowed.data["unstamped"]["code"]
    assert "KHÔNG CÓ DẤU THỜI GIAN" in allowed.err
    assert passed("b.xml")[0]["level"] == "B-B"


def test_an_authority_whose_clock_is_wrong_spoils_no_document(sign, place, pki):
    """Its token would be taken for the time of signing by every receiver."""
    for file, options in (("thu.pdf", ["--no-appearance"]), ("ket-qua.xml", []), ("so-lieu.csv", [])):
        with authority(pki, ahead=timedelta(days=-400)) as url:
            answer = sign(file, "ra", *options, "--tsa", url)
        nothing_written(place, answer, 1, "SIGN_NOT_PROVEN")
        assert "đồng hồ" in answer.err


def test_a_timestamp_of_something_else_is_never_written(sign, place, pki, monkeypatch):
    """Should the client let one through, the last look still finds it."""
    monkeypatch.setattr(TimestampClient, "request_cms", honest_but_for_the_digest)
    monkeypatch.setattr(timestamp, "_check_token", lambda *_: None)
    for file, options in (("thu.pdf", ["--no-appearance"]), ("ket-qua.xml", []), ("so-lieu.csv", [])):
        with authority(pki) as url:
            answer = sign(file, "ra", *options, "--tsa", url)
        nothing_written(place, answer, 1, "SIGN_NOT_PROVEN")


def honest_but_for_the_digest(self, message_digest, md_algorithm):
    return TimeStamper.request_cms(self, message_digest[::-1], md_algorithm)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="sudo apt-get install poppler-utils")
def test_an_attachment_bears_number_and_time_and_no_image(sign, passed, place):
    answer = sign("thu.pdf", "pl.pdf", "--role", "attachment", "--number", "12/BC-STTTT", "--json")

    assert (answer.code, answer.data["role"]) == (0, "attachment"), answer.err
    assert [s["field"] for s in passed("pl.pdf")] == ["ChuKyCoQuan"]
    text = subprocess.run(
        ["pdftotext", place / "pl.pdf", "-"], capture_output=True, check=True
    ).stdout.decode()
    assert "12/BC-STTTT" in text
    assert "+07:00" in text


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
        ("thu.pdf", ["--role", "attachment"], "--number"),
        ("thu.pdf", ["--role", "attachment", "--number", "1/A", "--image", "dau.png"], "--image"),
        ("thu.pdf", ["--role", "copy", "--place", PLACE], "--place"),
        ("thu.pdf", ["--no-appearance", "--tsa", "http://ai:mk@tsa.example"], "--tsa"),
        ("thu.pdf", ["--no-appearance", "--allow-unstamped"], "--allow-unstamped"),
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


def test_a_full_disk_is_told_by_the_files_name_and_leaves_nothing(sign, place, letter):
    """It was told as if the terminal were full."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most))
    try:
        answer = sign("thu.pdf", "ra", "--no-appearance")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    nothing_written(place, answer, 64, "DISK_FULL")
    assert "không ghi được ra" in answer.err
    assert (place / "thu.pdf").read_bytes() == letter


def test_no_crash_leaves_a_pin_on_the_disk(sign):
    sign("so-lieu.csv", "ra.p7m")

    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0


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
