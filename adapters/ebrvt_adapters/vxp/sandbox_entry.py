"""The simulated axis' door: who asks, is the envelope authentic, is the file the one it announces."""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from ebrvt_adapters.vxp import wire
from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.ids import AgencyCode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime, timedelta

    from ebrvt_connect.model.message import BlobRef
    from ebrvt_connect.ports.simulator import SimRequest, World

CHUNK_BYTES = 256 * 1024


class VxpAccount(BaseModel):
    """A registered system, and how the simulator shall behave (`[[vxp]]` of the sandbox's TOML)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    systemid: str = "sandbox.vxp.01"
    secret: str = "sandbox-secret"  # noqa: S105 - opens nothing but the simulator
    agencies: tuple[AgencyCode, ...] = tuple(
        AgencyCode(code) for code in ("000.00.00.H06", "000.00.15.H06", "000.00.08.H06")
    )
    """Agencies that send and receive through this system."""
    recipients: tuple[AgencyCode, ...] = ()
    """Further agencies the directory knows; the script answers for them."""
    pace_seconds: float = Field(default=0.5, ge=0)
    """Time between the steps of the script; the first account's holds."""
    timestamp_window_seconds: float | None = None
    """Refuse requests whose timestamp is further off than this; the first account's holds. Not enforced
    by default: the vendor's own client sends one timestamp for as long as it runs."""


class Refusal(Exception):
    """The request is answered with FAIL: a kind of `data/sandbox_codes.toml` and the axis' words."""

    def __init__(self, kind: str, said: str) -> None:
        """`said` is un-accented Vietnamese, as the real axis' words are."""
        super().__init__(said)
        self.kind = kind
        self.said = said

    @property
    def code(self) -> str:
        """The synthetic ErrorCode."""
        return _codes()[self.kind]


@cache
def _codes() -> dict[str, str]:
    return tomllib.loads(files(__package__).joinpath("data/sandbox_codes.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request: who asks, and the signed headers by lower-case name."""

    account: VxpAccount
    signed: Mapping[str, str]
    request: SimRequest
    now: datetime

    @property
    def systemid(self) -> str:
        """The system that asks."""
        return self.account.systemid

    def given(self, name: str) -> str:
        """A signed header's value; empty where it is absent."""
        return self.signed.get(name.lower(), "")

    def queue(self) -> wire.MessageType:
        """Which queue is meant (`messagetype`); documents if not said."""
        try:
            return wire.MessageType(self.given("messagetype") or wire.MessageType.EDOC)
        except ValueError:
            raise Refusal("missing-header", "Thieu header messagetype hop le") from None

    def period(self) -> tuple[datetime | None, datetime | None]:
        """`fromDate` and `toDate`, where they can be read."""
        return wire.parse_list_time(self.given("fromDate")), wire.parse_list_time(self.given("toDate"))


def authenticated(
    request: SimRequest,
    now: datetime,
    *,
    accounts: Mapping[str, VxpAccount],
    versions: Collection[str],
    window: timedelta | None,
) -> Call:
    """Rebuild the signed text from the headers that really came, in the order they name, and compare.

    Signed headers of no use to the operation are tolerated: the vendor's client leaks those of earlier
    calls. Raises `Refusal`.
    """
    sent = _axis_headers(request)
    for name in ("systemid", "sign-header-key", "sign-header", "hash-header"):
        if name not in sent:
            raise Refusal("missing-header", f"Thieu header {name}")
    account = accounts.get(sent["systemid"])
    if account is None:
        raise Refusal("unknown-system", "systemid khong ton tai")
    names = sent["sign-header-key"].split(";")
    signed = {name.lower(): sent[name.lower()] for name in names if name.lower() in sent}
    rebuilt = wire.sign_header((name, signed.get(name.lower(), "")) for name in names)
    expected = wire.hash_header(rebuilt, account.secret)
    genuine = (
        len(signed) == len(names)
        and {"systemid", "timestamp"} <= signed.keys()
        and rebuilt == sent["sign-header"]
        and hmac.compare_digest(expected.encode(), sent["hash-header"].encode())
    )
    plain_type = request.header("Content-Type")
    if (
        not genuine
        or sent.get("version") not in versions
        or plain_type not in {None, sent.get("content-type")}
    ):
        raise Refusal("bad-signature", "Sai chu ky (hash-header)")
    _check_timestamp(sent["timestamp"], now, window)
    return Call(account, signed, request, now)


def _axis_headers(request: SimRequest) -> dict[str, str]:
    """The `XroadVnpt-` headers by lower-case name without prefix; a server may have changed the case."""
    prefix = wire.HEADER_PREFIX.lower()
    found: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        name = raw_name.decode("latin-1").lower()
        if name.startswith(prefix):
            # Twice the same header: the last one counts, so an added one breaks the signature.
            found[name.removeprefix(prefix)] = raw_value.decode("utf-8", "replace")
    return found


def _check_timestamp(text: str, now: datetime, window: timedelta | None) -> None:
    try:
        moment = wire.parse_timestamp(text)
    except ValueError:
        raise Refusal("bad-signature", "Timestamp khong hop le") from None
    if window is not None and abs(now - moment) > window:
        raise Refusal("bad-signature", "Het han timestamp")


def named_recipients(call: Call) -> tuple[str, ...]:
    """The `to` header, which if present must be the text of a JSON array of codes."""
    text = call.given("to")
    if not text:
        return ()
    try:
        value = json_value(text.encode())
    except InvalidValue:
        value = None
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        raise Refusal("missing-header", "Thieu header to hop le")
    return tuple(value)


@dataclass(frozen=True, slots=True)
class SentFile:
    """The edXML file inside a request's body: all of it, or all but the CRLF behind it."""

    body: BlobRef
    sha256: str
    size_bytes: int

    def chunks(self, world: World) -> Iterator[bytes]:
        """Its bytes."""
        left = self.size_bytes
        with world.open(self.body.sha256) as stream:
            while left and (piece := stream.read(min(CHUNK_BYTES, left))):
                left -= len(piece)
                yield piece


def announced_file(call: Call, world: World) -> SentFile:
    """The file whose SHA-256 is `hash-file`, in the vendor's or the correct spelling; raises `Refusal`."""
    body, announced = call.request.body, call.given("hash-file").lower()
    if not announced:
        raise Refusal("missing-header", "Thieu header hash-file")
    for candidate in _candidates(body, world):
        if announced in {candidate.sha256, wire.file_hash(candidate.sha256)}:
            return candidate
    raise Refusal("invalid-packet", "Sai hash-file")


def _candidates(body: BlobRef, world: World) -> Iterator[SentFile]:
    inner = body.size_bytes - len(wire.CRLF)
    with world.open(body.sha256) as stream:
        stream.seek(max(inner, 0))
        ends_with_crlf = stream.read() == wire.CRLF
    if ends_with_crlf:
        digest = hashlib.sha256()
        for piece in SentFile(body, "", inner).chunks(world):
            digest.update(piece)
        yield SentFile(body, digest.hexdigest(), inner)
    yield SentFile(body, body.sha256, body.size_bytes)
