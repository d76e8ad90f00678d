"""One method for each service of the portal, in the direct dialect. Settings and a clock are all it needs.

    with DvcqgClient(settings, SystemClock()) as client:
        if client.dossier("H06.15-230315-0007") is None:
            client.put_dossiers(data, updating=False)

A write has succeeded when `error_code` is zero and the message says "thành công" without reserve; a look-up
when there is a `result`; nothing else is, least of all an empty body. Every method raises `ConnectError` (see
`faults`). The envelope, with its session, is made anew for each attempt; a call refused for its session is
made once more after a new login, and not more than once: a refusal in so many words means that nothing
happened. Objects are safe to share between threads.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from ebrvt_adapters.dvcqg import faults, wire
from ebrvt_adapters.dvcqg.portal import Accepted
from ebrvt_adapters.dvcqg.session import SessionKeeper
from ebrvt_connect.codec.jsonwire import JsonLimits, json_value
from ebrvt_connect.errors import ConnectError, HeldForPerson, InvalidValue, ReconcileFirst, RetryLater, Scope
from ebrvt_connect.transport.http import HttpReply, HttpRequest
from ebrvt_connect.transport.patience import with_patience
from ebrvt_connect.transport.rest_client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_adapters.dvcqg.session import Session
    from ebrvt_adapters.dvcqg.settings import DvcqgSettings
    from ebrvt_connect.ports.clock import Clock

Row = TypeVar("Row", bound=wire.WireValue)

LOGIN = "login"
"""What the login call is named in errors; the portal names it by its path alone."""
TECH_ID_PROVIDER = "wso2is"
_SMALL_REPLY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One service, before it is dressed in an envelope."""

    service: wire.Service
    body: Callable[[str], bytes]
    """The body, given a session."""
    safe: bool
    limit_bytes: int
    keyed: bool = True


class DvcqgClient(HttpClient):
    """The portal as one member sees it, called directly through its adapter node."""

    def __init__(self, settings: DvcqgSettings, clock: Clock, *, system: str = "dvcqg") -> None:
        """Opens no connection. `system` is how errors name this connection."""
        super().__init__(settings.transport, clock, system=system)
        self._settings = settings
        self._sessions = SessionKeeper(self._login, clock, lasts_seconds=settings.session_seconds)

    # --- writes -------------------------------------------------------------------------------------------

    def put_dossiers(self, data: bytes, *, updating: bool) -> Accepted:
        """Insert or update dossiers (DongBoHoSoMC); `data` is sent as it is. See `portal.Portal`."""
        return self._written(wire.Service.DONG_BO_HO_SO_MC, data, updating=updating)

    def add_progress(self, data: bytes) -> Accepted:
        """Append progress entries (CapNhatTienDoHoSoMC); there is no key: never repeat one in doubt."""
        try:
            return self._written(wire.Service.CAP_NHAT_TIEN_DO_HO_SO_MC, data, updating=None)
        except faults.DossierExists as refusal:
            # "Đã tồn tại" about an entry: it, or one like it, is there. Which one must be asked.
            raise ReconcileFirst(
                faults.UNCLEAR,
                refusal.detail,
                system=self._system,
                operation=refusal.operation,
                said=refusal.facts.get("said", "?"),
            ) from refusal

    # --- look-ups -----------------------------------------------------------------------------------------

    def dossier(self, code: str) -> wire.HoSoDaDongBo | None:
        """What the portal has of a dossier (TraCuuHoSo); None where it has none."""
        try:
            rows = self._rows(wire.Service.TRA_CUU_HO_SO, wire.HoSoDaDongBo, ("mahoso", code))
        except faults.DossierNotThere:
            return None
        named = next((row for row in rows if row.ma.strip() == code), None)
        if named is not None:
            return named
        # A row that does not say whose it is tells that there is one; what else it tells may be another's.
        nameless = next((row for row in rows if not row.ma.strip()), None)
        return nameless and nameless.model_copy(update={"trang_thai": "", "ma_bam": "", "tien_do": None})

    def procedure(self, code: str) -> wire.ThuTuc | None:
        """A procedure of the national catalogue (LayThuTuc); None where there is none of that code."""
        try:
            rows = self._rows(wire.Service.LAY_THU_TUC, wire.ThuTuc, ("maTTHC", code))
        except ConnectError as refusal:
            if refusal.code == faults.PROCEDURE_UNKNOWN.code:
                return None
            raise
        return next(iter(rows), None)

    def fields_of_administration(self) -> tuple[wire.LinhVuc, ...]:
        """All fields of administration (LayDanhMucLinhVuc)."""
        return self._rows(wire.Service.LAY_DANH_MUC_LINH_VUC, wire.LinhVuc)

    def technical_ids(self, number: str) -> tuple[wire.TaiKhoan, ...]:
        """The accounts of an identity number or tax code (TraCuuTechID)."""
        keys = (("provider", TECH_ID_PROVIDER), ("mstorcmnd", number))
        return self._rows(wire.Service.TRA_CUU_TECH_ID, wire.TaiKhoan, *keys)

    def procedures(self) -> tuple[wire.TenThuTuc, ...]:
        """Codes and names of all procedures (LayDanhSachTTHC)."""
        return self._rows(wire.Service.LAY_DANH_SACH_TTHC, wire.TenThuTuc)

    def procedures_of(self, unit: str) -> tuple[wire.TenThuTuc, ...]:
        """Codes and names of the procedures of a ministry or province (LayDanhSachTTHCDonVi)."""
        return self._rows(wire.Service.LAY_DANH_SACH_TTHC_DON_VI, wire.TenThuTuc, ("maDonVi", unit))

    # --- calls --------------------------------------------------------------------------------------------

    def _rows(self, service: wire.Service, kind: type[Row], *keys: tuple[str, str]) -> tuple[Row, ...]:
        """The rows of a look-up's result; anything but a readable list is no answer, least of all "none"."""
        settings = self._settings
        call = _Call(
            service=service,
            body=lambda session: wire.read_body(session, str(settings.unit), service, keys),
            safe=True,
            limit_bytes=settings.largest_reply_bytes,
        )
        envelope, _ = self._answered(call, succeeded=faults.read_succeeded)
        try:
            if not isinstance(envelope.result, list):
                raise self._no_result(service, f"result is {type(envelope.result).__name__}")
            return tuple(kind.model_validate(row) for row in envelope.result)
        except ValidationError as failure:
            detail = f"{failure.error_count()} unreadable fields in a row"
            raise self._no_result(service, detail) from None

    def _no_result(self, service: wire.Service, detail: str) -> RetryLater:
        return RetryLater(
            faults.NO_RESULT, f"{detail}, expected a list", system=self._system, operation=service.value
        )

    def _written(self, service: wire.Service, data: bytes, *, updating: bool | None) -> Accepted:
        unit = str(self._settings.unit)
        call = _Call(
            service=service,
            body=lambda session: wire.write_body(session, unit, service, data, updating=updating),
            safe=False,
            limit_bytes=_SMALL_REPLY_BYTES,
            keyed=service is not wire.Service.CAP_NHAT_TIEN_DO_HO_SO_MC,
        )
        _, raw = self._answered(call, succeeded=faults.write_succeeded)
        return Accepted(raw)

    def _answered(
        self, call: _Call, *, succeeded: Callable[[wire.Envelope], bool]
    ) -> tuple[wire.Envelope, bytes]:
        """A successful answer and its raw words, after seconds of patience and at most one new login."""
        renewed = False

        def attempt() -> tuple[wire.Envelope, bytes] | faults.SessionRefused:
            nonlocal renewed
            while True:
                session = self._sessions.current()
                try:
                    return self._once(call, session, succeeded)
                except faults.SessionRefused as refusal:
                    self._sessions.drop(session)
                    if renewed:
                        # Not raised: patience would log in again and again, and the account might be locked.
                        return refusal
                    renewed = True

        answer = with_patience(attempt, clock=self._clock)
        if isinstance(answer, faults.SessionRefused):
            raise answer
        return answer

    def _once(
        self, call: _Call, session: Session, succeeded: Callable[[wire.Envelope], bool]
    ) -> tuple[wire.Envelope, bytes]:
        request = self._request(
            call.service.value,
            self._path(call.service),
            call.body(session.token),
            safe=call.safe,
            limit_bytes=call.limit_bytes,
        )
        reply = self._transport.send(request)
        envelope = _envelope(reply, call.limit_bytes)
        if envelope is None or not (reply.ok and succeeded(envelope)):
            raise self._failure(
                envelope,
                reply,
                call.service.value,
                safe=call.safe,
                keyed=call.keyed,
                session=session.token,
            )
        return envelope, self._without_secrets(reply.body, session.token)

    def _login(self) -> str:
        """A new session's token. A login without one has failed, whatever its code says."""
        credentials = self._settings.credentials
        body = wire.login_body(credentials.username, credentials.password.get_secret_value())
        request = self._request(LOGIN, self._settings.auth_endpoint, body, safe=True)
        reply = self._transport.send(request)
        envelope = _envelope(reply, _SMALL_REPLY_BYTES)
        if envelope is None or not (reply.ok and faults.is_zero(envelope.error_code)):
            raise self._login_failure(envelope, reply)
        if not envelope.session.strip():
            detail = f"error_code {envelope.error_code[:20]!r} and no session"
            raise RetryLater(faults.LOGIN_UNREADABLE, detail, system=self._system, operation=LOGIN)
        return envelope.session

    def _login_failure(self, envelope: wire.Envelope | None, reply: HttpReply) -> ConnectError:
        """Trouble at the portal passes; whatever else it says about a login is for a person."""
        failure = self._failure(envelope, reply, LOGIN, safe=True, session="")
        passes = isinstance(failure, RetryLater) and not isinstance(failure, faults.SessionRefused)
        if passes or (envelope is None and not isinstance(failure, faults.SessionRefused)):
            return failure
        said = str(failure.facts.get("said", "?"))
        return HeldForPerson(
            faults.LOGIN_REFUSED,
            failure.detail,
            scope=Scope.SYSTEM,
            system=self._system,
            operation=LOGIN,
            said=said,
        )

    def _request(
        self, operation: str, path: str, body: bytes, *, safe: bool, limit_bytes: int = _SMALL_REPLY_BYTES
    ) -> HttpRequest:
        return HttpRequest(
            operation=operation,
            method="POST",
            path=path,
            headers=wire.headers(self._settings.dstcode),
            body=body,
            safe=safe,
            deadline_seconds=self._settings.call_seconds,
            max_response_bytes=limit_bytes,
        )

    def _path(self, service: wire.Service) -> str:
        settings = self._settings
        default = "share" if service in _shared() else "integration"
        chosen = settings.endpoint_of.get(service.value, default)
        return settings.share_endpoint if chosen == "share" else settings.integration_endpoint

    def _failure(
        self,
        envelope: wire.Envelope | None,
        reply: HttpReply,
        operation: str,
        *,
        safe: bool,
        session: str,
        keyed: bool = True,
    ) -> ConnectError:
        told = faults.Told(
            envelope=envelope,
            reply=reply,
            safe=safe,
            keyed=keyed,
            system=self._system,
            operation=operation,
            secrets=self._secrets(session),
        )
        return faults.failure_of(told)

    def _secrets(self, session: str) -> tuple[str, ...]:
        credentials = self._settings.credentials
        return (session, credentials.password.get_secret_value(), credentials.username)

    def _without_secrets(self, raw: bytes, session: str) -> bytes:
        return faults.without(raw.decode("utf-8", "replace"), self._secrets(session)).encode()


@cache
def _shared() -> frozenset[str]:
    """Services that are called at the share endpoint."""
    table: dict[str, Any] = tomllib.loads(
        files(__package__).joinpath("data/endpoints.toml").read_text("utf-8")
    )
    return frozenset(table["share"])


def _envelope(reply: HttpReply, limit_bytes: int) -> wire.Envelope | None:
    try:
        return wire.envelope_of(json_value(reply.body, JsonLimits(body_bytes=limit_bytes)))
    except InvalidValue:
        return None
