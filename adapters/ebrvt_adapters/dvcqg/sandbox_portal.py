"""The inside of the simulated portal: accounts, sessions, dossiers and their traces, kept in its world.

Everything lies in the world's rows; nothing is remembered beside them, so a request that is taken back
leaves nothing behind.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from ebrvt_adapters.dvcqg import mapping
from ebrvt_adapters.dvcqg.sandbox_checks import Refused
from ebrvt_connect.codec.jsonwire import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrvt_connect.ports.simulator import World

COUNTS = "counts"
_TOTAL = "total"
_COUNTED = ("inserted", "updated", "repeated", "progress", "progress_repeated", "refused", "logins")


class DvcqgAccount(BaseModel):
    """One account of the simulated portal; what is not about the account holds from the first table."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    username: str = "brvt_mc"
    password: str = "sandbox"  # noqa: S105 - it opens nothing but the simulator
    units: tuple[str, ...] = ("000.00.00.H06",)
    """Values of `madonvi` it may use."""
    dstcode: str = "VN:GOV:000.00.00.G22:dvcqg"
    """What the header of that name must hold."""
    session_seconds: float = Field(default=600.0, ge=0)
    """How long a session lasts, counted from its login."""
    max_batch: int = Field(default=50, ge=1)
    """Most dossiers in one call."""
    mixed_codes: bool | None = None
    """Whether error codes come as 0, "0" and "00" and "đã tồn tại" under 0, 3 and -3. Not set: they do for
    every seed but 0."""
    tells_progress: bool = True
    """Whether TraCuuHoSo tells more than that a dossier is there. The real portal may well not."""
    procedures: tuple[mapping.CatalogueEntry, ...] = ()
    """What its catalogue holds from the beginning; more can be seeded."""


class PortalInside:
    """What the portal keeps."""

    def __init__(self, world: World, *, session_seconds: float) -> None:
        """Take up the world where it was left."""
        self._world = world
        self._lasts = timedelta(seconds=session_seconds)

    # --- sessions -----------------------------------------------------------------------------------------

    def open_session(self, username: str, now: datetime) -> str:
        """A new session; earlier ones of the account stay good for their time."""
        for over, row in list(self._world.rows("session")):
            if datetime.fromisoformat(row["until"]) <= now:
                self._world.delete("session", over)
        nth = self.count("logins")
        token = hashlib.sha256(f"{username}/{nth}/{now.isoformat()}".encode()).hexdigest()[:32]
        self._world.put("session", token, {"username": username, "until": (now + self._lasts).isoformat()})
        self._world.journal("logged-in", username=username)
        return token

    def username_of(self, token: object, now: datetime) -> str:
        """Whose session it is; raises `Refused` for one that is unknown or over."""
        row = self._world.get("session", token) if isinstance(token, str) and token else None
        if row is None or datetime.fromisoformat(row["until"]) <= now:
            raise Refused("session", "Session không hợp lệ hoặc đã hết hạn")
        return str(row["username"])

    def expire_sessions(self) -> None:
        """End every session at once."""
        tokens = [token for token, _ in self._world.rows("session")]
        for token in tokens:
            self._world.delete("session", token)
        self._world.journal("sessions-expired", count=len(tokens))

    # --- catalogue ----------------------------------------------------------------------------------------

    def put_procedure(self, entry: mapping.CatalogueEntry) -> None:
        """Enter a procedure into the catalogue, or change it."""
        if self._world.get("procedure", entry.code) != entry.model_dump():
            self._world.put("procedure", entry.code, entry.model_dump())

    def procedure(self, code: str) -> dict[str, Any] | None:
        """One procedure of the catalogue."""
        return self._world.get("procedure", code)

    def procedures(self) -> dict[str, dict[str, Any]]:
        """The catalogue."""
        return dict(self._world.rows("procedure"))

    # --- dossiers -----------------------------------------------------------------------------------------

    def dossier(self, code: str) -> dict[str, Any] | None:
        """What is kept of a dossier, with `entries`; None where there is none."""
        return self._world.get("dossier", code)

    def insert(self, dossier: Mapping[str, Any], unit: str, now: datetime) -> None:
        """A dossier that is not there yet; raises `Refused` for one that is."""
        code = dossier["MaHoSo"]
        if self.dossier(code) is not None:
            raise Refused("exists", f"Hồ sơ {code} đã tồn tại", code=code)
        new = {"unit": unit, "inserted_at": now.isoformat(), "writes": 0, "entries": []}
        facts = self._keep(dossier, new, now)
        self.count("inserted")
        self._world.journal("dossier-inserted", **facts, unit=unit)

    def update(self, dossier: Mapping[str, Any], now: datetime) -> None:
        """A dossier that is there; raises `Refused` for one that is not."""
        code = dossier["MaHoSo"]
        kept = self.dossier(code)
        if kept is None:
            raise Refused("missing", f"Hồ sơ {code} không tồn tại", code=code)
        facts = self._keep(dossier, kept, now)
        repeated = kept["sha256"] == facts["sha256"]
        self.count("repeated" if repeated else "updated")
        self._world.journal("dossier-repeated" if repeated else "dossier-updated", **facts)

    def _keep(self, dossier: Mapping[str, Any], kept: Mapping[str, Any], now: datetime) -> dict[str, str]:
        """Keep it; returns what the journal says of it."""
        code, sha256 = dossier["MaHoSo"], digest_of(dossier)
        row = {
            **kept,
            "data": dict(dossier),
            "sha256": sha256,
            "updated_at": now.isoformat(),
            "writes": kept["writes"] + 1,
        }
        self._world.put("dossier", code, row)
        return {"code": code, "sha256": sha256, "stage": dossier["TrangThaiHoSo"]}

    def append(self, entry: Mapping[str, Any]) -> None:
        """A progress entry; one that is there already is appended again, and noted as such."""
        code = entry["MaHoSo"]
        kept = self.dossier(code)
        if kept is None:
            raise Refused("missing", f"Hồ sơ {code} không tồn tại", code=code)
        repeated = dict(entry) in kept["entries"]
        kept["entries"].append(dict(entry))
        self._world.put("dossier", code, kept)
        self.count("progress_repeated" if repeated else "progress")
        self._world.journal(
            "progress-repeated" if repeated else "progress-appended",
            code=code,
            key=mapping.key_of(entry),
            sha256=digest_of(entry),
            at=entry["ThoiDiemXuLy"],
            stage=entry["TrangThai"],
            nth=len(kept["entries"]),
        )

    # --- counts -------------------------------------------------------------------------------------------

    def count(self, what: str) -> int:
        """One more of these; returns how many there are now."""
        counts = self.counts()
        counts[what] += 1
        self._world.put(COUNTS, _TOTAL, counts)
        return counts[what]

    def counts(self) -> dict[str, int]:
        """How much has happened."""
        return dict.fromkeys(_COUNTED, 0) | (self._world.get(COUNTS, _TOTAL) or {})


def digest_of(row: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the compact `data` array that holds this one thing."""
    return hashlib.sha256(write_json([dict(row)])).hexdigest()
