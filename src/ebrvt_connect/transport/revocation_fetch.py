"""One guarded request for a revocation list or an OCSP answer; what comes back is bytes nobody trusts yet.

Only http and https, only hosts on the operator's list, no redirect, nothing larger than the limit, and the
address a name resolves to is looked at right before the connection is made: a public name that points
into a private network is not followed there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from ebrvt_connect.errors import ConnectError
from ebrvt_connect.transport import failures
from ebrvt_connect.transport.connection import AddressRefused
from ebrvt_connect.transport.http import HttpRequest, HttpSettings, HttpTransport
from ebrvt_connect.transport.patience import with_patience

if TYPE_CHECKING:
    from datetime import datetime
    from urllib.parse import SplitResult

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.transport.http import HttpReply
    from ebrvt_connect.transport.revocation_settings import OnlineSettings

_SYSTEM = "revocation"
_OK = 200
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = ip_network("64:ff9b::/96")
"""Leads to any IPv4 address (RFC 6052), a private one too where the network's gateway lets it."""


class NotFetched(Exception):
    """Nothing usable came; `reason_vi` completes "không tra cứu được trực tuyến (...)"."""

    def __init__(self, reason_vi: str) -> None:
        """Keep the reason; it names hosts, never paths or contents."""
        super().__init__(reason_vi)
        self.reason_vi = reason_vi


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered."""

    url: str
    """As asked: after rewriting."""
    content: bytes
    fetched_at: datetime


class Deadline:
    """How long everything together may still take."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        """It begins now."""
        self._clock = clock
        self._ends_at = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, never below nothing."""
        return max(self._ends_at - self._clock.monotonic(), 0.0)


class RevocationFetcher:
    """Asks responders and list servers under the operator's limits; may be shared by threads."""

    def __init__(self, settings: OnlineSettings, *, clock: Clock) -> None:
        """Opens no connection."""
        self.settings = settings
        self._clock = clock
        self._slots = threading.BoundedSemaphore(settings.parallel)
        self._making = threading.Lock()
        self._transports: dict[str, HttpTransport] = {}

    def get(self, url: str, *, deadline: Deadline | None = None) -> Fetched:
        """A revocation list; raises `NotFetched`."""
        return self._ask(url, b"", "", self.settings.largest_crl_bytes, deadline)

    def post(self, url: str, body: bytes, content_type: str, *, deadline: Deadline | None = None) -> Fetched:
        """An answer to an OCSP request; raises `NotFetched`."""
        return self._ask(url, body, content_type, self.settings.largest_ocsp_bytes, deadline)

    def close(self) -> None:
        """Close all connections."""
        with self._making:
            for transport in self._transports.values():
                transport.close()
            self._transports.clear()

    def _ask(
        self, url: str, body: bytes, content_type: str, limit: int, deadline: Deadline | None
    ) -> Fetched:
        address = self.settings.rewritten(url)
        place = self._allowed(address)
        until = deadline or Deadline(self.settings.total_seconds, self._clock)
        if not self._slots.acquire(timeout=until.left or 0.001):
            raise NotFetched("quá thời gian cho phép")
        try:
            reply = self._answered(place, body, content_type, limit, until)
        finally:
            self._slots.release()
        if reply.status != _OK:
            raise NotFetched(f"{place.netloc} trả lời mã HTTP {reply.status}")
        return Fetched(address, reply.body, reply.received_at or self._clock.now())

    def _allowed(self, address: str) -> SplitResult:
        """The parts of an address that may be asked; raises `NotFetched`."""
        try:
            place = urlsplit(address)
            port = place.port or _DEFAULT_PORTS.get(place.scheme)
        except ValueError:
            raise NotFetched("địa chỉ sai cú pháp") from None
        if place.scheme not in _DEFAULT_PORTS or not place.hostname or "@" in place.netloc:
            raise NotFetched("địa chỉ không phải http hoặc https")
        if not _listed(place.hostname, port, place.scheme, self.settings.hosts):
            raise NotFetched(f"máy chủ {place.netloc[:100]} không có trong danh sách được phép")
        return place

    def _answered(
        self, place: SplitResult, body: bytes, content_type: str, limit: int, until: Deadline
    ) -> HttpReply:
        try:
            transport = self._transport(place)

            def attempt() -> HttpReply:
                left = until.left
                if left <= 0:
                    raise NotFetched("quá thời gian cho phép")
                try:
                    return transport.send(_request(place, body, content_type, limit, left, self.settings))
                except ConnectError as failure:
                    if reason := _final(failure, limit):
                        raise NotFetched(f"{place.netloc} {reason}") from failure
                    raise

            return with_patience(
                attempt, clock=self._clock, tries=self.settings.tries, limit_seconds=min(until.left, 3.0)
            )
        except ConnectError as failure:
            raise NotFetched(f"{place.netloc} {_LATER_VI.get(failure.code, failure.code)}") from failure
        except ValueError as failure:
            raise NotFetched("địa chỉ sai cú pháp") from failure

    def _transport(self, place: SplitResult) -> HttpTransport:
        """One client for each origin; its connections are few."""
        origin = f"{place.scheme}://{place.netloc}"
        with self._making:
            if origin not in self._transports:
                settings = HttpSettings(
                    url=origin,
                    connect_seconds=min(5.0, self.settings.call_seconds),
                    read_seconds=min(5.0, self.settings.call_seconds),
                    pool_size=self.settings.parallel,
                )
                port = place.port or _DEFAULT_PORTS[place.scheme]
                private = _listed(place.hostname or "", port, place.scheme, self.settings.private_hosts)
                self._transports[origin] = HttpTransport(
                    settings,
                    system=_SYSTEM,
                    clock=self._clock,
                    admits=None if private else is_public,
                )
            return self._transports[origin]


_LATER_VI = {
    failures.NAME_NOT_FOUND.code: "không tìm thấy tên máy chủ (DNS)",
    failures.REFUSED.code: "từ chối kết nối",
    failures.UNREACHABLE.code: "không kết nối được qua mạng",
    failures.CONNECT_TIMEOUT.code: "không trả lời yêu cầu kết nối",
    failures.REPLY_TIMEOUT.code: "không trả lời xong trong thời gian cho phép",
    failures.CONNECTION_LOST.code: "ngắt kết nối giữa chừng",
    failures.UNREADABLE_REPLY.code: "trả lời bằng nội dung không đọc được",
    failures.TLS_EXPIRED.code: "có chứng thư TLS đã hết hạn",
    failures.TLS_UNKNOWN_CA.code: "có chứng thư TLS chưa được tin cậy",
    failures.TLS_WRONG_HOST.code: "có chứng thư TLS cấp cho tên khác",
    failures.PROXY_FAILED.code: "không tới được qua máy chủ proxy",
}
"""What a server did, by the code of the failure; others are told by their code (docs/operate/errors.md)."""


def _final(failure: ConnectError, limit: int) -> str:
    """Why asking again is of no use, in Vietnamese; empty where it may be."""
    if isinstance(failure.__cause__, AddressRefused):
        return (
            "trỏ vào mạng nội bộ nên không hỏi; nếu đúng là máy chủ được phép hỏi thì ghi thêm vào "
            "private_hosts, mục [revocation] của online.toml"
        )
    return f"trả lời quá {limit} byte" if failure.code == failures.REPLY_TOO_LARGE.code else ""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network, also behind IPv4-in-IPv6 spellings."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    teredo = getattr(found, "teredo", None)
    if inner is not None:
        found = inner
    elif teredo is not None or (found.version == 6 and found in _NAT64):  # noqa: PLR2004 - IPv6
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def _listed(host: str, port: int | None, scheme: str, hosts: tuple[str, ...]) -> bool:
    """Whether a host is on the list: named with that port, or without one for the scheme's own."""
    name = f"[{host}]" if ":" in host else host
    if f"{name}:{port}".lower() in hosts:
        return True
    return name.lower() in hosts and port == _DEFAULT_PORTS.get(scheme)


def _request(
    place: SplitResult, body: bytes, content_type: str, limit: int, left: float, settings: OnlineSettings
) -> HttpRequest:
    headers = (("Content-Type", content_type),) if body else ()
    return HttpRequest(
        operation="ocsp" if body else "crl",
        method="POST" if body else "GET",
        path=place.path or "/",
        query=tuple(parse_qsl(place.query, keep_blank_values=True)),
        headers=headers,
        body=body,
        safe=True,  # asking for a status changes nothing there
        deadline_seconds=min(settings.call_seconds, left),
        max_response_bytes=limit,
    )
