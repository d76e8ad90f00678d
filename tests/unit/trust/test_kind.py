"""What a file is shows in its content; kinds that are not judged yet are told so honestly."""

import pytest

from ebrvt_connect.testing.sample_files import archive_zip, workbook_xlsx
from ebrvt_connect.trust.kind import sighted
from ebrvt_connect.trust.verdict import Indication

XML = b'\xef\xbb\xbf  <?xml version="1.0"?><a/>'


@pytest.mark.parametrize(
    ("data", "kind", "name", "may_be_signed"),
    [
        (b"%PDF-1.7", "pdf", "PDF", True),
        (b"junk %PDF-1.7", "pdf", "PDF", True),
        (b"\0" * 1100 + b"%PDF-1.7", "unknown", "", False),
        (workbook_xlsx(), "ooxml", "Office (OOXML)", True),
        (archive_zip(), "unknown", "ZIP", False),
        (archive_zip()[:200], "ooxml", "ZIP", True),
        (bytes.fromhex("3082123406092a864886f70d010702a0"), "cms", "CMS (p7m/p7s)", True),
        (bytes.fromhex("308006092a864886f70d010702a080") + b"%PDF-1.7", "cms", "CMS (p7m/p7s)", True),
        (b"-----BEGIN PKCS7-----\nMII", "cms", "CMS (p7m/p7s)", True),
        (b"-----BEGIN CERTIFICATE-----\nMII", "unknown", "TXT", False),
        (b"MIIOuwYJKoZIhvcNAQcCoIIOrDCC\nDqgCAQEx", "cms", "CMS (p7m/p7s)", True),
        (b"MIIOuwYJKoZIhvcNA", "unknown", "TXT", False),
        (b"Content-Type: text/plain\n\nx", "unknown", "TXT", False),
        (b"Content-Type: multipart/signed\n\nx", "cms", "S/MIME (multipart/signed)", True),
        (XML, "xml", "XML", True),
        (b"\n<!DOCTYPE html><p>x", "xml", "XML", False),
        (b"<HTML lang='vi'>x", "xml", "XML", False),
        (b"<!DOCTYPE html><p>Signature", "xml", "XML", True),
        (b"<edXML:edXML/>", "edxml", "edXML", True),
        (b"< not xml", "unknown", "TXT", False),
        (b"\xff\xd8\xff\xe0", "unknown", "JPEG", False),
        (b"\x89PNG\r\n\x1a\n", "unknown", "PNG", False),
        ("Xin chào".encode(), "unknown", "TXT", False),
        ("ữ".encode() * 3000, "unknown", "TXT", False),
        (b"\x01\x02\x03", "unknown", "", False),
        (b"\xff\xfe\x00", "unknown", "", False),
        (b"a" * 3000 + b"\xff" * 3000, "unknown", "", False),
        (b"", "unknown", "", False),
    ],
)
def test_kind_by_content(data, kind, name, may_be_signed):
    sighting = sighted(data)

    assert (sighting.kind, sighting.name, sighting.may_be_signed) == (kind, name, may_be_signed)


@pytest.mark.parametrize("data", [archive_zip(), b"\x89PNG\r\n\x1a\n", b"text"])
def test_an_unsigned_file_of_another_kind_is_undecided(desk, data):
    report = desk.verdict(data)

    assert report.indication is Indication.INDETERMINATE
    assert [f.code for f in report.findings] == ["SIGNED_DATA_NOT_FOUND", "KIND_NOT_JUDGED_YET"]
    assert report.sub_indications[0] == "SIGNED_DATA_NOT_FOUND"


def test_what_may_be_signed_is_not_said_to_be_unsigned(desk):
    report = desk.verdict(b"Content-Type: multipart/signed\n\nx")

    assert [f.code for f in report.findings] == ["KIND_NOT_JUDGED_YET"]
    assert report.indication is Indication.INDETERMINATE


def test_an_unsigned_workbook_is_plainly_unsigned(desk):
    report = desk.verdict(workbook_xlsx())

    assert [f.code for f in report.findings] == ["SIGNED_DATA_NOT_FOUND"]
    assert report.indication is Indication.INDETERMINATE


def test_an_unsigned_xml_file_is_plainly_unsigned(desk):
    report = desk.verdict(XML)

    assert [f.code for f in report.findings] == ["SIGNED_DATA_NOT_FOUND"]
    assert report.indication is Indication.INDETERMINATE


@pytest.mark.parametrize("percent", [2, 5, 20, 27, 60, 95])
def test_an_office_file_that_was_cut_off_is_damaged_and_not_unsigned(desk, percent):
    whole = workbook_xlsx()

    report = desk.verdict(whole[: len(whole) * percent // 100])

    assert (report.indication, [f.code for f in report.findings]) == ("TOTAL_FAILED", ["OOXML_ZIP_STRUCTURE"])


@pytest.mark.parametrize("data", [b"<goi><a>x</goi", b"<a>", b"<a/><b/>"])
def test_xml_that_was_cut_off_is_damaged_and_not_unsigned(desk, data):
    report = desk.verdict(data)

    assert (report.indication, [f.code for f in report.findings]) == ("TOTAL_FAILED", ["XML_UNREADABLE"])
