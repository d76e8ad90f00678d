"""`ebrvt verify` over packets: every attached file a document of its own, and `--packet`, the whole of it."""

import json

import pytest

from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.testing.sample_signed import signed_cms
from tests.unit.trust.packet_samples import edxml, sealed_edxml
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY

WHEN = "2026-11-23T08:00:00+07:00"


@pytest.fixture
def verify(ebrvt, pki):
    def run(*arguments, workers=0):
        return ebrvt("verify", "--at", WHEN, "--trust", pki.trust_folder, "--workers", workers, *arguments)

    return run


@pytest.fixture(scope="module")
def good(desk):
    return desk.issued(timestamper=desk.stamped())


@pytest.fixture(scope="module")
def sealed(desk):
    return desk.signed(timestamper=desk.stamped())


@pytest.fixture
def packets(tmp_path, good, sealed, pki):
    """A folder with one packet of each fate."""
    made = {
        "good": edxml({"cv.pdf": good, "pl.pdf": sealed}),
        "tampered": edxml({"cv.pdf": good, "pl.pdf": sealed.replace(b"Van ban mau", b"Van ban xau", 1)}),
        "unsigned-appendix": edxml({"cv.pdf": good, "pl.xlsx": workbook_xlsx()}),
        "signed": sealed_edxml(edxml({"cv.pdf": good}), pki.signer(AGENCY)),
        "other-agency": edxml({"cv.pdf": good}, issuer=OTHER_AGENCY),
        "odd-names": edxml({"../../a\u202efdp.exe": good, "..": sealed}),
        "broken": b"<edXML",
    }
    for name, content in made.items():
        (tmp_path / f"{name}.edxml").write_bytes(content)
    return tmp_path


def told(answer):
    return [(d["file"].rpartition("edxml")[2], d["indication"]) for d in answer.data["documents"]]


# --- a packet among other files -----------------------------------------------------------------------


def test_a_packet_is_told_with_every_attached_file(verify, packets):
    answer = verify("--json", packets / "signed.edxml")

    assert (answer.code, answer.err) == (0, "")
    assert told(answer) == [("", "TOTAL_PASSED"), ("/01-cv.pdf", "TOTAL_PASSED")]
    assert [d["kind"] for d in answer.data["documents"]] == ["edxml", "pdf"]


def test_a_tampered_attached_file_fails_the_call(verify, packets):
    answer = verify("--json", packets / "tampered.edxml")

    assert answer.code == 1
    assert told(answer)[1:] == [("/01-cv.pdf", "TOTAL_PASSED"), ("/02-pl.pdf", "TOTAL_FAILED")]
    assert "ATTACHED_FILE_FAILED" in [f["code"] for f in answer.data["documents"][0]["findings"]]


def test_an_unsigned_envelope_is_a_document_without_signature(verify, packets):
    answer = verify("--json", packets / "good.edxml")

    assert (answer.code, told(answer)[0]) == (2, ("", "INDETERMINATE"))


def test_names_in_a_packet_are_harmless(verify, packets):
    answer = verify("--json", packets / "odd-names.edxml")

    names = [name for name, _ in told(answer)]
    assert names[1:] == ["/01-afdp.exe", "/02-tệp 2"]


def test_what_stands_beside_a_signature_in_the_packet_is_given_to_it(verify, tmp_path, pki, good):
    table = workbook_xlsx()
    beside = signed_cms(table, [pki.signer(AGENCY)], signed_at=AT, detached=True)
    (tmp_path / "p.edxml").write_bytes(edxml({"cv.pdf": good, "a.xlsx": table, "a.xlsx.p7s": beside}))

    assert told(verify("--json", tmp_path / "p.edxml"))[-1] == ("/03-a.xlsx.p7s", "TOTAL_PASSED")


def test_each_answer_has_a_place_in_a_folder(verify, packets, tmp_path):
    (tmp_path / "out").mkdir()
    verify("-o", tmp_path / "out", packets / "signed.edxml")

    assert len(list((tmp_path / "out").iterdir())) == 2


# --- --packet -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "finding"),
    [
        ("good", 0, None),
        ("signed", 0, None),
        ("tampered", 1, None),
        ("unsigned-appendix", 2, "APPENDIX_NOT_SIGNED"),
        ("other-agency", 2, "AGENCY_SEAL_FOREIGN"),
        ("broken", 1, "PACKET_UNREADABLE"),
    ],
)
def test_the_exit_code_is_the_packets_verdict(verify, packets, name, code, finding):
    answer = verify("--json", "--packet", packets / f"{name}.edxml")

    assert (answer.code, answer.err) == (code, "")
    packet = answer.data["packet"]
    found = [f["code"] for f in [*packet["findings"], *(n for f in packet["files"] for n in f["findings"])]]
    assert finding is None or finding in found
    if code == 0:
        assert {d["indication"] for d in answer.data["documents"]} == {"TOTAL_PASSED"}


def test_workers_examine_a_packet_before_it_is_put_together(verify, packets):
    assert verify("--packet", packets / "good.edxml", workers=1).code == 0
    assert verify(packets / "tampered.edxml", workers=1).code == 1


def test_the_text_is_vietnamese_and_english_on_request(verify, packets):
    text = verify("--packet", packets / "unsigned-appendix.edxml").out
    assert "Kết luận chung: CHƯA ĐỦ CƠ SỞ KẾT LUẬN" in text
    assert "văn bản 125/BC-STTTT của cơ quan 000.00.15.H06" in text
    english = verify("--lang", "en", "--packet", packets / "unsigned-appendix.edxml").out
    assert "Verdict on the whole: CANNOT BE DECIDED" in english
    assert "Kết luận" not in english


def test_what_extract_wrote_is_judged_with_its_files(ebrvt, verify, packets, tmp_path):
    ebrvt("edxml", "extract", packets / "good.edxml", "-o", tmp_path / "x")
    record, files = tmp_path / "x" / "metadata.json", sorted((tmp_path / "x").glob("*.pdf"))

    assert verify("--packet", record, *files).code == 0
    assert verify("--packet", record, files[0]).code == 2
    files[1].write_bytes(files[0].read_bytes())
    changed = verify("--json", "--packet", record, *files)
    assert (changed.code, "HASH_FAILURE" in changed.data["packet"]["sub_indications"]) == (1, True)


def test_recoded_agencies_are_read_from_their_file(verify, tmp_path, good):
    (tmp_path / "p.edxml").write_bytes(edxml({"cv.pdf": good}, issuer="H29.90"))
    (tmp_path / "agencies.toml").write_text(
        '[[succession]]\nold = "H06"\nnew = "H29"\nsince = 2025-07-01\n'
        '[succession.codes]\n"H06.15" = "H29.90"\n'
    )

    assert verify("--packet", tmp_path / "p.edxml").code == 2
    assert verify("--packet", tmp_path / "p.edxml", "--agencies", tmp_path / "agencies.toml").code == 0


def test_the_answer_may_go_to_a_file_and_overwrites_none(verify, packets, tmp_path):
    out = tmp_path / "ket-qua.json"
    assert verify("--packet", packets / "good.edxml", "--format", "json", "-o", out).code == 0
    assert json.loads(out.read_text("utf-8"))["packet"]["indication"] == "TOTAL_PASSED"
    assert verify("--packet", packets / "good.edxml", "--format", "json", "-o", out).code == 64


@pytest.mark.parametrize(
    ("form", "name", "begins"),
    [
        ("html", "ket-qua.html", b"<!doctype html>"),
        ("pdf", "ket-qua.pdf", b"%PDF-"),
        ("etsi", "etsi.xml", b"<?xml"),
    ],
)
@pytest.mark.parametrize(("packet", "code"), [("good", 0), ("tampered", 1), ("other-agency", 2)])
def test_a_packet_has_its_certificate_and_its_etsi_report(verify, packets, form, name, begins, packet, code):
    answer = verify("--packet", packets / f"{packet}.edxml", "--format", form, "-o", f"{packets}/phieu/")

    written = (packets / "phieu" / f"{packet}.edxml.{name}").read_bytes()
    assert (answer.code, answer.out) == (code, "")
    assert written.startswith(begins)


@pytest.mark.parametrize(
    "options",
    [
        ["--packet", "good.edxml", "good.edxml"],
        ["--packet", "good.edxml", "--detached", "good.edxml"],
        ["--packet", "good.edxml", "--format", "pdf", "--json"],
        ["--agencies", "good.edxml", "good.edxml"],
        ["--packet", "absent.edxml"],
        [],
    ],
)
def test_calls_that_mean_nothing_are_wrong_calls(verify, packets, options):
    answer = verify(*(packets / o if o.endswith(".edxml") else o for o in options))

    assert (answer.code, answer.out) == (64, "")


def test_a_packet_judged_file_by_file_is_told_how_to_be_judged_whole(verify, packets):
    answer = verify(packets / "good.edxml")

    assert f"ebrvt verify --packet {packets / 'good.edxml'}" in answer.err
    assert "--packet" not in verify("--json", packets / "good.edxml").err


def test_a_pdf_is_no_packet_and_no_bad_document_for_that(verify, tmp_path, good):
    (tmp_path / "tot.pdf").write_bytes(good)
    answer = verify("--packet", tmp_path / "tot.pdf")

    assert (answer.code, answer.out) == (64, "")
    assert "bỏ --packet" in answer.err


def test_a_record_named_without_its_files_is_told_where_they_are(ebrvt, verify, packets, tmp_path):
    ebrvt("edxml", "extract", packets / "good.edxml", "-o", tmp_path / "x")
    answer = verify("--packet", tmp_path / "x" / "metadata.json")

    assert (answer.code, answer.out) == (64, "")
    assert f"{tmp_path / 'x' / '01-cv.pdf'}" in answer.err


def test_the_text_of_a_packet_names_its_rules_and_their_time_zone(verify, packets):
    head = verify("--packet", packets / "good.edxml").out.splitlines()[2]

    assert head.startswith(
        "Kiểm tra lúc: 23/11/2026 08:00:00 (+07:00) theo chính sách VN_2025 phiên bản 1 (SHA"
    )


def test_json_that_is_no_record_is_told_and_no_traceback(verify, tmp_path):
    (tmp_path / "metadata.json").write_text('{"number": 3}')
    answer = verify("--packet", tmp_path / "metadata.json")

    assert answer.code not in (0, 70)
    assert "PACKET_RECORD_INVALID" in answer.err or "metadata.json" in answer.err


def test_a_file_that_is_not_there_is_told_with_what_to_do(ebrvt, verify, packets, tmp_path):
    ebrvt("edxml", "extract", packets / "good.edxml", "-o", tmp_path / "x")
    answer = verify("--packet", tmp_path / "x" / "metadata.json", tmp_path / "thieu.pdf")

    assert answer.code == 64
    assert "thieu.pdf" in answer.err
    assert "kiểm tra lại đường dẫn" in answer.err
