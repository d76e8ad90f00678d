"""What goes over the wire for others to read: plain HTTP, but to this machine and the listed networks."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ebrvt_connect.errors import explain

if TYPE_CHECKING:
    from ebrvt_connect.ops.config import LoadedConfig

CONFIG_INSECURE = explain(
    "CONFIG_INSECURE",
    "Hệ thống {system}: môi trường production không cho phép {what}.",
    "Dùng HTTPS có kiểm tra chứng thư; mạng nội bộ không mã hóa phải khai báo ở plain_http_networks.",
)

_PLAIN_HTTP = "http"


def plain_http(url: str, loaded: LoadedConfig) -> str | None:
    """`http://host` where a URL is not protected and leads to none of the listed networks."""
    place = urlsplit(url)
    plain = place.scheme == _PLAIN_HTTP and not _listed(place.hostname, loaded)
    return f"http://{place.hostname}" if plain else None


def stays_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listed(host: str | None, loaded: LoadedConfig) -> bool:
    """Whether plain HTTP may go there. A name other than `localhost` is in no network we know of."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host == "localhost"
    return any(address in network for network in loaded.config.plain_http_networks)
