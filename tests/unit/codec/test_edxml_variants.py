"""The sample packets and their eleven mutations, judged as their README says."""

import pytest

from ebrvt_connect.codec.edxml_read import schema_problems
from ebrvt_connect.codec.edxml_words import EnvelopeSignature
from ebrvt_connect.errors import InvalidValue

EXPECTED_DATE = "2020-03-16"


@pytest.fixture
def variant(vectors, read):
    def reading(name):
        (path,) = (vectors / "edxml/examples/variants").glob(f"{name}_*.edxml")
        return read(path.read_bytes())

    return reading


@pytest.fixture
def original(example, read):
    return read(example).record


def warnings_of(record):
    return [warning.code for warning in record.warnings]


@pytest.mark.parametrize("name", ["A", "B", "C", "D"])
def test_prefixes_and_missing_cid_make_no_difference(name, variant, original):
    assert variant(name).record == original


def test_e_without_attachments_is_read_and_tells_what_is_missing(variant, original):
    record = variant("E").record
    assert record.attachments == ()
    assert warnings_of(record) == ["ATTACHMENT_MISSING", "ATTACHMENT_MISSING"]
    assert record.warnings[0].got == "125-BC-STTTT.signed.pdf"
    assert record.model_copy(update={"attachments": original.attachments, "warnings": ()}) == original


def test_f_of_another_namespace_is_refused(variant):
    with pytest.raises(InvalidValue) as refusal:
        variant("F")
    assert refusal.value.code == "EDXML_NAMESPACE_UNKNOWN"
    assert refusal.value.facts["namespace"] == "http://www.e-doc.vn/Schema/"


def test_g_with_a_doctype_is_refused(variant):
    with pytest.raises(InvalidValue) as refusal:
        variant("G")
    assert refusal.value.code == "XML_DTD_FORBIDDEN"


@pytest.mark.parametrize(
    ("name", "code", "got"),
    [("H", "DATE_NOT_EDXML_FORM", "2020-03-16"), ("I", "DATE_IMPOSSIBLE", "2020/02/30")],
)
def test_h_and_i_leave_the_date_absent_with_a_warning(name, code, got, variant, original):
    record = variant(name).record
    assert record.promulgated_on is None
    (warning,) = record.warnings
    assert (warning.code, warning.field, warning.got) == (code, "PromulgationInfo/PromulgationDate", got)
    assert got in warning.message_vi
    assert original.promulgated_on.isoformat() == EXPECTED_DATE


def test_j_in_another_order_is_read(variant, original):
    record = variant("J").record
    assert record == original.model_copy(update={"document_id": "X"})


def test_k_is_judged_by_its_bytes_with_a_warning(variant, original):
    record = variant("K").record
    assert warnings_of(record) == ["ATTACHMENT_TYPE_MISMATCH"]
    assert record.attachments[0].media_type == "application/pdf"
    assert record.model_copy(update={"warnings": ()}) == original


def test_the_sample_document_is_read_completely(example, read, blobs):
    packet = read(example)
    record = packet.record
    assert packet.signature is EnvelopeSignature.NONE
    assert packet.size_bytes == len(example.encode())
    assert record.warnings == ()
    assert record.unknown == ()
    assert record.document_id == "000.00.15.H06,2020/03/16,125/BC-STTTT"
    assert str(record.number) == "125/BC-STTTT"
    assert record.issuer.code.qd20 == "H06.15"
    assert [agency.code.text for agency in record.recipients] == ["000.00.00.G22", "000.00.00.H06"]
    assert record.abstract == "Báo cáo thử nghiệm quý I/2020 & phụ lục số liệu"
    assert record.promulgated_on.isoformat() == EXPECTED_DATE
    assert record.due_on.isoformat() == "2020-03-31"
    assert (record.kind.group, record.kind.detail, record.kind.name) == (2, 14, "Báo cáo")
    assert record.signatory.full_name == "Trần Văn Ví Dụ"
    assert (record.urgency, record.steering, record.direction) == (1, 2, False)
    assert (record.copies, record.pages, record.appendixes) == (2, 7, ("Phụ lục số liệu",))
    assert record.places == ("Như trên", "Lưu: VT")
    assert record.response_for[0].number == "88/UBND-VP"
    assert record.business.reason == "Văn bản điện tử mới"
    assert record.business.paper_follows is False
    assert record.business.staff[0].name == "Lê Thị Mẫu"
    assert record.trace[0].passed_at.isoformat() == "2020-03-16T07:05:09+00:00"
    pdf, sheet = record.attachments
    assert (pdf.name, pdf.media_type, pdf.content_id[-3:]) == (
        "125-BC-STTTT.signed.pdf",
        "application/pdf",
        "a01",
    )
    assert blobs.contents[pdf.sha256].startswith(b"%PDF-1.4")
    assert (sheet.seq, sheet.name, sheet.description) == (2, "phu-luc.xlsx", "Phụ lục")
    assert blobs.contents[sheet.sha256] == b"synthetic spreadsheet bytes"


def test_the_sample_status_is_read_completely(status_example, read):
    record = read(status_example).record
    assert record.code == "03"
    assert record.reporter.code.text == "000.00.00.H06"
    assert record.about.agency_code.text == "000.00.15.H06"
    assert record.about.number == "125/BC-STTTT"
    assert record.about.document_id == "000.00.15.H06,2020/03/16,125/BC-STTTT"
    assert record.about.promulgated_on.isoformat() == EXPECTED_DATE
    assert record.addressee is None
    assert record.note == "Đã tiếp nhận, vào sổ văn bản đến số 2210"
    assert record.happened_at.isoformat() == "2020-03-16T08:20:00+00:00"
    assert record.staff.mobile == "0900000001"
    assert (record.warnings, record.unknown) == ((), ())


def test_a_signature_in_the_namespace_of_edxml_is_noted_and_never_fails_the_packet(vectors, read):
    packet = read((vectors / "edxml/vendor-writer/built_signature_task.edxml").read_bytes())
    assert packet.signature is EnvelopeSignature.PRESENT_UNVERIFIABLE
    assert packet.record.task_codes == ("T1", "T2")
    assert packet.record.application_type == "APP"
    assert warnings_of(packet.record) == ["FIELD_ABSENT", "FIELD_ABSENT"]


@pytest.mark.parametrize(
    ("path", "strict", "lenient"),
    [
        ("examples/edoc_example.edxml", 0, 0),
        ("examples/status_example_03.edxml", 0, 0),
        ("vendor-writer/built_full.edxml", 0, 0),
        ("vendor-writer/built_signature_task.edxml", 0, 0),
        ("examples/variants/D_nocid.edxml", 2, 0),
        ("examples/variants/H_isodate.edxml", 1, 1),
        ("examples/variants/I_baddate.edxml", 0, 0),
        ("examples/variants/J_orgend.edxml", 1, 0),
    ],
)
def test_a_packet_can_be_held_to_either_schema(path, strict, lenient, vectors, blobs):
    packet = (vectors / "edxml" / path).read_bytes()
    assert len(schema_problems([packet], blobs, strict=True)) == strict
    assert len(schema_problems([packet], blobs, strict=False)) == lenient
