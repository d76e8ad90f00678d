"""What an operator sets for one one-stop shop (see the README's table)."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ebrvt_connect.transport.credentials import TokenOrPassword
from ebrvt_connect.transport.http import HttpSettings

MIB = 1024 * 1024


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class MotcuaCredentials(TokenOrPassword):
    """How the one-stop shop knows us: a token, or a user name with its password."""


class MotcuaSettings(_Section):
    """Everything about one one-stop shop; nothing here is learnt from the remote."""

    transport: HttpSettings
    """Where it is and how it is reached; the paths of the contract (`/api/...`) begin below `url`."""
    credentials: MotcuaCredentials
    """Who we are there."""
    status_file: Path | None = None
    """Which of the portal's ten codes each local status word stands for (bảng trạng thái hồ sơ): a TOML file
    in the form of the sample `status_sample.toml`. Without it the sample counts, which follows OpenCPS rc-3.0
    and need not fit this system."""
    overlap_minutes: float = Field(default=10.0, ge=0, le=44_640)
    """How far back the feed is read again, in minutes: a row may be committed late with an older time. What
    was stored before is recognised. After a change of the status file a longer overlap, for one start, has
    older dossiers read under it."""
    page: int = Field(default=20, ge=1, le=500)
    """How many dossiers are asked for, and stored together with their progress, at once."""
    file_patience_minutes: float = Field(default=30.0, ge=0, le=10_080)
    """How long a dossier whose result files or progress cannot be had is tried again before it is held, in
    minutes; the others go on meanwhile."""
    largest_file_bytes: int = Field(default=100 * MIB, ge=1024)
    """A larger result file is not fetched; its dossier is held."""
    largest_page_bytes: int = Field(default=16 * MIB, ge=1024)
    """Limit of a list."""
    call_seconds: float = Field(default=30.0, gt=0, le=600)
    """Deadline of a small call, in seconds."""
    transfer_seconds: float = Field(default=180.0, gt=0, le=3600)
    """Deadline of fetching one file, in seconds."""
    acknowledge: bool = True
    """Tell the system how far we have read (`POST /api/ack`); it is advice only and may be switched off."""
