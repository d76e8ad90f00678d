"""Signatures of Office packages wrapped, moved and mis-declared: none passes, none breaks the verifier."""

import pytest

from ebrvt_connect.testing.sample_ooxml import manifest_xml, office_parts, reference_xml, signed_package
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.ooxml_resigned import DS, pieces, resigned
from tests.unit.trust.ooxml_samples import (
    DOCUMENT,
    DOCUMENT_RELS,
    HOW,
    PACKAGE,
    SIGNATURE,
    TYPES,
    added,
    body_changed,
    changed,
    codes,
    declared,
    packed,
    related,
    signed,
    without,
)
from tests.unit.trust.samples import AGENCY

PASSED, FAILED, UNDECIDED = Indication.TOTAL_PASSED, Indication.TOTAL_FAILED, Indication.INDETERMINATE
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
ORIGIN_RELS = "_xmlsignatures/_rels/origin.sigs.rels"


@pytest.fixture(scope="module")
def parts(seal):
    return signed(seal)


# --- wrapping within the signature -----------------------------------------------------------------------


def tampered(parts):
    """The document changed, and the manifest that would fit."""
    other = body_changed(parts)
    return other, manifest_xml(other, HOW)


def objects_of(part):
    text = part.decode()
    return text, text[text.index("<Object xmlns:mdssi") : text.index('<Object Id="idOfficeObject"')]


def second_object_of_the_same_id(text, honest, forged):
    return text.replace(honest, forged + honest)


def second_object_behind(text, honest, forged):
    return text.replace("</Signature>", forged + "</Signature>")


def forged_takes_the_place(text, honest, forged):
    hidden = f"<Object>{honest}</Object>"
    return text.replace(honest, forged.replace(' Id="idPackageObject"', "") + hidden)


def honest_moved_into_another_object(text, honest, forged):
    return text.replace(honest, f"{forged.replace('idPackageObject', 'idOther')}<Object>{honest}</Object>")


def honest_moved_into_the_properties(text, honest, forged):
    unsigned = f"</xd:SignedProperties><xd:UnsignedProperties>{honest}</xd:UnsignedProperties>"
    return text.replace(honest, forged.replace("idPackageObject", "x")).replace(
        "</xd:SignedProperties>", unsigned
    )


def second_manifest_in_the_office_object(text, honest, forged):
    inner = forged[forged.index("<Manifest>") : forged.index("</Manifest>") + len("</Manifest>")]
    return text.replace('<Object Id="idOfficeObject">', f'<Object Id="idOfficeObject">{inner}')


def unsigned_object_with_a_manifest(text, honest, forged):
    return text.replace("</Signature>", forged.replace("idPackageObject", "idMore") + "</Signature>")


def id_in_another_spelling(text, honest, forged):
    return text.replace(honest, forged.replace(" Id=", " ID=") + honest)


def id_in_a_namespace(text, honest, forged):
    return text.replace(honest, forged.replace(" Id=", ' xmlns:u="urn:u" u:Id=') + honest)


def xml_id(text, honest, forged):
    return text.replace(honest, forged.replace(" Id=", " xml:id=") + honest)


def signature_within_the_signature(text, honest, forged):
    whole = text.partition("?>")[2].lstrip()
    return text.replace("</Signature>", f"<Object>{whole}</Object></Signature>")


def forged_signature_around_the_honest_one(text, honest, forged):
    whole = text.partition("?>")[2].lstrip()
    outer = whole[: whole.index("<Object xmlns:mdssi")] + forged
    return f"{outer}<Object>{whole}</Object></Signature>"


def another_root(text, honest, forged):
    whole = text.partition("?>")[2].lstrip()
    return f"<x>{forged}{whole}</x>"


def manifest_replaced(text, honest, forged):
    return text.replace(honest, forged)


def manifest_emptied(text, honest, forged):
    start, end = text.index("<Manifest>"), text.index("</Manifest>")
    return text[:start] + "<Manifest>" + text[end:]


WRAPPINGS = [
    second_object_of_the_same_id,
    second_object_behind,
    forged_takes_the_place,
    honest_moved_into_another_object,
    honest_moved_into_the_properties,
    second_manifest_in_the_office_object,
    unsigned_object_with_a_manifest,
    id_in_another_spelling,
    id_in_a_namespace,
    xml_id,
    signature_within_the_signature,
    forged_signature_around_the_honest_one,
    another_root,
    manifest_replaced,
    manifest_emptied,
]


@pytest.mark.parametrize("attack", WRAPPINGS, ids=lambda a: a.__name__)
def test_wrapping_fails(desk, parts, attack):
    other, manifest = tampered(parts)
    text, honest = objects_of(parts[SIGNATURE])
    forged = honest[: honest.index("<Manifest>")] + manifest + honest[honest.index("</Manifest>") + 11 :]
    wrapped = attack(text, honest, forged).encode()
    for content in (other, parts):  # with the forged document, and with the honest one
        report = desk.verdict(packed({**content, SIGNATURE: wrapped}))
        assert report.indication is FAILED, report.to_text_vi()


def transform(name):
    return f'<Transforms><Transform Algorithm="{DS}{name}"/></Transforms>'


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"uris": {"idPackageObject": ""}}, "XML_REFERENCE_REFUSED"),
        ({"uris": {"idPackageObject": "/word/document.xml"}}, "XML_REFERENCE_REFUSED"),
        ({"uris": {"idPackageObject": "sig2.xml#idPackageObject"}}, "XML_REFERENCE_REFUSED"),
        ({"uris": {"idPackageObject": "#xpointer(/)"}}, "XML_REFERENCE_REFUSED"),
        ({"targets": ("idOfficeObject", "idSignedProperties")}, "OOXML_OBJECT_REFUSED"),
        ({"targets": ("idPackageObject", "idSignedProperties")}, "OOXML_OBJECT_REFUSED"),
        ({"targets": ("idPackageObject", "idPackageObject", "idOfficeObject")}, "OOXML_OBJECT_REFUSED"),
        ({"targets": ("idPackageObject", "idOfficeObject", "idSignatureTime")}, "XML_REFERENCE_REFUSED"),
        ({"extra": "<Object><x/></Object>"}, "OOXML_OBJECT_REFUSED"),
        ({"extra": f'<Object><Manifest xmlns="{DS}"/></Object>'}, "OOXML_OBJECT_REFUSED"),
        ({"transforms": transform("enveloped-signature")}, "XML_TRANSFORM_REFUSED"),
        ({"transforms": transform("base64")}, "XML_TRANSFORM_REFUSED"),
    ],
    ids=lambda v: str(v)[:60],
)  # fmt: skip
def test_sound_signatures_over_what_is_not_accepted_fail(desk, seal, parts, how, code):
    report = desk.verdict(packed({**parts, SIGNATURE: resigned(parts, seal, **how)}))

    assert (report.indication, codes(report)) == (FAILED, [code])


C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
RELATIONSHIP = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform"


def canonicalized_part(text):
    chain = f'<Transforms><Transform Algorithm="{C14N}"/></Transforms>'
    return text.replace('document.main+xml">', f'document.main+xml">{chain}')


def relationship_transform_alone(text):
    return text.replace(f'<Transform Algorithm="{C14N}"/>', "")


def with_comments(text):
    return text.replace(f'"{C14N}"/>', f'"{C14N}#WithComments"/>')


def transforms_twice(text):
    return text.replace("<Transforms>", f'<Transforms><Transform Algorithm="{RELATIONSHIP}"/>')


def xpath(text):
    return text.replace(C14N, "http://www.w3.org/TR/1999/REC-xpath-19991116")


def part_listed_twice(text):
    start = text.index('<Reference URI="/word/styles.xml')
    line = text[start : text.index("</Reference>", start) + len("</Reference>")]
    return text.replace(line, line + line)


def part_listed_twice_in_another_case(text):
    start = text.index('<Reference URI="/word/styles.xml')
    line = text[start : text.index("</Reference>", start) + len("</Reference>")]
    return text.replace(line, line + line.replace("/word/styles", "/Word/Styles"))


def part_without_type(text):
    return text.replace(f"/word/styles.xml?ContentType={WORD}.styles+xml", "/word/styles.xml")


def part_by_a_fragment(text):
    return text.replace("/word/styles.xml?", "/word/styles.xml#x?")


def part_by_dots(text):
    return text.replace("/word/styles.xml?", "/word/../word/styles.xml?")


def part_by_needless_encoding(text):
    return text.replace("/word/styles.xml?", "/word/%73tyles.xml?")


def part_outside(text):
    return text.replace('"/word/styles.xml?', '"https://evil.invalid/word/styles.xml?')


def relationships_as_plain_xml(text):
    kind = "application/vnd.openxmlformats-package.relationships+xml"
    return text.replace(
        f"/word/_rels/document.xml.rels?ContentType={kind}",
        "/word/_rels/document.xml.rels?ContentType=application/xml",
    )


def digest_of_another_kind(text):
    return text.replace("xmlenc#sha256", "xmldsig-more#rot13")


def digest_emptied(text):
    start = text.index("<DigestValue>") + len("<DigestValue>")
    return text[:start] + text[text.index("</DigestValue>") :]


def text_in_the_manifest(text):
    return text.replace("<Manifest>", "<Manifest>x")


def stranger_in_the_manifest(text):
    return text.replace("<Manifest>", "<Manifest><x/>")


def stranger_in_the_transform(text):
    return text.replace(
        f'<Transform Algorithm="{RELATIONSHIP}">', f'<Transform Algorithm="{RELATIONSHIP}"><x/>'
    )


MANIFESTS = [
    canonicalized_part,
    relationship_transform_alone,
    with_comments,
    transforms_twice,
    xpath,
    part_listed_twice,
    part_listed_twice_in_another_case,
    part_without_type,
    part_by_a_fragment,
    part_by_dots,
    part_by_needless_encoding,
    part_outside,
    relationships_as_plain_xml,
    digest_of_another_kind,
    digest_emptied,
    text_in_the_manifest,
    stranger_in_the_manifest,
    stranger_in_the_transform,
]


@pytest.mark.parametrize("attack", MANIFESTS, ids=lambda a: a.__name__)
def test_a_manifest_with_what_is_not_accepted_does_not_pass_though_soundly_signed(desk, seal, parts, attack):
    honest = pieces(parts, seal)["package_object"]
    odd = attack(honest)
    assert odd != honest
    report = desk.verdict(packed({**parts, SIGNATURE: resigned(parts, seal, package_object=odd)}))

    assert report.indication is not PASSED
    assert codes(report)


def test_a_comment_in_the_signature_does_not_pass(desk, parts):
    report = desk.verdict(packed(changed(parts, SIGNATURE, (b"<Manifest>", b"<!-- x --><Manifest>"))))

    assert report.indication is not PASSED


def test_a_reference_to_nowhere_is_missing_not_passed_over(desk, seal, parts):
    ghost = reference_xml(f"/word/ghost.xml?ContentType={WORD}.styles+xml", b"", "sha256")
    honest = pieces(parts, seal)["package_object"].replace("</Manifest>", f"{ghost}</Manifest>")
    report = desk.verdict(packed({**parts, SIGNATURE: resigned(parts, seal, package_object=honest)}))

    assert (report.indication, codes(report)) == (FAILED, ["OOXML_PART_MISSING"])


# --- where signatures are looked for ---------------------------------------------------------------------

SIGNATURE_TYPE = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"


def second_origin(p):
    more = added(p, "_xmlsignatures/origin2.sigs", b"")
    return related(more, "_rels/.rels", f"{PACKAGE}/digital-signature/origin", "_xmlsignatures/origin2.sigs")


def origin_gone(p):
    return without(p, "_xmlsignatures/origin.sigs")


def origin_outside(p):
    return changed(
        p, "_rels/.rels", (b'"_xmlsignatures/origin.sigs"', b'"https://x.invalid/" TargetMode="External"')
    )


def origin_of_another_type(p):
    return changed(p, TYPES, (b"digital-signature-origin", b"digital-signature"))


def signature_gone(p):
    return without(p, SIGNATURE)


def signature_of_another_type(p):
    return changed(p, TYPES, (SIGNATURE_TYPE.encode(), b"application/xml"))


def signature_declared_twice(p):
    return related(p, ORIGIN_RELS, f"{PACKAGE}/digital-signature/signature", "sig1.xml", identifier="rId9")


def relationships_with_a_stranger(p):
    return changed(p, "_rels/.rels", (b"</Relationships>", b'<x:y xmlns:x="urn:x"/></Relationships>'))


def relationships_to_be_ignored(p):
    old = b'<Relationships xmlns="'
    ignorable = b'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" mc:Ignorable="x"'
    new = b"<Relationships " + ignorable + b' xmlns:x="urn:x" xmlns="'
    return changed(p, DOCUMENT_RELS, (old, new))


def relationship_id_twice(p):
    return related(p, DOCUMENT_RELS, "header", "header1.xml", identifier="rId1")


def relationship_with_blanks(p):
    return related(p, DOCUMENT_RELS, "header", " header1.xml")


def relationship_mode_unknown(p):
    return related(p, DOCUMENT_RELS, "header", "header1.xml", mode="internal")


def text_between_relationships(p):
    return changed(p, DOCUMENT_RELS, (b"/><", b"/>x<"))


def doctype_in_relationships(p):
    return changed(p, DOCUMENT_RELS, (b"<Relationships ", b'<!DOCTYPE r [<!ENTITY e "x">]><Relationships '))


def doctype_in_types(p):
    return changed(p, TYPES, (b"<Types ", b"<!DOCTYPE Types><Types "))


def doctype_in_the_signature(p):
    return changed(p, SIGNATURE, (b"<Signature ", b'<!DOCTYPE s SYSTEM "file:///etc/passwd"><Signature '))


def relationships_in_another_encoding(p):
    text = p[DOCUMENT_RELS].decode().replace("UTF-8", "UTF-16")
    return {**p, DOCUMENT_RELS: text.encode("utf-16")}


def relationships_that_claim_another_encoding(p):
    return changed(p, DOCUMENT_RELS, (b"UTF-8", b"windows-1258"))


def types_gone(p):
    return without(p, TYPES)


def types_declared_twice(p):
    return declared(p, DOCUMENT, f"{WORD}.document.main+xml")


def types_declared_twice_in_another_case(p):
    return declared(p, "Word/Document.xml", f"{WORD}.document.main+xml")


def default_type_twice(p):
    return changed(p, TYPES, (b"</Types>", b'<Default Extension="XML" ContentType="text/html"/></Types>'))


def types_with_a_stranger(p):
    return changed(p, TYPES, (b"</Types>", b"<x/></Types>"))


def relationships_of_another_type(p):
    return declared(p, DOCUMENT_RELS, "application/xml")


PLACES = [
    second_origin,
    origin_gone,
    origin_outside,
    origin_of_another_type,
    signature_gone,
    signature_of_another_type,
    signature_declared_twice,
    relationships_with_a_stranger,
    relationships_to_be_ignored,
    relationship_id_twice,
    relationship_with_blanks,
    relationship_mode_unknown,
    text_between_relationships,
    doctype_in_relationships,
    doctype_in_types,
    doctype_in_the_signature,
    relationships_in_another_encoding,
    relationships_that_claim_another_encoding,
    types_gone,
    types_declared_twice,
    types_declared_twice_in_another_case,
    default_type_twice,
    types_with_a_stranger,
    relationships_of_another_type,
]


@pytest.mark.parametrize("attack", PLACES, ids=lambda a: a.__name__)
def test_packages_that_readers_understand_differently_do_not_pass(desk, parts, attack):
    report = desk.verdict(packed(attack(parts)))

    assert report.indication is (UNDECIDED if attack is types_gone else FAILED), report.to_text_vi()
    assert codes(report)
    assert "VERIFIER_FAILED" not in codes(report)


def test_a_second_signature_that_fails_fails_the_file(desk, pki, seal, parts):
    twice = signed_package(parts, pki.signer(AGENCY, role="person"), HOW)
    broken = changed(twice, "_xmlsignatures/sig2.xml", (b"<SignatureValue>", b"<SignatureValue>AAAA"))
    report = desk.verdict(packed(broken))

    assert report.indication is FAILED
    assert [s.indication for s in report.signatures] == [PASSED, FAILED]


def test_a_signature_of_another_document_does_not_fit(desk, seal, parts):
    other = signed(seal, "docx")
    other = {**other, SIGNATURE: signed_elsewhere(seal)}

    assert desk.verdict(packed(other)).indication is FAILED


def signed_elsewhere(seal):
    return signed_package(office_parts("docx", "Văn bản khác"), seal, HOW)[SIGNATURE]


def test_too_many_signatures_are_refused(desk, seal, parts):
    more = dict(parts)
    for n in range(2, 60):
        more = declared(more, f"_xmlsignatures/sig{n}.xml", SIGNATURE_TYPE)
        more[f"_xmlsignatures/sig{n}.xml"] = parts[SIGNATURE]
        more = related(
            more, ORIGIN_RELS, f"{PACKAGE}/digital-signature/signature", f"sig{n}.xml", identifier=f"rId{n}"
        )
    report = desk.verdict(packed(more))

    assert (report.indication, codes(report)) == (FAILED, ["OOXML_TOO_MANY_SIGNATURES"])
