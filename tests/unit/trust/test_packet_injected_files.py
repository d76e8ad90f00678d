"""Files put into a sealed edXML packet where the seal does not reach, and files that nobody announced."""

from base64 import b64encode

import pytest
from lxml import etree

from ebrvt_connect.api import verify
from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.trust.policy import POLICIES, VN_2025
from tests.unit.trust.packet_samples import Clerk, edxml, sealed_edxml, without_manifest_entry
from tests.unit.trust.samples import AT
from tests.unit.trust.xades_samples import XADES
from tests.unit.trust.xml_samples import DS, EXCLUSIVE, reference, signature

NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
SIGNATURE = f"{{{DS}}}Signature"


@pytest.fixture(scope="module")
def good(desk):
    return desk.issued()


def file_element(content, name="phu-luc.xlsx", namespace=NS, within="Attachment"):
    return (
        f'<{within} xmlns="{namespace}"><ContentId>cid:phu-luc</ContentId><AttachmentName>{name}'
        "</AttachmentName><ContentType>application/zip</ContentType><ContentTransferEncoded>"
        f"{b64encode(content).decode()}</ContentTransferEncoded></{within}>"
    )


def in_its_signature(sealed, inner, *, first=False, holder=f'<q:QualifyingProperties xmlns:q="{NS}">'):
    """The signature moved below the root, an unsigned object in it."""
    root = etree.fromstring(sealed)
    moved = next(root.iter(SIGNATURE))
    moved.getparent().remove(moved)
    root.insert(0 if first else len(root), moved)
    end = "</" + holder[1:].split(" ")[0] + ">"
    moved.append(etree.fromstring(f'<d:Object xmlns:d="{DS}">{holder}{inner}{end}</d:Object>'))
    return etree.tostring(root)


def judged(desk, packet):
    reports = [Clerk(desk, policy=policy).judge(packet) for policy in POLICIES.values()]
    alone = [verify(packet, policy=p, trust=desk.trust, at=AT) for p in POLICIES.values()]
    return [str(r.indication) for r in (*reports, *alone)]


HOLDERS = [f'<q:QualifyingProperties xmlns:q="{NS}">', f'<q:QualifyingProperties xmlns:q="{XADES}">']


@pytest.mark.parametrize("holder", HOLDERS, ids=["by name", "of XAdES"])
@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("old", [True, False], ids=["an old paper", "a table"])
def test_a_file_in_the_signature_of_a_sealed_packet_is_none_and_does_not_pass(
    desk, good, seal, holder, announced, old
):
    packet = edxml({"cv.pdf": good})
    sealed = sealed_edxml(packet if announced else without_manifest_entry(packet, 0), seal)
    content = desk.signed() if old else workbook_xlsx("GIA MAO")
    forged = in_its_signature(sealed, file_element(content), first=old, holder=holder)

    assert "TOTAL_PASSED" not in judged(desk, forged)
    assert [f.name for f in Clerk(desk).judge(forged).files] == ["cv.pdf"]


def files_of(packet):
    return [a.name for a in read_document([packet], MemoryBlobs()).record.attachments]


@pytest.mark.parametrize(
    "change",
    [
        lambda root, one: root.append(one),
        lambda root, one: root[0].append(one),
        lambda root, one: root[0][0].append(one),
        lambda root, one: root[-1][0].append(one),
        lambda root, one: root[-1][0].insert(0, one),
    ],
    ids=["root", "envelope", "header", "another file", "another file's beginning"],
)
def test_only_what_stands_in_its_place_is_a_file(good, change):
    root = etree.fromstring(edxml({"cv.pdf": good}))
    change(root, etree.fromstring(file_element(b"small")))

    assert files_of(etree.tostring(root)) == ["cv.pdf"]


def test_a_file_of_another_vocabulary_is_none(good):
    root = etree.fromstring(edxml({"cv.pdf": good}))
    root[-1].append(etree.fromstring(file_element(b"small", namespace="urn:x")))

    assert files_of(etree.tostring(root)) == ["cv.pdf"]


def test_a_file_without_any_announcement_does_not_pass(desk, good, seal):
    packet = without_manifest_entry(edxml({"cv.pdf": good}), 0)
    report = Clerk(desk).judge(packet)

    assert report.indication == "INDETERMINATE"
    assert [f.code for f in report.findings if f.severity == "error"] == ["PACKET_FILE_UNLISTED"]
    alone = verify(sealed_edxml(packet, seal), policy=VN_2025, trust=desk.trust, at=AT)
    assert alone.indication == "INDETERMINATE"
    assert "PACKET_FILE_UNLISTED" in [f.code for f in alone.findings]


def test_a_signature_below_the_root_is_known_and_nothing_in_it_is_read(good, seal):
    inner = f'<MessageHeader xmlns="{NS}"><Subject>GIA MAO</Subject></MessageHeader>'
    packet = in_its_signature(sealed_edxml(edxml({"cv.pdf": good}), seal), inner)
    read = read_document([packet], MemoryBlobs())

    assert read.signature == "xmldsig"
    assert "GIA MAO" not in read.record.model_dump_json()


def test_a_stranger_s_element_called_like_the_files_is_not_said_to_be_the_files(desk, good, seal):
    root = etree.fromstring(edxml({"cv.pdf": good}))
    root.append(etree.fromstring('<AttachmentEncoded xmlns="urn:x" Id="signed-part">x</AttachmentEncoded>'))
    made = signature([reference(root[-1], "#signed-part", transforms=(EXCLUSIVE,))], seal)
    root[0][0].append(etree.fromstring(made))
    report = Clerk(desk).judge(etree.tostring(root))

    codes = [f.code for f in report.findings]
    assert "ENVELOPE_COVERS_FILES" not in codes
    assert "ENVELOPE_LEAVES_FILES" in codes
    assert report.indication != "TOTAL_PASSED"
