"""Fills the simulated one-stop shop: every dossier is received, moves on, and most of them end."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ebrvt_connect.model.dossier import DossierStage
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ops.demo.dossier_papers import write_result
from ebrvt_connect.ops.demo.plan_dossiers import (
    DEPARTMENT,
    DEPARTMENT_NAME,
    STATUS_WORDS,
    UNKNOWN_WORD,
    DossierFlaw,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ebrvt_connect.ops.demo.feeding import Task
    from ebrvt_connect.ops.demo.plan_dossiers import DossierPlan, PlannedDossier
    from ebrvt_connect.ops.demo.province import Province
    from ebrvt_connect.ops.demo.sandbox_child import SandboxChild
    from ebrvt_connect.ports.clock import Clock

_STEPS_AT_FIRST = 2
_RECEIVED_AGO, _DUE_IN = timedelta(days=5), timedelta(days=2)
_ACTIONS = {
    DossierStage.RECEIVED: "Tiếp nhận hồ sơ",
    DossierStage.IN_PROGRESS: "Chuyển xử lý",
    DossierStage.SUPPLEMENT_REQUESTED: "Yêu cầu bổ sung giấy tờ",
    DossierStage.WITHDRAWN: "Công dân rút hồ sơ",
    DossierStage.STOPPED: "Dừng xử lý, trả lại hồ sơ",
    DossierStage.COMPLETED: "Có kết quả giải quyết",
    DossierStage.RETURNED: "Trả kết quả cho người nộp",
}
_CLOSING = frozenset({DossierStage.COMPLETED, DossierStage.RETURNED, DossierStage.STOPPED})
_WITH_UNKNOWN_WORD = frozenset({DossierFlaw.UNMAPPED_STATUS, DossierFlaw.CORRECTED})
_CORRECTED_AFTER_SECONDS = 6.0
_LONG_ABSTRACT_ONE, _NFD_ONE = 7, 8


class ReceptionDesk:
    """Hands the plan's dossiers to the simulated one-stop shop, with what its clerks will do with them."""

    def __init__(self, plan: DossierPlan, province: Province, sandbox: SandboxChild, clock: Clock) -> None:
        """Nothing happens until a task is done."""
        self._plan = plan
        self._province = province
        self._sandbox = sandbox
        self._clock = clock

    def tasks(self) -> Iterator[Task]:
        """One for each dossier, in order."""
        for planned in self._plan.dossiers:
            yield planned.code, partial(self._receive, planned)

    def _receive(self, planned: PlannedDossier) -> dict[str, Any]:
        now = self._clock.now()
        result = self._result(planned, now)
        stages = list(planned.stages())
        # What is held for its result paper comes with it at once; it has no earlier, harmless revision.
        at_once = len(stages) if planned.flaw is DossierFlaw.RESULT_TAMPERED else _STEPS_AT_FIRST
        dossier = as_dossier(planned, now, stages[:at_once], result if at_once == len(stages) else None)
        data: dict[str, Any] = {
            "dossiers": [dossier],
            "progress": {planned.code: [_step(nth, s, now) for nth, s in enumerate(stages[:at_once])]},
        }
        if result is not None and at_once == len(stages):
            data["files"] = {planned.code: result.files}
        if planned.leaves:
            data["clerks"] = {planned.code: list(_clerks(planned, stages[at_once:], result))}
        return self._sandbox.seed("motcua", data)

    def _result(self, planned: PlannedDossier, now: datetime) -> _Result | None:
        paper = write_result(planned, self._province.pki, now)
        if paper is None:
            return None
        kept = self._sandbox.keep("motcua", paper.content)
        file_id = f"kq-{planned.nth + 1:03d}"
        row = {
            "resultCode": "KQ.G14.000001",
            "name": paper.name,
            "fileId": file_id,
            "number": f"{planned.nth + 1}/GP-STTTT",
            "signedAt": _written(now),
        }
        file = {"sha256": kept["sha256"], "mediaType": paper.media_type, "name": paper.name}
        return _Result(row, {file_id: file})


@dataclass(frozen=True, slots=True)
class _Result:
    """A result paper as the dossier names it, and its file."""

    row: dict[str, Any]
    files: dict[str, Any]


def _clerks(
    planned: PlannedDossier, stages: Sequence[DossierStage], result: _Result | None
) -> Iterator[dict[str, Any]]:
    """What the clerks do from now on; whoever's word was wrong at first sets it right before."""
    if planned.flaw is DossierFlaw.CORRECTED:
        word = STATUS_WORDS[DossierStage.IN_PROGRESS]
        yield {"after_seconds": _CORRECTED_AFTER_SECONDS, "dossier": {"status": word}}
    for nth, stage in enumerate(stages):
        last = nth == len(stages) - 1
        changed: dict[str, Any] = {}
        if stage in _CLOSING:
            changed["finishedAt"] = "$now"
        if stage is DossierStage.RETURNED:
            changed["returnedAt"] = "$now"
        step: dict[str, Any] = {
            "after_seconds": 1.0 + (planned.nth % 7) * 0.3,
            "entry": _entry(stage),
            "dossier": changed,
        }
        if last and result is not None:
            changed["results"] = [result.row]
            step["files"] = result.files
        yield step


def as_dossier(
    planned: PlannedDossier, now: datetime, stages: Sequence[DossierStage], result: _Result | None
) -> dict[str, Any]:
    """A dossier as the one-stop shop shows it (`GET /api/dossiers/{code}`) after some of its stages."""
    stage = stages[-1]
    received = now - _RECEIVED_AGO
    due = now - timedelta(days=1) if planned.late else now + _DUE_IN
    return {
        "id": f"hs-{planned.nth + 1:03d}",
        "code": planned.code,
        "procedure": {
            "localCode": planned.procedure.local_code,
            "nationalCode": planned.procedure.national_code or None,
            "name": f"{planned.procedure.name} – tên tại tỉnh",
        },
        "field": {"code": planned.procedure.field_code, "name": planned.procedure.field_name},
        "agency": {"code": DEPARTMENT, "name": DEPARTMENT_NAME},
        "applicant": _applicant(planned),
        "abstract": _abstract(planned),
        "channel": planned.channel or None,
        "submittedAt": _written(received - timedelta(hours=2)),
        "receivedAt": _written(received),
        "dueAt": _written(due),
        "finishedAt": _written(now) if stage in _CLOSING else None,
        "returnedAt": _written(now) if stage is DossierStage.RETURNED else None,
        "returnMethod": "COUNTER",
        "status": UNKNOWN_WORD if planned.flaw in _WITH_UNKNOWN_WORD else STATUS_WORDS[stage],
        "components": [_component(planned)],
        "otherPapers": [],
        "fees": [
            {"code": "LP1", "name": "Lệ phí", "kind": "1", "amount": 150_000, "collectedWhen": "RECEIPT"}
        ],
        "onlinePayment": "NATIONAL" if planned.online else "UNPAID",
        "supplements": [],
        "results": [result.row] if result else [],
        "linkedTo": planned.linked_to or None,
        "databasesUsed": [],
        "updatedAt": _written(now),
        "revision": 1,
    }


def _applicant(planned: PlannedDossier) -> dict[str, Any]:
    number = f"{planned.nth + 1:012d}"
    name = planned.applicant
    return {
        "kind": "ENTERPRISE" if planned.enterprise else "CITIZEN",
        # One name as some keyboards type it: letters and their marks apart (NFD).
        "name": unicodedata.normalize("NFD", name) if planned.nth == _NFD_ONE else name,
        "identities": [{"kind": "TAX_CODE" if planned.enterprise else "CITIZEN_ID", "number": number}],
        "techId": f"tech-{planned.nth + 1:04d}" if planned.online else None,
        "verifiedByVneid": True if planned.online else None,
        "phone": "0900000000",
    }


def _abstract(planned: PlannedDossier) -> str:
    text = f"Đề nghị {planned.procedure.name[0].lower()}{planned.procedure.name[1:]}"
    return text + " và các nội dung kèm theo" * 60 if planned.nth == _LONG_ABSTRACT_ONE else text


def _component(planned: PlannedDossier) -> dict[str, Any]:
    return {
        "componentCode": "000.00.00.H06-KQ0001",
        "name": "Đơn đề nghị.pdf",
        "fileId": None,
        "deleted": False,
        "digitised": planned.online,
        "reuse": 0,
        "fromNationalStore": False,
    }


def _step(nth: int, stage: DossierStage, now: datetime) -> dict[str, Any]:
    return {**_entry(stage), "at": _written(now - _RECEIVED_AGO + timedelta(hours=nth))}


def _entry(stage: DossierStage) -> dict[str, Any]:
    return {
        "actor": {"name": "Cán bộ mẫu", "position": "Chuyên viên", "unit": "Bộ phận Một cửa (mẫu)"},
        "action": _ACTIONS[stage],
        "status": STATUS_WORDS[stage],
    }


def _written(moment: datetime) -> str:
    return moment.astimezone(VIETNAM).isoformat(timespec="seconds")
