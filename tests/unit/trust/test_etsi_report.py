"""The report as ETSI TS 119 102-2 has it, read by somebody else's classes of that schema, which refuse
whatever they do not know; a second writing by them must come to the same, in the same order."""

import hashlib
import re
from base64 import b64decode
from datetime import timedelta

import pytest
from asn1crypto import cms
from lxml import etree
from pyhanko.generated.etsi import ts_11910202 as etsi
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.serializers import XmlSerializer

from ebrvt_connect.testing.sample_ooxml import packed
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.trust.catalogue import noticed
from ebrvt_connect.trust.etsi_identity import identity_of_cms, identity_of_xml
from ebrvt_connect.trust.etsi_report import NAMESPACE
from ebrvt_connect.trust.policy import ETSI_STRICT, VN_2025
from ebrvt_connect.trust.signed_data import signed_by_one
from ebrvt_connect.trust.verdict import Indication, RevocationFacts, Severity, SubIndication
from ebrvt_connect.trust.verify import verify_bytes
from ebrvt_connect.trust.xml_reading import read_signature
from ebrvt_connect.trust.xml_words import SIGNATURE
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.unit.trust.ooxml_samples import DOCUMENT, changed
from tests.unit.trust.ooxml_samples import signed as signed_office
from tests.unit.trust.samples import AGENCY, AT, EARLY, plain_pdf, with_contents
from tests.unit.trust.time_samples import content_stamped_cms
from tests.unit.trust.xml_samples import packet

PASSED, UNCLEAR, FAILED = Indication
STRICT = ParserConfig(
    fail_on_unknown_properties=True, fail_on_unknown_attributes=True, fail_on_converter_warnings=True
)
MAIN = "urn:etsi:019102:mainindication:"
SUB = "urn:etsi:019102:subindication:"
VR = f"{{{NAMESPACE}}}"


@pytest.fixture(scope="module")
def files(pki, desk, issued, seal):
    """By kind of file: one that passes, one that is unclear (its seal was revoked), one that was changed."""
    revoked = pki.signer(AGENCY, flavour="revoked")
    xml, office = sign_packet(packet(), seal, reference_id="pkt-1"), signed_office(seal)
    p7m = signed_cms(plain_pdf(), [seal], signed_at=AT)
    return {
        ("pdf", PASSED): issued,
        ("pdf", UNCLEAR): desk.signed(flavour="revoked", at=EARLY),
        ("pdf", FAILED): issued.replace(b"Van ban mau", b"Van ban xau", 1),
        ("xml", PASSED): xml,
        ("xml", UNCLEAR): sign_packet(packet(), revoked, reference_id="pkt-1"),
        ("xml", FAILED): xml.replace(b"21.37", b"12.37"),
        ("cms", PASSED): p7m,
        ("cms", UNCLEAR): signed_cms(plain_pdf(), [revoked], signed_at=EARLY),
        ("cms", FAILED): p7m.replace(b"Van ban mau", b"Van ban xau", 1),
        ("ooxml", PASSED): packed(office),
        ("ooxml", UNCLEAR): packed(signed_office(revoked)),
        ("ooxml", FAILED): packed(changed(office, DOCUMENT, (b"</w:t>", b" x</w:t>"))),
    }


@pytest.fixture
def judge(trust):
    def run(data, *, policy=VN_2025, **more):
        return verify_bytes(data, policy=policy, trust=trust, at=AT, **more)

    return run


def read(report):
    """The report as the schema's classes have it, after all that they can object to."""
    xml = report.to_etsi_xml()
    made = XmlParser(config=STRICT).from_bytes(xml, etsi.ValidationReport)
    again = XmlSerializer().render(made, ns_map={None: NAMESPACE})
    assert outline(again.encode()) == outline(xml)
    root = etree.fromstring(xml)
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Z]-[\w.-]+", i) for i in ids)
    assert {e.get("VOReference") for e in root.iter() if e.get("VOReference")} <= set(ids)
    return made


def outline(xml):
    """Names and texts in document order; times and blanks aside, which may be written in many ways."""
    parts = []
    for element in etree.fromstring(xml).iter():
        text = (element.text or "").strip()
        parts.append((element.tag, "" if re.match(r"\d{4}-\d\d-\d\dT", text) else text))
    return parts


KINDS = [(kind, indication) for kind in ("pdf", "xml", "cms", "ooxml") for indication in Indication]


@pytest.mark.parametrize(("kind", "indication"), KINDS, ids=str)
def test_each_kind_and_fate_is_a_report_of_the_schema(kind, indication, files, judge):
    report = judge(files[kind, indication])
    assert report.indication is indication

    entries = read(report).signature_validation_report

    assert len(entries) == len(report.signatures)
    worst = [e for e in entries if e.signature_validation_status.main_indication == MAIN + WORDS[indication]]
    assert worst
    if indication is not PASSED:
        told = {r for e in worst for r in e.signature_validation_status.sub_indication}
        assert told >= {SUB + reason for reason in report.sub_indications}


WORDS = {PASSED: "total-passed", UNCLEAR: "indeterminate", FAILED: "total-failed"}


def test_a_passed_pdf_tells_all_the_schema_asks_for(issued, judge):
    report = judge(issued)
    made = read(report)
    entry, signature = made.signature_validation_report[1], report.signatures[1]

    assert entry.signature_validation_status.sub_indication == ()
    policy = entry.validation_constraints_evaluation_report.signature_validation_policy
    named = policy.signature_policy_identifier.signature_policy_id
    assert named.sig_policy_id.identifier.value == "urn:ebrvt-connect:policy:VN_2025:1"
    assert named.sig_policy_hash.digest_value.value.hex() == report.policy.sha256
    best = entry.validation_time_info.best_signature_time
    assert (best.type_of_proof, best.poetime.to_datetime()) == ("urn:etsi:019102:poetype:validation", AT)
    assert best.poeobject.voreference == (f"T-{signature.timestamps[0].sha256}",)
    assert entry.signature_attributes.sub_filter[0].sub_filter_element == signature.format
    assert entry.signature_attributes.signature_time_stamp[0].time_stamp_value.to_datetime() == AT
    assert entry.signature_validation_process.signature_validation_process_id.endswith(":LTVM")
    (data,) = entry.signature_validation_status.associated_validation_report_data
    chain = [f"C-{sha256}" for sha256 in signature.chain]
    assert data.trust_anchor.voreference == (chain[-1],)
    assert data.certificate_chain.signing_certificate.voreference == (chain[0],)
    assert [c.voreference[0] for c in data.certificate_chain.intermediate_certificate] == chain[1:-1]
    assert data.crypto_information.algorithm == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    assert data.crypto_information.secure_algorithm is True
    kinds = {o.id[0]: o.object_type for o in made.signature_validation_objects.validation_object}
    assert kinds == {
        letter: f"urn:etsi:019102:validationObject:{name}"
        for letter, name in (("C", "certificate"), ("R", "CRL"), ("T", "timestamp"), ("D", "signedData"))
    }


def test_signer_and_revocation_list_are_named_by_digest(issued, judge, pki):
    report = judge(issued)
    lists = {hashlib.sha256(p.read_bytes()).hexdigest() for p in (pki.trust_folder / "crl").iterdir()}

    assert report.signatures[0].revocation.sha256 in lists
    entry = read(report).signature_validation_report[0]
    (data,) = entry.signature_validation_status.associated_validation_report_data
    assert data.related_validation_object[0].voreference == (f"R-{report.signatures[0].revocation.sha256}",)
    assert entry.signer_information.signer == "Trần Thị Ví Dụ"


def test_a_cms_signature_is_identified_by_its_value_and_signed_attributes(files, judge):
    report = judge(files["cms", PASSED])
    signer = cms.ContentInfo.load(files["cms", PASSED])["content"]["signer_infos"][0]

    entry = read(report).signature_validation_report[0]

    identifier = entry.signature_identifier
    assert identifier.signature_value.value == signer["signature"].native
    attributes = signer["signed_attrs"].untag().dump()
    assert identifier.digest_alg_and_value.digest_value.value == hashlib.sha256(attributes).digest()
    assert (identifier.hash_only, identifier.doc_hash_only) == (False, False)
    content = entry.signers_document.digest_alg_and_value.digest_value.value
    assert content == hashlib.sha256(plain_pdf()).digest()


@pytest.mark.parametrize("kind", ["xml", "ooxml"])
def test_an_xml_signature_is_identified_by_its_value_and_signed_info(kind, files, judge, seal):
    report = judge(files[kind, PASSED])
    identity = report.signatures[0].identity

    # The key confirms it: what we digested is what was signed.
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256

    key = x509.load_der_x509_certificate(seal.certificates_der[0]).public_key()
    digest, value = bytes.fromhex(identity.digest), b64decode(identity.value)
    key.verify(value, digest, padding.PKCS1v15(), Prehashed(SHA256()))
    document = read(report).signature_validation_report[0].signers_document
    assert document.digest_alg_and_value.digest_value.value.hex() == report.sha256


def test_a_claimed_time_counts_by_policy_alone(files, judge):
    report = judge(files["cms", PASSED])
    best = read(report).signature_validation_report[0].validation_time_info.best_signature_time

    assert report.signatures[0].best_time.proof == "claimed"
    assert best.type_of_proof == "urn:etsi:019102:poetype:policy"


def test_without_a_timestamp_the_strict_policy_says_no_poe(files, judge):
    report = judge(files["cms", PASSED], policy=ETSI_STRICT)
    status = read(report).signature_validation_report[0].signature_validation_status

    assert status.main_indication == MAIN + "indeterminate"
    assert status.sub_indication == (SUB + "NO_POE",)


def test_a_document_timestamp_is_what_proves_the_time_of_earlier_signatures(desk, judge):
    report = judge(desk.with_document_timestamp(desk.signed()))
    entries = read(report).signature_validation_report

    (token,) = report.signatures[1].timestamps
    best = entries[0].validation_time_info.best_signature_time
    assert best.poeobject.voreference == (f"T-{token.sha256}",)
    assert entries[1].signature_attributes.sub_filter[0].sub_filter_element == "ETSI.RFC3161"


def test_a_content_timestamp_is_an_attribute_of_its_own_and_proves_no_signing_time(desk, judge):
    before = AT - timedelta(hours=1)
    report = judge(content_stamped_cms(desk, b"noi dung", before=desk.stamped(before), at=AT))
    entry = read(report).signature_validation_report[0]

    (stamp,) = entry.signature_attributes.all_data_objects_time_stamp
    assert (stamp.signed, stamp.time_stamp_value.to_datetime()) == (True, before)
    assert entry.signature_attributes.signature_time_stamp == ()
    assert entry.validation_time_info.best_signature_time.poeobject is None
    assert "Ký không sớm hơn: 23/11/2026 07:00:00" in report.to_text_vi()


def test_a_revoked_certificate_is_told_with_its_time(files, judge):
    report = judge(files["xml", UNCLEAR])
    (data,) = (
        read(report)
        .signature_validation_report[0]
        .signature_validation_status.associated_validation_report_data
    )

    revoked_at = data.revocation_status_information.revocation_time.to_datetime()
    assert revoked_at == report.signatures[0].revocation.revoked_at


@pytest.mark.parametrize(
    ("data", "word", "reason"),
    [
        (plain_pdf(), "indeterminate", SubIndication.SIGNED_DATA_NOT_FOUND),
        (b"%PDF-1.7\n", "total-failed", SubIndication.FORMAT_FAILURE),
        (b"", "total-failed", SubIndication.FORMAT_FAILURE),
    ],
    ids=["unsigned", "broken", "empty"],
)
def test_a_file_without_signatures_has_one_entry_that_says_so(data, word, reason, judge):
    (entry,) = read(judge(data)).signature_validation_report

    assert entry.signature_identifier is None
    assert entry.signature_validation_status.main_indication == MAIN + word
    assert entry.signature_validation_status.sub_indication == (SUB + reason,)


def test_what_is_wrong_with_the_file_weighs_on_each_of_its_signatures(issued, judge):
    """A reader of one entry alone must not take it for good."""
    report = judge(issued + b"\n% appended")
    assert report.indication is FAILED

    entries = read(report).signature_validation_report

    assert [e.signature_validation_status.main_indication for e in entries] == [MAIN + "total-failed"] * 2
    assert all(SUB + "FORMAT_FAILURE" in e.signature_validation_status.sub_indication for e in entries)


def test_a_detached_signature_without_its_content_names_no_document(judge, seal):
    report = judge(signed_cms(plain_pdf(), [seal], signed_at=AT, detached=True))

    assert read(report).signature_validation_report[0].signers_document is None


def test_findings_are_told_in_both_languages_with_their_law(issued, judge):
    report = judge(issued)
    (data,) = (
        read(report)
        .signature_validation_report[0]
        .signature_validation_status.associated_validation_report_data
    )

    told = {d.type_value: d.value for d in data.additional_validation_report_data.report_data}
    finding = report.signatures[0].findings[0]
    name = f"urn:ebrvt-connect:finding:{finding.severity.value}:{finding.code}"
    assert f"{name}:vi" in told
    assert finding.legal_ref in str(told[f"{name}:en"])


HOSTILE = "]]></Signer><x/>&\x00\x1b[2J\u202e\ud800 \ufffe\n HỢP LỆ " + "A" * 10_000


def test_hostile_names_neither_break_the_report_nor_fill_it(issued, judge):
    report = judge(issued)
    signature = report.signatures[0]
    signer = signature.signer.model_copy(update={"cn": HOSTILE})
    finding = noticed("HASH_MISMATCH").model_copy(update={"message_vi": HOSTILE})
    spoiled = signature.model_copy(
        update={"signer": signer, "field": HOSTILE, "format": HOSTILE, "findings": (finding,)}
    )
    report = report.model_copy(update={"signatures": (spoiled,), "file": HOSTILE})

    (entry,) = read(report).signature_validation_report

    assert "</Signer>" in entry.signer_information.signer
    assert len(entry.signer_information.signer) <= 400
    assert "\n" not in entry.signer_information.signer
    assert finding.severity is Severity.ERROR


def test_the_same_report_gives_the_same_bytes(issued, judge):
    assert judge(issued).to_etsi_xml() == judge(issued).to_etsi_xml()


# --- what is rare ---------------------------------------------------------------------------------------


def test_a_suspension_told_by_ocsp_names_the_answer_and_the_hold(issued, judge):
    report = judge(issued)
    answer = "ab" * 32
    state = RevocationFacts(status="suspended", source="ocsp", revoked_at=AT, sha256=answer)
    spoiled = report.signatures[0].model_copy(update={"revocation": state})

    made = read(report.model_copy(update={"signatures": (spoiled,)}))

    (data,) = made.signature_validation_report[
        0
    ].signature_validation_status.associated_validation_report_data
    told = data.revocation_status_information
    assert told.revocation_reason == "urn:etsi:019102:revocationReason:certificateHold"
    assert told.revocation_object.voreference == (f"O-{answer}",)
    kinds = {o.id: o.object_type for o in made.signature_validation_objects.validation_object}
    assert kinds[f"O-{answer}"] == "urn:etsi:019102:validationObject:OCSPResponse"


def test_a_timestamp_nobody_trusts_is_listed_and_proves_nothing(desk, judge):
    report = judge(desk.signed(timestamper=desk.stamped(impostor=True)))
    made = read(report)

    assert made.signature_validation_report[0].validation_time_info.best_signature_time.poeobject is None
    (token,) = (o for o in made.signature_validation_objects.validation_object if o.id.startswith("T-"))
    status = token.validation_report.signature_validation_status
    assert status.main_indication == MAIN + "indeterminate"


def test_a_signature_of_which_nothing_could_be_read_is_still_an_entry(desk, judge):
    report = judge(with_contents(desk.signed(), lambda _: b"\x30\x03\x02\x01\x01"))
    assert report.signatures[0].certificate is None

    (entry,) = read(report).signature_validation_report

    assert entry.signer_information is None
    assert entry.signature_identifier.signature_value is None
    assert entry.validation_time_info.best_signature_time.poetime.to_datetime() == AT


def test_what_nobody_named_gets_a_name_of_ours(issued, judge):
    report = judge(issued)
    signature = report.signatures[0]
    changed_to = {
        "algorithms": signature.algorithms.model_copy(update={"signature": "ed25519", "digest": "shake256"}),
        "identity": signature.identity.model_copy(update={"digest_algorithm": "whirlpool"}),
        "timestamps": tuple(t.model_copy(update={"sha256": ""}) for t in signature.timestamps),
        "findings": (noticed("WEAK_KEY"),),
    }
    report = report.model_copy(update={"signatures": (signature.model_copy(update=changed_to),)})

    (entry,) = read(report).signature_validation_report

    (data,) = entry.signature_validation_status.associated_validation_report_data
    assert data.crypto_information.algorithm == "urn:ebrvt-connect:algorithm:ed25519:shake256"
    assert data.crypto_information.secure_algorithm is False
    method = entry.signature_identifier.digest_alg_and_value.digest_method
    assert method.algorithm == "urn:ebrvt-connect:digest:whirlpool"


@pytest.mark.parametrize("algorithm", ["shake128", "unheard-of"])
def test_a_digest_that_cannot_be_made_identifies_nothing(algorithm, files):
    content = cms.ContentInfo.load(files["cms", PASSED])["content"]
    signed = signed_by_one(content, content["signer_infos"][0])

    class Lying:
        signer_info, digest = signed.signer_info, algorithm

    assert identity_of_cms(signed) is not None
    assert identity_of_cms(Lying()) is None


def test_a_signature_value_that_is_no_base64_identifies_nothing(files):
    root = etree.fromstring(files["xml", PASSED])
    signature = read_signature(next(root.iter(SIGNATURE)), VN_2025)
    assert identity_of_xml(signature) is not None

    signature.element[1].text = "không phải Base64"

    assert identity_of_xml(signature) is None
