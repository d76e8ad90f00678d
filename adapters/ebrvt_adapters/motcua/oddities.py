"""What is odd about a dossier or a step and is told by a warning, never refused: pure functions.

Times that cannot be, texts over the portal's length, words of no list, a result without its file. A field is
named as clerks know it and never quoted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ebrvt_adapters.motcua import wire
from ebrvt_adapters.motcua.field_names import data, field_vi
from ebrvt_connect.codec.jsonfields import WireValue, written_moment
from ebrvt_connect.model.document import DataWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

UPDATED_IN_FUTURE = "UPDATED_IN_FUTURE"
TEXT_TOO_LONG = "TEXT_TOO_LONG"
WORD_UNKNOWN = "WORD_UNKNOWN"
STATUS_UNMAPPED = "STATUS_WORD_UNMAPPED"
TIME_IMPLAUSIBLE = "TIME_IMPLAUSIBLE"
TIMES_OUT_OF_ORDER = "TIMES_OUT_OF_ORDER"
PROGRESS_CHANGED = "PROGRESS_CHANGED"
RESULT_WITHOUT_FILE = "RESULT_WITHOUT_FILE"

_CLOCKS_DIFFER = timedelta(minutes=1)
_YEARS = range(1990, 2101)
_HAPPENED = frozenset(
    {"submitted_at", "received_at", "finished_at", "returned_at", "refused_at", "requested_at", "signed_at"}
)
"""Times of what has happened: none of them lies ahead."""
_ORDERS: Mapping[type[WireValue], tuple[tuple[str, str], ...]] = {
    wire.Dossier: (
        ("submitted_at", "received_at"),
        ("received_at", "due_at"),
        ("received_at", "extended_due_at"),
        ("received_at", "finished_at"),
        ("submitted_at", "refused_at"),
        ("finished_at", "returned_at"),
    ),
    wire.Supplement: (("requested_at", "received_at"), ("requested_at", "new_due_at")),
    wire.ProgressEntry: (("step_started_at", "step_due_at"),),
}
"""Which time cannot be before which."""


def of_dossier(found: wire.Dossier, now: datetime) -> Iterator[DataWarning]:
    """What is odd about a dossier and its parts."""
    yield from _ahead(found.updated_at, "updatedAt", now)
    yield from _long_texts(found)
    yield from _odd_words(found)
    yield from _odd_times(found, now)
    for supplement in found.supplements:
        yield from _odd_times(supplement, now, "supplements.")
    for result in found.results:
        yield from _odd_times(result, now, "results.")
    if any(result.file_id is None for result in found.results):
        yield _without_file()


def of_entry(found: wire.ProgressEntry, now: datetime) -> Iterator[DataWarning]:
    """What is odd about a step."""
    yield from _long_texts(found)
    yield from _ahead(found.at, "at", now)
    yield from _odd_times(found, now)


def unmapped(word: str) -> DataWarning:
    """A status word that is not in the deployment's file."""
    return DataWarning(
        code=STATUS_UNMAPPED,
        field="status",
        got=word[:60],
        message_vi=f"Trạng thái “{word[:60]}” chưa có trong bảng trạng thái hồ sơ của đơn vị.",
    )


def changed_entry(seq: int) -> DataWarning:
    """A step that was taken over reads otherwise now; what was sent of it stands."""
    return DataWarning(
        code=PROGRESS_CHANGED,
        field="progress",
        got=str(seq),
        message_vi=f"Bước xử lý số {seq} đã bị sửa ở hệ thống một cửa sau khi được lấy về; nếu đã gửi đi thì "
        "giữ nguyên như đã gửi, nếu chưa thì gửi theo nội dung mới.",
    )


def _without_file() -> DataWarning:
    path = "results.fileId"
    return DataWarning(
        code=RESULT_WITHOUT_FILE,
        field=path,
        message_vi=f"{field_vi(path.split('.'))} để trống: một giấy tờ kết quả chưa có tệp; đề nghị đính kèm "
        "bản điện tử đã ký số.",
    )


def _ahead(at: datetime, name: str, now: datetime) -> Iterator[DataWarning]:
    if at > now + _CLOCKS_DIFFER:
        yield DataWarning(
            code=UPDATED_IN_FUTURE,
            field=name,
            got=written_moment(at),
            message_vi=f"{field_vi([name])} nằm ở tương lai; kiểm tra đồng hồ của hệ thống một cửa.",
        )


def _long_texts(found: WireValue) -> Iterator[DataWarning]:
    longest: Mapping[str, int] = data()["longest"]
    for path, limit in longest.items():
        length = max((len(text) for text in _texts(found, path.split("."))), default=0)
        if length > limit:
            yield DataWarning(
                code=TEXT_TOO_LONG,
                field=path,
                got=str(length),
                message_vi=f"{field_vi(path.split('.'))} dài {length} ký tự, nơi nhận chỉ nhận {limit}.",
            )


def _texts(value: object, path: list[str]) -> Iterator[str]:
    """The texts a wire path leads to; lists are walked through."""
    if isinstance(value, tuple):
        for one in value:
            yield from _texts(one, path)
    elif not path:
        if isinstance(value, str):
            yield value
    elif isinstance(value, WireValue):
        yield from _texts(getattr(value, path[0], None), path[1:])


def _odd_words(found: wire.Dossier) -> Iterator[DataWarning]:
    """Words of lists that do not decide anything: told, and left out."""
    holders: tuple[wire.Dossier | wire.Supplement, ...] = (found, *found.supplements)
    papers = [one for holder in holders for one in _papers(holder)]
    if any(one.reuse is not None and not wire.is_reuse(one.reuse) for one in papers):
        yield _odd_word("components.reuse")
    fees = [one for holder in holders for one in holder.fees]
    if any(
        one.collected_when not in (None, "") and not wire.is_fee_moment(one.collected_when) for one in fees
    ):
        yield _odd_word("fees.collectedWhen")


def _papers(holder: wire.Dossier | wire.Supplement) -> tuple[wire.Component, ...]:
    return holder.components if isinstance(holder, wire.Dossier) else holder.papers


def _odd_word(path: str) -> DataWarning:
    said = f"{field_vi(path.split('.'))} ghi một giá trị không có trong danh mục nên được bỏ trống."
    return DataWarning(code=WORD_UNKNOWN, field=path, message_vi=said)


def _odd_times(
    found: wire.Dossier | wire.Supplement | wire.ResultPaper | wire.ProgressEntry,
    now: datetime,
    path: str = "",
) -> Iterator[DataWarning]:
    """Times in a year nobody means, ahead of now though it has happened, or in the wrong order."""
    known = {name: value for name, value in _times(found) if value is not None}
    for name, value in known.items():
        late = name in _HAPPENED and value > now + _CLOCKS_DIFFER
        if late or value.year not in _YEARS:
            said = "không hợp lý (ở tương lai hoặc sai năm)"
            yield _odd_time(TIME_IMPLAUSIBLE, f"{path}{_wire_name(found, name)}", said, value)
    for earlier, later in _ORDERS.get(type(found), ()):
        if earlier in known and later in known and known[later] < known[earlier]:
            before = f"{path}{_wire_name(found, earlier)}"
            said = f"sớm hơn {field_vi(before.split('.'))}"
            yield _odd_time(TIMES_OUT_OF_ORDER, f"{path}{_wire_name(found, later)}", said, known[later])


def _times(found: WireValue) -> Iterable[tuple[str, datetime | None]]:
    names = (name for name in type(found).model_fields if name == "at" or name.endswith("_at"))
    return ((name, getattr(found, name)) for name in names)


def _odd_time(code: str, path: str, said: str, value: datetime) -> DataWarning:
    return DataWarning(
        code=code,
        field=path,
        got=value.isoformat(),
        message_vi=f"{field_vi(path.split('.'))} {said}; đề nghị kiểm tra lại.",
    )


def _wire_name(found: WireValue, name: str) -> str:
    return str(type(found).model_fields[name].alias)
