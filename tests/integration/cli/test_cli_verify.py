"""`ebrvt verify`: verdicts by content, their JSON, the exit codes, and whom it trusts."""

import os
import re
import zipfile
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.ops.commands import verify as verify_module
from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.trust.policy import POLICIES
from tests.unit.trust.samples import plain_pdf

AT = "2026-11-23T08:00:00+07:00"
DOCUMENT_KEYS = {"file", "kind", "sha256", "indication", "sub_indications", "headline_vi", "policy"}
DOCUMENT_KEYS |= {"validation_time", "signatures", "findings"}
SIGNATURE_KEYS = {
    "index",
    "role",
    "signature_kind",
    "indication",
    "sub_indication",
    "signer",
    "managing_unit",
}
SIGNATURE_KEYS |= {"issuer", "claimed_time", "best_time", "integrity", "certificate_valid_at_best_time"}
SIGNATURE_KEYS |= {"revocation", "algorithms", "coverage", "changes_after", "findings"}


@pytest.fixture(scope="module")
def issued(desk) -> bytes:
    """Signed by leader and agency, each with a timestamp."""
    return desk.issued(timestamper=desk.stamped())


@pytest.fixture
def papers(issued, tmp_path) -> Path:
    """A folder with one file of each fate."""
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "good.pdf").write_bytes(issued)
    (folder / "unsigned.pdf").write_bytes(plain_pdf())
    (folder / "tampered.pdf").write_bytes(issued.replace(b"Van ban mau", b"Van ban xau", 1))
    return folder


@pytest.fixture
def verify(ebrvt, pki):
    def run(*arguments):
        return ebrvt("verify", "--at", AT, "--trust", pki.trust_folder, *arguments)

    return run


def indications(answer) -> list[str]:
    return [document["indication"] for document in answer.data["documents"]]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ("good.pdf", 0),
        ("good.pdf good.pdf", 0),
        ("unsigned.pdf", 2),
        ("good.pdf unsigned.pdf", 2),
        ("tampered.pdf", 1),
        ("good.pdf tampered.pdf unsigned.pdf", 1),
    ],
)
def test_the_exit_code_is_the_worst_verdict(names, code, verify, papers):
    answer = verify("--json", *(papers / name for name in names.split()))
    assert (answer.code, answer.err) == (code, "")
    assert len(answer.data["documents"]) == len(names.split())


def test_the_json_has_the_shape_of_the_contract(verify, papers, pki):
    (document,) = verify("--json", papers / "good.pdf").data["documents"]
    assert set(document) >= DOCUMENT_KEYS
    assert document["file"] == str(papers / "good.pdf")
    assert document["kind"] == "pdf"
    assert document["headline_vi"] == "HỢP LỆ"
    assert set(document["policy"]) == {"id", "version", "sha256"}
    assert datetime.fromisoformat(document["validation_time"]) == datetime.fromisoformat(AT)
    assert [s["role"] for s in document["signatures"]] == ["person", "agency"]
    for signature in document["signatures"]:
        assert set(signature) >= SIGNATURE_KEYS
        assert set(signature["signer"]) >= {"cn", "title", "organization", "serial"}
        assert signature["best_time"]["proof"] == "timestamp"
        assert signature["revocation"]["status"] == "good"
        assert signature["integrity"] is True
        for finding in signature["findings"]:
            assert set(finding) == {"code", "severity", "message_vi", "message_en", "legal_ref"}
    leader, seal = (signature["coverage"] for signature in document["signatures"])
    assert len(leader["uncovered"]) == 1, "what the seal has added"
    assert (seal["level"], seal["uncovered"]) == ("entire_file", [])


def test_format_json_says_what_json_says(verify, papers):
    assert verify("--format", "json", papers / "good.pdf").data == verify("--json", papers / "good.pdf").data


def test_no_signature_is_told_by_its_sub_indication(verify, papers):
    (document,) = verify("--json", papers / "unsigned.pdf").data["documents"]
    assert document["sub_indications"] == ["SIGNED_DATA_NOT_FOUND"]
    assert document["signatures"] == []


def test_the_text_is_vietnamese_and_english_on_request(verify, papers):
    text = verify(papers / "good.pdf").out
    assert "Kết luận: HỢP LỆ" in text
    assert "Thời điểm ký: 23/11/2026 08:00:00 (căn cứ: dấu thời gian)" in text
    english = verify("--lang", "en", papers / "good.pdf", papers / "tampered.pdf").out
    assert "Verdict: VALID\n" in english
    assert "Verdict: INVALID (HASH_FAILURE" in english
    assert "error: The digest of the signed bytes differs from the signed digest. [HASH_MISMATCH]" in english
    assert "Kết luận" not in english


def zip_bomb() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"0" * 20_000_000)
    return buffer.getvalue()


HOSTILE = {
    "empty": b"",
    "noise": bytes(range(256)) * 40,
    "only a header": b"%PDF-1.7\n",
    "endless objects": b"%PDF-1.7\n" + b"1 0 obj\n<<" * 50_000,
    "deep arrays": b"%PDF-1.7\n1 0 obj\n" + b"[" * 200_000,
    "a trailer into itself": b"%PDF-1.7\nxref\n0 0\ntrailer\n<</Prev 9/Size 1>>\nstartxref\n9\n%%EOF",
    "a nul in everything": b"\0" * 100_000,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_a_format_failure_and_no_traceback(content, verify, tmp_path):
    (tmp_path / "hostile.pdf").write_bytes(content)
    answer = verify("--json", tmp_path / "hostile.pdf")
    assert (answer.code, answer.err) == (1, "")
    (document,) = answer.data["documents"]
    assert document["indication"] == "TOTAL_FAILED"
    assert document["sub_indications"] == ["FORMAT_FAILURE"]
    assert document["findings"][0]["message_vi"]


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (workbook_xlsx(), "ooxml", 2),
        (zip_bomb(), "ooxml", 1),
        (b"<?xml version='1.0'?><a>&x;</a>", "xml", 1),
    ],
    ids=["workbook", "zip bomb", "XML with an entity"],
)
def test_what_carries_no_signature_never_passes_and_fails_where_it_is_broken(
    content, kind, code, verify, tmp_path
):
    (tmp_path / "letter.pdf").write_bytes(content)
    answer = verify("--json", tmp_path / "letter.pdf")
    assert answer.code == code
    assert answer.data["documents"][0]["kind"] == kind


def test_a_hostile_file_does_not_keep_the_others_from_being_judged(verify, papers):
    (papers / "hostile.pdf").write_bytes(HOSTILE["deep arrays"])
    answer = verify("--json", papers / "hostile.pdf", papers / "good.pdf")
    assert indications(answer) == ["TOTAL_FAILED", "TOTAL_PASSED"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_missing_file_is_told_and_keeps_no_other_from_being_judged(verify, papers, form):
    answer = verify("--format", form, papers / "absent.pdf", papers / "good.pdf")
    assert answer.code == 64
    assert "absent.pdf: Không đọc được tệp (không có tệp này)" in answer.err
    assert "good.pdf" in answer.out
    assert "HỢP LỆ" in answer.out
    assert "absent.pdf" not in answer.out


def test_a_missing_file_alone_is_a_wrong_call_without_verdicts(verify, papers):
    answer = verify("--json", papers / "absent.pdf")
    assert (answer.code, answer.data) == (64, {"documents": []})
    assert "absent.pdf" in answer.err


def test_a_folder_is_no_document(verify, papers):
    answer = verify(papers)
    assert (answer.code, answer.out) == (64, "")
    assert f"hãy nêu các tệp trong đó, ví dụ {papers}/*.pdf" in answer.err


def test_a_name_that_begins_with_a_dash_is_told_how_to_write_it(verify):
    answer = verify("-gach.pdf")
    assert (answer.code, answer.out) == (64, "")
    assert "viết ./-TÊN" in answer.err


def test_a_name_that_is_no_text_is_told_as_far_as_it_is(verify, papers, tmp_path):
    path = tmp_path / os.fsdecode(b"c\xf4ng v\xe3n.pdf")
    path.write_bytes((papers / "good.pdf").read_bytes())
    answer = verify("--json", path)
    assert (answer.code, answer.err) == (0, "")
    assert answer.data["documents"][0]["file"].endswith("/c?ng v?n.pdf")


def test_names_in_a_file_cannot_steer_the_terminal(verify, tmp_path):
    (tmp_path / "a\x1b[2J\u202efdp.exe").write_bytes(plain_pdf())
    answer = verify(tmp_path / "a\x1b[2J\u202efdp.exe")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", answer.out)


# --- whom it trusts ---------------------------------------------------------------------------------


@pytest.fixture
def certificate_file(pki, tmp_path):
    def write(name: str) -> Path:
        path = tmp_path / f"{name}.crt"
        path.write_bytes(pki.identity(name).certificate.public_bytes(Encoding.DER))
        return path

    return write


@pytest.fixture
def with_crls(pki):
    """The options that hand over every revocation list of the sandbox."""
    return [part for path in sorted((pki.trust_folder / "crl").iterdir()) for part in ("--crl", path)]


def test_without_trust_nothing_passes_and_stderr_says_why(ebrvt, papers):
    answer = ebrvt("verify", "--json", "--at", AT, papers / "good.pdf")
    assert answer.code == 2
    (document,) = answer.data["documents"]
    assert "NO_CERTIFICATE_CHAIN_FOUND" in document["sub_indications"]
    assert "Chưa dùng kho tin cậy nào" in answer.err


def test_a_trust_folder_beside_us_is_taken_up(ebrvt, papers, pki, tmp_path):
    (tmp_path / "trust").symlink_to(pki.trust_folder)
    assert ebrvt("verify", "--at", AT, papers / "good.pdf").code == 0


def test_an_anchor_is_trusted_for_this_call(ebrvt, papers, certificate_file, with_crls):
    answer = ebrvt(
        "verify", "--json", "--at", AT, "--anchor", certificate_file("root"), *with_crls, papers / "good.pdf"
    )
    assert indications(answer) == ["TOTAL_PASSED"]


def test_with_anchors_the_folder_vouches_for_nobody(verify, papers, certificate_file, with_crls):
    answer = verify("--json", "--anchor", certificate_file("impostor-root"), *with_crls, papers / "good.pdf")
    assert answer.code == 2
    (document,) = answer.data["documents"]
    assert "NO_CERTIFICATE_CHAIN_FOUND" in document["sub_indications"]


def test_with_anchors_a_broken_trust_folder_beside_us_does_not_matter(
    ebrvt, papers, certificate_file, with_crls, tmp_path
):
    (tmp_path / "trust").mkdir()
    (tmp_path / "trust" / "pins.toml").write_text("[[pin")
    anchored = ["--anchor", certificate_file("root"), *with_crls]
    assert ebrvt("verify", "--at", AT, *anchored, papers / "good.pdf").code == 0
    assert ebrvt("verify", "--at", AT, papers / "good.pdf").code == 4


def test_with_anchors_a_named_folder_still_says_who_signs_in_which_role(
    verify, papers, certificate_file, with_crls
):
    answer = verify("--json", "--anchor", certificate_file("root"), *with_crls, papers / "good.pdf")
    assert [s["role"] for s in answer.data["documents"][0]["signatures"]] == ["person", "agency"]


def test_several_anchors_are_all_trusted(ebrvt, papers, certificate_file, with_crls):
    anchors = ["--anchor", certificate_file("impostor-root"), "--anchor", certificate_file("root")]
    assert ebrvt("verify", "--at", AT, *anchors, *with_crls, papers / "good.pdf").code == 0


def test_an_issuer_that_is_not_in_the_file_can_be_handed_over(
    ebrvt, desk, pki, certificate_file, with_crls, tmp_path
):
    # Who knows the root only finds the issuer in the signature or in --cert; as PEM it reads as well.
    path = tmp_path / "issuer.pem"
    path.write_bytes(pki.identity("issuer").certificate.public_bytes(Encoding.PEM))
    (tmp_path / "one.pdf").write_bytes(desk.signed(timestamper=desk.stamped()))
    anchored = ["--anchor", certificate_file("root"), "--cert", path, *with_crls]
    assert ebrvt("verify", "--at", AT, *anchored, tmp_path / "one.pdf").code == 0


def test_without_revocation_lists_nothing_passes(ebrvt, papers, certificate_file):
    answer = ebrvt("verify", "--json", "--at", AT, "--anchor", certificate_file("root"), papers / "good.pdf")
    assert answer.code == 2
    assert "TRY_LATER" in answer.data["documents"][0]["sub_indications"]


@pytest.mark.parametrize("option", ["--anchor", "--cert", "--crl"])
def test_trust_material_that_does_not_read_is_told_by_option_and_name(option, ebrvt, papers, tmp_path):
    (tmp_path / "rac.pdf").write_bytes(b"junk")
    answer = ebrvt("verify", "--json", option, tmp_path / "rac.pdf", papers / "good.pdf")
    assert (answer.code, answer.out) == (64, "")
    assert f"tệp nêu ở {option} không phải " in answer.err
    assert "rac.pdf" in answer.err
    assert "ParseError" not in answer.err


def test_an_anchor_nobody_pinned_is_a_wrong_configuration(ebrvt, papers, pki, tmp_path):
    (tmp_path / "t" / "government").mkdir(parents=True)
    root = x509.load_pem_x509_certificate((pki.trust_folder / "government" / "root.crt").read_bytes())
    (tmp_path / "t" / "government" / "root.crt").write_bytes(root.public_bytes(Encoding.PEM))
    answer = ebrvt("verify", "--trust", tmp_path / "t", papers / "good.pdf")
    assert (answer.code, answer.out) == (4, "")
    assert "TRUST_PIN_MISSING" in answer.err


# --- when -------------------------------------------------------------------------------------------


def test_at_is_the_time_of_the_verdict(ebrvt, papers, pki):
    def at(moment: str) -> list[str]:
        answer = ebrvt("verify", "--json", "--trust", pki.trust_folder, "--at", moment, papers / "good.pdf")
        (document,) = answer.data["documents"]
        return [document["indication"], *document["sub_indications"]]

    assert at(AT) == ["TOTAL_PASSED"]
    assert at("2026-11-23T01:00:00Z") == ["TOTAL_PASSED"]
    assert "TIMESTAMP_ORDER_FAILURE" in at("2026-11-22T08:00:00+07:00")


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-23T08:00:00", "2026-11-23", ""])
def test_a_time_without_offset_or_sense_is_a_wrong_call(moment, ebrvt, papers):
    answer = ebrvt("verify", "--at", moment, papers / "good.pdf")
    assert (answer.code, answer.out) == (64, "")
    assert "--at" in answer.err


def test_every_policy_of_the_house_can_be_chosen():
    (option,) = (p for p in verify_module.command.params if p.name == "policy_id")
    assert set(option.type.choices) == set(POLICIES)
