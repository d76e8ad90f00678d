"""What an operator sets for one connection to the portal (see the README's table)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ebrvt_adapters.dvcqg.mapping import CatalogueEntry
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.transport.http import HttpSettings

MIB = 1024 * 1024
_PATH = r"^(/[!-~]*)?$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DvcqgCredentials(_Section):
    """How the portal knows this connection."""

    username: str = Field(min_length=1, max_length=200, repr=False)
    """The account of the login call (tên đăng nhập)."""
    password: SecretStr
    """Its password."""


class DvcqgSettings(_Section):
    """Everything about one connection to the portal; nothing here is learnt from the remote."""

    transport: HttpSettings
    """Where the adapter node (VXP or X-Road) is and how it is reached; the endpoints below begin at `url`."""
    credentials: DvcqgCredentials
    """Who we are there."""
    unit: AgencyCode
    """Sent as `madonvi` (mã đơn vị kết nối), as it is written here."""
    dstcode: str = Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")
    """The portal's routing code at the node (`VN:GOV:...:dvcqg`), from the letter of connection."""
    auth_endpoint: str = Field(default="/VXPAdapter/RestService/forward/mapi/login", pattern=_PATH)
    """Path of the login call."""
    share_endpoint: str = Field(default="/VXPAdapter/RestService/forward/mapi/g", pattern=_PATH)
    """Path of the look-ups in shared dictionaries."""
    integration_endpoint: str = Field(default="/VXPAdapter/RestService/forward/mapi", pattern=_PATH)
    """Path of everything else, every write among it."""
    endpoint_of: dict[str, Literal["share", "integration"]] = {}
    """Services this node wants at another of the two paths than `data/endpoints.toml` says."""
    session_minutes: float = Field(default=10.0, gt=0, le=1440)
    """How long a session is trusted after its login, in minutes; what the portal grants is not published."""
    session_margin_seconds: float = Field(default=30.0, ge=0, le=600)
    """So long before that it is renewed, in seconds."""
    procedures: tuple[CatalogueEntry, ...] = ()
    """The national catalogue's entries for the procedures in use, written here."""
    procedures_file: Path | None = None
    """The same as a TOML or JSON file (`procedures = [...]`)."""
    ask_portal_for_procedures: bool = False
    """Ask the portal (LayThuTuc) for a procedure neither list has, and keep the answer."""
    procedures_hours: float = Field(default=24.0, gt=0, le=720)
    """How long such an answer is kept, in hours."""
    mapping_file: Path | None = None
    """A TOML file whose entries take the place of those in `data/mapping.toml`."""
    public_base: str = Field(default="", pattern=r"^(https?://[!-~]+[^/?#])?$")
    """Where the portal can fetch files from us; without it no file addresses are sent."""
    file_key: SecretStr | None = None
    """Makes file addresses unguessable: whoever has one may read the file, and nobody can work one out.
    The server at `public_base` needs the same key. Without it the file id alone is the address."""
    look_up_first: bool = True
    """Ask (TraCuuHoSo) whether an unknown dossier is there before it is sent. Off: it is sent as new, and
    again as an update if the portal says it exists."""
    resend_progress_in_doubt: bool = False
    """A progress entry whose reply was lost, and which the portal does not tell: False holds it for a person,
    True sends it again, which may make it appear twice."""
    ask_after_seconds: float = Field(default=600.0, ge=0, le=86_400)
    """How long a progress entry whose reply was lost may take to appear before that is decided."""
    progress_told_in_time: bool = False
    """True: the portal's operator assures that its look-up tells every entry within `ask_after_seconds`.
    One it does not tell by then was not taken, and is sent again. False: its absence proves nothing."""
    call_seconds: float = Field(default=60.0, gt=0, le=600)
    """Deadline of a call, in seconds."""
    largest_payload_bytes: int = Field(default=4 * MIB, ge=1024)
    """A dossier whose data is larger is held. No official limit is known."""
    largest_reply_bytes: int = Field(default=32 * MIB, ge=1024)
    """Limit of an answer: the list of all procedures is long."""

    @field_validator("procedures")
    @classmethod
    def _each_once(cls, value: tuple[CatalogueEntry, ...]) -> tuple[CatalogueEntry, ...]:
        if len({entry.code for entry in value}) < len(value):
            raise ValueError("a procedure code stands twice")
        return value

    @model_validator(mode="after")
    def _margin_fits(self) -> DvcqgSettings:
        if self.session_margin_seconds >= self.session_minutes * 60:
            raise ValueError("session_margin_seconds must be shorter than the session itself")
        return self

    @property
    def session_seconds(self) -> float:
        """How long a session is used before it is renewed, in seconds."""
        return self.session_minutes * 60 - self.session_margin_seconds

    @property
    def key(self) -> bytes:
        """The key of the file addresses; empty where there is none."""
        return self.file_key.get_secret_value().encode() if self.file_key else b""
