"""Archive timestamps of XML signatures: what they prove, what they do not protect, and attacks on them."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from ebrvt_connect.testing.sample_archived_xml import with_archive_timestamp, with_validation_data
from ebrvt_connect.trust.archive_stamps import MOST_STAMPS
from ebrvt_connect.trust.policy import POLICIES
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AGENCY, AT, EARLY, CopiedTimestamps
from tests.unit.trust.time_samples import lists_of, stamper_of
from tests.unit.trust.xades_samples import xades_signed
from tests.unit.trust.xml_samples import DS, ENVELOPED, reference, signature

PASSED, UNCLEAR, FAILED = Indication
XADES = "http://uri.etsi.org/01903/v1.3.2#"
XADES_141 = "http://uri.etsi.org/01903/v1.4.1#"
PLAIN = b'<goi Id="pkt-1"><giaTri>21.37</giaTri></goi>'
WITH_NAMESPACES = b'<g:goi xmlns:g="urn:g" xmlns="urn:d" Id="pkt-1"><ten>21.37</ten></g:goi>'
HOUR = timedelta(hours=1)
SOON = datetime(2015, 9, 1, tzinfo=UTC)
"""Before the revoked certificates were revoked."""
MIDWAY = datetime(2016, 6, 1, tzinfo=UTC)
LAPSE = datetime(2017, 1, 1, tzinfo=UTC)
"""When the certificates of the older timestamp authorities expire."""


def codes(report):
    return {f.code for f in report.all_findings()}


def told(report):
    return report.indication, {str(s) for s in report.sub_indications}


def level(report):
    return report.signatures[0].level


@pytest.fixture
def signed(desk):
    """A signature of the early days, with a timestamp unless told otherwise, and evidence."""

    def make(flavour="good", *, stamper=None, stamped=True, evidence=True, xml=PLAIN):
        made = xades_signed(
            desk.pki.signer(AGENCY, flavour=flavour),
            xml,
            at=EARLY,
            timestamper=(stamper or desk.stamped(EARLY)) if stamped else None,
        )
        return with_validation_data(made, crls=lists_of(desk.trust)) if evidence else made

    return make


@pytest.fixture
def archived(desk, signed):
    """The same with an archive timestamp over all of it."""

    def make(at=SOON, *, digest="sha256", inclusive=False, **more):
        return with_archive_timestamp(signed(**more), desk.stamped(at), digest=digest, inclusive=inclusive)

    return make


# --- levels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("xml", [PLAIN, WITH_NAMESPACES], ids=["plain", "namespaces"])
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_levels_are_told_as_far_as_they_hold(desk, signed, archived, xml, inclusive, digest):
    made = (
        signed(evidence=False, xml=xml),
        signed(xml=xml),
        archived(xml=xml, inclusive=inclusive, digest=digest),
    )
    reports = [desk.verdict(d) for d in made]

    assert [level(r) for r in reports] == ["B-T", "B-LT", "B-LTA"], codes(reports[2])
    assert {r.indication for r in reports} == {PASSED}
    assert [t.kind for t in reports[2].signatures[0].timestamps] == ["signature", "archive"]
    assert "ARCHIVE_TIMESTAMP_NOT_COUNTED" not in codes(reports[2])


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


def test_evidence_in_the_archive_answers_where_the_folder_has_none(desk, archived):
    report = desk.without_revocation_lists().verdict(archived())

    assert (report.indication, level(report)) == (PASSED, "B-LTA"), codes(report)


# --- what it proves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda p: p.id)
@pytest.mark.parametrize(
    ("flavour", "at", "expected"),
    [
        ("expired", SOON, (PASSED, set())),
        ("revoked", SOON, (PASSED, set())),
        ("expired", AT, (UNCLEAR, {"OUT_OF_BOUNDS_NO_POE"})),
        ("revoked", AT, (UNCLEAR, {"REVOKED_NO_POE"})),
        ("impostor", SOON, (UNCLEAR, {"NO_CERTIFICATE_CHAIN_FOUND"})),
    ],
)
def test_an_archive_alone_proves_when_it_was_signed(desk, archived, flavour, at, expected, policy):
    report = desk.verdict(archived(at, flavour=flavour, stamped=False), policy=policy)

    assert told(report) == expected
    assert report.signatures[0].best_time.value == at


def test_a_timestamp_that_has_lapsed_holds_by_the_archive(desk, pki, archived):
    old = stamper_of(pki, EARLY, valid_to=LAPSE)
    renewed = desk.verdict(archived(MIDWAY, flavour="revoked", stamper=old))

    assert renewed.indication is PASSED
    assert renewed.signatures[0].best_time.value == EARLY
    assert "TIMESTAMP_RENEWED" in codes(renewed)


def test_a_timestamp_archived_after_it_had_lapsed_proves_nothing(desk, pki, archived):
    old = stamper_of(pki, EARLY, valid_to=LAPSE)
    report = desk.verdict(archived(AT, flavour="revoked", stamper=old))

    assert told(report) == (UNCLEAR, {"REVOKED_NO_POE"})
    assert "TIMESTAMP_NOT_TRUSTED" in codes(report)


@pytest.mark.parametrize("gap", [False, True])
def test_archive_timestamps_in_a_row_carry_the_oldest_through(desk, pki, signed, gap):
    data = signed("revoked", stamped=False)
    for at, until in (
        (SOON, datetime(2017, 1, 1, tzinfo=UTC)),
        (datetime(2017 if gap else 2016, 8, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)),
        (datetime(2019, 8, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)),
    ):
        data = with_archive_timestamp(data, stamper_of(pki, at, valid_to=until))
    report = desk.verdict(data)

    assert told(report) == ((UNCLEAR, {"REVOKED_NO_POE"}) if gap else (PASSED, set())), codes(report)
    assert sorted(t.valid for t in report.signatures[0].timestamps) == [not gap, True, True]


def test_archive_timestamps_out_of_order_are_undecided(desk, archived):
    report = desk.verdict(with_archive_timestamp(archived(MIDWAY), desk.stamped(MIDWAY - HOUR)))

    assert told(report) == (UNCLEAR, {"TIMESTAMP_ORDER_FAILURE"})


# --- what it does not protect --------------------------------------------------------------------------


def changed(xml, change):
    """The file with its unsigned properties changed."""
    root = etree.fromstring(xml)
    (holder,) = root.iter(f"{{{XADES}}}UnsignedSignatureProperties")
    change(holder)
    return etree.tostring(root)


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


def test_a_timestamp_over_other_bytes_is_told_as_broken(desk, signed):
    data = with_archive_timestamp(signed("expired", stamped=False), CopiedTimestamps(desk.stamped(SOON)))
    report = desk.verdict(data)

    assert report.indication is UNCLEAR
    assert {"TIMESTAMP_BROKEN", "EXPIRED_SINCE_NO_PROOF"} <= codes(report)


def test_an_authority_nobody_pinned_archives_nothing(desk, signed):
    own = desk.stamped(SOON, impostor=True)
    report = desk.verdict(with_archive_timestamp(signed(), own))
    lapsed = desk.verdict(with_archive_timestamp(signed("expired", stamped=False), own))

    assert (report.indication, level(report)) == (PASSED, "B-LT")
    assert "TIMESTAMP_NOT_TRUSTED" in codes(report)
    assert told(lapsed) == (UNCLEAR, {"OUT_OF_BOUNDS_NO_POE"})


def test_a_timestamp_moved_to_another_signature_is_told_as_broken(desk, archived, signed):
    taken = etree.fromstring(archived()).find(f".//{{{XADES_141}}}ArchiveTimeStamp")
    other = signed("expired", stamped=False)
    report = desk.verdict(changed(other, lambda holder: holder.append(taken)))

    assert report.indication is UNCLEAR
    assert {"TIMESTAMP_BROKEN", "EXPIRED_SINCE_NO_PROOF"} <= codes(report)


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


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_no_flipped_bit_of_what_is_archived_leaves_it_holding(desk, archived, place):
    data = archived(flavour="expired", stamped=False)
    at = data.index(b"ArchiveTimeStamp") * place // 100
    report = desk.verdict(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])

    assert report.indication is not PASSED, (at, codes(report))


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
