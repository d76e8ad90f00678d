"""What the simulated portal refuses in the data it is sent; its Vietnamese words are synthetic."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from ebrvt_schemas import open_schema

from ebrvt_adapters.dvcqg import wire

_TIME_FIELDS = re.compile(r"Ngay\w+|ThoiDiemXuLy")
_DOSSIER_CODE = re.compile(r"[0-9A-Z]+(\.[0-9A-Z]+)*-\d{6}(\d{2})?-\d{4,7}", re.ASCII)
_LISTS = {
    "TrangThaiHoSo": "TrangThaiHoSo",
    "KenhThucHien": "KenhThucHien",
    "LoaiDoiTuong": "LoaiDoiTuong",
    "HinhThuc": "HinhThuc",
    "NoiNopHoSo": "NoiNopHoSo",
    "DuocThanhToanTrucTuyen": "DuocThanhToanTrucTuyen",
    "HoSoCoThanhPhanSoHoa": "CoKhong",
    "TaiKhoanDuocXacThucVoiVNeID": "CoKhong",
    "TrangThai": "TrangThaiHoSo",
    "LoaiDinhDanh": "LoaiDinhDanh",
    "DuocSoHoa": "CoKhong",
    "DuocLayTuKhoDMQG": "CoKhong",
    "DuocTaiSuDung": "DuocTaiSuDung",
    "HinhThucThu": "HinhThucThu",
    "MaCSDL": "MaCSDL",
}
"""Which code list a field's value must be in, where it is not empty."""
_LISTS_OF_ROWS = (
    "DinhDanhCHS",
    "TaiLieuNop",
    "DanhSachLePhi",
    "DanhSachTepDinhKemKhac",
    "DanhSachHoSoBoSung",
    "DanhSachGiayToKetQua",
    "DSKetNoiCSDL",
)


class Refused(Exception):
    """The portal says no: a reason for the journal and the words of `message`."""

    def __init__(self, reason: str, said: str, *, code: str = "") -> None:
        """`code` is the dossier it is about, for the journal."""
        super().__init__(said)
        self.reason = reason
        self.said = said
        self.code = code


@cache
def code_lists() -> Mapping[str, Mapping[str, str]]:
    """The portal's code lists as published with this project, by their names."""
    table = tomllib.loads(open_schema("dvcqg/code-lists.toml").decode())
    return {name: entry["codes"] for name, entry in table.items()}


@cache
def _required() -> Mapping[str, Any]:
    return tomllib.loads(open_schema("dvcqg/required-fields.toml").decode())


def checked_dossier(row: object, procedures: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A dossier the portal takes; raises `Refused`."""
    dossier = _object(row)
    code = _code_of(dossier)
    required = _required()["DongBoHoSoMC"]
    _need(dossier, required["always"], code)
    if int(_listed(dossier, "TrangThaiHoSo", code)) >= 2:  # noqa: PLR2004 - received
        _need(dossier, required["once_received"], code)
    for name in _LISTS_OF_ROWS:
        rows = dossier.get(name, [])
        if not isinstance(rows, list):
            raise Refused("not-a-list", f"Trường {name} không đúng định dạng danh sách", code=code)
        for inner in rows:
            _check_values(_object(inner), code)
    _check_values(dossier, code)
    if len(dossier["TrichYeuHoSo"]) > wire.LONGEST_ABSTRACT:
        raise Refused("too-long", f"TrichYeuHoSo vượt quá {wire.LONGEST_ABSTRACT} ký tự", code=code)
    _check_procedure(dossier, procedures, code)
    return dossier


def checked_entry(row: object) -> dict[str, Any]:
    """A progress entry the portal takes; raises `Refused`."""
    entry = _object(row)
    code = _code_of(entry)
    _need(entry, _required()["CapNhatTienDoHoSoMC"]["always"], code)
    _check_values(entry, code)
    if len(entry["NguoiXuLy"]) > wire.LONGEST_ACTOR:
        raise Refused("too-long", f"NguoiXuLy vượt quá {wire.LONGEST_ACTOR} ký tự", code=code)
    return entry


def _object(row: object) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise Refused("not-an-object", "Dữ liệu data không đúng định dạng")
    return row


def _code_of(row: Mapping[str, Any]) -> str:
    code = row.get("MaHoSo")
    if not isinstance(code, str) or not code:
        raise Refused("required", "Trường MaHoSo bắt buộc nhập")
    if not _DOSSIER_CODE.fullmatch(code):
        raise Refused("code", "Trường MaHoSo không đúng định dạng")
    return code


def _need(row: Mapping[str, Any], names: list[str], code: str) -> None:
    for name in names:
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise Refused("required", f"Trường {name} bắt buộc nhập", code=code)


def _listed(row: Mapping[str, Any], name: str, code: str) -> str:
    value = row[name]
    if value not in code_lists()[_LISTS[name]]:
        raise Refused("code-list", f"Giá trị trường {name} không hợp lệ", code=code)
    return str(value)


def _check_values(row: Mapping[str, Any], code: str) -> None:
    """Codes are in their lists, times are times; empty ones pass."""
    for name, value in row.items():
        if value in ("", None):
            continue
        if name in _LISTS:
            _listed(row, name, code)
        elif _TIME_FIELDS.fullmatch(name):
            _check_time(name, value, code)


def _check_time(name: str, value: object, code: str) -> None:
    try:
        wire.parse_time(value if isinstance(value, str) else "")
    except ValueError:
        raise Refused("time", f"Trường {name} không đúng định dạng yyyyMMddHHmmss", code=code) from None


def _check_procedure(
    dossier: Mapping[str, Any], procedures: Mapping[str, Mapping[str, str]], code: str
) -> None:
    known = procedures.get(dossier["MaTTHC"])
    if known is None:
        raise Refused("procedure", f"Thủ tục {dossier['MaTTHC']} không tồn tại", code=code)
    told = (dossier["TenTTHC"], dossier["MaLinhVuc"], dossier["TenLinhVuc"])
    if told != (known["name"], known["field_code"], known["field_name"]):
        raise Refused(
            "procedure-names", f"Thủ tục {dossier['MaTTHC']}: tên hoặc lĩnh vực không khớp", code=code
        )
