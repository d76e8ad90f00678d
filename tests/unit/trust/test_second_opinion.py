"""What pyHanko would refuse is undecided, in every format: our own chain does not read name constraints."""

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.testing.pki_issue import Request, issue, revocation_list
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport.signers import KeySigner, sign_pdf
from ebrvt_connect.trust.anchors import store_of_anchors
from ebrvt_connect.trust.chain import chain_to_anchor
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.second_opinion import (
    CmsOpinion,
    doubt_about_path,
    doubt_about_signer,
    validation_context,
)
from ebrvt_connect.trust.verdict import Indication, SignatureRole
from ebrvt_connect.trust.verify import verify_bytes
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.unit.trust.samples import AGENCY, AT, EARLY, plain_pdf
from tests.unit.trust.test_pdf_details import named_constraint
from tests.unit.trust.time_samples import key_signer
from tests.unit.trust.xml_samples import codes, packet


@pytest.mark.parametrize("form", ["xml", "cms"])
def test_a_name_the_authority_may_not_certify_is_undecided(desk, pki, form):
    authority = named_constraint(pki)
    leaf = issue(Request("Người ký"), authority)
    chain = [
        asn1_x509.Certificate.load(c.public_bytes(Encoding.DER)) for c in (leaf.certificate, *leaf.chain)
    ]
    signer = KeySigner(chain[0], leaf.key, chain[1:])
    trust = desk.trust.with_more(crls=[revocation_list(authority, [])])
    made = {
        "xml": lambda: sign_packet(packet(), signer, reference_id="pkt-1"),
        "cms": lambda: signed_cms(b"x", [signer], signed_at=AT),
    }

    report = type(desk)(pki, trust).verdict(made[form]())

    assert (report.indication, codes(report)) == (Indication.INDETERMINATE, ["SECOND_OPINION_DIFFERS"])


@pytest.mark.parametrize("form", ["pdf", "xml", "cms"])
def test_both_opinions_take_a_pinned_signer(desk, pki, form):
    signer = pki.signer(AGENCY)
    made = {
        "pdf": desk.signed,
        "xml": lambda: sign_packet(packet(), signer, reference_id="pkt-1"),
        "cms": lambda: signed_cms(b"x", [signer], signed_at=AT),
    }
    trust = store_of_anchors([signer.certificates_der[0]])

    report = verify_bytes(made[form](), policy=VN_2025, trust=trust, at=AT)

    (found,) = report.signatures
    assert (report.indication, found.revocation.source, len(found.chain)) == (
        Indication.TOTAL_PASSED,
        "pin",
        1,
    )
    assert "SIGNER_PINNED" in [f.code for f in found.findings]


def test_without_a_chain_there_is_no_path(pki):
    leaf = pki.identity("root").certificate
    context = validation_context(None, AT, VN_2025, vouched=False)

    assert doubt_about_path(leaf, context) != ""


def test_a_refusal_is_a_doubt():
    opinion = CmsOpinion(None, "GENERIC")

    assert (opinion.doubt, opinion.intact) == ("GENERIC", False)


@pytest.mark.parametrize("flavour", ["good", "expired", "future", "weak", "revoked"])
def test_what_is_remembered_of_a_signer_is_what_would_be_said_anew(desk, pki, flavour):
    """Whatever was asked before: other moments, with and without a word on revocation."""
    leaf, *others = map(x509.load_der_x509_certificate, pki.signer(AGENCY, flavour=flavour).certificates_der)
    chain = chain_to_anchor(leaf, (*others, *desk.trust.intermediates), desk.trust.for_signing, AT)
    moments = [AT, EARLY, AT.replace(year=2014), AT.replace(year=2030), AT.replace(year=2051), AT]
    for moment in (*moments, *reversed(moments)):
        for vouched in (True, False):
            context = validation_context(chain, moment, VN_2025, vouched=vouched, embedded=others)
            remembered = doubt_about_signer(leaf, tuple(others), chain, moment, VN_2025, vouched=vouched)
            assert remembered == doubt_about_path(leaf, context)


@pytest.mark.parametrize("form", ["pdf", "xml", "cms"])
@pytest.mark.parametrize(
    "letter", ["\ufffd", "\ue000", "\U0001f600"], ids=["replaced", "private", "newer than Unicode 3.2"]
)
def test_a_name_that_cannot_be_compared_is_a_doubt_and_no_failure(desk, pki, form, letter):
    signer = key_signer(issue(Request(f"Sở A{letter}B"), pki.identity("issuer")))
    made = {
        "pdf": lambda: sign_pdf(plain_pdf(), signer, role=SignatureRole("agency"), signed_at=AT),
        "xml": lambda: sign_packet(packet(), signer, reference_id="pkt-1"),
        "cms": lambda: signed_cms(b"x", [signer], signed_at=AT),
    }

    report = desk.verdict(made[form]())

    assert (report.indication, codes(report)) == (Indication.INDETERMINATE, ["SECOND_OPINION_DIFFERS"])
    assert report.signatures[0].integrity


def test_a_hint_with_such_a_name_changes_nothing(desk, pki):
    stray = issue(Request("Sở \ue000"), pki.identity("issuer")).certificate
    made = cms.ContentInfo.load(signed_cms(b"x", [pki.signer(AGENCY)], signed_at=AT))
    hint = asn1_x509.Certificate.load(stray.public_bytes(Encoding.DER))
    made["content"]["certificates"].append(cms.CertificateChoices("certificate", hint))

    assert desk.verdict(made.dump(force=True)).indication is Indication.TOTAL_PASSED
