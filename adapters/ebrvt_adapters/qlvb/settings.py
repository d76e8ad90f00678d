"""What an operator sets for one document-management system (see the README's table)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.transport.credentials import TokenOrPassword
from ebrvt_connect.transport.http import HttpSettings

MIB = 1024 * 1024


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class QlvbCredentials(TokenOrPassword):
    """How the document system knows us: a token, or a user name with its password."""


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
