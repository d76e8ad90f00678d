"""The shape of `ebrvt.toml` as frozen typed objects (see docs/operate/configuration.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.model.message import Kind
from ebrvt_connect.ops.config_words import perhaps
from ebrvt_connect.resilience.calendar import closing_of
from ebrvt_connect.trust.policy import PolicyId

CONFIG_DURATION = explain(
    "CONFIG_DURATION",
    "Thời lượng phải kèm đơn vị và dài hơn 0.",
    "Viết ví dụ “500ms”, “10s”, “5m”, “2h” hoặc “1d”.",
)
CONFIG_BREAKER_RESTS = explain(
    "CONFIG_BREAKER_RESTS",
    "Mục breaker_rest không được dài hơn breaker_longest_rest.",
    "Giảm breaker_rest hoặc tăng breaker_longest_rest.",
)
CONFIG_BLOBS = explain(
    "CONFIG_BLOBS",
    "Phải là một thư mục của máy này, hoặc s3://kho/tiền-tố kèm bảng [store.s3].",
    "Ghi đường dẫn thư mục tính từ nơi đặt tệp cấu hình; với s3:// khai báo thêm [store.s3].",
)
CONFIG_REFERENCE = explain(
    "CONFIG_REFERENCE",
    "Khóa bí mật phải là một tham chiếu, không ghi thẳng trong cấu hình.",
    "Viết {{ file = … }}, {{ env = … }}, {{ credential = … }} hoặc {{ command = […] }}.",
)
CONFIG_RETENTION = explain(
    "CONFIG_RETENTION",
    "Thời hạn lưu giữ này phải từ {least} ngày trở lên.",
    "Tăng thời hạn, hoặc ghi “forever” để không bao giờ xóa; lý do xem docs/operate/storage.md.",
)
CONFIG_SIZE = explain(
    "CONFIG_SIZE",
    "Dung lượng phải kèm đơn vị và lớn hơn 0.",
    "Viết ví dụ “500kB”, “200MB”, “2GB” hoặc “1TB”.",
)
CONFIG_CLOSING = explain(
    "CONFIG_CLOSING",
    "Không hiểu khoảng ngừng giao dịch “{text}”.",
    "Viết theo một trong các mẫu (giờ Việt Nam): “Sat 22:00-Sun 06:00”, “daily 23:00-01:00”, "
    "“Mon-Fri 11:30-13:00”, “2026-12-01 08:00/2026-12-02 17:00”, “public holidays”.",
)
CONFIG_KINDS = explain(
    "CONFIG_KINDS",
    "Chỉ nhận một hoặc nhiều loại khác nhau trong: {allowed}{perhaps}.",
    "Sửa carries của liên kết.",
)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d)")


def parse_duration(value: object) -> object:
    """`"500ms"`, `"10s"`, `"5m"`, `"2h"`, `"1d"` as a timedelta; anything else is refused."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    # A bare number would have no unit; pydantic would take it for seconds.
    detail = 'expected a duration with its unit, such as "500ms", "10s", "5m", "2h" or "1d"'
    raise InvalidValue(CONFIG_DURATION, detail)


_SIZES = {"kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4}
_SIZE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(kb|mb|gb|tb)", re.IGNORECASE)


def parse_size(value: object) -> object:
    """`"500kB"`, `"200MB"`, `"2GB"`, `"1TB"` as bytes (thousands, not 1024s); anything else is refused."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return int(float(match[1]) * _SIZES[match[2].lower()])
    raise InvalidValue(CONFIG_SIZE, 'expected a size with its unit, such as "500kB", "200MB", "2GB" or "1TB"')


def _a_closing(value: str) -> str:
    try:
        return closing_of(value).words
    except ValueError as failure:
        raise InvalidValue(CONFIG_CLOSING, str(failure), text=value) from failure


Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(gt=timedelta(0))]
"""A length of time, longer than nothing."""


_FOREVER = "forever"
_NONE = "none"
_S3 = "s3://"
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?")


def _or_for_ever(value: object) -> object:
    return None if value == _FOREVER else parse_duration(value)


def _size_or_none(value: object) -> object:
    return None if value == _NONE else parse_size(value)


def _at_least(days: int) -> AfterValidator:
    def long_enough(value: timedelta | None) -> timedelta | None:
        if value is not None and value < timedelta(days=days):
            raise InvalidValue(CONFIG_RETENTION, f"expected at least {days} days", least=days)
        return value

    return AfterValidator(long_enough)


Period = Annotated[timedelta | None, BeforeValidator(_or_for_ever)]
"""A length of time, or `"forever"`."""


def _blobs_place(value: str, others: ValidationInfo) -> str:
    if not value or ("://" in value and not _BUCKET.fullmatch(value)):
        raise InvalidValue(CONFIG_BLOBS, "expected a folder of this machine or s3://bucket/prefix")
    if "s3" in others.data and value.startswith(_S3) != (others.data["s3"] is not None):
        raise InvalidValue(CONFIG_BLOBS, "an s3:// place needs [store.s3], and a folder has none")
    return value


class Section(BaseModel):
    """A table of the file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Environment(StrEnum):
    """Where this runs; `production` refuses what only a sandbox may do."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


class ProvinceConfig(Section):
    """Whose systems these are (tỉnh, thành phố)."""

    code: AgencyCode
    """Official code of the level-1 agency (mã định danh cấp 1)."""
    timezone: Literal["Asia/Ho_Chi_Minh"] = "Asia/Ho_Chi_Minh"
    agencies: Path | None = None
    """Data file with the successions of agency codes and their dates."""
    holidays: Path | None = None
    """Data file with the public holidays of each year, in place of the one that comes with the program."""


class RetryConfig(Section):
    """How long to wait between tries: full jitter below each rung, the last one repeats."""

    ladder: Annotated[tuple[Duration, ...], Field(min_length=1)] = tuple(
        timedelta(minutes=m) for m in (1, 5, 15, 60, 120, 240, 360)
    )
    breaker_failures: int = Field(default=5, ge=1)
    """So many failures in a row, and the system is left alone for a while."""
    breaker_rest: Duration = timedelta(seconds=30)
    """How long at first; it doubles while the system stays away."""
    breaker_longest_rest: Duration = timedelta(minutes=5)

    @model_validator(mode="after")
    def _rests_in_order(self) -> RetryConfig:
        if self.breaker_rest > self.breaker_longest_rest:
            raise InvalidValue(
                CONFIG_BREAKER_RESTS, "breaker_rest must not be longer than breaker_longest_rest"
            )
        return self


def _a_reference(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) != 1 or not value.keys() <= {"file", "env", "credential", "command"}:
        raise InvalidValue(CONFIG_REFERENCE, "expected one of file, env, credential, command")
    return value


SecretReference = Annotated[dict[str, Any], AfterValidator(_a_reference)]
"""Where a secret is; never the secret."""


class S3Config(Section):
    """An S3-compatible server (kho đối tượng) that keeps blobs."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s@/?#]+/?$")]
    """Its address, such as `"https://s3.tinh.gov.vn"`."""
    region: str = "us-east-1"
    """As the server calls its region; most that are not Amazon's take any."""
    access_key: SecretReference
    """The name of the account, as a secret reference."""
    secret_key: SecretReference
    ca: Path | None = None
    """The authorities to trust for its HTTPS (PEM). Without it: those that browsers trust."""
    connect_timeout: Duration = timedelta(seconds=5)
    read_timeout: Duration = timedelta(seconds=30)
    tries: int = Field(default=3, ge=1, le=10)
    """Of one call, within a few seconds; then everything pauses, and goes on by itself."""


class StoreConfig(Section):
    """Where the ledger and the blobs lie."""

    url: Annotated[str, Field(pattern=r"^(sqlite:///|postgresql\+psycopg://).")] = "sqlite:///var/ebrvt.db"
    """`sqlite:///path`, relative to the configuration file, or `postgresql+psycopg://...`."""
    s3: S3Config | None = None
    """The server of an `s3://` place."""
    blobs: Annotated[str, AfterValidator(_blobs_place)] = Field("var/blobs", validate_default=True)
    """A folder, relative to the configuration file, or `s3://bucket/prefix`."""
    reserve: Annotated[int | None, BeforeValidator(_size_or_none)] = 8 * 1000**2
    """Disk space kept back so that a full disk can be told of, such as `"8MB"`; `"none"` for none."""


class TrustConfig(Section):
    """The pinned trust folder and the verification policy."""

    folder: Path = Path("trust")
    policy: PolicyId = "VN_2025"
    revocation: Literal["offline"] = "offline"


class Limits(Section):
    """How hard a system may be pressed, by all workers together."""

    in_flight: int = Field(default=4, ge=1, le=64)
    """Calls at a time."""
    per_second: float = Field(default=50.0, gt=0)
    """Calls begun a second, evenly; `in_flight` may come together after a quiet time."""
    bytes_per_day: Annotated[int, BeforeValidator(parse_size), Field(gt=0)] | None = None
    """Payload bytes sent within a day of Vietnam, such as `"2GB"`; what does not fit waits for midnight."""


class SystemConfig(Section):
    """One linked system: an instance of an adapter."""

    adapter: str
    dialect: str = ""
    transport: dict[str, Any] = {}
    credentials: dict[str, Any] = {}
    limits: Limits = Limits()
    closed: tuple[Annotated[str, AfterValidator(_a_closing)], ...] = ()
    """When it is left alone, in Vietnam's time: `"Sat 22:00-Sun 06:00"`, `"daily 23:00-01:00"`,
    `"2026-12-01 08:00/2026-12-02 17:00"`, `"public holidays"`."""
    settings: dict[str, Any] = {}
    """Further settings of the adapter; its README names them."""


def _kinds(value: object) -> tuple[Kind, ...]:
    """A word or a list of words, each of them a kind and none of them twice."""
    words = value if isinstance(value, list | tuple) else (value,)
    if not words or len(set(map(str, words))) < len(words) or not set(map(str, words)) <= set(Kind):
        allowed = ", ".join(Kind)
        strange = next((str(word) for word in words if str(word) not in set(Kind)), "")
        raise InvalidValue(
            CONFIG_KINDS,
            f"expected one or several different of {allowed}",
            allowed=allowed,
            perhaps=perhaps(strange, Kind),
        )
    return tuple(Kind(word) for word in words)


GateName = Literal["not-secret", "signed-by-issuing-agency", "results-signed", "results-signed-whole"]
"""What a gate may hold for."""
GATES_OF: Mapping[Kind, frozenset[GateName]] = {
    Kind.DOCUMENT: frozenset({"not-secret", "signed-by-issuing-agency"}),
    Kind.DOSSIER: frozenset({"results-signed", "results-signed-whole"}),
}
"""Which of them judge what; a link that carries neither kind is not judged."""


class LinkConfig(Section):
    """One direction of things that keep their order between two systems."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    carries: Annotated[tuple[Kind, ...], BeforeValidator(_kinds)]
    """One kind, or several whose order matters between them; the first is what the source is asked for."""
    source: Annotated[str, Field(alias="from")]
    target: Annotated[str, Field(alias="to")]
    every: Duration = timedelta(seconds=10)
    give_up_after: Period = None
    """How long a message is tried before it is given up (dead); by itself never: outages last for days."""
    gates: tuple[GateName, ...] = ()
    verify: bool = True
    """Whether documents are verified and travel with their verdict, even where no gate holds them."""


class EngineConfig(Section):
    """Knobs of the daemon's engine; the defaults suit one province on one machine."""

    instance: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,60}$")] = ""
    """This daemon's name among those at one PostgreSQL store; empty: the host's name and a free number."""
    poll: Duration = timedelta(milliseconds=500)
    drains: int = Field(default=4, ge=1, le=16)
    """Drains at once for each system."""
    shards: int = Field(default=16, ge=1, le=64)
    """Fixed once messages are stored; changing it needs an idle store."""
    judges: int = Field(default=4, ge=1, le=32)
    """Threads that verify and prepare."""
    stop_within: Annotated[Duration, Field(le=timedelta(minutes=10))] = timedelta(seconds=30)
    """How long a daemon told to stop waits for the calls under way; what is cut off is asked after later."""


class RetentionConfig(Section):
    """How long things are kept after a message is finished; what waits for somebody is always kept."""

    attempts: Annotated[Period, _at_least(30)] = timedelta(days=730)
    """The lines of its story, with what was answered."""
    contents: Annotated[Period, _at_least(30)] = None
    """Its original, payload and files."""
    evidence: Annotated[Period, _at_least(400)] = None
    """Its verdict and raw receipt; a yearly report still counts signatures by them."""
    blobs: Annotated[Duration, _at_least(1)] = timedelta(days=7)
    """Since a content that nothing names was last written."""
    workflows: Duration = timedelta(minutes=10)
    """The dispatcher's own notes of what it has finished."""


_TSA_URL = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^\s@?#]*)?$"


class ProofTimestampConfig(Section):
    """The authority that stamps the evidence log (tổ chức cấp dấu thời gian)."""

    url: Annotated[str, Field(pattern=_TSA_URL)]
    """Where it answers RFC 3161, path included; it is only told a digest."""
    ca: Path | None = None
    """The authorities to trust for its HTTPS (PEM). Without it: the machine's store."""
    policy_oid: Annotated[str, Field(pattern=r"^[0-2](\.\d+)+$")] | None = None
    """Ask for this policy, and insist on it."""


class ProofConfig(Section):
    """The evidence log; it is kept with or without this table."""

    timestamp: ProofTimestampConfig | None = None
    """Without it seals wait; they are stamped when there is one."""


class AlertCommandConfig(Section):
    """A program run for each alert, which gets it as JSON on its standard input."""

    argv: Annotated[tuple[str, ...], Field(min_length=1)]
    """The program and its arguments; no shell reads them."""
    timeout: Annotated[Duration, Field(le=timedelta(minutes=1))] = timedelta(seconds=30)


class AlertWebhookConfig(Section):
    """A web address that each alert is posted to as JSON."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s@?#]+$")]
    token: SecretReference | None = None
    """Sent as `Authorization: Bearer`."""
    ca: Path | None = None
    """The authorities to trust for its HTTPS (PEM). Without it: the machine's store."""
    proxy: Annotated[str, Field(pattern=r"^http://[^\s@/?#]+/?$")] | None = None


_MAIL_ADDRESS = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,250}$"


class AlertMailConfig(Section):
    """A mailbox that alerts are sent to."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$")]
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` only to a server of this machine."""
    username: str = ""
    password: SecretReference | None = None
    sender: Annotated[str, Field(alias="from", pattern=_MAIL_ADDRESS)]
    to: Annotated[tuple[Annotated[str, Field(pattern=_MAIL_ADDRESS)], ...], Field(min_length=1)]
    ca: Path | None = None
    """The authorities to trust for its TLS (PEM). Without it: the machine's store."""


class AlertsConfig(Section):
    """What is an incident, and who is told of it besides the log."""

    damp: Duration = timedelta(minutes=10)
    """What comes back within this time is the same incident; it is told to be over only then."""
    remind_every: Period = timedelta(days=1)
    """How often people are reminded of what goes on; `"forever"`: never."""
    fetch_failing: Duration = timedelta(minutes=15)
    """A source that could not be fetched from for so long is away."""
    held_long: Period = timedelta(days=1)
    """A message held for so long needs somebody; `"forever"`: none ever does."""
    disk_free: Annotated[int | None, BeforeValidator(_size_or_none)] = 1000**3
    """So little free disk space is an incident, such as `"1GB"`; `"none"` for no such watch."""
    command: AlertCommandConfig | None = None
    webhook: AlertWebhookConfig | None = None
    smtp: AlertMailConfig | None = None


class Config(Section):
    """The whole file."""

    environment: Environment = Environment.SANDBOX
    plain_http_networks: tuple[IPv4Network | IPv6Network, ...] = (
        IPv4Network("127.0.0.0/8"),
        IPv6Network("::1/128"),
    )
    """Networks to which production may speak without TLS (the province's own WAN)."""
    province: ProvinceConfig
    retry: RetryConfig = RetryConfig()
    store: StoreConfig = StoreConfig()
    trust: TrustConfig = TrustConfig()
    engine: EngineConfig = EngineConfig()
    proof: ProofConfig = ProofConfig()
    retention: RetentionConfig = RetentionConfig()
    alerts: AlertsConfig = AlertsConfig()
    systems: dict[str, SystemConfig] = {}
    links: tuple[LinkConfig, ...] = ()
    signing: dict[str, dict[str, Any]] = {}
    """Keys that `ebrvt sign` knows by name; `ops.sign_keys` reads them, since that loads much."""


class CodeSuccessionRow(Section):
    """A row of the agencies data file: from `since`, codes under `old` are found under `new`."""

    old: str
    new: str
    since: date
    source: str = ""
    """Where this is known from."""
    codes: dict[AgencyCode, AgencyCode] = {}
    """The re-coded agencies one by one, in either official spelling."""


class AgenciesFile(Section):
    """The agencies data file."""

    succession: tuple[CodeSuccessionRow, ...] = ()


class HolidayRow(Section):
    """Days off in a row."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date | None, Field(alias="to")] = None
    """The last of them; a single day has none."""
    name: str


class HolidayYear(Section):
    """The public holidays of a year."""

    year: int
    notice: str = ""
    """The government's notice that fixes them; empty: by the law alone, they may still change."""
    days: tuple[HolidayRow, ...]


class HolidaysFile(Section):
    """The holidays data file."""

    year: tuple[HolidayYear, ...] = ()
