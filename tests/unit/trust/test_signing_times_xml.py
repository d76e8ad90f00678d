"""Proofs of time in XML and Office signatures: the same reasoning as for every format."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from ebrvt_connect.testing.pki_issue import REVOKED_AT
from ebrvt_connect.transport.signing_cms import run_steps
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AGENCY, AT, EARLY
from tests.unit.trust.time_samples import lists_of
from tests.unit.trust.xml_samples import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    SHA256,
    packet,
    reference,
    signature,
    with_signature,
)

PASSED, UNCLEAR, FAILED = Indication
HOUR = timedelta(hours=1)
XADES = "http://uri.etsi.org/01903/v1.3.2#"
LAPSED = datetime(2018, 1, 2, tzinfo=UTC)


def codes(report):
    return {f.code for f in report.all_findings()}


def stamp(desk, at, about, *, impostor=False):
    digest = hashlib.sha256(about).digest()
    token = run_steps(desk.stamped(at, impostor=impostor).async_timestamp(digest, "sha256"))
    return f"<x:EncapsulatedTimeStamp>{base64.b64encode(token.dump()).decode()}</x:EncapsulatedTimeStamp>"


def xades(
    desk, *, flavour="good", at=AT, before=None, form="All", about=None, after=None, unsigned="", named=True
):
    """A packet signed with XAdES properties; `before` and `after` are times of timestamps."""
    seal = desk.pki.signer(AGENCY, flavour=flavour)
    root = etree.fromstring(packet())
    stamped = ""
    if before is not None:
        content = about or etree.tostring(root, method="c14n", exclusive=True)
        include = "" if form == "All" else '<x:Include URI="#r1"/>'
        kind = f"{form}DataObjectsTimeStamp"
        inner = f"<x:{kind}>{include}{stamp(desk, before, content)}</x:{kind}>"
        stamped = f"<x:SignedDataObjectProperties>{inner}</x:SignedDataObjectProperties>"
    digest = base64.b64encode(hashlib.sha256(seal.certificates_der[0]).digest()).decode()
    certificate = (
        f'<x:SigningCertificateV2><x:Cert><x:CertDigest><ds:DigestMethod Algorithm="{SHA256}"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></x:CertDigest></x:Cert></x:SigningCertificateV2>"
    )
    properties = (
        f'<x:SignedProperties xmlns:x="{XADES}" xmlns:ds="{DS}" Id="props"><x:SignedSignatureProperties>'
        f"<x:SigningTime>{at.isoformat()}</x:SigningTime>{certificate if named else ''}"
        f"</x:SignedSignatureProperties>{stamped}</x:SignedProperties>"
    )
    references = [
        reference(root, transforms=(ENVELOPED, EXCLUSIVE)).replace(
            "<ds:Reference ", '<ds:Reference Id="r1" '
        ),
        reference(etree.fromstring(properties), "#props", transforms=(EXCLUSIVE,)).replace(
            "<ds:Reference ", '<ds:Reference Type="http://uri.etsi.org/01903#SignedProperties" '
        ),
    ]

    def objects(more):
        if more:
            more = (
                f"<x:UnsignedProperties><x:UnsignedSignatureProperties>{more}"
                "</x:UnsignedSignatureProperties></x:UnsignedProperties>"
            )
        return (
            f'<ds:Object><x:QualifyingProperties xmlns:x="{XADES}">{properties}{more}'
            "</x:QualifyingProperties></ds:Object>"
        )

    signed = with_signature(packet(), signature(references, seal, objects=objects(unsigned)))
    if after is not None:
        root = etree.fromstring(signed)
        value = root.find(f"{{{DS}}}Signature")[1]
        alone = etree.fromstring(etree.tostring(value, with_tail=False))
        token = stamp(desk, after, etree.tostring(alone, method="c14n"))
        more = f"<x:SignatureTimeStamp>{token}</x:SignatureTimeStamp>{unsigned}"
        old = root.find(f"{{{DS}}}Signature/{{{DS}}}Object")
        old.getparent().replace(
            old, etree.fromstring(objects(more).replace("<ds:Object>", f'<ds:Object xmlns:ds="{DS}">'))
        )
        signed = etree.tostring(root)
    return signed


@pytest.mark.parametrize("form", ["All", "Individual"])
@pytest.mark.parametrize(
    ("flavour", "before", "after", "expected", "code"),
    [
        ("good", AT - HOUR, AT, PASSED, None),
        ("revoked", REVOKED_AT + HOUR, None, FAILED, "REVOKED_AT_SIGNING"),
        ("revoked", EARLY, AT, UNCLEAR, "REVOKED_NO_PROOF"),
        ("expired", LAPSED, AT, FAILED, "EXPIRED_AT_SIGNING"),
        ("good", AT, AT - HOUR, UNCLEAR, "TIMESTAMP_OUT_OF_ORDER"),
    ],
)
def test_what_a_content_timestamp_proves(desk, form, flavour, before, after, expected, code):
    report = desk.verdict(
        xades(desk, flavour=flavour, before=before, after=after, at=after or before, form=form)
    )

    assert report.indication is expected, codes(report)
    assert code is None or code in codes(report)
    assert report.signatures[0].earliest_time == before


def test_a_content_timestamp_of_another_content_is_told_as_broken(desk):
    report = desk.verdict(xades(desk, before=AT - HOUR, about=b"khac"))

    assert report.indication is UNCLEAR
    assert "TIMESTAMP_BROKEN" in codes(report)


def test_levels_are_told_as_far_as_they_hold(desk):
    lists = "".join(
        f"<x:EncapsulatedCRLValue>{base64.b64encode(c).decode()}</x:EncapsulatedCRLValue>"
        for c in lists_of(desk.trust)
    )
    values = f"<x:RevocationValues><x:CRLValues>{lists}</x:CRLValues></x:RevocationValues>"
    archive = "<x:ArchiveTimeStamp/>"

    def level(**more):
        return desk.verdict(xades(desk, **more)).signatures[0].level

    assert level(named=False) == ""
    assert level() == "B-B"
    assert level(after=AT) == "B-T"
    assert level(after=AT, unsigned=values) == "B-LT"
    assert level(after=AT, unsigned=values + archive) == "B-LT"


def test_revocation_lists_in_the_signature_answer_where_the_folder_has_none(desk):
    lists = "".join(
        f"<x:EncapsulatedCRLValue>{base64.b64encode(c).decode()}</x:EncapsulatedCRLValue>"
        for c in [*lists_of(desk.trust), b"khong phai CRL"]
    )
    values = f"<x:RevocationValues><x:CRLValues>{lists}</x:CRLValues></x:RevocationValues>"
    bare = desk.without_revocation_lists()

    assert bare.verdict(xades(desk, after=AT)).indication is UNCLEAR
    assert bare.verdict(xades(desk, after=AT, unsigned=values)).indication is PASSED


def test_a_certificate_in_the_signature_completes_the_chain(desk, pki):
    issuer = pki.identity("issuer").certificate.public_bytes(Encoding.DER)
    values = (
        "<x:CertificateValues><x:EncapsulatedX509Certificate>"
        f"{base64.b64encode(issuer).decode()}</x:EncapsulatedX509Certificate></x:CertificateValues>"
    )

    assert desk.verdict(xades(desk, unsigned=values)).indication is PASSED


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("ArchiveTimeStamp", XADES),
        *(
            (name, space)
            for name in ("SigAndRefsTimeStamp", "RefsOnlyTimeStamp", "SigAndRefsTimeStampV2")
            for space in (XADES, "http://uri.etsi.org/01903/v1.4.1#")
        ),
    ],
)
def test_timestamps_that_are_not_judged_are_named(desk, name, space):
    report = desk.verdict(xades(desk, after=AT, unsigned=f'<{name} xmlns="{space}"/>'))

    found = next(f for f in report.all_findings() if f.code == "ARCHIVE_TIMESTAMP_NOT_COUNTED")
    assert name in found.message_vi
    assert report.indication is PASSED
