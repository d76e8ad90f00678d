"""The labelled matrix: one document for each thing that can be right or wrong with it."""

from dataclasses import replace
from datetime import timedelta

import pikepdf
import pytest
from asn1crypto import cms

from ebrvt_connect.testing.pki_issue import CRL_ISSUED_AT, REVOKED_AT
from ebrvt_connect.trust.verdict import Indication
from tests.unit.trust.samples import (
    AGENCY,
    AT,
    EARLY,
    CopiedTimestamps,
    assembled,
    gap_of,
    new_annotation,
    new_evidence,
    new_form_value,
    new_page_content,
    plain_pdf,
    signature_hidden,
    updated,
    with_byte_range,
    with_contents,
    with_signed_data,
)

PASSED, UNCLEAR, FAILED = Indication

LATE = AT.replace(year=2027)


def flipped(pdf, at):
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


def tampered(desk):
    pdf = desk.signed()
    return flipped(pdf, pdf.index(b"Van ban mau"))


def tampered_between_signatures(desk):
    pdf = desk.issued()
    return flipped(pdf, gap_of(desk.signed(role="person"))[1] + 20)


def second_signer(data):
    data["signer_infos"] = cms.SignerInfos([data["signer_infos"][0], data["signer_infos"][0].copy()])


def content_inside(data):
    data["encap_content_info"] = {"content_type": "data", "content": b"x"}


def no_certificates(data):
    data["certificates"] = cms.CertificateSet([])


def wrong_signature_value(data):
    value = bytearray(data["signer_infos"][0]["signature"].native)
    value[40] ^= 1
    data["signer_infos"][0]["signature"] = bytes(value)


def encrypted(tmp):
    with pikepdf.open(tmp) as pdf:
        pdf.save(tmp.with_suffix(".enc"), encryption=pikepdf.Encryption(owner="a", user=""))
    return tmp.with_suffix(".enc").read_bytes()


def hybrid(desk):
    """A table whose trailer also names a cross-reference stream, by which an object stands elsewhere."""
    pdf = plain_pdf()
    at = len(pdf)
    head = b"7 0 obj\n<</Type/XRef/Size 8/W[1 2 1]/Index[5 1]/Length 4>>\nstream\n"
    pdf += head + b"\x01%s\x00\nendstream\nendobj\n" % at.to_bytes(2, "big")
    start = len(pdf)
    previous = pdf.rindex(b"xref\n0 ")
    pdf += b"xref\n0 0\ntrailer\n<</Size 8/Root 1 0 R/Prev %d/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        previous,
        at,
        start,
    )
    return pdf


GOOD = {
    "baseline B-B": lambda d: d.signed(),
    "baseline B-T": lambda d: d.signed(timestamper=d.stamped()),
    "adbe.pkcs7.detached": lambda d: d.signed(pades=False),
    "adbe.pkcs7.detached with a timestamp": lambda d: d.signed(pades=False, timestamper=d.stamped()),
    "leader then seal": lambda d: d.issued(),
    "leader then seal, with timestamps": lambda d: d.issued(timestamper=d.stamped()),
    "SHA-512": lambda d: d.signed(digest="sha512"),
    "document timestamp behind": lambda d: d.with_document_timestamp(d.issued()),
    "evidence added behind": lambda d: updated(d.issued(), new_evidence),
    "evidence and a document timestamp behind": lambda d: d.with_document_timestamp(
        updated(d.issued(), new_evidence)
    ),
    "expired since, timestamped while alive": lambda d: d.signed(
        flavour="expired", at=EARLY, timestamper=d.stamped(EARLY)
    ),
    "expired since, document timestamp while alive": lambda d: d.with_document_timestamp(
        d.signed(flavour="expired", at=EARLY), EARLY
    ),
    "revoked since, timestamped before": lambda d: d.signed(
        flavour="revoked", at=EARLY, timestamper=d.stamped(EARLY)
    ),
    "timestamp of an authority nobody pinned": lambda d: d.signed(timestamper=d.stamped(impostor=True)),
    "claimed time seven hours ahead of its timestamp": lambda d: d.signed(
        at=AT + timedelta(hours=7), timestamper=d.stamped()
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_sound_documents_pass(desk, name):
    report = desk.verdict(GOOD[name](desk))

    assert (report.indication, [f.code for f in report.all_findings() if f.severity == "error"]) == (
        PASSED,
        [],
    )


BAD = {
    # --- integrity
    "byte changed in the signed range": (tampered, FAILED, "HASH_MISMATCH", "HASH_FAILURE"),
    "byte changed between two signatures": (
        tampered_between_signatures,
        FAILED,
        "HASH_MISMATCH",
        "HASH_FAILURE",
    ),
    "signature value changed": (
        lambda d: with_signed_data(d.signed(), wrong_signature_value),
        FAILED,
        "SIGNATURE_VALUE_WRONG",
        "SIG_CRYPTO_FAILURE",
    ),
    "bytes appended": (lambda d: d.signed() + b"more", FAILED, "PDF_BYTES_AFTER_END", "FORMAT_FAILURE"),
    "a line end appended": (lambda d: d.signed() + b"\n", FAILED, "PDF_BYTES_AFTER_END", "FORMAT_FAILURE"),
    "an object appended that no table names": (
        lambda d: (
            (pdf := d.signed()) + b"9 0 obj\n<</Type/Catalog>>\nendobj\n" + pdf[pdf.rindex(b"startxref") :]
        ),
        FAILED,
        "PDF_BYTES_AFTER_END",
        "FORMAT_FAILURE",
    ),
    "page content replaced by an update": (
        lambda d: updated(d.signed(), new_page_content),
        FAILED,
        "CHANGED_AFTER_SIGNING",
        "FORMAT_FAILURE",
    ),
    "page content replaced between leader and seal": (
        lambda d: d.signed(updated(d.signed(role="person"), new_page_content)),
        FAILED,
        "CHANGED_AFTER_SIGNING",
        "FORMAT_FAILURE",
    ),
    "annotation laid over the page": (
        lambda d: updated(d.signed(), new_annotation),
        FAILED,
        "CHANGED_AFTER_SIGNING",
        "FORMAT_FAILURE",
    ),
    "form value changed": (
        lambda d: updated(d.signed(), new_form_value),
        FAILED,
        "FORM_CHANGED_AFTER_SIGNING",
        "FORMAT_FAILURE",
    ),
    "form value changed, then sealed": (
        lambda d: d.signed(updated(d.signed(role="person"), new_form_value)),
        FAILED,
        "FORM_CHANGED_AFTER_SIGNING",
        "FORMAT_FAILURE",
    ),
    "bytes appended behind evidence": (
        lambda d: updated(d.signed(), new_evidence) + b"more",
        FAILED,
        "PDF_BYTES_AFTER_END",
        "FORMAT_FAILURE",
    ),
    # --- no signature
    "unsigned": (lambda _: plain_pdf(), UNCLEAR, "SIGNED_DATA_NOT_FOUND", "SIGNED_DATA_NOT_FOUND"),
    "signature taken out of the form": (
        lambda d: updated(d.signed(), signature_hidden),
        FAILED,
        "PDF_SIGNATURE_HIDDEN",
        "FORMAT_FAILURE",
    ),
    # --- trust
    "root of the same name that nobody pinned": (
        lambda d: d.issued(flavour="impostor"),
        UNCLEAR,
        "ISSUER_NAME_IMITATED",
        "NO_CERTIFICATE_CHAIN_FOUND",
    ),
    # --- time and revocation
    "not yet valid": (
        lambda d: d.signed(flavour="future"),
        FAILED,
        "NOT_YET_VALID_AT_SIGNING",
        "NOT_YET_VALID",
    ),
    "expired before the claimed time": (
        lambda d: d.signed(flavour="expired"),
        UNCLEAR,
        "EXPIRED_SINCE_NO_PROOF",
        "OUT_OF_BOUNDS_NO_POE",
    ),
    "timestamped after it had expired": (
        lambda d: d.signed(flavour="expired", at=EARLY, timestamper=d.stamped()),
        UNCLEAR,
        "EXPIRED_SINCE_NO_PROOF",
        "OUT_OF_BOUNDS_NO_POE",
    ),
    "expired since, time only claimed": (
        lambda d: d.signed(flavour="expired", at=EARLY),
        UNCLEAR,
        "EXPIRED_SINCE_NO_PROOF",
        "OUT_OF_BOUNDS_NO_POE",
    ),
    "revoked before the claimed time": (
        lambda d: d.signed(flavour="revoked"),
        UNCLEAR,
        "REVOKED_NO_PROOF",
        "REVOKED_NO_POE",
    ),
    "revoked in the second of signing": (
        lambda d: d.signed(flavour="revoked", at=REVOKED_AT, timestamper=d.stamped(REVOKED_AT)),
        UNCLEAR,
        "REVOKED_NO_PROOF",
        "REVOKED_NO_POE",
    ),
    "revoked, timestamp only after": (
        lambda d: d.signed(flavour="revoked", at=EARLY, timestamper=d.stamped()),
        UNCLEAR,
        "REVOKED_NO_PROOF",
        "REVOKED_NO_POE",
    ),
    "revoked since, time only claimed": (
        lambda d: d.signed(flavour="revoked", at=EARLY),
        UNCLEAR,
        "REVOKED_NO_PROOF",
        "REVOKED_NO_POE",
    ),
    "timestamp of another signature": (
        lambda d: d.signed(timestamper=CopiedTimestamps(d.stamped())),
        UNCLEAR,
        "TIMESTAMP_BROKEN",
        "GENERIC",
    ),
    "timestamp after the check": (
        lambda d: d.signed(timestamper=d.stamped(LATE)),
        UNCLEAR,
        "TIMESTAMP_IN_FUTURE",
        "TIMESTAMP_ORDER_FAILURE",
    ),
    # --- algorithms
    "SHA-1": (lambda d: d.signed(digest="sha1"), UNCLEAR, "WEAK_DIGEST", "CRYPTO_CONSTRAINTS_FAILURE"),
    "RSA of 1024 bits": (
        lambda d: d.signed(flavour="weak"),
        UNCLEAR,
        "WEAK_KEY",
        "CRYPTO_CONSTRAINTS_FAILURE",
    ),
    # --- the signature in the file
    "two signers in one signature": (
        lambda d: with_signed_data(d.signed(), second_signer),
        FAILED,
        "CMS_MALFORMED",
        "FORMAT_FAILURE",
    ),
    "content inside the signature": (
        lambda d: with_signed_data(d.signed(), content_inside),
        FAILED,
        "CMS_MALFORMED",
        "FORMAT_FAILURE",
    ),
    "no certificate in the signature": (
        lambda d: with_signed_data(d.signed(), no_certificates),
        UNCLEAR,
        "SIGNER_CERTIFICATE_MISSING",
        "NO_SIGNING_CERTIFICATE_FOUND",
    ),
    "something behind the signature's zeros": (
        lambda d: with_contents(d.signed(), lambda c: c.rstrip(b"\0") + b"\0\0\x30"),
        FAILED,
        "CMS_MALFORMED",
        "FORMAT_FAILURE",
    ),
    "signature of zeros": (
        lambda d: with_contents(d.signed(), lambda _: b""),
        FAILED,
        "CMS_MALFORMED",
        "FORMAT_FAILURE",
    ),
    "byte range that does not start at 0": (
        lambda d: with_byte_range(d.signed(), lambda r: r.__setitem__(0, 1)),
        FAILED,
        "BYTE_RANGE_INVALID",
        "FORMAT_FAILURE",
    ),
    "byte range past the end": (
        lambda d: with_byte_range(d.signed(), lambda r: r.__setitem__(3, r[3] + 9)),
        FAILED,
        "BYTE_RANGE_INVALID",
        "FORMAT_FAILURE",
    ),
    "byte range of three": (
        lambda d: with_byte_range(d.signed(), lambda r: r.pop()),
        FAILED,
        "BYTE_RANGE_INVALID",
        "FORMAT_FAILURE",
    ),
    "gap wider than the signature": (
        lambda d: with_byte_range(
            d.signed(), lambda r: (r.__setitem__(2, r[2] + 8), r.__setitem__(3, r[3] - 8))
        ),
        FAILED,
        "BYTE_RANGE_GAP",
        "FORMAT_FAILURE",
    ),
    "byte range that ends early": (
        lambda d: with_byte_range(d.signed(), lambda r: r.__setitem__(3, r[3] - 20)),
        FAILED,
        "COVERAGE_PARTIAL",
        "FORMAT_FAILURE",
    ),
    "format that rests on SHA-1": (
        lambda d: d.signed().replace(b"/ETSI.CAdES.detached", b"/adbe.x509.rsa_sha1 "),
        UNCLEAR,
        "SUBFILTER_OUTDATED",
        "CRYPTO_CONSTRAINTS_FAILURE",
    ),
    "format nobody knows": (
        lambda d: d.signed().replace(b"/ETSI.CAdES.detached", b"/ACME.sign.detached "),
        FAILED,
        "SUBFILTER_NOT_ALLOWED",
        "FORMAT_FAILURE",
    ),
    # --- the file
    "garbage": (lambda _: bytes(range(256)) * 9, FAILED, "KIND_UNKNOWN", "FORMAT_FAILURE"),
    "empty": (lambda _: b"", FAILED, "FILE_EMPTY", "FORMAT_FAILURE"),
    "header only": (lambda _: b"%PDF-1.7\n", FAILED, "PDF_UNREADABLE", "FORMAT_FAILURE"),
    "truncated": (lambda d: d.signed()[:-200], FAILED, "PDF_UNREADABLE", "FORMAT_FAILURE"),
    "truncated in the middle": (lambda d: d.signed()[:700], FAILED, "PDF_UNREADABLE", "FORMAT_FAILURE"),
    "something before the header": (
        lambda d: b"MZ" + d.signed(),
        FAILED,
        "PDF_HEADER_MISPLACED",
        "FORMAT_FAILURE",
    ),
    "object ten thousand deep": (
        lambda _: assembled([b"<</Type/Catalog/Pages " + b"[" * 10_000 + b"]" * 10_000 + b">>"]),
        FAILED,
        "PDF_UNREADABLE",
        "FORMAT_FAILURE",
    ),
    "page tree that is its own child": (
        lambda _: assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R]/Count 1>>"]),
        FAILED,
        "PDF_UNREADABLE",
        "FORMAT_FAILURE",
    ),
    "hybrid cross-references": (hybrid, FAILED, "PDF_HYBRID_XREF", "FORMAT_FAILURE"),
}


@pytest.mark.parametrize("name", BAD)
def test_flawed_documents_do_not_pass(desk, name):
    make, indication, code, reason = BAD[name]

    report = desk.verdict(make(desk))

    assert report.indication is indication
    assert code in {f.code for f in report.all_findings()}
    assert reason in report.sub_indications
    assert report.headline_vi == indication.headline_vi


def test_an_encrypted_file_is_told_as_such(desk, tmp_path):
    plain = tmp_path / "plain.pdf"
    plain.write_bytes(plain_pdf())

    report = desk.verdict(encrypted(plain))

    assert (report.indication, [f.code for f in report.findings]) == (FAILED, ["PDF_ENCRYPTED"])


def test_an_anchor_that_is_not_there_leaves_it_undecided(desk):
    report = desk.trusting_nobody().verdict(desk.signed())

    assert report.indication is UNCLEAR
    assert "ISSUER_NOT_TRUSTED" in {f.code for f in report.all_findings()}


def test_unknown_revocation_is_undecided_and_loud(desk):
    report = desk.without_revocation_lists().verdict(desk.signed())

    finding = next(f for f in report.all_findings() if f.code == "REVOCATION_UNKNOWN")
    assert (report.indication, report.sub_indications) == (UNCLEAR, ("TRY_LATER",))
    assert finding.message_vi.startswith("CẢNH BÁO")
    certificate, authority = (f for f in report.all_findings() if f.code == "REVOCATION_UNKNOWN")
    assert f"cơ quan cấp là “{report.signatures[0].issuer}”" in certificate.message_vi
    assert f"cơ quan cấp “{report.signatures[0].issuer}”" in authority.message_vi
    assert "--online" in certificate.message_vi
    assert report.signatures[0].revocation.status == "unknown"
    assert report.signatures[0].certificate_valid_at_best_time is None


def test_lists_that_did_not_exist_yet_are_not_used(desk):
    """A verdict given earlier comes out the same when it is repeated."""
    before = CRL_ISSUED_AT - timedelta(days=1)

    assert desk.verdict(desk.signed(at=EARLY), at=before).sub_indications == ("TRY_LATER",)


def test_each_signature_is_judged_and_the_worst_decides(desk):
    report = desk.verdict(desk.signed(desk.signed(role="person", flavour="revoked")))

    assert [s.indication for s in report.signatures] == [UNCLEAR, PASSED]
    assert report.indication is UNCLEAR


def test_the_report_says_what_the_circular_asks_for(desk):
    signature = desk.verdict(desk.issued(timestamper=desk.stamped())).signatures[0]

    assert signature.signer.cn == "Trần Thị Ví Dụ"
    assert signature.managing_unit == "Sở Thông tin và Truyền thông (mẫu)"
    assert signature.issuer == "Cơ quan cấp chứng thư cho cơ quan nhà nước (mẫu)"
    assert (signature.best_time.value, signature.best_time.proof) == (AT, "timestamp")
    assert signature.integrity is True
    assert signature.certificate_valid_at_best_time is True
    assert (signature.certificate.not_before.year, signature.certificate.not_after.year) == (2015, 2049)
    assert (signature.role, signature.signature_kind) == ("person", "government")
    assert (signature.revocation.status, signature.revocation.source) == ("good", "crl")
    assert signature.algorithms.model_dump() == {
        "digest": "sha256",
        "signature": "rsassa_pkcs1v15",
        "key": "rsa-2048",
    }
    assert [(c.level, c.what) for c in signature.changes_after] == [("signatures", "ChuKyCoQuan")]
    assert signature.coverage.level == "revision"


def test_a_document_timestamp_stands_in_the_report_with_its_role(desk):
    report = desk.verdict(desk.with_document_timestamp(desk.signed()))

    assert [s.role for s in report.signatures] == ["agency", "timestamp"]
    assert report.signatures[0].best_time.proof == "timestamp"
    assert report.signatures[1].integrity is True


def test_a_certificate_in_nobodys_register_has_no_role(desk):
    assert desk.verdict(desk.signed(flavour="unlisted")).signatures[0].role == "unknown"


def test_pss_is_read_and_not_remarked_on(desk, pki):
    good = pki.signer(AGENCY)
    pss = type(good)(good.certificate, good._key, good.chain, prefer_pss=True)
    from ebrvt_connect.transport.signers import sign_pdf

    report = desk.verdict(sign_pdf(plain_pdf(), pss, role="agency", signed_at=AT))

    assert report.indication is PASSED
    assert "RSA_PKCS1_V15" not in {f.code for f in report.all_findings()}


def test_a_file_past_the_limit_is_not_examined(desk):
    small = desk.verdict(desk.signed()).policy
    policy = replace_policy(largest_bytes=100)

    report = desk.verdict(desk.signed(), policy=policy)

    assert (report.indication, [f.code for f in report.findings]) == (UNCLEAR, ["FILE_TOO_LARGE"])
    assert report.policy.sha256 != small.sha256


def test_more_signatures_than_the_policy_looks_at_are_refused(desk):
    report = desk.verdict(desk.issued(), policy=replace_policy(most_signatures=1))

    assert [f.code for f in report.findings] == ["PDF_TOO_MANY_SIGNATURES"]


def replace_policy(**changes):
    from ebrvt_connect.trust.policy import VN_2025

    return VN_2025.model_copy(update=changes)


def test_a_chain_whose_hint_is_missing_is_found_in_the_store(desk):
    """Signatures of the government's tools carry the signer's certificate alone."""

    def leaf_only(data):
        serial = data["signer_infos"][0]["sid"].chosen["serial_number"].native
        data["certificates"] = cms.CertificateSet(
            [c for c in data["certificates"] if c.chosen.serial_number == serial]
        )

    pdf = with_signed_data(desk.signed(), leaf_only)

    assert desk.verdict(pdf).indication is PASSED
    bare = replace(desk.trust, intermediates=())
    assert type(desk)(desk.pki, bare).verdict(pdf).sub_indications == ("NO_CERTIFICATE_CHAIN_FOUND",)
