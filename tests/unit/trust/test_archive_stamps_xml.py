"""Archive timestamps of XML signatures: what is so in XML alone; the rest stands in `test_archive_stamps`."""

import base64
import hashlib

import pytest
from lxml import etree

from ebrvt_connect.testing.sample_archived_xml import with_archive_timestamp, with_validation_data
from ebrvt_connect.trust.archive_stamps import MOST_STAMPS
from tests.unit.trust.archive_samples import (
    LAPSE,
    MIDWAY,
    PASSED,
    SOON,
    UNCLEAR,
    WITH_NAMESPACES,
    XADES,
    XADES_141,
    XmlPapers,
    changed,
    codes,
    level,
    told,
)
from tests.unit.trust.samples import AGENCY, EARLY
from tests.unit.trust.time_samples import lists_of, stamper_of
from tests.unit.trust.xml_samples import DS, ENVELOPED, reference, signature


@pytest.fixture
def papers(desk):
    return XmlPapers(desk)


@pytest.fixture
def signed(papers):
    return papers.signed


@pytest.fixture
def archived(papers):
    return papers.archived


# --- levels --------------------------------------------------------------------------------------------


def test_content_that_no_transform_made_octets_of_is_canonicalized_as_the_timestamp_says(desk, pki):
    root = etree.fromstring(WITH_NAMESPACES)
    text = etree.tostring(root, method="c14n")
    one = reference(root, "", transforms=(ENVELOPED,), value=hashlib.sha256(text).digest())
    objects = (
        f'<ds:Object><x:QualifyingProperties xmlns:x="{XADES}"><x:UnsignedProperties>'
        "<x:UnsignedSignatureProperties></x:UnsignedSignatureProperties></x:UnsignedProperties>"
        "</x:QualifyingProperties></ds:Object>"
    )
    root.append(etree.fromstring(signature([one], pki.signer(AGENCY, flavour="expired"), objects=objects)))
    data = etree.tostring(root)

    assert desk.verdict(data).indication is UNCLEAR
    assert desk.verdict(with_archive_timestamp(data, desk.stamped(SOON))).indication is PASSED


# --- what it does not protect --------------------------------------------------------------------------


def test_evidence_behind_the_timestamp_is_not_archived(desk, signed):
    bare = with_archive_timestamp(signed(evidence=False), desk.stamped(SOON))
    report = desk.verdict(with_validation_data(bare, crls=lists_of(desk.trust)))

    assert (report.indication, level(report)) == (PASSED, "B-LT")


def test_a_backdated_timestamp_slipped_in_behind_is_not_renewed(desk, pki, signed):
    """Whoever has the key of an authority that expired makes a token with any time in it."""
    stamped = signed("revoked", stamper=stamper_of(pki, EARLY, valid_to=LAPSE), evidence=False)

    def take_out(holder):
        holder.remove(holder[0])

    bare = with_archive_timestamp(changed(stamped, take_out), desk.stamped(MIDWAY))
    slipped = etree.fromstring(stamped).find(f".//{{{XADES}}}SignatureTimeStamp")
    report = desk.verdict(changed(bare, lambda holder: holder.append(slipped)))

    assert told(report) == (UNCLEAR, {"REVOKED_NO_POE"})
    assert "TIMESTAMP_NOT_TRUSTED" in codes(report)


# --- attacks -------------------------------------------------------------------------------------------


def put_before(holder):
    holder.insert(0, etree.fromstring(f'<x:CertificateValues xmlns:x="{XADES}"/>'))


def turned(holder):
    holder.insert(0, holder[1])


def taken_out(holder):
    holder.remove(holder[0])


def another_method(holder):
    method = holder[-1].find(f"{{{DS}}}CanonicalizationMethod")
    method.set("Algorithm", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments")


def no_token(holder):
    holder[-1].remove(holder[-1][-1])


def no_base64(holder):
    holder[-1][-1].text = "!"


def no_timestamp(holder):
    holder[-1][-1].text = base64.b64encode(b"\x30\x00").decode()


def too_many(holder):
    for _ in range(MOST_STAMPS):
        holder.append(etree.fromstring(etree.tostring(holder[-1])))


@pytest.mark.parametrize(
    "change", [put_before, taken_out, another_method, no_token, no_base64, no_timestamp, too_many]
)
def test_what_is_not_as_it_was_archived_is_told_as_broken(desk, archived, change):
    report = desk.verdict(changed(archived(flavour="expired", stamped=False), change))

    assert report.indication is UNCLEAR
    assert {"TIMESTAMP_BROKEN", "EXPIRED_SINCE_NO_PROOF"} <= codes(report) or change is too_many


def test_properties_in_another_order_are_told_as_broken(desk, archived):
    report = desk.verdict(changed(archived(), turned))

    assert report.indication is UNCLEAR
    assert "TIMESTAMP_BROKEN" in codes(report)


def test_key_info_belongs_to_what_is_archived(desk, archived):
    root = etree.fromstring(archived(flavour="expired", stamped=False))
    data = root.find(f".//{{{DS}}}X509Data")
    data.remove(data[-1])
    report = desk.verdict(etree.tostring(root))

    assert "TIMESTAMP_BROKEN" in codes(report)
    assert report.indication is not PASSED


def test_properties_in_two_places_are_told_as_broken(desk, archived):
    root = etree.fromstring(archived(flavour="expired", stamped=False))
    held = root.find(f".//{{{XADES}}}UnsignedProperties")
    more = (
        f'<ds:Object xmlns:ds="{DS}" xmlns:x="{XADES}"><x:QualifyingProperties><x:UnsignedProperties>'
        "<x:UnsignedSignatureProperties><x:CertificateValues/></x:UnsignedSignatureProperties>"
        "</x:UnsignedProperties></x:QualifyingProperties></ds:Object>"
    )
    held.getparent().getparent().addnext(etree.fromstring(more))
    report = desk.verdict(etree.tostring(root))

    assert report.indication is UNCLEAR
    assert {"TIMESTAMP_BROKEN", "EXPIRED_SINCE_NO_PROOF"} <= codes(report)


def older(holder):
    stamp = holder[-1]
    stamp.tag = f"{{{XADES}}}ArchiveTimeStamp"


def distributed(holder):
    holder[-1].insert(1, etree.fromstring(f'<x:Include xmlns:x="{XADES}" URI="#x"/>'))


@pytest.mark.parametrize("change", [older, distributed])
def test_other_forms_are_named_and_not_judged(desk, archived, change):
    report = desk.verdict(changed(archived(), change))

    assert "ARCHIVE_TIMESTAMP_NOT_COUNTED" in codes(report)
    assert (report.indication, level(report)) == (PASSED, "B-LT")


def test_thousands_of_archive_timestamps_cost_little(desk, archived):
    def many(holder):
        for _ in range(3000):
            etree.SubElement(holder, f"{{{XADES_141}}}ArchiveTimeStamp")

    report = desk.verdict(changed(archived(), many))

    assert "TIMESTAMP_BROKEN" in codes(report)


# --- how much of it is judged --------------------------------------------------------------------------

SPACES = " ".join(f'xmlns:n{n}="urn:n{n}"' for n in range(500))


@pytest.mark.parametrize("count", [90, 500])
def test_properties_under_namespaces_by_the_thousand_cost_little(desk, archived, count):
    def many(holder):
        for _ in range(count):
            holder.insert(0, etree.Element(f"{{{XADES}}}CertificateValues"))

    report = desk.verdict(changed(archived(xml=f"<goi {SPACES}><a>1</a></goi>".encode()), many))

    (told,) = (f for f in report.all_findings() if f.code == "TIMESTAMP_BROKEN")
    assert "hơn 100" in told.message_vi


@pytest.mark.parametrize("name", ["TimeStampValidationData", "AnyValidationData"])
@pytest.mark.parametrize("more", [{}, {"Id": "id-1"}, {"URI": "#TS-1"}], ids=["bare", "id", "uri"])
def test_evidence_as_eu_software_writes_it_answers(desk, signed, name, more):
    def wrapped(holder):
        (values,) = holder.iterfind(f"{{{XADES}}}RevocationValues")
        group = etree.Element(f"{{{XADES_141}}}{name}", more)
        holder.replace(values, group)
        group.append(values)

    data = with_archive_timestamp(changed(signed("revoked"), wrapped), desk.stamped(SOON))
    report = desk.without_revocation_lists().verdict(data)

    assert (told(report), level(report)) == ((PASSED, set()), "B-LTA")


@pytest.mark.parametrize("name", ["SignaturePolicyStore", "RenewedDigests", "RenewedDigestsV2"])
def test_places_for_anything_stay_refused(desk, signed, name):
    def added(holder):
        etree.SubElement(holder, f"{{{XADES_141}}}{name}").text = "chữ"

    assert "XML_CONTENT_UNSIGNED" in codes(desk.verdict(changed(signed(), added)))


@pytest.mark.parametrize("text", ["chữ", None])
def test_evidence_groups_hold_no_text(desk, signed, text):
    def added(holder):
        group = etree.SubElement(holder, f"{{{XADES_141}}}AnyValidationData", URI="#a" if text else "a b")
        group.text = text

    assert "XML_CONTENT_UNSIGNED" in codes(desk.verdict(changed(signed(), added)))


def test_a_countersignature_is_named(desk, signed):
    report = desk.verdict(changed(signed(), lambda h: etree.SubElement(h, f"{{{XADES}}}CounterSignature")))

    assert "COUNTERSIGNATURE_NOT_JUDGED" in codes(report)
