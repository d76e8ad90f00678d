"""More attacks on signed XML: eight wrappings in several envelopes, and second readings of one text."""

import base64
import hashlib
import re

import pytest
from lxml import etree

from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_xml
from ebrvt_connect.trust.policy import POLICIES, VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.xml_packet import signed_packet
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.unit.trust.packet_samples import edxml, sealed_edxml
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY
from tests.unit.trust.xades_samples import XADES, xades_signed
from tests.unit.trust.xml_samples import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    SHA256,
    TAG,
    packet,
    reference,
    resigned,
    signature,
    with_signature,
    x509_data,
)

PASSED = Indication.TOTAL_PASSED
CLAIM = "<x:SigningTime>2016-01-01T00:00:00Z</x:SigningTime>"
SIGNATURE = f"{{{DS}}}Signature"


@pytest.fixture(scope="module")
def signed(seal):
    return sign_packet(packet(), seal, reference_id="pkt-1")


@pytest.fixture(scope="module")
def paper(seal):
    return signed_xml(result_paper_xml("Giấy phép", {"Số": "12"}), [seal])


@pytest.fixture(scope="module")
def xades(desk, seal):
    return xades_signed(seal, packet(), timestamper=desk.stamped(), uri="")


def refused(desk, data):
    """No policy passes it; and whoever asks for the packet gets none, or the one that was signed."""
    reports = [desk.verdict(data, policy=policy) for policy in POLICIES.values()]
    given = signed_packet(data, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT).signed
    assert given is None or b"99.99" not in given.data
    return all(r.indication is not PASSED for r in reports)


# --- eight wrappings -----------------------------------------------------------------------------------


def halves(signed):
    """The signed packet without its signature, and the signature."""
    root = etree.fromstring(signed)
    moved = root.find(SIGNATURE)
    root.remove(moved)
    return root, moved


def evil(identifier="pkt-2"):
    return etree.fromstring(packet("99.99", identifier=identifier))


def written(root):
    return etree.tostring(root)


def holder(signature_, child):
    place = etree.SubElement(signature_, f"{{{DS}}}Object")
    place.append(child)


def xsw_1(signed):
    """The signed one inside the signature, which stands in the evil one; same Id."""
    root, moved = halves(signed)
    fake = evil("pkt-1")
    holder(moved, root)
    fake.append(moved)
    return written(fake)


def xsw_2(signed):
    """Evil one first, the signed one beside its detached signature."""
    root, moved = halves(signed)
    outer = etree.Element("Goi")
    outer.extend([evil(), moved, root])
    return written(outer)


def xsw_3(signed):
    """Evil one as the first child of a new root, the signed one behind it."""
    outer = etree.Element("Goi")
    outer.extend([evil(), etree.fromstring(signed)])
    return written(outer)


def xsw_4(signed):
    """The evil one is the parent of the signed one."""
    fake = evil()
    fake.append(etree.fromstring(signed))
    return written(fake)


def xsw_5(signed):
    """The evil one keeps the signature, the signed one without it stands behind."""
    root, moved = halves(signed)
    outer, fake = etree.Element("Goi"), evil()
    fake.append(moved)
    outer.extend([fake, root])
    return written(outer)


def xsw_6(signed):
    """As 5, the signed one within the signature."""
    root, moved = halves(signed)
    fake = evil()
    holder(moved, root)
    fake.append(moved)
    outer = etree.Element("Goi")
    outer.append(fake)
    return written(outer)


def xsw_7(signed):
    """The evil one inside an element of extensions before the signed one, same Id."""
    outer = etree.Element("Goi")
    extensions = etree.SubElement(outer, "Extensions")
    extensions.append(evil("pkt-1"))
    outer.append(etree.fromstring(signed))
    return written(outer)


def xsw_8(signed):
    """The signed one inside an Object of the signature, the evil one around it."""
    root, moved = halves(signed)
    fake = evil()
    inner = etree.SubElement(moved, f"{{{DS}}}Object")
    etree.SubElement(inner, "Extensions").append(root)
    fake.insert(0, moved)
    return written(fake)


@pytest.mark.parametrize("wrap", [xsw_1, xsw_2, xsw_3, xsw_4, xsw_5, xsw_6, xsw_7, xsw_8])
@pytest.mark.parametrize("soap", [False, True], ids=["bare", "SOAP"])
def test_no_wrapping_passes(desk, signed, wrap, soap):
    data = wrap(signed)
    if soap:
        start = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        data = start.encode() + data + b"</s:Body></s:Envelope>"

    assert refused(desk, data)


def in_header(signed):
    start = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>'
    return (
        start.encode()
        + signed
        + b"</s:Header><s:Body>"
        + packet("99.99", identifier="x")
        + b"</s:Body></s:Envelope>"
    )


def in_a_false_header(signed):
    """A header only by name: another namespace, or deeper down."""
    return b'<a><Header xmlns="http://schemas.xmlsoap.org/soap/envelope/">99.99</Header>' + signed + b"</a>"


def two_bodies(signed):
    start = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    fake = packet("99.99", identifier="x")
    return start.encode() + fake + b"</s:Body><s:Body>" + signed + b"</s:Body></s:Envelope>"


@pytest.mark.parametrize("wrap", [in_header, in_a_false_header, two_bodies])
def test_an_envelope_hides_nothing(desk, signed, wrap):
    assert refused(desk, wrap(signed))


# --- second readings -----------------------------------------------------------------------------------


def edit(old, new):
    def change(data):
        assert old in data, old
        return data.replace(old, new, 1)

    return change


INTO_SIGNATURE = {
    "text before SignedInfo": edit(b"<ds:SignedInfo>", b"DA DUYET 99.99<ds:SignedInfo>"),
    "text behind SignedInfo": edit(b"</ds:SignedInfo>", b"</ds:SignedInfo>DA DUYET 99.99"),
    "text behind the value": edit(b"</ds:SignatureValue>", b"</ds:SignatureValue>DA DUYET 99.99"),
    "text in the key": edit(b"<ds:KeyInfo>", b"<ds:KeyInfo>DA DUYET 99.99"),
    "text among certificates": edit(b"<ds:X509Data>", b"<ds:X509Data>DA DUYET 99.99"),
    "page among certificates": edit(
        b"<ds:X509Data>", b'<ds:X509Data><html xmlns="http://www.w3.org/1999/xhtml">99.99</html>'
    ),
    "page in the key": edit(
        b"<ds:KeyInfo>", b'<ds:KeyInfo><html xmlns="http://www.w3.org/1999/xhtml">99</html>'
    ),
    "element without a namespace": edit(b"<ds:KeyInfo>", b"<ds:KeyInfo><duyet>99.99</duyet>"),
    "second value": edit(b"<ds:KeyInfo>", b"<ds:SignatureValue>AAAA</ds:SignatureValue><ds:KeyInfo>"),
    "second SignedInfo": lambda d: d.replace(
        b"</ds:SignedInfo>", b"</ds:SignedInfo>" + re.search(rb"<ds:SignedInfo>.*?</ds:SignedInfo>", d)[0], 1
    ),
    "SignedInfo behind": lambda d: d.replace(
        b"</ds:Signature>", re.search(rb"<ds:SignedInfo>.*?</ds:SignedInfo>", d)[0] + b"</ds:Signature>", 1
    ),
    "second key": edit(b"</ds:KeyInfo>", b"</ds:KeyInfo><ds:KeyInfo/>"),
    "signature in the signature": lambda d: d.replace(
        b"</ds:Signature>", b"<ds:Object>" + b"<ds:Signature/>" + b"</ds:Object></ds:Signature>", 1
    ),
    "noise in the value": edit(b"<ds:SignatureValue>", b"<ds:SignatureValue>!-_"),
    "another spelling of the last letters": lambda d: re.sub(
        rb"A==(?=</ds:SignatureValue>)|.==(?=</ds:SignatureValue>)",
        lambda m: bytes([m[0][0] + 1]) + b"==",
        d,
    ),
    "character reference for a comma": edit(b"<ds:SignatureValue>", b"<ds:SignatureValue>&#44;"),
    "value in two elements": edit(b"<ds:SignatureValue>", b"<ds:SignatureValue><a/>"),
    "value without its end": lambda d: re.sub(rb"([^<]{8})</ds:SignatureValue>", b"</ds:SignatureValue>", d),
    "no method": lambda d: re.sub(rb"<ds:SignatureMethod[^>]*>(</ds:SignatureMethod>)?", b"", d),
    "another method": edit(b"#rsa-sha256", b"#rsa-sha512"),
    "older method": edit(b"2001/04/xmldsig-more#rsa-sha256", b"2000/09/xmldsig#rsa-sha1"),
    "no transforms": lambda d: re.sub(rb"<ds:Transforms>.*?</ds:Transforms>", b"", d),
    "another reference": edit(b'URI="#pkt-1"', b'URI=""'),
    "reference to the body": edit(b'URI="#pkt-1"', b'URI="#pkt-2"'),
    "another digest method": edit(b"xmlenc#sha256", b"xmlenc#sha512"),
    "PSS": edit(b"2001/04/xmldsig-more#rsa-sha256", b"2007/05/xmldsig-more#sha256-rsa-MGF1"),
}


@pytest.mark.parametrize("name", INTO_SIGNATURE)
def test_nothing_may_be_put_into_a_signature(desk, signed, name):
    assert refused(desk, INTO_SIGNATURE[name](signed))


BESIDE = [name for name in INTO_SIGNATURE if name.startswith(("text", "page", "element", "noise"))]


@pytest.mark.parametrize("name", BESIDE)
def test_nothing_may_be_put_into_a_signature_beside_its_content(desk, paper, name):
    """The signed part stands elsewhere: the enveloped transform is not what takes it out."""
    report = desk.verdict(INTO_SIGNATURE[name](paper))

    assert report.indication is not PASSED


READINGS = {
    "CDATA": (edit(b"21.37", b"<![CDATA[21.37]]><![CDATA[]]>"), True),
    "character reference": (edit(b"21.37", b"&#50;1.37"), True),
    "blanks around": (edit(b"21.37", b" 21.37"), False),
    "comment": (edit(b"21.37", b"21<!---->.37"), False),
    "instruction": (edit(b"21.37", b"21<?a?>.37"), False),
    "line end": (edit(b"21.37", b"21.37&#13;"), False),
    "attribute": (edit(b"<r:value>", b'<r:value kieu="x">'), False),
    "language": (edit(b"<r:ReportPacket", b'<r:ReportPacket xml:lang="en"'), False),
    "base": (edit(b"<r:ReportPacket", b'<r:ReportPacket xml:base="https://example.invalid/"'), False),
    "kept blanks": (edit(b"<r:body>", b'<r:body xml:space="preserve">'), False),
    "unused namespace": (edit(b"<r:body>", b'<r:body xmlns:u="urn:u">'), True),
    "prefix": (
        lambda d: (
            d.replace(b"<r:value", b"<v:value")
            .replace(b"</r:value", b"</v:value")
            .replace(b"<r:body>", b'<r:body xmlns:v="urn:ebrvt:sandbox:reporting:1">')
        ),
        False,
    ),
    "default namespace": (edit(b"<r:value>", b'<r:value xmlns="urn:other">'), True),
    "Id under a namespace": (edit(b"<r:body>", b'<r:body xml:id="pkt-1">'), False),
    "id in small letters": (edit(b"<r:body>", b'<r:body id="pkt-1">'), False),
    "wide letters": (edit(b"21.37", "\uff121.37".encode()), False),
    "no-break space": (edit(b"21.37", "21.37\u00a0".encode()), False),
    "direction mark": (edit(b"21.37", "\u202e21.37".encode()), False),
    "document type": (lambda d: b"<!DOCTYPE r>" + d, False),
    "default attribute": (lambda d: b'<!DOCTYPE r [<!ATTLIST value kieu CDATA "99">]>' + d, False),
    "parameter entity": (lambda d: b"<!DOCTYPE r [<!ENTITY % a \"<!ENTITY v 'x'>\">%a;]>" + d, False),
    "declared Latin-1": (lambda d: b'<?xml version="1.0" encoding="ISO-8859-1"?>' + d, None),
    "declared UTF-7": (lambda d: b'<?xml version="1.0" encoding="UTF-7"?>' + d, False),
    "UTF-16": (lambda d: ('<?xml version="1.0" encoding="UTF-16"?>' + d.decode()).encode("utf-16"), None),
    "XML 1.1": (lambda d: b'<?xml version="1.1"?>' + d, None),
    "second root": (lambda d: d + b"<a/>", False),
    "text behind": (lambda d: d + b"99.99", False),
    "style sheet": (lambda d: b'<?xml-stylesheet href="x.xsl"?>' + d, False),
    "zero byte": (edit(b"21.37", b"21\0.37"), False),
    "broken UTF-8": (edit(b"21.37", b"21\xc0\x80.37"), False),
}


@pytest.mark.parametrize("name", READINGS)
def test_a_second_reading_passes_only_where_the_content_is_the_same(desk, signed, name):
    """None: it may be refused, but if it passes the content must be the same."""
    change, same = READINGS[name]
    data = change(signed)
    verdict = signed_packet(data, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT)
    passed = desk.verdict(data).indication is PASSED

    assert passed is bool(same) or (same is None)
    if verdict.signed is not None:
        values = [e.text for e in verdict.signed.element.iter() if str(e.tag).endswith("value")]
        assert values == ["21.37"]


# --- signed soundly, and yet ---------------------------------------------------------------------------


def detached_island(seal):
    """The signature is about an element of its own, the content is about nothing."""
    island = f'<ds:Object xmlns:ds="{DS}" Id="dao">x</ds:Object>'
    about = reference(etree.fromstring(island), "#dao", transforms=(EXCLUSIVE,))
    return with_signature(
        packet("99.99"), signature([about], seal, objects=island.replace(f' xmlns:ds="{DS}"', ""))
    )


def only_its_own_properties(seal):
    text = f'<x:SignedProperties xmlns:x="{XADES}" Id="props">{CLAIM}</x:SignedProperties>'
    about = reference(etree.fromstring(text), "#props", transforms=(EXCLUSIVE,))
    inside = (
        f'<ds:Object><x:QualifyingProperties xmlns:x="{XADES}">{text}</x:QualifyingProperties></ds:Object>'
    )
    return with_signature(packet("99.99"), signature([about], seal, objects=inside))


def only_the_body(seal):
    root = etree.fromstring(packet("99.99").replace(b"<r:value>", b'<r:value Id="v">'))
    about = reference(root.find(".//{*}value"), "#v", transforms=(EXCLUSIVE,))
    return with_signature(etree.tostring(root), signature([about], seal))


def its_own_key(seal):
    key = x509_data(seal.certificates_der).replace("<ds:KeyInfo>", f'<ds:KeyInfo xmlns:ds="{DS}" Id="khoa">')
    about = reference(etree.fromstring(key), "#khoa", transforms=(EXCLUSIVE,))
    return with_signature(packet("99.99"), signature([about], seal, key_info=key))


def manifest_of_lies(seal):
    """Core validation does not look into a ds:Manifest: its digests prove nothing."""
    listed = reference(etree.fromstring(packet()), "#pkt-1", value=bytes(32))
    island = f'<ds:Object xmlns:ds="{DS}" Id="dao"><ds:Manifest>{listed}</ds:Manifest></ds:Object>'
    about = reference(etree.fromstring(island), "#dao", transforms=(EXCLUSIVE,))
    return with_signature(packet("99.99"), signature([about], seal, objects=island))


def enveloped_twice(seal):
    return resigned(seal, packet("99.99"), change={"transforms": (ENVELOPED, ENVELOPED, EXCLUSIVE)})


def external_manifest(seal):
    return resigned(seal, packet("99.99"), change={"uri": "cid:1"})


def encoded_fragment(seal):
    return resigned(seal, packet("99.99"), change={"uri": "#pkt%2D1"})


def hmac_by_the_certificate(seal):
    method = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    return resigned(seal, packet("99.99"), method=method, hmac_key=seal.certificates_der[0])


def null_hash(seal):
    return resigned(seal, packet("99.99"), method=DS + "rsa-sha1")


def filtered(seal):
    return resigned(
        seal, packet("99.99"), change={"transforms": ("http://www.w3.org/2002/06/xmldsig-filter2",)}
    )


SOUND_BUT = [
    detached_island,
    only_its_own_properties,
    only_the_body,
    its_own_key,
    manifest_of_lies,
    enveloped_twice,
    external_manifest,
    encoded_fragment,
    hmac_by_the_certificate,
    null_hash,
    filtered,
]


@pytest.mark.parametrize("make", SOUND_BUT)
def test_a_value_that_holds_is_not_enough(desk, seal, make):
    assert all(
        desk.verdict(make(seal), policy=policy).indication is not PASSED for policy in POLICIES.values()
    )


# --- whose certificate ---------------------------------------------------------------------------------


def test_a_trusted_certificate_beside_an_impostor_s_lends_it_no_trust(desk, pki, signed):
    """Signed by the impostor; the KeyInfo lists the good certificate first, last, or both."""
    impostor, good = pki.signer(AGENCY, flavour="impostor"), pki.signer(AGENCY)
    for listed in (
        [*good.certificates_der, *impostor.certificates_der],
        [*impostor.certificates_der, *good.certificates_der],
        [good.certificates_der[0]],
        [*good.certificates_der, impostor.certificates_der[0]],
    ):
        assert desk.verdict(resigned(impostor, key_info=x509_data(listed))).indication is not PASSED


def test_the_signing_certificate_named_is_the_one_that_counts(desk, pki, seal):
    """XAdES names the seal, the value is another's; and the other way round."""
    other = pki.signer(OTHER_AGENCY)
    made = xades_signed(seal, packet())
    for ours, theirs in ((seal, other), (other, seal)):
        swapped = made.replace(
            base64.b64encode(ours.certificates_der[0]), base64.b64encode(theirs.certificates_der[0])
        )
        named = base64.b64encode(hashlib.sha256(theirs.certificates_der[0]).digest())
        data = swapped.replace(base64.b64encode(hashlib.sha256(ours.certificates_der[0]).digest()), named)
        assert data == made or desk.verdict(data).indication is not PASSED


def test_a_timestamp_of_another_signature_proves_nothing(desk, seal, xades):
    other = xades_signed(seal, packet("99.99"), timestamper=desk.stamped())
    token = re.search(rb"EncapsulatedTimeStamp>([^<]+)<", xades)[1]
    data = re.sub(rb"(EncapsulatedTimeStamp>)[^<]+<", rb"\g<1>" + token + b"<", other)

    assert desk.verdict(data).indication is not PASSED


def test_properties_signed_by_nobody_do_not_pose_as_signed(desk, seal, xades):
    """A second SignedProperties with another time, in front of the signed one."""
    fake = f'<x:SignedProperties xmlns:x="{XADES}">{CLAIM}</x:SignedProperties>'
    report = desk.verdict(xades.replace(b"<x:SignedProperties", fake.encode() + b"<x:SignedProperties", 1))

    assert all(s.claimed_time is None or s.claimed_time.year != 2016 for s in report.signatures)


# --- edXML ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def letter(desk):
    return desk.issued(timestamper=desk.stamped())


@pytest.fixture(scope="module")
def sent(seal, letter):
    return sealed_edxml(edxml({"cv.pdf": letter}), seal)


def attached(data):
    """The texts in which attached files stand."""
    return re.findall(rb"ContentTransferEncoded>([^<]{1000,})<", data) or re.findall(
        rb">([A-Za-z0-9+/=\s]{2000,})<", data
    )


def test_the_message_itself_passes(desk, sent):
    assert desk.verdict(sent).indication is PASSED
    assert attached(sent)


EDXML = {
    "number changed": edit(b"CodeNumber>125", b"CodeNumber>126"),
    "recipient changed": edit(b"000.00.00.G22", b"000.00.00.G14"),
    "second header": lambda d: re.sub(
        rb"(<(\w+:)?edXMLBody)", rb"<edXMLHeader>99</edXMLHeader>\1", d, count=1
    ),
    "second body": lambda d: re.sub(rb"(<(\w+:)?edXMLBody)", rb"<edXMLBody>99</edXMLBody>\1", d, count=1),
    "text behind the signature": edit(b"</ds:Signature>", b"</ds:Signature>99.99"),
    "text in the signature": edit(b"<ds:SignatureValue>", b"99.99<ds:SignatureValue>"),
    "second signature": lambda d: d.replace(
        b"</ds:Signature>", b"</ds:Signature><ds:Signature xmlns:ds='%s'/>" % DS.encode(), 1
    ),
    "around it all": lambda d: (
        b"<edXML>" + d[d.index(b"?>") + 2 if d.startswith(b"<?xml") else 0 :] + b"</edXML>"
    ),
}


@pytest.mark.parametrize("name", EDXML)
def test_a_signed_message_may_not_be_changed(desk, sent, name):
    assert desk.verdict(EDXML[name](sent)).indication is not PASSED


def test_an_attached_file_may_not_be_exchanged(desk, seal, sent, letter):
    """Another unsigned file; one signed by another agency for itself; a part of the same one."""
    (before,) = attached(sent)
    for other in (b"%PDF-1.7 x", letter[:-9], desk.signed()[:2000]):
        data = sent.replace(before, base64.b64encode(other))
        assert data != sent
        assert desk.verdict(data).indication is not PASSED


def test_in_an_envelope_nobody_signed_every_file_still_counts(desk, letter):
    whole = edxml({"cv.pdf": letter})
    (before,) = attached(whole)
    spoilt = letter.replace(b"Van ban mau", b"Van ban gia")

    assert desk.verdict(whole).indication is PASSED or attached(whole)
    assert desk.verdict(whole.replace(before, base64.b64encode(spoilt))).indication is not PASSED


def test_digests_of_a_reference_are_not_taken_from_elsewhere(desk, seal):
    """The digest of the unsigned packet under the signature of another one."""
    made = sign_packet(packet("99.99"), seal, reference_id="pkt-1")
    value = re.search(rb"<ds:SignatureValue>[^<]+", sign_packet(packet(), seal, reference_id="pkt-1"))[0]

    assert refused(desk, re.sub(rb"<ds:SignatureValue>[^<]+", value, made))
    assert SHA256.encode() in made
