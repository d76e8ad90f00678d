"""With what nothing is signed: certificates our own verdict would refuse, and PDFs that admit no more."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pikepdf
import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.signers.functions import sign_pdf as pyhanko_sign
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata

from ebrvt_connect.api import VN_2025, sign_cms, verify
from ebrvt_connect.errors import HeldForPerson, InvalidValue
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.transport.signing_certificate import check_certificate
from ebrvt_connect.transport.signing_cms import CmsSigner
from ebrvt_connect.transport.signing_cms import sign_cms as sign_unchecked
from ebrvt_connect.transport.signing_pdf import sign_pdf

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
AGENCY = "000.00.15.H06"
DAY = timedelta(days=1)
USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
          "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return SandboxPki.open(tmp_path_factory.mktemp("certificate") / "pki", {AGENCY: "Sở mẫu"})


@pytest.fixture(scope="module")
def letter():
    return letter_pdf(Letter("Sở mẫu", "1", "CV-STTTT", "V/v thử nghiệm"))


@pytest.fixture(scope="module")
def certified(pki):
    """A signer whose certificate has these usages and purposes."""
    issuer = pki.identity("issuer")

    def make(usage=("digital_signature",), purposes=(), *, since=AT - DAY, until=AT + DAY):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Người ký mẫu")]))
            .issuer_name(issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
        )
        if usage is not None:
            named = x509.KeyUsage(**{name: name in usage for name in USAGES})
            builder = builder.add_extension(named, critical=True)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
        made = builder.sign(issuer.key, hashes.SHA256())
        return KeySigner(asn1_x509.Certificate.load(made.public_bytes(Encoding.DER)), key)

    return make


FIT = [
    (("digital_signature",), ()),
    (("content_commitment",), ()),
    (("digital_signature",), (ExtendedKeyUsageOID.EMAIL_PROTECTION,)),
    (("digital_signature",), (ExtendedKeyUsageOID.CLIENT_AUTH,)),
]
UNFIT = [
    (None, ()),
    (("key_encipherment",), ()),
    (("key_cert_sign", "crl_sign"), ()),
    (("digital_signature",), (ExtendedKeyUsageOID.TIME_STAMPING,)),
    (("digital_signature",), (ExtendedKeyUsageOID.OCSP_SIGNING,)),
    (("digital_signature",), (ExtendedKeyUsageOID.SERVER_AUTH,)),
]


@pytest.mark.parametrize(("usage", "purposes"), [*FIT, *UNFIT])
def test_who_may_sign_is_who_our_own_verdict_takes_for_a_signer(certified, pki, usage, purposes):
    """One without key usage, or of a timestamp authority, was signed with, and refused when read."""
    signer = certified(usage, purposes)

    made = sign_unchecked(b"x", [signer], signed_at=AT)
    report = verify(made, policy=VN_2025, trust=pki.trust_store(), at=AT)
    wrong = "KEY_USAGE_WRONG" in {finding.code for finding in report.all_findings()}

    assert wrong is ((usage, purposes) in UNFIT)
    if not wrong:
        assert sign_cms(b"x", [signer], signed_at=AT)
        return
    with pytest.raises(InvalidValue) as refusal:
        sign_cms(b"x", [signer], signed_at=AT)
    assert refusal.value.code == "SIGN_CERTIFICATE_NOT_FOR_SIGNING"


@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        (AT - DAY, AT - timedelta(seconds=1), "SIGN_CERTIFICATE_EXPIRED"),
        (AT + timedelta(seconds=1), AT + DAY, "SIGN_CERTIFICATE_NOT_YET_VALID"),
    ],
)
def test_a_certificate_out_of_its_time_signs_nothing(certified, since, until, code):
    with pytest.raises(InvalidValue) as refusal:
        check_certificate(certified(since=since, until=until), AT)

    assert refusal.value.code == code
    assert "“Người ký mẫu”" in refusal.value.sentence_vi
    assert "23/11/2026 0" in refusal.value.sentence_vi, "Vietnam's time"


def test_to_the_second_it_is_valid(certified):
    check_certificate(certified(since=AT, until=AT), AT)
    with pytest.raises(ValueError, match="aware"):
        check_certificate(certified(), AT.replace(tzinfo=None))


def certified_pdf(pdf, signer, permissions):
    meta = PdfSignatureMetadata(
        field_name="Dau", md_algorithm="sha256", certify=True, docmdp_permissions=permissions
    )
    return pyhanko_sign(IncrementalPdfFileWriter(BytesIO(pdf)), meta, CmsSigner(signer)).getvalue()


def encrypted(pdf):
    buffer = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.save(buffer, encryption=pikepdf.Encryption(owner="a", user=""))
    return buffer.getvalue()


def test_a_pdf_that_admits_no_more_says_why(pki, letter):
    """The library told "SigningError" and advised to export the document again."""
    seal = pki.signer(AGENCY)
    for pdf, why in (
        (certified_pdf(letter, seal, MDPPerm.NO_CHANGES), "DocMDP 1"),
        (encrypted(letter), "mật khẩu"),
    ):
        with pytest.raises(HeldForPerson) as refusal:
            sign_pdf(pdf, seal, role="agency", signed_at=AT)
        assert refusal.value.code == "DOCUMENT_CANNOT_BE_SIGNED"
        assert why in refusal.value.explanation_vi
    assert sign_pdf(certified_pdf(letter, seal, MDPPerm.FILL_FORMS), seal, role="agency", signed_at=AT)
