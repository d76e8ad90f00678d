"""Dossiers (hồ sơ) of administrative procedures as the one-stop shop holds them, and their progress.

A dossier is a snapshot: a later `revision` of the same code replaces it. A value the one-stop shop did not
give is absent; who needs it says so by name (nothing is invented). Times are aware and in UTC inside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.document import DataWarning
from ebrvt_connect.model.ids import ParsedText
from ebrvt_connect.model.message import BlobRef
from ebrvt_connect.model.text import NfcText, Value, nfc

NOT_A_DOSSIER_CODE = explain(
    "DOSSIER_CODE_INVALID",
    "“{text}” không phải là mã hồ sơ hợp lệ.",
    "Sửa mã hồ sơ theo mẫu <mã cơ quan>-<ngày tiếp nhận>-<số thứ tự>, ví dụ H06.15-230315-0007.",
)
NOT_A_PROCEDURE_CODE = explain(
    "PROCEDURE_CODE_INVALID",
    "“{text}” không phải là mã thủ tục hành chính hợp lệ.",
    "Sửa mã thủ tục theo cơ sở dữ liệu quốc gia về thủ tục hành chính, "
    "ví dụ 1.003560 hoặc 1.003560.000.00.00.H06.",
)

_DOSSIER_CODE = re.compile(r"[0-9A-Z]+(\.[0-9A-Z]+)*-\d{6}(\d{2})?-\d{4,7}", re.ASCII)
_PROCEDURE_CODE = re.compile(r"\d\.\d{6}(\.\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2})?", re.ASCII)
_LONGEST_CODE = 60


@dataclass(frozen=True, slots=True)
class DossierCode(ParsedText):
    """A dossier code (mã hồ sơ): agency, day and number within the day, e.g. `H06.15-230315-0007`."""

    text: str

    @classmethod
    def parse(cls, text: str) -> DossierCode:
        """Read a code in the form of TT 01/2018/TT-VPCP or of the newer portal; raises `InvalidValue`."""
        bare = nfc(text).strip()
        if len(bare) > _LONGEST_CODE or not _DOSSIER_CODE.fullmatch(bare):
            raise InvalidValue(
                NOT_A_DOSSIER_CODE,
                f"dossier code: got {text[:60]!r}, expected e.g. 'H06.15-230315-0007'",
                text=text[:60],
            )
        return cls(bare)

    def __str__(self) -> str:
        """The code as it was written."""
        return self.text


@dataclass(frozen=True, slots=True)
class ProcedureCode(ParsedText):
    """A national procedure code (mã thủ tục hành chính): `2.002492`, or a province's copy of one."""

    text: str

    @classmethod
    def parse(cls, text: str) -> ProcedureCode:
        """Read a code of the national procedure database; raises `InvalidValue`."""
        bare = nfc(text).strip()
        if not _PROCEDURE_CODE.fullmatch(bare):
            raise InvalidValue(
                NOT_A_PROCEDURE_CODE,
                f"procedure code: got {text[:60]!r}, expected e.g. '1.003560.000.00.00.H06'",
                text=text[:60],
            )
        return cls(bare)

    def __str__(self) -> str:
        """The code as it was written."""
        return self.text


class DossierStage(IntEnum):
    """Where a dossier stands (trạng thái hồ sơ): the ten codes the National Public Service Portal knows."""

    FILED = 1
    """Mới đăng ký."""
    RECEIVED = 2
    """Được tiếp nhận."""
    NOT_RECEIVED = 3
    """Không được tiếp nhận."""
    IN_PROGRESS = 4
    """Đang xử lý."""
    SUPPLEMENT_REQUESTED = 5
    """Yêu cầu bổ sung giấy tờ."""
    PAYMENT_REQUESTED = 6
    """Yêu cầu thực hiện nghĩa vụ tài chính."""
    WITHDRAWN = 7
    """Công dân yêu cầu rút hồ sơ."""
    STOPPED = 8
    """Dừng xử lý."""
    COMPLETED = 9
    """Đã xử lý xong."""
    RETURNED = 10
    """Đã trả kết quả."""


class Channel(StrEnum):
    """How a dossier was filed (kênh thực hiện)."""

    DIRECT = "direct"
    ONLINE = "online"
    POST = "post"


class ApplicantKind(StrEnum):
    """Who applies (loại đối tượng)."""

    CITIZEN = "citizen"
    ENTERPRISE = "enterprise"
    AGENCY = "agency"
    ORGANISATION = "organisation"


class ReturnMethod(StrEnum):
    """How the result is handed over (hình thức trả kết quả)."""

    COUNTER = "counter"
    POST = "post"


class OnlinePayment(StrEnum):
    """Whether the fees were paid online (thanh toán trực tuyến)."""

    NONE = "none"
    """Nothing to pay."""
    NATIONAL = "national"
    PROVINCIAL = "provincial"
    UNPAID = "unpaid"
    """There is a fee and it was not paid online."""


class FeeMoment(StrEnum):
    """When a fee is collected (hình thức thu)."""

    RECEIPT = "receipt"
    SUPPLEMENT = "supplement"
    RESULT = "result"


class Identity(Value):
    """An identity paper of an applicant (giấy tờ định danh); never in a log."""

    kind: NfcText
    """`CITIZEN_ID`, `OLD_ID`, `TAX_CODE`, `PASSPORT`, or a word the deployment's data file maps."""
    number: Annotated[NfcText, Field(repr=False)]


class Applicant(Value):
    """Who applies (chủ hồ sơ)."""

    kind: ApplicantKind | None = None
    name: Annotated[NfcText, Field(repr=False)] = ""
    identities: tuple[Identity, ...] = ()
    technical_id: NfcText = ""
    """The account's technical id of the national single sign-on (TechID)."""
    verified_by_vneid: bool | None = None
    email: Annotated[NfcText, Field(repr=False)] = ""
    phone: Annotated[NfcText, Field(repr=False)] = ""
    address: Annotated[NfcText, Field(repr=False)] = ""


class Component(Value):
    """A paper of a dossier (thành phần hồ sơ)."""

    code: NfcText = ""
    """Its code in the national procedure database; absent where the one-stop shop has mapped none."""
    name: NfcText = ""
    file_id: NfcText = ""
    deleted: bool = False
    digitised: bool | None = None
    reuse: int | None = None
    """The portal's own code of re-use: 0 none, 1 and 2 two kinds of it."""
    from_national_store: bool | None = None
    replaced_by_result_code: NfcText = ""


class OtherPaper(Value):
    """A paper beside the components (giấy tờ khác)."""

    name: NfcText
    quantity: int | None = None
    kind: int | None = None


class Fee(Value):
    """A fee or charge (phí, lệ phí) in whole đồng."""

    code: NfcText = ""
    name: NfcText = ""
    kind: NfcText = ""
    """The portal's code, as text."""
    amount_dong: int = Field(ge=0)
    collected_when: FeeMoment | None = None


class Supplement(Value):
    """A request for more papers (yêu cầu bổ sung hồ sơ) and what came of it."""

    seq: int
    requested_by: NfcText = ""
    content: NfcText = ""
    requested_at: AwareDatetime | None = None
    received_by: NfcText = ""
    received_note: NfcText = ""
    received_at: AwareDatetime | None = None
    done: bool = False
    papers: tuple[Component, ...] = ()
    fees: tuple[Fee, ...] = ()
    old_due_at: AwareDatetime | None = None
    new_due_at: AwareDatetime | None = None


class ResultPaper(Value):
    """A result handed to the applicant (giấy tờ kết quả); its file is verified before it goes."""

    component_code: NfcText = ""
    code: NfcText = ""
    """Its code in the national catalogue of results."""
    name: NfcText = ""
    file_id: NfcText = ""
    number: NfcText = ""
    signed_at: AwareDatetime | None = None
    content: BlobRef | None = None
    """The untouched bytes as fetched; None where there is no file."""


class Procedure(Value):
    """The administrative procedure a dossier follows (thủ tục hành chính)."""

    local_code: NfcText = ""
    national_code: NfcText = ""
    """As the one-stop shop wrote it; whether it is one is judged where it is needed."""
    name: NfcText = ""


class FieldOfAdministration(Value):
    """The field a procedure belongs to (lĩnh vực)."""

    code: NfcText = ""
    name: NfcText = ""


class Unit(Value):
    """The unit in charge (đơn vị xử lý)."""

    code: NfcText = ""
    name: NfcText = ""


class Dossier(Value):
    """A dossier (hồ sơ) as it stood at one revision."""

    code: DossierCode
    national_code: DossierCode | None = None
    """Its number on the National Public Service Portal, when it was born there."""
    procedure: Procedure = Procedure()
    field_of_administration: FieldOfAdministration = FieldOfAdministration()
    agency: Unit = Unit()
    applicant: Applicant = Applicant()
    abstract: NfcText = ""
    channel: Channel | None = None
    submitted_at: AwareDatetime | None = None
    received_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    extended_due_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    returned_at: AwareDatetime | None = None
    refused_at: AwareDatetime | None = None
    return_method: ReturnMethod | None = None
    status_word: NfcText = ""
    """The one-stop shop's own word."""
    sub_status: NfcText = ""
    stage: DossierStage | None = None
    """What the deployment's data file makes of the word; None where it is not in the file."""
    components: tuple[Component, ...] = ()
    other_papers: tuple[OtherPaper, ...] = ()
    fees: tuple[Fee, ...] = ()
    online_payment: OnlinePayment | None = None
    supplements: tuple[Supplement, ...] = ()
    return_note: NfcText = ""
    results: tuple[ResultPaper, ...] = ()
    linked_to: DossierCode | None = None
    """The origin of an interlinked procedure (liên thông): it is counted, this one is not."""
    databases_used: tuple[NfcText, ...] = ()
    note: NfcText = ""
    updated_at: AwareDatetime
    revision: NfcText
    unknown: tuple[tuple[str, str], ...] = ()
    warnings: tuple[DataWarning, ...] = ()

    @property
    def public_code(self) -> DossierCode:
        """What the National Public Service Portal knows it by (MaHoSo)."""
        return self.national_code or self.code


class ProgressEntry(Value):
    """One step of a dossier's way (tiến độ xử lý hồ sơ); append-only, numbered within it by `seq`."""

    dossier_code: DossierCode
    """What the portal knows the dossier by (`Dossier.public_code`)."""
    local_code: DossierCode
    seq: int
    at: AwareDatetime
    actor_name: NfcText = ""
    actor_position: NfcText = ""
    actor_unit: NfcText = ""
    action: NfcText = ""
    note: NfcText = ""
    status_word: NfcText = ""
    stage: DossierStage | None = None
    step_started_at: AwareDatetime | None = None
    step_due_at: AwareDatetime | None = None
    unknown: tuple[tuple[str, str], ...] = ()
    warnings: tuple[DataWarning, ...] = ()


class DossierExchange(StrEnum):
    """What became of a dossier at a remote, in the one-stop shop's words."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    HELD = "HELD"


class DossierStatus(Value):
    """What became of a dossier at a remote (kết quả đồng bộ hồ sơ), told to its one-stop shop."""

    dossier_code: DossierCode
    """The one-stop shop's own code."""
    system: str
    """The system it was for (`dvcqg`)."""
    state: DossierExchange
    at: AwareDatetime
    code: str = ""
    reason_vi: NfcText = ""
    receipt: NfcText = ""
