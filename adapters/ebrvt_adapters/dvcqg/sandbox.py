"""The simulated portal (Cổng Dịch vụ công quốc gia mô phỏng), direct dialect: login, look-ups, writes.

It refuses what the real portal is known to refuse or must be expected to: sessions that are over, units of
others, an insert of what is there and an update of what is not, missing fields, codes outside their lists,
times in another form, procedures it does not know. Every refusal comes with HTTP status 200. Faults of its
own (`SimRequest.fault`) are the constants below. `sandbox_portal` is its inside, `sandbox_checks` its rules.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import TypeAdapter

from ebrvt_adapters.dvcqg import mapping, wire
from ebrvt_adapters.dvcqg.client import LOGIN
from ebrvt_adapters.dvcqg.sandbox_checks import Refused, checked_dossier, checked_entry
from ebrvt_adapters.dvcqg.sandbox_portal import DvcqgAccount, PortalInside
from ebrvt_connect.codec.jsonwire import JsonLimits, json_value, write_json
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.ports.simulator import SimReply, SimRequest, Simulator, SimulatorSeat

EXPIRE_SESSIONS = "expire-sessions"
"""Every session ends before this call; the call is refused for it and nothing is done."""
TROUBLE = "trouble"
"""Error code -1 and "Lỗi hệ thống"; nothing is done."""
HTML_200 = "html-200"
"""The request is carried out, the answer is a web page with status 200."""
EMPTY_BODY = "empty-body"
"""The request is carried out, the answer has status 200 and no body."""
NO_ERROR_CODE = "no-error-code"
"""The request is carried out, the answer lacks `error_code`."""
CODE_0_UNCLEAR = "code-0-unclear"
"""The request is carried out, the answer has code 0 and no word of success."""
TRUNCATED_JSON = "truncated-json"
"""The request is carried out, the answer ends in the middle."""
CODE_1_SUCCESS = "code-1-success"
"""The request is carried out, the answer contradicts itself: code 1 and "Cập nhật thành công"."""
SESSION_CLOSED = "session-closed"
"""The request is carried out, the answer has code -1 and a database's word: "Session is closed!"."""
GATEWAY_504 = "gateway-504"
"""The request is carried out; a gateway that got tired answers in JSON, with status and code 504."""
CODE_0_NOT_DONE = "code-0-not-done"
"""Nothing is done, the answer has code 0 and "Chưa đồng bộ thành công"."""
GATEWAY_429 = "gateway-429"
"""Nothing is done; a gateway answers in JSON, with status and code 429."""
GATEWAY_503 = "gateway-503"
"""Nothing is done; a gateway answers in JSON, with status and code 503."""
LOOK_UP_BEHIND = "look-up-behind"
"""TraCuuHoSo answers as if the dossier were not there."""
PROGRESS_BEHIND = "progress-behind"
"""TraCuuHoSo tells the dossier without its progress entries."""

SPOILING = (
    *(HTML_200, EMPTY_BODY, NO_ERROR_CODE, CODE_0_UNCLEAR, TRUNCATED_JSON),
    *(CODE_1_SUCCESS, SESSION_CLOSED, GATEWAY_504),
)
"""The faults after which the work was done."""
IDLE = (TROUBLE, CODE_0_NOT_DONE, GATEWAY_429, GATEWAY_503)
"""The faults at which nothing is done."""
BEHIND = (LOOK_UP_BEHIND, PROGRESS_BEHIND)
"""The faults at which a look-up does not tell what is there."""

_ACCOUNTS = TypeAdapter(tuple[DvcqgAccount, ...])
_ENTRIES = TypeAdapter(tuple[mapping.CatalogueEntry, ...])
_LIMITS = JsonLimits(body_bytes=16 * 1024 * 1024)
_PATHS = {
    "/VXPAdapter/RestService/forward/mapi/login": LOGIN,
    "/VXPAdapter/RestService/forward/mapi/g": "share",
    "/VXPAdapter/RestService/forward/mapi": "integration",
}
_SHARED = frozenset(
    {
        wire.Service.LAY_DANH_MUC_LINH_VUC,
        wire.Service.LAY_DANH_SACH_TTHC,
        wire.Service.TRA_CUU_TECH_ID,
    }
)
_MOST_ENTRIES = 10
_PAGE = b"<!DOCTYPE html><html><body>He thong dang bao tri</body></html>"
_ZEROS: tuple[int | str, ...] = (0, "0", "00")
_EXISTS: tuple[int | str, ...] = (0, "0", 3, "3", -3, "-3")
_EVENTS = {
    "session": "session-refused",
    "login": "login-refused",
    "exists": "exists-refused",
    "missing": "missing-refused",
}
"""What the journal calls a refusal for a reason of its own."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A business request whose session is good."""

    body: Mapping[str, Any]
    now: datetime

    def text(self, name: str) -> str:
        """A key of the request that must be a text; raises `Refused`."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise Refused("required", f"Tham số {name} bắt buộc nhập")
        return value

    def rows(self, most: int) -> list[Any]:
        """`data`, a list of some things but not too many; raises `Refused`."""
        data = self.body.get("data")
        if not isinstance(data, list) or not data:
            raise Refused("not-a-list", "Dữ liệu data không đúng định dạng danh sách")
        if len(data) > most:
            raise Refused("batch", f"Số lượng bản ghi vượt quá {most}")
        return data


class DvcqgSimulator(Simulator):
    """The simulated portal."""

    name: ClassVar[str] = "dvcqg"
    synthetic: ClassVar[tuple[str, ...]] = (
        "the words of every refusal, and -1 for those without a code of their own",
        "which fields are refused when missing; codes outside the lists and unknown procedures are",
        "procedure and field names must be the catalogue's",
        "TraCuuHoSo tells status, times, the digest of the data and the progress entries",
        "LayThuTuc, LayDanhSachTTHC and LayDanhMucLinhVuc hold only what dossiers need",
        "a session lasts from its login; several of one account hold side by side",
        "at most 10 progress entries a call; a batch is taken whole or not at all",
        "a wrong dstcode is refused by the portal itself",
    )

    def __init__(self, seat: SimulatorSeat) -> None:
        """Take up the world where it was left."""
        accounts = _ACCOUNTS.validate_python(seat.config.get("accounts", [seat.config]))
        self.accounts = {account.username: account for account in accounts}
        first = accounts[0]
        self.dstcode = first.dstcode
        self.max_batch = first.max_batch
        self.tells_progress = first.tells_progress
        self.mixed_codes = seat.seed != 0 if first.mixed_codes is None else first.mixed_codes
        """Whether error codes come in all their forms."""
        self.world = seat.world
        self.inside = PortalInside(seat.world, session_seconds=first.session_seconds)
        self._dice = random.Random(seat.seed)  # noqa: S311 - variety, no secret
        self._read: tuple[str, Mapping[str, Any] | None] = ("", None)
        for entry in first.procedures:
            self.inside.put_procedure(entry)
        self._services: dict[str, Callable[[_Asked], dict[str, Any]]] = {
            wire.Service.DONG_BO_HO_SO_MC: self._synchronise,
            wire.Service.CAP_NHAT_TIEN_DO_HO_SO_MC: self._append,
            wire.Service.TRA_CUU_HO_SO: self._look_up,
            wire.Service.LAY_THU_TUC: self._procedure,
            wire.Service.LAY_DANH_MUC_LINH_VUC: self._fields,
            wire.Service.LAY_DANH_SACH_TTHC: self._all_procedures,
            wire.Service.LAY_DANH_SACH_TTHC_DON_VI: self._procedures_of,
            wire.Service.TRA_CUU_TECH_ID: self._technical_ids,
        }

    @classmethod
    def open(cls, seat: SimulatorSeat) -> Self:
        """Take up the world where it was left; raises `ValueError` for a configuration it cannot read."""
        return cls(seat)

    # --- the port -----------------------------------------------------------------------------------------

    def operation(self, request: SimRequest) -> str:
        """`login`, or the service the body names."""
        place = _PATHS.get(request.path.rstrip("/"))
        if place in {LOGIN, None}:
            return place or "unknown"
        service = (self._body(request) or {}).get("service")
        return service if isinstance(service, str) and service in self._services else "unknown"

    def answer(self, request: SimRequest, now: datetime) -> SimReply:
        """Answer one request; a refused one leaves nothing behind but its line in the journal."""
        place = _PATHS.get(request.path.rstrip("/"))
        if place is None or request.method != "POST":
            return SimReply(404, headers=(("content-type", "text/plain"),))
        if request.fault == EXPIRE_SESSIONS:
            self.inside.expire_sessions()
        if (instead := _INSTEAD.get(request.fault)) is not None:
            return instead
        try:
            with self.world.transaction():
                told = self._login(request, now) if place == LOGIN else self._business(request, place, now)
        except Refused as refusal:
            told = self._refusal(refusal, self.operation(request))
        if request.fault in BEHIND and "result" in told:
            told["result"] = _behind(told["result"], request.fault)
        return _spoilt(SimReply(body=write_json(told)), told, request.fault)

    def credentials(self) -> dict[str, Any]:
        """The first account; every one under `accounts`."""
        wanted = {"username", "password", "units", "dstcode"}
        accounts = [one.model_dump(mode="json", include=wanted) for one in self.accounts.values()]
        return {**accounts[0], "accounts": accounts}

    def state(self) -> dict[str, Any]:
        """How many dossiers and entries there are, and what was refused."""
        return {
            "dossiers": sum(1 for _ in self.world.rows("dossier")),
            "sessions": sum(1 for _ in self.world.rows("session")),
            **self.inside.counts(),
        }

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Enter procedures and accounts of citizens; the same again changes nothing.

        `{"procedures": [{"code", "name", "field_code", "field_name"}], "tech_ids": {number: TechID}}`.
        Raises `ValueError` for an entry that cannot be read.
        """
        entries = _ENTRIES.validate_python(data.get("procedures", ()))
        for entry in entries:
            self.inside.put_procedure(entry)
        for number, technical_id in data.get("tech_ids", {}).items():
            self.world.put("tech-id", number, {"technical_id": technical_id})
        return {"procedures": len(entries), "tech_ids": len(data.get("tech_ids", {}))}

    # --- requests -----------------------------------------------------------------------------------------

    def _body(self, request: SimRequest) -> Mapping[str, Any] | None:
        """The request's JSON object, read once; None where it is none."""
        if self._read[0] != request.body.sha256:
            with self.world.open(request.body.sha256) as stream:
                content = read_bounded(stream, _LIMITS.body_bytes)
            try:
                value = json_value(content, _LIMITS)
            except InvalidValue:
                value = None
            self._read = (request.body.sha256, value if isinstance(value, dict) else None)
        return self._read[1]

    def _login(self, request: SimRequest, now: datetime) -> dict[str, Any]:
        body = self._routed(request)
        account = self.accounts.get(str(body.get("username")))
        if account is None or account.password != body.get("password"):
            raise Refused("login", "Tài khoản hoặc mật khẩu không đúng")
        return {
            "error_code": self._zero(),
            "message": "",
            "session": self.inside.open_session(account.username, now),
        }

    def _routed(self, request: SimRequest) -> Mapping[str, Any]:
        """The body of a request that came by the right route; raises `Refused`."""
        if request.header("dstcode") != self.dstcode:
            raise Refused("dstcode", "Mã dstcode không hợp lệ")
        body = self._body(request)
        if body is None:
            raise Refused("not-json", "Dữ liệu không đúng định dạng JSON")
        return body

    def _business(self, request: SimRequest, place: str, now: datetime) -> dict[str, Any]:
        body = self._routed(request)
        account = self.accounts[self.inside.username_of(body.get("session"), now)]
        if body.get("madonvi") not in account.units:
            raise Refused("unit", "Mã đơn vị (madonvi) không hợp lệ")
        service = str(body.get("service"))
        method = self._services.get(service)
        if method is None or (service in _SHARED) is not (place == "share"):
            raise Refused("service", f"Dịch vụ {service[:60]} không được hỗ trợ tại địa chỉ này")
        return method(_Asked(body, now))

    def _refusal(self, refusal: Refused, operation: str) -> dict[str, Any]:
        self.inside.count("refused")
        event = _EVENTS.get(refusal.reason, "refused")
        self.world.journal(event, operation=operation, reason=refusal.reason, code=refusal.code)
        code: int | str = -1
        if refusal.reason == "exists":
            code = self._dice.choice(_EXISTS) if self.mixed_codes else "3"
        return {"error_code": code, "message": refusal.said}

    def _zero(self) -> int | str:
        return self._dice.choice(_ZEROS) if self.mixed_codes else "0"

    def _done(self, said: str) -> dict[str, Any]:
        return {"error_code": self._zero(), "message": said}

    def _found(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {"error_code": self._zero(), "message": "", "result": rows}

    # --- writes -------------------------------------------------------------------------------------------

    def _synchronise(self, asked: _Asked) -> dict[str, Any]:
        updating = asked.body.get("isUpdating", "False")
        if updating not in {"True", "False"}:
            raise Refused("is-updating", "Tham số isUpdating không hợp lệ")
        for row in asked.rows(self.max_batch):
            code = row.get("MaTTHC") if isinstance(row, dict) else None
            known = self.inside.procedure(code) if isinstance(code, str) else None
            dossier = checked_dossier(row, {str(code): known} if known else {})
            if updating == "True":
                self.inside.update(dossier, asked.now)
            else:
                self.inside.insert(dossier, str(asked.body["madonvi"]), asked.now)
        return self._done("Đồng bộ hồ sơ thành công" if updating == "False" else "Cập nhật thành công")

    def _append(self, asked: _Asked) -> dict[str, Any]:
        for row in asked.rows(_MOST_ENTRIES):
            self.inside.append(checked_entry(row))
        return self._done("Cập nhật thành công")

    # --- look-ups -----------------------------------------------------------------------------------------

    def _look_up(self, asked: _Asked) -> dict[str, Any]:
        kept = self.inside.dossier(asked.text("mahoso"))
        if kept is None:
            return self._found([])
        row = {"MAHOSO": kept["data"]["MaHoSo"]}
        if self.tells_progress:
            row |= {
                "TRANGTHAIHOSO": kept["data"]["TrangThaiHoSo"],
                "NGAYTIEPNHAN": kept["data"].get("NgayTiepNhan", ""),
                "NGAYHENTRA": kept["data"].get("NgayHenTra", ""),
                "NGAYTRA": kept["data"].get("NgayTra", ""),
                "MABAMDULIEU": kept["sha256"],
                "TIENDO": [{name.upper(): value for name, value in one.items()} for one in kept["entries"]],
            }
        return self._found([row])

    def _procedure(self, asked: _Asked) -> dict[str, Any]:
        entry = self.inside.procedure(asked.text("maTTHC"))
        if entry is None:
            return self._found([])
        fields = [{"MALINHVUC": entry["field_code"], "TENLINHVUC": entry["field_name"]}]
        row = {**_named(entry), "TRANGTHAI": "1", "LINHVUCTHUCHIEN": fields, "THANHPHANHOSO": []}
        return self._found([row])

    def _fields(self, asked: _Asked) -> dict[str, Any]:
        del asked
        fields = {entry["field_code"]: entry["field_name"] for entry in self.inside.procedures().values()}
        return self._found(
            [
                {"MALINHVUC": code, "TENLINHVUC": name, "MANGANH": code.partition("-")[0]}
                for code, name in fields.items()
            ]
        )

    def _all_procedures(self, asked: _Asked) -> dict[str, Any]:
        del asked
        return self._found([_named(entry) for entry in self.inside.procedures().values()])

    def _procedures_of(self, asked: _Asked) -> dict[str, Any]:
        suffix = "." + asked.text("maDonVi")
        rows = [_named(e) for e in self.inside.procedures().values() if e["code"].endswith(suffix)]
        return self._found(rows)

    def _technical_ids(self, asked: _Asked) -> dict[str, Any]:
        row = self.world.get("tech-id", asked.text("mstorcmnd"))
        return self._found([{"TECHNICALID": row["technical_id"]}] if row else [])


def _said(code: int | str, message: str, status: int = 200) -> SimReply:
    return SimReply(status, write_json({"error_code": code, "message": message}))


_INSTEAD = {
    TROUBLE: _said(-1, "Lỗi hệ thống"),
    CODE_0_NOT_DONE: _said("0", "Chưa đồng bộ thành công"),
    GATEWAY_429: _said(429, "Too Many Requests", 429),
    GATEWAY_503: _said(503, "Service Unavailable", 503),
}
"""What is answered instead of doing anything."""
_AFTERWARDS = {
    HTML_200: SimReply(body=_PAGE, headers=(("content-type", "text/html; charset=utf-8"),)),
    CODE_1_SUCCESS: _said(1, "Cập nhật thành công"),
    SESSION_CLOSED: _said(-1, "could not execute statement: Session is closed!"),
    GATEWAY_504: _said(504, "Read timed out", 504),
}
"""What is answered whatever came of it."""


def _behind(rows: list[dict[str, Any]], fault: str) -> list[dict[str, Any]]:
    """A look-up's rows before the last of it was taken over."""
    if fault == LOOK_UP_BEHIND:
        return []
    return [{**row, "TIENDO": []} if "TIENDO" in row else row for row in rows]


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"MATTHC": entry["code"], "TENTTHC": entry["name"]}


def _spoilt(reply: SimReply, told: Mapping[str, Any], fault: str) -> SimReply:
    """The answer as a fault of the simulator's own leaves it."""
    if fault in _AFTERWARDS:
        return _AFTERWARDS[fault]
    if fault == EMPTY_BODY:
        return replace(reply, body=b"")
    if fault == NO_ERROR_CODE:
        rest = {name: value for name, value in told.items() if name != "error_code"}
        return replace(reply, body=write_json(rest))
    if fault == CODE_0_UNCLEAR:
        return replace(reply, body=write_json({**told, "error_code": "0", "message": "Đã ghi nhận"}))
    if fault == TRUNCATED_JSON:
        return replace(reply, body=reply.body[: len(reply.body) // 2])
    return reply
