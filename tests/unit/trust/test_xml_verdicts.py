"""Sound XML signatures and each thing that can be unclear about one: certificate, time, coverage, form."""

from datetime import UTC, datetime

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import DigestAlgorithm, SignatureMethod, XMLSigner, methods

from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_xml
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.trust.anchors import store_of_anchors
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication, SignatureRole
from ebrvt_connect.trust.verify import verify_bytes
from ebrvt_connect.trust.xml_packet import signed_packet
from ebrvt_connect.trust.xmldsig import sign_packet, sign_part
from tests.unit.trust.samples import AGENCY, AT
from tests.unit.trust.xml_samples import (
    DS,
    EXCLUSIVE,
    INCLUSIVE,
    NS,
    TAG,
    VECTORS,
    codes,
    in_soap,
    packet,
    reference,
    resigned,
    signature,
    with_signature,
    x509_data,
)

PASSED, UNCLEAR, FAILED = Indication
SAMPLE = (VECTORS / "sample_submit.xml").read_bytes()
REFORMATTED = (VECTORS / "signature_broken_by_pretty_printing.xml").read_bytes()
SAMPLE_TRUST = store_of_anchors([(VECTORS / "sample_submit.crt.pem").read_bytes()])


@pytest.fixture(scope="module")
def identity(pki):
    return pki.identity(f"{AGENCY}-agency-good")


@pytest.fixture(scope="module")
def signed(seal):
    return sign_packet(packet(), seal, reference_id="pkt-1")


def warnings(report):
    return [f.code for f in report.all_findings() if f.severity == "warning"]


# --- the published sample ----------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [True, False], ids=["cut out", "in its envelope"])
def test_the_sample_verifies(cut):
    data = SAMPLE
    if cut:
        data = etree.tostring(etree.fromstring(SAMPLE).find(f".//{TAG}"), with_tail=False)

    report = verify_bytes(data, policy=VN_2025, trust=SAMPLE_TRUST, at=AT)
    verdict = signed_packet(data, tag=TAG, policy=VN_2025, trust=SAMPLE_TRUST, at=AT)

    expected = (PASSED, []) if cut else (UNCLEAR, ["XML_CONTENT_UNSIGNED"])
    assert (report.indication, codes(report)) == expected
    assert (verdict.report.indication, codes(verdict.report)) == (PASSED, [])
    assert report.signatures[0].coverage.level == ("entire_file" if cut else "partial")
    assert verdict.signed.element.findtext(f".//{{{NS}}}indicatorCode") == "NQ17.02"
    assert b"Signature" not in verdict.signed.data
    assert verdict.signed.certificate_sha256 == report.signatures[0].certificate.sha256


def test_the_sample_is_not_believed_without_its_pin():
    report = verify_bytes(SAMPLE, policy=VN_2025, trust=store_of_anchors([]), at=AT)

    assert (report.indication, report.sub_indications) == (UNCLEAR, ("NO_CERTIFICATE_CHAIN_FOUND",))


def test_the_reformatted_twin_does_not_verify_and_is_told_why():
    report = verify_bytes(REFORMATTED, policy=VN_2025, trust=SAMPLE_TRUST, at=AT)
    verdict = signed_packet(REFORMATTED, tag=TAG, policy=VN_2025, trust=SAMPLE_TRUST, at=AT)

    assert (report.indication, codes(verdict.report)) == (FAILED, ["SIGNATURE_VALUE_WRONG"])
    assert "XML_REFORMATTED" in [f.code for f in report.all_findings()]
    assert (verdict.report.indication, verdict.signed) == (FAILED, None)


# --- what a good signature looks like ------------------------------------------------------------------


def test_a_packet_signed_here_passes_alone_and_in_any_envelope(desk, signed):
    for data in (signed, b"\xef\xbb\xbf" + signed, in_soap(signed), in_soap(signed, header=b"<x/>")):
        verdict = signed_packet(data, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT)

        assert verdict.report.indication is PASSED
        assert verdict.signed.element.findtext(f".//{{{NS}}}value") == "21.37"


def test_the_report_says_what_a_reader_must_know(desk, signed):
    (found,) = desk.verdict(signed).signatures

    assert (found.role, found.signature_kind, found.format) == (SignatureRole.AGENCY, "government", "XMLDSig")
    assert (found.integrity, found.certificate_valid_at_best_time) == (True, True)
    assert found.algorithms.model_dump() == {
        "digest": "sha256",
        "signature": "rsassa_pkcs1v15",
        "key": "rsa-2048",
    }
    assert (found.coverage.level, found.coverage.covered, found.coverage.uncovered) == (
        "entire_file",
        ("/ReportPacket",),
        (),
    )
    assert (found.best_time.proof, found.best_time.value, found.claimed_time) == ("validation", AT, None)
    assert len(found.chain) == 3


def test_without_a_signing_time_the_check_judges_validity_and_says_so(desk, signed):
    assert {"NO_TIMESTAMP", "NO_SIGNING_TIME"} <= set(warnings(desk.verdict(signed)))


def test_an_envelope_is_told_as_unsigned(desk, signed):
    report = signed_packet(in_soap(signed), tag=TAG, policy=VN_2025, trust=desk.trust, at=AT).report

    assert report.indication is PASSED
    assert "XML_ENVELOPE_UNSIGNED" in warnings(report)
    assert report.signatures[0].coverage.covered == ("/Envelope/Body/SubmitReport/ReportPacket",)


def test_unsigned_content_beside_the_signed_is_named(desk, signed):
    data = in_soap(signed, b"<extra/>", body_attributes=b' period="x"')
    report = signed_packet(data, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT).report

    (found,) = report.signatures
    assert codes(report) == ["XML_CONTENT_UNSIGNED"]
    assert found.coverage.uncovered == ("/Envelope/Body/@period", "/Envelope/Body/SubmitReport/extra")
    assert found.integrity is True


def test_at_most_twenty_unsigned_places_are_listed(desk, signed):
    report = desk.verdict(in_soap(signed, *[b"<extra/>"] * 30))

    assert len(report.signatures[0].coverage.uncovered) == 20


def test_two_sign_the_same_part_one_after_the_other(desk, pki):
    paper = result_paper_xml("Giấy phép xây dựng & sửa chữa", {"Số": "12/GP", "Cấp cho": "Nguyễn Văn <Mẫu>"})
    report = desk.verdict(signed_xml(paper, [pki.signer(AGENCY, role="person"), pki.signer(AGENCY)]))

    assert report.indication is PASSED
    assert [s.role for s in report.signatures] == ["person", "agency"]
    assert report.signatures[0].coverage.covered == ("/ketQua/noiDung",)


def test_blanks_behind_the_signed_part_do_no_harm(desk, seal):
    paper = b'<a>\n <b Id="p">x</b>\n <c/>\n</a>'
    report = desk.verdict(sign_part(paper, seal, reference_id="p"))

    assert (codes(report), report.signatures[0].integrity) == (["XML_CONTENT_UNSIGNED"], True)


def test_a_second_signature_around_the_first_breaks_it(desk, seal, signed):
    """An enveloped signature covers everything but itself: whoever signs later changes what was signed."""
    second = signature([reference(etree.fromstring(signed))], seal)
    report = desk.verdict(with_signature(signed, second))

    assert [s.indication for s in report.signatures] == [FAILED, PASSED]
    assert report.indication is FAILED


@pytest.mark.parametrize("c14n", [INCLUSIVE, "http://www.w3.org/2006/12/xml-c14n11", EXCLUSIVE])
@pytest.mark.parametrize("uri", ["", "pkt-1"])
def test_other_tools_canonicalizations_pass(desk, identity, c14n, uri):
    signer = XMLSigner(c14n_algorithm=c14n)
    chain = [identity.certificate, *identity.chain]
    root = signer.sign(etree.fromstring(packet()), key=identity.key, cert=chain, reference_uri=uri or None)

    report = desk.verdict(etree.tostring(root))

    assert (report.indication, codes(report)) == (PASSED, [])


@pytest.mark.parametrize("inner", [INCLUSIVE, EXCLUSIVE])
def test_an_enveloping_signature_passes(desk, identity, inner):
    signer = XMLSigner(method=methods.enveloping, c14n_algorithm=inner)
    root = signer.sign(etree.fromstring("<a>noi dung</a>"), key=identity.key, cert=[identity.certificate])

    report = desk.verdict(etree.tostring(root))

    assert (report.indication, report.signatures[0].coverage.level) == (PASSED, "entire_file")


def test_an_object_nobody_signed_is_unsigned_content(desk, identity):
    signer = XMLSigner(method=methods.enveloping, c14n_algorithm=EXCLUSIVE)
    root = signer.sign(etree.fromstring("<a>noi dung</a>"), key=identity.key, cert=[identity.certificate])
    etree.SubElement(root, f"{{{DS}}}Object").text = "khac"

    assert codes(desk.verdict(etree.tostring(root))) == ["XML_CONTENT_UNSIGNED"]


@pytest.mark.parametrize(
    ("method", "mechanism"),
    [(SignatureMethod.SHA256_RSA_MGF1, "rsassa_pss"), (SignatureMethod.RSA_SHA512, "rsassa_pkcs1v15")],
)
@pytest.mark.parametrize("with_key_value", [True, False])
def test_other_methods_pass(desk, identity, method, mechanism, with_key_value):
    signer = XMLSigner(signature_algorithm=method, digest_algorithm=DigestAlgorithm.SHA3_256)
    root = signer.sign(
        etree.fromstring(packet()),
        key=identity.key,
        cert=[identity.certificate],
        always_add_key_value=with_key_value,
    )

    report = desk.verdict(etree.tostring(root))

    assert (report.indication, report.signatures[0].algorithms.signature) == (PASSED, mechanism)


def test_a_key_value_that_contradicts_the_certificate_is_refused(desk, pki, identity):
    other = pki.identity(f"{AGENCY}-person-good")
    values = [
        XMLSigner().sign(
            etree.fromstring(packet()), key=i.key, cert=[i.certificate], always_add_key_value=True
        )
        for i in (identity, other)
    ]
    ours, theirs = (v.find(f".//{{{DS}}}KeyValue") for v in values)
    ours.getparent().replace(ours, theirs)

    assert codes(desk.verdict(etree.tostring(values[0]))) == ["XML_SIGNATURE_MALFORMED"]


# --- the certificate -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flavour", "code"),
    [
        ("impostor", "ISSUER_NAME_IMITATED"),
        ("revoked", "REVOKED_NO_PROOF"),
        ("expired", "EXPIRED_SINCE_NO_PROOF"),
        ("future", "NOT_YET_VALID_AT_SIGNING"),
        ("weak", "WEAK_KEY"),
    ],
)
def test_a_certificate_is_judged_as_for_a_pdf(desk, pki, flavour, code):
    data = sign_packet(packet(), pki.signer(AGENCY, flavour=flavour), reference_id="pkt-1")

    report = desk.verdict(data)

    assert codes(report)[0] == code
    assert report.indication is not PASSED
    assert report.signatures[0].integrity is True


def test_without_revocation_lists_nothing_passes(desk, signed):
    report = desk.without_revocation_lists().verdict(signed)

    assert (report.indication, report.sub_indications) == (UNCLEAR, ("TRY_LATER",))


def test_the_leaf_is_found_whatever_the_order(desk, seal):
    turned = seal.certificates_der[::-1]
    data = resigned(seal, key_info=x509_data(turned))

    assert desk.verdict(data).indication is PASSED


def test_a_pinned_certificate_that_has_expired_does_not_pass(pki):
    expired = pki.signer(AGENCY, flavour="expired")
    trust = store_of_anchors([expired.certificates_der[0]])
    data = sign_packet(packet(), expired, reference_id="pkt-1")

    report = verify_bytes(data, policy=VN_2025, trust=trust, at=AT)

    assert (report.indication, codes(report)) == (UNCLEAR, ["EXPIRED_SINCE_NO_PROOF"])


# --- elliptic curves ----------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP521R1()], ids=lambda c: c.name)
def test_an_elliptic_curve_signs_and_verifies(curve):
    key = ec.generate_private_key(curve)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sở mẫu")])
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    signer = KeySigner(asn1_x509.Certificate.load(der), key)
    data = sign_packet(packet(), signer, reference_id="pkt-1")

    verdict = signed_packet(data, tag=TAG, policy=VN_2025, trust=store_of_anchors([der]), at=AT)

    assert verdict.report.indication is PASSED
    assert verdict.report.signatures[0].algorithms.signature == "ecdsa"


# --- files that are no signed XML ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"<a/>",
        b"<a>Signature</a>",
        b"<!DOCTYPE html><html><p>Signature<br></html>",
        b"<Signature/>",
        b"<a><Signature xmlns='urn:x'/></a>",
        b'<?xml version="1.0"?><edXML:Signature xmlns:edXML="urn:e"/>',
    ],
)
def test_xml_without_a_signature_is_unsigned(desk, data):
    report = desk.verdict(data)

    assert (report.indication, codes(report), report.signatures) == (UNCLEAR, ["SIGNED_DATA_NOT_FOUND"], ())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda x: x[:-9], "XML_UNREADABLE"),
        (lambda x: b'<?xml version="1.0" encoding="utf-16"?>' + x, "XML_UNREADABLE"),
        (lambda x: x.replace(b"21.37", b"21\xff37"), "XML_UNREADABLE"),
        (lambda x: b"<a>" * 70 + x + b"</a>" * 70, "XML_UNREADABLE"),
        (lambda x: x.replace(b"21.37", b"9" * 17_000_000), "XML_TOO_LARGE"),
    ],
)
def test_signed_xml_that_does_not_read_has_not_passed(desk, signed, change, code):
    data = change(signed)
    report = desk.verdict(data)
    verdict = signed_packet(data, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT)

    assert codes(report) == codes(verdict.report) == [code]
    assert verdict.signed is None


def test_a_packet_past_the_policys_limit_is_not_read(desk, signed):
    small = VN_2025.model_copy(update={"largest_bytes": 100})
    verdict = signed_packet(signed, tag=TAG, policy=small, trust=desk.trust, at=AT)

    assert (codes(verdict.report), verdict.signed) == (["FILE_TOO_LARGE"], None)


def test_an_unsigned_packet_is_told_as_such(desk):
    verdict = signed_packet(packet(), tag=TAG, policy=VN_2025, trust=desk.trust, at=AT)

    assert (codes(verdict.report), verdict.signed) == (["SIGNED_DATA_NOT_FOUND"], None)


def test_a_part_signed_beside_is_no_packet(desk, seal):
    wrapped = b"<w>" + packet() + b"</w>"
    data = sign_part(wrapped, seal, reference_id="pkt-1")
    verdict = signed_packet(data, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT)

    assert codes(desk.verdict(data)) == ["XML_WRAPPED_UNSIGNED"]
    assert (codes(verdict.report), verdict.signed) == (["XML_PACKET_MISPLACED"], None)


def test_a_naive_time_is_a_mistake(desk, signed):
    with pytest.raises(ValueError, match="aware"):
        signed_packet(signed, tag=TAG, policy=VN_2025, trust=desk.trust, at=AT.replace(tzinfo=None))
