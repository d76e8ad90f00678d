"""From whom revocation may be asked over the network (`online.toml` of the trust folder), and how much.

A certificate names the addresses of its responder and its list itself. Whoever made the certificate may
have written anything there, so an address is only a wish: it is followed if its host is on the list of
those the operator named or the operator's own pinned certificates name, and never into private networks.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ebrvt_connect.codec.faults_vi import os_fault_vi, toml_fault_vi
from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.model.wrong_words import perhaps, what_is_wrong

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic_core import ErrorDetails

ONLINE_SETTINGS_INVALID = explain(
    "ONLINE_SETTINGS_INVALID",
    "Tệp cấu hình tra cứu thu hồi trực tuyến {file} không hợp lệ ({reason}).",
    "Sửa tệp này: mục [revocation] (hosts, private_hosts, rewrite và các giới hạn) theo "
    "docs/operate/revocation.md, mục [refresh] (crls) theo docs/operate/trust.md.",
)
MIB = 1024 * 1024
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:]+:[0-9a-f:.]*")
"""A name or an address; no patterns: a list of hosts is a list of hosts."""
FILE_NAME = "online.toml"
"""In the trust folder, tables `[revocation]` and `[refresh]`."""


class OnlineSettings(BaseModel):
    """What may be fetched, from where and within which limits (cấu hình tra cứu thu hồi trực tuyến)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    hosts: tuple[str, ...] = ()
    """Hosts that may be asked: `ocsp.example.vn`, `ocsp.example.vn:8080`; nothing else is."""
    private_hosts: tuple[str, ...] = ()
    """Those of `hosts` that may stand in a private, loopback or link-local network."""
    rewrite: dict[str, str] = Field(default_factory=dict)
    """Old address -> address to ask instead: `"http://ocsp.ca.old" = "http://ocsp.ca.vn"`; the host must be
    equal, the path may go on."""
    largest_crl_bytes: int = Field(default=20 * MIB, gt=0, le=64 * MIB)
    largest_ocsp_bytes: int = Field(default=100 * 1024, gt=0, le=MIB)
    call_seconds: float = Field(default=10.0, gt=0, le=120)
    """For one request, from looking up the name to the last byte."""
    total_seconds: float = Field(default=30.0, gt=0, le=600)
    """For everything one verification asks."""
    tries: int = Field(default=2, ge=1, le=5)
    parallel: int = Field(default=4, ge=1, le=16)
    """Requests at a time."""
    nonce: bool = False
    """Send a nonce with OCSP requests; an answer that carries another one is refused."""
    cache_bytes: int = Field(default=512 * MIB, ge=0)
    """How much the disk cache may hold; the oldest goes first."""

    @field_validator("hosts", "private_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not is_host(host):
                raise ValueError(f"expected a host or host:port, got {host!r}")
        return tuple(dict.fromkeys(host.lower() for host in value))

    @field_validator("rewrite")
    @classmethod
    def _addresses(cls, value: dict[str, str]) -> dict[str, str]:
        for address in (*value, *value.values()):
            place = urlsplit(address)
            if place.scheme not in {"http", "https"} or not place.hostname or place.query or "@" in address:
                raise ValueError(f"expected http://host or https://host, got {address!r}")
        return value

    def rewritten(self, url: str) -> str:
        """The address to ask instead of `url`; a longer rule goes before a shorter one."""
        for old in sorted(self.rewrite, key=len, reverse=True):
            place, wanted = urlsplit(url), urlsplit(old)
            base = wanted.path.rstrip("/")
            within = place.path == base or place.path.startswith(base + "/")
            if within and _origin(place.scheme, place.netloc) == _origin(wanted.scheme, wanted.netloc):
                rest = place.path[len(base) :] + (f"?{place.query}" if place.query else "")
                return self.rewrite[old].rstrip("/") + rest
        return url

    def with_hosts(self, hosts: Iterable[str]) -> OnlineSettings:
        """The same with further hosts allowed; raises `ValueError` for what is no host."""
        wanted = {**self.model_dump(), "hosts": (*self.hosts, *hosts)}
        return OnlineSettings.model_validate(wanted)


class RefreshSettings(BaseModel):
    """Where `ebrvt trust refresh` fetches revocation lists from, besides what certificates name."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    crls: tuple[str, ...] = ()
    """Addresses of lists; their hosts may be asked for them."""


class OnlineFile(BaseModel):
    """`online.toml` whole: a table spelt wrongly is refused, or its limits would vanish."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    revocation: OnlineSettings = OnlineSettings()
    refresh: RefreshSettings = RefreshSettings()


def is_host(text: str) -> bool:
    """Whether a text is a host or host:port, and nothing besides."""
    try:
        place = urlsplit(f"http://{text}")
        _ = place.port
    except ValueError:
        return False
    return place.netloc == text and "@" not in text and _HOST.fullmatch(place.hostname or "") is not None


def load_online_settings(folder: Path) -> OnlineSettings:
    """The settings in a trust folder's `online.toml`; the defaults (no host) where it is not there.

    Raises `HeldForPerson` `ONLINE_SETTINGS_INVALID` (scope system).
    """
    return load_online_file(folder).revocation


def load_online_file(folder: Path) -> OnlineFile:
    """All of a trust folder's `online.toml`; raises as `load_online_settings`."""
    try:
        content = (folder / FILE_NAME).read_bytes()
    except FileNotFoundError:
        return OnlineFile()
    except OSError as failure:
        raise _invalid(os_fault_vi(failure), str(failure)) from failure
    try:
        return OnlineFile.model_validate(tomllib.loads(content.decode()))
    except ValidationError as failure:
        first = failure.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _invalid(f"{place[:80]}: {_wrong_vi(first)}", f"{place}: {first['msg']}") from failure
    except ValueError as failure:
        raise _invalid(toml_fault_vi(failure), str(failure)) from failure


_NO_HOST = "phải là máy chủ hoặc máy chủ:cổng, ví dụ ocsp.ca.gov.vn"
_REFUSED_VI = {
    "hosts": _NO_HOST,
    "private_hosts": _NO_HOST,
    "rewrite": "phải là địa chỉ dạng http://máy-chủ hoặc https://máy-chủ",
}


def _wrong_vi(error: ErrorDetails) -> str:
    """What is wrong with a value, as half a sentence."""
    if error["type"] == "value_error":
        return _REFUSED_VI.get(str(error["loc"][1]), "giá trị không dùng được")
    if error["type"] == "extra_forbidden":
        return f"không có mục này{perhaps(str(error['loc'][-1]), _names_beside(error['loc']))}"
    return what_is_wrong(error)


def _names_beside(loc: tuple[int | str, ...]) -> Iterable[str]:
    tables = OnlineFile.model_fields
    if len(loc) == 1:
        return tables
    table: type[BaseModel] = OnlineSettings if loc[0] == "revocation" else RefreshSettings
    return table.model_fields


def _origin(scheme: str, netloc: str) -> str:
    """Scheme, host and port, spelled one way."""
    place = urlsplit(f"{scheme}://{netloc}")
    port = place.port or {"http": 80, "https": 443}.get(scheme.lower())
    return f"{scheme.lower()}://{place.hostname}:{port}"


def _invalid(reason: str, detail: str) -> HeldForPerson:
    return HeldForPerson(
        ONLINE_SETTINGS_INVALID,
        f"{FILE_NAME}: {detail}",
        scope=Scope.SYSTEM,
        system="trust",
        operation="load",
        file=FILE_NAME,
        reason=reason,
    )
