"""What an operator sets for one connection to the axis (see the README's table)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.transport.http import HttpSettings

MIB = 1024 * 1024


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class VxpCredentials(_Section):
    """How the axis knows this connection."""

    systemid: str = Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")
    """The connection's code at the axis (mã hệ thống): an agency code or a centre's code."""
    secret: SecretStr
    """The shared secret of the request HMAC, used as text."""


class VxpSettings(_Section):
    """Everything about one connection to the axis; nothing here is learnt from the remote."""

    transport: HttpSettings
    """Where the axis is and how it is reached."""
    credentials: VxpCredentials
    """Who we are there."""
    agencies: tuple[AgencyCode, ...] = Field(min_length=1)
    """The agencies served by this connection (mã định danh các đơn vị của mình), in every spelling and of
    every time: what is addressed to none of them is held."""
    agency_form: Literal["as-written", "qcvn102", "qd20"] = "as-written"
    """How agency codes are spelled in packets we write; the province must agree this with the axis."""
    steering_default: int | None = None
    """SteeringType (loại chỉ đạo) of a document whose source names none; not set: the packet names none
    either. Sources disagree on its values, so the province must agree one with the axis."""
    steering: dict[int, int] = {}
    """The document system's own steering numbers -> the axis'; a number not listed goes as it is."""
    fetch_by: Literal["downloadEdoc", "getEdoc"] = "downloadEdoc"
    """`downloadEdoc` streams the packet (SDK 2.0.1 on); `getEdoc` carries it in JSON: for old servers."""
    ack_header: Literal["docid", "docId"] = "docid"
    """How `updateStatus` spells the packet's id: `docid` in the Java samples, `docId` in the .NET ones."""
    file_path: str = Field(default="xml", pattern=r"^[!-~]{1,40}$")
    """Sent as `filePath` because the vendor's client does; servers ignore it. Never a real path."""
    padded_file_hash: bool = False
    """Write `hash-file` with all 64 digits. The vendor's client drops leading zeros; so do we."""
    send_to_header: bool = True
    """Name the recipients in the `to` header, too; they are in the packet in any case."""
    longest_to_header: int = Field(default=4000, ge=0, le=60_000)
    """Characters: a longer list of recipients is left out of the headers, since servers limit them."""
    largest_packet_bytes: int = Field(default=50 * MIB, ge=1024)
    """Packets larger than this are neither sent nor fetched. No official limit is known."""
    largest_list_bytes: int = Field(default=64 * MIB, ge=1024)
    """Limit of a list: the agency directory alone has more than 120,000 rows."""
    call_seconds: float = Field(default=30.0, gt=0, le=600)
    """Deadline of a small call, in seconds."""
    transfer_seconds: float = Field(default=180.0, gt=0, le=3600)
    """Deadline of sending or fetching one packet, in seconds."""
    batch: int = Field(default=20, ge=1, le=200)
    """How many packets are fetched before they are stored and acknowledged together."""
    fetch_patience_minutes: float = Field(default=30.0, ge=0, le=10_080)
    """How long a packet that cannot be fetched is tried for before it is held for a person, in minutes; it
    is tried on even then."""
    ask_after_seconds: float = Field(default=120.0, ge=0, le=86_400)
    """How long a document whose reply was lost may take to appear in the sent list before it counts as
    not sent."""
    ask_window_seconds: float = Field(default=600.0, ge=0, le=86_400)
    """How far our clock and the axis' may differ when the sent list is asked, in seconds."""
