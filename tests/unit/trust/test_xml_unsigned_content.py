"""Content that nobody signed, put where a signature leaves room: in its properties, its key, around it."""

import pytest
from lxml import etree

from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_xml
from ebrvt_connect.trust.policy import POLICIES, VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.xml_packet import signed_packet
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.unit.trust.samples import AGENCY, AT
from tests.unit.trust.xades_samples import XADES, xades_signed
from tests.unit.trust.xml_samples import (
    DS,
    EXCLUSIVE,
    TAG,
    in_soap,
    packet,
    reference,
    signature,
    with_signature,
)

PASSED = Indication.TOTAL_PASSED
PAPER = "urn:ebrvt:sandbox:result:1"
FAKE = (
    f'<%s xmlns="{PAPER}"><tieuDe>GIAY PHEP GIA</tieuDe><muc><ten>So</ten><giaTri>99/GP</giaTri></muc></%s>'
)


@pytest.fixture(scope="module")
def whole(desk, seal):
    """The whole paper signed, with a timestamp among its unsigned properties."""
    return xades_signed(seal, result_paper_xml("Giấy phép", {"Số": "12/GP"}), timestamper=desk.stamped())


@pytest.fixture(scope="module")
def part(pki, seal):
    """The content signed twice, the signatures beside it."""
    return signed_xml(
        result_paper_xml("Giấy phép", {"Số": "12/GP"}), [pki.signer(AGENCY, role="person"), seal]
    )


def passes(desk, data):
    return any(desk.verdict(data, policy=policy).indication is PASSED for policy in POLICIES.values())


def put(find, *, element=None, text=None, tail=None, attribute=None):
    """A change at the first element of this name: a child (with a tail), text, or an attribute."""

    def change(data):
        root = etree.fromstring(data)
        place = next(root.iter(find))
        if element is not None:
            child = etree.fromstring(element)
            child.tail = tail
            place.append(child)
        if text is not None:
            place.text = text + (place.text or "")
        if attribute is not None:
            place.set(*attribute)
        return etree.tostring(root)

    return change


def an_object(inner, attributes=""):
    return f'<ds:Object xmlns:ds="{DS}"{attributes}>{inner}</ds:Object>'


def fake(name):
    return FAKE % (name, name)


def of_xades(inner):
    return an_object(f'<x:QualifyingProperties xmlns:x="{XADES}">{inner}</x:QualifyingProperties>')


SIGNATURE, KEY_INFO = f"{{{DS}}}Signature", f"{{{DS}}}KeyInfo"
CERTIFICATE, VALUE = f"{{{DS}}}X509Certificate", f"{{{DS}}}SignatureValue"
NAMED = f'<ds:KeyName xmlns:ds="{DS}">DA DUYET 99.99</ds:KeyName>'
NOTE = ("note", "DA DUYET 99.99")

IN_ANY = {
    "properties by name only": put(SIGNATURE, element=an_object(fake("QualifyingProperties"))),
    "properties of a signature by name only": put(SIGNATURE, element=an_object(fake("SignatureProperties"))),
    "signature properties nobody signed": put(
        SIGNATURE,
        element=an_object(
            "<ds:SignatureProperties><ds:SignatureProperty Target='#x'>DA DUYET</ds:SignatureProperty>"
            "</ds:SignatureProperties>"
        ),
    ),
    "claims nobody signed": put(
        SIGNATURE, element=of_xades("<x:SignedProperties><a>DA DUYET</a></x:SignedProperties>")
    ),
    "unsigned properties with a page": put(
        SIGNATURE,
        element=of_xades(
            f"<x:UnsignedProperties><x:UnsignedSignatureProperties>{fake('noiDung')}"
            "</x:UnsignedSignatureProperties></x:UnsignedProperties>"
        ),
    ),
    "properties of the data": put(
        SIGNATURE,
        element=of_xades(
            "<x:UnsignedProperties><x:UnsignedDataObjectProperties><x:UnsignedDataObjectProperty>DA DUYET"
            "</x:UnsignedDataObjectProperty></x:UnsignedDataObjectProperties></x:UnsignedProperties>"
        ),
    ),
    "no timestamp but text": put(
        SIGNATURE,
        element=of_xades(
            "<x:UnsignedProperties><x:UnsignedSignatureProperties><x:CertificateValues>"
            "<x:EncapsulatedX509Certificate>ĐÃ DUYỆT: 99.99</x:EncapsulatedX509Certificate>"
            "</x:CertificateValues></x:UnsignedSignatureProperties></x:UnsignedProperties>"
        ),
    ),
    "attribute of properties": put(
        SIGNATURE,
        element=an_object(
            f'<x:QualifyingProperties xmlns:x="{XADES}" note="DA DUYET"><x:UnsignedProperties/>'
            "</x:QualifyingProperties>"
        ),
    ),
    "attribute of an object": put(
        SIGNATURE,
        element=an_object(
            f'<x:QualifyingProperties xmlns:x="{XADES}"><x:UnsignedProperties/></x:QualifyingProperties>',
            ' MimeType="DA DUYET 99.99"',
        ),
    ),
    "empty object": put(SIGNATURE, element=an_object("")),
    "name of the key": put(KEY_INFO, element=NAMED),
    "name that is none": put(
        f"{{{DS}}}X509Data", element=f'<ds:X509SubjectName xmlns:ds="{DS}">DA DUYET</ds:X509SubjectName>'
    ),
    "element in a certificate": put(CERTIFICATE, element=NAMED.replace("DA DUYET 99.99", ""), tail="99.99"),
    "element in the value": put(VALUE, element='<evil xmlns="urn:x">DA DUYET</evil>'),
    "attribute of the signature": put(SIGNATURE, attribute=NOTE),
    "Id of the signature that is a sentence": put(SIGNATURE, attribute=("Id", "DA DUYET 99.99")),
    "attribute of the value": put(VALUE, attribute=NOTE),
    "attribute of the key": put(KEY_INFO, attribute=NOTE),
    "attribute of a certificate": put(CERTIFICATE, attribute=NOTE),
}
IN_TIMESTAMPED = {
    "page among properties": put(f"{{{XADES}}}UnsignedProperties", element=fake("noiDung")),
    "page among signature properties": put(
        f"{{{XADES}}}UnsignedSignatureProperties", element=fake("noiDung")
    ),
    "text among properties": put(f"{{{XADES}}}UnsignedProperties", text="DA DUYET 99.99"),
    "text among signature properties": put(f"{{{XADES}}}UnsignedSignatureProperties", text="DA DUYET 99.99"),
    "text beside a timestamp": put(f"{{{XADES}}}SignatureTimeStamp", text="DA DUYET 99.99"),
    "element in a timestamp": put(f"{{{XADES}}}EncapsulatedTimeStamp", element=fake("noiDung")),
    "attribute of a timestamp": put(f"{{{XADES}}}SignatureTimeStamp", attribute=NOTE),
}


def test_the_files_themselves_pass(desk, whole, part):
    assert desk.verdict(whole).indication is PASSED
    assert desk.verdict(part).indication is PASSED


@pytest.mark.parametrize("name", IN_ANY)
def test_nothing_stands_unsigned_in_a_signature(desk, whole, part, name):
    assert not passes(desk, IN_ANY[name](whole))
    assert not passes(desk, IN_ANY[name](part))


@pytest.mark.parametrize("name", IN_TIMESTAMPED)
def test_nothing_but_evidence_stands_among_unsigned_properties(desk, whole, name):
    assert not passes(desk, IN_TIMESTAMPED[name](whole))


def test_a_place_that_holds_signatures_hides_nothing_in_them(desk, part):
    root = etree.fromstring(part)
    holder = etree.SubElement(root, f"{{{PAPER}}}kyTen")
    holder.extend(root.findall(SIGNATURE))
    moved = etree.tostring(root)

    assert desk.verdict(moved).indication is PASSED
    assert not passes(desk, IN_ANY["properties by name only"](moved))


def test_signing_time_in_signed_signature_properties_passes(desk, seal):
    """As Vietnamese invoices have it."""
    text = (
        f'<ds:SignatureProperties xmlns:ds="{DS}"><ds:SignatureProperty Target="#s">'
        "<SigningTime>2026-11-23T10:00:00</SigningTime></ds:SignatureProperty></ds:SignatureProperties>"
    )
    held = an_object(text, ' Id="time"')
    references = [
        reference(etree.fromstring(packet())),
        reference(etree.fromstring(held), "#time", transforms=(EXCLUSIVE,)),
    ]
    data = with_signature(packet(), signature(references, seal, objects=held))

    assert desk.verdict(data).indication is PASSED


# --- around what was signed ------------------------------------------------------------------------------


def soap(header, inner):
    start = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    return start + header + b"<s:Body>" + inner + b"</s:Body></s:Envelope>"


def text_edit(old, new):
    def change(data):
        assert old in data
        return data.replace(old, new, 1)

    return change


SENTENCE = b"Quyet dinh so 99/QD-UBND: MIEN PHI"
AROUND = {
    "paper in a SOAP header": lambda d: soap(b"<s:Header>" + fake("ketQua").encode() + b"</s:Header>", d),
    "SOAP without a header": lambda d: soap(b"", d),
    "text in two headers": lambda d: soap(b"<s:Header>99</s:Header><s:Header a='1'>98</s:Header>", d),
    "Id that is a sentence": text_edit(b"<ketQua", b'<ketQua id="' + SENTENCE + b'"'),
    "Id of a stranger": text_edit(b"<ketQua", b'<ketQua xmlns:x="urn:x" x:iD="a"'),
    "wrapped by other names": lambda d: b"<giayPhep99><mucPhat9>" + d + b"</mucPhat9></giayPhep99>",
    "wrapped in its own vocabulary": lambda d: f'<huy xmlns="{PAPER}">'.encode() + d + b"</huy>",
    "root of another vocabulary": lambda d: d.replace(
        b'<ketQua xmlns="urn:ebrvt:sandbox:result:1"><noiDung',
        b'<huy><noiDung xmlns="urn:ebrvt:sandbox:result:1"',
    ).replace(b"</ketQua>", b"</huy>"),
    "instruction in the root": text_edit(b"<noiDung", b'<?xml-stylesheet href="evil.xsl"?><noiDung'),
    "comment in the root": text_edit(b"<noiDung", b"<!--99.99--><noiDung"),
    "comment behind the root": lambda d: d + b"<!--99.99-->",
}


@pytest.mark.parametrize("name", AROUND)
def test_nothing_stands_unsigned_around_what_was_signed(desk, part, name):
    changed = AROUND[name](part)

    assert changed != part
    assert not passes(desk, changed)


def test_a_signature_about_its_own_properties_alone_passes_nothing(desk, seal):
    text = f'<x:SignedProperties xmlns:x="{XADES}" Id="props"/>'
    about = reference(etree.fromstring(text), "#props", transforms=(EXCLUSIVE,))
    held = f'<ds:Object><x:QualifyingProperties xmlns:x="{XADES}">{text}</x:QualifyingProperties></ds:Object>'
    data = with_signature(b"<giayPhep99/>", signature([about], seal, objects=held))

    assert not passes(desk, data)


def test_a_message_hands_out_what_was_signed_whatever_its_header_says(desk, seal):
    data = in_soap(sign_packet(packet(), seal, reference_id="pkt-1"), header=fake("ketQua").encode())
    verdict = signed_packet(data, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT)

    assert verdict.report.indication is PASSED
    assert b"GIAY PHEP GIA" not in verdict.signed.data
    assert not passes(desk, data)
