"""Dossiers and steps the suite sends to a portal: they say that they are trials, and name nobody."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ebrvt_connect.model.dossier import (
    Applicant,
    ApplicantKind,
    Channel,
    Dossier,
    DossierCode,
    DossierStage,
    OnlinePayment,
    Procedure,
    ProgressEntry,
    ReturnMethod,
    Unit,
)
from ebrvt_connect.model.period import VIETNAM

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.model.ids import AgencyCode

NAME = "Đơn vị kiểm thử kết nối (mẫu)"
ABSTRACT = "Kiểm thử kết nối liên thông, không có giá trị xử lý; đề nghị bỏ qua"
"""Of every sample: what to look for when cleaning up."""


def fresh_code(agency: AgencyCode, at: datetime) -> DossierCode:
    """A code nobody has used before: seven digits, where real ones begin the day at 0001."""
    number = 9_000_000 + secrets.randbelow(1_000_000)
    return DossierCode.parse(f"{agency}-{at.astimezone(VIETNAM):%y%m%d}-{number}")


def sample_dossier(code: DossierCode, agency: AgencyCode, procedure: str, at: datetime) -> Dossier:
    """A dossier that was just received and belongs to nobody."""
    return Dossier(
        code=code,
        procedure=Procedure(local_code="KT-EBRVT", national_code=procedure, name="Kiểm thử kết nối"),
        agency=Unit(code=agency.text, name=NAME),
        applicant=Applicant(kind=ApplicantKind.ORGANISATION, name=NAME),
        abstract=ABSTRACT,
        channel=Channel.DIRECT,
        submitted_at=at,
        received_at=at,
        return_method=ReturnMethod.COUNTER,
        status_word="kiem-thu",
        stage=DossierStage.RECEIVED,
        online_payment=OnlinePayment.NONE,
        updated_at=at,
        revision="1",
    )


def withdrawn(dossier: Dossier, at: datetime) -> Dossier:
    """The same, withdrawn (rút hồ sơ): it counts as neither in time nor late."""
    told = {"stage": DossierStage.WITHDRAWN, "finished_at": at, "updated_at": at, "revision": "2"}
    return dossier.model_copy(update=told)


def sample_step(code: DossierCode, at: datetime) -> ProgressEntry:
    """The receiving of it."""
    return ProgressEntry(
        dossier_code=code,
        local_code=code,
        seq=1,
        at=at,
        actor_name=NAME,
        action="Kiểm thử kết nối",
        status_word="kiem-thu",
        stage=DossierStage.RECEIVED,
    )
