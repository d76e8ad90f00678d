"""Chains are built by keys, not by names, and every authority on the way must be one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ebrvt_connect.testing.pki_issue import Request, issue, new_key, revocation_list
from ebrvt_connect.trust.anchors import Anchor, Branch
from ebrvt_connect.trust.chain import (
    chain_to_anchor,
    digest_allowed,
    imitates,
    key_allowed,
    key_description,
)
from ebrvt_connect.trust.policy import VN_2025
from tests.unit.trust.samples import AT

AUTHORITY = {"authority": True}


@pytest.fixture(scope="module")
def key():
    return new_key(1024)


@pytest.fixture(scope="module")
def root(key):
    return issue(Request("Root", authority=True), None, key)


def anchored(root):
    return (Anchor(root.certificate, Branch.GOVERNMENT),)


def chain(leaf, hints, root, moment=AT):
    return chain_to_anchor(leaf.certificate, [h.certificate for h in hints], anchored(root), moment)


def test_a_chain_through_hints_is_found_in_order(key, root):
    upper = issue(Request("Upper", authority=True), root, key)
    lower = issue(Request("Lower", authority=True), upper, key)
    leaf = issue(Request("Leaf"), lower, key)

    found = chain(leaf, [upper, lower], root)

    names = [c.subject.rfc4514_string().partition(",")[0] for c in found.certificates]
    assert names == ["CN=Leaf", "CN=Lower", "CN=Upper", "CN=Root"]
    assert found.trouble_at(AT) == ""


def test_a_name_without_the_key_leads_nowhere(key, root):
    impostor = issue(Request("Root", authority=True))
    leaf = issue(Request("Leaf"), impostor, key)

    assert chain(leaf, [impostor], root) is None
    assert imitates([leaf.certificate, impostor.certificate], [root.certificate]) is True


def test_an_unknown_name_is_no_imitation(key, root):
    stranger = issue(Request("Stranger", authority=True), None, key)

    assert imitates([issue(Request("Leaf"), stranger, key).certificate], [root.certificate]) is False


def test_an_anchor_does_not_sign_documents_itself(root):
    assert chain(root, [], root) is None


def test_a_pinned_signer_is_its_own_chain(root):
    signer = issue(Request("Signer"), root)

    found = chain_to_anchor(signer.certificate, [root.certificate], anchored(signer), AT)

    assert found.is_pinned_signer is True
    assert found.certificates == (signer.certificate,)
    assert (found.links, found.trouble_at(AT), found.is_weak(VN_2025)) == ((), "", False)


def test_a_pinned_signer_vouches_for_nobody_else(root):
    signer = issue(Request("Signer"), root)
    other = issue(Request("Other"), root)

    assert chain_to_anchor(other.certificate, [signer.certificate], anchored(signer), AT) is None


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request("Middle"), "không được phép"),
        (Request("Middle", authority=True, valid_to=datetime(2020, 1, 1, tzinfo=UTC)), "hiệu lực"),
        (Request("Middle", authority=True, valid_from=datetime(2030, 1, 1, tzinfo=UTC)), "hiệu lực"),
    ],
    ids=["no authority", "run out", "not begun"],
)
def test_a_middle_that_may_not_issue_is_told(key, root, request_, expected):
    middle = issue(request_, root, key)

    assert expected in chain(issue(Request("Leaf"), middle, key), [middle], root).trouble_at(AT)


def test_the_number_of_authorities_below_is_limited_by_each(key):
    narrow = issue(Request("Narrow", authority=True, path_length=0), None, key)
    middle = issue(Request("Middle", authority=True), narrow, key)

    assert chain(issue(Request("Leaf"), narrow, key), [], narrow).trouble_at(AT) == ""
    assert chain(issue(Request("Leaf"), middle, key), [middle], narrow).trouble_at(AT) != ""


def test_of_two_ways_up_the_one_that_is_valid_is_taken(key, root):
    old = issue(Request("Middle", authority=True, valid_to=datetime(2020, 1, 1, tzinfo=UTC)), root, key)
    new = issue(Request("Middle", authority=True), root, key)
    leaf = issue(Request("Leaf"), new, key)

    assert chain(leaf, [old, new], root).intermediates == (new.certificate,)
    assert chain(leaf, [old], root).trouble_at(AT) != ""


def test_a_chain_too_long_is_not_climbed(key, root):
    links, above = [], root
    for n in range(7):
        above = issue(Request(f"Middle {n}", authority=True), above, key)
        links.append(above)

    assert chain(issue(Request("Leaf"), above, key), links, root) is None


def test_authorities_that_issue_each_other_end_the_search(key):
    one = issue(Request("One", authority=True), None, key)
    two = issue(Request("Two", authority=True), one, key)
    back = issue(Request("One", authority=True), two, key)
    stranger = issue(Request("Stranger", authority=True))

    assert chain(issue(Request("Leaf"), one, key), [one, two, back], stranger) is None


@pytest.mark.parametrize(
    ("key_", "expected", "allowed"),
    [
        (new_key(1024), "rsa-1024", False),
        (new_key(2048), "rsa-2048", True),
        (ec.generate_private_key(ec.SECP256R1()), "ec-256", True),
        (ec.generate_private_key(ec.SECP192R1()), "ec-192", False),
        (ed25519.Ed25519PrivateKey.generate(), "unknown", False),
    ],
    ids=["rsa-1024", "rsa-2048", "p256", "p192", "ed25519"],
)
def test_keys_are_described_and_weighed(root, key_, expected, allowed):
    certificate = (
        x509.CertificateBuilder()
        .subject_name(root.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(key_.public_key())
        .serial_number(1)
        .not_valid_before(AT)
        .not_valid_after(AT.replace(year=2030))
        .sign(root.key, hashes.SHA256())
    )

    assert (key_description(certificate), key_allowed(certificate, VN_2025)) == (expected, allowed)


@pytest.mark.parametrize(("digest", "allowed"), [(hashes.SHA224(), False), (hashes.SHA3_256(), True)])
def test_a_certificate_signed_with_a_weak_digest_is_weak(root, digest, allowed):
    certificate = (
        x509.CertificateBuilder()
        .subject_name(root.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(root.key.public_key())
        .serial_number(1)
        .not_valid_before(AT)
        .not_valid_after(AT.replace(year=2030))
        .sign(root.key, digest)
    )

    assert digest_allowed(certificate, VN_2025) is allowed


def test_a_short_key_on_the_way_up_leaves_it_undecided(desk, pki, root):
    """The authority's 1,024 bits are found although the signer's own key is long enough."""
    from ebrvt_connect.testing.pki import _asn1
    from ebrvt_connect.transport.signers import KeySigner, sign_pdf
    from tests.unit.trust.samples import plain_pdf

    leaf = issue(Request("Leaf"), root)
    store = replace(desk.trust, anchors=anchored(root)).with_more(crls=[revocation_list(root, [])])
    pdf = sign_pdf(plain_pdf(), KeySigner(_asn1(leaf.certificate), leaf.key), role="agency", signed_at=AT)

    report = type(desk)(pki, store).verdict(pdf)

    assert report.sub_indications == ("CRYPTO_CONSTRAINTS_FAILURE",)
    assert "WEAK_CERTIFICATE" in {f.code for f in report.all_findings()}
