"""Signed XML whose octets hold, and whose meaning somebody else had a hand in."""

import hashlib

import pytest
from lxml import etree

from ebrvt_connect.trust import xml_prefixes
from ebrvt_connect.trust.policy import POLICIES
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY
from tests.unit.trust.xades_samples import XADES, xades_signed
from tests.unit.trust.xml_samples import (
    DS,
    EXCLUSIVE,
    codes,
    packet,
    reference,
    resigned,
    signature,
    with_signature,
    x509_data,
)

PASSED, UNCLEAR = Indication.TOTAL_PASSED, Indication.INDETERMINATE
SCHEMA = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'


def paper(inside, more=""):
    return f'<a:p xmlns:a="urn:a" xmlns:r="urn:r" {SCHEMA} Id="pkt-1"{more}>{inside}</a:p>'.encode()


LOOSE = {
    "type": '<a:v xsi:type="r:Duyet">1</a:v>',
    "text": "<a:v> r:Duyet </a:v>",
    "text behind": "<a:v/>r:Duyet",
    "several": "<a:v>a:Duyet r:Duyet</a:v>",
    "many": f"<a:v>{'a:b ' * 100}r:Duyet</a:v>",
    "redeclared between": '<v xmlns:a="urn:x" loai="a:Duyet">1</v>',
    "used elsewhere": "<r:v/><a:v>r:Duyet</a:v>",
    "default elsewhere": '<a:v><b xmlns:q="urn:q">q:Duyet</b></a:v>',
}


@pytest.mark.parametrize("name", LOOSE)
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_prefix_in_a_value_that_nobody_signed_does_not_pass(desk, seal, name, policy):
    report = desk.verdict(resigned(seal, paper(LOOSE[name])), policy=policy)

    assert report.indication is UNCLEAR
    assert "XML_PREFIX_UNSIGNED" in codes(report)


FIRM = {
    "name around it": '<a:v xsi:type="a:Duyet">1</a:v>',
    "name of itself": '<r:v xsi:type="r:Duyet">1</r:v>',
    "name of an attribute": '<a:v r:k="1">r:Duyet</a:v>',
    "schema": '<a:v xsi:type="xsd:string">1</a:v>',
    "no prefix": "<a:v>x:y urn:x http://r:1/ 10:30</a:v>",
    "a sentence": "<a:v>r: theo r:Duyet ngày</a:v>",
    "an entry with a number": "<a:v>r:1</a:v>",
}


@pytest.mark.parametrize("name", FIRM)
def test_a_prefix_that_is_signed_or_none_passes(desk, seal, name):
    assert desk.verdict(resigned(seal, paper(FIRM[name]))).indication is PASSED


def test_more_prefixes_than_are_looked_up_are_refused(desk, seal, monkeypatch):
    made = resigned(seal, paper("<a:v>a:b</a:v>" * 100))
    assert desk.verdict(made).indication is PASSED
    monkeypatch.setattr(xml_prefixes, "_MOST_WORK", 1000)

    assert codes(desk.verdict(made)) == ["XML_TOO_COMPLEX"]


def test_a_prefix_in_the_list_is_signed(desk, seal):
    made = listed(seal, etree.fromstring(paper(LOOSE["type"])), ["r"], "r")

    assert desk.verdict(made).indication is PASSED
    assert desk.verdict(made.replace(b"urn:r", b"urn:x")).indication is Indication.TOTAL_FAILED


def listed(seal, root, prefixes, written):
    """Enveloping, so that one canonicalization with this PrefixList is all there is."""
    content = etree.tostring(root).decode()
    holder = f'<ds:Object xmlns:ds="{DS}" Id="o">{content}</ds:Object>'
    octets = etree.tostring(
        etree.fromstring(holder), method="c14n", exclusive=True, inclusive_ns_prefixes=prefixes
    )
    kept = f'<i:InclusiveNamespaces xmlns:i="{EXCLUSIVE}" PrefixList="{written}"/>'
    about = reference(root, "#o", transforms=(EXCLUSIVE,), inside=kept, value=hashlib.sha256(octets).digest())
    return signature([about], seal, objects=holder).encode()


def test_the_default_namespace_in_a_list_is_called_by_its_name(desk, seal):
    """Web services write `#default` (Exclusive XML Canonicalization, 3); lxml knows it as no name at all."""
    root = etree.fromstring('<p:a xmlns:p="urn:p" xmlns="urn:d"><b xmlns=""><c/></b></p:a>')

    assert desk.verdict(listed(seal, root, ["", "p"], "#default p")).indication is PASSED


TIME = "<x:SigningTime>2016-01-01T00:00:00Z</x:SigningTime>"
CLAIM = f"<x:SignedSignatureProperties>{TIME}</x:SignedSignatureProperties>"


def test_signed_properties_in_the_content_are_not_the_signers_word(desk, pki):
    """Who wrote what is signed does not say when it was signed."""
    written = f'<don><x:SignedProperties xmlns:x="{XADES}">{CLAIM}</x:SignedProperties></don>'
    holder = f'<ds:Object xmlns:ds="{DS}" Id="o">{written}</ds:Object>'
    about = reference(etree.fromstring(holder), "#o", transforms=(EXCLUSIVE,))
    report = desk.verdict(signature([about], pki.signer(AGENCY), objects=holder).encode())

    (only,) = report.signatures
    assert (only.claimed_time, only.best_time.proof, only.format) == (None, "validation", "XMLDSig")


def test_a_signature_around_a_signed_paper_has_its_own_certificate(desk, pki, seal):
    inner = xades_signed(seal, packet()).decode()
    holder = f'<ds:Object xmlns:ds="{DS}" Id="o">{inner}</ds:Object>'
    about = reference(etree.fromstring(holder), "#o", transforms=(EXCLUSIVE,))
    report = desk.verdict(signature([about], pki.signer(OTHER_AGENCY), objects=holder).encode())

    assert report.signatures[0].indication is PASSED
    assert "SIGNER_CERTIFICATE_MISMATCH" not in codes(report)


def with_time(signer, *times):
    """XAdES over an object, with these signing times in its signed properties."""
    told = "".join(f"<x:SigningTime>{time}</x:SigningTime>" for time in times)
    properties = (
        f'<x:SignedProperties xmlns:x="{XADES}" Id="props"><x:SignedSignatureProperties>{told}'
        "</x:SignedSignatureProperties></x:SignedProperties>"
    )
    root = etree.fromstring(packet())
    about = [
        reference(root, ""),
        reference(etree.fromstring(properties), "#props", transforms=(EXCLUSIVE,)),
    ]
    inside = f'<x:QualifyingProperties xmlns:x="{XADES}">{properties}</x:QualifyingProperties>'
    held = f"<ds:Object>{inside}</ds:Object>"
    return with_signature(packet(), signature(about, signer, objects=held))


@pytest.mark.parametrize(
    ("times", "claimed"),
    [
        (("2026-11-23T08:00:00+07:00",), AT),
        (("2026-11-23T01:00:00Z",), AT),
        ((" 2026-11-23T08:00:00.0000000 ",), AT),
        (("2026-11-23T08:00:00",), AT),
        (("2026-11-23",), None),
        (("2026-W48-1T08:00:00",), None),
        (("20261123T080000",), None),
        (("2016-01-01T00:00:00Z", "2026-11-23T01:00:00Z"), None),
        ((), None),
    ],
)
def test_a_signing_time_is_told_once_and_to_the_second(desk, seal, times, claimed):
    (only,) = desk.verdict(with_time(seal, *times)).signatures

    assert (only.format, only.claimed_time) == ("XAdES", claimed)
    assert only.best_time.proof == ("claimed" if claimed else "validation")


@pytest.mark.parametrize(
    ("name", "passes"), [("", True), ("/C=VN/CN=a", True), ("CN=a, O=b", True), ("DA DUYET", False)]
)
def test_a_subject_may_be_empty_as_edxml_software_writes_it(desk, seal, name, passes):
    named = f"<ds:X509Data><ds:X509SubjectName>{name}</ds:X509SubjectName>"
    key = x509_data(seal.certificates_der).replace("<ds:X509Data>", named)

    assert (desk.verdict(resigned(seal, key_info=key)).indication is PASSED) is passes


@pytest.mark.parametrize("at", [0, 2, 4])
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_signature_moved_into_a_text_does_not_cut_it(desk, seal, at, policy):
    """Taken out by its transform it leaves the text whole, and whoever reads the file finds a piece of it."""
    root = etree.fromstring(xades_signed(seal, packet("21.37"), timestamper=desk.stamped()))
    moved, value = root.find(f"{{{DS}}}Signature"), root.find(".//{*}value")
    moved.tail, value.text = value.text[at:], value.text[:at]
    value.append(moved)

    assert desk.verdict(etree.tostring(root), policy=policy).indication is not PASSED
