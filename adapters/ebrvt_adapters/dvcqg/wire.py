"""What goes over the wire to the portal and back in the direct dialect: envelopes, boundary types, times.

Pure. Names are the portal's own, odd spellings included (`TenLinhVuc` out, `TENLINHVUC` in; `isUpdating`
is the text "True" or "False"); what we do not know is kept. JSON is compact, in the order the members'
software writes it, with Vietnamese letters unescaped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ebrvt_connect.codec.jsonfields import LooseText
from ebrvt_connect.codec.jsonwire import write_json
from ebrvt_connect.model.period import VIETNAM

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON_TYPE = "application/json"

LONGEST_ABSTRACT = 1000
LONGEST_ACTOR = 50
LONGEST_FILE_NAME = 4000
LONGEST_RESULT_NAME = 2000


class Service(StrEnum):
    """Services of the portal by their own names (`service` in the request)."""

    DONG_BO_HO_SO_MC = "DongBoHoSoMC"
    """Push dossiers: insert or update, keyed by MaHoSo."""
    CAP_NHAT_TIEN_DO_HO_SO_MC = "CapNhatTienDoHoSoMC"
    """Push progress entries: append-only, without a key."""
    TRA_CUU_HO_SO = "TraCuuHoSo"
    LAY_THU_TUC = "LayThuTuc"
    LAY_DANH_MUC_LINH_VUC = "LayDanhMucLinhVuc"
    LAY_DANH_SACH_TTHC = "LayDanhSachTTHC"
    LAY_DANH_SACH_TTHC_DON_VI = "LayDanhSachTTHCDonVi"
    TRA_CUU_TECH_ID = "TraCuuTechID"


# --- requests ---------------------------------------------------------------------------------------------


def headers(dstcode: str) -> tuple[tuple[str, str], ...]:
    """The headers of every call, in order. There is no `Authorization`: the session is in the body."""
    return (
        ("Accept", JSON_TYPE),
        ("Content-Type", JSON_TYPE),
        ("Charset", "utf-8"),
        ("dstcode", dstcode),
    )


def login_body(username: str, password: str) -> bytes:
    """The body of the login call."""
    return write_json({"username": username, "password": password})


def read_body(session: str, unit: str, service: str, keys: Sequence[tuple[str, str]] = ()) -> bytes:
    """The body of a look-up; its own keys stand beside those of the envelope."""
    return write_json({"session": session, "madonvi": unit, "service": service, **dict(keys)})


def write_body(session: str, unit: str, service: str, data: bytes, *, updating: bool | None = None) -> bytes:
    """The body of a write: an envelope around `data`, JSON bytes that are taken over as they are."""
    head: dict[str, Any] = {"session": session, "madonvi": unit, "service": service}
    if updating is not None:
        head["isUpdating"] = "True" if updating else "False"
    return b'%b,"data":%b}' % (write_json(head)[:-1], data)


# --- times ------------------------------------------------------------------------------------------------

_TIME = "%Y%m%d%H%M%S"
_TIME_LENGTH = 14
_FIRST_YEAR = 1000


def written_time(moment: datetime | None) -> str:
    """A time as `yyyyMMddHHmmss` at +07:00; "" where there is none.

    Raises `ValueError` for one that has no such form: outside of the calendar, or of a year of three digits.
    """
    if moment is None:
        return ""
    try:
        local = moment.astimezone(VIETNAM)
    except OverflowError as failure:
        raise ValueError("a time outside of the calendar in Vietnam") from failure
    if local.year < _FIRST_YEAR:
        raise ValueError(f"year {local.year}, expected four digits")
    return local.strftime(_TIME)


def parse_time(text: str) -> datetime:
    """The inverse of `written_time`, in UTC; raises `ValueError`."""
    if len(text) != _TIME_LENGTH or not (text.isascii() and text.isdecimal()):
        raise ValueError(f"time {text[:30]!r}, expected yyyyMMddHHmmss")
    return datetime.strptime(text, _TIME).replace(tzinfo=VIETNAM).astimezone(UTC)


# --- answers ----------------------------------------------------------------------------------------------


class WireValue(BaseModel):
    """A thing of the portal under its own names; unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Envelope(WireValue):
    """What every answer begins with. An answer without `error_code` is none."""

    error_code: LooseText = Field(min_length=1)
    message: LooseText = ""
    session: LooseText = Field(default="", repr=False)
    """Login only: a secret."""
    result: Any = None


def envelope_of(value: object) -> Envelope | None:
    """The answer's envelope, or None for anything else that happens to be JSON."""
    try:
        return Envelope.model_validate(value) if isinstance(value, dict) else None
    except ValidationError:
        return None


class LinhVuc(WireValue):
    """A field of administration: a row of LayDanhMucLinhVuc, and one in a procedure."""

    ma: LooseText = Field(default="", alias="MALINHVUC")
    ten: LooseText = Field(default="", alias="TENLINHVUC")
    nganh: LooseText = Field(default="", alias="MANGANH")
    """The ministry in charge."""


class ThuTuc(WireValue):
    """A procedure as LayThuTuc gives it; only what a dossier needs is named, the rest is kept."""

    ma: LooseText = Field(default="", alias="MATTHC")
    ten: LooseText = Field(default="", alias="TENTTHC")
    trang_thai: LooseText = Field(default="", alias="TRANGTHAI")
    """"1" is public."""
    linh_vuc: tuple[LinhVuc, ...] = Field(default=(), alias="LINHVUCTHUCHIEN")


class TenThuTuc(WireValue):
    """A row of LayDanhSachTTHC and LayDanhSachTTHCDonVi."""

    ma: LooseText = Field(default="", alias="MATTHC")
    ten: LooseText = Field(default="", alias="TENTTHC")


class TaiKhoan(WireValue):
    """A row of TraCuuTechID."""

    technical_id: LooseText = Field(default="", alias="TECHNICALID")


class TienDo(WireValue):
    """A progress entry in TraCuuHoSo. Synthetic: no answer of the real portal to it is known."""

    nguoi_xu_ly: LooseText = Field(default="", alias="NGUOIXULY")
    thoi_diem: LooseText = Field(default="", alias="THOIDIEMXULY")
    trang_thai: LooseText = Field(default="", alias="TRANGTHAI")
    noi_dung: LooseText = Field(default="", alias="NOIDUNGXULY")


class HoSoDaDongBo(WireValue):
    """A row of TraCuuHoSo. That there is one means: the dossier is there. All its fields are synthetic."""

    ma: LooseText = Field(default="", alias="MAHOSO")
    trang_thai: LooseText = Field(default="", alias="TRANGTHAIHOSO")
    ma_bam: LooseText = Field(default="", alias="MABAMDULIEU")
    """SHA-256 (hex) of the `data` array it was last written by."""
    tien_do: tuple[TienDo, ...] | None = Field(default=None, alias="TIENDO")
    """None where the portal does not tell its entries."""
