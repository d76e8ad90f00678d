"""Files in packets: the bytes decide, hostile ones are refused, odd ones are kept with a warning."""

import base64
import hashlib
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.codec.edxml_attachments import extension, safe_name, wire_label
from ebrvt_connect.codec.edxml_words import EdxmlLimits
from ebrvt_connect.errors import InvalidValue

PDF = b"%PDF-1.7\n%%EOF\n"
CONTENT_OF_PDF = "JVBERi0xLjQKJSBzeW50aGV0aWMgcGxhY2Vob2xkZXIsIG5vdCBhIHJlYWwgZG9jdW1lbnQKJSVFT0YK"


def zipped(*entries, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return packed.getvalue()


DOCX = zipped(("[Content_Types].xml", "<Types/>"), ("word/document.xml", "<w/>"), ("_rels/.rels", "<R/>"))
XLSX = zipped(("[Content_Types].xml", "<Types/>"), ("xl/workbook.xml", "<w/>"))


@pytest.fixture
def carrying(example, read, blobs):
    """Reads the example with its first file replaced; hands out the attachment, its bytes and warnings."""

    def carry(content, *, name="a.pdf", label="application/pdf", limits=EdxmlLimits(), text=None):  # noqa: B008
        encoded = base64.b64encode(content).decode() if text is None else text
        packet = (
            example.replace(CONTENT_OF_PDF, encoded)
            .replace("AttachmentName>125-BC-STTTT.signed.pdf<", f"AttachmentName>{name}<")
            .replace("<ContentType>application/pdf<", f"<ContentType>{label}<")
        )
        record = read(packet, limits).record
        attachment = record.attachments[0]
        assert len(blobs.contents[attachment.sha256]) == attachment.size_bytes
        return attachment, blobs.contents[attachment.sha256], [one.code for one in record.warnings]

    return carry


@pytest.mark.parametrize(
    ("content", "name", "label", "expected", "media_type", "warnings"),
    [
        (PDF, "a.pdf", "application/pdf", PDF, "application/pdf", []),
        (zipped(("x.pdf", PDF)), "a.pdf", "application/zip", PDF, "application/pdf", []),
        (
            zipped(("x.pdf", PDF)),
            "a.pdf",
            "application/pdf",
            PDF,
            "application/pdf",
            ["ATTACHMENT_TYPE_MISMATCH"],
        ),
        (PDF, "a.pdf", "application/zip", PDF, "application/pdf", ["ATTACHMENT_TYPE_MISMATCH"]),
        (b"MZ\x90\x00", "a.pdf", "", b"MZ\x90\x00", "application/octet-stream", ["ATTACHMENT_TYPE_MISMATCH"]),
        (DOCX, "a.docx", "application/docx", DOCX, None, []),
        (DOCX, "a.docx", "application/zip", DOCX, None, []),
        (zipped(("u.docx", DOCX)), "a.docx", "application/zip", DOCX, None, []),
        (zipped(("u.xlsx", XLSX)), "a.xlsx", "application/zip", XLSX, None, []),
        (zipped(("u.zip", XLSX)), "a.xlsx", "application/zip", XLSX, None, []),
        (zipped(("u.txt", b"abc")), "a.txt", "application/zip", b"abc", "application/octet-stream", []),
        (zipped(("u.pdf", PDF)), "a.zip", "application/zip", zipped(("u.pdf", PDF)), "application/zip", []),
        (b"", "a.txt", "", b"", "application/octet-stream", []),
    ],
    ids=[
        "pdf",
        "pdf_zipped_for_the_journey",
        "pdf_zipped_but_labelled_pdf",
        "pdf_labelled_zip",
        "program_called_pdf",
        "docx",
        "docx_labelled_zip",
        "docx_zipped_by_an_old_producer",
        "xlsx_zipped_as_the_vendor_does",
        "entry_called_zip",
        "text",
        "zip_that_is_meant_to_be_one",
        "empty_file",
    ],
)
def test_the_bytes_decide_what_a_file_is(content, name, label, expected, media_type, warnings, carrying):
    attachment, stored, codes = carrying(content, name=name, label=label)
    assert stored == expected
    assert codes == warnings
    if media_type:
        assert attachment.media_type == media_type


def test_an_office_file_is_known_by_what_is_in_it(carrying):
    assert carrying(DOCX, name="a.docx")[0].media_type.endswith("wordprocessingml.document")
    assert carrying(zipped(("u.xlsx", XLSX)), name="a.xlsx")[0].media_type.endswith("spreadsheetml.sheet")


def test_a_zip_of_several_files_stays_a_zip(carrying):
    several = zipped(("a.pdf", PDF), ("b.pdf", PDF))
    _, stored, codes = carrying(several, name="a.pdf", label="application/zip")
    assert stored == several
    assert codes == ["ATTACHMENT_TYPE_MISMATCH"]


def damaged(content):
    return content[:-30]


def with_wrong_sum(content):
    at = content.index(b"PK\x01\x02") + 16
    return content[:at] + bytes(byte ^ 0xFF for byte in content[at : at + 4]) + content[at + 4 :]


def encrypted(content):
    flagged = bytearray(content)
    flagged[6] |= 1
    flagged[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(flagged)


@pytest.mark.parametrize(
    "content",
    [
        damaged(zipped(("a.txt", b"abc"))),
        with_wrong_sum(zipped(("a.txt", b"abc"))),
        encrypted(zipped(("a.txt", b"abc"))),
        zipped(("a.txt", b"abc"), method=zipfile.ZIP_LZMA),
        zipped(*((f"{n}.txt", b"") for n in range(2_500))),
    ],
    ids=["cut_off", "wrong_sum", "encrypted", "lzma", "thousands_of_entries"],
)
def test_a_zip_that_cannot_be_unpacked_is_kept_as_it_came_with_a_warning(content, carrying):
    _, stored, codes = carrying(content, name="a.txt", label="application/zip")
    assert stored == content
    assert codes == ["ATTACHMENT_NOT_UNPACKED"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped(("a.txt", bytes(20_000_000))), "ZIP_BOMB"),
        (zipped(("../../etc/cron.d/x", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("..\\..\\x", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("/etc/passwd", b"x")), "ZIP_NAME_UNSAFE"),
        (zipped(("C:\\x", b"x")), "ZIP_NAME_UNSAFE"),
    ],
    ids=["bomb", "slip", "slip_with_backslashes", "absolute", "drive"],
)
def test_a_zip_dangerous_to_unpack_refuses_the_packet(content, code, carrying):
    with pytest.raises(InvalidValue) as refusal:
        carrying(content, name="a.txt", label="application/zip")
    assert refusal.value.code == code


def test_what_a_zip_unpacks_to_is_bounded_by_the_attachment_limit(carrying):
    noise = bytes((n * n) % 251 for n in range(50_000))
    with pytest.raises(InvalidValue) as refusal:
        carrying(zipped(("a.txt", noise)), name="a.txt", limits=EdxmlLimits(attachment_bytes=40_000))
    assert refusal.value.code == "ZIP_TOO_LARGE"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("JVBERi0xLjQ", id="cut_off"),
        pytest.param("JVBE*i0x", id="foreign_character"),
        pytest.param("JVBERi0xLjQ=JVBE", id="text_after_padding"),
        pytest.param("=JVB", id="padding_first"),
        pytest.param("JVBE====", id="too_much_padding"),
        pytest.param("JVBEé", id="not_ascii"),
        pytest.param("JVBE<b/>Ri0x", id="element_inside"),
    ],
)
def test_damaged_base64_is_refused(text, carrying):
    with pytest.raises(InvalidValue) as refusal:
        carrying(b"", text=text)
    assert refusal.value.code == "BASE64_INVALID"


def test_wrapped_base64_is_read(carrying):
    wrapped = "\r\n".join(
        ["", *(base64.b64encode(PDF).decode()[at : at + 7] for at in range(0, 30, 7)), "\t"]
    )
    assert carrying(b"", text=wrapped)[1] == PDF


def test_base64_in_a_cdata_section_is_read(carrying):
    assert carrying(b"", text=f"<![CDATA[{base64.b64encode(PDF).decode()}]]>")[1] == PDF


def test_two_contents_in_one_attachment_are_refused(example, read):
    start = example.index("<edXML:ContentTransferEncoded")
    closing = "</edXML:ContentTransferEncoded>"
    element = example[start : example.index(closing) + len(closing)]
    with pytest.raises(InvalidValue) as refusal:
        read(example.replace(element, element * 2))
    assert refusal.value.code == "EDXML_ELEMENT_REPEATED"


def test_content_may_come_before_the_name_it_goes_by(example, read):
    start = example.index("<edXML:ContentTransferEncoded")
    closing = "</edXML:ContentTransferEncoded>"
    element = example[start : example.index(closing) + len(closing)]
    moved = example.replace(element, "").replace("<Attachment>", f"<Attachment>{element}", 1)
    assert read(moved).record == read(example).record


def test_a_name_missing_beside_the_file_is_taken_from_the_manifest(example, read):
    packet = example.replace("<AttachmentName>125-BC-STTTT.signed.pdf</AttachmentName>", "").replace(
        "<Description>Văn bản chính</Description>\n      <ContentType>", "<ContentType>"
    )
    assert read(packet).record == read(example).record


def test_a_file_without_any_name_is_told(example, read):
    packet = example.replace("<AttachmentName>125-BC-STTTT.signed.pdf</AttachmentName>", "").replace(
        "<edXML:AttachmentName>125-BC-STTTT.signed.pdf</edXML:AttachmentName>", ""
    )
    record = read(packet).record
    assert record.attachments[0].name == ""
    assert [warning.code for warning in record.warnings] == ["FIELD_ABSENT"]


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\Users\\x\\a.pdf", "a.pdf"),
        ("a\u202efdp.exe", "afdp.exe"),
        ("Công văn 12.pdf", "Công văn 12.pdf"),
        ("../..", ""),
    ],
)
def test_a_name_is_never_a_path_nor_a_disguise(given_name, shown, carrying):
    attachment, _, codes = carrying(PDF, name=given_name)
    assert attachment.name == shown
    assert ("ATTACHMENT_NAME_CHANGED" in codes) == (given_name != shown)


def test_a_long_name_keeps_its_extension():
    assert safe_name("ệ" * 500 + ".pdf").endswith("ệ.pdf")
    assert len(safe_name("ệ" * 500 + ".pdf")) <= 200
    assert len(safe_name("x" * 500)) <= 200


@given(st.text())
def test_a_safe_name_is_safe_and_stays_so(name):
    safe = safe_name(name)
    assert not set(safe) & set("/\\\x00\r\n\u202e")
    assert safe not in {".", ".."}
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "suffix", "label"),
    [
        ("a.pdf", "pdf", "application/pdf"),
        ("a.PDF", "pdf", "application/pdf"),
        ("a.doc", "doc", "application/doc"),
        ("a.docx", "docx", "application/docx"),
        ("a.zip", "zip", "application/zip"),
        ("a.xsl", "xsl", "application/xsl"),
        ("a.xslx", "xslx", "application/xslx"),
        ("a.xls", "xls", "application/zip"),
        ("a.xlsx", "xlsx", "application/zip"),
        ("a.txt", "txt", "application/zip"),
        ("không đuôi", "", "application/zip"),
        ("a.tệp", "", "application/zip"),
    ],
)
def test_what_a_file_is_sent_as_goes_by_the_vendors_list(name, suffix, label):
    assert extension(name) == suffix
    assert wire_label(name) == label


def test_a_file_at_its_limit_may_be_wrapped_in_a_longer_zip(carrying):
    content = hashlib.shake_128(b"noise").digest(5_000)
    wrapped = zipped(("a.txt", content))
    assert len(wrapped) > len(content)
    assert carrying(wrapped, name="a.txt", limits=EdxmlLimits(attachment_bytes=5_000))[1] == content
    with pytest.raises(InvalidValue) as refusal:
        carrying(content + b"x", name="a.txt", limits=EdxmlLimits(attachment_bytes=5_000))
    assert refusal.value.code == "EDXML_ATTACHMENT_TOO_LARGE"


def test_a_file_far_over_its_limit_is_cut_off_while_it_arrives(carrying, blobs):
    with pytest.raises(InvalidValue) as refusal:
        carrying(bytes(200_000), name="a.txt", limits=EdxmlLimits(attachment_bytes=1_000))
    assert refusal.value.code == "EDXML_ATTACHMENT_TOO_LARGE"
    assert blobs.contents == {}
