"""`ebrvt edxml`: packets shown, checked, unpacked and packed; hostile ones harm nothing."""

import hashlib
import json
import re
from pathlib import Path

import pytest

NAMES = {
    "climbing out": "../../../outside.pdf",
    "an absolute path": "/etc/cron.d/outside",
    "a Windows path": "C:\\Windows\\outside.dll",
    "a share": "\\\\server\\share\\outside.pdf",
    "dots": "..",
    "one dot": ".",
    "nothing": " ",
    "a hidden file": ".bashrc",
    "a stream": "a.pdf:hidden",
    "too long": "a" * 400 + ".pdf",
    "too long in bytes": "\N{GRINNING FACE}" * 90 + ".pdf",
    "a long extension": "a." + "b" * 300,
    "right to left": "bao-cao\u202efdp.exe",
    "controls": "bao\u0085cao\u009b2J.pdf",
    "the record's own name": "metadata.json",
    "Vietnamese": "Báo cáo quý III & phụ lục.pdf",
}


@pytest.fixture
def example(vectors) -> Path:
    return vectors / "examples" / "edoc_example.edxml"


@pytest.fixture
def status(vectors) -> Path:
    return vectors / "examples" / "status_example_03.edxml"


@pytest.fixture
def renamed(example, tmp_path):
    """The example with its first file called something else."""

    def write(name: str) -> Path:
        text = example.read_text("utf-8")
        called = name.replace("&", "&amp;")
        assert text.count("125-BC-STTTT.signed.pdf") >= 1
        path = tmp_path / "hostile.edxml"
        path.write_text(text.replace("125-BC-STTTT.signed.pdf", called), "utf-8")
        return path

    return write


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- show -------------------------------------------------------------------------------------------


def test_a_document_is_shown(ebrvt, example):
    answer = ebrvt("edxml", "show", example)
    assert (answer.code, answer.err) == (0, "")
    assert "Báo cáo 125/BC-STTTT – Báo cáo thử nghiệm quý I/2020 & phụ lục số liệu" in answer.out
    assert "Tệp 1: 125-BC-STTTT.signed.pdf" in answer.out
    assert "người ký: Trần Văn Ví Dụ" in answer.out


def test_a_status_is_shown(ebrvt, status):
    assert "Gói tin trạng thái 03" in ebrvt("edxml", "show", status).out
    told = ebrvt("edxml", "show", status, "--json").data
    assert told["record"]["code"] == "03"
    assert told["signature"] == "none"


def test_a_document_is_shown_as_json(ebrvt, example):
    record = ebrvt("edxml", "show", example, "--json").data["record"]
    assert record["document_id"] == "000.00.15.H06,2020/03/16,125/BC-STTTT"
    assert record["issuer"]["code"] == "000.00.15.H06"
    assert [a["name"] for a in record["attachments"]] == ["125-BC-STTTT.signed.pdf", "phu-luc.xlsx"]


def test_what_a_packet_says_cannot_steer_the_terminal(ebrvt, example, tmp_path):
    packet = tmp_path / "hostile.edxml"
    packet.write_text(example.read_text("utf-8").replace("Báo cáo thử", "\u009b2J\u202eBáo cáo thử"), "utf-8")
    for arguments in (["show"], ["show", "--json"], ["check"]):
        answer = ebrvt("edxml", *arguments, packet)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", answer.out)
    assert ebrvt("edxml", "show", "--json", packet).data["record"]["abstract"].startswith("\u009b2J\u202eBáo")


# --- check ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lenient", "strict"),
    [
        ("A_noprefix", 0, 0),
        ("B_otherprefix", 0, 0),
        ("C_attprefixed", 0, 0),
        ("D_nocid", 0, 1),
        ("E_noattachments", 0, 1),
        ("F_wrongns", 1, 1),
        ("G_dtd", 1, 1),
        ("H_isodate", 0, 1),
        ("I_baddate", 0, 1),
        ("J_orgend", 0, 1),
        ("K_zipct_notzip", 0, 1),
    ],
)
def test_the_variants_are_judged_as_their_readme_says(name, lenient, strict, ebrvt, vectors):
    packet = vectors / "examples" / "variants" / f"{name}.edxml"
    assert ebrvt("edxml", "check", packet).code == lenient
    assert ebrvt("edxml", "check", packet, "--strict").code == strict


def test_a_clean_packet_passes_strictly_and_says_so_in_json(ebrvt, example, status):
    for packet in (example, status):
        answer = ebrvt("edxml", "check", packet, "--strict", "--json")
        assert answer.code == 0
        assert answer.data == {"ok": True, "refused": None, "warnings": [], "schema_problems": []}


def test_warnings_are_told_and_count_when_strict(ebrvt, vectors):
    packet = vectors / "examples" / "variants" / "I_baddate.edxml"
    told = ebrvt("edxml", "check", packet, "--json").data
    assert told["ok"] is True
    assert [w["code"] for w in told["warnings"]] == ["DATE_IMPOSSIBLE"]
    assert ebrvt("edxml", "check", packet, "--json", "--strict").data["ok"] is False
    assert "Cảnh báo DATE_IMPOSSIBLE" in ebrvt("edxml", "check", packet).out


def test_the_strict_schema_is_asked_only_when_strict(ebrvt, vectors):
    packet = vectors / "examples" / "variants" / "D_nocid.edxml"
    assert ebrvt("edxml", "check", packet, "--json").data["schema_problems"] == []
    problems = ebrvt("edxml", "check", packet, "--json", "--strict").data["schema_problems"]
    assert {p["element"] for p in problems} == {"ContentId"}


def test_a_refusal_is_an_answer_of_check(ebrvt, vectors):
    packet = vectors / "examples" / "variants" / "G_dtd.edxml"
    answer = ebrvt("edxml", "check", packet, "--json")
    assert (answer.code, answer.err) == (1, "")
    assert answer.data["refused"]["code"] == "XML_DTD_FORBIDDEN"
    assert "Bị từ chối" in ebrvt("edxml", "check", packet).out


BOMB = "<!DOCTYPE a [" + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9)) + "]>"
HOSTILE = {
    "empty": b"",
    "no XML": b"%PDF-1.7",
    "cut": b"<edXML:edXMLEnvelope xmlns:edXML='http://www.mic.gov.vn/TBT/QCVN_102_2016'><edXMLHeader>",
    "billion laughs": BOMB.encode() + b"<a>&e8;</a>",
    "deep": b"<a>" * 100_000,
    "UTF-16": '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"),
    "a nul": b"<a>\0</a>",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("command", ["show", "check", "extract"])
def test_a_hostile_packet_is_a_coded_no(command, content, ebrvt, tmp_path):
    (tmp_path / "hostile.edxml").write_bytes(content)
    options = ["-o", tmp_path / "out"] if command == "extract" else []
    answer = ebrvt("edxml", command, tmp_path / "hostile.edxml", *options)
    assert answer.code == 1
    assert re.search(r"(XML|EDXML)_[A-Z_]+", answer.err + answer.out)
    assert "Traceback" not in answer.err
    assert not (tmp_path / "out").exists()


# --- extract ----------------------------------------------------------------------------------------


def test_files_and_record_are_written(ebrvt, example, tmp_path):
    answer = ebrvt("edxml", "extract", example, "-o", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    written = files_below(tmp_path / "out")
    assert list(written) == ["01-125-BC-STTTT.signed.pdf", "02-phu-luc.xlsx", "metadata.json"]
    assert written["01-125-BC-STTTT.signed.pdf"].startswith(b"%PDF")
    assert json.loads(written["metadata.json"])["abstract"].startswith("Báo cáo thử nghiệm")
    assert answer.out.splitlines() == [str(tmp_path / "out" / name) for name in written]


def test_a_status_has_a_record_only(ebrvt, status, tmp_path):
    assert ebrvt("edxml", "extract", status, "-o", tmp_path / "out").code == 0
    assert list(files_below(tmp_path / "out")) == ["metadata.json"]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_name_leads_out_of_the_folder(name, ebrvt, renamed, tmp_path):
    packet = renamed(name)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    answer = ebrvt("edxml", "extract", packet, "-o", tmp_path / "in" / "deep" / "out")
    assert (answer.code, answer.err) == (0, "")
    out = tmp_path / "in" / "deep" / "out"
    written = files_below(tmp_path)
    assert all(path == "hostile.edxml" or (tmp_path / path).parent == out for path in written)
    first, _, record = sorted(path.name for path in out.iterdir())
    assert record == "metadata.json"
    assert first.startswith("01-")
    assert first.isprintable()
    assert len(first.encode()) <= 200


@pytest.mark.parametrize("taken", ["01-125-BC-STTTT.signed.pdf", "02-phu-luc.xlsx", "metadata.json"])
def test_nothing_is_overwritten_and_nothing_half_written(taken, ebrvt, example, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / taken).write_bytes(b"mine")
    answer = ebrvt("edxml", "extract", example, "-o", out)
    assert (answer.code, answer.out) == (64, "")
    assert taken in answer.err
    assert files_below(out) == {taken: b"mine"}


def test_a_link_laid_in_wait_is_not_followed(ebrvt, example, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "metadata.json").symlink_to(tmp_path / "victim")
    assert ebrvt("edxml", "extract", example, "-o", out).code == 64
    assert not (tmp_path / "victim").exists()


def test_a_folder_that_cannot_be_made_is_told(ebrvt, example, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    answer = ebrvt("edxml", "extract", example, "-o", tmp_path / "file" / "out")
    assert (answer.code, answer.out) == (64, "")
    assert "Traceback" not in answer.err


# --- build ------------------------------------------------------------------------------------------


def test_what_was_extracted_can_be_packed_again(ebrvt, example, tmp_path):
    out = tmp_path / "out"
    ebrvt("edxml", "extract", example, "-o", out)
    files = [out / "01-125-BC-STTTT.signed.pdf", out / "02-phu-luc.xlsx"]
    answer = ebrvt("edxml", "build", out / "metadata.json", *files, "-o", tmp_path / "again.edxml")
    assert (answer.code, answer.out) == (0, "")
    assert "again.edxml" in answer.err
    before, after = (
        ebrvt("edxml", "show", packet, "--json").data["record"]
        for packet in (example, tmp_path / "again.edxml")
    )
    named = [(a["name"], a["sha256"], a["media_type"], a["description"]) for a in after["attachments"]]
    assert named == [
        (a["name"], a["sha256"], a["media_type"], a["description"]) for a in before["attachments"]
    ]
    for key in ("document_id", "number", "issuer", "recipients", "abstract", "promulgated_on", "signatory"):
        assert after[key] == before[key]
    assert ebrvt("edxml", "check", tmp_path / "again.edxml", "--strict").code == 0


def test_a_name_that_had_to_be_cleaned_is_packed_as_it_was(ebrvt, renamed, tmp_path):
    packet = renamed("a" * 180 + ".pdf")
    ebrvt("edxml", "extract", packet, "-o", tmp_path / "out")
    files = [path for path in sorted((tmp_path / "out").iterdir()) if path.name != "metadata.json"]
    ebrvt("edxml", "build", tmp_path / "out" / "metadata.json", *files, "-o", tmp_path / "again.edxml")
    record = ebrvt("edxml", "show", tmp_path / "again.edxml", "--json").data["record"]
    assert record["attachments"][0]["name"] == "a" * 180 + ".pdf"


def test_a_status_can_be_packed_again(ebrvt, status, tmp_path):
    ebrvt("edxml", "extract", status, "-o", tmp_path / "out")
    metadata = tmp_path / "out" / "metadata.json"
    assert ebrvt("edxml", "build", metadata, "-o", tmp_path / "again.edxml").code == 0
    before, after = (
        ebrvt("edxml", "show", packet, "--json").data["record"]
        for packet in (status, tmp_path / "again.edxml")
    )
    assert after == before
    answer = ebrvt("edxml", "build", metadata, status, "-o", tmp_path / "third.edxml")
    assert answer.code == 64
    assert not (tmp_path / "third.edxml").exists()


def test_what_show_prints_can_be_packed(ebrvt, example, tmp_path):
    (tmp_path / "shown.json").write_text(ebrvt("edxml", "show", example, "--json").out, "utf-8")
    (tmp_path / "phu-luc.xlsx").write_bytes(b"sheet")
    out = tmp_path / "out.edxml"
    assert ebrvt("edxml", "build", tmp_path / "shown.json", tmp_path / "phu-luc.xlsx", "-o", out).code == 0
    (attachment,) = ebrvt("edxml", "show", out, "--json").data["record"]["attachments"]
    assert (attachment["name"], attachment["description"]) == ("phu-luc.xlsx", "Phụ lục")
    assert attachment["sha256"] == hashlib.sha256(b"sheet").hexdigest()


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ("{", "JSON_MALFORMED"),
        ("[]", "PACKET_RECORD_INVALID"),
        ("{}", "PACKET_RECORD_INVALID"),
        ('{"record": 5}', "PACKET_RECORD_INVALID"),
        ('{"attachments": 5}', "PACKET_RECORD_INVALID"),
        ('{"reporter": {}, "code": "03"}', "PACKET_RECORD_INVALID"),
        ('{"abstract": "a", "abstract": "b"}', "JSON_KEY_REPEATED"),
        ("[" * 10_000, "JSON_TOO_DEEP"),
    ],
)
def test_a_broken_record_is_a_coded_no(metadata, code, ebrvt, tmp_path):
    (tmp_path / "metadata.json").write_text(metadata, "utf-8")
    answer = ebrvt("edxml", "build", tmp_path / "metadata.json", "-o", tmp_path / "out.edxml")
    assert (answer.code, answer.out) == (1, "")
    assert code in answer.err
    assert not (tmp_path / "out.edxml").exists()


def test_a_secret_document_is_not_packed(ebrvt, example, tmp_path):
    record = ebrvt("edxml", "show", example, "--json").data["record"] | {"confidentiality": "secret"}
    (tmp_path / "metadata.json").write_text(json.dumps(record), "utf-8")
    answer = ebrvt("edxml", "build", tmp_path / "metadata.json", "-o", tmp_path / "out.edxml")
    assert answer.code == 1
    assert "EDXML_SECRET_FORBIDDEN" in answer.err
    assert not (tmp_path / "out.edxml").exists()


def test_a_packet_is_never_overwritten(ebrvt, example, tmp_path):
    ebrvt("edxml", "extract", example, "-o", tmp_path / "out")
    (tmp_path / "mine.edxml").write_bytes(b"mine")
    answer = ebrvt("edxml", "build", tmp_path / "out" / "metadata.json", "-o", tmp_path / "mine.edxml")
    assert answer.code == 64
    assert (tmp_path / "mine.edxml").read_bytes() == b"mine"
