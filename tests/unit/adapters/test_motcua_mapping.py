"""The mapping and the boundary types of the one-stop shop: pure, total, nothing invented."""

import json
import runpy
import sys
from datetime import UTC, datetime, timedelta

import pytest
from ebrvt_adapters.motcua import MotcuaCredentials, mapping, statuses
from ebrvt_adapters.motcua.progress_feed import KnownSteps, seq_of
from ebrvt_adapters.motcua.published import PUBLISHED
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from ebrvt_connect.codec.change_feed import FeedProgress
from ebrvt_connect.codec.feed import Cursor
from ebrvt_connect.errors import HeldForPerson, InvalidValue, Scope
from ebrvt_connect.model.dossier import (
    ApplicantKind,
    Channel,
    Dossier,
    DossierStage,
    FeeMoment,
    OnlinePayment,
    ProgressEntry,
    ReturnMethod,
)
from ebrvt_connect.model.message import BlobRef
from tests.contract.motcua.shop import CODE, NOW, dossier, result, step

SAMPLE = statuses.sample()
READERS = [mapping.dossier_of, lambda row: mapping.progress_of(row, CODE)]
ENTRY = {"seq": 1, "at": "2026-11-23T08:00:00+07:00", **step("processing", "Thụ lý", note="x")}

numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def encoded(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def read(value, contents=None, now=NOW):
    """All the way into the model, as the adapter does it."""
    return mapping.record_of(mapping.dossier_of(encoded(value)), SAMPLE, contents or {}, now=now)


def read_entry(value=ENTRY):
    found = mapping.dossier_of(encoded(dossier()))
    return mapping.entry_of(mapping.progress_of(encoded(value), CODE), found, SAMPLE, now=NOW)


def codes(record):
    return [warning.code for warning in record.warnings]


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


WHOLE = dossier(
    nationalCode="G22.99-261123-0000007",
    extendedDueAt="2026-12-05T17:00:00+07:00",
    finishedAt="2026-11-23T08:00:00+07:00",
    returnedAt="2026-11-23T08:30:00+07:00",
    refusedAt=None,
    subStatus="chi tiết",
    otherPapers=[{"name": "Bản vẽ", "quantity": 2, "kind": 1}],
    supplements=[
        {
            "seq": 1,
            "requestedBy": "Nguyễn Thị B",
            "content": "Bổ sung",
            "requestedAt": "2026-11-22T08:00:00+07:00",
            "receivedBy": "Trần C",
            "receivedNote": "đủ",
            "receivedAt": "2026-11-22T09:00:00+07:00",
            "done": True,
            "papers": [{"name": "a", "reuse": 1}],
            "fees": [{"amount": 1000, "collectedWhen": "SUPPLEMENT"}],
            "oldDueAt": "2026-11-29T17:00:00+07:00",
            "newDueAt": "2026-11-30T17:00:00+07:00",
        }
    ],
    returnNote="Đã trả",
    results=[result(componentCode="c", signedAt="2026-11-23T07:45:00+07:00")],
    linkedTo="H06.15-261122-0001",
    databasesUsed=["1"],
    note="ghi chú",
)
PATHS = (
    [(field,) for field in WHOLE]
    + [("applicant", field) for field in WHOLE["applicant"]]
    + [("components", 0, field) for field in WHOLE["components"][0]]
    + [("fees", 0, field) for field in WHOLE["fees"][0]]
    + [("supplements", 0, field) for field in WHOLE["supplements"][0]]
    + [("results", 0, field) for field in WHOLE["results"][0]]
    + [("applicant", "identities", 0, "number"), ("procedure", "nationalCode"), ("agency", "name")]
)


@example(("fees", 0, "collectedWhen"), [])
@example(("components", 0, "reuse"), {})
@given(st.sampled_from(PATHS), anything)
def test_any_value_in_any_field_is_read_or_refused_and_nothing_else(path, value):
    made = json.loads(json.dumps(WHOLE))
    place = made
    for one in path[:-1]:
        place = place[one]
    place[path[-1]] = value
    try:
        found = read(made)
    except InvalidValue as refusal:
        assert refusal.code  # noqa: PT017 - a refusal is one of the two allowed ends
    else:
        assert Dossier.model_validate_json(found.model_dump_json()) == found
        mapping.version_of(found)


def test_a_whole_dossier_is_mapped_field_by_field():
    content = BlobRef(sha256="a" * 64, size_bytes=9)
    found = read(WHOLE, {"kq-1": content})
    assert (str(found.code), str(found.national_code), found.public_code) == (
        CODE,
        "G22.99-261123-0000007",
        found.national_code,
    )
    procedure = found.procedure
    assert (procedure.local_code, procedure.national_code) == ("BCVT-01", "1.001234.000.00.00.H06")
    assert (found.field_of_administration.code, found.agency.code) == ("BC", "H06.15")
    applicant = found.applicant
    assert (applicant.kind, applicant.name) == (ApplicantKind.ENTERPRISE, "Công ty TNHH Thử Nghiệm Một")
    assert [(one.kind, one.number) for one in applicant.identities] == [("TAX_CODE", "0000000001")]
    assert (applicant.technical_id, applicant.verified_by_vneid) == ("tech-0001", True)
    assert (applicant.email, applicant.phone, applicant.address) == (
        "mot@example.vn",
        "0900000001",
        "Số 1 đường Mẫu",
    )
    assert (found.channel, found.return_method) == (Channel.ONLINE, ReturnMethod.COUNTER)
    assert found.online_payment is OnlinePayment.PROVINCIAL
    assert found.submitted_at == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert found.received_at == datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    assert found.extended_due_at == datetime(2026, 12, 5, 10, tzinfo=UTC)
    assert found.finished_at == datetime(2026, 11, 23, 1, tzinfo=UTC)
    assert found.returned_at == datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    assert found.refused_at is None
    assert (found.status_word, found.sub_status, found.stage) == (
        "receiving",
        "chi tiết",
        DossierStage.RECEIVED,
    )
    (component,) = found.components
    assert (component.code, component.file_id, component.digitised) == ("000.00.00.G22-KQ0001", "501", True)
    assert (component.reuse, component.from_national_store, component.deleted) == (0, False, False)
    (paper,) = found.other_papers
    assert (paper.name, paper.quantity, paper.kind) == ("Bản vẽ", 2, 1)
    (fee,) = found.fees
    assert (fee.code, fee.kind, fee.amount_dong, fee.collected_when) == ("P1", "1", 150000, FeeMoment.RECEIPT)
    (supplement,) = found.supplements
    assert (supplement.seq, supplement.done, supplement.received_note) == (1, True, "đủ")
    assert supplement.papers[0].reuse == 1
    assert supplement.fees[0].collected_when is FeeMoment.SUPPLEMENT
    assert supplement.new_due_at - supplement.old_due_at == timedelta(days=1)
    (paper,) = found.results
    assert (paper.code, paper.component_code, paper.number, paper.content) == ("KQ.1", "c", "7/GP", content)
    assert str(found.linked_to) == "H06.15-261122-0001"
    assert (found.databases_used, found.note, found.return_note) == (("1",), "ghi chú", "Đã trả")
    assert (found.revision, found.updated_at) == ("1", datetime(2026, 11, 23, 1, tzinfo=UTC))
    assert (found.unknown, found.warnings) == ((), ())


def test_the_time_of_change_alone_is_no_new_version_and_anything_else_is():
    before = read(dossier())
    assert mapping.version_of(read(dossier(updatedAt="2026-11-23T08:30:00+07:00"))) == mapping.version_of(
        before
    )
    for changes in ({"note": "x"}, {"revision": 2}, {"status": "done"}, {"lạ": 1}):
        assert mapping.version_of(read(dossier(**changes))) != mapping.version_of(before)
    assert mapping.version_of(read(dossier(), now=NOW - timedelta(days=30))) == mapping.version_of(before)


def test_a_revision_that_is_a_number_reads_as_its_digits():
    assert read(dossier(revision=7)).revision == read(dossier(revision="7")).revision == "7"


def asked(**changes):
    """A request for more papers."""
    return {"seq": 1, "requestedAt": "2026-11-22T08:00:00+07:00"} | changes


LATE = ("TIME_IMPLAUSIBLE", "supplements.receivedAt")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"abstract": "x" * 1001}, "TEXT_TOO_LONG", "abstract"),
        ({"components": [{"name": "x" * 4001}]}, "TEXT_TOO_LONG", "components.name"),
        ({"components": [{"reuse": 3}]}, "WORD_UNKNOWN", "components.reuse"),
        ({"fees": [{"amount": 1, "collectedWhen": "NEVER"}]}, "WORD_UNKNOWN", "fees.collectedWhen"),
        ({"dueAt": "2026-11-20T08:00:00+07:00"}, "TIMES_OUT_OF_ORDER", "dueAt"),
        ({"receivedAt": "2026-11-20T08:00:00+07:00"}, "TIMES_OUT_OF_ORDER", "receivedAt"),
        ({"receivedAt": "2026-12-20T08:00:00+07:00", "dueAt": None}, "TIME_IMPLAUSIBLE", "receivedAt"),
        ({"dueAt": "0202-11-20T08:00:00+07:00", "receivedAt": None}, "TIME_IMPLAUSIBLE", "dueAt"),
        ({"status": "posting"}, "STATUS_WORD_UNMAPPED", "status"),
        ({"updatedAt": "2026-12-20T08:00:00+07:00"}, "UPDATED_IN_FUTURE", "updatedAt"),
        ({"refusedAt": "2020-01-01T00:00:00+07:00"}, "TIMES_OUT_OF_ORDER", "refusedAt"),
        (
            {"finishedAt": "2026-11-23T07:40:00+07:00", "returnedAt": "2026-11-23T07:35:00+07:00"},
            "TIMES_OUT_OF_ORDER",
            "returnedAt",
        ),
        ({"supplements": [asked(receivedAt="1900-01-01T00:00:00+07:00", requestedAt=None)]}, *LATE),
        (
            {"supplements": [asked(receivedAt="2026-11-21T00:00:00+07:00")]},
            "TIMES_OUT_OF_ORDER",
            "supplements.receivedAt",
        ),
        (
            {"supplements": [asked(newDueAt="0999-01-01T00:00:00+07:00", requestedAt=None)]},
            "TIME_IMPLAUSIBLE",
            "supplements.newDueAt",
        ),
        (
            {"results": [result(signedAt="2027-01-01T00:00:00+07:00")]},
            "TIME_IMPLAUSIBLE",
            "results.signedAt",
        ),
        ({"results": [result(None)]}, "RESULT_WITHOUT_FILE", "results.fileId"),
    ],
)
def test_what_is_odd_is_told_and_taken_as_it_is(changes, code, field):
    (warning,) = read(dossier(**changes)).warnings
    assert (warning.code, warning.field) == (code, field)
    assert warning.message_vi.endswith(".")


def test_a_long_text_is_told_by_its_length_and_never_quoted():
    (warning,) = read(dossier(abstract="Bí mật " * 200)).warnings
    assert warning.got == "1399"
    assert "Bí mật" not in warning.message_vi
    assert "“" not in warning.got


@pytest.mark.parametrize(
    ("changes", "code", "field", "named"),
    [
        ({"at": "1900-01-01T00:00:00+07:00"}, "TIME_IMPLAUSIBLE", "at", "Thời điểm xử lý (at)"),
        ({"stepDueAt": "0999-01-01T00:00:00+07:00"}, "TIME_IMPLAUSIBLE", "stepDueAt", "Hạn của bước"),
        (
            {"stepStartedAt": "2026-11-23T10:00:00+07:00", "stepDueAt": "2026-11-20T10:00:00+07:00"},
            "TIMES_OUT_OF_ORDER",
            "stepDueAt",
            "Ngày bắt đầu bước",
        ),
    ],
)
def test_an_impossible_time_of_a_step_is_told(changes, code, field, named):
    (warning,) = read_entry(ENTRY | changes).warnings
    assert (warning.code, warning.field) == (code, field)
    assert named in warning.message_vi


def test_a_corrected_step_is_another_version_and_other_content():
    entry = read_entry()
    assert ProgressEntry.model_validate_json(entry.model_dump_json()) == entry
    other = read_entry(ENTRY | {"note": "khác"})
    assert mapping.entry_version(other) != mapping.entry_version(entry)
    assert mapping.entry_content(other) != mapping.entry_content(entry)


def test_a_step_under_another_number_is_another_version_of_the_same_content():
    entry, other = read_entry(), read_entry(ENTRY | {"seq": 2})
    assert mapping.entry_version(other) != mapping.entry_version(entry)
    assert mapping.entry_content(other) == mapping.entry_content(entry)


def test_steps_are_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr("ebrvt_adapters.motcua.progress_feed._REMEMBERED", 3)
    known = KnownSteps()
    for code, seq in (("a", 1), ("b", 1), ("c", 1), ("c", 1), ("b", 2)):
        known.keep(code, seq, "x")
    assert known.of("a") == {}, "the oldest is forgotten"
    assert (known.of("b"), known.of("c")) == ({1: "x", 2: "x"}, {1: "x"})


@pytest.mark.parametrize(
    ("row", "seq"),
    [
        (b'{"seq": 7, "note": "\\u0000"}', 7),
        (b'{"seq": "7"}', 0),
        (b'{"seq": 0}', 0),
        (b'{"seq": -7}', 0),
        (b'{"seq": 7.0}', 0),
        (b'{"seq": 7, "seq": 8}', 0),
        (b'{"a": {"seq": 7}}', 0),
        (b'{"seq": 9007199254740992}', 0),
        (b'{"seq": ' + b"9" * 5000 + b"}", 0),
    ],
)
def test_the_number_of_a_step_is_read_whatever_else_can_be(row, seq):
    assert seq_of(row) == seq


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (("dueAt",), "Ngày hẹn trả (dueAt)"),
        (("fees", 0, "amount"), "Số tiền phí, lệ phí (fees.amount)"),
        (("supplements", 0, "fees", 0, "amount"), "Yêu cầu bổ sung hồ sơ (supplements.fees.amount)"),
        (("ai đó",), "ai đó"),
        (("x\ny",), "xy"),
        ((), "toàn bộ nội dung"),
    ],
)
def test_a_field_is_named_as_clerks_know_it(path, named):
    assert mapping.field_vi(path) == named


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ({"code": "H06", "id": "x"}, "H06"),
        ({"code": None, "id": "x"}, "x"),
        ({"code": True, "id": 7}, "7"),
        ({}, "(không rõ)"),
        ([], "(không rõ)"),
        ({"code": "  "}, "(không rõ)"),
    ],
)
def test_a_dossier_that_cannot_be_read_still_has_a_title(value, title):
    assert mapping.title_of(encoded(value)) == title


def test_many_wrong_fields_are_named_in_a_short_sentence():
    wrong = dossier(**{name: 5.5 for name in dossier() if name not in {"id", "code"}})
    with pytest.raises(InvalidValue) as refusal:
        read(wrong)
    assert " mục khác" in refusal.value.sentence_vi
    assert CODE in refusal.value.sentence_vi
    assert refusal.value.advice_vi.endswith(".")


# --- status file ------------------------------------------------------------------------------------------


def test_the_sample_maps_the_ten_words_of_opencps_and_no_other():
    words = [
        "new",
        "receiving",
        "unresolved",
        "processing",
        "waiting",
        "paying",
        "cancelled",
        "denied",
        "releasing",
        "done",
    ]
    assert [SAMPLE.stage(word) for word in words] == list(range(1, 11))
    assert SAMPLE.stage("interoperating") is SAMPLE.stage("") is None
    assert SAMPLE.stage(" DONE ") is DossierStage.RETURNED
    assert SAMPLE.stage("done", "bất kỳ") is DossierStage.RETURNED
    assert SAMPLE.title == "OpenCPS rc-3.0"


@pytest.mark.parametrize(
    "text",
    [
        "[words",
        "",
        "[words]",
        "words = 5",
        "[words]\nnew = 11",
        "[words]\nnew = 0",
        '[words]\nnew = "1"',
        "[words]\nnew = true",
        "[words]\nnew = 1\n[sub_words]\nnew = 2",
        "[words]\nnew = 1\n[word]\nx = 2",
    ],
)
def test_a_status_file_that_is_none_stops_the_system(text):
    with pytest.raises(HeldForPerson) as held:
        statuses.StatusMap.parse(text, "trang-thai.toml")
    assert (held.value.code, held.value.scope) == ("MOTCUA_STATUS_FILE_WRONG", Scope.SYSTEM)
    assert "trang-thai.toml" in held.value.explanation_vi


# --- checkpoint, settings, schema -------------------------------------------------------------------------


def test_a_checkpoint_survives_being_written_and_read():
    progress = FeedProgress(Cursor(updated_after="2026-11-23T08:00:00+07:00", after_id="ế"), {"a": "x"})
    assert FeedProgress.parse(progress.text()) == progress
    assert FeedProgress.parse(None) == FeedProgress.parse("") == FeedProgress()
    assert FeedProgress().text() == "{}"


@pytest.mark.parametrize("fields", [{}, {"username": "a"}, {"token": "t", "username": "a"}])
def test_credentials_are_a_token_or_a_whole_pair(fields):
    with pytest.raises(ValidationError):
        MotcuaCredentials(**fields)


def test_the_schemas_are_written_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["published", str(tmp_path)])
    monkeypatch.delitem(sys.modules, "ebrvt_adapters.motcua.published")
    runpy.run_module("ebrvt_adapters.motcua.published", run_name="__main__")
    assert {path.name for path in tmp_path.iterdir()} == set(PUBLISHED)
