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

from ebrvt_connect.errors import HeldForPerson, Scope, explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

ONLINE_SETTINGS_INVALID = explain(
    "ONLINE_SETTINGS_INVALID",
    "Tệp cấu hình tra cứu thu hồi trực tuyến {file} không hợp lệ ({reason}).",
    "Sửa tệp này theo docs/operate/revocation.md: hosts, rewrite, private_hosts và các giới hạn.",
)
MIB = 1024 * 1024
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:]+:[0-9a-f:.]*")
"""A name or an address; no patterns: a list of hosts is a list of hosts."""
FILE_NAME = "online.toml"
"""In the trust folder, table `[revocation]`."""


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
    path = folder / FILE_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return OnlineSettings()
    except OSError as failure:
        raise _invalid(failure.strerror or type(failure).__name__) from failure
    try:
        table: Mapping[str, object] = tomllib.loads(content.decode()).get("revocation", {})
        return OnlineSettings.model_validate(table)
    except ValidationError as failure:
        first = failure.errors()[0]
        raise _invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from failure
    except ValueError as failure:
        raise _invalid(str(failure)) from failure


def _origin(scheme: str, netloc: str) -> str:
    """Scheme, host and port, spelled one way."""
    place = urlsplit(f"{scheme}://{netloc}")
    port = place.port or {"http": 80, "https": 443}.get(scheme.lower())
    return f"{scheme.lower()}://{place.hostname}:{port}"


def _invalid(reason: str) -> HeldForPerson:
    return HeldForPerson(
        ONLINE_SETTINGS_INVALID,
        f"{FILE_NAME}: {reason}",
        scope=Scope.SYSTEM,
        system="trust",
        operation="load",
        file=FILE_NAME,
        reason=reason,
    )
