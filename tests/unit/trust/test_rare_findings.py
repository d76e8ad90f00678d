"""Findings that few files give reason for, each by a real file that does."""

import base64
import re
from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.signers.pdf_signer import PdfSigner

from ebrvt_connect.testing.pki_issue import revocation_list
from ebrvt_connect.testing.sample_files import workbook_xlsx
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.transport.signing_cms import CmsSigner, run_steps
from ebrvt_connect.trust.pins import Pin
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.revocation import RevocationArchive
from ebrvt_connect.trust.verify import verify_bytes
from tests.unit.trust.ooxml_resigned import pieces, resigned
from tests.unit.trust.ooxml_samples import SIGNATURE, packed, signed
from tests.unit.trust.packet_samples import Clerk, codes, edxml, sealed_edxml
from tests.unit.trust.samples import AGENCY, AT, EARLY, plain_pdf
from tests.unit.trust.xml_samples import resigned as resigned_xml


@pytest.fixture
def seal(pki):
    return pki.signer(AGENCY)


def found(report):
    return {f.code: str(report.indication) for f in report.all_findings()}


def test_an_authority_beyond_the_operators_bounds(desk):
    (anchor,) = [a for a in desk.trust.for_signing if a.branch == "government"][:1]
    bound = Pin("", anchor.branch, anchor.uses, valid_to=date(2015, 12, 31))
    anchors = tuple(replace(a, pin=bound) if a is anchor else a for a in desk.trust.anchors)
    report = verify_bytes(desk.signed(), policy=VN_2025, trust=replace(desk.trust, anchors=anchors), at=AT)

    assert found(report).get("CHAIN_INVALID") == "INDETERMINATE"


def test_an_authority_that_was_revoked(desk, pki):
    root, issuer = pki.identity("root"), pki.identity("issuer")
    listed = revocation_list(root, [issuer.certificate], issued_at=AT, revoked_at=EARLY)
    archive = RevocationArchive.of([listed])
    report = verify_bytes(desk.signed(), policy=VN_2025, trust=desk.trust, at=AT, revocation=archive)

    assert found(report).get("ISSUER_REVOKED") == "INDETERMINATE"


def test_a_signature_that_covers_where_a_later_one_stands(desk):
    pdf = desk.issued()
    first = re.search(rb"/ByteRange \[0 (\d+) (\d+) (\d+)\] *", pdf)
    longer = b"/ByteRange [0 %s %s %d]" % (first[1], first[2], len(pdf) - int(first[2]))
    pdf = pdf[: first.start()] + longer.ljust(len(first[0])) + pdf[first.end() :]

    assert found(desk.verdict(pdf)).get("BYTE_RANGE_OVERLAP") == "TOTAL_FAILED"


def test_a_pdf_of_more_pages_than_are_examined(desk):
    small = VN_2025.model_copy(update={"most_pages": 1})

    assert "PDF_TOO_LARGE" in found(desk.verdict(desk.signed(), policy=small))


def test_a_pdf_whose_signers_tell_no_time_is_ordered_by_place(desk, pki):
    pdf = plain_pdf()
    for role in ("person", "agency"):
        pdf = signed_without_time(pdf, pki.signer(AGENCY, role=role), role)
    report = Clerk(desk).judged({"cv.pdf": pdf})

    assert "SIGNING_ORDER_BY_PLACE" in codes(report, "warning")


def signed_without_time(pdf, signer, field):
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    meta = PdfSignatureMetadata(field_name=field, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
    made = PdfSigner(meta, CmsSigner(signer), new_field_spec=SigFieldSpec(field))

    async def sign():
        session = made.init_signing_session(writer)
        session.system_time = None
        prepared = session.prepare_tbs_document(None, bytes_reserved=20_000)
        digest, output = prepared.digest_tbs_document(in_place=True)
        await prepared.perform_signature(digest.document_digest, PdfCMSSignedAttributes())
        return output.getvalue()

    return run_steps(sign())


def test_a_comment_in_what_was_signed(desk, seal):
    data = resigned_xml(seal).replace(b"21.37", b"21<!-- -->.37", 1)

    assert found(desk.verdict(data)).get("XML_COMMENT_UNSIGNED") == "INDETERMINATE"


def test_a_packet_with_a_file_that_is_not_decided(desk, seal):
    packet = edxml({"cv.pdf": desk.issued(), "pl.xlsx": workbook_xlsx()})

    assert found(desk.verdict(sealed_edxml(packet, seal))).get("ATTACHED_FILE_UNCLEAR") == "INDETERMINATE"


def test_smime_with_a_subject_nobody_signed(desk, seal):
    head = b"Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\nSubject: GIAY PHEP\n\n"
    data = head + base64.encodebytes(signed_cms(b"noi dung", [seal], signed_at=AT))

    assert found(desk.verdict(data)).get("CMS_HEADERS_STRANGE") == "INDETERMINATE"


def test_a_package_whose_signature_part_is_none(desk, seal):
    parts = signed(seal) | {SIGNATURE: b"<x/>"}

    assert found(desk.verdict(packed(parts))).get("OOXML_SIGNATURES_MISPLACED") == "TOTAL_FAILED"


def test_a_package_whose_manifest_lists_a_part_twice(desk, seal):
    parts = signed(seal)
    honest = pieces(parts, seal)["package_object"]
    reference = honest[honest.index("<Reference") : honest.index("</Reference>") + len("</Reference>")]
    twice = honest.replace(reference, reference + reference, 1)
    parts[SIGNATURE] = resigned(parts, seal, package_object=twice)

    assert found(desk.verdict(packed(parts))).get("OOXML_MANIFEST_MALFORMED") == "TOTAL_FAILED"
