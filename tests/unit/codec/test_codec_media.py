"""What a file is, by its bytes."""

import io
import zipfile

import pytest

from ebrvt_connect.codec.media import (
    DOCX,
    HTML,
    JPEG,
    OLE,
    PDF,
    PNG,
    PPTX,
    UNKNOWN,
    XLSX,
    XML,
    ZIP,
    identify,
    sniff,
)


def office(folder):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(f"{folder}main.xml", "<x/>")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"%PDF-1.7\n", PDF),
        (b"junk before\n%PDF-1.4", PDF),
        (b"PK\x03\x04....", ZIP),
        (b"PK\x05\x06" + bytes(18), ZIP),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
        (b"\x89PNG\r\n\x1a\n", PNG),
        (b"\xff\xd8\xff\xe0", JPEG),
        (b"<?xml version='1.0'?><a/>", XML),
        (b"\xef\xbb\xbf\r\n<?xml version='1.0'?>", XML),
        (b"<!DOCTYPE html><html>", HTML),
        (b" \n<!-- x --><HTML lang=vi>", HTML),
        (b"<htmlx>", UNKNOWN),
        (b"MZ\x90\x00", UNKNOWN),
        (b"", UNKNOWN),
        (b"x" * 2_000 + b"%PDF-", UNKNOWN),
    ],
)
def test_a_file_is_known_by_its_beginning(head, media_type):
    assert sniff(head) == media_type
    assert identify(io.BytesIO(head)) == media_type


@pytest.mark.parametrize(
    ("folder", "media_type"), [("word/", DOCX), ("xl/", XLSX), ("ppt/", PPTX), ("else/", ZIP)]
)
def test_an_office_file_is_known_by_its_entries(folder, media_type):
    assert identify(io.BytesIO(office(folder))) == media_type


def test_a_pdf_hidden_before_an_archive_is_a_pdf():
    assert identify(io.BytesIO(b"%PDF-1.4\n" + office("word/"))) == PDF
