"""Every digest of TT 15/2025 Phụ lục I: verified where a library can, told as not checked where none can."""

import hashlib
import shutil
import subprocess
from io import BytesIO

import pytest
from asn1crypto import algos, cms, keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko_certvalidator.registry import SimpleCertificateStore

from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.trust.policy import POLICIES
from tests.unit.trust.samples import AGENCY, AT, plain_pdf, with_signed_data
from tests.unit.trust.xml_samples import resigned

SHA2 = ["sha256", "sha384", "sha512", "sha512-224", "sha512-256"]
SHA3 = ["sha3-224", "sha3-256", "sha3-384", "sha3-512"]
openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def by_openssl(tmp_path, pki):
    """CMS of a content, signed by OpenSSL with a digest (and PSS)."""
    identity = pki.identity(f"{AGENCY}-agency-good")
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    written = {
        "key.pem": key,
        "own.pem": identity.certificate.public_bytes(Encoding.PEM),
        "chain.pem": b"".join(c.public_bytes(Encoding.PEM) for c in identity.chain),
        "content.txt": b"Van ban mau\n",
    }
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)

    def sign(digest, *, pss=False):
        padding = ["-keyopt", "rsa_padding_mode:pss"] if pss else []
        command = ["openssl", "cms", "-sign", "-binary", "-nodetach", "-in", "content.txt", "-md", digest]
        command += ["-signer", "own.pem", "-inkey", "key.pem", "-certfile", "chain.pem", *padding]
        command += ["-outform", "DER", "-out", "signed.p7m"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        return (tmp_path / "signed.p7m").read_bytes()

    return sign


def codes(report):
    return {f.code for f in report.all_findings() if f.severity == "error"}


ALGORITHMS = {"WEAK_DIGEST", "WEAK_CERTIFICATE", "WEAK_KEY", "ALGORITHM_NOT_CHECKED", "CMS_MALFORMED"}


@openssl
@pytest.mark.parametrize(
    ("digest", "pss"), [*((d, False) for d in SHA2 + SHA3), *((d, True) for d in SHA2)], ids=str
)
def test_cms_by_openssl_with_any_permitted_digest_holds(desk, by_openssl, digest, pss):
    data = by_openssl(digest, pss=pss)
    spoilt = data.replace(b"Van ban mau", b"Van ban xau", 1)
    good, bad = desk.verdict(data), desk.verdict(spoilt)

    assert (good.signatures[0].integrity, codes(good) & ALGORITHMS) == (True, set())
    assert good.signatures[0].algorithms.digest == digest.replace("-", "_")
    assert (bad.indication, "HASH_MISMATCH" in codes(bad)) == ("TOTAL_FAILED", True)


@openssl
@pytest.mark.parametrize("digest", ["sha1", "sha224"])
def test_what_is_not_permitted_stays_weak(desk, by_openssl, digest):
    assert "WEAK_DIGEST" in codes(desk.verdict(by_openssl(digest)))


@pytest.fixture
def by_pyhanko(pki):
    """A PDF signed with pyHanko's own signer: ours sign with SHA-2 of the common lengths."""
    identity = pki.identity(f"{AGENCY}-agency-good")
    own, *chain = (
        asn1_x509.Certificate.load(c.public_bytes(Encoding.DER))
        for c in (identity.certificate, *identity.chain)
    )
    key = identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    registry = SimpleCertificateStore()
    registry.register_multiple(chain)
    plain = algos.SignedDigestAlgorithm({"algorithm": "rsassa_pkcs1v15"})
    signer = SimpleSigner(own, keys.PrivateKeyInfo.load(key), registry, signature_mechanism=plain)

    def sign(digest):
        how = PdfSignatureMetadata(
            field_name="ky", md_algorithm=digest, subfilter=SigSeedSubFilter.PADES, location="x"
        )
        return sign_pdf(IncrementalPdfFileWriter(BytesIO(plain_pdf())), how, signer).getvalue()

    return sign


@pytest.mark.parametrize("digest", [d.replace("-", "_") for d in SHA2 + SHA3])
def test_a_pdf_with_any_permitted_digest_holds(desk, by_pyhanko, digest):
    pdf = by_pyhanko(digest)
    spoilt = pdf.replace(b"Van ban mau", b"Van ban xau", 1)
    good, bad = desk.verdict(pdf), desk.verdict(spoilt)

    assert (good.signatures[0].integrity, codes(good) & ALGORITHMS) == (True, set())
    assert good.signatures[0].algorithms.digest == digest
    assert (bad.indication, "HASH_MISMATCH" in codes(bad)) == ("TOTAL_FAILED", True)


@pytest.mark.parametrize("digest", SHA3)
def test_xml_passes_with_sha3(desk, pki, digest):
    uri = f"http://www.w3.org/2007/05/xmldsig-more#{digest}"
    name = digest.replace("-", "_")
    data = resigned(pki.signer(AGENCY), change={"digest_uri": uri, "digest": name})
    spoilt = data.replace(b"21.37", b"21.38", 1)

    assert desk.verdict(data).indication == "TOTAL_PASSED"
    assert codes(desk.verdict(spoilt)) >= {"HASH_MISMATCH"}


# --- SHAKE: permitted, and nothing here can check it ---------------------------------------------------


def with_shake(signature):
    """A signer that says to have used SHAKE256 (RFC 8702)."""

    def change(content):
        signer = content["signer_infos"][0]
        signer["digest_algorithm"] = algos.DigestAlgorithm({"algorithm": "shake256"})
        signer["signature_algorithm"] = algos.SignedDigestAlgorithm({"algorithm": signature})
        for attribute in signer["signed_attrs"]:
            if attribute["type"].native == "message_digest":
                attribute["values"] = [hashlib.shake_256(b"noi dung").digest(64)]

    return change


def changed_cms(data, change):
    content = cms.ContentInfo.load(data)["content"]
    change(content)
    return cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize(
    "signature", ["rsassa_pkcs1v15", "1.3.6.1.5.5.7.6.30", "1.3.6.1.5.5.7.6.31", "1.3.6.1.5.5.7.6.33"]
)
def test_shake_is_told_as_not_checked_and_never_as_weak(desk, pki, policy, signature):
    made = signed_cms(b"noi dung", [pki.signer(AGENCY)], signed_at=AT)
    of_cms = desk.verdict(changed_cms(made, with_shake(signature)), policy=policy)
    of_pdf = desk.verdict(with_signed_data(desk.signed(), with_shake(signature)), policy=policy)

    for report in (of_cms, of_pdf):
        assert report.indication == "INDETERMINATE"
        assert codes(report) & {*ALGORITHMS, "HASH_MISMATCH"} == {"ALGORITHM_NOT_CHECKED"}
        (told,) = [f for f in report.all_findings() if f.code == "ALGORITHM_NOT_CHECKED"]
        assert "chưa kiểm tra được" in told.message_vi
        assert "SHAKE" in told.message_vi
