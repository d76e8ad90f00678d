"""Office packages signed as Office signs them: the same verdict, policy and grounds as every other format."""

import struct
import zlib
from dataclasses import replace

import pytest

from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.testing.sample_ooxml import (
    RELATIONSHIPS_TYPE,
    PackageSignature,
    manifest_xml,
    office_parts,
    packed,
    reference_xml,
    signature_xml,
    signed_package,
    unpacked_parts,
)
from ebrvt_connect.trust.verdict import DocumentKind, Indication
from tests.unit.trust.ooxml_resigned import pieces, resigned
from tests.unit.trust.ooxml_samples import (
    DOCUMENT,
    DOCUMENT_RELS,
    HOW,
    SIGNATURE,
    Entry,
    archive,
    codes,
    entries,
    noted,
    signed,
)
from tests.unit.trust.samples import AGENCY, AT, EARLY

PASSED, FAILED = Indication.TOTAL_PASSED, Indication.TOTAL_FAILED
PROPERTIES = {"/docProps/core.xml", "/docProps/app.xml"}


@pytest.fixture(scope="module")
def leader(pki):
    return pki.signer(AGENCY, role="person")


@pytest.mark.parametrize("kind", ["docx", "xlsx", "pptx"])
def test_a_signed_package_passes(desk, seal, kind):
    report = desk.verdict(packed(signed(seal, kind)))

    (signature,) = report.signatures
    assert (report.indication, report.kind) == (PASSED, DocumentKind.OOXML)
    assert signature.format == "OOXML XAdES"
    assert signature.field == "/_xmlsignatures/sig1.xml"
    assert (signature.integrity, signature.role) == (True, "agency")
    assert (signature.coverage.level, set(signature.coverage.uncovered)) == ("partial", PROPERTIES)
    assert (signature.claimed_time, signature.best_time.proof) == (AT, "claimed")
    assert noted(report) == {
        "RSA_PKCS1_V15",
        "NO_TIMESTAMP",
        "SEAL_WITHOUT_LEADER",
        "OOXML_PROPERTIES_UNSIGNED",
    }


@pytest.mark.parametrize("kind", ["docx", "xlsx", "pptx"])
def test_leader_and_seal_sign_one_after_another(desk, seal, leader, kind):
    parts = signed_package(signed(leader, kind), seal, HOW)
    report = desk.verdict(packed(parts))

    assert report.indication is PASSED
    assert [(s.index, s.role) for s in report.signatures] == [(1, "person"), (2, "agency")]
    assert [s.field for s in report.signatures] == ["/_xmlsignatures/sig1.xml", "/_xmlsignatures/sig2.xml"]


def test_parts_are_told(desk, seal):
    (signature,) = desk.verdict(packed(signed(seal))).signatures

    assert "/word/document.xml" in signature.coverage.covered
    assert "/word/_rels/document.xml.rels" in signature.coverage.covered
    assert "/docProps/core.xml" not in signature.coverage.covered


@pytest.mark.parametrize(
    "how",
    [
        {"by_type": True},
        {"digest": "sha512"},
        {"c14n": "http://www.w3.org/2001/10/xml-exc-c14n#"},
        {"c14n": "http://www.w3.org/2006/12/xml-c14n11"},
        {"stated_time": False},
    ],
    ids=str,
)
def test_other_ways_to_sign_pass(desk, seal, how):
    assert desk.verdict(packed(signed(seal, **how))).indication is PASSED


def test_without_xades_the_stated_time_counts(desk, seal):
    report = desk.verdict(packed(signed(seal, xades=False)))

    (signature,) = report.signatures
    assert (report.indication, signature.format) == (PASSED, "OOXML XMLDSig")
    assert signature.claimed_time == AT
    assert "SIGNER_CERTIFICATE_NOT_BOUND" in noted(report)


def test_without_any_time_the_check_itself_counts(desk, seal):
    (signature,) = desk.verdict(packed(signed(seal, xades=False, stated_time=False))).signatures

    assert (signature.claimed_time, signature.best_time.proof) == (None, "validation")


def test_two_times_that_differ_are_told(desk, seal):
    parts = signed(seal)
    early = pieces(parts, seal, replace(HOW, signed_at=EARLY))["package_object"]
    data = packed({**parts, SIGNATURE: resigned(parts, seal, package_object=early)})

    assert "OOXML_TIMES_DIFFER" in noted(desk.verdict(data))


def test_sha1_does_not_pass(desk, seal):
    report = desk.verdict(packed(signed(seal, digest="sha1")))

    assert report.indication is Indication.INDETERMINATE
    assert "WEAK_DIGEST" in codes(report)
    assert report.signatures[0].algorithms.digest == "sha1"


def test_sha1_in_the_manifest_alone_does_not_pass(desk, seal):
    parts = signed(seal)
    weak = manifest_xml(parts, replace(HOW, digest="sha1"))
    data = packed({**parts, SIGNATURE: signature_xml(weak, seal, HOW)})
    report = desk.verdict(data)

    assert (report.indication, codes(report)) == (Indication.INDETERMINATE, ["WEAK_DIGEST"])


@pytest.mark.parametrize(
    ("flavour", "code"),
    [
        ("expired", "EXPIRED_SINCE_NO_PROOF"),
        ("revoked", "REVOKED_NO_PROOF"),
        ("impostor", "ISSUER_NAME_IMITATED"),
        ("future", "NOT_YET_VALID_AT_SIGNING"),
        ("weak", "WEAK_KEY"),
    ],
)
def test_a_flawed_certificate_is_judged_as_everywhere(desk, pki, flavour, code):
    report = desk.verdict(packed(signed(pki.signer(AGENCY, flavour=flavour))))

    assert report.indication is not PASSED
    assert code in codes(report)


def test_without_revocation_lists_it_is_undecided(desk, seal):
    report = desk.without_revocation_lists().verdict(packed(signed(seal)))

    assert (report.indication, set(codes(report))) == (Indication.INDETERMINATE, {"REVOCATION_UNKNOWN"})


def test_trusting_nobody_it_is_undecided(desk, seal):
    assert desk.trusting_nobody().verdict(packed(signed(seal))).indication is Indication.INDETERMINATE


def test_a_claimed_time_in_the_future_does_not_count(desk, seal):
    data = packed(signed(seal, signed_at=AT.replace(year=2030)))

    assert "CLAIMED_TIME_IN_FUTURE" in noted(desk.verdict(data))


def test_another_signer_s_certificate_in_the_properties_is_told(desk, seal, leader):
    parts = signed(seal)
    data = packed({**parts, SIGNATURE: resigned(parts, seal, named=leader)})

    assert "SIGNER_CERTIFICATE_MISMATCH" in codes(desk.verdict(data))


def test_an_unsigned_package_is_plainly_unsigned(desk):
    for data in (workbook_xlsx(), packed(office_parts("docx"))):
        report = desk.verdict(data)
        assert (report.indication, codes(report)) == (Indication.INDETERMINATE, ["SIGNED_DATA_NOT_FOUND"])


def test_an_origin_without_signatures_is_unsigned(desk, seal):
    parts = signed(seal)
    rels = "_xmlsignatures/_rels/origin.sigs.rels"
    emptied = parts[rels][: parts[rels].index(b"<Relationship ")] + b"</Relationships>"
    report = desk.verdict(packed({**parts, rels: emptied}))

    assert (report.indication, codes(report)) == (Indication.INDETERMINATE, ["SIGNED_DATA_NOT_FOUND"])


def test_a_timestamp_over_the_signature_proves_its_time(desk, seal, pki):
    parts = signed(seal, signed_at=EARLY)
    stamped = resigned(parts, seal, how=replace(HOW, signed_at=EARLY), stamp=desk.stamped(EARLY))
    report = desk.verdict(packed({**parts, SIGNATURE: stamped}))

    (signature,) = report.signatures
    assert report.indication is PASSED
    assert (signature.best_time.proof, signature.best_time.value) == ("timestamp", EARLY)


def test_properties_of_the_document_may_change(desk, seal):
    parts = signed(seal)
    later = {**parts, "docProps/core.xml": parts["docProps/core.xml"].replace(b"V", b"W")}

    assert desk.verdict(packed(later)).indication is PASSED


def test_the_order_and_packing_of_entries_do_not_matter(desk, seal):
    parts = signed(seal)
    backwards = dict(reversed(parts.items()))

    assert desk.verdict(packed(parts, compression=0)).indication is PASSED
    assert desk.verdict(packed(backwards)).indication is PASSED
    assert desk.verdict(archive(entries(parts))).indication is PASSED


def test_the_order_of_relationships_and_blanks_between_them_do_not_matter(desk, seal):
    parts = signed(seal)
    rels = parts[DOCUMENT_RELS]
    start, end = rels.index(b"<Relationship "), rels.index(b"</Relationships>")
    lines = rels[start:end].replace(b"/><", b"/>\n  <!-- x --><").split(b"\n")
    shuffled = rels[:start] + b"\n".join(reversed(lines)) + rels[end:]

    assert desk.verdict(packed({**parts, DOCUMENT_RELS: shuffled})).indication is PASSED


def test_a_spelt_out_internal_target_is_the_same(desk, seal):
    parts = signed(seal)
    spelt = parts[DOCUMENT_RELS].replace(b'Target="styles.xml"', b'Target="styles.xml" TargetMode="Internal"')

    assert desk.verdict(packed({**parts, DOCUMENT_RELS: spelt})).indication is PASSED


def test_a_package_written_as_a_stream_passes(desk, seal):
    """Sums behind the data, as Java and .NET write them."""
    made = []
    for name, content in signed(seal).items():
        plain = Entry(name, content)
        sums = struct.pack("<3L", zlib.crc32(content), len(plain.body), len(content))
        zeros = {"crc": 0, "packed": 0, "size": 0}
        made.append(Entry(name, content, both={"flags": 8}, local=zeros, behind=b"PK\x07\x08" + sums))

    assert desk.verdict(archive(made)).indication is PASSED


def test_the_signer_puts_out_what_went_in(seal):
    parts = signed(seal)

    assert unpacked_parts(packed(parts)) == parts
    assert {n: parts[n] for n in (DOCUMENT, DOCUMENT_RELS)}.items() <= office_parts("docx").items()


def test_signing_needs_a_method_for_key_and_digest(seal):
    with pytest.raises(KeyError):
        signed_package(office_parts("docx"), seal, PackageSignature(signed_at=AT, digest="sha384"))


def test_the_report_reads_in_vietnamese(desk, seal):
    text = desk.verdict(packed(signed(seal))).to_text_vi()

    assert "Kết luận: HỢP LỆ" in text
    assert "bao phủ: một phần" in text
    assert FAILED.headline_vi not in text


def test_a_signature_part_alone_is_a_sound_xml_signature(desk, seal):
    """Its default namespace and inclusive canonicalization are those of many XML signatures."""
    report = desk.verdict(signed(seal)[SIGNATURE])

    assert (report.kind, report.signatures[0].integrity) == (DocumentKind.XML, True)


def test_a_signature_over_all_relationships_of_the_package_passes(desk, seal):
    """Also those to the properties, which themselves may change."""
    parts = signed(seal)
    rels = parts["_rels/.rels"]
    whole = reference_xml(f"/_rels/.rels?ContentType={RELATIONSHIPS_TYPE}", rels, "sha256")
    honest = pieces(parts, seal)["package_object"]
    start = honest.index('<Reference URI="/_rels/.rels')
    by_bytes = honest[:start] + whole + honest[honest.index("</Reference>", start) + len("</Reference>") :]
    report = desk.verdict(packed({**parts, SIGNATURE: resigned(parts, seal, package_object=by_bytes)}))

    assert (report.indication, codes(report)) == (PASSED, [])
