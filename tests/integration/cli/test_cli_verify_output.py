"""`ebrvt verify --format etsi|html|pdf` and `-o`: where answers go, and that nothing is overwritten."""

import builtins
import json
import sys

import pytest
from lxml import etree, html

from tests.unit.trust.samples import plain_pdf

AT = "2026-11-23T08:00:00+07:00"
MAIN = "{http://uri.etsi.org/19102/v1.2.1#}MainIndication"


@pytest.fixture(scope="module")
def issued(desk) -> bytes:
    return desk.issued(timestamper=desk.stamped())


@pytest.fixture
def papers(issued, tmp_path):
    (tmp_path / "good.pdf").write_bytes(issued)
    (tmp_path / "unsigned.pdf").write_bytes(plain_pdf())
    (tmp_path / "tampered.pdf").write_bytes(issued.replace(b"Van ban mau", b"Van ban xau", 1))
    return tmp_path


@pytest.fixture
def verify(ebrvt, pki):
    def run(*arguments):
        return ebrvt("verify", "--workers", "0", "--at", AT, "--trust", pki.trust_folder, *arguments)

    return run


@pytest.mark.parametrize(("name", "code"), [("good", 0), ("tampered", 1), ("unsigned", 2)])
@pytest.mark.parametrize("form", ["etsi", "html", "pdf"])
def test_the_exit_code_is_that_of_the_verdict_in_every_form(form, name, code, verify, papers):
    answer = verify("--format", form, "-o", papers / "answer", papers / f"{name}.pdf")

    assert (answer.code, answer.out) == (code, "")
    assert answer.err.endswith(f"đã ghi vào {papers}/answer\n")
    assert (papers / "answer").stat().st_size > 1000


def test_etsi_xml_comes_on_stdout_and_nothing_else(verify, papers):
    answer = verify("--format", "etsi", papers / "good.pdf")

    told = [e.text for e in etree.fromstring(answer.out.encode()).iter(MAIN)]
    assert told.count("urn:etsi:019102:mainindication:total-passed") == 2


def test_html_of_several_files_is_one_document(verify, papers):
    answer = verify("--format", "html", papers / "good.pdf", papers / "tampered.pdf")

    page = html.document_fromstring(answer.out)
    headlines = [e.text for e in page.xpath("//div[contains(@class,'headline')]//b")]
    assert (answer.code, headlines) == (1, ["HỢP LỆ", "KHÔNG HỢP LỆ"])


@pytest.mark.parametrize(
    ("form", "suffix"),
    [
        ("etsi", ".etsi.xml"),
        ("html", ".ket-qua.html"),
        ("pdf", ".ket-qua.pdf"),
        ("text", ".ket-qua.txt"),
        ("json", ".ket-qua.json"),
    ],
)
def test_into_a_folder_each_document_gets_its_own(form, suffix, verify, papers):
    (papers / "out").mkdir()

    answer = verify("--format", form, "-o", papers / "out", papers / "good.pdf", papers / "tampered.pdf")

    assert (answer.code, answer.out) == (1, "")
    assert {p.name for p in (papers / "out").iterdir()} == {f"good.pdf{suffix}", f"tampered.pdf{suffix}"}


def test_a_file_that_cannot_be_read_does_not_shift_the_answers_of_others(verify, papers):
    (papers / "out").mkdir()

    answer = verify(
        "--json", "-o", papers / "out", papers / "tampered.pdf", papers / "absent.pdf", papers / "good.pdf"
    )

    assert answer.code == 1
    told = {
        p.name: json.loads(p.read_text())["documents"][0]["indication"] for p in (papers / "out").iterdir()
    }
    assert told == {"good.pdf.ket-qua.json": "TOTAL_PASSED", "tampered.pdf.ket-qua.json": "TOTAL_FAILED"}


@pytest.mark.parametrize("form", ["text", "json", "etsi", "html", "pdf"])
def test_nothing_is_overwritten(form, verify, papers):
    (papers / "kept").write_text("của tôi")

    answer = verify("--format", form, "-o", papers / "kept", papers / "good.pdf")

    assert (answer.code, answer.out) == (64, "")
    assert "không ghi đè" in answer.err
    assert (papers / "kept").read_text() == "của tôi"


def test_a_link_that_leads_nowhere_is_not_written_through(verify, papers):
    (papers / "link").symlink_to(papers / "elsewhere")

    assert verify("--format", "html", "-o", papers / "link", papers / "good.pdf").code == 64
    assert not (papers / "elsewhere").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "etsi", "good.pdf", "tampered.pdf"],
        ["--format", "etsi", "-o", "both.xml", "good.pdf", "tampered.pdf"],
        ["--format", "pdf", "--json", "good.pdf"],
        ["--format", "html", "-o", "nowhere/a.html", "good.pdf"],
        ["--format", "docx", "good.pdf"],
        ["--format", "html", "-o", ".", "good.pdf", "./good.pdf"],
    ],
)
def test_what_cannot_be_handed_over_is_told_before_anything_is_verified(arguments, verify, papers):
    before = {p.name for p in papers.iterdir()}

    answer = verify(*arguments)

    assert (answer.code, answer.out) == (64, "")
    assert {p.name for p in papers.iterdir()} == before


def test_a_pdf_is_not_poured_onto_a_terminal(verify, papers, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    answer = verify("--format", "pdf", papers / "good.pdf")

    assert answer.code == 64
    assert "-o" in answer.err


@pytest.mark.parametrize(("form", "package"), [("html", "jinja2"), ("pdf", "reportlab")])
def test_a_missing_extra_is_told_with_its_cure(form, package, verify, papers, monkeypatch):
    honest = builtins.__import__

    def without(name, *arguments, **named):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return honest(name, *arguments, **named)

    for module in [m for m in sys.modules if m.startswith("ebrvt_connect.ops.certificate_")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without)

    answer = verify("--format", form, "-o", papers / "out", papers / "good.pdf")

    assert answer.code == 4
    assert "EXTRA_NOT_INSTALLED" in answer.err
    assert package in answer.err
    assert not (papers / "out").exists()
