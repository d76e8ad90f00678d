"""Between the model and the one-stop shop's JSON: pure functions, nothing guessed.

A value that is there but cannot be read refuses its dossier with `InvalidValue`, which names the fields as
clerks know them; the adapter turns that into a hold. A value that is absent stays absent: whoever needs it
says so. Field names and lengths are data (`mapping.toml`), status words the deployment's (`statuses`).
No personal data stands in an error or a warning: fields are named, never quoted.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from ebrvt_adapters.motcua import wire
from ebrvt_connect.codec.jsonfields import WireValue, written_moment
from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.document import DataWarning
from ebrvt_connect.model.dossier import (
    Applicant,
    ApplicantKind,
    Channel,
    Component,
    Dossier,
    DossierExchange,
    DossierStatus,
    Fee,
    FeeMoment,
    FieldOfAdministration,
    Identity,
    OnlinePayment,
    OtherPaper,
    Procedure,
    ProgressEntry,
    ResultPaper,
    ReturnMethod,
    Supplement,
    Unit,
)
from ebrvt_connect.model.message import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from enum import StrEnum

    from ebrvt_adapters.motcua.statuses import StatusMap
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.message import BlobRef, Message
    from ebrvt_connect.ports.adapter import Outcome

Wire = TypeVar("Wire", bound=WireValue)
Word = TypeVar("Word", bound="StrEnum")

FIELDS_WRONG = explain(
    "MOTCUA_FIELDS_WRONG",
    "Hồ sơ {title} ở hệ thống một cửa thiếu hoặc ghi sai: {fields}.",
    "Mở hồ sơ ở hệ thống một cửa, bổ sung hoặc sửa các mục đã nêu rồi lưu lại; bản sửa sẽ được tự động lấy "
    "về và thay thế bản này.",
)
PROGRESS_WRONG = explain(
    "MOTCUA_PROGRESS_WRONG",
    "Một bước xử lý của hồ sơ {title} ở hệ thống một cửa thiếu hoặc ghi sai: {fields}.",
    "Đề nghị quản trị hệ thống một cửa sửa bước xử lý đã nêu; các bước sau của hồ sơ chờ đến khi xong.",
)

UPDATED_IN_FUTURE = "UPDATED_IN_FUTURE"
TEXT_TOO_LONG = "TEXT_TOO_LONG"
WORD_UNKNOWN = "WORD_UNKNOWN"
STATUS_UNMAPPED = "STATUS_WORD_UNMAPPED"
TIME_IMPLAUSIBLE = "TIME_IMPLAUSIBLE"
TIMES_OUT_OF_ORDER = "TIMES_OUT_OF_ORDER"
PROGRESS_CHANGED = "PROGRESS_CHANGED"

FINAL = "1"
"""The version of a progress entry that says all it must: entries are append-only, so it never changes."""

_CLOCKS_DIFFER = timedelta(minutes=1)
_YEARS = range(1990, 2101)
_SHOWN_FIELDS = 8
_LONGEST_UNKNOWN = 4000
_ENDED = frozenset({State.REFUSED, State.DEAD, State.CANCELLED})
_ORDERS = (("submitted_at", "received_at"), ("received_at", "due_at"), ("received_at", "finished_at"))


# --- data -------------------------------------------------------------------------------------------------


@cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("mapping.toml").read_text("utf-8"))


def field_vi(path: Iterable[str | int]) -> str:
    """What a clerk calls a field, with its wire path: “Ngày hẹn trả (dueAt)”.

    Of a path nobody has named, its longest known beginning gives the name.
    """
    names: Mapping[str, str] = _data()["field_names"]
    known = ""
    walked: list[str] = []
    for part in path:
        if isinstance(part, str):
            walked.append(part)
            known = names.get(".".join(walked), known)
    shown = "".join(c for c in ".".join(walked[:3])[:80] if c.isprintable())
    if not shown:
        return "toàn bộ nội dung"
    return f"{known} ({shown})" if known else shown


# --- reading ----------------------------------------------------------------------------------------------


def dossier_of(row: bytes) -> wire.Dossier:
    """A row of the feed; raises `InvalidValue` `MOTCUA_FIELDS_WRONG` or `JSON_…`."""
    value = json_value(row)
    return _read(value, wire.Dossier, FIELDS_WRONG, title_of(value))


def progress_of(row: bytes, title: str) -> wire.ProgressEntry:
    """A step of a dossier's way; raises `InvalidValue` `MOTCUA_PROGRESS_WRONG` or `JSON_…`."""
    return _read(json_value(row), wire.ProgressEntry, PROGRESS_WRONG, title)


def _read(value: object, kind: type[Wire], explanation: Explanation, title: str) -> Wire:
    try:
        return kind.model_validate(value)
    except ValidationError as failure:
        # Without inputs: they hold citizens' data.
        wrong = failure.errors(include_url=False, include_context=False, include_input=False)
    places = [".".join(str(part) for part in error["loc"]) for error in wrong[:_SHOWN_FIELDS]]
    names = list(dict.fromkeys(f"“{field_vi(error['loc'])}”" for error in wrong))
    more = "" if len(names) <= _SHOWN_FIELDS else f" và {len(names) - _SHOWN_FIELDS} mục khác"
    raise InvalidValue(
        explanation,
        f"{kind.__name__}: {len(wrong)} fields wrong or missing: {', '.join(places)[:400]}",
        title=title,
        fields=", ".join(names[:_SHOWN_FIELDS]) + more,
    )


def title_of(value: object) -> str:
    """How an operator would find a dossier whose fields are not all readable: its code, else its id."""
    if not isinstance(value, dict):
        return "(không rõ)"
    named = (value.get(name) for name in ("code", "id"))
    texts = (str(one)[:80] for one in named if isinstance(one, (str, int)) and not isinstance(one, bool))
    return next((text for text in texts if text.strip()), "(không rõ)")


# --- dossiers ---------------------------------------------------------------------------------------------


def record_of(
    found: wire.Dossier,
    statuses: StatusMap,
    contents: Mapping[str, BlobRef],
    *,
    now: datetime,
    warnings: tuple[DataWarning, ...] = (),
) -> Dossier:
    """The model's dossier, with its result files as they were fetched (by file id)."""
    stage = statuses.stage(found.status, found.sub_status)
    return Dossier(
        code=found.code,
        national_code=found.national_code,
        procedure=Procedure(
            local_code=found.procedure.local_code,
            national_code=found.procedure.national_code,
            name=found.procedure.name,
        ),
        field_of_administration=FieldOfAdministration(code=found.field.code, name=found.field.name),
        agency=Unit(code=found.agency.code, name=found.agency.name),
        applicant=_applicant(found.applicant),
        abstract=found.abstract,
        channel=_word(Channel, found.channel),
        submitted_at=found.submitted_at,
        received_at=found.received_at,
        due_at=found.due_at,
        extended_due_at=found.extended_due_at,
        finished_at=found.finished_at,
        returned_at=found.returned_at,
        refused_at=found.refused_at,
        return_method=_word(ReturnMethod, found.return_method),
        status_word=found.status,
        sub_status=found.sub_status,
        stage=stage,
        components=tuple(_component(one) for one in found.components),
        other_papers=tuple(
            OtherPaper(name=one.name, quantity=one.quantity, kind=one.kind) for one in found.other_papers
        ),
        fees=tuple(_fee(one) for one in found.fees),
        online_payment=_word(OnlinePayment, found.online_payment),
        supplements=tuple(_supplement(one) for one in found.supplements),
        return_note=found.return_note,
        results=tuple(_result(one, contents) for one in found.results),
        linked_to=found.linked_to,
        databases_used=found.databases_used,
        note=found.note,
        updated_at=found.updated_at,
        revision=found.revision,
        unknown=tuple(_unknown(found)),
        warnings=(*_dossier_warnings(found, now), *_unmapped(found.status, stage is None), *warnings),
    )


def version_of(dossier: Dossier) -> str:
    """Tells a changed dossier from the same one read again: its revision, and a digest of what it says.

    Files count by their digest, so one that was replaced makes a new version; the time of change does not
    count, since a step of progress alone moves it.
    """
    told = dossier.model_dump_json(exclude={"updated_at", "revision", "warnings"})
    return f"{dossier.revision}:{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def file_ids(found: wire.Dossier) -> tuple[str, ...]:
    """The result files a dossier names, each once."""
    return tuple(dict.fromkeys(one.file_id for one in found.results if one.file_id))


def file_title(found: wire.Dossier, file_id: str) -> str:
    """What a clerk calls a result file."""
    return next((one.name for one in found.results if one.file_id == file_id and one.name), file_id)


def _word(kind: type[Word], word: str | None) -> Word | None:
    return None if word is None else kind(word.lower())


def _applicant(found: wire.Applicant) -> Applicant:
    return Applicant(
        kind=_word(ApplicantKind, found.kind),
        name=found.name,
        identities=tuple(Identity(kind=one.kind, number=one.number) for one in found.identities),
        technical_id=found.tech_id,
        verified_by_vneid=found.verified_by_vneid,
        email=found.email,
        phone=found.phone or "",
        address=found.address,
    )


def _component(found: wire.Component) -> Component:
    return Component(
        code=found.component_code,
        name=found.name,
        file_id=found.file_id,
        deleted=found.deleted,
        digitised=found.digitised,
        reuse=found.reuse if _is_reuse(found.reuse) else None,
        from_national_store=found.from_national_store,
        replaced_by_result_code=found.replaced_by_result_code,
    )


def _fee(found: wire.Fee) -> Fee:
    known = _is_fee_moment(found.collected_when)
    return Fee(
        code=found.code,
        name=found.name,
        kind=found.kind or "",
        amount_dong=found.amount,
        collected_when=FeeMoment(found.collected_when.lower()) if known else None,
    )


def _supplement(found: wire.Supplement) -> Supplement:
    return Supplement(
        seq=found.seq,
        requested_by=found.requested_by,
        content=found.content,
        requested_at=found.requested_at,
        received_by=found.received_by,
        received_note=found.received_note,
        received_at=found.received_at,
        done=found.done,
        papers=tuple(_component(one) for one in found.papers),
        fees=tuple(_fee(one) for one in found.fees),
        old_due_at=found.old_due_at,
        new_due_at=found.new_due_at,
    )


def _result(found: wire.ResultPaper, contents: Mapping[str, BlobRef]) -> ResultPaper:
    return ResultPaper(
        component_code=found.component_code,
        code=found.result_code,
        name=found.name,
        file_id=found.file_id or "",
        number=found.number or "",
        signed_at=found.signed_at,
        content=contents.get(found.file_id) if found.file_id else None,
    )


def _is_reuse(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in {0, 1, 2}


def _is_fee_moment(value: object) -> bool:
    return isinstance(value, str) and value in FeeMoment.__members__


# --- progress ---------------------------------------------------------------------------------------------


def entry_of(
    found: wire.ProgressEntry, dossier: wire.Dossier, statuses: StatusMap, *, now: datetime
) -> ProgressEntry:
    """The model's step of a dossier's way."""
    stage = statuses.stage(found.status)
    return ProgressEntry(
        dossier_code=dossier.national_code or dossier.code,
        local_code=dossier.code,
        seq=found.seq,
        at=found.at,
        actor_name=found.actor.name,
        actor_position=found.actor.position,
        actor_unit=found.actor.unit,
        action=found.action,
        note=found.note,
        status_word=found.status,
        stage=stage,
        step_started_at=found.step_started_at,
        step_due_at=found.step_due_at,
        unknown=tuple(_unknown(found)),
        warnings=(
            *_long_texts(found),
            *_ahead(found.at, "at", "Thời điểm xử lý", now),
            *_unmapped(found.status, stage is None),
        ),
    )


def entry_version(entry: ProgressEntry) -> str:
    """`FINAL` for an entry that says all it must; else a digest, so that its correction replaces it."""
    if entry.stage is not None and entry.actor_name and (entry.action or entry.note):
        return FINAL
    return f"incomplete:{entry_digest(entry)}"


def entry_digest(entry: ProgressEntry) -> str:
    """Tells an entry from another one under the same number."""
    return hashlib.sha256(entry.model_dump_json(exclude={"warnings"}).encode()).hexdigest()[:32]


def changed_entry(seq: int) -> DataWarning:
    """An entry that was taken over reads otherwise now; what was taken over stands."""
    return DataWarning(
        code=PROGRESS_CHANGED,
        field="progress",
        got=str(seq),
        message_vi=f"Bước xử lý số {seq} đã bị sửa ở hệ thống một cửa sau khi được ghi nhận; nội dung đã ghi "
        "nhận vẫn giữ nguyên.",
    )


# --- warnings ---------------------------------------------------------------------------------------------


def _dossier_warnings(found: wire.Dossier, now: datetime) -> Iterator[DataWarning]:
    yield from _ahead(found.updated_at, "updatedAt", "Thời điểm cập nhật", now)
    yield from _long_texts(found)
    yield from _odd_words(found)
    yield from _odd_times(found, now)


def _ahead(at: datetime, name: str, name_vi: str, now: datetime) -> Iterator[DataWarning]:
    if at > now + _CLOCKS_DIFFER:
        yield DataWarning(
            code=UPDATED_IN_FUTURE,
            field=name,
            got=written_moment(at),
            message_vi=f"{name_vi} nằm ở tương lai; kiểm tra đồng hồ của hệ thống một cửa.",
        )


def _unmapped(word: str, missing: bool) -> Iterator[DataWarning]:  # noqa: FBT001 - one private caller each
    if missing:
        yield DataWarning(
            code=STATUS_UNMAPPED,
            field="status",
            got=word[:60],
            message_vi=f"Trạng thái “{word[:60]}” chưa có trong bảng trạng thái hồ sơ của đơn vị.",
        )


def _long_texts(found: WireValue) -> Iterator[DataWarning]:
    longest: Mapping[str, int] = _data()["longest"]
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
    if any(one.reuse is not None and not _is_reuse(one.reuse) for one in papers):
        yield _odd_word("components.reuse")
    fees = [one for holder in holders for one in holder.fees]
    if any(one.collected_when not in (None, "") and not _is_fee_moment(one.collected_when) for one in fees):
        yield _odd_word("fees.collectedWhen")


def _papers(holder: wire.Dossier | wire.Supplement) -> tuple[wire.Component, ...]:
    return holder.components if isinstance(holder, wire.Dossier) else holder.papers


def _odd_word(path: str) -> DataWarning:
    said = f"{field_vi(path.split('.'))} ghi một giá trị không có trong danh mục nên được bỏ trống."
    return DataWarning(code=WORD_UNKNOWN, field=path, message_vi=said)


def _odd_times(found: wire.Dossier, now: datetime) -> Iterator[DataWarning]:
    times = {name: value for name, value in found if name.endswith("_at") and name != "updated_at"}
    known = {name: value for name, value in times.items() if value is not None}
    happened = ("submitted_at", "received_at", "finished_at", "returned_at", "refused_at")
    for name, value in known.items():
        late = name in happened and value > now + _CLOCKS_DIFFER
        if late or value.year not in _YEARS:
            yield _odd_time(TIME_IMPLAUSIBLE, name, "không hợp lý (ở tương lai hoặc sai năm)", value)
    for earlier, later in _ORDERS:
        if earlier in known and later in known and known[later] < known[earlier]:
            said = f"sớm hơn {field_vi([_wire_name(earlier)])}"
            yield _odd_time(TIMES_OUT_OF_ORDER, later, said, known[later])


def _odd_time(code: str, name: str, said: str, value: datetime) -> DataWarning:
    own = _wire_name(name)
    return DataWarning(
        code=code,
        field=own,
        got=value.isoformat(),
        message_vi=f"{field_vi([own])} {said}; đề nghị kiểm tra lại.",
    )


def _wire_name(name: str) -> str:
    return str(wire.Dossier.model_fields[name].alias)


def _unknown(value: WireValue, path: str = "") -> Iterator[tuple[str, str]]:
    """What the contract does not know, by path, as JSON: kept, whatever it is."""
    for name, extra in (value.model_extra or {}).items():
        yield f"{path}{name}"[:200], json.dumps(extra, ensure_ascii=False)[:_LONGEST_UNKNOWN]
    for name, field in type(value).model_fields.items():
        inner = getattr(value, name)
        if isinstance(inner, WireValue):
            yield from _unknown(inner, f"{path}{field.alias}.")
        elif isinstance(inner, tuple):
            for place, one in enumerate(inner):
                if isinstance(one, WireValue):
                    yield from _unknown(one, f"{path}{field.alias}.{place}.")


# --- what became of a dossier -----------------------------------------------------------------------------


def outcome_status(
    message: Message, record: Dossier | ProgressEntry, outcome: Outcome
) -> DossierStatus | None:
    """What the one-stop shop is told: ACCEPTED, HELD with its reason, or REFUSED; None where nothing is.

    A step that went through is not told by itself; one that is held or refused is told of its dossier.
    """
    state = _exchange(outcome.state)
    step = isinstance(record, ProgressEntry)
    if state is None or (step and state is DossierExchange.ACCEPTED):
        return None
    accepted = state is DossierExchange.ACCEPTED
    receipt = message.receipt.external_id if accepted and message.receipt else ""
    return DossierStatus(
        dossier_code=record.local_code if isinstance(record, ProgressEntry) else record.code,
        system=message.target,
        state=state,
        at=message.updated_at,
        code="" if accepted else outcome.code,
        reason_vi="" if accepted else _reason(record, outcome),
        receipt=receipt,
    )


def _exchange(state: State) -> DossierExchange | None:
    if state is State.DONE:
        return DossierExchange.ACCEPTED
    if state is State.HELD:
        return DossierExchange.HELD
    return DossierExchange.REFUSED if state in _ENDED else None


def _reason(record: Dossier | ProgressEntry, outcome: Outcome) -> str:
    reason = " ".join(part for part in (outcome.reason_vi, outcome.advice_vi) if part)
    if not isinstance(record, ProgressEntry):
        return reason
    named = f"Bước xử lý số {record.seq}" + (f" “{record.action[:100]}”" if record.action else "")
    return f"{named}: {reason}" if reason else named


def exchange_status(status: DossierStatus) -> dict[str, Any]:
    """The body of `PUT .../exchange-status`; what is absent is left out."""
    told = {
        "system": status.system,
        "state": status.state.value,
        "at": written_moment(status.at),
        "code": status.code,
        "reasonVi": status.reason_vi,
        "receipt": status.receipt,
    }
    return {name: value for name, value in told.items() if value}
