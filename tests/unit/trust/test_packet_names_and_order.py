"""A packet's files beside their signatures: names nobody signed, merged agencies, and the order in XML."""

from datetime import date, timedelta

import pytest

from ebrvt_connect.model.ids import AgencyHistory, CodeSuccession
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms
from ebrvt_connect.trust.xmldsig import sign_part, sign_whole
from tests.unit.trust.packet_samples import APPENDIX, Clerk, errors
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY


@pytest.fixture
def clerk(desk):
    return Clerk(desk)


@pytest.fixture(scope="module")
def good(desk):
    return desk.issued(timestamper=desk.stamped())


def test_the_seal_of_an_agency_merged_with_the_issuer_later_is_not_the_issuers(desk):
    codes = (("H06.15", "H29.20"), ("H06.08", "H29.20"))
    history = AgencyHistory.of([CodeSuccession("H06", "H29", date(2025, 7, 1), codes)])
    foreign = desk.signed(desk.signed(role="person"), agency=OTHER_AGENCY)
    report = Clerk(desk, history=history).judged({"cv.pdf": foreign})

    assert report.indication == "INDETERMINATE"
    assert errors(report)[0] == "AGENCY_SEAL_FOREIGN"


@pytest.mark.parametrize("content", [b"mot doan van ban\n", b"\0\1\2\3", b"\xff\xd8\xff\xe0"])
@pytest.mark.parametrize("name", ["pl.pdf", "pl.docx", "pl.xml"])
def test_a_detached_signature_does_not_vouch_for_a_name_of_another_kind(desk, clerk, good, content, name):
    """Nobody signs the name; who opens the file goes by it."""
    detached = signed_cms(content, [desk.pki.signer(AGENCY)], signed_at=AT, detached=True)
    files = {"cv.pdf": good, name: (content, APPENDIX), f"{name}.p7s": (detached, APPENDIX)}
    report = clerk.judged(files)

    assert report.indication == "INDETERMINATE"
    assert errors(report) == ["FILE_NAME_OF_ANOTHER_KIND"]
    files["pl.dat"], files["pl.dat.p7s"] = files.pop(name), files.pop(f"{name}.p7s")
    assert clerk.judged(files).indication == "TOTAL_PASSED"


@pytest.mark.parametrize("late", [-1, 0, 1], ids=["before", "at once", "after"])
def test_a_seal_over_the_leaders_signature_in_xml_proves_the_order_whatever_clocks_say(desk, clerk, late):
    paper = result_paper_xml("Giấy phép", {"Số": "7"})
    leader = desk.pki.signer(AGENCY, role="person")
    led = sign_part(paper, leader, reference_id="noi-dung", signed_at=AT - timedelta(minutes=5))
    sealed = sign_whole(led, desk.pki.signer(AGENCY), signed_at=AT - timedelta(minutes=5 - late))

    assert errors(clerk.judged({"cv.xml": sealed})) == []


def test_a_seal_beside_the_leaders_signature_in_xml_proves_none(desk, clerk):
    paper = result_paper_xml("Giấy phép", {"Số": "7"})
    for role, minutes in (("agency", 6), ("person", 5)):
        signer = desk.pki.signer(AGENCY, role=role)
        at = AT - timedelta(minutes=minutes)
        paper = sign_part(paper, signer, reference_id="noi-dung", signed_at=at)

    assert errors(clerk.judged({"cv.xml": paper})) == ["SEAL_BEFORE_LEADER"]
