"""Office files that show what their signature does not cover: properties, and what lies outside."""

import pytest

from ebrvt_connect.trust.policy import POLICIES
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.ooxml_samples import (
    DOCUMENT,
    DOCUMENT_RELS,
    HOW,
    changed,
    codes,
    noted,
    office_parts,
    packed,
    related,
    signed_package,
)

PASSED, UNCLEAR = Indication.TOTAL_PASSED, Indication.INDETERMINATE
CORE = b"{6C3C8BC8-F283-45AE-878A-BAB7291924A1}"


def run(inside):
    return b"<w:r>" + inside + b"</w:r>"


def mark(kind):
    return b'<w:fldChar w:fldCharType="%s"/>' % kind


BEGIN, END = mark(b"begin"), mark(b"end")
FIELDS = {
    "as office writes it": run(b"<w:instrText> TITLE </w:instrText>"),
    "letters as references": run(b"<w:instrText> &#84;ITLE </w:instrText>"),
    "CDATA": run(b"<w:instrText><![CDATA[ TITLE ]]></w:instrText>"),
    "around a comment": run(b"<w:instrText> TI<!---->TLE </w:instrText>"),
    "around an instruction": run(b"<w:instrText> TI<?a b?>TLE </w:instrText>"),
    "behind a bracket in an attribute": run(b'<w:instrText w:a=">"> TITLE </w:instrText>'),
    "behind a hard blank": run("<w:instrText>\u00a0TITLE </w:instrText>".encode()),
    "simple, letters as references": b'<w:fldSimple w:instr="&#x54;ITLE"/>',
    "simple, behind a bracket": b'<w:fldSimple w:a=">" w:instr="TITLE"/>',
    "in quotes": b'<w:fldSimple w:instr="&quot;TITLE&quot;"/>',
    "behind another field": run(BEGIN + b"<w:instrText>PAGE</w:instrText>" + END)
    + run(BEGIN + b"<w:instrText>TITLE</w:instrText>" + END),
    "named by a field within": run(BEGIN + BEGIN + b'<w:instrText>QUOTE "TITLE"</w:instrText>' + END + END),
    "named in part by a field within": run(
        BEGIN + b"<w:instrText>TI</w:instrText>" + BEGIN + b"<w:instrText>QUOTE TLE</w:instrText>" + END + END
    ),
    "bound by a store": b'<w:dataBinding w:xpath="/x[1>0]" w:storeItemID="%s"/>' % CORE,
    "bound, letters as references": b'<w:dataBinding w:xpath="/x" w:storeItemID="%s"/>'
    % CORE.replace(b"6C", b"&#54;C", 1),
}
HARMLESS = {
    "page number": b'<w:fldSimple w:instr=" PAGE "/>',
    "a sum": run(
        BEGIN + b"<w:instrText>=</w:instrText>" + BEGIN + b"<w:instrText>PAGE</w:instrText>" + END + END
    ),
    "a choice": run(
        BEGIN
        + b"<w:instrText> IF </w:instrText>"
        + BEGIN
        + b"<w:instrText>PAGE</w:instrText>"
        + END
        + b"<w:instrText>= 1 TITLE</w:instrText>"
        + END
    ),
    "the word itself": run(b"<w:t>TITLE instr</w:t>"),
    "bound to a store of its own": b'<w:dataBinding w:xpath="/x[1>0]" w:storeItemID="{1}"/>',
}


def document(seal, body=b"", change=lambda parts: parts):
    parts = changed(office_parts("docx"), DOCUMENT, (b"</w:body>", b"<w:p>" + body + b"</w:p></w:body>"))
    return packed(signed_package(change(parts), seal, HOW))


@pytest.mark.parametrize("name", FIELDS)
def test_a_property_is_shown_however_its_field_is_spelt(desk, seal, name):
    report = desk.verdict(document(seal, FIELDS[name]))

    assert (report.indication, codes(report)) == (UNCLEAR, ["OOXML_PROPERTIES_SHOWN"])


@pytest.mark.parametrize("name", HARMLESS)
def test_other_fields_show_no_property(desk, seal, name):
    assert desk.verdict(document(seal, HARMLESS[name])).indication is PASSED


@pytest.mark.parametrize(
    "spelt",
    [
        lambda text: text.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        lambda text: text.replace(b"<w:document", b"<!DOCTYPE a [<!ENTITY t 'TITLE'>]><w:document", 1),
        lambda text: text.replace(b"UTF-8", b"cp037"),
    ],
    ids=["UTF-16", "document type", "unknown letters"],
)
def test_a_part_spelt_otherwise_may_show_properties(desk, seal, spelt):
    body = b'<w:fldSimple w:instr="TITLE"/>'
    report = desk.verdict(document(seal, body, lambda p: {**p, DOCUMENT: spelt(p[DOCUMENT])}))

    assert (report.indication, codes(report)) == (UNCLEAR, ["OOXML_PROPERTIES_SHOWN"])


@pytest.mark.parametrize("kind", ["image", "frame", "subDocument", "aFChunk", "oleObject", "video"])
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_what_is_shown_from_outside_is_signed_by_nobody(desk, seal, kind, policy):
    """The signature covers where it comes from; what stands there anybody may change."""

    def linked(parts):
        return related(parts, DOCUMENT_RELS, kind, "https://example.invalid/x", mode="External")

    report = desk.verdict(document(seal, change=linked), policy=policy)

    assert report.indication is UNCLEAR
    assert "OOXML_SHOWN_FROM_OUTSIDE" in codes(report)


def test_a_signed_hyperlink_shows_nothing_from_outside(desk, seal):
    report = desk.verdict(document(seal))

    assert report.indication is PASSED
    assert "OOXML_SHOWN_FROM_OUTSIDE" not in noted(report)
