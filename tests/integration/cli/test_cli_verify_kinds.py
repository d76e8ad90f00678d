"""`ebrvt verify` over XML and CMS: kind and coverage in both tongues, and content beside its signature."""

from pathlib import Path

import pytest
from lxml import etree

from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from tests.unit.trust.samples import AGENCY, AT, plain_pdf

VECTORS = Path(__file__).parents[2] / "vectors" / "reporting"
WHEN = "2026-11-23T08:00:00+07:00"


@pytest.fixture
def verify(ebrvt, pki):
    def run(*arguments):
        return ebrvt("verify", "--at", WHEN, "--trust", pki.trust_folder, *arguments)

    return run


@pytest.fixture
def papers(tmp_path, pki):
    signers = [pki.signer(AGENCY, role="person"), pki.signer(AGENCY)]
    (tmp_path / "giay.pdf").write_bytes(plain_pdf())
    (tmp_path / "khac.pdf").write_bytes(plain_pdf() + b"\n")
    (tmp_path / "giay.pdf.p7s").write_bytes(signed_cms(plain_pdf(), signers, signed_at=AT, detached=True))
    (tmp_path / "giay.p7m").write_bytes(signed_cms(plain_pdf(), signers, signed_at=AT))
    (tmp_path / "giay.xml").write_bytes(signed_xml(result_paper_xml("Kết quả", {}), signers))
    return tmp_path


def test_xml_and_cms_are_told_by_kind_and_coverage(verify, papers):
    answer = verify("--json", papers / "giay.xml", papers / "giay.p7m")

    assert (answer.code, answer.err) == (0, "")
    xml, cms = answer.data["documents"]
    assert (xml["kind"], cms["kind"]) == ("xml", "cms")
    assert xml["signatures"][0]["coverage"] == {
        "level": "partial",
        "uncovered": [],
        "covered": ["/ketQua/noiDung"],
    }
    assert cms["signatures"][0]["coverage"]["level"] == "entire_file"


def test_coverage_stands_in_both_tongues(verify, papers):
    assert "bao phủ: một phần tệp (/ketQua/noiDung)" in verify(papers / "giay.xml").out
    assert "covers: partial (/ketQua/noiDung)" in verify("--lang", "en", papers / "giay.xml").out


@pytest.mark.parametrize(
    ("beside", "code"),
    [([], 2), (["giay.pdf"], 0), (["khac.pdf"], 1), (["khac.pdf", "giay.pdf"], 2)],
)
def test_content_beside_its_signature_is_named_by_an_option(verify, papers, beside, code):
    options = [part for name in beside for part in ("--detached", papers / name)]

    assert verify("--json", papers / "giay.pdf.p7s", *options).code == code


def test_content_belongs_to_one_file(verify, papers):
    answer = verify(papers / "giay.xml", papers / "giay.pdf.p7s", "--detached", papers / "giay.pdf")

    assert answer.code == 64
    assert "--detached" in answer.err


@pytest.mark.parametrize(
    ("name", "code"),
    [("packet.xml", 0), ("sample_submit.xml", 2), ("signature_broken_by_pretty_printing.xml", 1)],
)
def test_the_published_sample_verifies_with_its_certificate_and_its_twin_does_not(
    ebrvt, tmp_path, name, code
):
    """The packet by itself; the whole SOAP message is a file of which the signature covers a part."""
    message = etree.parse(VECTORS / "sample_submit.xml")
    packet = next(message.iter("{urn:ebrvt:sandbox:reporting:1}ReportPacket"))
    (tmp_path / "packet.xml").write_bytes(etree.tostring(packet, with_tail=False))
    file = tmp_path / name if name == "packet.xml" else VECTORS / name
    answer = ebrvt("verify", "--at", WHEN, "--anchor", VECTORS / "sample_submit.crt.pem", file)

    assert answer.code == code
