"""CMS signers in detail: algorithms that contradict each other, evidence inside, timestamps not counted."""

from datetime import UTC, datetime

import pytest
from asn1crypto import cms, core, crl
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from ebrvt_connect.testing.pki import _asn1
from ebrvt_connect.testing.pki_issue import Request, _usage
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AGENCY, AT
from tests.unit.trust.time_samples import lists_of

PASSED, UNCLEAR, FAILED = Indication
CONTENT = b"noi dung"


def codes(report):
    return {f.code for f in report.all_findings()}


def rewritten(data, change):
    content = cms.ContentInfo.load(data)["content"]
    change(content)
    return cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()


@pytest.fixture(scope="module")
def stamped(desk, pki):
    return signed_cms(CONTENT, [pki.signer(AGENCY)], signed_at=AT, timestamper=desk.stamped())


def resigned(data, pki, algorithm, sign, *, digest=None):
    """The one signer's value made anew, over the same attributes, with another algorithm."""
    key = pki.identity(f"{AGENCY}-agency-good").key

    def change(content):
        signer = content["signer_infos"][0]
        if digest is not None:
            signer["digest_algorithm"] = {"algorithm": digest}
        signer["signature_algorithm"] = algorithm
        signer["signature"] = sign(key, signer["signed_attrs"].untag().dump())

    return rewritten(data, change)


@pytest.fixture(scope="module")
def plain(pki):
    """Without the attribute that protects the algorithms: nothing but our own look tells."""
    made = signed_cms(CONTENT, [pki.signer(AGENCY)], signed_at=AT, cades=False)

    def unprotected(content):
        signer = content["signer_infos"][0]
        kept = [a for a in signer["signed_attrs"] if a["type"].native != "cms_algorithm_protection"]
        signer["signed_attrs"] = cms.CMSAttributes(kept)

    return rewritten(made, unprotected)


def pkcs1(hash_):
    return lambda key, data: key.sign(data, padding.PKCS1v15(), hash_)


def pss(hash_, mgf, salt):
    return lambda key, data: key.sign(data, padding.PSS(padding.MGF1(mgf), salt), hash_)


def pss_named(hash_="sha256", mgf="sha256", salt=32):
    return {
        "algorithm": "rsassa_pss",
        "parameters": {
            "hash_algorithm": {"algorithm": hash_},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mgf}},
            "salt_length": salt,
        },
    }


S1, S256, S512 = hashes.SHA1(), hashes.SHA256(), hashes.SHA512()


@pytest.mark.parametrize(
    ("algorithm", "sign", "expected", "code"),
    [
        ({"algorithm": "sha256_rsa"}, pkcs1(S256), PASSED, None),
        ({"algorithm": "rsassa_pkcs1v15"}, pkcs1(S256), PASSED, None),
        ({"algorithm": "sha1_rsa"}, pkcs1(S1), None, "ALGORITHMS_DISAGREE"),
        ({"algorithm": "sha512_rsa"}, pkcs1(S512), None, "ALGORITHMS_DISAGREE"),
        ({"algorithm": "sha256_ecdsa"}, pkcs1(S256), None, "ALGORITHMS_DISAGREE"),
        (pss_named(), pss(S256, S256, 32), PASSED, None),
        (pss_named(salt=200), pss(S256, S256, 200), PASSED, None),
        (pss_named(salt=0), pss(S256, S256, 0), UNCLEAR, "SIGNATURE_PARAMETERS_WEAK"),
        (pss_named(mgf="sha1"), pss(S256, S1, 32), None, "ALGORITHMS_DISAGREE"),
        (pss_named(hash_="sha1", mgf="sha1", salt=20), pss(S1, S1, 20), None, "ALGORITHMS_DISAGREE"),
        (pss_named(hash_="sha512", mgf="sha512", salt=64), pss(S512, S512, 64), None, "ALGORITHMS_DISAGREE"),
    ],
)
def test_algorithms_must_be_one_story(desk, pki, plain, algorithm, sign, expected, code):
    report = desk.verdict(resigned(plain, pki, algorithm, sign))

    assert report.indication is expected or (expected is None and report.indication is not PASSED)
    assert code is None or code in codes(report)


def test_elliptic_curves_are_judged_alike(desk, pki):
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = pki.identity("issuer")
    request = Request("Con dấu ECDSA")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(request.name)
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(datetime(2015, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 1, 1, tzinfo=UTC))
        .add_extension(_usage(request), critical=True)
        .sign(issuer.key, hashes.SHA256())
    )
    signer = KeySigner(_asn1(certificate), key, [_asn1(issuer.certificate)])

    report = desk.verdict(signed_cms(CONTENT, [signer], signed_at=AT))

    assert report.indication is PASSED, codes(report)
    assert report.signatures[0].algorithms.key == "ec-256"


@pytest.mark.parametrize(
    ("oid", "name"),
    [
        ("0.4.0.1733.2.2", "long-term-validation"),
        ("1.2.840.113549.1.9.16.2.48", "archive-time-stamp-v2"),
        ("1.2.840.113549.1.9.16.2.25", "CAdES-C-timestamp"),
    ],
)
def test_timestamps_that_are_not_judged_are_named(desk, stamped, oid, name):
    def change(content):
        signer = content["signer_infos"][0]
        more = cms.CMSAttribute({"type": oid, "values": [core.Null()]})
        signer["unsigned_attrs"] = cms.CMSAttributes([*signer["unsigned_attrs"], more])

    report = desk.verdict(rewritten(stamped, change))

    found = next(f for f in report.all_findings() if f.code == "ARCHIVE_TIMESTAMP_NOT_COUNTED")
    assert name in found.message_vi
    assert report.indication is PASSED


def lists_inside(trust):
    def change(content):
        loaded = [crl.CertificateList.load(c) for c in lists_of(trust)]
        content["crls"] = cms.RevocationInfoChoices(
            [cms.RevocationInfoChoice("crl", value=each) for each in loaded]
        )

    return change


def tlv(tag, body):
    length = len(body).to_bytes(3, "big")
    return bytes([tag, 0x83]) + length + body


def values_unsigned(trust):
    def change(content):
        lists = tlv(0x30, tlv(0xA0, tlv(0x30, b"".join(lists_of(trust)))))
        values = core.Sequence.load(lists)
        signer = content["signer_infos"][0]
        more = cms.CMSAttribute({"type": "1.2.840.113549.1.9.16.2.24", "values": [values]})
        signer["unsigned_attrs"] = cms.CMSAttributes([*signer["unsigned_attrs"], more])

    return change


@pytest.mark.parametrize("place", [lists_inside, values_unsigned])
def test_revocation_lists_inside_answer_where_the_folder_has_none(desk, stamped, place):
    bare = desk.without_revocation_lists()
    report = bare.verdict(rewritten(stamped, place(desk.trust)))

    assert bare.verdict(stamped).indication is UNCLEAR
    assert (report.indication, report.signatures[0].level) == (PASSED, "B-LT"), codes(report)
