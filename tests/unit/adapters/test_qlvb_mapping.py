"""The mapping and the boundary types of the document system: pure, total, nothing invented."""

import hashlib
import json
import unicodedata
from datetime import UTC, date, datetime

import pytest
from ebrvt_adapters.qlvb import QlvbCredentials, mapping
from ebrvt_adapters.qlvb.feeds import EventPlace, Progress, PutOff
from ebrvt_adapters.qlvb.incoming import incoming_metadata
from ebrvt_adapters.qlvb.verification import verification_of
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from ebrvt_connect.codec.change_feed import StoredVersions
from ebrvt_connect.codec.feed import Cursor, page_of
from ebrvt_connect.codec.jsonfields import parse_day, parse_moment
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import BusinessKind, Confidentiality, Document
from ebrvt_connect.model.message import BlobRef, Kind
from ebrvt_connect.ports.adapter import Item
from tests.contract.qlvb.office import NOW, incoming_document, outgoing

READERS = [mapping.outgoing_of, mapping.incoming_event_of, mapping.outgoing_event_of]

numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def encoded(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def read(value):
    """All the way into the model, as the adapter does it."""
    item = mapping.outgoing_of(encoded(value))
    return item, mapping.document_of(item)


@given(anything)
@pytest.mark.parametrize("reader", READERS)
def test_any_json_is_read_or_refused_and_nothing_else(reader, value):
    with pytest.raises(InvalidValue):
        reader(encoded(value))


@given(st.binary(max_size=200))
@pytest.mark.parametrize("reader", READERS)
def test_any_bytes_are_refused_and_nothing_else(reader, body):
    with pytest.raises(InvalidValue):
        reader(body)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_page_or_a_value_error(body):
    try:
        page = page_of(body, 1000)
    except ValueError:
        return
    assert all(row in body for row in page.rows)


@given(st.lists(anything, max_size=6))
def test_rows_are_cut_out_byte_for_byte(rows):
    page = page_of(encoded({"total": {"items": [0]}, "items": rows, "next": 7}), 10**6)
    assert page.next == 7
    assert [json.loads(row) for row in page.rows] == json.loads(encoded(rows))


PATHS = (
    [(field,) for field in outgoing() if field != "id"]
    + [("attachments", 0, field) for field in outgoing()["attachments"][0]]
    + [
        ("promulgation", "date"),
        ("issuer", "code"),
        ("signatory", "fullName"),
        ("recipients", 0, "code"),
        ("type", "name"),
    ]
)


@given(st.sampled_from(PATHS), anything)
def test_any_value_in_any_field_is_read_or_refused_and_nothing_else(path, value):
    document = outgoing(
        business={"kind": "UPDATE", "receivers": [{"code": "H06", "added": True}], "staff": [{"name": "A"}]},
        dueDate="2026-12-01",
    )
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    try:
        item, found = read(document)
        mapping.version_of(item)
        mapping.contradiction(mapping.outgoing_event_of(encoded(EVENT)), item)
    except InvalidValue as refusal:
        assert refusal.code  # noqa: PT017 - a refusal is one of the two allowed ends
    else:
        assert Document.model_validate_json(found.model_dump_json()) == found


EVENT = {"seq": 1, "id": "a", "kind": "UPDATE", "reason": "sửa", "at": "2026-11-23T08:00:00+07:00"}


def test_a_whole_document_is_mapped_field_by_field():
    item, found = read(
        outgoing(
            content="nội dung",
            dueDate="2026-12-01",
            confidentiality="TOI_MAT",
            responseFor=[
                {"agencyCode": "H06.15", "code": "7/STTTT", "date": "2026-01-02", "documentId": "d"},
                {"agencyCode": "H06.15", "code": "8/STTTT", "date": None},
            ],
            taskCodes=["NV1"],
            pages=3,
            copies=2,
            appendixes=["Phụ lục 1"],
            business={
                "kind": "REPLACE",
                "reason": "thay thế",
                "documentId": "cũ",
                "paperFollows": True,
                "contentChanged": False,
                "receiversChanged": None,
                "receivers": [{"code": "H06.15", "added": False}],
                "staff": [{"name": "A", "unit": "B", "position": "C", "email": "d@e.vn", "phone": "1"}],
                "replaces": [{"documentId": "cũ", "agencyCodes": ["H06.15"]}],
            },
            futureField={"kept": True},
        )
    )
    assert (found.due_on, found.pages, found.copies) == (date(2026, 12, 1), 3, 2)
    assert found.confidentiality is Confidentiality.TOP_SECRET
    assert (found.kind.group, found.kind.detail, found.kind.name) == (2, 14, "Báo cáo")
    assert [(one.number, one.promulgated_on) for one in found.response_for] == [
        ("7/STTTT", date(2026, 1, 2)),
        ("8/STTTT", None),
    ]
    assert found.business.kind is BusinessKind.REPLACE
    assert found.business.replacements[0].document_id == "cũ"
    assert (found.business.staff[0].department, found.business.staff[0].mobile) == ("B", "1")
    assert (found.business.paper_follows, found.business.receivers_changed) == (True, None)
    assert item.model_extra == {"futureField": {"kept": True}}


def test_a_type_whose_code_is_not_listed_keeps_its_name_only():
    _, found = read(outgoing(type={"code": "XYZ", "name": "Phiếu lạ"}))
    assert (found.kind.group, found.kind.detail, found.kind.name) == (None, None, "Phiếu lạ")


def test_a_number_written_as_a_json_number_is_the_same_number():
    _, found = read(outgoing(codeNumber=125, revision=3))
    assert str(found.number) == "125/BC-STTTT"


def test_the_same_words_in_nfd_and_nfc_are_one_document():
    text = "Sở Thông tin – Truyền thông Bà Rịa"
    nfd = outgoing(abstract=unicodedata.normalize("NFD", text), places=[unicodedata.normalize("NFD", text)])
    assert read(nfd)[1] == read(outgoing(abstract=text, places=[text]))[1]


def test_the_version_follows_the_files_and_the_revision_and_nothing_else():
    one = mapping.version_of(read(outgoing())[0])
    assert one == mapping.version_of(read(outgoing(abstract="khác"))[0])
    assert one != mapping.version_of(read(outgoing(revision=2))[0])
    assert one != mapping.version_of(read(outgoing(files=(b"other",)))[0])


def test_the_conventional_id_is_made_of_what_the_document_says():
    _, found = read(outgoing(promulgation={"date": "0987-01-02"}))
    assert found.document_id == "000.00.15.H06,0987/01/02,125/BC-STTTT"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23",
        "2026-11-23T08:00:00",
        "20261123080000",
        "2026-11-23 08:00:00+07:00",
        "0001-01-01T00:00:00+07:00",
        "2026-13-01T00:00:00Z",
        "٢٠٢٦-11-23T08:00:00Z",
        1700000000,
        None,
        "9999-12-31T23:59:59-07:00",
    ],
)
def test_a_time_without_its_offset_or_out_of_the_calendar_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T08:00:00.123456789+07:00",
        "2026-11-23T01:00:00.123456Z",
        "2026-11-23T01:00:00.123456+00:00",
    ],
)
def test_a_time_is_read_to_the_microsecond(text):
    assert parse_moment(text) == datetime(2026, 11, 23, 1, 0, 0, 123456, UTC)


@pytest.mark.parametrize("text", ["20261123", "2026-W01-1", "23/11/2026", "2026-02-29", 5])
def test_a_day_of_another_shape_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_day(text)


def test_a_refusal_tells_no_content():
    document = outgoing(abstract=None, signatory={"fullName": 5, "position": "bí mật riêng tư"})
    with pytest.raises(InvalidValue) as refused:
        read(document)
    assert "riêng tư" not in refused.value.detail + str(refused.value.facts)
    assert refused.value.facts["title"] == "125/BC-STTTT"


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ({"codeNumber": 5, "codeNotation": "X"}, "5/X"),
        ({"codeNotation": "X"}, "?/X"),
        ({"id": "a"}, "a"),
        ({}, "(không rõ)"),
        (5, "(không rõ)"),
    ],
)
def test_what_cannot_be_read_is_named_as_well_as_can_be(value, title):
    assert mapping.title_of(value) == title


def test_a_field_is_named_by_the_longest_known_beginning_of_its_path():
    assert mapping.field_vi(("recipients", 0, "code", "function-after[parse()]")) == "mã định danh nơi nhận"
    assert mapping.field_vi(("recipients", 3)) == "nơi nhận"
    assert mapping.field_vi(("newThing",)) == "newThing"
    assert mapping.field_vi(()) == "toàn bộ nội dung"


def test_many_wrong_fields_are_told_as_some_and_more():
    with pytest.raises(InvalidValue) as refused:
        mapping.outgoing_of(b"{}")
    assert "mục khác" in refused.value.facts["fields"]


# --- verification -------------------------------------------------------------------------------------------


def verdict(*reports):
    return json.dumps({"documents": list(reports)})


@pytest.fixture
def two_files():
    return incoming_document(files=((b"one", "một.pdf"), (b"two", "hai.pdf")))


@pytest.mark.parametrize(
    ("first", "second", "overall"),
    [
        ("TOTAL_PASSED", "TOTAL_PASSED", "TOTAL_PASSED"),
        ("TOTAL_PASSED", None, "NOT_VERIFIED"),
        ("TOTAL_PASSED", "INDETERMINATE", "INDETERMINATE"),
        ("TOTAL_FAILED", "INDETERMINATE", "TOTAL_FAILED"),
        ("TOTAL_PASSED", "SURE", "NOT_VERIFIED"),
        ("TOTAL_PASSED", 5, "NOT_VERIFIED"),
    ],
)
def test_a_document_is_as_good_as_its_worst_file(two_files, first, second, overall):
    shas = [attachment.sha256 for attachment in two_files.attachments]
    reports = [{"sha256": shas[0], "indication": first}]
    if second is not None:
        reports.append({"sha256": shas[1], "indication": second})
    told = verification_of(two_files, verdict(*reports))
    assert told["indication"] == overall
    assert [file["seq"] for file in told["perFile"]] == [1, 2]
    assert told["headlineVi"]


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"documents": 5}', '{"documents": [5]}', "\ud800"])
def test_a_report_that_cannot_be_read_verifies_nothing(two_files, text):
    assert verification_of(two_files, text)["indication"] == "NOT_VERIFIED"


def test_a_finding_named_by_file_and_signature_is_told_once(two_files):
    finding = {"code": "X", "severity": "error", "message_vi": "Sai."}
    report = {
        "sha256": two_files.attachments[0].sha256,
        "indication": "TOTAL_FAILED",
        "findings": [finding],
        "signatures": [{"findings": [finding, 5]}, 7],
    }
    told = verification_of(two_files, verdict(report))
    assert told["perFile"][0]["findings"] == [{"code": "X", "severity": "error", "messageVi": "Sai."}]


def test_what_the_packet_does_not_say_is_not_told_to_the_document_system(two_files):
    document = two_files.model_copy(update={"urgency": None, "steering": None})
    told = incoming_metadata(
        document,
        axis_doc_id="a",
        received_at=NOW,
        packet=BlobRef(sha256="a" * 64, size_bytes=1),
        verification={},
    )
    assert not {"confidentiality", "steering", "urgency"} & told.keys()
    assert not any("role" in attachment for attachment in told["attachments"])


# --- checkpoint, settings ---------------------------------------------------------------------------------


def test_a_checkpoint_survives_being_written_and_read():
    progress = Progress(
        Cursor(updated_after="2026-11-23T08:00:00+07:00", after_id="ế"),
        {"a": NOW.isoformat()},
        EventPlace(3, {1}),
        EventPlace(4, {2, 3}),
        [PutOff('{"id": "ế"}', NOW.isoformat())],
    )
    assert Progress.parse(progress.text()) == progress
    assert Progress.parse(None) == Progress.parse("") == Progress()
    assert Progress().text() == "{}"


def test_a_checkpoint_never_moves_back():
    progress = Progress()
    later = Cursor(updated_after="2026-11-23T08:00:00+07:00", after_id="b")
    progress.advance(later, NOW)
    progress.advance(Cursor(updated_after="2026-11-23T00:59:59Z", after_id="z"), NOW)
    assert progress.cursor == later


def test_a_checkpoint_never_moves_past_now_and_comes_back_from_there():
    progress = Progress()
    progress.advance(Cursor(updated_after="2099-01-01T00:00:00Z", after_id="a"), NOW)
    assert progress.cursor is None
    progress = Progress(Cursor(updated_after="2099-01-01T00:00:00Z", after_id="a"))
    progress.no_later_than(NOW)
    assert progress.cursor.moment() == NOW


def test_missing_numbers_are_waited_for_within_bounds():
    place = EventPlace()
    place.read(12, 5)
    assert (place.begin(), place.missing) == (6, {7, 8, 9, 10, 11})
    place.read(9, 5)
    assert not place.is_new(9)
    place.skip_to(14, 5)
    assert place.missing == {10, 11, 13, 14}
    place.read(100, 0)
    assert (place.begin(), place.missing) == (100, set())


def test_only_so_many_stored_versions_are_remembered(monkeypatch):
    monkeypatch.setattr("ebrvt_connect.codec.change_feed._REMEMBERED", 2)
    stored = StoredVersions()
    for name in "abc":
        digest = hashlib.sha256(name.encode()).hexdigest()
        original = BlobRef(sha256=digest, size_bytes=1) if name != "b" else None
        stored.add(Item(Kind.DOCUMENT, name, "1", name, original=original))
    assert [(name, "1") in stored for name in "abc"] == [False, True, True]
    assert [stored.has_row(name.encode()) for name in "abc"] == [False, False, True]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"username": "a"},
        {"password": "b"},
        {"token": "t", "username": "a"},
        {"username": "a:b", "password": "c"},
    ],
)
def test_credentials_are_a_token_or_a_whole_pair(fields):
    with pytest.raises(ValidationError):
        QlvbCredentials(**fields)


def test_credentials_do_not_show():
    credentials = QlvbCredentials(username="người dùng", password=SecretStr("mật khẩu"))
    assert "mật khẩu" not in repr(credentials)
    assert credentials.authorization.startswith("Basic ")
