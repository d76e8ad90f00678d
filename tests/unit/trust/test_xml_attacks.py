"""XML that somebody turned into something else: none of it passes, none of it breaks the verifier."""

import base64
import re

import pytest
from lxml import etree

from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.xml_packet import signed_packet
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.unit.trust.samples import AT
from tests.unit.trust.xml_samples import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    SHA1,
    SHA256,
    TAG,
    codes,
    in_soap,
    packet,
    reference,
    resigned,
    signature,
    with_signature,
    x509_data,
)

PASSED = Indication.TOTAL_PASSED


@pytest.fixture(scope="module")
def signed(seal):
    return sign_packet(packet(), seal, reference_id="pkt-1")


def fake():
    return packet("99.99", identifier="pkt-2")


def signature_of(signed):
    return signed[signed.index(b"<ds:Signature ") : signed.index(b"</r:ReportPacket>")]


def judged(desk, data):
    """Both ways in: as a file, and as a packet."""
    report = desk.verdict(data)
    verdict = signed_packet(data, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT)
    return report, verdict


# --- the signature is moved, or something is put beside it ---------------------------------------------


def unsigned_sibling_behind(signed):
    return in_soap(signed, fake())


def unsigned_sibling_before(signed):
    return in_soap(fake(), signed)


def signed_one_in_the_header(signed):
    return in_soap(fake(), header=signed)


def signed_one_inside_the_fake(signed):
    outer = fake()
    return outer.replace(b"</r:ReportPacket>", b"<w>" + signed + b"</w></r:ReportPacket>")


def signed_one_inside_the_signature(signed):
    """The fake takes the place, its signature carries the signed packet in an Object (XSW)."""
    moved = signature_of(signed)
    inner = signed.replace(moved, b"")
    wrapped = moved.replace(b"</ds:Signature>", b"<ds:Object>" + inner + b"</ds:Object></ds:Signature>")
    return fake().replace(b"</r:ReportPacket>", wrapped + b"</r:ReportPacket>")


def same_id_twice(signed):
    return in_soap(signed, packet("99.99"))


def same_id_in_another_spelling(signed):
    return in_soap(signed, packet("99.99").replace(b" Id=", b" ID="))


def same_id_in_a_namespace(signed):
    other = packet("99.99").replace(b" Id=", b' xmlns:u="urn:u" u:Id=')
    return in_soap(signed, other)


def signature_moved_to_the_front(signed):
    moved = signature_of(signed)
    return signed.replace(moved, b"").replace(b"<r:body>", moved + b"<r:body>")


def signature_moved_outside(signed):
    moved = signature_of(signed)
    return in_soap(signed.replace(moved, b""), moved)


def two_signatures(signed):
    return signed.replace(b"</r:ReportPacket>", signature_of(signed) + b"</r:ReportPacket>")


def another_namespace(signed):
    return signed.replace(b'xmlns:r="urn:ebrvt:sandbox:reporting:1"', b'xmlns:r="urn:other"')


def namespace_switched_inside(signed):
    return signed.replace(b"<r:value>", b'<r:value xmlns:r="urn:other">')


def text_beside_the_packet(signed):
    return in_soap(signed, b"99.99")


def attribute_on_the_body(signed):
    return in_soap(signed, body_attributes=b' period="2020"')


def comment_in_a_value(signed):
    return signed.replace(b"21.37", b"21<!-- -->.37")


def comment_between_elements(signed):
    return signed.replace(b"<r:value>", b"<!-- 99.99 --><r:value>")


def comment_in_the_signature(signed):
    return signed.replace(b"<ds:SignatureValue>", b"<ds:SignatureValue><!---->")


def instruction_in_a_value(signed):
    return signed.replace(b"21.37", b"21<?x y?>.37")


def value_changed(signed):
    return signed.replace(b"21.37", b"99.37")


def value_as_entity(signed):
    return b'<!DOCTYPE r [<!ENTITY v "21.37">]>' + signed.replace(b"21.37", b"&v;")


def bomb(signed):
    lines = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    return f'<!DOCTYPE r [<!ENTITY e0 "ha">{lines}]>'.encode() + signed.replace(b"21.37", b"&e11;")


def external_entity(signed):
    return b'<!DOCTYPE r SYSTEM "file:///etc/passwd">' + signed


def cut_off(signed):
    return signed[:-40]


def digest_emptied(signed):
    return re.sub(rb"<ds:DigestValue>[^<]*", b"<ds:DigestValue>", signed)


def value_emptied(signed):
    return re.sub(rb"<ds:SignatureValue>[^<]*", b"<ds:SignatureValue>", signed)


def digest_cut_short(signed):
    value = re.search(rb"<ds:DigestValue>([^<]*)", signed)[1]
    shorter = base64.b64encode(base64.b64decode(value)[:16])
    return signed.replace(value, shorter)


def key_info_gone(signed):
    return re.sub(rb"<ds:KeyInfo>.*</ds:KeyInfo>", b"", signed, flags=re.DOTALL)


def key_info_damaged(signed):
    return signed.replace(b"<ds:X509Certificate>MII", b"<ds:X509Certificate>AII", 1)


def signature_value_gone(signed):
    return re.sub(rb"<ds:SignatureValue>.*</ds:SignatureValue>", b"", signed)


def renamed_signature(signed):
    return signed.replace(b"<ds:Signature ", b"<ds:Signatur ").replace(b"</ds:Signature>", b"</ds:Signatur>")


ATTACKS = [
    unsigned_sibling_behind,
    unsigned_sibling_before,
    signed_one_in_the_header,
    signed_one_inside_the_fake,
    signed_one_inside_the_signature,
    same_id_twice,
    same_id_in_another_spelling,
    same_id_in_a_namespace,
    two_signatures,
    another_namespace,
    namespace_switched_inside,
    text_beside_the_packet,
    attribute_on_the_body,
    comment_in_a_value,
    comment_between_elements,
    comment_in_the_signature,
    instruction_in_a_value,
    value_changed,
    value_as_entity,
    bomb,
    external_entity,
    cut_off,
    digest_emptied,
    value_emptied,
    digest_cut_short,
    key_info_gone,
    key_info_damaged,
    signature_value_gone,
    renamed_signature,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_passes(desk, signed, attack):
    report, verdict = judged(desk, attack(signed))

    assert report.indication is not PASSED
    assert verdict.report.indication is not PASSED
    assert verdict.signed is None
    assert "VERIFIER_FAILED" not in codes(report) + codes(verdict.report)


@pytest.mark.parametrize("move", [signature_moved_to_the_front, signature_moved_outside])
def test_a_signature_elsewhere_may_hold_but_gives_no_packet(desk, signed, move):
    _, verdict = judged(desk, move(signed))

    assert verdict.signed is None
    assert codes(verdict.report)[0] == "XML_PACKET_MISPLACED"


def test_no_byte_of_the_packet_can_be_flipped(desk, signed):
    """Each byte from the first of the packet to the end of the signature value."""
    end = signed.index(b"</ds:SignatureValue>")
    for place in range(0, end, 3):
        changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
        verdict = signed_packet(changed, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT)

        assert verdict.signed is None or verdict.signed.data == signed_data(desk, signed), place


def signed_data(desk, data):
    return signed_packet(data, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT).signed.data


# --- signed soundly, but over what nobody should sign -----------------------------------------------------


def first_error(desk, data):
    report = desk.verdict(data)
    assert report.indication is not PASSED
    return codes(report)[0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"uri": None}, "XML_REFERENCE_REFUSED"),
        ({"uri": "#"}, "XML_REFERENCE_REFUSED"),
        ({"uri": "##pkt-1"}, "XML_REFERENCE_REFUSED"),
        ({"uri": "#xpointer(/)"}, "XML_REFERENCE_REFUSED"),
        ({"uri": "#xpointer(id('pkt-1'))"}, "XML_REFERENCE_REFUSED"),
        ({"uri": "?pkt-1"}, "XML_REFERENCE_REFUSED"),
        ({"uri": "other.xml#pkt-1"}, "XML_REFERENCE_REFUSED"),
        ({"uri": "http://127.0.0.1:9/a.xml"}, "XML_REFERENCE_REFUSED"),
        ({"uri": "file:///etc/passwd"}, "XML_REFERENCE_REFUSED"),
        ({"uri": "#nobody"}, "XML_REFERENCE_REFUSED"),
        ({"transforms": ("http://www.w3.org/TR/1999/REC-xslt-19991116",)}, "XML_TRANSFORM_REFUSED"),
        ({"transforms": ("http://www.w3.org/TR/1999/REC-xpath-19991116",)}, "XML_TRANSFORM_REFUSED"),
        ({"transforms": (DS + "base64",)}, "XML_TRANSFORM_REFUSED"),
        ({"transforms": (EXCLUSIVE + "WithComments",)}, "XML_TRANSFORM_REFUSED"),
        ({"transforms": (EXCLUSIVE, ENVELOPED)}, "XML_TRANSFORM_REFUSED"),
        ({"transforms": (ENVELOPED, EXCLUSIVE, INCLUSIVE)}, "XML_TRANSFORM_REFUSED"),
        ({"inside": "<x/>"}, "XML_TRANSFORM_REFUSED"),
        ({"transforms": (EXCLUSIVE,), "inside": "<x/>"}, "XML_TRANSFORM_REFUSED"),
        ({"digest_uri": SHA1, "digest": "sha1"}, "WEAK_DIGEST"),
        ({"digest_uri": DS + "md5", "digest": "md5"}, "SIGNATURE_METHOD_NOT_ALLOWED"),
        ({"digest_uri": SHA256, "digest": "sha1"}, "HASH_MISMATCH"),
        ({"value": b""}, "XML_SIGNATURE_MALFORMED"),
    ],
)
def test_a_reference_that_is_not_accepted(desk, seal, change, code):
    assert first_error(desk, resigned(seal, change=change)) == code


def test_the_same_helper_signs_what_is_accepted(desk, seal):
    assert desk.verdict(resigned(seal)).indication is PASSED
    assert desk.verdict(resigned(seal, change={"uri": ""})).indication is PASSED


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"method": DS + "rsa-sha1", "digest": "sha1"}, "WEAK_DIGEST"),
        ({"method": DS + "dsa-sha1"}, "SIGNATURE_METHOD_NOT_ALLOWED"),
        ({"method": "urn:nothing"}, "SIGNATURE_METHOD_NOT_ALLOWED"),
        ({"method": DS + "hmac-sha1", "hmac_key": b"k", "digest": "sha1"}, "SIGNATURE_METHOD_NOT_ALLOWED"),
        (
            {"method": "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "hmac_key": b"k"},
            "SIGNATURE_METHOD_NOT_ALLOWED",
        ),
        (
            {"in_method": f'<ds:HMACOutputLength xmlns:ds="{DS}">8</ds:HMACOutputLength>'},
            "XML_SIGNATURE_MALFORMED",
        ),
        ({"method": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"}, "XML_SIGNATURE_MALFORMED"),
        ({"c14n": EXCLUSIVE + "WithComments"}, "XML_TRANSFORM_REFUSED"),
        ({"key_info": ""}, "SIGNER_CERTIFICATE_MISSING"),
        (
            {"key_info": "<ds:KeyInfo><ds:KeyName>seal</ds:KeyName></ds:KeyInfo>"},
            "SIGNER_CERTIFICATE_MISSING",
        ),
        ({"key_info": x509_data([b"0\x00"])}, "XML_SIGNATURE_MALFORMED"),
        ({"key_info": x509_data([b""] * 101)}, "XML_SIGNATURE_MALFORMED"),
        ({"objects": "<ds:Manifest/>"}, "XML_SIGNATURE_MALFORMED"),
    ],
)
def test_a_signature_that_is_not_accepted(desk, seal, more, code):
    assert first_error(desk, resigned(seal, **more)) == code


def test_a_bare_key_is_no_certificate(desk, pki, seal):
    numbers = pki.identity("000.00.15.H06-agency-good").certificate.public_key().public_numbers()
    modulus = base64.b64encode(numbers.n.to_bytes(256, "big")).decode()
    value = (
        "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>" + modulus + "</ds:Modulus>"
        "<ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>"
    )

    assert first_error(desk, resigned(seal, key_info=value)) == "SIGNER_CERTIFICATE_MISSING"


def test_another_ones_certificate_does_not_fit(desk, pki, seal):
    other = x509_data(pki.signer("000.00.08.H06").certificates_der)

    report = desk.verdict(resigned(seal, key_info=other))

    assert codes(report) == ["SIGNATURE_VALUE_WRONG"]
    assert report.signatures[0].integrity is False


def test_a_signature_without_references_signs_nothing(desk, seal):
    assert first_error(desk, with_signature(packet(), signature([], seal))) == "XML_SIGNATURE_MALFORMED"


def test_a_thousand_references_are_refused_unread(desk, seal):
    many = [reference(etree.fromstring(packet()))] * 1000

    assert first_error(desk, with_signature(packet(), signature(many, seal))) == "XML_REFERENCE_REFUSED"


def test_more_signatures_than_anybody_makes(desk, signed):
    data = signed.replace(b"</r:ReportPacket>", signature_of(signed) * 60 + b"</r:ReportPacket>")

    assert codes(desk.verdict(data)) == ["XML_TOO_MANY_SIGNATURES"]


def test_references_times_size_is_bounded(desk, seal):
    references = [reference(etree.fromstring(packet()))] * 20
    data = with_signature(packet("9" * 4_000_000), signature(references, seal))

    report = desk.verdict(data)

    assert codes(report) == ["XML_TOO_COMPLEX"]
    assert report.indication is Indication.TOTAL_FAILED


_METHODS = f"""<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>"""


@pytest.mark.parametrize(
    "info",
    [
        None,
        "",
        "<ds:CanonicalizationMethod/><ds:SignatureMethod/><ds:Reference/>",
        f"{_METHODS}<ds:Reference/>",
        f"{_METHODS}<ds:Object/>",
        f"{_METHODS}<ds:Reference/><ds:Object/>",
        f"{_METHODS}<ds:Reference><ds:Transforms><x/></ds:Transforms><ds:DigestMethod/><ds:DigestValue/></ds:Reference>",
    ],
)
def test_a_hollow_signature_is_malformed(desk, info):
    inside = "" if info is None else f"<ds:SignedInfo>{info}</ds:SignedInfo><ds:SignatureValue/>"
    text = f'<ds:Signature xmlns:ds="{DS}">{inside}</ds:Signature>'
    report = desk.verdict(with_signature(packet(), text))

    assert report.indication is Indication.TOTAL_FAILED
    assert codes(report)[0] in {"XML_SIGNATURE_MALFORMED", "XML_TRANSFORM_REFUSED"}


def test_a_certificate_of_a_version_nobody_reads_breaks_nothing(desk, seal):
    der = seal.certificates_der[0].replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1)

    assert first_error(desk, resigned(seal, key_info=x509_data([der]))) == "VERIFIER_FAILED"


# --- what the enveloped transform takes out ------------------------------------------------------------


def in_the_signature(signed, added, before=b"</ds:Signature>"):
    return signed.replace(before, added + before)


@pytest.mark.parametrize(
    "added",
    [fake(), b'<html xmlns="http://www.w3.org/1999/xhtml">DA DUYET 99.99</html>', b"DA DUYET 99.99"],
    ids=["a second packet", "a page", "text"],
)
def test_content_put_into_the_signature_is_signed_by_nobody(desk, signed, added):
    report, _ = judged(desk, in_the_signature(signed, b"<ds:Object>" + added + b"</ds:Object>"))

    assert report.indication is not PASSED
    assert "XML_CONTENT_UNSIGNED" in codes(report)


def test_content_put_into_the_key_info_is_signed_by_nobody(desk, signed):
    page = b'<html xmlns="http://www.w3.org/1999/xhtml">DA DUYET</html>'
    report, _ = judged(desk, in_the_signature(signed, page, before=b"</ds:KeyInfo>"))

    assert report.indication is not PASSED


@pytest.mark.parametrize("place", ["before", "behind"])
def test_style_sheet_beside_the_root_is_signed_by_nobody(desk, signed, place):
    sheet = b'<?xml-stylesheet href="http://example.invalid/x.xsl" type="text/xsl"?>'
    report, _ = judged(desk, sheet + signed if place == "before" else signed + sheet)

    assert report.indication is not PASSED
    assert "XML_CONTENT_UNSIGNED" in codes(report)


def test_comment_beside_the_root_is_content_that_nobody_signed(desk, signed):
    report, _ = judged(desk, signed + b"<!-- in ra: 23/11/2026 -->")

    assert report.signatures[0].coverage.uncovered == ("/comment()",)
    assert report.indication is Indication.INDETERMINATE
