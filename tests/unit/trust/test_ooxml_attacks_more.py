"""More attacks on signed Office packages: parts, relationships, content types, names, the archive."""

import base64
import re
import zipfile
from io import BytesIO

import pytest

from ebrvt_connect.trust.policy import POLICIES
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.ooxml_samples import (
    AT,
    HOW,
    SIGNATURE,
    TYPES,
    Entry,
    added,
    archive,
    changed,
    declared,
    entries,
    office_parts,
    packed,
    related,
    signed,
    signed_package,
    without,
)
from tests.unit.trust.samples import OTHER_AGENCY
from tests.unit.trust.xml_samples import DS

PASSED = Indication.TOTAL_PASSED
MAIN = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}
RELS = {
    "docx": "word/_rels/document.xml.rels",
    "xlsx": "xl/_rels/workbook.xml.rels",
    "pptx": "ppt/_rels/presentation.xml.rels",
}
MACRO_MAIN = {
    "docx": (b"wordprocessingml.document.main", b"wordprocessingml.template.main"),
    "xlsx": (b"spreadsheetml.sheet.main", b"spreadsheetml.template.main"),
    "pptx": (b"presentationml.presentation.main", b"presentationml.slideshow.main"),
}
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


@pytest.fixture(scope="module", params=["docx", "xlsx", "pptx"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def parts(seal, kind):
    return signed(seal, kind)


def refused(desk, data):
    data = packed(data) if isinstance(data, dict) else data
    return all(desk.verdict(data, policy=p).indication is not PASSED for p in POLICIES.values())


def test_the_sample_passes(desk, parts):
    assert not refused(desk, parts)


def folder(kind):
    return MAIN[kind].partition("/")[0]


def put(name, link, content=b"<x/>", content_type="application/xml", *, mode=""):
    """A part in the main folder, and a relationship of the main part that leads there."""

    def change(parts, kind):
        more = added(parts, f"{folder(kind)}/{name}", content, content_type)
        return related(more, RELS[kind], link, name, mode=mode)

    return change


def linked(link, target, *, mode="External", where=None):
    return lambda parts, kind: related(parts, where or RELS[kind], link, target, mode=mode)


def edited(name, *edits):
    return lambda parts, _: changed(parts, name, *edits)


def in_relationships(pattern, new):
    def change(parts, kind):
        made = re.sub(pattern, new, parts[RELS[kind]], count=1)
        assert made != parts[RELS[kind]]
        return {**parts, RELS[kind]: made}

    return change


def renamed(parts, old, new):
    return {(new if name == old else name): content for name, content in parts.items()}


def root_leads_elsewhere(parts, kind):
    """The package's own relationship leads to a fake; the signed document stays where it is."""
    other = f"{folder(kind)}/other.xml"
    more = added(parts, other, parts[MAIN[kind]].replace(b"m", b"n"), "application/xml")
    led = re.sub(
        rb'Target="/?%s"' % MAIN[kind].encode(), b'Target="%s"' % other.encode(), more["_rels/.rels"]
    )
    return {**more, "_rels/.rels": led}


def second_root(parts, kind):
    more = added(parts, f"{folder(kind)}/other.xml", parts[MAIN[kind]], "application/xml")
    return related(more, "_rels/.rels", "officeDocument", f"{folder(kind)}/other.xml")


def second_root_in_front(parts, kind):
    made = second_root(parts, kind)
    line = re.search(rb'<Relationship Id="rIdX"[^>]*/>', made["_rels/.rels"])[0]
    first = made["_rels/.rels"].replace(line, b"").replace(b"<Relationship ", line + b"<Relationship ", 1)
    return {**made, "_rels/.rels": first}


def strict_root(parts, kind):
    """The same relationship in the other namespace of the standard."""
    more = added(parts, f"{folder(kind)}/other.xml", parts[MAIN[kind]], "application/xml")
    strict = "http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument"
    return related(more, "_rels/.rels", strict, f"{folder(kind)}/other.xml")


def type_by_extension(parts, kind):
    """Overrides gone: the extension decides now."""
    line = rb'<Override PartName="/%s"[^>]*/>' % MAIN[kind].encode()
    return {**parts, TYPES: re.sub(line, b"", parts[TYPES])}


def overrides_in_another_case(parts, kind):
    return declared(parts, MAIN[kind].upper(), "application/vnd.ms-word.document.macroEnabled.main+xml")


def types_twice(parts, kind):
    return declared(parts, MAIN[kind], "application/vnd.ms-word.document.macroEnabled.main+xml")


def default_type_changed(parts, kind):
    return changed(parts, TYPES, (b'Extension="rels" ContentType="', b'Extension="rels" ContentType="x'))


def main_in_upper_case_too(parts, kind):
    return added(parts, MAIN[kind].upper(), b"<x/>")


def main_encoded_too(parts, kind):
    return added(parts, MAIN[kind].replace("e", "%65", 1), b"<x/>")


def back_slashes(parts, kind):
    return renamed(parts, MAIN[kind], MAIN[kind].replace("/", "\\"))


def signature_by_another_name(parts, kind):
    return renamed(parts, SIGNATURE, "_xmlsignatures/sig9.xml")


def signature_unlinked(parts, kind):
    rels = "_xmlsignatures/_rels/origin.sigs.rels"
    return {**parts, rels: re.sub(rb"<Relationship [^>]*/>", b"", parts[rels])}


def signature_reachable_from_the_document(parts, kind):
    return related(parts, RELS[kind], f"{PACKAGE}/digital-signature/signature", f"/{SIGNATURE}")


def manifest_digest_changed(parts, kind):
    return edited(SIGNATURE, (b"<DigestValue>", b"<DigestValue>A"))(parts, kind)


def text_in_signature(parts, kind):
    return edited(SIGNATURE, (b"<SignatureValue>", b"DA DUYET 99<SignatureValue>"))(parts, kind)


def page_in_signature(parts, kind):
    return edited(SIGNATURE, (b"</Signature>", b"<Object><html>DA DUYET</html></Object></Signature>"))(
        parts, kind
    )


def key_with_a_page(parts, kind):
    return edited(SIGNATURE, (b"<X509Data>", b"<X509Data><html xmlns=''>DA DUYET</html>"))(parts, kind)


def manifest_beside(parts, kind):
    """A second package object, unreferenced, in front of the signed one."""
    text = parts[SIGNATURE]
    found = re.search(rb'<Object [^>]*"idPackageObject".*?</Object>', text, re.DOTALL)[0]
    return {
        **parts,
        SIGNATURE: text.replace(found, found.replace(b"idPackageObject", b"idPackageObject2") + found),
    }


def manifest_with_the_same_id(parts, kind):
    text = parts[SIGNATURE]
    found = re.search(rb'<Object [^>]*"idPackageObject".*?</Object>', text, re.DOTALL)[0]
    return {**parts, SIGNATURE: text.replace(found, found + found)}


ATTACKS = {
    "header": put("extra.xml", "header"),
    "script": put("vbaProject.bin", "vbaProject", b"\xd0\xcf", "application/vnd.ms-office.vbaProject"),
    "script by a Microsoft type": put(
        "vbaProject.bin",
        "http://schemas.microsoft.com/office/2006/relationships/vbaProject",
        b"\xd0\xcf",
        "application/vnd.ms-office.vbaProject",
    ),
    "embedded object": put("embeddings/a.bin", "oleObject", b"\xd0\xcf", "application/octet-stream"),
    "embedded package": put("embeddings/a.docx", "package", b"PK", "application/zip"),
    "alternative chunk": put("afchunk.html", "aFChunk", b"<b>99</b>", "text/html"),
    "control": put("activeX/a.xml", "control", b"<x/>", "application/vnd.ms-office.activeX+xml"),
    "custom ribbon": lambda p, _: related(
        added(p, "customUI/customUI.xml", b"<x/>", "application/xml"),
        "_rels/.rels",
        "http://schemas.microsoft.com/office/2006/relationships/ui/extensibility",
        "customUI/customUI.xml",
    ),
    "web extension": lambda p, _: related(
        added(p, "word/webextensions/a.xml", b"<x/>", "application/vnd.ms-office.webextension+xml"),
        "_rels/.rels",
        "http://schemas.microsoft.com/office/2011/relationships/webextension",
        "word/webextensions/a.xml",
    ),
    "settings of another": put("settings2.xml", "settings"),
    "theme": put("theme/theme9.xml", "theme"),
    "glossary": put("glossary/document.xml", "glossaryDocument"),
    "picture": put("media/x.png", "image", b"\x89PNG", "image/png"),
    "template from outside": linked("attachedTemplate", "https://example.invalid/a.dotm"),
    "picture from outside": linked("image", "https://example.invalid/a.png"),
    "object from outside": linked("oleObject", "file://example.invalid/a"),
    "frame from outside": linked("frame", "https://example.invalid/"),
    "link from outside at the root": linked(
        "officeDocument", "https://example.invalid/a.docx", where="_rels/.rels"
    ),
    "workbook from outside": linked("externalLink", "https://example.invalid/a.xlsx"),
    "relationship into the properties": linked("header", "../docProps/core.xml", mode=""),
    "relationship to the signature": signature_reachable_from_the_document,
    "relationship redirected": in_relationships(rb'Target="[^"]+"', b'Target="other.xml"'),
    "relationship of another type": in_relationships(rb'Type="[^"]+/(\w+)"', rb'Type="urn:other/\1"'),
    "relationship made external": in_relationships(rb'(Target="[^"]+")/>', rb'\1 TargetMode="External"/>'),
    "relationship twice": in_relationships(rb"(<Relationship [^>]*/>)", rb"\1\1"),
    "relationship with a child": in_relationships(
        rb"(<Relationship [^>]*)/>", rb"\1><x>99</x></Relationship>"
    ),
    "relationships with a document type": in_relationships(rb"<Relationships", b"<!DOCTYPE a><Relationships"),
    "root leads elsewhere": root_leads_elsewhere,
    "second root": second_root,
    "second root in front": second_root_in_front,
    "second root of the strict kind": strict_root,
    "main part changed": lambda p, k: {**p, MAIN[k]: p[MAIN[k]].replace(b" xmlns", b" a='99' xmlns", 1)},
    "comment in the main part": lambda p, k: {**p, MAIN[k]: p[MAIN[k]] + b"<!---->"},
    "blank behind the main part": lambda p, k: {**p, MAIN[k]: p[MAIN[k]] + b"\n"},
    "main part of another kind": lambda p, k: changed(p, TYPES, MACRO_MAIN[k]),
    "type by extension": type_by_extension,
    "type twice": types_twice,
    "type in another case": overrides_in_another_case,
    "type of relationships": default_type_changed,
    "main part in capitals too": main_in_upper_case_too,
    "main part encoded too": main_encoded_too,
    "back slashes": back_slashes,
    "signature by another name": signature_by_another_name,
    "signature unlinked": signature_unlinked,
    "digest changed": manifest_digest_changed,
    "text in the signature": text_in_signature,
    "page in the signature": page_in_signature,
    "page in the key": key_with_a_page,
    "manifest beside": manifest_beside,
    "manifest twice": manifest_with_the_same_id,
    "time changed": lambda p, _: {**p, SIGNATURE: p[SIGNATURE].replace(b"2026-11-23", b"2026-11-22")},
    "part gone": lambda p, k: without(p, MAIN[k]),
    "relationships gone": lambda p, k: without(p, RELS[k]),
    "types gone": lambda p, _: without(p, TYPES),
    "dot segments": lambda p, k: added(p, f"{folder(k)}/./x.xml"),
    "parent segments": lambda p, k: added(p, f"{folder(k)}/../x.xml"),
    "absolute name": lambda p, k: added(p, f"/{MAIN[k]}"),
    "interleaved pieces": lambda p, k: added(p, f"{MAIN[k]}/[0].piece"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_signed_package_may_not_be_changed(desk, parts, kind, name):
    made = ATTACKS[name](parts, kind)

    assert made != parts, "nothing was changed"
    assert refused(desk, made)


# --- the archive ---------------------------------------------------------------------------------------


def twice(parts, kind):
    out = BytesIO(packed(parts))
    with zipfile.ZipFile(out, "a") as package, pytest.warns(UserWarning, match="Duplicate"):
        package.writestr(MAIN[kind], b"<x/>")
    return out.getvalue()


def local_says_other(parts, kind):
    found = entries(parts)
    target = next(e for e in found if e.name == MAIN[kind].encode())
    target.local["name"] = b"x" * len(target.name)
    return archive(found)


def hidden_entry(parts, kind):
    return archive([*entries(parts), Entry(MAIN[kind], b"<x/>", hidden=True)])


def hidden_in_front(parts, kind):
    return archive([Entry(MAIN[kind], b"<x/>", hidden=True), *entries(parts)])


def stored_inside(parts, kind):
    """An archive in an archive's gap: who searches backwards finds the outer, who walks finds the inner."""
    return archive(entries(parts), between=archive([Entry(MAIN[kind], b"<x/>")]))


def false_size(parts, kind):
    found = entries(parts)
    target = next(e for e in found if e.name == MAIN[kind].encode())
    target.listed["size"] += 1
    return archive(found)


def false_count(parts, kind):
    return archive(entries(parts), here=len(parts) - 1, all=len(parts) - 1)


ARCHIVES = {
    "entry twice": twice,
    "local name other": local_says_other,
    "entry the directory does not list": hidden_entry,
    "such an entry in front": hidden_in_front,
    "archive in the archive": stored_inside,
    "size that lies": false_size,
    "count that lies": false_count,
    "bytes in front": lambda p, _: b"MZ" + packed(p),
    "bytes behind": lambda p, _: packed(p) + b"x",
    "comment": lambda p, _: archive(entries(p), comment=b"99"),
    "another archive behind": lambda p, k: packed(p) + packed({MAIN[k]: b"<x/>"}),
    "another archive in front": lambda p, k: packed({MAIN[k]: b"<x/>"}) + packed(p),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_with_two_readings_does_not_pass(desk, parts, kind, name):
    assert refused(desk, ARCHIVES[name](parts, kind))


# --- whose signature -----------------------------------------------------------------------------------


def test_a_signature_made_for_another_document_does_not_fit(desk, seal, parts, kind):
    other = signed_package(office_parts(kind, "Văn bản khác"), seal, HOW)

    assert refused(desk, {**parts, SIGNATURE: other[SIGNATURE]})


def test_a_signature_made_for_another_kind_does_not_fit(desk, seal, parts, kind):
    other = "xlsx" if kind == "docx" else "docx"

    assert refused(desk, {**parts, SIGNATURE: signed(seal, other)[SIGNATURE]})


def test_another_s_certificate_in_the_key_does_not_fit(desk, pki, parts):
    theirs = base64.b64encode(pki.signer(OTHER_AGENCY).certificates_der[0])
    made = re.sub(rb"<X509Certificate>[^<]+", b"<X509Certificate>" + theirs, parts[SIGNATURE], count=1)

    assert refused(desk, {**parts, SIGNATURE: made})


def test_a_signature_without_its_namespace_is_none(desk, parts):
    assert refused(desk, {**parts, SIGNATURE: parts[SIGNATURE].replace(DS.encode(), b"urn:x")})
    assert AT.tzinfo is not None
