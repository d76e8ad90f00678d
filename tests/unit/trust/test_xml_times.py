"""When an XML signature was made: signed properties, timestamps over the signature value, or neither."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from signxml.xades import XAdESSigner

from ebrvt_connect.transport.signing_cms import run_steps
from ebrvt_connect.trust.anchors import store_of_anchors
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.unit.trust.samples import AGENCY, AT, EARLY
from tests.unit.trust.xml_samples import (
    DS,
    EXCLUSIVE,
    INCLUSIVE,
    SHA256,
    VECTORS,
    codes,
    packet,
    reference,
    resigned,
    signature,
    with_signature,
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


# --- signed properties (XAdES) -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def xades(identity):
    """Inclusive and without a namespace: otherwise signxml makes digests that not even it can verify."""
    signer = XAdESSigner()
    plain = etree.fromstring('<goi Id="pkt-1"><giaTri>21.37</giaTri></goi>')
    root = signer.sign(plain, key=identity.key, cert=[identity.certificate, *identity.chain])
    return etree.tostring(root)


def test_signed_properties_tell_time_and_certificate(desk, xades):
    later = datetime.now(UTC) + timedelta(minutes=5)
    report = desk.verdict(xades, at=later)

    (found,) = report.signatures
    assert (report.indication, found.format, found.best_time.proof) == (PASSED, "XAdES", "claimed")
    assert found.claimed_time == found.best_time.value
    assert "SIGNER_CERTIFICATE_NOT_BOUND" not in warnings(report)
    assert found.coverage.level == "entire_file"


def test_a_claimed_time_after_the_check_is_not_taken(desk, xades):
    report = desk.verdict(xades, at=EARLY)

    assert "CLAIMED_TIME_IN_FUTURE" in {f.code for f in report.all_findings()}
    assert report.indication is not PASSED


def test_a_changed_signing_time_breaks_the_signature(desk, xades):
    start = xades.index(b"SigningTime>") + len(b"SigningTime>")
    changed = xades[:start] + b"2016" + xades[start + 4 :]

    assert codes(desk.verdict(changed)) == ["HASH_MISMATCH"]


def test_properties_nobody_signed_tell_nothing(desk, seal):
    claims = (
        '<ds:Object><x:QualifyingProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#"><x:SignedProperties>'
        "<x:SigningTime>2016-01-01T00:00:00Z</x:SigningTime></x:SignedProperties></x:QualifyingProperties></ds:Object>"
    )
    report = desk.verdict(resigned(seal, objects=claims))

    assert (report.indication, codes(report)) == (UNCLEAR, ["XML_CONTENT_UNSIGNED"])
    assert report.signatures[0].claimed_time is None


def certificate_digest(value):
    digest = f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue>{value}</ds:DigestValue>'
    named = f"<x:Cert><x:CertDigest>{digest}</x:CertDigest></x:Cert>"
    return f"<x:SigningCertificate>{named}</x:SigningCertificate>"


@pytest.mark.parametrize(
    ("inside", "time", "code"),
    [
        ("<x:SigningTime>2026-11-20T08:00:00</x:SigningTime>", datetime(2026, 11, 20, 1, tzinfo=UTC), None),
        ("<x:SigningTime>hom qua</x:SigningTime>", None, None),
        ("<x:SigningTime>0001-01-01T00:00:00</x:SigningTime>", None, None),
        (
            certificate_digest("AAAA"),
            None,
            "SIGNER_CERTIFICATE_MISMATCH",
        ),
        ("<x:SigningCertificateV2/>", None, "SIGNER_CERTIFICATE_MISMATCH"),
        (
            certificate_digest("A"),
            None,
            "SIGNER_CERTIFICATE_MISMATCH",
        ),
    ],
)
def test_signed_properties_as_they_come(desk, seal, inside, time, code):
    properties = (
        f'<x:SignedProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#" xmlns:ds="{DS}" Id="props">'
        f"<x:SignedSignatureProperties>{inside}</x:SignedSignatureProperties></x:SignedProperties>"
    )
    root = etree.fromstring(packet())
    references = [
        reference(root),
        reference(etree.fromstring(properties), "#props", transforms=(EXCLUSIVE,)),
    ]
    objects = (
        '<ds:Object><x:QualifyingProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#">'
        f"{properties}</x:QualifyingProperties></ds:Object>"
    )
    report = desk.verdict(with_signature(packet(), signature(references, seal, objects=objects)))

    assert report.signatures[0].claimed_time == time
    assert codes(report) == ([code] if code else [])


# --- timestamps (XAdES-T) ------------------------------------------------------------------------------

LATE = AT.replace(year=2027)


def stamped(desk, xml, at=AT, *, c14n=EXCLUSIVE, about=None, token=None, impostor=False):
    """The signature with a timestamp over its value, or over `about`, in its unsigned properties."""
    root = etree.fromstring(xml)
    found = root.find(f"{{{DS}}}Signature")
    alone = etree.fromstring(etree.tostring(found[1], with_tail=False))
    canonical = etree.tostring(alone, method="c14n", exclusive=c14n == EXCLUSIVE)
    if token is None:
        digest = hashlib.sha256(canonical if about is None else about).digest()
        made = run_steps(desk.stamped(at, impostor=impostor).async_timestamp(digest, "sha256"))
        token = base64.b64encode(made.dump()).decode()
    method = f'<ds:CanonicalizationMethod xmlns:ds="{DS}" Algorithm="{c14n}"/>' if c14n else ""
    found.append(
        etree.fromstring(
            f'<ds:Object xmlns:ds="{DS}" xmlns:x="http://uri.etsi.org/01903/v1.3.2#"><x:QualifyingProperties>'
            "<x:UnsignedProperties><x:UnsignedSignatureProperties><x:SignatureTimeStamp>"
            f"{method}<x:EncapsulatedTimeStamp>{token}</x:EncapsulatedTimeStamp></x:SignatureTimeStamp>"
            "</x:UnsignedSignatureProperties></x:UnsignedProperties></x:QualifyingProperties></ds:Object>"
        )
    )
    return etree.tostring(root)


@pytest.mark.parametrize("c14n", [EXCLUSIVE, INCLUSIVE, ""])
def test_a_timestamp_proves_the_time(desk, signed, c14n):
    report = desk.verdict(stamped(desk, signed, c14n=c14n), at=LATE)

    (found,) = report.signatures
    assert (report.indication, found.best_time.proof, found.best_time.value) == (PASSED, "timestamp", AT)
    assert found.timestamps[0].valid is True
    assert "NO_TIMESTAMP" not in warnings(report)


def test_an_expired_certificate_passes_with_a_timestamp_of_its_day(desk, pki):
    expired = sign_packet(packet(), pki.signer(AGENCY, flavour="expired"), reference_id="pkt-1")

    assert desk.verdict(stamped(desk, expired, EARLY)).indication is PASSED


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"about": b"other"}, "TIMESTAMP_BROKEN"),
        ({"token": "AAAA"}, "TIMESTAMP_BROKEN"),
        ({"token": "!"}, "TIMESTAMP_BROKEN"),
        ({"c14n": EXCLUSIVE + "WithComments"}, "TIMESTAMP_BROKEN"),
        ({"at": LATE}, "TIMESTAMP_IN_FUTURE"),
    ],
)
def test_a_timestamp_that_is_wrong_leaves_it_undecided(desk, signed, more, code):
    report = desk.verdict(stamped(desk, signed, **more))

    assert (report.indication, codes(report)[0]) == (UNCLEAR, code)


def test_a_timestamp_of_an_unknown_authority_proves_nothing(desk, signed):
    report = desk.verdict(stamped(desk, signed, impostor=True))

    assert (report.indication, report.signatures[0].best_time.proof) == (PASSED, "validation")
    assert "TIMESTAMP_NOT_TRUSTED" in warnings(report)
