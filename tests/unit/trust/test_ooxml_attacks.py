"""Signed Office packages that somebody turned into something else: none passes, none breaks the verifier."""

import pytest

from ebrvt_connect.testing.sample_ooxml import relationships
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.ooxml_samples import (
    DOCUMENT,
    DOCUMENT_RELS,
    OFFICE,
    PACKAGE,
    TYPES,
    added,
    body_changed,
    changed,
    codes,
    noted,
    packed,
    related,
    signed,
    without,
)

PASSED, FAILED, UNDECIDED = Indication.TOTAL_PASSED, Indication.TOTAL_FAILED, Indication.INDETERMINATE
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"


@pytest.fixture(scope="module")
def parts(seal):
    return signed(seal)


# --- what was signed is changed -------------------------------------------------------------------------


def blank_added_to_a_part(p):
    return {**p, "word/styles.xml": p["word/styles.xml"] + b" "}


def picture_changed(p):
    return {**p, "word/media/image1.png": p["word/media/image1.png"][:-1] + b"\0"}


def part_removed(p):
    return without(p, "word/header1.xml")


def relationships_removed(p):
    return without(p, DOCUMENT_RELS)


def relationship_removed(p):
    start = p[DOCUMENT_RELS].index(b'<Relationship Id="rId10"')
    line = p[DOCUMENT_RELS][start : p[DOCUMENT_RELS].index(b"/>", start) + 2]
    return changed(p, DOCUMENT_RELS, (line, b""))


def relationship_retargeted(p):
    return changed(p, DOCUMENT_RELS, (b'"header1.xml"', b'"styles.xml"'))


def relationship_made_external(p):
    return changed(p, DOCUMENT_RELS, (b'Target="header1.xml"', b'Target="header1.xml" TargetMode="External"'))


def link_retargeted(p):
    return changed(p, DOCUMENT_RELS, (b"example.invalid", b"example.invalid/x"))


def relationship_retyped(p):
    return changed(p, DOCUMENT_RELS, (b"relationships/header", b"relationships/footer"))


def main_document_retargeted(p):
    return changed(
        added(p, "word/fake.xml", p[DOCUMENT]), "_rels/.rels", (b"word/document.xml", b"word/fake.xml")
    )


def type_of_a_part_changed(p):
    return changed(p, TYPES, (f"{WORD}.header+xml".encode(), f"{WORD}.footer+xml".encode()))


def macros_switched_on(p):
    macro = b"application/vnd.ms-word.document.macroEnabled.main+xml"
    return changed(p, TYPES, (f"{WORD}.document.main+xml".encode(), macro))


def type_of_pictures_changed(p):
    return changed(p, TYPES, (b"image/png", b"text/html"))


def types_of_a_part_gone(p):
    line = f'<Override PartName="/word/styles.xml" ContentType="{WORD}.styles+xml"/>'.encode()
    return changed(p, TYPES, (line, b""))


CHANGED = [
    (body_changed, "OOXML_PART_CHANGED"),
    (blank_added_to_a_part, "OOXML_PART_CHANGED"),
    (picture_changed, "OOXML_PART_CHANGED"),
    (part_removed, "OOXML_PART_MISSING"),
    (relationships_removed, "OOXML_PART_MISSING"),
    (relationship_removed, "OOXML_RELATIONSHIPS_CHANGED"),
    (relationship_retargeted, "OOXML_RELATIONSHIPS_CHANGED"),
    (relationship_made_external, "OOXML_RELATIONSHIPS_CHANGED"),
    (link_retargeted, "OOXML_RELATIONSHIPS_CHANGED"),
    (relationship_retyped, "OOXML_RELATIONSHIPS_CHANGED"),
    (main_document_retargeted, "OOXML_RELATIONSHIPS_CHANGED"),
    (type_of_a_part_changed, "OOXML_CONTENT_TYPE_CHANGED"),
    (macros_switched_on, "OOXML_CONTENT_TYPE_CHANGED"),
    (type_of_pictures_changed, "OOXML_CONTENT_TYPE_CHANGED"),
    (types_of_a_part_gone, "OOXML_CONTENT_TYPE_CHANGED"),
]


@pytest.mark.parametrize(("attack", "code"), CHANGED, ids=lambda v: getattr(v, "__name__", v))
def test_what_was_signed_and_changed_fails(desk, parts, attack, code):
    report = desk.verdict(packed(attack(parts)))

    assert (report.indication, code in codes(report)) == (FAILED, True)
    assert report.signatures[0].integrity is False


# --- something is added ---------------------------------------------------------------------------------


def part_and_relationship(p):
    return related(
        added(p, "word/footer9.xml", b"<f/>", f"{WORD}.footer+xml"), DOCUMENT_RELS, "footer", "footer9.xml"
    )


def part_by_absolute_target(p):
    return related(added(p, "word/footer9.xml"), DOCUMENT_RELS, "footer", "/word/footer9.xml")


def part_by_a_detour(p):
    return related(added(p, "extra/x.xml"), DOCUMENT_RELS, "customXml", "../word/.././extra/x.xml")


def part_in_another_case(p):
    return related(added(p, "word/Footer9.xml"), DOCUMENT_RELS, "footer", "FOOTER9.XML")


def part_with_relationships_for_a_part_that_had_none(p):
    return added(
        added(p, "word/fake.xml"),
        "word/_rels/styles.xml.rels",
        relationships(("rId1", f"{OFFICE}/image", "fake.xml")),
    )


def second_main_document(p):
    return related(
        added(p, "word/fake.xml", p[DOCUMENT], f"{WORD}.document.main+xml"),
        "_rels/.rels",
        "officeDocument",
        "word/fake.xml",
    )


def part_among_the_properties(p):
    return related(
        added(p, "docProps/fake.xml", p[DOCUMENT]), "_rels/.rels", "officeDocument", "docProps/fake.xml"
    )


def picture_from_the_properties(p):
    return related(added(p, "docProps/thumb.png"), DOCUMENT_RELS, "image", "../docProps/thumb.png")


def properties_as_a_picture(p):
    return related(p, DOCUMENT_RELS, "image", "../docProps/core.xml")


def part_among_the_signatures(p):
    return related(
        added(p, "_xmlsignatures/fake.xml", p[DOCUMENT]),
        "_rels/.rels",
        "officeDocument",
        "_xmlsignatures/fake.xml",
    )


def signature_as_content(p):
    return related(p, DOCUMENT_RELS, "customXml", "../_xmlsignatures/sig1.xml")


def core_properties_of_another_kind(p):
    kind = f"{PACKAGE}/metadata/core-properties"
    return related(added(p, "docProps/more.xml"), "_rels/.rels", kind, "docProps/more.xml")


ADDED = [
    (part_and_relationship, "OOXML_PART_ADDED"),
    (part_by_absolute_target, "OOXML_PART_ADDED"),
    (part_by_a_detour, "OOXML_PART_ADDED"),
    (part_in_another_case, "OOXML_PART_ADDED"),
    (part_with_relationships_for_a_part_that_had_none, "OOXML_PART_ADDED"),
    (second_main_document, "OOXML_PART_ADDED"),
    (part_among_the_properties, "OOXML_PART_ADDED"),
    (picture_from_the_properties, "OOXML_PART_ADDED"),
    (properties_as_a_picture, "OOXML_PART_ADDED"),
    (part_among_the_signatures, "OOXML_PART_ADDED"),
    (signature_as_content, "OOXML_PART_ADDED"),
    (core_properties_of_another_kind, "OOXML_PART_ADDED"),
]


def macros(p):
    return related(
        added(p, "word/vbaProject.bin", b"\xd0\xcf", "application/vnd.ms-office.vbaProject"),
        DOCUMENT_RELS,
        "http://schemas.microsoft.com/office/2006/relationships/vbaProject",
        "vbaProject.bin",
    )


def macros_nobody_refers_to(p):
    return added(p, "word/vbaProject.bin", b"\xd0\xcf", "application/vnd.ms-office.vbaProject")


def macros_under_another_name(p):
    return added(p, "word/theme.xml", b"\xd0\xcf", "application/vnd.ms-office.vbaProject")


def control(p):
    return added(p, "word/activeX/activeX1.xml", b"<x/>", "application/vnd.ms-office.activeX+xml")


def embedded_object(p):
    return added(p, "word/embeddings/oleObject1.bin", b"\xd0\xcf")


def embedded_workbook(p):
    return added(p, "word/embeddings/book.xlsx", b"PK")


def program_among_the_properties(p):
    return added(p, "docProps/run.exe", b"MZ")


def ribbon(p):
    kind = "http://schemas.microsoft.com/office/2007/relationships/ui/extensibility"
    return related(added(p, "customUI/customUI14.xml"), "_rels/.rels", kind, "customUI/customUI14.xml")


def foreign_content(p):
    return related(added(p, "word/chunk.html", b"<html/>"), DOCUMENT_RELS, "aFChunk", "chunk.html")


def template_within(p):
    return related(p, "word/_rels/header1.xml.rels", "attachedTemplate", "header1.xml")


EXECUTABLE = [
    macros,
    macros_nobody_refers_to,
    macros_under_another_name,
    control,
    embedded_object,
    embedded_workbook,
    program_among_the_properties,
    ribbon,
    foreign_content,
    template_within,
]


def template_outside(p):
    return related(p, DOCUMENT_RELS, "attachedTemplate", "https://evil.invalid/t.dotm", mode="External")


def picture_outside(p):
    return related(p, DOCUMENT_RELS, "image", "https://evil.invalid/x.png", mode="External")


def file_outside(p):
    return related(p, DOCUMENT_RELS, "frame", "file:///C:/x", mode="External")


def share_outside(p):
    return related(p, DOCUMENT_RELS, "image", "\\\\evil\\x.png", mode="External")


def outside_in_disguise(p):
    return related(p, DOCUMENT_RELS, "image", "https://evil.invalid/x.png")


def outside_without_scheme(p):
    return related(p, DOCUMENT_RELS, "image", "//evil.invalid/x.png")


def above_the_root(p):
    return related(p, DOCUMENT_RELS, "image", "../../x.png")


def outside_from_the_package(p):
    return related(p, "_rels/.rels", "officeDocument", "https://evil.invalid/x.docx", mode="External")


def properties_outside(p):
    kind = f"{PACKAGE}/metadata/core-properties"
    return related(p, "_rels/.rels", kind, "https://evil.invalid/core.xml", mode="External")


def outside_from_an_unsigned_part(p):
    more = added(p, "customXml/item9.xml")
    return added(
        more,
        "customXml/_rels/item9.xml.rels",
        relationships(("rId1", f"{OFFICE}/image", "https://evil.invalid/x.png")),
    )


def outside_from_the_signature(p):
    rels = relationships(("rId1", f"{OFFICE}/image", "https://evil.invalid/x.png"))
    return added(p, "_xmlsignatures/_rels/sig1.xml.rels", rels)


EXTERNAL = [
    template_outside,
    picture_outside,
    file_outside,
    share_outside,
    outside_in_disguise,
    outside_without_scheme,
    above_the_root,
    outside_from_the_package,
    properties_outside,
    outside_from_an_unsigned_part,
    outside_from_the_signature,
]

EVERY_ADDITION = [
    *ADDED,
    *((attack, "OOXML_EXECUTABLE_UNSIGNED") for attack in EXECUTABLE),
    *((attack, "OOXML_EXTERNAL_UNSIGNED") for attack in EXTERNAL),
]


@pytest.mark.parametrize(("attack", "code"), EVERY_ADDITION, ids=lambda v: getattr(v, "__name__", v))
def test_what_was_added_fails_though_all_digests_hold(desk, parts, attack, code):
    report = desk.verdict(packed(attack(parts)))

    assert (report.indication, code in codes(report)) == (FAILED, True), report.to_text_vi()
    (signature,) = report.signatures
    assert signature.integrity is True
    assert signature.coverage.level == "partial"
    assert signature.coverage.uncovered


def dangling_relationship(p):
    return related(p, DOCUMENT_RELS, "header", "header9.xml")


def second_relationship_to_a_signed_part(p):
    return related(p, DOCUMENT_RELS, "footer", "header1.xml")


def second_way_to_the_main_document(p):
    return related(p, "_rels/.rels", "officeDocument", "word/header1.xml")


def people(p):
    kind = "http://schemas.microsoft.com/office/2011/relationships/people"
    return related(added(p, "word/people.xml"), DOCUMENT_RELS, kind, "people.xml")


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (dangling_relationship, "OOXML_RELATIONSHIP_UNSIGNED"),
        (second_relationship_to_a_signed_part, "OOXML_RELATIONSHIP_UNSIGNED"),
        (second_way_to_the_main_document, "OOXML_RELATIONSHIP_UNSIGNED"),
        (people, "OOXML_PART_LEFT_OPEN"),
    ],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_additions_that_may_be_harmless_leave_it_undecided(desk, parts, attack, code):
    report = desk.verdict(packed(attack(parts)))

    assert (report.indication, codes(report)) == (UNDECIDED, [code])


def test_a_part_nothing_signed_leads_to_is_a_warning_with_its_name(desk, parts):
    report = desk.verdict(packed(added(parts, "customXml/item9.xml")))

    assert report.indication is PASSED
    assert "OOXML_PARTS_UNCOVERED" in noted(report)
    assert report.signatures[0].coverage.uncovered[:1] == ("/customXml/item9.xml",)
    assert "/customXml/item9.xml" in report.to_text_vi()


@pytest.mark.parametrize("name", ["_xmlsignatures/sig9.xml", "docProps/other.xml", "[trash]/0000.dat"])
def test_a_stray_part_in_an_exempt_place_is_named(desk, parts, name):
    report = desk.verdict(packed(added(parts, name)))

    assert report.indication is PASSED
    assert report.signatures[0].coverage.uncovered[:1] == (f"/{name}",)


# --- the signer left something open ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left_out", "indication", "code"),
    [
        ("word/document.xml", UNDECIDED, "OOXML_CONTENT_UNSIGNED"),
        ("word/header1.xml", UNDECIDED, "OOXML_CONTENT_UNSIGNED"),
        ("word/media/image1.png", UNDECIDED, "OOXML_CONTENT_UNSIGNED"),
        ("_rels/.rels", UNDECIDED, "OOXML_RELATIONSHIP_UNSIGNED"),
        ("word/_rels/document.xml.rels", FAILED, "OOXML_EXTERNAL_UNSIGNED"),
        ("word/_rels/header1.xml.rels", UNDECIDED, "OOXML_RELATIONSHIP_UNSIGNED"),
        ("word/_rels/document.xml.rels#rId4", UNDECIDED, "OOXML_RELATIONSHIP_UNSIGNED"),
        ("word/_rels/document.xml.rels#rId10", FAILED, "OOXML_EXTERNAL_UNSIGNED"),
    ],
)
def test_what_the_signer_left_open_does_not_pass(desk, seal, left_out, indication, code):
    report = desk.verdict(packed(signed(seal, leave_out=frozenset({left_out}))))

    assert (report.indication, code in codes(report)) == (indication, True)


def test_a_signature_over_relationships_alone_covers_nothing(desk, seal, parts):
    every = frozenset(n for n in parts if not n.endswith(".rels"))
    report = desk.verdict(packed(signed(seal, leave_out=every)))

    assert report.indication is not PASSED
    assert "OOXML_CONTENT_UNSIGNED" in codes(report)
