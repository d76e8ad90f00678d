"""What is done to a file after it was signed, by format (or kind of format) and case of the matrix."""

from __future__ import annotations

import base64
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO

from asn1crypto import cms
from lxml import etree
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from ebrvt_connect.testing.sample_signed import result_paper_xml
from tests.unit.trust.ooxml_samples import (
    DOCUMENT_RELS,
    added,
    changed,
    office_parts,
    packed,
    related,
    without,
)
from tests.unit.trust.samples import (
    flipped_at,
    gap_of,
    new_annotation,
    new_evidence,
    new_form_value,
    new_page_content,
    plain_pdf,
    signature_hidden,
    updated,
    with_byte_range,
    with_signed_data,
)

Spoil = Callable[[bytes, dict[str, bytes]], tuple[bytes, dict[str, bytes]]]


def _file(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda data, beside: (change(data), beside)


def _content(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda data, beside: (data, {name: change(content) for name, content in beside.items()})


# --- PDF -----------------------------------------------------------------------------------------------


def _pdf_value_turned(content: cms.SignedData) -> None:
    value = bytearray(content["signer_infos"][0]["signature"].native)
    value[40] ^= 1
    content["signer_infos"][0]["signature"] = bytes(value)


def _other_font(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack, replace: the signed letters drawn with another font."""
    font = writer.root["/Pages"]["/Kids"][0]["/Resources"]["/Font"]["/F1"]
    font[pdf_name("/BaseFont")] = pdf_name("/Symbol")
    writer.update_container(font)


def _widget_hidden(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack, hide: what stood on the page is no longer shown."""
    widget = writer.root["/Pages"]["/Kids"][0]["/Annots"][0]
    widget[pdf_name("/F")] = generic.NumberObject(2)
    writer.update_container(widget)


def _second_string_in_gap(pdf: bytes) -> bytes:
    """Signature wrapping: the unsigned gap holds one more entry of the dictionary."""
    _, end = gap_of(pdf)
    entry = b"> /Reason (da duyet) /X <"
    return pdf[: end - 40] + entry + b"0" * (40 - 1 - len(entry)) + pdf[end - 1 :]


def _shortened(numbers: list[int]) -> None:
    numbers[3] -= 30


# --- CMS -----------------------------------------------------------------------------------------------


def _rewritten(change: Callable[[cms.SignedData], None]) -> Callable[[bytes], bytes]:
    def rewrite(data: bytes) -> bytes:
        content = cms.ContentInfo.load(data)["content"]
        change(content)
        return bytes(cms.ContentInfo({"content_type": "signed_data", "content": content}).dump())

    return rewrite


def _swapped(content: cms.SignedData) -> None:
    content["encap_content_info"] = {"content_type": "data", "content": b"Van ban khac."}


def _without_time(content: cms.SignedData) -> None:
    signer = content["signer_infos"][0]
    kept = [a for a in signer["signed_attrs"] if a["type"].native != "signing_time"]
    signer["signed_attrs"] = cms.CMSAttributes(kept)


def _without_lists(content: cms.SignedData) -> None:
    content["crls"] = cms.RevocationInfoChoices(list(content["crls"])[1:])


# --- XML -----------------------------------------------------------------------------------------------


def _value_turned(xml: bytes) -> bytes:
    match = re.search(rb"SignatureValue>([^<]+)<", xml)
    assert match is not None
    value = bytearray(base64.b64decode(match[1]))
    value[40] ^= 1
    return xml[: match.start(1)] + base64.b64encode(value) + xml[match.end(1) :]


def _without_values(xml: bytes) -> bytes:
    """An archived list taken away."""
    root = etree.fromstring(xml)
    value = next(root.iter("{*}EncapsulatedCRLValue"))
    value.getparent().remove(value)
    return etree.tostring(root, encoding="utf-8")


_FAKE = b'<noiDung Id="%s"><tieuDe>Giay phep gia</tieuDe></noiDung>'


def _beside(xml: bytes) -> bytes:
    return xml.replace(b"<noiDung ", _FAKE % b"khac" + b"<noiDung ", 1)


def _same_id(xml: bytes) -> bytes:
    return xml.replace(b"<noiDung ", _FAKE % b"noi-dung" + b"<noiDung ", 1)


def _inside_signature(xml: bytes) -> bytes:
    """The signed part moved into the signature, the fake put where it stood."""
    root = etree.fromstring(xml)
    part, signature = root[0], root[1]
    root.replace(
        part,
        etree.fromstring(_FAKE.replace(b"<noiDung", b'<noiDung xmlns="urn:ebrvt:sandbox:result:1"') % b"x"),
    )
    holder = etree.SubElement(signature, "{http://www.w3.org/2000/09/xmldsig#}Object")
    holder.append(part)
    return etree.tostring(root)


# --- packages ------------------------------------------------------------------------------------------


def _parts(change: Callable[[dict[str, bytes]], Mapping[str, bytes]]) -> Spoil:
    def spoil(data: bytes, beside: dict[str, bytes]) -> tuple[bytes, dict[str, bytes]]:
        with zipfile.ZipFile(BytesIO(data)) as package:
            parts = {name: package.read(name) for name in package.namelist()}
        return packed(change(parts)), beside

    return spoil


_RELATIONSHIPS = {
    "docx": DOCUMENT_RELS,
    "xlsx": "xl/_rels/workbook.xml.rels",
    "pptx": "ppt/_rels/presentation.xml.rels",
}
_TITLES = {"docx": "word/document.xml", "xlsx": "xl/worksheets/sheet1.xml", "pptx": "ppt/slides/slide1.xml"}
_MACROS = "application/vnd.ms-office.vbaProject"


def _related(form: str, name: str, kind: str, content_type: str) -> Spoil:
    folder = _RELATIONSHIPS[form].partition("/")[0]

    def change(parts: dict[str, bytes]) -> Mapping[str, bytes]:
        more = added(parts, f"{folder}/{name}", b"<x/>", content_type)
        return related(more, _RELATIONSHIPS[form], kind, name)

    return _parts(change)


def _text_changed(form: str) -> Spoil:
    return _parts(lambda parts: {**parts, _TITLES[form]: parts[_TITLES[form]] + b"<!-- khac -->"})


def _entry_twice(data: bytes) -> bytes:
    out = BytesIO(data)
    with warnings.catch_warnings(), zipfile.ZipFile(out, "a") as package:
        warnings.simplefilter("ignore")
        package.writestr("word/document.xml", b"<x/>")
    return out.getvalue()


# --- the table -----------------------------------------------------------------------------------------

_OFFICE = ("docx", "xlsx", "pptx")

SPOILS: Mapping[tuple[str, str], Spoil] = {
    ("pdf", "tampered"): _file(lambda d: flipped_at(d, d.index(b"Van ban mau"))),
    ("pdf", "value-broken"): _file(lambda d: with_signed_data(d, _pdf_value_turned)),
    ("pdf", "archive-tampered"): _file(lambda d: updated(d, new_page_content)),
    ("pdf", "shadowed-replace"): _file(lambda d: updated(d, _other_font)),
    ("pdf", "shadowed-hide"): _file(lambda d: updated(d, _widget_hidden)),
    ("pdf", "wrapped-range"): _file(_second_string_in_gap),
    ("pdf", "incremental-page"): _file(lambda d: updated(d, new_page_content)),
    ("pdf", "incremental-annotation"): _file(lambda d: updated(d, new_annotation)),
    ("pdf", "incremental-form"): _file(lambda d: updated(d, new_form_value)),
    ("pdf", "incremental-hides-signature"): _file(lambda d: updated(d, signature_hidden)),
    ("pdf", "incremental-evidence"): _file(lambda d: updated(d, new_evidence)),
    ("pdf", "bytes-behind"): _file(lambda d: d + b"\n99 0 obj\n<<>>\nendobj\n"),
    ("pdf", "bytes-before"): _file(lambda d: b"x" * 20 + d),
    ("pdf", "range-shortened"): _file(lambda d: with_byte_range(d, _shortened)),
    ("pdf", "truncated"): _file(lambda d: d[:-200]),
    ("xml", "tampered"): _file(lambda d: d.replace(b"12", b"13", 1)),
    ("xades", "tampered"): _file(lambda d: d.replace(b"21.37", b"99.37", 1)),
    ("edxml", "tampered"): _file(lambda d: d.replace(b"CodeNumber>125<", b"CodeNumber>126<", 1)),
    ("xml", "value-broken"): _file(_value_turned),
    ("xml", "wrapped-beside"): _file(_beside),
    ("edxml", "wrapped-beside"): _file(
        lambda d: re.sub(rb"(<\w*:?edXMLBody)", rb"<them>99</them>\1", d, count=1)
    ),
    ("xml", "wrapped-same-id"): _file(_same_id),
    ("xml", "wrapped-inside-signature"): _file(_inside_signature),
    ("xml", "content-added"): _file(
        lambda d: d.replace(b"<noiDung ", b"<ghiChu>Da duyet</ghiChu><noiDung ", 1)
    ),
    ("xml", "text-in-signature"): _file(
        lambda d: d.replace(b"<ds:SignatureValue>", b"Da duyet<ds:SignatureValue>", 1)
    ),
    ("xml", "comment-in-content"): _file(lambda d: d.replace(b"12<", b"1<!-- -->2<", 1)),
    ("xml", "document-type"): _file(lambda d: b'<!DOCTYPE r [<!ENTITY v "12">]>' + d),
    ("xml", "truncated"): _file(lambda d: d[:-30]),
    ("cms", "tampered"): _file(lambda d: d.replace(b"trang 1", b"trang 2", 1)),
    ("cms", "value-broken"): _file(_rewritten(_pdf_value_turned)),
    ("cms", "bytes-behind"): _file(lambda d: d + b"\0"),
    ("cms", "truncated"): _file(lambda d: d[:-9]),
    ("cms", "content-swapped"): _file(_rewritten(_swapped)),
    ("cms", "time-removed"): _file(_rewritten(_without_time)),
    **{(form, "archived-evidence-removed"): _file(_rewritten(_without_lists)) for form in ("cms", "p7s")},
    ("xml", "archived-evidence-removed"): _file(_without_values),
    ("p7s", "tampered"): _content(lambda c: c.replace(b"trang 1", b"trang 2", 1)),
    ("p7s", "value-broken"): _file(_rewritten(_pdf_value_turned)),
    ("p7s", "content-missing"): lambda data, _: (data, {}),
    ("p7s", "content-of-another"): _content(lambda _: b"Van ban khac."),
    **{(form, "tampered"): _text_changed(form) for form in _OFFICE},
    **{
        (form, "value-broken"): _parts(
            lambda parts: {
                **parts,
                "_xmlsignatures/sig1.xml": _value_turned(parts["_xmlsignatures/sig1.xml"]),
            }
        )
        for form in _OFFICE
    },
    **{
        (form, "part-added-and-related"): _related(form, "extra.xml", "header", "application/xml")
        for form in _OFFICE
    },
    **{(form, "macro-added"): _related(form, "vbaProject.bin", "vbaProject", _MACROS) for form in _OFFICE},
    ("docx", "external-added"): _parts(
        lambda parts: related(parts, DOCUMENT_RELS, "image", "https://example.invalid/x.png", mode="External")
    ),
    ("docx", "part-removed"): _parts(lambda parts: without(parts, "word/settings.xml")),
    ("docx", "content-type-changed"): _parts(
        lambda parts: changed(
            parts, "[Content_Types].xml", (b"wordprocessingml.styles+xml", b"wordprocessingml.x+xml")
        )
    ),
    ("docx", "properties-changed"): _parts(
        lambda parts: changed(parts, "docProps/core.xml", (b"</dc:title>", b"!</dc:title>"))
    ),
    ("docx", "bytes-behind"): _file(lambda d: d + b"x"),
    ("docx", "entry-twice"): _file(_entry_twice),
}

UNSIGNED: Mapping[str, Callable[[], bytes]] = {
    "pdf": plain_pdf,
    "xml": lambda: result_paper_xml("Giấy phép", {"Số": "12"}),
    "cms": lambda: cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": {
                "version": "v1",
                "digest_algorithms": [],
                "encap_content_info": {"content_type": "data"},
                "signer_infos": [],
            },
        }
    ).dump(),
    "docx": lambda: packed(office_parts("docx")),
}
