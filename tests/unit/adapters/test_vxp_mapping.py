"""What may leave, what is recognised again, what is told, and what is found in the sent list."""

from datetime import date

import pytest
from ebrvt_adapters.vxp import mapping
from ebrvt_adapters.vxp.wire import SentEdoc

from ebrvt_connect.codec.edxml_words import AXIS_STATUS_CODES
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import (
    Attachment,
    Business,
    BusinessKind,
    Confidentiality,
    TraceHop,
)
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.testing.clock import START
from tests.contract.vxp.exchange import (
    CABINET,
    DEPARTMENT,
    MINISTRY,
    PROVINCE,
    agency,
    make_document,
    make_status,
    moment,
)

OURS = (AgencyCode(PROVINCE), AgencyCode("H06.15"))
AGREED = mapping.Agreement(OURS, "as-written", 0, {})


def file(name="letter.pdf", sha256="a" * 64, **more):
    return Attachment(**{"seq": 1, "name": name, "size_bytes": 1, "sha256": sha256, **more})


def refused(call, *arguments):
    with pytest.raises(InvalidValue) as caught:
        call(*arguments)
    return caught.value.code


# --- documents out ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [level for level in Confidentiality if level is not Confidentiality.NORMAL])
def test_nothing_secret_leaves(level):
    assert refused(mapping.outgoing, make_document(confidentiality=level), AGREED) == "SECRET_NEVER_ON_AXIS"


@pytest.mark.parametrize(
    "name",
    [
        "TỐI MẬT - kế hoạch.pdf",
        "kế_hoạch_(Mật).pdf",
        "TUYỆT MẬT.pdf",
        "toi_mat_2026.pdf",
        "TUYET-MAT.pdf",
        "Mật.pdf",
        "ke hoach mật.pdf",  # decomposed letters
    ],
)
def test_file_with_a_stamp_word_in_its_name_does_not_leave(name):
    document = make_document(attachments=(file(name),))

    assert refused(mapping.outgoing, document, AGREED) == "SECRET_NEVER_ON_AXIS"


@pytest.mark.parametrize(
    "name",
    [
        "bảo vệ bí mật nhà nước.pdf",
        "bảo_vệ_bí_mật_nhà_nước.pdf",
        "quy hoạch mật độ xây dựng.pdf",
        "mật_mã.pdf",
        "mat bang.pdf",
        "thông tin.pdf",
    ],
)
def test_file_that_only_speaks_of_secrets_leaves(name):
    assert mapping.outgoing(make_document(attachments=(file(name),)), AGREED)


def test_stamp_word_in_the_symbol_counts():
    document = make_document("12/BC-MẬT")

    assert refused(mapping.outgoing, document, AGREED) == "SECRET_NEVER_ON_AXIS"


def test_document_of_an_agency_that_is_not_ours_does_not_leave():
    assert refused(mapping.outgoing, make_document(sender=MINISTRY), AGREED) == "VXP_ISSUER_NOT_OURS"


def test_document_without_recipients_does_not_leave():
    assert refused(mapping.outgoing, make_document(to=()), AGREED) == "VXP_NO_RECIPIENT"


def test_document_id_is_echoed_or_made_by_convention():
    known = make_document(document_id="some-uuid")
    unknown = make_document(document_id="")

    assert mapping.outgoing(known, AGREED).document_id == "some-uuid"
    assert mapping.outgoing(unknown, AGREED).document_id == "000.00.15.H06,2026/11/20,125/BC-STTTT"


def test_no_document_id_is_made_without_a_date():
    document = make_document(document_id="", promulgated_on=None)

    assert refused(mapping.outgoing, document, AGREED) == "VXP_NO_PROMULGATION_DATE"


def test_recipient_named_twice_is_written_once():
    document = make_document(to=(CABINET, MINISTRY, "G22"))

    assert [str(one.code) for one in mapping.outgoing(document, AGREED).recipients] == [CABINET, MINISTRY]


@pytest.mark.parametrize(
    ("form", "code"), [("as-written", "H06.15"), ("qcvn102", DEPARTMENT), ("qd20", "H06.15")]
)
def test_agency_codes_are_spelled_as_agreed(form, code):
    agreed = mapping.Agreement(OURS, form, 0, {})

    assert str(mapping.outgoing(make_document(sender="H06.15"), agreed).issuer.code) == code


@pytest.mark.parametrize(("given", "written"), [(None, 0), (2, 3), (1, 1)])
def test_steering_is_mapped_only_where_it_was_agreed(given, written):
    agreed = mapping.Agreement(OURS, "as-written", 0, {2: 3})

    assert mapping.outgoing(make_document(steering=given), agreed).steering == written


# --- recognising again --------------------------------------------------------------------------------------


def test_same_document_after_the_axis_rewrote_its_packet_is_the_same():
    document = make_document(to=(PROVINCE,), attachments=(file(content_id="one", description="x"),))
    rewritten = document.model_copy(
        update={
            "trace": (TraceHop(agency="", passed_at=START),),
            "attachments": (file(content_id="two", media_type="application/zip"),),
            "recipients": (agency("H06"), agency(MINISTRY)),
        }
    )

    assert mapping.same_document(document, OURS) == mapping.same_document(rewritten, OURS)
    assert mapping.content_of(document) == mapping.content_of(rewritten)


@pytest.mark.parametrize(
    "change",
    [
        {"business": Business(kind=BusinessKind.UPDATE)},
        {"abstract": "Báo cáo đã sửa"},
        {"attachments": (file(sha256="b" * 64),)},
        {"document_id": "another"},
        {"recipients": (agency(DEPARTMENT),)},
        {"issuer": agency(CABINET)},
    ],
)
def test_changed_document_is_another_one(change):
    document = make_document(sender=MINISTRY, to=(PROVINCE,), attachments=(file(),))

    assert mapping.same_document(document, OURS) != mapping.same_document(
        document.model_copy(update=change), OURS
    )


def test_status_told_twice_is_the_same_and_a_later_one_is_not():
    status = make_status("03", make_document(), reporter=CABINET)
    later = status.model_copy(update={"happened_at": moment("2026-11-24T01:00:00")})

    assert mapping.same_status(status) == mapping.same_status(status.model_copy())
    assert mapping.same_status(status) != mapping.same_status(later)


# --- statuses out -------------------------------------------------------------------------------------------


def told(status, origin=None, form="as-written"):
    return mapping.outgoing_statuses(status, origin, OURS, form)


def incoming():
    return make_document("9/QĐ-BTTTT", sender=MINISTRY, to=(PROVINCE,))


def test_status_that_knows_only_the_axis_id_is_completed_from_its_document():
    bare = make_status("03", incoming(), reporter=PROVINCE).model_copy(
        update={"about": None, "about_external_id": "axis-17"}
    )

    [status] = told(bare, incoming())

    assert status.about is not None
    assert str(status.addressee) == MINISTRY
    assert (status.about.document_id, status.about.number) == (incoming().document_id, "9/QĐ-BTTTT")
    assert status.about.promulgated_on == date(2026, 11, 20)
    assert status.about_external_id == ""


def test_reporter_the_source_does_not_know_is_the_documents_recipient():
    status = make_status("03", incoming(), reporter="H99")

    assert str(told(status, incoming())[0].reporter.code) == PROVINCE


def test_status_of_nobody_we_are_is_not_sent():
    assert refused(told, make_status("03", incoming(), reporter=CABINET)) == "VXP_STATUS_WITHOUT_REPORTER"


def test_reporter_is_not_guessed_among_several():
    document = make_document(sender=MINISTRY, to=(PROVINCE, DEPARTMENT))

    assert (
        refused(told, make_status("03", document, reporter="H99"), document) == "VXP_STATUS_WITHOUT_REPORTER"
    )


def test_unit_the_document_does_not_name_is_spoken_for_by_the_only_recipient():
    status = make_status("03", incoming(), reporter=DEPARTMENT)

    assert str(told(status, incoming())[0].reporter.code) == PROVINCE


def test_unit_the_document_does_not_name_does_not_speak_for_several():
    document = make_document(sender=MINISTRY, to=(PROVINCE, DEPARTMENT))
    ours = (*OURS, AgencyCode("000.00.20.H06"))
    status = make_status("03", document, reporter="000.00.20.H06")

    assert refused(mapping.outgoing_statuses, status, document, ours, "as-written") == (
        "VXP_STATUS_WITHOUT_REPORTER"
    )


def test_recall_is_told_by_the_issuer_alone():
    document = make_document(to=(CABINET, PROVINCE))

    [status, _] = told(make_status("13", document, reporter=PROVINCE), document)

    assert str(status.reporter.code) == DEPARTMENT


def test_codes_in_a_status_are_spelled_as_in_its_document():
    document = make_document("9/QĐ-BTTTT", sender="G14", to=("H06", "H06.15"))
    status = make_status("03", make_document(sender=MINISTRY), reporter=DEPARTMENT)

    [written] = told(status, document)

    assert written.about is not None
    assert (str(written.reporter.code), str(written.about.agency_code)) == ("H06.15", "G14")
    assert (str(written.addressee), written.reporter.name) == ("G14", status.reporter.name)
    assert str(told(status, document, "qcvn102")[0].reporter.code) == DEPARTMENT


def test_recall_goes_to_each_recipient():
    document = make_document(to=(CABINET, MINISTRY))
    recall = make_status("13", document, reporter=DEPARTMENT)

    statuses = told(recall, document, "qd20")

    assert [str(status.addressee) for status in statuses] == ["G22", "G14"]
    assert {str(status.reporter.code) for status in statuses} == {"H06.15"}


def test_recall_names_the_id_the_document_was_sent_under():
    document = make_document(document_id="")
    recall = make_status("13", document, reporter=DEPARTMENT).model_copy(update={"about": None})

    [status] = told(recall, document)

    assert status.about is not None
    assert status.about.document_id == "000.00.15.H06,2026/11/20,125/BC-STTTT"


def test_recall_to_one_named_recipient_goes_there_only():
    document = make_document(to=(CABINET, MINISTRY))
    recall = make_status("13", document, reporter=DEPARTMENT, addressee=AgencyCode(MINISTRY))

    assert [str(status.addressee) for status in told(recall, document)] == [MINISTRY]


def test_recall_of_a_document_nobody_knows_is_held():
    recall = make_status("13", make_document(), reporter=DEPARTMENT)

    assert refused(told, recall) == "VXP_STATUS_WITHOUT_DOCUMENT"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code": "SENT"}, "VXP_STATUS_LOCAL_ONLY"),
        ({"code": "HELD"}, "VXP_STATUS_LOCAL_ONLY"),
        ({"code": "FAILED"}, "VXP_STATUS_LOCAL_ONLY"),
        ({"code": "77"}, "VXP_STATUS_UNKNOWN"),
        ({"code": "02", "note": " "}, "VXP_REASON_MISSING"),
        ({"happened_at": None}, "VXP_STATUS_TIME_MISSING"),
        ({"about": None}, "VXP_STATUS_WITHOUT_DOCUMENT"),
    ],
)
def test_status_that_must_not_or_cannot_leave(change, code):
    status = make_status("03", incoming(), reporter=PROVINCE).model_copy(update=change)

    assert refused(told, status) == code


def test_status_is_shown_with_its_name():
    assert mapping.shown_status("03") == "03 (Đã tiếp nhận)"
    assert mapping.shown_status("77") == "77"


def test_every_status_of_the_standard_has_a_name():
    assert {str(code) for code in AXIS_STATUS_CODES} == set(mapping._status_table())


def test_arrival_is_told_by_each_of_our_recipients():
    document = make_document(sender=MINISTRY, to=(PROVINCE, CABINET, "H06.15"))

    statuses = mapping.arrivals(document, OURS, START)

    assert [(status.code, str(status.reporter.code)) for status in statuses] == [
        ("01", PROVINCE),
        ("01", "H06.15"),
    ]


# --- asking after -------------------------------------------------------------------------------------------

SOUGHT = mapping.Sought(
    sender=AgencyCode(DEPARTMENT),
    recipients=(AgencyCode(CABINET), AgencyCode(MINISTRY)),
    number="125/BC-STTTT",
    symbol="BC-STTTT",
    title="Báo cáo thử nghiệm quý I",
    since=moment("2026-11-23T00:50:00"),
    until=moment("2026-11-23T01:10:00"),
)


def row(**change):
    values = {
        "senderDocId": "d1",
        "fromCode": DEPARTMENT,
        "toCode": CABINET,
        "title": "Báo cáo thử nghiệm quý I",
        "notation": "125/BC-STTTT",
        "sentTime": "2026-11-23 08:00:00",
    }
    return SentEdoc.model_validate({**values, **change})


def found(*rows):
    return [len(rows) for rows in mapping.found_rows(rows, SOUGHT).values()]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"notation": "BC-STTTT"},
        {"title": ""},
        {"fromCode": "H06.15", "toCode": "G22"},
        {"title": "Báo  cáo thử nghiệm quý I "},
        {"sentTime": "?"},
        {"sentTime": ""},
    ],
)
def test_row_that_is_the_document(change):
    assert found(row(**change)) == [1, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"notation": "126/BC-STTTT"},
        {"notation": ""},
        {"title": "Báo cáo khác"},
        {"notation": "BC-STTTT", "title": ""},
        {"fromCode": PROVINCE},
        {"toCode": "000.00.00.H29"},
        {"toCode": ""},
        {"toCode": "???"},
        {"sentTime": "2026-11-22 08:00:00"},
    ],
)
def test_row_that_is_another_document(change):
    assert found(row(**change)) == [0, 0]


def test_rows_are_counted_for_each_recipient():
    assert found(row(), row(toCode=MINISTRY), row(senderDocId="d2", toCode=MINISTRY)) == [1, 2]


def test_a_title_is_the_number_and_symbol():
    assert mapping.title_of(make_document()) == str(DocumentNumber("125", "BC-STTTT"))
