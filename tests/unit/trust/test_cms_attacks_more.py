"""More attacks on CMS files: forged certificates, misplaced attributes, second encodings of one file."""

import base64
import hashlib
from dataclasses import replace

import pytest
from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.testing.pki_issue import Identity, Request, issue, new_key, revocation_list
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.trust.policy import POLICIES
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.samples import AGENCY, AT, OTHER_AGENCY

PASSED = Indication.TOTAL_PASSED
CONTENT = b"Van ban mau.\n" * 9
BESIDE = {"van-ban.txt": CONTENT}


@pytest.fixture(scope="module")
def p7m(desk, seal):
    return signed_cms(CONTENT, [seal], signed_at=AT, timestamper=desk.stamped())


@pytest.fixture(scope="module")
def p7s(desk, seal):
    return signed_cms(CONTENT, [seal], signed_at=AT, detached=True, timestamper=desk.stamped())


def refused(desk, data, beside=None, *, trust=None):
    reports = [
        verify_bytes(data, policy=policy, trust=trust or desk.trust, at=AT, detached=beside or {})
        for policy in POLICIES.values()
    ]
    return all(r.indication is not PASSED for r in reports)


def test_both_samples_pass(desk, p7m, p7s):
    assert not refused(desk, p7m)
    assert not refused(desk, p7s, BESIDE)


# --- forged certificates -------------------------------------------------------------------------------


def signer_of(identity):
    leaf, *chain = (
        asn1_x509.Certificate.load(c.public_bytes(Encoding.DER))
        for c in (identity.certificate, *identity.chain)
    )
    return KeySigner(leaf, identity.key, chain)


@pytest.fixture(scope="module")
def forger(pki):
    """What an attacker can make: keys, certificates under whatever name; but not with the issuer's key."""
    good = pki.identity(f"{AGENCY}-agency-good")
    return good, new_key()


def forged(good, key, *, issuer_key=None, serial=None, **changes):
    """A certificate that says what the good one says, for another key."""
    old = good.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(key.public_key())
        .serial_number(serial or old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for extension in old.extensions:
        value = changes.get(type(extension.value).__name__, extension.value)
        builder = builder.add_extension(value, extension.critical)
    return Identity(builder.sign(issuer_key or key, hashes.SHA256()), key, good.chain)


def with_certificates(data, certificates):
    content = cms.ContentInfo.load(data)["content"]
    content["certificates"] = cms.CertificateSet(
        [cms.CertificateChoices("certificate", asn1_x509.Certificate.load(c)) for c in certificates]
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize("order", ["forged alone", "forged first", "forged last"])
def test_the_same_issuer_and_serial_for_another_key(desk, forger, order):
    good, key = forger
    fake = forged(good, key)
    made = signed_cms(CONTENT, [signer_of(fake)], signed_at=AT, timestamper=desk.stamped())
    chain = [der(c) for c in good.chain]
    listed = {
        "forged alone": [der(fake.certificate), *chain],
        "forged first": [der(fake.certificate), der(good.certificate), *chain],
        "forged last": [der(good.certificate), *chain, der(fake.certificate)],
    }

    assert refused(desk, with_certificates(made, listed[order]))


def test_the_same_subject_key_identifier_for_another_key(desk, forger):
    good, key = forger
    fake = forged(good, key)  # bears the good one's identifier
    content = cms.ContentInfo.load(signed_cms(CONTENT, [signer_of(fake)], signed_at=AT))["content"]
    identifier = good.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    content["signer_infos"][0]["sid"] = cms.SignerIdentifier(
        "subject_key_identifier", core.OctetString(identifier)
    )
    made = cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()

    assert refused(desk, made)
    assert refused(desk, with_certificates(made, [der(good.certificate), der(fake.certificate)]))


def test_a_signer_is_no_authority(desk, forger, pki):
    """The good leaf issues a certificate (basicConstraints says it may not)."""
    good, key = forger
    evil = issue(Request("Giám đốc giả", organization="Sở (mẫu)"), good, key)
    identity = Identity(evil.certificate, key, (good.certificate, *good.chain))

    assert refused(desk, signed_cms(CONTENT, [signer_of(identity)], signed_at=AT, timestamper=desk.stamped()))


def test_an_authority_of_the_attacker_under_a_good_name(desk, forger, pki):
    """Same name as the issuing authority, another key; the real one is in the store as a hint."""
    good, key = forger
    name = pki.identity("issuer")
    false_issuer = forged(Identity(name.certificate, name.key), key)
    leaf = forged(good, new_key(), issuer_key=key, serial=7)
    for chain in (
        (false_issuer.certificate,),
        (false_issuer.certificate, name.certificate),
        (name.certificate,),
    ):
        identity = Identity(leaf.certificate, leaf.key, chain)
        assert refused(desk, signed_cms(CONTENT, [signer_of(identity)], signed_at=AT))


@pytest.mark.parametrize(
    "who", ["root", "issuer", "tsa", "tsa-issuer", "ocsp", "impostor-root", "impostor-issuer"]
)
def test_whose_certificate_is_for_something_else(desk, pki, who):
    identity = pki.identity(who)

    assert refused(desk, signed_cms(CONTENT, [signer_of(identity)], signed_at=AT))


WRONG_USES = {
    "no key usage for signing": {
        "KeyUsage": x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=True,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
    },
}


@pytest.mark.parametrize("name", WRONG_USES)
def test_a_certificate_not_made_for_signing(desk, forger, pki, name):
    good, key = forger
    leaf = forged(good, key, issuer_key=pki.identity("issuer").key, serial=99, **WRONG_USES[name])

    assert refused(desk, signed_cms(CONTENT, [signer_of(leaf)], signed_at=AT, timestamper=desk.stamped()))


def test_a_certificate_for_servers_or_with_an_unknown_critical_extension(desk, forger, pki):
    good, key = forger
    issuer = pki.identity("issuer")
    server = issue(Request("Sở (mẫu)", purpose=ExtendedKeyUsageOID.SERVER_AUTH), issuer, key)
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.9"), b"\x05\x00")
    old = good.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(key.public_key())
        .serial_number(98)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
        .add_extension(unknown, critical=True)
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    strange = Identity(builder.sign(issuer.key, hashes.SHA256()), key, good.chain)

    for identity in (server, strange):
        assert refused(desk, signed_cms(CONTENT, [signer_of(identity)], signed_at=AT))


def test_a_list_the_attacker_sends_along_clears_nobody(desk, pki):
    """A revoked signer brings an empty revocation list, signed by himself under the issuer's name."""
    issuer = pki.identity("issuer")
    false_issuer = forged(Identity(issuer.certificate, issuer.key), new_key())
    clean = revocation_list(false_issuer, (), issued_at=AT.replace(year=2026, month=11, day=22))
    made = signed_cms(CONTENT, [pki.signer(AGENCY, flavour="revoked")], signed_at=AT)
    content = cms.ContentInfo.load(made)["content"]
    content["crls"] = cms.RevocationInfoChoices([cms.CertificateList.load(clean)])
    data = cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()

    assert refused(desk, data)
    assert refused(desk, made, trust=replace(desk.trust, intermediates=(false_issuer.certificate,)))


# --- attributes ----------------------------------------------------------------------------------------


def rewritten(change):
    def rewrite(data):
        content = cms.ContentInfo.load(data)["content"]
        change(content)
        return cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()

    return rewrite


def attributes_of(signer):
    return list(signer["signed_attrs"])


def set_attributes(signer, attributes):
    signer["signed_attrs"] = cms.CMSAttributes(attributes)


def digest_twice(content):
    signer = content["signer_infos"][0]
    more = cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(b"khac").digest()]})
    set_attributes(signer, [*attributes_of(signer), more])


def digest_with_two_values(content):
    signer = content["signer_infos"][0]
    kept = [a for a in attributes_of(signer) if a["type"].native != "message_digest"]
    own, other = hashlib.sha256(CONTENT).digest(), hashlib.sha256(b"khac").digest()
    set_attributes(signer, [*kept, cms.CMSAttribute({"type": "message_digest", "values": [own, other]})])


def digest_unsigned(content):
    signer = content["signer_infos"][0]
    moved = [a for a in attributes_of(signer) if a["type"].native == "message_digest"]
    set_attributes(signer, [a for a in attributes_of(signer) if a["type"].native != "message_digest"])
    signer["unsigned_attrs"] = cms.CMSAttributes(moved)


def digest_of_other_content(content):
    content["encap_content_info"] = {"content_type": "data", "content": b"khac"}
    signer = content["signer_infos"][0]
    kept = [a for a in attributes_of(signer) if a["type"].native != "message_digest"]
    made = cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(b"khac").digest()]})
    set_attributes(signer, [*kept, made])


def attributes_as_content(content):
    """What was signed are the attributes: without them they would be the content."""
    signer = content["signer_infos"][0]
    signed = signer["signed_attrs"].untag().dump(force=True)
    bare = {k: signer[k] for k in ("version", "sid", "digest_algorithm", "signature_algorithm", "signature")}
    content["signer_infos"] = cms.SignerInfos([cms.SignerInfo(bare)])
    content["encap_content_info"] = {"content_type": "data", "content": signed}


def type_of_timestamps(content):
    content["encap_content_info"]["content_type"] = "tst_info"


def type_of_envelopes(content):
    content["encap_content_info"]["content_type"] = "enveloped_data"


def no_attributes_at_all(content):
    set_attributes(content["signer_infos"][0], [])


def signer_digest(name):
    def change(content):
        content["signer_infos"][0]["digest_algorithm"] = {"algorithm": name}

    return change


def signature_method(name):
    def change(content):
        content["signer_infos"][0]["signature_algorithm"] = {"algorithm": name}

    return change


def value(made):
    def change(content):
        signer = content["signer_infos"][0]
        signer["signature"] = made(signer["signature"].native)

    return change


def nobody_but_a_stranger(content):
    """The signer's name is another's."""
    named = content["signer_infos"][0]["sid"].chosen
    other = {"issuer": named["issuer"], "serial_number": named["serial_number"].native + 1}
    content["signer_infos"][0]["sid"] = cms.SignerIdentifier(
        "issuer_and_serial_number", cms.IssuerAndSerialNumber(other)
    )


SPOILT = {
    "digest attribute twice": digest_twice,
    "digest with two values": digest_with_two_values,
    "digest among unsigned attributes": digest_unsigned,
    "content and digest exchanged": digest_of_other_content,
    "attributes posing as content": attributes_as_content,
    "content type of a timestamp": type_of_timestamps,
    "content type of an envelope": type_of_envelopes,
    "no attributes": no_attributes_at_all,
    "MD5": signer_digest("md5"),
    "SHA-1": signer_digest("sha1"),
    "SHA-512": signer_digest("sha512"),
    "SHAKE": signer_digest("shake128"),
    "ECDSA over RSA": signature_method("sha256_ecdsa"),
    "PSS without parameters": signature_method("rsassa_pss"),
    "RSA with SHA-1": signature_method("sha1_rsa"),
    "DSA": signature_method("sha256_dsa"),
    "Ed25519": signature_method("ed25519"),
    "value of zeros": value(lambda v: bytes(len(v))),
    "value empty": value(lambda _: b""),
    "value of one": value(lambda v: bytes(len(v) - 1) + b"\1"),
    "value with a zero in front": value(lambda v: b"\0" + v),
    "value cut": value(lambda v: v[:-1]),
    "value doubled": value(lambda v: v + v),
    "another signer's number": nobody_but_a_stranger,
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_signature_with_something_moved_does_not_pass(desk, p7m, name):
    assert refused(desk, rewritten(SPOILT[name])(p7m))


@pytest.mark.parametrize(
    "name", ["digest attribute twice", "SHA-1", "value of one", "another signer's number"]
)
def test_nor_does_it_beside_its_content(desk, p7s, name):
    assert refused(desk, rewritten(SPOILT[name])(p7s), BESIDE)


def test_a_timestamp_of_another_signature_proves_nothing(desk, pki, p7m):
    other = signed_cms(CONTENT, [pki.signer(OTHER_AGENCY)], signed_at=AT)
    stolen = cms.ContentInfo.load(p7m)["content"]["signer_infos"][0]["unsigned_attrs"]
    content = cms.ContentInfo.load(other)["content"]
    content["signer_infos"][0]["unsigned_attrs"] = stolen.copy()

    assert refused(desk, cms.ContentInfo({"content_type": "signed_data", "content": content}).dump())


def test_a_signature_beside_does_not_turn_to_other_content(desk, p7s):
    for content in (CONTENT + b"\n", CONTENT[:-1], b"", CONTENT.replace(b"\n", b"\r\n"), CONTENT.upper()):
        assert refused(desk, p7s, {"van-ban.txt": content})


def test_a_signature_beside_that_brings_empty_content_is_not_about_what_stands_beside(desk, p7s):
    content = cms.ContentInfo.load(p7s)["content"]
    content["encap_content_info"] = {"content_type": "data", "content": b""}

    assert refused(desk, cms.ContentInfo({"content_type": "signed_data", "content": content}).dump(), BESIDE)


def test_other_content_beside_content_inside_is_not_signed(desk, p7m):
    assert refused(desk, p7m, {"khac.txt": b"khac"})
    assert refused(desk, p7m, {**BESIDE, "khac.txt": b"khac"})


# --- second encodings ----------------------------------------------------------------------------------


def octets(data, made):
    """The content's octet string in another encoding (lengths of what is around are given up: indefinite)."""
    plain = core.OctetString(CONTENT).dump()
    assert plain in data
    return data.replace(plain, made, 1)


ENCODED = {
    "byte behind": lambda d: d + b"\0",
    "second object behind": lambda d: d + d,
    "object inside an object": lambda d: b"\x30\x82" + len(d).to_bytes(2, "big") + d,
    "length one too long": lambda d: d[:2] + (int.from_bytes(d[2:4], "big") + 1).to_bytes(2, "big") + d[4:],
    "length one too short": lambda d: d[:2] + (int.from_bytes(d[2:4], "big") - 1).to_bytes(2, "big") + d[4:],
    "indefinite without an end": lambda d: b"\x30\x80" + d[4:],
    "content in pieces of which one is other": lambda d: octets(
        d, b"\x24" + core.OctetString(CONTENT[:50] + b"x" + CONTENT[51:]).dump()[1:]
    ),
    "content of another tag": lambda d: octets(d, b"\x0c" + core.OctetString(CONTENT).dump()[1:]),
    "content as a bit string": lambda d: octets(d, b"\x03" + core.OctetString(CONTENT).dump()[1:]),
    "type enveloped": lambda d: d.replace(
        bytes.fromhex("2a864886f70d010702"), bytes.fromhex("2a864886f70d010703"), 1
    ),
    "armour with a second block": lambda d: (
        b"-----BEGIN CMS-----\n" + base64.encodebytes(d) * 2 + b"-----END CMS-----\n"
    ),
}


@pytest.mark.parametrize("name", ENCODED)
def test_a_second_encoding_does_not_pass(desk, p7m, name):
    assert refused(desk, ENCODED[name](p7m))
