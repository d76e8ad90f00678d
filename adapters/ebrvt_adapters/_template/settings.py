"""What an operator sets for one such system (see the README's table)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ebrvt_connect.transport.credentials import TokenOrPassword
from ebrvt_connect.transport.http import HttpSettings


class KhuonmauCredentials(TokenOrPassword):
    """How the system knows us: a token, or a user name with its password."""


class KhuonmauSettings(BaseModel):
    """Everything about one connection; nothing here is learnt from the remote."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    transport: HttpSettings
    """Where it is and how it is reached; the paths (`/api/...`) begin below `url`."""
    credentials: KhuonmauCredentials
    """Who we are there."""
    page: int = Field(default=20, ge=1, le=500)
    """How many rows are asked for, and stored together, at once."""
    largest_page_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    """Limit of an answer."""
    call_seconds: float = Field(default=30.0, gt=0, le=600)
    """Deadline of a call, in seconds."""
