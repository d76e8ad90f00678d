"""Between the model and the one-stop shop's JSON: pure functions, nothing guessed.

A value that is there but cannot be read refuses its dossier with `InvalidValue`, which names the fields as
clerks know them; the adapter turns that into a hold. A value that is absent stays absent: whoever needs it
says so. Field names and lengths are data (`mapping.toml`), status words the deployment's (`statuses`).
No personal data stands in an error or a warning: fields are named, never quoted.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from ebrvt_adapters.motcua import oddities, wire
from ebrvt_adapters.motcua.field_names import field_vi
from ebrvt_connect.codec.feed import scalar_of, unreadable_place
from ebrvt_connect.codec.jsonfields import WireValue, written_moment
from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.dossier import (
    Applicant,
    ApplicantKind,
    Channel,
    Component,
    Dossier,
    DossierCode,
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
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.text import nfc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from enum import StrEnum

    from ebrvt_adapters.motcua.statuses import StatusMap
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.document import DataWarning
    from ebrvt_connect.model.dossier import DossierStage
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
ROW_NAMELESS = explain(
    "MOTCUA_ROW_NAMELESS",
    "Hệ thống một cửa đưa ra một hồ sơ không đọc được cả mã hồ sơ lẫn mã nội bộ; thiếu hoặc ghi sai: "
    "{fields}.",
    "Đề nghị quản trị hệ thống một cửa tìm và sửa hồ sơ này. Khi bản sửa đã về, bỏ thông điệp này bằng lệnh "
    "ebrvt held refuse.",
)
PROGRESS_WRONG = explain(
    "MOTCUA_PROGRESS_WRONG",
    "Một bước xử lý của hồ sơ {title} ở hệ thống một cửa thiếu hoặc ghi sai: {fields}.",
    "Đề nghị quản trị hệ thống một cửa sửa bước xử lý đã nêu, giữ đúng vị trí của bước, rồi lưu lại hồ sơ; "
    "bước đã sửa sẽ thay thế bản này. Các bước sau của hồ sơ chờ đến khi xong.",
)

_SHOWN_FIELDS = 8
_LONGEST_UNKNOWN = 4000
_ENDED = frozenset({State.REFUSED, State.DEAD, State.CANCELLED})


# --- reading ----------------------------------------------------------------------------------------------


def dossier_of(row: bytes) -> wire.Dossier:
    """A row of the feed; raises `InvalidValue` `MOTCUA_FIELDS_WRONG`, or `MOTCUA_ROW_NAMELESS`."""
    try:
        return wire.Dossier.model_validate(json_value(row))
    except (InvalidValue, ValidationError):
        # Once more, for the words: to name a row that may be no JSON costs several times the reading.
        title = title_of(row)
        explanation = FIELDS_WRONG if name_of(row) else ROW_NAMELESS
        return _read(_value(row, explanation, title), wire.Dossier, explanation, title)


def progress_of(row: bytes, title: str) -> wire.ProgressEntry:
    """A step of a dossier's way; raises `InvalidValue` `MOTCUA_PROGRESS_WRONG`."""
    return _read(_value(row, PROGRESS_WRONG, title), wire.ProgressEntry, PROGRESS_WRONG, title)


def _value(row: bytes, explanation: Explanation, title: str) -> object:
    """A row as JSON; where it is none, the refusal names the field and says what is wrong with it."""
    try:
        return json_value(row)
    except InvalidValue as refusal:
        repeated = refusal.facts.get("name")
        named = field_vi([repeated] if isinstance(repeated, str) else unreadable_place(row))
        said = refusal.sentence_vi.rstrip(".")
        raise InvalidValue(
            explanation,
            f"{refusal.code}: {refusal.detail}",
            title=title,
            fields=f"“{named}” ({said[:1].lower()}{said[1:]})",
        ) from refusal


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


def title_of(row: bytes) -> str:
    """How an operator would find a dossier whose fields are not all readable: its code, else its id."""
    texts = (_shown(scalar_of(row, name)) for name in ("code", "id"))
    return next((text for text in texts if text), "(không rõ)")


def name_of(row: bytes) -> str:
    """What a dossier that cannot be read is held under: its code, else the shop's id; empty without either.

    It is stable, so that the corrected dossier takes the place of the one held.
    """
    try:
        return str(DossierCode.parse(scalar_of(row, "code")))
    except InvalidValue:
        own = scalar_of(row, "id")
        return row_name(own) if _shown(own) else ""


def row_name(own_id: str) -> str:
    """What a dossier whose code cannot be read is held under: the shop's own id (mã nội bộ)."""
    return f"row:{_shown(own_id)}"


def _shown(text: str) -> str:
    return "".join(c for c in nfc(text).strip() if c.isprintable())[:80]


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
        warnings=(*oddities.of_dossier(found, now), *_unmapped(found.status, stage), *warnings),
    )


def version_of(dossier: Dossier) -> str:
    """Tells a changed dossier from the same one read again: its revision, and a digest of what it says.

    Files count by their digest, so one that was replaced makes a new version; the time of change does not
    count, since a step of progress alone moves it.
    """
    said = dossier.model_dump_json(exclude={"updated_at", "revision", "warnings"})
    return f"{dossier.revision}:{_digest(said)}"


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
        reuse=found.reuse if wire.is_reuse(found.reuse) else None,
        from_national_store=found.from_national_store,
        replaced_by_result_code=found.replaced_by_result_code,
    )


def _fee(found: wire.Fee) -> Fee:
    known = wire.is_fee_moment(found.collected_when)
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
        warnings=(*oddities.of_entry(found, now), *_unmapped(found.status, stage)),
    )


def entry_version(entry: ProgressEntry) -> str:
    """Tells an entry from its correction under the same number, by all it says."""
    return _digest(entry.model_dump_json(exclude={"warnings"}))


def entry_content(entry: ProgressEntry) -> str:
    """What an entry says of the step itself: the same under another number, or once its word is mapped."""
    beside = {"warnings", "seq", "stage", "dossier_code", "local_code"}
    return _digest(entry.model_dump_json(exclude=beside))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _unmapped(word: str, stage: DossierStage | None) -> tuple[DataWarning, ...]:
    return (oddities.unmapped(word),) if stage is None else ()


# --- what the contract does not know -----------------------------------------------------------------------


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
    message: Message, record: Dossier | ProgressEntry | None, outcome: Outcome
) -> DossierStatus | None:
    """What the one-stop shop is told: ACCEPTED, HELD with its reason, or REFUSED; None where nothing is.

    A step that went through is not told by itself; one that is held or refused is told of its dossier.
    Without a record (it could not be read) the lane says which dossier it is; without that nobody is told.
    """
    state = _exchange(outcome.state)
    code = _code_of(message, record)
    if state is None or code is None or (message.kind is Kind.PROGRESS and state is DossierExchange.ACCEPTED):
        return None
    accepted = state is DossierExchange.ACCEPTED
    receipt = message.receipt.external_id if accepted and message.receipt else ""
    return DossierStatus(
        dossier_code=code,
        system=message.target,
        state=state,
        at=message.updated_at,
        code="" if accepted else outcome.code,
        reason_vi="" if accepted else _reason(record, outcome),
        receipt=receipt,
    )


def _code_of(message: Message, record: Dossier | ProgressEntry | None) -> DossierCode | None:
    if record is not None:
        return record.local_code if isinstance(record, ProgressEntry) else record.code
    try:
        return DossierCode.parse(message.lane)
    except InvalidValue:
        return None


def _exchange(state: State) -> DossierExchange | None:
    if state is State.DONE:
        return DossierExchange.ACCEPTED
    if state is State.HELD:
        return DossierExchange.HELD
    return DossierExchange.REFUSED if state in _ENDED else None


def _reason(record: Dossier | ProgressEntry | None, outcome: Outcome) -> str:
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
