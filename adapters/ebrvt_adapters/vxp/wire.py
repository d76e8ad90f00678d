"""What goes over the wire to VXP and back: signed headers, boundary types, times. Pure.

Every parameter travels as an HTTP header `XroadVnpt-<name>`; the headers are authenticated by an HMAC
over their JSON (`signed_headers`). Names are the axis' own, odd spellings included (`DocId`, `docId`,
`created_time`); what we do not know is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ebrvt_connect.codec.jsonfields import LooseText
from ebrvt_connect.model.period import VIETNAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEADER_PREFIX = "XroadVnpt-"
USER_AGENT = "JAVASDKAgent/1.0.0 XRoad/VPCP"
PROTOCOL_VERSION = "3.0.201608"
SERVICE_TYPE = "eDoc"
JSON_TYPE = "application/json"
FILE_TYPE = "application/octet-stream"
CRLF = b"\r\n"
"""Follows the edXML file in the body of `sendEdoc`; no hash covers it."""


class MessageType(StrEnum):
    """The two queues of the axis: document packets and status packets."""

    EDOC = "edoc"
    STATUS = "status"


class TransportStatus(StrEnum):
    """The words of `updateStatus`: acknowledgement of the transport, no business status."""

    DONE = "done"
    FAIL = "fail"
    PROCESSING = "processing"


# --- authentication ---------------------------------------------------------------------------------------


def timestamp(now: datetime) -> str:
    """The request's time as the vendor writes it: `23112026T040441+0537`.

    The four digits after the plus are milliseconds, zero-padded; they only look like an offset.
    """
    local = now.astimezone(VIETNAM)
    return f"{local:%d%m%YT%H%M%S}+{local.microsecond // 1000:04d}"


def parse_timestamp(text: str) -> datetime:
    """The inverse of `timestamp`; raises `ValueError`."""
    moment, plus, milliseconds = text.partition("+")
    if not plus or len(milliseconds) != 4 or not milliseconds.isdecimal():  # noqa: PLR2004 - four digits
        raise ValueError(f"timestamp {text[:40]!r}, expected ddMMyyyy'T'HHmmss+SSSS")
    whole = datetime.strptime(moment, "%d%m%YT%H%M%S").replace(tzinfo=VIETNAM)
    return whole + timedelta(milliseconds=int(milliseconds))


def sign_header(logical: Iterable[tuple[str, str]]) -> str:
    """The text that is authenticated: compact JSON of the prefixed headers in the order given."""
    named = {HEADER_PREFIX + name: value for name, value in logical}
    text = json.dumps(named, ensure_ascii=False, separators=(",", ":"))
    # The vendor's JSON library escapes these two line separators, Python's does not.
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def hash_header(signed_text: str, secret: str) -> str:
    """HMAC-SHA256 in lower-case hex; the secret is used as text, never decoded."""
    return hmac.new(secret.encode(), signed_text.encode(), hashlib.sha256).hexdigest()


def signed_headers(logical: Sequence[tuple[str, str]], secret: str) -> tuple[tuple[str, str], ...]:
    """All headers of a request, in order, from its logical ones (`systemid`, `docId`, `timestamp`, ...).

    The receiver takes the order from `sign-header-key`, so any order of `logical` is right. `Content-Type`
    is sent twice: as itself, and prefixed like the others because it is signed with them.
    """
    sent: list[tuple[str, str]] = []
    for name, value in logical:
        if name == "Content-Type":
            sent.append((name, value))
        sent.append((HEADER_PREFIX + name, value))
    text = sign_header(logical)
    return (
        *sent,
        (HEADER_PREFIX + "sign-header-key", ";".join(name for name, _ in logical)),
        (HEADER_PREFIX + "sign-header", text),
        (HEADER_PREFIX + "hash-header", hash_header(text, secret)),
        ("User-Agent", USER_AGENT),
        (HEADER_PREFIX + "version", PROTOCOL_VERSION),
    )


def unsendable(logical: Iterable[tuple[str, str]]) -> str | None:
    """The name of the first header whose value cannot travel unharmed, or None.

    The vendor's stack cuts every character to its low byte, which breaks the HMAC: only printable ASCII
    is safe.
    """
    return next((name for name, value in logical if not (value.isascii() and value.isprintable())), None)


def file_hash(sha256: str, *, padded: bool = False) -> str:
    """`hash-file` of a file from its SHA-256 in hex.

    The vendor prints each byte without its leading zero; `padded` gives the correct 64 digits.
    """
    return sha256 if padded else "".join(f"{byte:x}" for byte in bytes.fromhex(sha256))


# --- times in lists ---------------------------------------------------------------------------------------

_LIST_TIME = "%d/%m/%Y %H:%M:%S"
_KNOWN_TIMES = ("%Y-%m-%d %H:%M:%S", _LIST_TIME, "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S")


def list_time(moment: datetime) -> str:
    """A time as `fromDate` and `toDate` want it: `dd/MM/yyyy HH:mm:ss`, local."""
    return moment.astimezone(VIETNAM).strftime(_LIST_TIME)


def parse_list_time(text: str) -> datetime | None:
    """A time from a list, in UTC; None where it is empty or written in a way we do not know."""
    bare = text.strip().split(".")[0]
    for form in _KNOWN_TIMES:
        try:
            return datetime.strptime(bare, form).replace(tzinfo=VIETNAM).astimezone(UTC)
        except ValueError:
            continue
    return None


# --- answers ----------------------------------------------------------------------------------------------


class WireValue(BaseModel):
    """A thing of the axis under its own names; unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Envelope(WireValue):
    """What every JSON answer begins with."""

    status: LooseText = ""
    error_code: LooseText = Field(alias="ErrorCode")
    error_desc: LooseText = Field(default="", alias="ErrorDesc")
    doc_id: LooseText = Field(default="", alias="DocId")
    """`sendEdoc` only; `""` or `"0"` when it failed."""
    count: int | None = None
    data: Any = None

    @property
    def succeeded(self) -> bool:
        """The one test of success: no particular failure code is documented anywhere."""
        return self.error_code == "0" and self.status != "FAIL"

    @property
    def contradicts_itself(self) -> bool:
        """Whether code and status say opposite things."""
        return (self.error_code == "0") != (self.status != "FAIL")


def envelope_of(value: object) -> Envelope | None:
    """The answer's envelope, or None for anything else that happens to be JSON."""
    try:
        return Envelope.model_validate(value) if isinstance(value, dict) else None
    except ValidationError:
        return None


class ReceivedEdoc(WireValue):
    """A row of `getReceivedEdocList`."""

    doc_id: LooseText = Field(alias="docId", min_length=1)
    service_type: LooseText = Field(default="", alias="serviceType")
    message_type: LooseText = Field(default="", alias="messageType")
    created_time: LooseText = ""
    updated_time: LooseText = ""
    sender: LooseText = Field(default="", alias="from")
    recipient: LooseText = Field(default="", alias="to")
    status: LooseText = ""
    status_desc: LooseText = ""


class SentEdoc(WireValue):
    """A row of `getSentEdocList`: one for each document and recipient."""

    service_type: LooseText = Field(default="", alias="serviceType")
    message_type: LooseText = Field(default="", alias="messageType")
    sender_doc_id: LooseText = Field(default="", alias="senderDocId")
    """What the real axis puts here is not known; our simulator puts the `DocId` of `sendEdoc`."""
    receiver_doc_id: LooseText = Field(default="", alias="receiverDocId")
    from_code: LooseText = Field(default="", alias="fromCode")
    to_code: LooseText = Field(default="", alias="toCode")
    title: LooseText = ""
    notation: LooseText = ""
    """The symbol alone or number/symbol."""
    sent_time: LooseText = Field(default="", alias="sentTime")
    received_time: LooseText = Field(default="", alias="receivedTime")
    send_status: LooseText = Field(default="", alias="sendStatus")
    send_status_desc: LooseText = Field(default="", alias="sendStatusDesc")
    receive_status: LooseText = Field(default="", alias="receiveStatus")
    receive_status_desc: LooseText = Field(default="", alias="receiveStatusDesc")

    @property
    def sent_at(self) -> datetime | None:
        """When it was sent, in UTC; None where that cannot be read."""
        return parse_list_time(self.sent_time)


class AgencyRow(WireValue):
    """A row of `getAgenciesList` and of `getAgenciesListQD20`."""

    id: LooseText = ""
    pid: LooseText = ""
    code: LooseText = ""
    """The QCVN 102 form in the first list, the QĐ 20 form in the second."""
    name: LooseText = ""
    mail: LooseText = ""
    old_code: LooseText = Field(default="", alias="oldCode")
    code102: LooseText = ""


class UnitRow(WireValue):
    """A row of `getSynchronizeUnit`; `version` and `modifyDate` allow to follow changes only."""

    id: LooseText = ""
    pid: LooseText = ""
    code: LooseText = ""
    name: LooseText = ""
    mail: LooseText = ""
    version: int = 0
    center_code: LooseText = Field(default="", alias="centerCode")
    deleted: bool = False
    modify_date: LooseText = Field(default="", alias="modifyDate")
    is_agency: bool = Field(default=True, alias="isAgency")


class NewAgency(WireValue):
    """What `registerAgency` wants."""

    id: str
    pcode: str
    """Code of the parent agency."""
    code: str
    name: str
    mail: str = ""
    mobile: str = ""
    fax: str = ""
