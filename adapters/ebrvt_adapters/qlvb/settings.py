"""What an operator sets for one document-management system (see the README's table)."""

from __future__ import annotations

import base64

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.transport.http import HttpSettings

MIB = 1024 * 1024


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class QlvbCredentials(_Section):
    """How the document system knows us: a token, or a user name with its password."""

    token: SecretStr | None = None
    """Sent as `Authorization: Bearer`."""
    username: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^:\x00-\x1f\x7f]+$")
    """For `Authorization: Basic`; holds no colon."""
    password: SecretStr | None = None
    """For `Authorization: Basic`."""

    @model_validator(mode="after")
    def _one_way(self) -> QlvbCredentials:
        basic = (self.username is not None, self.password is not None)
        if self.token is not None and any(basic):
            raise ValueError("give a token or a user name with its password, not both")
        if self.token is None and not all(basic):
            raise ValueError("a token, or a user name with its password, is needed")
        return self

    @property
    def authorization(self) -> str:
        """The value of the `Authorization` header: a secret."""
        if self.token is not None:
            return f"Bearer {self.token.get_secret_value()}"
        password = self.password.get_secret_value() if self.password else ""
        return "Basic " + base64.b64encode(f"{self.username}:{password}".encode()).decode("ascii")


class QlvbSettings(_Section):
    """Everything about one document-management system; nothing here is learnt from the remote."""

    transport: HttpSettings
    """Where it is and how it is reached; the paths of the contract (`/api/...`) begin below `url`."""
    credentials: QlvbCredentials
    """Who we are there."""
    agency: AgencyCode | None = None
    """The agency whose system this is (mã định danh đơn vị dùng phần mềm): named as the one who tells where
    an event names none. Leave it out for a system several agencies share."""
    overlap_minutes: float = Field(default=10.0, ge=0, le=1440)
    """How far back the outgoing feed is read again, in minutes: a row may be committed late with an older
    time. What was stored before is recognised and not fetched twice."""
    event_overlap: int = Field(default=200, ge=0, le=2000)
    """How many numbers back an event that has not come is still looked for: one committed late has a
    smaller number than others read before it."""
    page: int = Field(default=20, ge=1, le=500)
    """How many rows are asked for, and stored together, at once."""
    attachment_patience_minutes: float = Field(default=30.0, ge=0, le=10_080)
    """How long a document whose files cannot be had is tried again before it is held, in minutes; the
    others go on meanwhile."""
    largest_attachment_bytes: int = Field(default=100 * MIB, ge=1024)
    """A larger file is not fetched; its document is held."""
    largest_page_bytes: int = Field(default=16 * MIB, ge=1024)
    """Limit of a list."""
    call_seconds: float = Field(default=30.0, gt=0, le=600)
    """Deadline of a small call, in seconds."""
    transfer_seconds: float = Field(default=180.0, gt=0, le=3600)
    """Deadline of fetching one file or delivering one document, in seconds."""
    acknowledge: bool = True
    """Tell the system how far we have read (`POST /api/ack`); it is advice only and may be switched off."""
