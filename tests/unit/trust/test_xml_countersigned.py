"""Countersignatures in XML: each confirms the signature it stands in, and is judged as any other."""

import re

import pytest
from lxml import etree

from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.packet_samples import Clerk, errors
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY
from tests.unit.trust.test_agreement_with_tools import run, xmlsec1
from tests.unit.trust.xades_samples import xades_signed
from tests.unit.trust.xml_samples import DS, EXCLUSIVE, codes, packet, reference, signature

PASSED, UNCLEAR, FAILED = Indication.TOTAL_PASSED, Indication.INDETERMINATE, Indication.TOTAL_FAILED
VALUE = f".//{{{DS}}}SignatureValue"


@pytest.fixture(scope="module")
def signed(pki):
    made = xades_signed(pki.signer(AGENCY, role="person"), packet())
    return made.replace(b"<ds:SignatureValue>", b'<ds:SignatureValue Id="gia-tri">')


def confirmed(signed, signer, **how):
    """With a countersignature over the signature value, among the unsigned properties."""
    value = etree.fromstring(etree.tostring(etree.fromstring(signed).find(VALUE), with_tail=False))
    about = reference(value, "#gia-tri", transforms=(EXCLUSIVE,), **how)
    return with_property(signed, f"<x:CounterSignature>{signature([about], signer)}</x:CounterSignature>")


def with_property(signed, text):
    inside = f"<x:UnsignedSignatureProperties>{text}</x:UnsignedSignatureProperties>"
    made = f"<x:UnsignedProperties>{inside}</x:UnsignedProperties></x:QualifyingProperties>"
    return signed.replace(b"</x:QualifyingProperties>", made.encode(), 1)


def test_an_honest_one_passes_and_is_told_for_what_it_is(desk, signed, seal):
    for policy in (VN_2025, VN_2025.whole_files_only()):
        report = desk.verdict(confirmed(signed, seal), policy=policy)

        assert (report.indication, codes(report)) == (PASSED, [])
        first, second = report.signatures
        assert [f.code for f in second.findings if f.code.startswith("XML_")] == ["XML_COUNTERSIGNATURE"]
        assert second.coverage.covered == ("/ReportPacket/Signature/SignatureValue",)
        assert "COUNTERSIGNATURE_NOT_JUDGED" not in {f.code for f in first.findings}


@xmlsec1
def test_xmlsec1_holds_it_too(pki, signed, seal, tmp_path):
    made, root = tmp_path / "a.xml", pki.trust_folder / "government" / "root.crt"
    made.write_bytes(confirmed(signed, seal))
    inner = ("--id-attr:Id", "SignatureValue", "--node-xpath", "//*[local-name()='CounterSignature']/*")

    assert run("xmlsec1", "--verify", "--trusted-pem", root, *inner, made).returncode == 0


@pytest.mark.parametrize(
    ("spoil", "indication"),
    [
        (lambda d: d.replace(b"21.37", b"99.99"), FAILED),
        (lambda d: d.replace(b"<x:CounterSignature>", b"<x:CounterSignature>DA DUYET", 1), UNCLEAR),
        (lambda d: d.replace(b"<x:CounterSignature>", b"<x:CounterSignature><b>DA DUYET</b>", 1), UNCLEAR),
        (lambda d: d.replace(b"<x:CounterSignature>", b'<x:CounterSignature loai="huy">', 1), UNCLEAR),
        (
            lambda d: d.replace(
                b"</ds:Signature></x:CounterSignature>",
                b"<ds:Object><html>DA DUYET</html></ds:Object></ds:Signature></x:CounterSignature>",
            ),
            UNCLEAR,
        ),
        (lambda d: d.replace(b'URI="#gia-tri"', b'URI="#pkt-1"'), FAILED),
        (lambda d: re.sub(rb"(<x:CounterSignature>.*?<ds:SignatureValue>)....", rb"\1AAAA", d), FAILED),
    ],
    ids=["content", "text", "element", "attribute", "page", "another target", "value"],
)
def test_nothing_may_be_changed_with_it(desk, signed, seal, spoil, indication):
    made = confirmed(signed, seal)
    spoilt = spoil(made)

    assert spoilt != made
    assert desk.verdict(spoilt).indication is indication


def test_one_that_is_wrong_or_nobodys_speaks_against_the_file(desk, pki, signed, seal):
    wrong = desk.verdict(confirmed(signed, seal, value=bytes(32)))
    strange = desk.verdict(confirmed(signed, pki.signer(AGENCY, flavour="impostor")))

    assert (wrong.indication, codes(wrong)) == (FAILED, ["HASH_MISMATCH"])
    assert (strange.indication, codes(strange)) == (UNCLEAR, ["ISSUER_NAME_IMITATED"])
    assert [s.indication for s in strange.signatures] == [PASSED, UNCLEAR]


def test_it_confirms_the_signature_it_stands_in_and_no_other(desk, signed, seal):
    """Moved out of its place it signs a value, and leaves all content open."""
    made = confirmed(signed, seal)
    moved = re.search(rb"<x:CounterSignature>(.*?)</x:CounterSignature>", made)[1]
    report = desk.verdict(signed.replace(b"</r:ReportPacket>", moved + b"</r:ReportPacket>"))

    assert report.indication is not PASSED


def test_a_seal_that_only_confirms_the_leaders_signature_is_no_seal_on_the_document(desk, signed, seal, pki):
    clerk = Clerk(desk)

    assert "AGENCY_SEAL_MISSING" in errors(clerk.judged({"a.xml": confirmed(signed, seal)}))
    other = clerk.judged({"a.xml": confirmed(signed, pki.signer(OTHER_AGENCY))})
    assert "AGENCY_SEAL_FOREIGN" in errors(other)


def test_an_empty_one_is_told_as_not_judged(trust, signed):
    report = verify_bytes(with_property(signed, "<x:CounterSignature/>"), policy=VN_2025, trust=trust, at=AT)

    assert report.indication is PASSED
    assert "COUNTERSIGNATURE_NOT_JUDGED" in {f.code for f in report.all_findings()}
