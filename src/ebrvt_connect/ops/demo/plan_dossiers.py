"""The dossiers of the demonstration: which must reach the portal, with how many steps, and which are held.

As with the documents, what must come of each follows from the plan alone. Every applicant is fictional;
the identity numbers are all zeros but for their last digits, which no authority issues.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ebrvt_connect.model.dossier import DossierStage

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD_DOSSIERS = 60
DEPARTMENT = "000.00.15.H06"
"""The department that resolves all dossiers of the demonstration."""
DEPARTMENT_NAME = "Sở Thông tin và Truyền thông (mẫu)"


class DossierFlaw(StrEnum):
    """What is wrong with a dossier, by design."""

    NONE = "none"
    UNMAPPED_STATUS = "unmapped-status"
    """Its status word is in nobody's data file."""
    UNMAPPED_PROCEDURE = "unmapped-procedure"
    """Its procedure has no national code."""
    RESULT_TAMPERED = "result-tampered"
    """Its result paper was changed after signing."""
    MISSING_CHANNEL = "missing-channel"
    """Nobody has noted how it was filed."""
    CORRECTED = "corrected"
    """Its status word was unknown at first and set right later: it must arrive after all."""


class ResultForm(StrEnum):
    """In which form a result paper is signed."""

    NONE = "none"
    PDF = "pdf"
    XML = "xml"
    CMS = "cms"


@dataclass(frozen=True, slots=True)
class PlannedProcedure:
    """An administrative procedure of the demonstration, as the national catalogue names it."""

    local_code: str
    national_code: str
    name: str
    field_code: str
    field_name: str


PROCEDURES = (
    PlannedProcedure(
        "BC-01", "1.001234.000.00.00.H06", "Cấp giấy phép bưu chính (mẫu)", "G14-BC01", "Bưu chính (mẫu)"
    ),
    PlannedProcedure(
        "XB-02",
        "1.002345.000.00.00.H06",
        "Cấp giấy phép xuất bản tài liệu không kinh doanh (mẫu)",
        "G14-XB01",
        "Xuất bản (mẫu)",
    ),
    PlannedProcedure(
        "TT-03",
        "2.003456.000.00.00.H06",
        "Cấp phép trang thông tin điện tử tổng hợp (mẫu)",
        "G14-TT01",
        "Phát thanh, truyền hình (mẫu)",
    ),
)
UNKNOWN_PROCEDURE = PlannedProcedure("NB-99", "", "Thủ tục nội bộ chưa công bố (mẫu)", "NB", "Nội bộ (mẫu)")

STATUS_WORDS = {
    DossierStage.RECEIVED: "receiving",
    DossierStage.IN_PROGRESS: "processing",
    DossierStage.SUPPLEMENT_REQUESTED: "waiting",
    DossierStage.WITHDRAWN: "cancelled",
    DossierStage.STOPPED: "denied",
    DossierStage.COMPLETED: "releasing",
    DossierStage.RETURNED: "done",
}
"""The demonstration's one-stop shop has these words; the data file of its adapter maps them back."""
UNKNOWN_WORD = "chờ liên thông thuế"

_ENDINGS = (
    DossierStage.RETURNED,
    DossierStage.COMPLETED,
    DossierStage.RETURNED,
    DossierStage.IN_PROGRESS,
    DossierStage.COMPLETED,
    DossierStage.SUPPLEMENT_REQUESTED,
    DossierStage.RETURNED,
    DossierStage.STOPPED,
    DossierStage.COMPLETED,
    DossierStage.WITHDRAWN,
)
RESOLVED = frozenset({DossierStage.COMPLETED, DossierStage.RETURNED, DossierStage.STOPPED})
"""Endings that count as resolved in the report (withdrawn ones do not)."""
_FLAWS = (
    DossierFlaw.UNMAPPED_STATUS,
    DossierFlaw.UNMAPPED_PROCEDURE,
    DossierFlaw.RESULT_TAMPERED,
    DossierFlaw.MISSING_CHANNEL,
)
_CHANNELS = ("ONLINE", "DIRECT", "ONLINE", "POST", "DIRECT")
_SURNAMES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Võ", "Đặng")
_GIVEN = ("Mẫu Một", "Mẫu Hai", "Mẫu Ba", "Mẫu Bốn", "Mẫu Năm")
_CORRECTED_ONE = 13
_LATE_EVERY = 9
_LINKED_ONE = 29


@dataclass(frozen=True, slots=True)
class PlannedDossier:
    """One dossier of the plan."""

    nth: int
    code: str
    procedure: PlannedProcedure
    applicant: str
    enterprise: bool
    channel: str
    ending: DossierStage
    flaw: DossierFlaw
    result: ResultForm
    late: bool = False
    """Finished after its due date."""
    linked_to: str = ""
    """The dossier of which this is only a part (liên thông): not counted in the report."""

    @property
    def leaves(self) -> bool:
        """Whether it must reach the portal."""
        return self.flaw in {DossierFlaw.NONE, DossierFlaw.CORRECTED}

    @property
    def online(self) -> bool:
        """Filed online."""
        return self.channel == "ONLINE"

    def stages(self) -> Iterator[DossierStage]:
        """The steps of its progress, in order: three for one still open, four for one that has ended."""
        yield DossierStage.RECEIVED
        yield DossierStage.IN_PROGRESS
        if self.ending is DossierStage.RETURNED:
            yield DossierStage.COMPLETED
        elif self.ending is not DossierStage.IN_PROGRESS:
            yield DossierStage.IN_PROGRESS
        yield self.ending


@dataclass(frozen=True, slots=True)
class DossierPlan:
    """All dossiers of a demonstration."""

    dossiers: tuple[PlannedDossier, ...]

    @property
    def leaving(self) -> tuple[PlannedDossier, ...]:
        """What must be synchronised exactly once a revision."""
        return tuple(d for d in self.dossiers if d.leaves)

    @property
    def to_be_held(self) -> tuple[PlannedDossier, ...]:
        """What must never reach the portal as it stands."""
        return tuple(d for d in self.dossiers if not d.leaves)

    @property
    def counted(self) -> tuple[PlannedDossier, ...]:
        """What the report counts as resolved."""
        return tuple(d for d in self.leaving if d.ending in RESOLVED and not d.linked_to)


def make_dossier_plan(good: int = GOOD_DOSSIERS, *, day: str = "190916") -> DossierPlan:
    """The plan; smaller ones serve tests. `day` is the part of the codes that names it (yyMMdd)."""
    flaws = [DossierFlaw.NONE] * good
    if good > _CORRECTED_ONE:
        flaws[_CORRECTED_ONE] = DossierFlaw.CORRECTED
    for nth, flaw in enumerate(_FLAWS):
        flaws.insert(min(len(flaws), 5 + nth * max(good // 5, 1)), flaw)
    return DossierPlan(tuple(_dossier(nth, flaw, day) for nth, flaw in enumerate(flaws)))


def _dossier(nth: int, flaw: DossierFlaw, day: str) -> PlannedDossier:
    ending = _ENDINGS[nth % len(_ENDINGS)]
    if flaw is DossierFlaw.RESULT_TAMPERED:
        ending = DossierStage.RETURNED
    finished = ending in {DossierStage.COMPLETED, DossierStage.RETURNED}
    enterprise = nth % 4 == 2  # noqa: PLR2004 - every fourth
    name = f"{_SURNAMES[nth % len(_SURNAMES)]} {_GIVEN[nth % len(_GIVEN)]}"
    return PlannedDossier(
        nth=nth,
        code=_code(nth, day),
        procedure=(
            UNKNOWN_PROCEDURE if flaw is DossierFlaw.UNMAPPED_PROCEDURE else PROCEDURES[nth % len(PROCEDURES)]
        ),
        applicant=f"Công ty TNHH Thử nghiệm {nth + 1}" if enterprise else name,
        enterprise=enterprise,
        channel="" if flaw is DossierFlaw.MISSING_CHANNEL else _CHANNELS[nth % len(_CHANNELS)],
        ending=ending,
        flaw=flaw,
        result=_result_form(nth, flaw) if finished else ResultForm.NONE,
        late=finished and nth % _LATE_EVERY == 4,  # noqa: PLR2004 - every ninth
        linked_to=_code(nth - 1, day) if nth == _LINKED_ONE else "",
    )


def _result_form(nth: int, flaw: DossierFlaw) -> ResultForm:
    if flaw is DossierFlaw.RESULT_TAMPERED:
        return ResultForm.PDF
    match nth // 3 % 4:
        case 1:
            return ResultForm.XML
        case 3:
            return ResultForm.CMS
        case _:
            return ResultForm.PDF


def _code(nth: int, day: str) -> str:
    return f"H06.15-{day}-{nth + 1:04d}"
