"""XML of which a part is signed: what is told of it, who may insist on the whole, and what is handed out."""

import pytest
from lxml import etree

from ebrvt_connect.api import signed_content, verify
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.transport.signing_xml import sign_xml
from ebrvt_connect.trust.policy import POLICIES, VN_2025
from ebrvt_connect.trust.xmldsig import sign_whole
from tests.unit.trust.samples import AGENCY, AT, plain_pdf
from tests.unit.trust.xml_samples import packet, resigned

STRICT = VN_2025.whole_files_only()


@pytest.fixture
def paper(pki):
    people = [pki.signer(AGENCY, role="person"), pki.signer(AGENCY)]
    return signed_xml(result_paper_xml("Giấy phép", {"Số": "7"}), people)


@pytest.fixture
def handed_out(trust):
    def take(data, policy=VN_2025):
        return signed_content(data, policy=policy, trust=trust, at=AT)

    return take


def renamed(paper, name="thuHoi"):
    """The root's name, which nobody signed, turned into another one."""
    root = etree.fromstring(paper)
    root.tag = f"{{{etree.QName(root).namespace}}}{name}" if etree.QName(root).namespace else name
    return etree.tostring(root)


def attributed(paper):
    root = etree.fromstring(paper)
    root.set("loai", "thu hồi")
    return etree.tostring(root)


def with_a_sibling(paper):
    root = etree.fromstring(paper)
    root.insert(0, root.makeelement(root.tag.replace(etree.QName(root).localname, "noiDung")))
    root[0].text = "Thu hồi"
    return etree.tostring(root)


def in_another(paper):
    return b"<thuHoi>" + etree.tostring(etree.fromstring(paper)) + b"</thuHoi>"


def test_the_report_says_which_element_is_covered_and_that_its_holder_is_not(trust, paper):
    report = verify(paper, policy=VN_2025, trust=trust, at=AT)

    told = [f for f in report.all_findings() if f.code == "XML_ENVELOPE_UNSIGNED"]
    assert report.indication == "TOTAL_PASSED"
    assert len(told) == 2
    covered = report.signatures[0].coverage.covered[0]
    assert (
        f"Chữ ký bảo vệ {covered}; phần tử bao ngoài, kể cả tên của nó, không được ký" in told[0].message_vi
    )
    assert covered in report.to_text_vi()


@pytest.mark.parametrize("change", [attributed, with_a_sibling, in_another], ids=lambda c: c.__name__)
def test_what_is_put_around_a_signed_part_does_not_pass(trust, paper, change):
    report = verify(change(paper), policy=VN_2025, trust=trust, at=AT)

    assert report.indication == "INDETERMINATE"


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("change", [lambda p: p, renamed, attributed], ids=["as signed", "renamed", "attr"])
def test_who_insists_on_the_whole_file_passes_no_part(trust, paper, change, policy):
    report = verify(change(paper), policy=policy.whole_files_only(), trust=trust, at=AT)

    assert report.indication == "INDETERMINATE"
    assert report.policy.sha256 != policy.reference.sha256


def test_a_file_signed_as_a_whole_passes_all_the_same(trust, pki):
    whole = resigned(pki.signer(AGENCY))

    assert verify(whole, policy=STRICT, trust=trust, at=AT).indication == "TOTAL_PASSED"


def sealed_whole(pki, *, last=None):
    """The leader signs the content, and the seal the whole file with the leader's signature in it."""
    paper = result_paper_xml("Giấy phép", {"Số": "7"})
    led = signed_xml(paper, [pki.signer(AGENCY, role="person")])
    return sign_whole(led, last or pki.signer(AGENCY), signed_at=AT)


@pytest.mark.parametrize("policy", [VN_2025, STRICT], ids=["any", "whole files"])
def test_a_seal_on_the_whole_covers_what_is_around_the_part_the_leader_signed(trust, pki, policy):
    report = verify(sealed_whole(pki), policy=policy, trust=trust, at=AT)

    assert report.indication == "TOTAL_PASSED"
    assert [s.coverage.level for s in report.signatures] == ["partial", "entire_file"]
    assert "XML_ENVELOPE_SEALED" in [f.code for f in report.signatures[0].findings]


@pytest.mark.parametrize(
    "change", [renamed, attributed, with_a_sibling, in_another], ids=lambda c: c.__name__
)
def test_nothing_changes_around_it_then(trust, pki, change):
    report = verify(change(sealed_whole(pki)), policy=VN_2025, trust=trust, at=AT)

    assert report.indication in {"TOTAL_FAILED", "INDETERMINATE"}


@pytest.mark.parametrize(
    ("role", "flavour"), [("person", "good"), ("agency", "unlisted"), ("agency", "impostor")]
)
def test_nobody_but_a_registered_seal_covers_it(trust, pki, role, flavour):
    last = pki.signer(AGENCY, role=role, flavour=flavour)
    report = verify(sealed_whole(pki, last=last), policy=STRICT, trust=trust, at=AT)

    assert report.indication == "INDETERMINATE"
    assert "XML_ENVELOPE_UNSIGNED" in [f.code for f in report.signatures[0].findings]


def test_of_a_part_sealed_with_the_whole_the_part_is_handed_out(handed_out, pki):
    (part,) = handed_out(sealed_whole(pki), STRICT).parts

    assert part.path == "/ketQua/noiDung"
    assert b"Signature" not in part.octets


@pytest.mark.parametrize("root", ["", ' Id="kq"'], ids=["no Id", "Id"])
def test_signing_a_file_whose_parts_are_signed_signs_the_whole(trust, pki, root):
    paper = f'<kq xmlns="urn:k"{root}><nd Id="nd"><so>1</so></nd></kq>'.encode()
    led = sign_xml(paper, pki.signer(AGENCY, role="person"), signed_at=AT, part_id="nd")
    report = verify(sign_xml(led, pki.signer(AGENCY), signed_at=AT), policy=STRICT, trust=trust, at=AT)

    assert report.indication == "TOTAL_PASSED"
    assert [s.level for s in report.signatures] == ["B-B", "B-B"]


def test_a_signature_over_the_whole_is_not_broken_by_another(pki):
    with pytest.raises(ValueError, match="over all of it"):
        sign_whole(sealed_whole(pki), pki.signer(AGENCY))


def test_only_what_was_signed_is_handed_out_whatever_the_root_is_called(handed_out, paper):
    good, other = handed_out(paper), handed_out(renamed(paper))

    assert [p.octets for p in good.parts] == [p.octets for p in other.parts]
    assert b"thuHoi" not in other.parts[0].octets
    assert b"SignatureValue" not in good.parts[0].octets
    assert "7" in etree.fromstring(good.parts[0].octets).xpath("string()")


@pytest.mark.parametrize("change", [attributed, with_a_sibling, lambda p: p.replace(b">7<", b">8<")])
def test_nothing_is_handed_out_of_what_has_not_passed(handed_out, paper, change):
    assert handed_out(change(paper)).parts == ()


def test_nothing_is_handed_out_to_who_insists_on_the_whole(handed_out, paper):
    assert handed_out(paper, STRICT).parts == ()


def test_of_whole_files_the_signed_content_is_handed_out(handed_out, desk, pki):
    seal = pki.signer(AGENCY)
    (xml,) = handed_out(resigned(seal)).parts
    assert xml.octets == etree.tostring(etree.fromstring(packet()), method="c14n", exclusive=True)
    (inside,) = handed_out(signed_cms(b"noi dung", [seal], signed_at=AT)).parts
    assert inside.octets == b"noi dung"
    pdf = desk.signed(plain_pdf())
    assert [p.octets for p in handed_out(pdf).parts] == [pdf]
