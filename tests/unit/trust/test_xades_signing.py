"""XAdES signatures made here: B-B by the signer's word, B-T by an authority's; other tools and attacks."""

import base64
import shutil
import subprocess

import pytest
from asn1crypto import cms
from cryptography import x509
from lxml import etree
from signxml import XMLVerifier

from ebrvt_connect import api
from ebrvt_connect.errors import InvalidValue, RetryLater, explain
from ebrvt_connect.testing.sample_signed import result_paper_xml
from ebrvt_connect.transport.signing_cms import sign_cms
from ebrvt_connect.transport.signing_xml import sign_xml
from ebrvt_connect.transport.timestamp import TimestampClient
from ebrvt_connect.trust.policy import ETSI_STRICT, VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.xades_claims import stamped_octets, with_timestamp
from tests.unit.trust.samples import AGENCY, AT, EARLY, gap_of

PASSED, UNCLEAR, FAILED = Indication
DS, XADES = "{http://www.w3.org/2000/09/xmldsig#}", "{http://uri.etsi.org/01903/v1.3.2#}"
PAPER = '<kq xmlns="urn:kq" xmlns:b="urn:b">\n  <so b:x="1">12 &#13; ữ</so>\n</kq>'.encode()
DOWN = explain("TEST_TSA_GONE", "Mất đường truyền.", "Thử lại.")


@pytest.fixture(scope="module")
def leader(pki):
    return pki.signer(AGENCY, role="person")


@pytest.fixture
def signed(desk, seal):
    return sign_xml(PAPER, seal, signed_at=AT, timestamper=desk.stamped())


def needs(tool, package):
    return pytest.mark.skipif(
        shutil.which(tool) is None, reason=f"{tool} is not installed: sudo apt-get install {package}"
    )


def token_in(document):
    return base64.b64decode(etree.fromstring(document).find(f".//{XADES}EncapsulatedTimeStamp").text)


def codes(report):
    return {finding.code for finding in report.all_findings()}


# --- levels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "paper", [PAPER, b'<kq Id="k-1"><so/></kq>', b"<?xml version='1.0'?>\n<a/>"], ids=["whole", "Id", "bare"]
)
@pytest.mark.parametrize("stamped", [False, True], ids=["B-B", "B-T"])
def test_a_signature_is_as_good_as_its_proof_of_time(desk, seal, paper, stamped):
    stamper = desk.stamped() if stamped else None

    [signature] = desk.verdict(sign_xml(paper, seal, signed_at=AT, timestamper=stamper)).signatures

    assert signature.indication is PASSED
    assert (signature.format, signature.level) == ("XAdES", "B-T" if stamped else "B-B")
    assert (signature.claimed_time, signature.coverage.level) == (AT, "entire_file")
    assert signature.best_time.proof == ("timestamp" if stamped else "claimed")


def test_strict_rules_pass_with_a_timestamp_alone(desk, seal, signed):
    without = sign_xml(PAPER, seal, signed_at=AT)

    assert desk.verdict(signed, policy=ETSI_STRICT).indication is PASSED
    assert desk.verdict(without, policy=ETSI_STRICT).indication is UNCLEAR


def test_several_sign_one_part_each_with_a_timestamp_of_their_own(desk, seal, leader):
    paper = result_paper_xml("Giấy phép", {"Số": "12"})
    for signer in (leader, seal, seal):  # the last two in the same second
        paper = sign_xml(paper, signer, signed_at=AT, part_id="noi-dung", timestamper=desk.stamped())

    report = desk.verdict(paper)

    assert report.indication is PASSED
    assert [s.level for s in report.signatures] == ["B-T"] * 3
    ids = etree.fromstring(paper).xpath("//@Id")
    assert len(ids) == len(set(ids))


def test_a_part_that_readers_cannot_take_out_is_not_signed(seal):
    """Our own verdict called it malformed: with text right behind the part no reader in use gets it alone."""
    paper = b'<kq><muc Id="m-1">a</muc> va <muc Id="m-2">b</muc>\n</kq>'

    with pytest.raises(ValueError, match="right behind"):
        sign_xml(paper, seal, signed_at=AT, part_id="m-1")
    assert sign_xml(paper, seal, signed_at=AT, part_id="m-2")


def test_the_same_is_signed_the_same(seal):
    """A remote service whose reply was lost recognises what it has signed."""
    assert len({sign_xml(PAPER, seal, signed_at=AT) for _ in range(2)}) == 1


# --- without an authority --------------------------------------------------------------------------------


def test_without_a_timestamp_nothing_is_signed_unless_asked(desk, seal):
    def down(_):
        raise RetryLater(DOWN, "line down")

    told = []
    with pytest.raises(RetryLater):
        sign_xml(PAPER, seal, signed_at=AT, timestamper=TimestampClient(down))
    out = sign_xml(PAPER, seal, signed_at=AT, timestamper=TimestampClient(down), on_unstamped=told.append)

    assert [reason.code for reason in told] == ["TEST_TSA_GONE"]
    assert desk.verdict(out).signatures[0].level == "B-B"


# --- attacks -------------------------------------------------------------------------------------------


def test_a_timestamp_of_another_signature_proves_nothing(desk, seal, leader, signed):
    """Made of another's value, it would let an old signature pass for one of that time."""
    other = sign_xml(PAPER, leader, signed_at=EARLY)

    report = desk.verdict(with_timestamp(other, token_in(signed)))

    assert "TIMESTAMP_BROKEN" in codes(report)
    assert report.indication is not PASSED
    assert report.signatures[0].level == "B-B"


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"<xades:SigningTime>2026-11-23T08", b"<xades:SigningTime>2026-11-22T08"),
        (b"text/xml", b"text/png"),
        ("ữ".encode(), "ử".encode()),
    ],
    ids=["time", "kind", "content"],
)
def test_what_was_signed_cannot_be_changed(desk, signed, was, becomes):
    assert was in signed

    assert desk.verdict(signed.replace(was, becomes, 1)).indication is FAILED


def test_a_property_nobody_signed_is_not_believed(desk, signed):
    claim = b"<xades:UnsignedSignatureProperties><xades:SigningTime>2020-01-01T00:00:00Z</xades:SigningTime>"

    report = desk.verdict(signed.replace(b"<xades:UnsignedSignatureProperties>", claim, 1))

    assert report.indication is not PASSED
    assert report.signatures[0].claimed_time in (None, AT)


def test_only_a_xades_signature_without_a_timestamp_can_get_one(seal, signed):
    from ebrvt_connect.trust.xmldsig import sign_whole

    for paper in (PAPER, sign_whole(PAPER, seal), b"<a", b"<a/>"):
        with pytest.raises(ValueError, match=r"XAdES|stamped"):
            stamped_octets(paper)
    with pytest.raises(ValueError, match="unsigned properties"):
        with_timestamp(signed, token_in(signed))


def test_a_time_without_offset_is_a_mistake(seal):
    for paper, part in ((PAPER, ""), (result_paper_xml("A", {"B": "C"}), "noi-dung")):
        with pytest.raises(ValueError, match="aware"):
            sign_xml(paper, seal, signed_at=AT.replace(tzinfo=None), part_id=part)


# --- what others say -------------------------------------------------------------------------------------


@needs("xmlsec1", "xmlsec1")
@pytest.mark.parametrize(
    "change", [None, (b"text/xml", b"text/png"), (b"12", b"13")], ids=["sound", "a", "b"]
)
def test_xmlsec_agrees(desk, pki, signed, tmp_path, change):
    data = signed.replace(*change, 1) if change else signed
    (tmp_path / "signed.xml").write_bytes(data)
    trusted = [
        "--trusted-pem", pki.trust_folder / "government" / "root.crt",
        "--untrusted-pem", pki.trust_folder / "intermediate" / "issuer.crt",
    ]  # fmt: skip
    named = ["--id-attr:Id", f"{XADES[1:-1]}:SignedProperties"]

    ended = subprocess.run(
        ["xmlsec1", "--verify", *trusted, *named, tmp_path / "signed.xml"], capture_output=True, check=False
    )

    assert (ended.returncode == 0) is (desk.verdict(data).indication is PASSED) is (change is None)


def test_signxml_agrees(signed, seal):
    certificate = x509.load_der_x509_certificate(seal.certificates_der[0])

    results = XMLVerifier().verify(signed, x509_cert=certificate, expect_references=2)

    assert [r.signed_xml.tag for r in results] == ["{urn:kq}kq", f"{XADES}SignedProperties"]


def cms_token(signed_data):
    attributes = signed_data["signer_infos"][0]["unsigned_attrs"]
    [stamp] = [a for a in attributes if a["type"].native == "signature_time_stamp_token"]
    return stamp["values"][0].dump(), signed_data["signer_infos"][0]["signature"].native


def made_as_xml(desk, seal, signed):
    return token_in(signed), stamped_octets(signed)


def made_as_cms(desk, seal, signed):
    data = sign_cms(b"so lieu", [seal], signed_at=AT, timestamper=desk.stamped())
    assert desk.verdict(data).signatures[0].level == "B-T"
    return cms_token(cms.ContentInfo.load(data)["content"])


def made_as_pdf(desk, seal, signed):
    pdf = desk.signed(timestamper=desk.stamped())
    assert desk.verdict(pdf).signatures[0].level == "B-T"
    start, end = gap_of(pdf)
    return cms_token(cms.ContentInfo.load(bytes.fromhex(pdf[start + 1 : end - 1].decode()))["content"])


@needs("openssl", "openssl")
@pytest.mark.parametrize("made", [made_as_xml, made_as_cms, made_as_pdf])
def test_openssl_verifies_the_timestamp_over_the_value(desk, pki, seal, signed, tmp_path, made):
    token, about = made(desk, seal, signed)
    (tmp_path / "token").write_bytes(token)
    anchor = pki.trust_folder / "tsa" / "root.crt"

    def verified(data):
        (tmp_path / "data").write_bytes(data)
        command = [
            "openssl",
            "ts",
            "-verify",
            "-token_in",
            "-in",
            "token",
            "-data",
            "data",
            "-CAfile",
            anchor,
        ]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert verified(about)
    assert not verified(about + b" ")


# --- the library's door ----------------------------------------------------------------------------------


def test_the_library_signs_three_formats_and_refuses_a_lapsed_certificate_in_each(desk, pki, seal):
    paper = api.sign_xml(PAPER, seal, signed_at=AT, timestamper=desk.stamped())
    beside = api.sign_cms(b"x", [seal], signed_at=AT, detached=True, timestamper=desk.stamped())

    assert desk.verdict(paper).indication is PASSED
    judged = api.verify(beside, policy=VN_2025, trust=desk.trust, at=AT, detached={"x": b"x"})
    assert judged.indication is PASSED
    lapsed = pki.signer(AGENCY, flavour="expired")
    for sign in (
        lambda: api.sign_xml(PAPER, lapsed, signed_at=AT),
        lambda: api.sign_cms(b"x", [seal, lapsed], signed_at=AT),
        lambda: api.sign_pdf(b"%PDF", lapsed, role="agency", signed_at=AT),
    ):
        with pytest.raises(InvalidValue) as refusal:
            sign()
        assert refusal.value.code == "SIGN_CERTIFICATE_EXPIRED"
