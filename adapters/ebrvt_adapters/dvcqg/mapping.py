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
import unicodedata
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ebrvt_schemas import open_schema
from pydantic import Field, field_validator

from ebrvt_adapters.dvcqg import wire
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
    "Bổ sung bước xử lý trong phần mềm một cửa, hoặc bỏ qua bước này nếu không cần báo lên Cổng.",
)
UNMAPPED_PROCEDURE = explain(
    "UNMAPPED_PROCEDURE",
    "Hồ sơ {code}: thủ tục “{procedure}” chưa gắn với mã nào trong danh mục thủ tục quốc gia{more}.",
    "Khai báo mã thủ tục quốc gia trong phần mềm một cửa, hoặc bổ sung mã đó vào danh mục thủ tục của chương "
    "trình (procedures_file), rồi cho gửi lại.",
)
UNMAPPED_STATUS = explain(
    "UNMAPPED_STATUS",
    "Hồ sơ {code}: trạng thái “{status}” của phần mềm một cửa chưa được ghép với trạng thái nào của Cổng "
    "Dịch vụ công quốc gia{more}.",
    "Bổ sung trạng thái này vào bảng ghép trạng thái của hệ thống một cửa, hoặc sửa trạng thái của hồ sơ; "
    "chương trình không tự đoán.",
)

CUT = "TEXT_CUT"
FILE_URL_NOT_PUBLIC = "FILE_URL_NOT_PUBLIC"
VALUE_MISSING = "VALUE_MISSING"
VALUE_NOT_IN_LIST = "VALUE_NOT_IN_LIST"
ABSTRACT_MISSING = "ABSTRACT_MISSING"
IDENTITY_MISSING = "IDENTITY_MISSING"
IDENTITY_KIND_UNMAPPED = "IDENTITY_KIND_UNMAPPED"
TECH_ID_MISSING = "TECH_ID_MISSING"
DUE_DATE_MISSING = "DUE_DATE_MISSING"
COMPONENT_CODE_MISSING = "COMPONENT_CODE_MISSING"
COMPONENT_WITHOUT_FILE = "COMPONENT_WITHOUT_FILE"
RESULT_CODE_MISSING = "RESULT_CODE_MISSING"
FEE_MOMENT_MISSING = "FEE_MOMENT_MISSING"

WARNINGS_VI: Mapping[str, str] = {
    CUT: "Nội dung dài hơn mức Cổng nhận nên đã được rút gọn.",
    FILE_URL_NOT_PUBLIC: "Tệp chưa có địa chỉ mà Cổng tải được; khai báo public_base.",
    VALUE_MISSING: "Phần mềm một cửa không cho biết; để trống, không tự điền “không”.",
    VALUE_NOT_IN_LIST: "Giá trị không có trong danh mục của Cổng nên không gửi.",
    ABSTRACT_MISSING: "Hồ sơ không có trích yếu; dùng tên thủ tục.",
    IDENTITY_MISSING: "Không có giấy tờ định danh của chủ hồ sơ.",
    IDENTITY_KIND_UNMAPPED: "Loại giấy tờ định danh chưa được ghép với danh mục của Cổng nên không gửi.",
    TECH_ID_MISSING: "Hồ sơ trực tuyến nhưng không có mã tài khoản trên Cổng (TechID).",
    DUE_DATE_MISSING: "Không có ngày hẹn trả: Cổng không tính được hồ sơ đúng hạn hay quá hạn.",
    COMPONENT_CODE_MISSING: "Giấy tờ chưa gắn với mã thành phần hồ sơ quốc gia.",
    COMPONENT_WITHOUT_FILE: "Giấy tờ chưa có tệp.",
    RESULT_CODE_MISSING: "Kết quả chưa gắn với mã giấy tờ kết quả quốc gia.",
    FEE_MOMENT_MISSING: "Không biết phí, lệ phí được thu khi nào.",
}
"""What each warning says to a clerk, by its code."""

_ELLIPSIS = "…"
_CAPABILITY_DIGITS = 32
_REUSES = frozenset({0, 1, 2})


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


@cache
def field_names_vi() -> Mapping[str, str]:
    """The portal's fields as a clerk knows them."""
    names: dict[str, str] = tomllib.loads(open_schema("dvcqg/required-fields.toml").decode())["names_vi"]
    return names


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a deployment has agreed: codes, and where the portal fetches files."""

    codes: CodeTable
    public_base: str = ""
    key: bytes = field(default=b"", repr=False)

    @property
    def reachable(self) -> bool:
        """Whether the portal can be expected to reach the files: a name or an address of the open net."""
        host = urlsplit(self.public_base).hostname
        if host is None or host == "localhost":
            return False
        try:
            return ipaddress.ip_address(host).is_global
        except ValueError:
            return True

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


@dataclass(slots=True)
class _Notes:
    """What is noticed while a record is mapped; the same thing at several places is told once, counted."""

    missing: list[str] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    got: dict[tuple[str, str], str] = field(default_factory=dict)

    def warn(self, code: str, name: str, got: str = "") -> None:
        place = (code, name)
        self.counts[place] = self.counts.get(place, 0) + 1
        if got:
            self.got.setdefault(place, got[:80])

    def needed(self, name: str, value: str) -> str:
        if not value:
            self.missing.append(name)
        return value

    def cut(self, name: str, text: str, longest: int) -> str:
        if len(text) > longest:
            self.warn(CUT, name, str(len(text)))
        return shortened(text, longest)

    def missing_vi(self) -> str:
        names = field_names_vi()
        return ", ".join(dict.fromkeys(names.get(name, name) for name in self.missing))

    def warnings(self) -> tuple[DataWarning, ...]:
        return tuple(
            DataWarning(
                code=code,
                field=name,
                got=self.got.get((code, name), "") or (f"{count} lần" if count > 1 else ""),
                message_vi=WARNINGS_VI[code],
            )
            for (code, name), count in self.counts.items()
        )


def shortened(text: str, longest: int) -> str:
    """The text in at most so many characters, ended by an ellipsis; no mark is parted from its letter."""
    if len(text) <= longest:
        return text
    end = longest - 1
    while end and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + _ELLIPSIS


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

    Raises `InvalidValue`: UNMAPPED_PROCEDURE, UNMAPPED_STATUS, DVCQG_FIELDS_MISSING, each naming all
    fields that are missing besides.
    """
    notes = _Notes()
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
        "NgayNopHoSo": wire.written_time(dossier.submitted_at),
        "NgayTiepNhan": _received(dossier, notes),
        "NgayHenTra": _due(dossier, notes),
        "TrangThaiHoSo": str(int(dossier.stage)) if dossier.stage else "",
        "NgayTra": wire.written_time(dossier.returned_at),
        "ThongTinTra": dossier.return_note,
        "HinhThuc": notes.needed("HinhThuc", agreed.codes.return_method.get(dossier.return_method or "", "")),
        "NgayKetThucXuLy": wire.written_time(dossier.finished_at),
        "DonViXuLy": notes.needed("DonViXuLy", dossier.agency.name.strip()),
        "GhiChu": dossier.note,
        **_papers(dossier, agreed, notes),
        **_standing(dossier, agreed.codes, notes),
    }
    _refuse_unmapped(dossier, entry, notes)
    return Mapped(data, notes.warnings())


def _refuse_unmapped(dossier: Dossier, entry: CatalogueEntry | None, notes: _Notes) -> None:
    """Raise what keeps the dossier here: all of it in one sentence, under the code of the first reason."""
    code = str(dossier.public_code)
    also = [f"thiếu: {notes.missing_vi()}"] if notes.missing else []
    if entry is None:
        if dossier.stage is None:
            also.insert(0, f"trạng thái “{dossier.status_word}” cũng chưa được ghép")
        named = dossier.procedure.name or dossier.procedure.local_code or "?"
        detail = f"dossier {code}: procedure {dossier.procedure.national_code!r} is not in the catalogue"
        raise InvalidValue(UNMAPPED_PROCEDURE, detail, code=code, procedure=named, more=_more(also))
    if dossier.stage is None:
        raise _unmapped_status(code, dossier.status_word, also)
    if notes.missing:
        detail = f"dossier {code}: missing {', '.join(notes.missing)}"
        raise InvalidValue(FIELDS_MISSING, detail, code=code, missing=notes.missing_vi())


def _unmapped_status(code: str, word: str, also: list[str]) -> InvalidValue:
    detail = f"dossier {code}: status word {word[:60]!r} is not in the status map"
    return InvalidValue(UNMAPPED_STATUS, detail, code=code, status=word or "(trống)", more=_more(also))


def _more(also: list[str]) -> str:
    return f"; ngoài ra hồ sơ {'; '.join(also)}" if also else ""


def _applicant(dossier: Dossier, codes: CodeTable, notes: _Notes) -> dict[str, Any]:
    applicant = dossier.applicant
    identities = []
    for identity in applicant.identities:
        kind = codes.identity_kind.get(identity.kind)
        if kind is None:
            notes.warn(IDENTITY_KIND_UNMAPPED, "DinhDanhCHS", identity.kind)
        elif identity.number:
            identities.append({"LoaiDinhDanh": kind, "SoDinhDanh": identity.number})
    if not identities:
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


def _abstract(dossier: Dossier, entry: CatalogueEntry | None, notes: _Notes) -> str:
    text = nfc(dossier.abstract).strip()
    if not text:
        notes.warn(ABSTRACT_MISSING, "TrichYeuHoSo")
        text = entry.name if entry else ""
    return notes.cut("TrichYeuHoSo", text, wire.LONGEST_ABSTRACT)


def _received(dossier: Dossier, notes: _Notes) -> str:
    told = wire.written_time(dossier.received_at)
    once_received = dossier.stage is not None and dossier.stage >= DossierStage.RECEIVED
    return notes.needed("NgayTiepNhan", told) if once_received else told


def _due(dossier: Dossier, notes: _Notes) -> str:
    due = dossier.extended_due_at or dossier.due_at
    if due is None:
        notes.warn(DUE_DATE_MISSING, "NgayHenTra")
    return wire.written_time(due)


def _papers(dossier: Dossier, agreed: Agreement, notes: _Notes) -> dict[str, Any]:
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
    components: Iterable[Component], name: str, agreed: Agreement, notes: _Notes
) -> list[dict[str, Any]]:
    return [_component(component, name, agreed, notes) for component in components]


def _component(component: Component, name: str, agreed: Agreement, notes: _Notes) -> dict[str, Any]:
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
        "DuongDanTaiTepTin": _file_url(component.file_id, f"{name}.DuongDanTaiTepTin", agreed, notes),
        **_flag("DuocSoHoa", component.digitised, notes, within=name),
        **({"DuocTaiSuDung": str(reuse)} if reuse in _REUSES else {}),
        **_flag("DuocLayTuKhoDMQG", component.from_national_store, notes, within=name),
        "MaKetQuaThayThe": component.replaced_by_result_code,
    }


def _file_url(file_id: str, name: str, agreed: Agreement, notes: _Notes) -> str:
    if not file_id:
        notes.warn(COMPONENT_WITHOUT_FILE, name)
    elif not agreed.reachable:
        notes.warn(FILE_URL_NOT_PUBLIC, name)
    return agreed.file_url(file_id)


def _flag(name: str, value: bool | None, notes: _Notes, *, within: str = "") -> dict[str, str]:  # noqa: FBT001 - the value itself
    """A yes or no; what is not known is not a no."""
    if value is None:
        notes.warn(VALUE_MISSING, f"{within}.{name}" if within else name)
        return {}
    return {name: "1" if value else "0"}


def _fees(fees: Iterable[Fee], name: str, codes: CodeTable, notes: _Notes) -> list[dict[str, Any]]:
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


def _supplement(one: Supplement, agreed: Agreement, notes: _Notes) -> dict[str, Any]:
    place = "DanhSachHoSoBoSung"
    return {
        "HoSoBoSungId": one.seq,
        "NguoiYeuCauBoSung": one.requested_by,
        "NoiDungBoSung": one.content,
        "NgayBoSung": wire.written_time(one.requested_at),
        "NguoiTiepNhanBoSung": one.received_by,
        "ThongTinTiepNhan": one.received_note,
        "NgayTiepNhanBoSung": wire.written_time(one.received_at),
        "TrangThaiBoSung": one.done,
        "DanhSachGiayToBoSung": _components(one.papers, f"{place}.DanhSachGiayToBoSung", agreed, notes),
        "DanhSachLePhiBoSung": _fees(one.fees, f"{place}.DanhSachLePhiBoSung", agreed.codes, notes),
        "NgayHenTraTruoc": wire.written_time(one.old_due_at),
        "NgayHenTraMoi": wire.written_time(one.new_due_at),
    }


def _result(result: ResultPaper, agreed: Agreement, notes: _Notes) -> dict[str, Any]:
    place = "DanhSachGiayToKetQua"
    if not result.code:
        notes.warn(RESULT_CODE_MISSING, f"{place}.MaGiayToKetQua")
    return {
        "TenGiayTo": notes.cut(f"{place}.TenGiayTo", result.name, wire.LONGEST_RESULT_NAME),
        "MaThanhPhanHoSo": result.component_code,
        "GiayToId": result.file_id,
        "DuongDanTepTinKetQua": _file_url(result.file_id, f"{place}.DuongDanTepTinKetQua", agreed, notes),
        "MaGiayToKetQua": result.code,
    }


def _standing(dossier: Dossier, codes: CodeTable, notes: _Notes) -> dict[str, Any]:
    """Where it was filed, what is digitised, how it was paid."""
    filed_at = codes.filed_at["portal" if dossier.national_code else "elsewhere"]
    return {
        "NoiNopHoSo": filed_at,
        **_flag("HoSoCoThanhPhanSoHoa", _any_digitised(dossier.components), notes),
        **_flag("TaiKhoanDuocXacThucVoiVNeID", dossier.applicant.verified_by_vneid, notes),
        "DuocThanhToanTrucTuyen": notes.needed(
            "DuocThanhToanTrucTuyen", codes.online_payment.get(dossier.online_payment or "", "")
        ),
        "NgayTuChoi": wire.written_time(dossier.refused_at),
        "DSKetNoiCSDL": [{"MaCSDL": code} for code in dossier.databases_used],
    }


def _any_digitised(components: Iterable[Component]) -> bool | None:
    """Yes if one is, no if all are known not to be, else not known; deleted papers do not count."""
    told = [component.digitised for component in components if not component.deleted]
    if any(told):
        return True
    return False if told and None not in told else None


# --- progress ---------------------------------------------------------------------------------------------


def mapped_progress(entry: ProgressEntry) -> Mapped:
    """A progress entry for CapNhatTienDoHoSoMC; raises `InvalidValue` for an unmapped or unfinished one."""
    notes = _Notes()
    said = " - ".join(part for part in (entry.action.strip(), entry.note.strip()) if part)
    data = {
        "MaHoSo": str(entry.dossier_code),
        "NguoiXuLy": notes.cut(
            "NguoiXuLy", notes.needed("NguoiXuLy", entry.actor_name.strip()), wire.LONGEST_ACTOR
        ),
        "ChucDanh": entry.actor_position,
        "ThoiDiemXuLy": wire.written_time(entry.at),
        "PhongBanXuLy": entry.actor_unit,
        "NoiDungXuLy": notes.needed("NoiDungXuLy", said),
        "TrangThai": str(int(entry.stage)) if entry.stage else "",
        "NgayBatDau": wire.written_time(entry.step_started_at),
        "NgayKetThucTheoQuyDinh": wire.written_time(entry.step_due_at),
    }
    code = str(entry.dossier_code)
    if entry.stage is None:
        also = [f"thiếu: {notes.missing_vi()}"] if notes.missing else []
        raise _unmapped_status(code, entry.status_word, also)
    if notes.missing:
        detail = f"progress {entry.seq} of {code}: missing {', '.join(notes.missing)}"
        facts = {"code": code, "seq": entry.seq, "missing": notes.missing_vi()}
        raise InvalidValue(PROGRESS_INCOMPLETE, detail, **facts)
    return Mapped(data, notes.warnings())


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
