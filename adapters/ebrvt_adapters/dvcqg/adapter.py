"""The portal as the engine sees it: a sink for dossiers and for their progress.

Dossiers. DongBoHoSoMC is keyed by MaHoSo, but the caller must say whether it inserts or updates. A dossier
of which an earlier revision has arrived is updated (one call); one we know nothing of is looked up first
(two calls). Where the portal then says the opposite, the call is made once more the other way: at most
one flip each way. After a lost reply the dossier is looked up; unless the portal proves to have exactly
these bytes, it is sent again, as an update if it is there, which does no harm.

Progress. CapNhatTienDoHoSoMC appends and has no key, so an entry must not be sent twice. After a lost reply
the portal is asked for its entries and they are counted: twins of this entry that other messages have
delivered are not taken for it. One that is not told within a while is left to a person, for look-ups may lag
behind; it is sent again only where the settings say that they do not, or that a twin is the lesser evil.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from ebrvt_adapters.dvcqg import faults, mapping, wire
from ebrvt_adapters.dvcqg.client import DvcqgClient
from ebrvt_adapters.dvcqg.procedures import Catalogue, read_entries
from ebrvt_adapters.dvcqg.settings import DvcqgSettings
from ebrvt_connect.errors import HeldForPerson, InvalidValue, Rejected, Scope
from ebrvt_connect.model.dossier import Dossier, ProgressEntry
from ebrvt_connect.model.message import Kind, Payload, Receipt
from ebrvt_connect.ports.adapter import (
    Answer,
    AskAgain,
    NotThere,
    Settled,
    Sink,
    Surroundings,
    Work,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ebrvt_adapters.dvcqg.portal import Accepted, Portal
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.message import Message

CODE = "code"
"""Payload fact: what the portal knows the dossier by (MaHoSo)."""
TRACE_KEY = "trace_key"
"""Payload fact of a progress entry: what it is recognised by (see `mapping.trace_key`)."""
WARNINGS = "warnings"
"""Payload fact: what was noticed while mapping, as a JSON list of `{code, field, got, message_vi}`."""
WARNING_CODES = "warning_codes"
"""Payload fact: the codes of those warnings, each once, with commas."""


class Dvcqg(Sink):
    """The National Public Service Portal (Cổng Dịch vụ công quốc gia)."""

    system_kind: ClassVar[str] = "dvcqg"
    settings_type: ClassVar[type[BaseModel]] = DvcqgSettings

    def __init__(self, settings: DvcqgSettings, surroundings: Surroundings) -> None:
        """Opens no connection; raises `HeldForPerson` for a file of the settings that cannot be read."""
        self._settings = settings
        self._system = surroundings.system
        self._clock = surroundings.clock
        self._blobs = surroundings.blobs
        self._agreed = mapping.Agreement(
            codes=_codes(settings, surroundings.system),
            public_base=settings.public_base,
            key=settings.key,
        )
        self.client = DvcqgClient(settings, surroundings.clock, system=surroundings.system)
        """The services themselves, for whoever needs one that no link uses."""
        self._portal: Portal = self.client
        self.catalogue = _catalogue(settings, surroundings, self._portal)
        """The procedures that can be sent."""

    @classmethod
    def open(cls, settings: BaseModel, surroundings: Surroundings) -> Self:
        """From validated `DvcqgSettings`; raises `TypeError` for any others."""
        if not isinstance(settings, DvcqgSettings):
            raise TypeError(f"settings are {type(settings).__name__}, expected DvcqgSettings")
        return cls(settings, surroundings)

    def ping(self) -> str:
        """Read the fields of administration, which needs a login."""
        return f"{len(self._portal.fields_of_administration())} lĩnh vực, {len(self.catalogue)} thủ tục"

    def close(self) -> None:
        """Give back connections."""
        self._portal.close()

    # --- sink ---------------------------------------------------------------------------------------------

    def _prepare(self, work: Work) -> Payload:
        """The bytes of the `data` array. Asks the portal for a procedure only where the settings say so."""
        try:
            if isinstance(work.record, Dossier):
                mapped = mapping.mapped_dossier(work.record, self._agreed, self.catalogue.find)
                return self._payload(mapped, wire.Service.DONG_BO_HO_SO_MC)
            if isinstance(work.record, ProgressEntry):
                mapped = mapping.mapped_progress(work.record)
                key = (TRACE_KEY, mapping.key_of(mapped.data))
                return self._payload(mapped, wire.Service.CAP_NHAT_TIEN_DO_HO_SO_MC, key)
        except InvalidValue as refusal:
            raise refusal.held(system=self._system, operation="prepare") from refusal
        raise TypeError(f"a portal takes no {type(work.record).__name__}")

    def _payload(self, mapped: mapping.Mapped, service: wire.Service, *more: tuple[str, str]) -> Payload:
        warnings = mapped.warnings
        told = json.dumps([warning.model_dump() for warning in warnings], ensure_ascii=False)
        return Payload(
            blob=self._blobs.put((mapped.content,), limit_bytes=self._settings.largest_payload_bytes),
            media_type=wire.JSON_TYPE,
            facts=(
                ("service", service.value),
                (CODE, mapped.data["MaHoSo"]),
                *more,
                (WARNING_CODES, ",".join(dict.fromkeys(warning.code for warning in warnings))),
                (WARNINGS, told),
            ),
        )

    def _submit(self, work: Work, payload: Payload) -> Receipt:
        data = self._blobs.read(payload.blob.sha256, limit_bytes=self._settings.largest_payload_bytes)
        code = payload.fact(CODE)
        if work.message.kind is Kind.PROGRESS:
            return _receipt(code, self._add_progress(code, data))
        return _receipt(code, self._put_dossier(code, data, updating=self._is_there(work, code)))

    def _is_there(self, work: Work, code: str) -> bool:
        """Whether the portal has the dossier: by our own ledger, else by asking, else not."""
        if any(_is_of(sibling, Kind.DOSSIER, code) for sibling in work.siblings):
            return True
        return self._settings.look_up_first and self._portal.dossier(code) is not None

    def _put_dossier(self, code: str, data: bytes, *, updating: bool) -> Accepted:
        """Insert or update; the portal is believed when it says it must be the other, once each way."""
        flips_left = {True, False}
        while True:
            try:
                return self._portal.put_dossiers(data, updating=updating)
            except (faults.DossierExists, faults.DossierNotThere) as refusal:
                wanted = isinstance(refusal, faults.DossierExists)
                if wanted is updating:
                    raise self._refused(refusal) from refusal
                if wanted not in flips_left:
                    detail = f"isUpdating {updating}: {refusal.detail}"
                    raise self._held(faults.EXISTS_AND_NOT, detail, code) from refusal
                flips_left.remove(wanted)
                updating = wanted

    def _add_progress(self, code: str, data: bytes) -> Accepted:
        try:
            return self._portal.add_progress(data)
        except faults.DossierNotThere as refusal:
            raise self._held(faults.DOSSIER_NOT_THERE, refusal.detail, code) from refusal

    # --- asking after -------------------------------------------------------------------------------------

    def _ask_after(self, work: Work, payload: Payload) -> Answer:
        """Look the dossier up (TraCuuHoSo); what its answer holds beyond existence is synthetic."""
        code = payload.fact(CODE)
        row = self._portal.dossier(code)
        if work.message.kind is Kind.PROGRESS:
            return self._about_progress(work, payload, row)
        if row is not None and row.ma_bam == payload.blob.sha256:
            return Settled(_receipt_of_row(code, row))
        return NotThere()

    def _about_progress(self, work: Work, payload: Payload, row: wire.HoSoDaDongBo | None) -> Answer:
        """Count the entries like this one: those there, less those other messages have delivered.

        A dossier that is not found proves nothing: an answer in doubt may be ahead of what look-ups tell.
        """
        code, key = payload.fact(CODE), payload.fact(TRACE_KEY)
        there = mapping.keys_there(row, code).count(key) if row else 0
        of_others = sum(
            _is_of(sibling, Kind.PROGRESS, code) and _fact(sibling, TRACE_KEY) == key
            for sibling in work.siblings
        )
        if row and there > of_others:
            return Settled(_receipt_of_row(code, row))
        if row and row.tien_do is None:
            return self._untold(code)
        if wait := self._still_to_wait(work.message):
            return AskAgain(wait)
        if row and there == of_others and self._settings.progress_told_in_time:
            return NotThere()
        return self._untold(code)

    def _untold(self, code: str) -> NotThere:
        """The portal does not tell the entry: a person finds out, unless the settings risk a twin."""
        if self._settings.resend_progress_in_doubt:
            return NotThere()
        raise self._held(faults.OUTCOME_UNKNOWN, f"TraCuuHoSo of {code} does not tell the entry", code)

    def _still_to_wait(self, message: Message) -> timedelta | None:
        """How long the entry may yet take to appear; None when the delay has passed."""
        if message.doubt_since is None:
            return None
        left = message.doubt_since + timedelta(seconds=self._settings.ask_after_seconds) - self._clock.now()
        return left if left > timedelta(0) else None

    def _refused(self, refusal: Rejected) -> Rejected:
        """An insert that says there is none, or an update that says there is one: no flip mends that."""
        said = refusal.facts.get("said", "?")
        return Rejected(faults.REFUSED, refusal.detail, system=self._system, operation="submit", said=said)

    def _held(self, explanation: Explanation, detail: str, code: str) -> HeldForPerson:
        return HeldForPerson(explanation, detail, system=self._system, operation="submit", dossier=code)


def _receipt(code: str, accepted: Accepted) -> Receipt:
    """The portal gives no number of its own: the dossier's code is what it is found by there."""
    return Receipt(external_id=code, raw=accepted.raw)


def _receipt_of_row(code: str, row: wire.HoSoDaDongBo) -> Receipt:
    told = row.model_dump_json(by_alias=True, include={"ma", "trang_thai", "ma_bam"}).encode()
    return Receipt(external_id=code, raw=told, note="Xác nhận qua tra cứu hồ sơ trên Cổng.")


def _fact(message: Message, name: str) -> str:
    return dict(message.payload.facts).get(name, "") if message.payload else ""


def _is_of(message: Message, kind: Kind, code: str) -> bool:
    return message.kind is kind and _fact(message, CODE) == code


def _codes(settings: DvcqgSettings, system: str) -> mapping.CodeTable:
    path = settings.mapping_file
    if path is None:
        return mapping.default_codes()
    try:
        return mapping.default_codes().changed(path.read_text("utf-8"))
    except (OSError, ValueError) as failure:
        raise HeldForPerson(
            faults.MAPPING_FILE_WRONG,
            f"cannot read {path}: {failure}",
            scope=Scope.SYSTEM,
            system=system,
            operation="open",
            file=path.name,
            why=str(failure)[:200],
        ) from failure


def _catalogue(settings: DvcqgSettings, surroundings: Surroundings, portal: Portal) -> Catalogue:
    """The entries of the settings, those of the file, and the portal's where it may be asked."""
    listed = (
        read_entries(settings.procedures_file, system=surroundings.system) if settings.procedures_file else ()
    )
    return Catalogue(
        (*listed, *settings.procedures),
        surroundings.clock,
        ask=portal.procedure if settings.ask_portal_for_procedures else None,
        kept_seconds=settings.procedures_hours * 3600,
    )
