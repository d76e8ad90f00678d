"""From the model to the portal's fields: pure functions, nothing guessed, nothing made up.

What is required and missing is refused with `InvalidValue`, which names every such field as a clerk knows
it; what is wanted and missing is left out, or empty, and told as a warning. Other software is known to
fill such places (a false answer, a made-up identity number, database "7"), which falsifies the indicators
of QĐ 766/QĐ-TTg. Codes are data (`data/mapping.toml`).

The field names are those of every dialect that carries the portal's own dossier.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import tomllib
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator

from ebrvt_adapters.dvcqg import wire
from ebrvt_adapters.dvcqg.notes import (
    ABSTRACT_MISSING,
    COMPONENT_CODE_MISSING,
    COMPONENT_WITHOUT_FILE,
    DUE_DATE_MISSING,
    FEE_MOMENT_MISSING,
    FILE_URL_NOT_PUBLIC,
    IDENTITY_KIND_UNMAPPED,
    IDENTITY_MISSING,
    RESULT_CODE_MISSING,
    RESULT_WITHOUT_FILE,
    TECH_ID_MISSING,
    VALUE_MISSING,
    VALUE_NOT_IN_LIST,
    Notes,
)
from ebrvt_connect.codec.jsonwire import write_json
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.document import DataWarning
from ebrvt_connect.model.dossier import Channel, DossierStage, ProcedureCode
from ebrvt_connect.model.text import NfcText, Value, nfc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ebrvt_connect.model.dossier import Component, Dossier, Fee, ProgressEntry, ResultPaper, Supplement

FIELDS_MISSING = explain(
    "DVCQG_FIELDS_MISSING",
    "Hồ sơ {code} chưa đủ thông tin bắt buộc của Cổng Dịch vụ công quốc gia: {missing}.",
    "Bổ sung các mục đã nêu trong phần mềm một cửa rồi lưu lại; chương trình sẽ tự gửi bản mới.",
)
PROGRESS_INCOMPLETE = explain(
    "DVCQG_PROGRESS_INCOMPLETE",
    "Bước xử lý số {seq} của hồ sơ {code} chưa đủ thông tin bắt buộc của Cổng Dịch vụ công quốc gia: "
    "{missing}.",
    "Bổ sung các mục đã nêu của bước xử lý trong phần mềm một cửa rồi lưu lại, hoặc bỏ qua bước này nếu "
    "không cần báo lên Cổng.",
)
UNMAPPED_PROCEDURE = explain(
    "UNMAPPED_PROCEDURE",
    "Hồ sơ {code}: thủ tục “{procedure}” chưa gắn với mã nào trong danh mục thủ tục quốc gia{more}.",
    "Hoặc khai báo mã thủ tục quốc gia trong phần mềm một cửa rồi lưu lại hồ sơ: bản mới sẽ tự thay bản này. "
    "Hoặc bổ sung mã đó vào danh mục thủ tục (procedures_file), khởi động lại chương trình, rồi cho gửi tiếp "
    "bằng lệnh ebrvt held release.",
)
UNMAPPED_STATUS = explain(
    "UNMAPPED_STATUS",
    "Hồ sơ {code}: trạng thái “{status}” của phần mềm một cửa chưa được ghép với trạng thái nào của Cổng "
    "Dịch vụ công quốc gia{more}.",
    "Bổ sung trạng thái này vào bảng ghép trạng thái của hệ thống một cửa (status_file) và khởi động lại "
    "chương trình, hoặc sửa trạng thái của hồ sơ; sau đó lưu lại hồ sơ trong phần mềm một cửa: bản mới sẽ tự "
    "thay bản này. Chỉ cho gửi tiếp bản này thì vẫn bị giữ; chương trình không tự đoán trạng thái.",
)
TIME_UNWRITABLE = explain(
    "DVCQG_TIME_UNWRITABLE",
    "Hồ sơ {code} có thời gian không thể có thật, không ghi được theo mẫu của Cổng Dịch vụ công quốc gia: "
    "{times}{more}.",
    "Sửa các ngày giờ đã nêu trong phần mềm một cửa rồi lưu lại; chương trình sẽ tự gửi bản mới.",
)

_CAPABILITY_DIGITS = 32
_REUSES = frozenset({0, 1, 2})
_PRIVATE_NAMES = (
    *("local", "localhost", "internal", "intranet", "lan", "home.arpa", "corp", "home"),
    *("test", "invalid", "example", "onion"),
)
"""Ends of names the open net does not know (RFC 6761, 6762, 7686, 8375; ICANN 2018-02-04), and habits."""


class CatalogueEntry(Value):
    """A procedure as the national catalogue names it (danh mục thủ tục hành chính quốc gia)."""

    code: NfcText
    """Its national code (MaTTHC)."""
    name: NfcText = Field(min_length=1)
    """Its name there (TenTTHC), whatever the one-stop shop calls it."""
    field_code: NfcText = Field(min_length=1)
    """The code of its field of administration (MaLinhVuc)."""
    field_name: NfcText = Field(min_length=1)
    """The field's name (TenLinhVuc)."""

    @field_validator("code")
    @classmethod
    def _a_code(cls, value: str) -> str:
        return str(ProcedureCode.parse(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTable:
    """What the model's words are at the portal (`data/mapping.toml`)."""

    channel: Mapping[str, str]
    applicant_kind: Mapping[str, str]
    identity_kind: Mapping[str, str]
    return_method: Mapping[str, str]
    online_payment: Mapping[str, str]
    fee_moment: Mapping[str, str]
    filed_at: Mapping[str, str]
    database: Mapping[str, str]

    def changed(self, text: str) -> CodeTable:
        """With the entries of a deployment's own file in their places; raises `ValueError` for others."""
        given = tomllib.loads(text)
        known = {one.name for one in fields(self)}
        if strays := sorted(given.keys() - known):
            raise ValueError(f"no such table: {', '.join(strays)}; known: {', '.join(sorted(known))}")
        tables = {name: {**getattr(self, name), **_codes(name, given.get(name, {}))} for name in known}
        return CodeTable(**tables)


def _codes(name: str, table: object) -> dict[str, str]:
    if isinstance(table, dict) and all(isinstance(code, str) for code in table.values()):
        return table
    raise ValueError(f"table {name} holds something else than codes in quotes")


@cache
def default_codes() -> CodeTable:
    """The table that ships with the adapter."""
    table = tomllib.loads(files(__package__).joinpath("data/mapping.toml").read_text("utf-8"))
    return CodeTable(**table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a deployment has agreed: codes, and where the portal fetches files."""

    codes: CodeTable
    public_base: str = ""
    key: bytes = field(default=b"", repr=False)

    @property
    def reachable(self) -> bool:
        """Whether the portal can be expected to reach the files: a name or an address of the open net."""
        host = (urlsplit(self.public_base).hostname or "").rstrip(".")
        try:
            return ipaddress.ip_address(host).is_global
        except ValueError:
            inside = any(f".{host}".endswith(f".{name}") for name in _PRIVATE_NAMES)
            return "." in host and not inside

    def file_url(self, file_id: str) -> str:
        """The capability address of a file, the same each time; "" where it has none."""
        if not file_id or not self.public_base:
            return ""
        return f"{self.public_base}/{capability(file_id, self.key)}"


def capability(file_id: str, key: bytes) -> str:
    """The last part of a file's address: its id and, with a key, what only its holders can work out."""
    name = quote(file_id, safe="")
    if not key:
        return name
    seal = hmac.new(key, file_id.encode(), hashlib.sha256).hexdigest()[:_CAPABILITY_DIGITS]
    return f"{name}-{seal}"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A record as the portal takes it, and what was noticed on the way."""

    data: dict[str, Any]
    warnings: tuple[DataWarning, ...]

    @property
    def content(self) -> bytes:
        """The bytes of the `data` array that holds this one thing."""
        return write_json([self.data])


# --- dossiers ---------------------------------------------------------------------------------------------


def mapped_dossier(
    dossier: Dossier, agreed: Agreement, catalogue: Callable[[str], CatalogueEntry | None]
) -> Mapped:
    """A dossier for DongBoHoSoMC; `catalogue` finds a procedure by its national code.

    Raises `InvalidValue`: UNMAPPED_PROCEDURE, UNMAPPED_STATUS, DVCQG_TIME_UNWRITABLE, DVCQG_FIELDS_MISSING,
    each naming all that is wrong besides.
    """
    notes = Notes()
    entry = catalogue(dossier.procedure.national_code) if dossier.procedure.national_code else None
    data = {
        "MaHoSo": str(dossier.public_code),
        "MaTTHC": entry.code if entry else "",
        "TenTTHC": entry.name if entry else "",
        "MaLinhVuc": entry.field_code if entry else "",
        "TenLinhVuc": entry.field_name if entry else "",
        "KenhThucHien": notes.needed("KenhThucHien", agreed.codes.channel.get(dossier.channel or "", "")),
        **_applicant(dossier, agreed.codes, notes),
        "TrichYeuHoSo": _abstract(dossier, entry, notes),
        "NgayNopHoSo": notes.time("NgayNopHoSo", dossier.submitted_at),
        "NgayTiepNhan": _received(dossier, notes),
        "NgayHenTra": _due(dossier, notes),
        "TrangThaiHoSo": str(int(dossier.stage)) if dossier.stage else "",
        "NgayTra": notes.time("NgayTra", dossier.returned_at),
        "ThongTinTra": dossier.return_note,
        "HinhThuc": notes.needed("HinhThuc", agreed.codes.return_method.get(dossier.return_method or "", "")),
        "NgayKetThucXuLy": notes.time("NgayKetThucXuLy", dossier.finished_at),
        "DonViXuLy": notes.needed("DonViXuLy", dossier.agency.name.strip()),
        "GhiChu": dossier.note,
        **_papers(dossier, agreed, notes),
        **_standing(dossier, agreed.codes, notes),
    }
    _refuse_unmapped(dossier, entry, notes)
    return Mapped(data, notes.warnings())


def _refuse_unmapped(dossier: Dossier, entry: CatalogueEntry | None, notes: Notes) -> None:
    """Raise what keeps the dossier here: all of it in one sentence, under the code of the first reason."""
    code = str(dossier.public_code)
    also = [f"thiếu: {notes.missing_vi()}"] if notes.missing else []
    if notes.unwritable and (entry is None or dossier.stage is None):
        also.append(f"có thời gian không thể có thật: {notes.unwritable_vi()}")
    if entry is None:
        if dossier.stage is None:
            also.insert(0, f"trạng thái “{dossier.status_word}” cũng chưa được ghép")
        named = dossier.procedure.name or dossier.procedure.local_code or "?"
        detail = f"dossier {code}: procedure {dossier.procedure.national_code!r} is not in the catalogue"
        raise InvalidValue(UNMAPPED_PROCEDURE, detail, code=code, procedure=named, more=_more(also))
    if dossier.stage is None:
        raise _unmapped_status(code, dossier.status_word, also)
    if notes.unwritable:
        raise _unwritable(code, notes, also)
    if notes.missing:
        detail = f"dossier {code}: missing {', '.join(notes.missing)}"
        raise InvalidValue(FIELDS_MISSING, detail, code=code, missing=notes.missing_vi())


def _unmapped_status(code: str, word: str, also: list[str]) -> InvalidValue:
    detail = f"dossier {code}: status word {word[:60]!r} is not in the status map"
    return InvalidValue(UNMAPPED_STATUS, detail, code=code, status=word or "(trống)", more=_more(also))


def _unwritable(code: str, notes: Notes, also: list[str]) -> InvalidValue:
    """No date is left out or put right: a wrong one falsifies what is counted from it (QĐ 766/QĐ-TTg)."""
    detail = f"dossier {code}: {len(notes.unwritable)} times cannot be written as yyyyMMddHHmmss at +07:00"
    return InvalidValue(TIME_UNWRITABLE, detail, code=code, times=notes.unwritable_vi(), more=_more(also))


def _more(also: list[str]) -> str:
    return f"; ngoài ra hồ sơ {'; '.join(also)}" if also else ""


def _applicant(dossier: Dossier, codes: CodeTable, notes: Notes) -> dict[str, Any]:
    applicant = dossier.applicant
    identities = []
    for identity in applicant.identities:
        kind = codes.identity_kind.get(identity.kind)
        if kind is None:
            notes.warn(IDENTITY_KIND_UNMAPPED, "DinhDanhCHS", identity.kind)
        elif identity.number:
            identities.append({"LoaiDinhDanh": kind, "SoDinhDanh": identity.number})
    if not any(identity.number for identity in applicant.identities):
        notes.warn(IDENTITY_MISSING, "DinhDanhCHS")
    if dossier.channel is Channel.ONLINE and not applicant.technical_id:
        notes.warn(TECH_ID_MISSING, "MaDoiTuong")
    return {
        "ChuHoSo": notes.needed("ChuHoSo", applicant.name.strip()),
        "LoaiDoiTuong": notes.needed("LoaiDoiTuong", codes.applicant_kind.get(applicant.kind or "", "")),
        "MaDoiTuong": applicant.technical_id,
        "DinhDanhCHS": identities,
        "ThongTinKhac": applicant.address,
        "Email": applicant.email,
        "Fax": "",
        "SoDienThoai": applicant.phone,
    }


def _abstract(dossier: Dossier, entry: CatalogueEntry | None, notes: Notes) -> str:
    text = nfc(dossier.abstract).strip()
    if not text:
        notes.warn(ABSTRACT_MISSING, "TrichYeuHoSo")
        text = entry.name if entry else ""
    return notes.cut("TrichYeuHoSo", text, wire.LONGEST_ABSTRACT)


def _received(dossier: Dossier, notes: Notes) -> str:
    once_received = dossier.stage is not None and dossier.stage >= DossierStage.RECEIVED
    tell = notes.needed_time if once_received else notes.time
    return tell("NgayTiepNhan", dossier.received_at)


def _due(dossier: Dossier, notes: Notes) -> str:
    due = dossier.extended_due_at or dossier.due_at
    if due is None:
        notes.warn(DUE_DATE_MISSING, "NgayHenTra")
    return notes.time("NgayHenTra", due)


def _papers(dossier: Dossier, agreed: Agreement, notes: Notes) -> dict[str, Any]:
    others = [
        {
            "TenGiayTo": paper.name,
            **({} if paper.quantity is None else {"SoLuong": paper.quantity}),
            **({} if paper.kind is None else {"LoaiGiayTo": paper.kind}),
        }
        for paper in dossier.other_papers
    ]
    return {
        "TaiLieuNop": _components(dossier.components, "TaiLieuNop", agreed, notes),
        "DanhSachLePhi": _fees(dossier.fees, "DanhSachLePhi", agreed.codes, notes),
        "DanhSachTepDinhKemKhac": others,
        "DanhSachHoSoBoSung": [_supplement(one, agreed, notes) for one in dossier.supplements],
        "DanhSachGiayToKetQua": [_result(result, agreed, notes) for result in dossier.results],
    }


def _components(
    components: Iterable[Component], name: str, agreed: Agreement, notes: Notes
) -> list[dict[str, Any]]:
    return [_component(component, name, agreed, notes) for component in components]


def _component(component: Component, name: str, agreed: Agreement, notes: Notes) -> dict[str, Any]:
    """Flags the shop does not know are left out."""
    if not component.code:
        notes.warn(COMPONENT_CODE_MISSING, f"{name}.MaThanhPhanHoSo")
    reuse = component.reuse
    if reuse is not None and reuse not in _REUSES:
        notes.warn(VALUE_NOT_IN_LIST, f"{name}.DuocTaiSuDung", str(reuse))
    elif reuse is None:
        notes.warn(VALUE_MISSING, f"{name}.DuocTaiSuDung")
    return {
        "TepDinhKemId": component.file_id,
        "TenTepDinhKem": notes.cut(f"{name}.TenTepDinhKem", component.name, wire.LONGEST_FILE_NAME),
        "IsDeleted": "True" if component.deleted else "False",
        "MaThanhPhanHoSo": component.code,
        "DuongDanTaiTepTin": _file_url(
            component.file_id, f"{name}.DuongDanTaiTepTin", agreed, notes, none=COMPONENT_WITHOUT_FILE
        ),
        **_flag("DuocSoHoa", component.digitised, notes, within=name),
        **({"DuocTaiSuDung": str(reuse)} if reuse in _REUSES else {}),
        **_flag("DuocLayTuKhoDMQG", component.from_national_store, notes, within=name),
        "MaKetQuaThayThe": component.replaced_by_result_code,
    }


def _file_url(file_id: str, name: str, agreed: Agreement, notes: Notes, *, none: str) -> str:
    """The file's address; `none` is the warning where there is no file."""
    if not file_id:
        notes.warn(none, name)
    elif not agreed.reachable:
        notes.warn(FILE_URL_NOT_PUBLIC, name)
    return agreed.file_url(file_id)


def _flag(name: str, value: bool | None, notes: Notes, *, within: str = "") -> dict[str, str]:  # noqa: FBT001 - the value itself
    """A yes or no; what is not known is not a no."""
    if value is None:
        notes.warn(VALUE_MISSING, f"{within}.{name}" if within else name)
        return {}
    return {name: "1" if value else "0"}


def _fees(fees: Iterable[Fee], name: str, codes: CodeTable, notes: Notes) -> list[dict[str, Any]]:
    mapped = []
    for fee in fees:
        when = codes.fee_moment.get(fee.collected_when or "", "")
        if not when:
            notes.warn(FEE_MOMENT_MISSING, f"{name}.HinhThucThu")
        mapped.append(
            {
                "TenPhiLePhi": fee.name,
                "MaPhiLePhi": fee.code,
                "HinhThucThu": when,
                "Gia": str(fee.amount_dong),
                "LoaiPhiLePhi": fee.kind,
            }
        )
    return mapped


def _supplement(one: Supplement, agreed: Agreement, notes: Notes) -> dict[str, Any]:
    place = "DanhSachHoSoBoSung"
    within = f" (lần bổ sung {one.seq})"
    return {
        "HoSoBoSungId": one.seq,
        "NguoiYeuCauBoSung": one.requested_by,
        "NoiDungBoSung": one.content,
        "NgayBoSung": notes.time("NgayBoSung", one.requested_at, within_vi=within),
        "NguoiTiepNhanBoSung": one.received_by,
        "ThongTinTiepNhan": one.received_note,
        "NgayTiepNhanBoSung": notes.time("NgayTiepNhanBoSung", one.received_at, within_vi=within),
        "TrangThaiBoSung": one.done,
        "DanhSachGiayToBoSung": _components(one.papers, f"{place}.DanhSachGiayToBoSung", agreed, notes),
        "DanhSachLePhiBoSung": _fees(one.fees, f"{place}.DanhSachLePhiBoSung", agreed.codes, notes),
        "NgayHenTraTruoc": notes.time("NgayHenTraTruoc", one.old_due_at, within_vi=within),
        "NgayHenTraMoi": notes.time("NgayHenTraMoi", one.new_due_at, within_vi=within),
    }


def _result(result: ResultPaper, agreed: Agreement, notes: Notes) -> dict[str, Any]:
    place = "DanhSachGiayToKetQua"
    if not result.code:
        notes.warn(RESULT_CODE_MISSING, f"{place}.MaGiayToKetQua")
    return {
        "TenGiayTo": notes.cut(f"{place}.TenGiayTo", result.name, wire.LONGEST_RESULT_NAME),
        "MaThanhPhanHoSo": result.component_code,
        "GiayToId": result.file_id,
        "DuongDanTepTinKetQua": _file_url(
            result.file_id, f"{place}.DuongDanTepTinKetQua", agreed, notes, none=RESULT_WITHOUT_FILE
        ),
        "MaGiayToKetQua": result.code,
    }


def _standing(dossier: Dossier, codes: CodeTable, notes: Notes) -> dict[str, Any]:
    """Where it was filed, what is digitised, how it was paid."""
    filed_at = codes.filed_at["portal" if dossier.national_code else "elsewhere"]
    return {
        "NoiNopHoSo": filed_at,
        **_flag("HoSoCoThanhPhanSoHoa", _any_digitised(dossier.components), notes),
        **_flag("TaiKhoanDuocXacThucVoiVNeID", dossier.applicant.verified_by_vneid, notes),
        "DuocThanhToanTrucTuyen": notes.needed(
            "DuocThanhToanTrucTuyen", codes.online_payment.get(dossier.online_payment or "", "")
        ),
        "NgayTuChoi": notes.time("NgayTuChoi", dossier.refused_at),
        "DSKetNoiCSDL": _databases(dossier.databases_used, codes, notes),
    }


def _databases(used: Iterable[str], codes: CodeTable, notes: Notes) -> list[dict[str, str]]:
    """The databases that were asked, as far as the portal has a code for them."""
    known = []
    for word in used:
        if code := codes.database.get(word.strip()):
            known.append({"MaCSDL": code})
        else:
            notes.warn(VALUE_NOT_IN_LIST, "DSKetNoiCSDL.MaCSDL", word)
    return known


def _any_digitised(components: Iterable[Component]) -> bool | None:
    """Yes if one is, a deleted one among them; no if all are known not to be, else not known."""
    told = [component.digitised for component in components]
    if any(told):
        return True
    return False if told and None not in told else None


# --- progress ---------------------------------------------------------------------------------------------


def mapped_progress(entry: ProgressEntry) -> Mapped:
    """A progress entry for CapNhatTienDoHoSoMC.

    Raises `InvalidValue`: UNMAPPED_STATUS, DVCQG_TIME_UNWRITABLE, DVCQG_PROGRESS_INCOMPLETE.
    """
    notes = Notes()
    said = " - ".join(part for part in (entry.action.strip(), entry.note.strip()) if part)
    data = {
        "MaHoSo": str(entry.dossier_code),
        "NguoiXuLy": notes.cut(
            "NguoiXuLy", notes.needed("NguoiXuLy", entry.actor_name.strip()), wire.LONGEST_ACTOR
        ),
        "ChucDanh": entry.actor_position,
        "ThoiDiemXuLy": notes.time("ThoiDiemXuLy", entry.at),
        "PhongBanXuLy": entry.actor_unit,
        "NoiDungXuLy": notes.needed("NoiDungXuLy", said),
        "TrangThai": str(int(entry.stage)) if entry.stage else "",
        "NgayBatDau": notes.time("NgayBatDau", entry.step_started_at),
        "NgayKetThucTheoQuyDinh": notes.time("NgayKetThucTheoQuyDinh", entry.step_due_at),
    }
    _refuse_unfinished(entry, notes)
    return Mapped(data, notes.warnings())


def _refuse_unfinished(entry: ProgressEntry, notes: Notes) -> None:
    """Raise what keeps the entry here, all of it in one sentence."""
    code = str(entry.dossier_code)
    also = [f"thiếu: {notes.missing_vi()}"] if notes.missing else []
    if notes.unwritable:
        notes.unwritable[:] = [f"{name} (bước xử lý số {entry.seq})" for name in notes.unwritable]
    if entry.stage is None:
        if notes.unwritable:
            also.append(f"có thời gian không thể có thật: {notes.unwritable_vi()}")
        raise _unmapped_status(code, entry.status_word, also)
    if notes.unwritable:
        raise _unwritable(code, notes, also)
    if notes.missing:
        detail = f"progress {entry.seq} of {code}: missing {', '.join(notes.missing)}"
        facts = {"code": code, "seq": entry.seq, "missing": notes.missing_vi()}
        raise InvalidValue(PROGRESS_INCOMPLETE, detail, **facts)


def trace_key(code: str, at: str, stage: str, said: str) -> str:
    """What a progress entry is recognised by, as a digest: it has no key of its own at the portal."""
    told = "\n".join((code, at, stage, nfc(said).strip()))
    return hashlib.sha256(told.encode()).hexdigest()


def key_of(data: Mapping[str, Any]) -> str:
    """The `trace_key` of an entry as we send it."""
    return trace_key(data["MaHoSo"], data["ThoiDiemXuLy"], data["TrangThai"], data["NoiDungXuLy"])


def keys_there(row: wire.HoSoDaDongBo, code: str) -> list[str]:
    """The `trace_key` of every entry the portal tells of a dossier."""
    return [trace_key(code, entry.thoi_diem, entry.trang_thai, entry.noi_dung) for entry in row.tien_do or ()]


def entry_of(procedure: wire.ThuTuc) -> CatalogueEntry | None:
    """A catalogue entry from the portal's own words; None where they do not name code, name and field."""
    fields_named = [one for one in procedure.linh_vuc if one.ma and one.ten]
    if not (procedure.ma and procedure.ten and fields_named):
        return None
    first = fields_named[0]
    try:
        return CatalogueEntry(
            code=procedure.ma, name=procedure.ten, field_code=first.ma, field_name=first.ten
        )
    except ValueError:
        return None
