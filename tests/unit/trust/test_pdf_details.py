"""Signatures sound to the eye and wrong in one detail of encoding, certificate or timestamp."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.timestamps import TimeStamper

from ebrvt_connect.testing.pki import _asn1
from ebrvt_connect.testing.pki_issue import Identity, Request, issue, revocation_list
from ebrvt_connect.testing.timestamp_authority import TimestampAuthority
from ebrvt_connect.transport.signers import KeySigner, sign_pdf
from ebrvt_connect.transport.signing_cms import CmsSigner, run_steps
from ebrvt_connect.trust.immediate import run_to_end
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import AGENCY, AT, gap_of, plain_pdf, with_contents, with_signed_data

PASSED, UNCLEAR, FAILED = Indication


def codes(report):
    return {f.code for f in report.all_findings()}


class Editing(CmsSigner):
    """Signs attributes that were edited first: what comes out is validly signed."""

    def __init__(self, good, edit):
        super().__init__(good)
        self._edit = edit

    async def signed_attrs(self, *given, **more):
        attributes = await super().signed_attrs(*given, **more)
        return cms.CMSAttributes(self._edit(list(attributes)))


def without(name):
    return lambda attributes: [a for a in attributes if a["type"].native != name]


def twice(name):
    return lambda attributes: attributes + [a for a in attributes if a["type"].native == name]


def of_another_type(attributes):
    odd = cms.CMSAttribute({"type": "content_type", "values": ["signed_data"]})
    return [odd, *without("content_type")(attributes)]


def two_values(attributes):
    for attribute in attributes:
        if attribute["type"].native == "message_digest":
            attribute["values"] = [attribute["values"][0], core.OctetString(b"x")]
    return attributes


def of_another_certificate(pki):
    other = tsp.ESSCertIDv2({"cert_hash": pki.signer("H06.08").certificate.sha256})

    def edit(attributes):
        for attribute in attributes:
            if attribute["type"].native == "signing_certificate_v2":
                attribute["values"] = [tsp.SigningCertificateV2({"certs": [other]})]
        return attributes

    return edit


@pytest.fixture
def signed_with(pki):
    def sign(signer, **more):
        return sign_pdf(plain_pdf(), signer, role="agency", signed_at=AT, **more)

    return sign


@pytest.mark.parametrize(
    "edit",
    [
        without("message_digest"),
        without("content_type"),
        twice("message_digest"),
        of_another_type,
        two_values,
    ],
    ids=["no digest", "no type", "digest twice", "another type", "two values"],
)
def test_mandatory_attributes_stand_exactly_once(desk, pki, signed_with, edit):
    report = desk.verdict(signed_with(Editing(pki.signer(AGENCY), edit)))

    assert (report.indication, report.sub_indications) == (FAILED, ("FORMAT_FAILURE",))
    assert "CMS_MALFORMED" in codes(report)


def test_a_signature_that_does_not_name_its_certificate_is_warned_about(desk, pki, signed_with):
    report = desk.verdict(signed_with(Editing(pki.signer(AGENCY), without("signing_certificate_v2"))))

    assert report.indication is PASSED
    assert "SIGNER_CERTIFICATE_NOT_BOUND" in codes(report)


def test_a_signature_that_names_another_certificate_is_undecided(desk, pki, signed_with):
    report = desk.verdict(signed_with(Editing(pki.signer(AGENCY), of_another_certificate(pki))))

    assert report.sub_indications == ("NO_SIGNING_CERTIFICATE_FOUND",)
    assert "SIGNER_CERTIFICATE_MISMATCH" in codes(report)


def by_key_identifier(data):
    certificate = next(
        c.chosen
        for c in data["certificates"]
        if c.chosen.serial_number == data["signer_infos"][0]["sid"].chosen["serial_number"].native
    )
    data["signer_infos"][0]["sid"] = cms.SignerIdentifier(
        name="subject_key_identifier", value=certificate.key_identifier
    )


def by_strange_identifier(data):
    data["signer_infos"][0]["sid"] = cms.SignerIdentifier(name="subject_key_identifier", value=b"nobody")


def no_attributes(data):
    del data["signer_infos"][0]["signed_attrs"]


def many_certificates(data):
    key = ec.generate_private_key(ec.SECP256R1())
    small = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([]))
    small = small.public_key(key.public_key()).serial_number(1).not_valid_before(AT).not_valid_after(AT)
    certificate = _asn1(small.sign(key, hashes.SHA256()))
    data["certificates"] = cms.CertificateSet([certificate] * 101)


def strange_digest(data):
    data["signer_infos"][0]["digest_algorithm"] = {"algorithm": "1.2.3.4"}


def test_a_signer_may_be_named_by_key_identifier(desk):
    assert desk.verdict(with_signed_data(desk.signed(), by_key_identifier)).indication is PASSED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (by_strange_identifier, "SIGNER_CERTIFICATE_MISSING"),
        (no_attributes, "CMS_MALFORMED"),
        (many_certificates, "CMS_MALFORMED"),
        (strange_digest, "CMS_MALFORMED"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_changed_object_is_refused(desk, change, code):
    report = desk.verdict(with_signed_data(desk.signed(timestamper=desk.stamped()), change))

    assert report.indication is not PASSED
    assert code in codes(report)


# --- times -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [b"20269999080000", b"not a date    ", b"\\000\\000          "])
def test_a_time_that_does_not_read_is_no_time(desk, written):
    """Its hash is broken as well; what counts is that there is a report."""
    report = desk.verdict(desk.signed().replace(b"20261123080000", written[:14]))

    assert report.signatures[0].claimed_time is None
    assert {"NO_SIGNING_TIME", "HASH_MISMATCH"} <= codes(report)


def test_a_signature_without_any_time_is_judged_at_the_check(desk, pki):
    writer = IncrementalPdfFileWriter(BytesIO(plain_pdf()))
    meta = PdfSignatureMetadata(field_name="A", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
    signer = PdfSigner(meta, CmsSigner(pki.signer(AGENCY)), new_field_spec=SigFieldSpec("A"))

    async def sign():
        session = signer.init_signing_session(writer)
        session.system_time = None
        prepared = session.prepare_tbs_document(None, bytes_reserved=20_000)
        digest, output = prepared.digest_tbs_document(in_place=True)
        await prepared.perform_signature(digest.document_digest, PdfCMSSignedAttributes())
        return output.getvalue()

    report = desk.verdict(run_steps(sign()))

    best = report.signatures[0].best_time
    assert (report.indication, best.value, best.proof) == (PASSED, AT, "validation")
    assert "NO_SIGNING_TIME" in codes(report)


@pytest.mark.parametrize(
    ("ahead", "code"),
    [
        (timedelta(hours=7), "CLAIMED_TIME_LOCAL"),
        (timedelta(hours=7, minutes=50), "CLAIMED_TIME_LOCAL"),
        (timedelta(hours=2), "CLAIMED_TIME_DIFFERS"),
        (timedelta(seconds=59), None),
        (timedelta(hours=-30), None),
    ],
)
def test_the_claimed_time_is_compared_with_its_proof(desk, ahead, code):
    report = desk.verdict(desk.signed(at=AT + ahead, timestamper=desk.stamped()), at=AT.replace(year=2027))

    assert report.indication is PASSED
    assert codes(report) & {"CLAIMED_TIME_LOCAL", "CLAIMED_TIME_DIFFERS"} == ({code} if code else set())


@pytest.mark.parametrize("stamped", [True, False])
def test_clocks_may_differ_a_little(desk, stamped):
    """The authority's clock, or the signer's, half a minute ahead of ours holds no document up."""
    ahead = AT + timedelta(seconds=30)
    report = desk.verdict(desk.signed(at=ahead, timestamper=desk.stamped(ahead) if stamped else None))

    assert report.indication is PASSED
    assert report.signatures[0].best_time.proof == ("timestamp" if stamped else "claimed")
    assert codes(report) <= {"NO_TIMESTAMP", "RSA_PKCS1_V15", "SEAL_WITHOUT_LEADER"}


# --- permissions, second opinion, usage ----------------------------------------------------------------


class Stubborn(PdfSigner):
    """Signs where an earlier signer forbade it."""

    def _enforce_certification_constraints(self, reader):
        pass


def test_signing_against_the_first_signers_permission_is_a_breach(desk, pki):
    def sign(pdf, name, **more):
        meta = PdfSignatureMetadata(field_name=name, subfilter=SigSeedSubFilter.PADES, **more)
        signer = Stubborn(meta, CmsSigner(pki.signer(AGENCY)), new_field_spec=SigFieldSpec(name))
        return run_steps(signer.async_sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)))).getvalue()

    locked = sign(plain_pdf(), "A", certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    later = datetime.now(UTC)

    assert desk.verdict(locked, at=later).indication is PASSED
    assert "PERMISSIONS_BREACHED" in codes(desk.verdict(sign(locked, "B"), at=later))


def named_constraint(pki):
    """An authority that may vouch for another organisation only."""
    root = pki.identity("root")
    made = issue(Request("Ràng buộc", authority=True, path_length=0), root)
    allowed = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Khác")]))
    builder = x509.CertificateBuilder(
        subject_name=made.certificate.subject,
        issuer_name=root.certificate.subject,
        public_key=made.key.public_key(),
        serial_number=7,
        not_valid_before=made.certificate.not_valid_before_utc,
        not_valid_after=made.certificate.not_valid_after_utc,
        extensions=list(made.certificate.extensions),
    ).add_extension(x509.NameConstraints([allowed], None), critical=True)
    return Identity(builder.sign(root.key, hashes.SHA256()), made.key)


def key_signer(identity):
    return KeySigner(_asn1(identity.certificate), identity.key, [_asn1(c) for c in identity.chain])


def test_what_pyhanko_would_refuse_is_undecided(desk, pki, signed_with):
    """Our own chain does not read name constraints; the second opinion does."""
    authority = named_constraint(pki)
    leaf = issue(Request("Người ký"), authority)
    signer = KeySigner(_asn1(leaf.certificate), leaf.key, [_asn1(authority.certificate)])
    trust = desk.trust.with_more(crls=[revocation_list(authority, [])])

    report = type(desk)(pki, trust).verdict(signed_with(signer))

    assert (report.indication, report.sub_indications) == (UNCLEAR, ("GENERIC",))
    assert "SECOND_OPINION_DIFFERS" in codes(report)


def test_an_authority_may_not_sign_documents(desk, pki, signed_with):
    report = desk.verdict(signed_with(key_signer(pki.identity("issuer"))))

    assert report.indication is UNCLEAR
    assert "KEY_USAGE_WRONG" in codes(report)


def test_a_certificate_that_is_silent_on_its_use_may_not_sign(desk, pki, signed_with):
    authority = pki.identity("issuer")
    made = issue(Request("Người ký"), authority)
    silent = x509.CertificateBuilder(
        subject_name=made.certificate.subject,
        issuer_name=authority.certificate.subject,
        public_key=made.key.public_key(),
        serial_number=7,
        not_valid_before=made.certificate.not_valid_before_utc,
        not_valid_after=made.certificate.not_valid_after_utc,
    ).sign(authority.key, hashes.SHA256())

    report = desk.verdict(signed_with(key_signer(Identity(silent, made.key, made.chain))))

    assert "KEY_USAGE_WRONG" in codes(report)


_USE = x509.ExtendedKeyUsageOID


@pytest.mark.parametrize(
    ("purpose", "indication", "code"),
    [
        (_USE.SERVER_AUTH, UNCLEAR, "KEY_USAGE_WRONG"),
        (_USE.TIME_STAMPING, UNCLEAR, "KEY_USAGE_WRONG"),
        (_USE.OCSP_SIGNING, UNCLEAR, "KEY_USAGE_WRONG"),
        (_USE.CLIENT_AUTH, PASSED, "KEY_PURPOSE_UNUSUAL"),
        (_USE.EMAIL_PROTECTION, PASSED, None),
        (x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"), PASSED, None),
        (_USE.ANY_EXTENDED_KEY_USAGE, PASSED, None),
    ],
    ids=lambda value: getattr(value, "_name", None),
)
def test_a_certificate_for_another_purpose_may_not_sign(desk, pki, signed_with, purpose, indication, code):
    signer = key_signer(issue(Request("Người ký", purpose=purpose), pki.identity("issuer")))

    report = desk.verdict(signed_with(signer))

    assert report.indication is indication
    assert codes(report) & {"KEY_USAGE_WRONG", "KEY_PURPOSE_UNUSUAL"} == ({code} if code else set())


def test_an_authority_for_another_purpose_may_not_vouch_for_signers(desk, pki, signed_with):
    authority = issue(
        Request("Cấp cho máy chủ", authority=True, path_length=0, purpose=_USE.SERVER_AUTH),
        pki.identity("root"),
    )
    leaf = issue(Request("Người ký"), authority)
    signer = KeySigner(_asn1(leaf.certificate), leaf.key, [_asn1(authority.certificate)])
    trust = desk.trust.with_more(crls=[revocation_list(authority, [])])

    assert "KEY_USAGE_WRONG" in codes(type(desk)(pki, trust).verdict(signed_with(signer)))


# --- timestamps --------------------------------------------------------------------------------------


@pytest.fixture
def stamped_by(desk, pki):
    """A document with a timestamp by a certificate of our own making under the timestamp authority."""

    def sign(request, *, at=AT, trust=None, revoked=False):
        identity = issue(request, pki.identity("tsa-issuer"))
        stamper = TimestampAuthority(key_signer(identity)).timestamper(at)
        pdf = desk.signed(at=at, timestamper=stamper)
        lists = [revocation_list(pki.identity("tsa-issuer"), [identity.certificate])] if revoked else []
        return type(desk)(pki, (trust or desk.trust).with_more(crls=lists)).verdict(pdf)

    return sign


TSA = x509.ExtendedKeyUsageOID.TIME_STAMPING


@pytest.mark.parametrize(
    ("request_", "revoked", "expected"),
    [
        (Request("Không mục đích"), False, "không dành riêng"),
        (Request("Mục đích khác", purpose=x509.ExtendedKeyUsageOID.CODE_SIGNING), False, "không dành riêng"),
        (Request("Hết hạn", purpose=TSA, valid_to=datetime(2020, 1, 1, tzinfo=UTC)), False, "hết hiệu lực"),
        (Request("Thu hồi", purpose=TSA), True, "thu hồi"),
    ],
    ids=["no purpose", "another purpose", "expired", "revoked"],
)
def test_a_timestamp_by_the_wrong_certificate_proves_nothing(stamped_by, request_, revoked, expected):
    report = stamped_by(request_, revoked=revoked)

    finding = next(f for f in report.all_findings() if f.code == "TIMESTAMP_NOT_TRUSTED")
    assert expected in finding.message_vi
    assert report.signatures[0].best_time.proof == "claimed"


def test_a_timestamp_key_revoked_later_may_have_backdated(stamped_by):
    early = datetime(2015, 6, 1, tzinfo=UTC)

    report = stamped_by(Request("Thu hồi sau", purpose=TSA), at=early, revoked=True)

    assert "TIMESTAMP_NOT_TRUSTED" in codes(report)


def test_a_timestamp_whose_authority_cannot_be_checked_proves_nothing(desk):
    crls = tuple(c for c in desk.trust.revocation.crls if "dấu thời gian" not in c.issuer.rfc4514_string())
    trust = replace(desk.trust, revocation=replace(desk.trust.revocation, crls=crls))

    report = type(desk)(desk.pki, trust).verdict(desk.signed(timestamper=desk.stamped()))

    assert "TIMESTAMP_NOT_TRUSTED" in codes(report)


def edited_token(pdf, edit):
    """The signature's timestamp token changed where it stands."""

    def change(data):
        attributes = data["signer_infos"][0]["unsigned_attrs"]
        token = attributes[0]["values"][0]
        edit(token["content"])
        changed = cms.ContentInfo({"content_type": "signed_data", "content": token["content"]})
        data["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes(
            [{"type": "signature_time_stamp_token", "values": [changed]}]
        )

    return with_signed_data(pdf, change)


def spoil_signature(token):
    token["signer_infos"][0]["signature"] = bytes(256)


def spoil_content(token):
    token["encap_content_info"] = {"content_type": "data", "content": b"x"}


def two_signers(token):
    token["signer_infos"] = cms.SignerInfos([token["signer_infos"][0]] * 2)


@pytest.mark.parametrize(
    "edit", [spoil_signature, spoil_content, two_signers], ids=lambda edit: edit.__name__
)
def test_a_spoilt_timestamp_is_told_as_broken(desk, edit):
    report = desk.verdict(edited_token(desk.signed(timestamper=desk.stamped()), edit))

    assert report.indication is UNCLEAR
    assert "TIMESTAMP_BROKEN" in codes(report)


class Saying(TimeStamper):
    """The sandbox's authority, which says something more in each token and signs it."""

    def __init__(self, pki, **said):
        super().__init__()
        self._honest = pki.timestamp_authority().timestamper(AT)
        self._key = pki.identity("tsa").key
        self._said = said

    async def async_timestamp(self, message_digest, md_algorithm):
        made = await self._honest.async_timestamp(message_digest, md_algorithm)
        token = cms.ContentInfo.load(made.dump())["content"]
        info = token["encap_content_info"]["content"].parsed
        for name, value in self._said.items():
            info[name] = value
        written, signer = info.dump(force=True), token["signer_infos"][0]
        token["encap_content_info"]["content"] = core.ParsableOctetString(written)
        for attribute in signer["signed_attrs"]:
            if attribute["type"].native == "message_digest":
                attribute["values"] = [hashlib.sha256(written).digest()]
        signed = signer["signed_attrs"].untag().dump(force=True)
        signer["signature"] = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return cms.ContentInfo({"content_type": "signed_data", "content": token})


UNKNOWN = {"extn_id": "1.2.3.4", "extn_value": b"\5\0"}


@pytest.mark.parametrize(
    ("said", "proof"),
    [
        ({"accuracy": {"seconds": 1, "millis": 500}}, "timestamp"),
        ({"extensions": [{**UNKNOWN, "critical": False}]}, "timestamp"),
        ({"accuracy": {"seconds": 864_000}}, "claimed"),
        ({"extensions": [{**UNKNOWN, "critical": True}]}, "claimed"),
        ({"version": 2}, "claimed"),
    ],
    ids=["exact", "a remark", "ten days more or less", "a condition nobody knows", "another version"],
)
def test_a_timestamp_with_a_reservation_proves_nothing(desk, pki, said, proof):
    report = desk.verdict(desk.signed(timestamper=Saying(pki, **said)))

    assert report.signatures[0].best_time.proof == proof
    assert ("TIMESTAMP_NOT_TRUSTED" in codes(report)) is (proof == "claimed")


def test_a_spoilt_document_timestamp_does_not_pass(desk):
    pdf = desk.with_document_timestamp(desk.signed())
    start, _ = gap_of(pdf)
    changed = bytearray(pdf)
    changed[start - 3000] ^= 1

    assert desk.verdict(bytes(changed)).indication is not PASSED
    assert desk.verdict(with_contents(pdf, lambda _: b"0")).sub_indications == ("FORMAT_FAILURE",)


def test_a_document_timestamp_of_another_format_is_refused(desk):
    pdf = desk.with_document_timestamp(desk.signed()).replace(b"/ETSI.RFC3161", b"/ACME.RFC3161")

    assert "SUBFILTER_NOT_ALLOWED" in codes(desk.verdict(pdf))


def test_a_coroutine_that_waits_is_a_mistake():
    class Waiting:
        def __await__(self):
            yield

    async def wait():
        await Waiting()

    with pytest.raises(RuntimeError, match="event loop"):
        run_to_end(wait())
