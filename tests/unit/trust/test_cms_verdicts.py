"""CMS files (.p7m, .p7s): content inside or beside, what can be wrong with them, and OpenSSL's word."""

import base64
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms
from asn1crypto.core import OctetString

from ebrvt_connect.testing.pki_issue import CRL_ISSUED_AT
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.samples import AGENCY, AT, EARLY, CopiedTimestamps, flipped_at, plain_pdf
from tests.unit.trust.xml_samples import codes

PASSED, UNCLEAR, FAILED = Indication
CONTENT = plain_pdf()
LATE = AT.replace(year=2027)


@pytest.fixture(scope="module")
def both(pki):
    return [pki.signer(AGENCY, role="person"), pki.signer(AGENCY)]


@pytest.fixture(scope="module")
def p7m(both):
    return signed_cms(CONTENT, both, signed_at=AT)


@pytest.fixture(scope="module")
def p7s(both):
    return signed_cms(CONTENT, both[1:], signed_at=AT, detached=True)


@pytest.fixture
def judge(desk):
    def run(data, *, at=AT, name="", **detached):
        given = {key.replace("_", "."): value for key, value in detached.items()}
        return verify_bytes(data, policy=VN_2025, trust=desk.trust, at=at, detached=given, name=name)

    return run


def rewritten(data, change):
    """The file with its SignedData changed; what stays keeps its encoding."""
    content = cms.ContentInfo.load(data)["content"]
    change(content)
    return cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()


# --- sound files ---------------------------------------------------------------------------------------


def test_content_inside_with_two_signers_passes(judge, p7m):
    report = judge(p7m)

    assert (report.indication, report.kind, codes(report)) == (PASSED, "cms", [])
    # A set: the encoding orders the signers, not the hour.
    assert {s.role for s in report.signatures} == {"person", "agency"}
    first = report.signatures[0]
    assert (first.format, first.integrity, first.coverage.level) == ("CMS", True, "entire_file")
    assert first.coverage.covered == ("nội dung trong tệp",)
    assert (first.best_time.proof, first.claimed_time) == ("claimed", AT)
    assert first.certificate_valid_at_best_time is True


def test_content_beside_passes_with_it(judge, p7s):
    report = judge(p7s, giay_pdf=CONTENT)

    assert (report.indication, codes(report)) == (PASSED, [])
    assert (report.signatures[0].format, report.signatures[0].coverage.covered) == (
        "CMS detached",
        ("giay.pdf",),
    )


def test_a_timestamp_proves_the_time(desk, judge, both):
    data = signed_cms(CONTENT, both, signed_at=AT, timestamper=desk.stamped())

    report = judge(data, at=LATE)

    assert report.indication is PASSED
    assert {s.best_time.proof for s in report.signatures} == {"timestamp"}
    assert report.signatures[0].timestamps[0].valid is True


def test_a_copied_timestamp_is_told(desk, judge, both):
    data = signed_cms(CONTENT, both[:1], signed_at=AT, timestamper=CopiedTimestamps(desk.stamped()))

    assert codes(judge(data)) == ["TIMESTAMP_BROKEN"]


def test_plain_cms_without_the_bound_certificate_passes_with_a_warning(judge, both):
    report = judge(signed_cms(CONTENT, both, signed_at=AT, cades=False))

    assert report.indication is PASSED


@pytest.mark.parametrize(
    "armour",
    [
        lambda b: b"-----BEGIN PKCS7-----\n" + b + b"-----END PKCS7-----\n",
        lambda b: b"-----BEGIN CMS-----\r\n" + b.replace(b"\n", b"\r\n") + b"-----END CMS-----",
        lambda b: b,
        lambda b: b.replace(b"\n", b""),
        lambda b: (
            b"MIME-Version: 1.0\nContent-Type: application/pkcs7-mime; smime-type=signed-data\n"
            b"Content-Transfer-Encoding: base64\n\n" + b
        ),
    ],
    ids=["PEM PKCS7", "PEM CMS", "Base64", "one line", "S/MIME"],
)
def test_armour_makes_no_difference(judge, p7m, armour):
    report = judge(armour(base64.encodebytes(p7m)))

    assert (report.kind, report.indication) == ("cms", PASSED)


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"-----BEGIN PKCS7-----\n" + b,
        lambda b: b"-----BEGIN PKCS7-----\n" + b + b"-----END PKCS7-----\nmore",
        lambda b: b + b"!",
        lambda b: b"Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n" + b,
    ],
)
def test_damaged_armour_has_not_passed(judge, p7m, damage):
    report = judge(damage(base64.encodebytes(p7m)))

    assert (report.kind, report.indication) == ("cms", FAILED)


def test_a_letter_signed_beside_its_body_is_not_judged_and_says_so(judge):
    report = judge(b'MIME-Version: 1.0\nContent-Type: multipart/signed; boundary="x"\n\n--x\n\nbody\n--x--\n')

    assert (report.kind, codes(report)) == ("cms", ["KIND_NOT_JUDGED_YET"])


# --- which content -------------------------------------------------------------------------------------


def test_a_detached_signature_without_its_content_is_undecided(judge, p7s):
    report = judge(p7s)

    assert (report.indication, codes(report)) == (UNCLEAR, ["DETACHED_CONTENT_MISSING"])
    assert (report.signatures[0].integrity, report.signatures[0].coverage.level) == (False, "none")
    assert report.signatures[0].signer.cn


def test_of_several_contents_the_one_of_that_name_is_meant(judge, p7s):
    report = judge(p7s, name="hoso/giay.pdf.p7s", giay_pdf=CONTENT, khac_pdf=b"x")

    assert [s.indication for s in report.signatures] == [PASSED]
    assert codes(report) == ["DETACHED_CONTENT_NOT_COVERED"]


def test_of_several_contents_without_a_name_none_is_meant(judge, p7s):
    report = judge(p7s, giay_pdf=CONTENT, khac_pdf=b"x")

    assert "DETACHED_CONTENT_MISSING" in codes(report)
    assert report.indication is UNCLEAR


def test_content_given_beside_content_inside_must_be_the_same(judge, p7m):
    assert judge(p7m, giay_pdf=CONTENT).indication is PASSED
    assert codes(judge(p7m, giay_pdf=b"x")) == ["DETACHED_CONTENT_NOT_COVERED"]


def test_content_given_beside_a_file_that_is_no_cms_is_not_covered(judge, desk):
    assert codes(judge(desk.issued(), giay_pdf=b"x")) == ["DETACHED_CONTENT_NOT_COVERED"]


def test_another_content_does_not_fit(judge, p7s):
    report = judge(p7s, giay_pdf=CONTENT + b" ")

    assert (report.indication, codes(report)) == (FAILED, ["HASH_MISMATCH"])


# --- what is wrong with it -----------------------------------------------------------------------------


def second_lies(content):
    value = bytearray(content["signer_infos"][1]["signature"].native)
    value[40] ^= 1
    content["signer_infos"][1]["signature"] = bytes(value)


def content_replaced(content):
    content["encap_content_info"] = {"content_type": "data", "content": b"khac"}


def no_certificates(content):
    content["certificates"] = cms.CertificateSet([])


def no_attributes(content):
    signer = content["signer_infos"][0]
    content["signer_infos"] = cms.SignerInfos(
        [cms.SignerInfo({k: signer[k] for k in signer.native if k not in {"signed_attrs", "unsigned_attrs"}})]
    )


def without_attribute(name):
    def change(content):
        signer = content["signer_infos"][0]
        kept = [a for a in signer["signed_attrs"] if a["type"].native != name]
        signer["signed_attrs"] = cms.CMSAttributes(kept)

    return change


def digest_named_sha1(content):
    content["signer_infos"][0]["digest_algorithm"] = {"algorithm": "sha1"}


def digest_nobody_knows(content):
    content["signer_infos"][0]["digest_algorithm"] = {"algorithm": "1.2.3.4"}


def other_content_type(content):
    content["encap_content_info"] = {"content_type": "digested_data"}


@pytest.mark.parametrize(
    ("change", "expected", "code"),
    [
        (second_lies, FAILED, "SIGNATURE_VALUE_WRONG"),
        (content_replaced, FAILED, "HASH_MISMATCH"),
        (no_certificates, UNCLEAR, "SIGNER_CERTIFICATE_MISSING"),
        (no_attributes, FAILED, "CMS_MALFORMED"),
        (without_attribute("content_type"), FAILED, "CMS_MALFORMED"),
        (without_attribute("message_digest"), FAILED, "CMS_MALFORMED"),
        (without_attribute("signing_time"), FAILED, "SIGNATURE_VALUE_WRONG"),
        (digest_named_sha1, FAILED, "HASH_MISMATCH"),
        (digest_nobody_knows, FAILED, "CMS_MALFORMED"),
    ],
)
def test_what_is_wrong_is_found(judge, p7m, change, expected, code):
    report = judge(rewritten(p7m, change))

    assert report.indication is expected
    assert code in codes(report)


def test_the_other_signer_is_still_told(judge, p7m):
    report = judge(rewritten(p7m, second_lies))

    assert [s.indication for s in report.signatures] == [PASSED, FAILED]


@pytest.mark.parametrize(
    ("flavour", "code"),
    [
        ("impostor", "ISSUER_NAME_IMITATED"),
        ("revoked", "REVOKED_NO_PROOF"),
        ("expired", "EXPIRED_SINCE_NO_PROOF"),
        ("weak", "WEAK_KEY"),
    ],
)
def test_a_certificate_is_judged_as_for_a_pdf(judge, pki, flavour, code):
    report = judge(signed_cms(CONTENT, [pki.signer(AGENCY, flavour=flavour)], signed_at=AT))

    assert codes(report)[0] == code
    assert report.indication is not PASSED


def test_revoked_later_passes_with_a_timestamp_only(desk, judge, pki):
    revoked = [pki.signer(AGENCY, flavour="revoked")]
    stamped = signed_cms(CONTENT, revoked, signed_at=EARLY, timestamper=desk.stamped(EARLY))
    bare = signed_cms(CONTENT, revoked, signed_at=EARLY)

    assert judge(stamped, at=CRL_ISSUED_AT.replace(year=2020)).indication is PASSED
    assert codes(judge(bare)) == ["REVOKED_NO_PROOF"]


def test_sha1_is_undecided(judge, both):
    report = judge(signed_cms(CONTENT, both[:1], signed_at=AT, digest="sha1", cades=False))

    assert (report.indication, codes(report)) == (UNCLEAR, ["WEAK_DIGEST"])


def test_the_signing_certificate_attribute_must_name_the_certificate(judge, pki, both):
    """The seal's key and attributes with the leader's identifier in front."""
    leader = cms.ContentInfo.load(signed_cms(CONTENT, both[:1], signed_at=AT))["content"]

    def swap(content):
        content["certificates"] = leader["certificates"]
        content["signer_infos"][0]["sid"] = leader["signer_infos"][0]["sid"]

    report = judge(rewritten(signed_cms(CONTENT, both[1:], signed_at=AT), swap))

    assert "SIGNER_CERTIFICATE_MISMATCH" in codes(report)


def test_a_countersignature_is_told_as_not_judged(judge, p7m):
    def countersign(content):
        signer = content["signer_infos"][0]
        attribute = cms.CMSAttribute({"type": "counter_signature", "values": [signer.copy()]})
        signer["unsigned_attrs"] = cms.CMSAttributes([attribute])

    report = judge(rewritten(p7m, countersign))

    assert report.indication is PASSED
    assert "COUNTERSIGNATURE_NOT_JUDGED" in [f.code for f in report.all_findings()]


def test_more_signers_than_anybody_has(judge, p7m):
    def many(content):
        content["signer_infos"] = cms.SignerInfos([content["signer_infos"][0]] * 51)

    assert codes(judge(rewritten(p7m, many))) == ["CMS_TOO_MANY_SIGNERS"]


def test_a_bundle_of_certificates_is_unsigned(judge, p7m):
    def nobody(content):
        content["signer_infos"] = cms.SignerInfos([])
        content["encap_content_info"] = {"content_type": "data"}

    report = judge(rewritten(p7m, nobody))

    assert (report.indication, codes(report)) == (UNCLEAR, ["SIGNED_DATA_NOT_FOUND"])


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d + b"\0",
        lambda d: d + b"more",
        lambda d: d[:-1],
        lambda d: d[:60],
        lambda d: d[:15],
        lambda d: rewritten(d, other_content_type),
        lambda d: bytes.fromhex("3080" * 2000) + d,
        lambda d: d[:15] + bytes.fromhex("3080" * 2000),
    ],
)
def test_a_damaged_object_has_not_passed(judge, p7m, damage):
    report = judge(damage(p7m))

    assert report.indication is FAILED
    assert report.signatures == () or not report.signatures[0].integrity


def test_no_flipped_byte_passes_unless_nothing_signed_changed(judge, p7s):
    """Certificates that merely came along, unsigned attributes and padding aside, every byte matters."""
    signer = cms.ContentInfo.load(p7s)["content"]["signer_infos"][0]
    for part in (signer["signed_attrs"].contents, signer["signature"].native):
        start = p7s.index(part)
        for place in range(start, start + len(part), 7):
            assert judge(flipped_at(p7s, place), giay_pdf=CONTENT).indication is not PASSED, place


@pytest.mark.parametrize("mark", [b"%PDF-1.7\n", b"startxref\n0\n%%EOF\n"])
def test_a_cms_file_that_a_pdf_reader_would_open_has_not_passed(judge, both, mark):
    """Unsigned attributes stand last in the file, where a PDF reader starts."""

    def pose(content):
        attribute = cms.CMSAttribute({"type": "1.2.3.4", "values": [OctetString(mark)]})
        content["signer_infos"][-1]["unsigned_attrs"] = cms.CMSAttributes([attribute])

    report = judge(rewritten(signed_cms(CONTENT, both, signed_at=AT), pose))

    assert (report.indication, codes(report)) == (FAILED, ["PDF_HEADER_MISPLACED", "CMS_ATTRIBUTE_UNKNOWN"])


# --- agreement with OpenSSL ----------------------------------------------------------------------------

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@openssl
@pytest.mark.parametrize("tampered", [False, True])
@pytest.mark.parametrize("detached", [False, True])
def test_openssl_agrees_on_what_is_signed_here(tmp_path, pki, judge, both, detached, tampered):
    data = signed_cms(CONTENT, both, signed_at=AT, detached=detached)
    content = CONTENT.replace(b"mau", b"xau") if tampered else CONTENT
    if tampered and not detached:
        data = data.replace(CONTENT, content)
    (tmp_path / "signed").write_bytes(data)
    (tmp_path / "content").write_bytes(content)
    beside = ["-content", tmp_path / "content"] if detached else []
    root = pki.trust_folder / "government" / "root.crt"

    command = ["openssl", "cms", "-verify", "-binary", "-purpose", "any", "-inform", "DER", "-CAfile", root]
    ended = subprocess.run(
        [*command, "-in", tmp_path / "signed", "-out", tmp_path / "out", *beside],
        capture_output=True,
        check=False,
    )

    report = judge(data, giay_pdf=content) if detached else judge(data)
    assert (ended.returncode == 0) is (report.indication is PASSED) is (not tampered)


@openssl
@pytest.mark.parametrize("form", [["-nodetach"], ["-nodetach", "-stream", "-indef"], ["-nodetach", "-keyid"]])
@pytest.mark.parametrize("size", [1_000, 100_000])
def test_what_openssl_signs_passes_here_in_ber_too(tmp_path, pki, judge, form, size):
    """`-stream` writes indefinite lengths and the content in pieces."""
    content = b"x" * size
    keys = pki.folder / "keys" / f"{AGENCY}-agency-good.pem"
    issuer = pki.trust_folder / "intermediate" / "issuer.crt"
    (tmp_path / "content").write_bytes(content)
    command = ["openssl", "cms", "-sign", "-binary", "-signer", keys, "-inkey", keys, "-certfile", issuer]
    subprocess.run(
        [*command, *form, "-in", tmp_path / "content", "-outform", "DER", "-out", tmp_path / "signed"],
        capture_output=True,
        check=True,
    )
    data = (tmp_path / "signed").read_bytes()
    later = max(AT, datetime.now(UTC) + timedelta(minutes=5))  # it writes the time of its clock

    assert judge(data, at=later).indication is PASSED
    assert judge(data.replace(b"x" * 100, b"x" * 99 + b"y", 1), at=later).indication is FAILED


@pytest.mark.parametrize("detached", [True, False], ids=["beside", "inside"])
def test_a_signature_over_nothing_passes_nothing(judge, both, detached):
    """A seal over an empty file was valid, while the file itself had failed."""
    data = signed_cms(b"", both, signed_at=AT, detached=detached)

    report = judge(data, giay_pdf=b"") if detached else judge(data)

    assert (report.indication, codes(report)) == (UNCLEAR, ["SIGNED_CONTENT_EMPTY"])
    assert all(signature.integrity for signature in report.signatures)
