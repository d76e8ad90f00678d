"""The shape of `ebrvt.toml` as frozen typed objects (see docs/operate/configuration.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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
CONFIG_FOLDER = explain(
    "CONFIG_FOLDER",
    "Phải là một thư mục của máy này.",
    "Ghi đường dẫn thư mục, tính từ nơi đặt tệp cấu hình.",
)
CONFIG_BREAKER_RESTS = explain(
    "CONFIG_BREAKER_RESTS",
    "Mục breaker_rest không được dài hơn breaker_longest_rest.",
    "Giảm breaker_rest hoặc tăng breaker_longest_rest.",
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


def _a_folder(value: str) -> str:
    if not value or "://" in value:
        raise InvalidValue(CONFIG_FOLDER, "expected a folder of this machine")
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


class StoreConfig(Section):
    """Where the ledger and the blobs lie."""

    url: Annotated[str, Field(pattern=r"^(sqlite:///|postgresql\+psycopg://).")] = "sqlite:///var/ebrvt.db"
    """`sqlite:///path`, relative to the configuration file, or `postgresql+psycopg://...`."""
    blobs: Annotated[str, AfterValidator(_a_folder)] = "var/blobs"
    """A folder, relative to the configuration file."""


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
