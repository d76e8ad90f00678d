"""SOAP calls from a WSDL file: zeep makes the message, our own HTTP client carries it, the schema guards it.

* Nothing is loaded over the network and no address of the WSDL is trusted.
* What leaves and what comes back is held to the WSDL's schema; a packet signed beforehand leaves with the
  very bytes that were signed.
* One request for each call, with a UsernameToken made anew; deadline, limits and effects as for all HTTP.
* A channel is shared by all threads. Opening the first one imports zeep.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ebrvt_schemas import open_schema
from lxml import etree
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from ebrvt_connect.codec.soap import SOAP_11, SOAP_LIMITS, embeddable, envelope_bytes, name_of, wrapped
from ebrvt_connect.codec.soap_schema import BodyProblem, told, told_vi
from ebrvt_connect.codec.username_token import PasswordStyle, security_header
from ebrvt_connect.codec.xml import forbidden_character, parse_tree
from ebrvt_connect.errors import ConnectError, HeldForPerson, InvalidValue, Scope, explain
from ebrvt_connect.transport.http import MIB, HttpRequest, HttpTransport
from ebrvt_connect.transport.soap_replies import Call, SoapAnswer, SoapFault, read_reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from lxml.etree import _Element as Element

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.transport.http import HttpSettings
    from ebrvt_connect.transport.soap_zeep import Operation

__all__ = ["SoapAnswer", "SoapChannel", "SoapFault", "SoapService", "UsernameLogin", "Wsdl"]

WSDL_UNUSABLE = explain(
    "WSDL_UNUSABLE",
    "Không dùng được tệp mô tả dịch vụ “{file}” (WSDL) của hệ thống {system}.",
    "Kiểm tra đường dẫn và nội dung tệp WSDL trong cấu hình: một tệp, có lược đồ (XSD) bên trong, kiểu "
    "document/literal; sau đó cho hệ thống {system} chạy tiếp.",
)
PASSWORD_IN_CLEAR = explain(
    "SOAP_PASSWORD_IN_CLEAR",
    "Cấu hình của hệ thống {system} gửi mật khẩu dạng chữ qua đường truyền không mã hóa; chương trình không "
    "gửi.",
    'Dùng địa chỉ https, hoặc chọn style = "digest" nếu hệ thống {system} chấp nhận, rồi cho chạy tiếp.',
)
REQUEST_INVALID = explain(
    "SOAP_REQUEST_INVALID",
    "Nội dung cần gửi tới hệ thống {system} không đúng lược đồ dịch vụ: {problems}. Chưa có gì được gửi đi.",
    "Sửa mục nêu trên ở nguồn số liệu hoặc trong bảng ánh xạ, lập lại gói tin rồi cho gửi lại.",
)

LARGEST_REPLY_BYTES = 4 * MIB
"""Of an answer, unless a call says otherwise."""
_NONCE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Wsdl:
    """A description of a service (tệp WSDL): one file with its schema inside."""

    name: str
    """For messages: the file's name."""
    content: bytes = field(repr=False)

    @classmethod
    def packaged(cls, name: str) -> Self:
        """One that travels with the program, such as `reporting/mic_reporting.wsdl`.

        Raises `FileNotFoundError` when there is none of that name.
        """
        return cls(name.rpartition("/")[2], open_schema(name))

    @classmethod
    def file(cls, path: Path, *, system: str = "") -> Self:
        """One from a file. Raises `HeldForPerson` `WSDL_UNUSABLE` when it cannot be read."""
        try:
            return cls(path.name, path.read_bytes())
        except OSError as failure:
            raise _unusable(path.name, system, failure.strerror or type(failure).__name__) from failure


@dataclass(frozen=True, slots=True)
class SoapService:
    """Where a service is and how it is described."""

    wsdl: Wsdl
    path: str
    """Below the `url` of the HTTP settings; the WSDL's own `soap:address` is not used."""
    binding: str = ""
    """`{namespace}name`, where the WSDL has several SOAP bindings."""


class UsernameLogin(BaseModel):
    """Who we are to a SOAP service (WS-Security UsernameToken)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    username: str = Field(min_length=1)
    """The account the remote gave us."""
    password: SecretStr
    """Its password."""
    style: PasswordStyle = PasswordStyle.DIGEST
    """`digest`: hashed with a nonce and the time; `text`: as it is, only over TLS."""
    text_without_tls: bool = False
    """Send the password as text over plain HTTP all the same: only on a network that is itself encrypted."""

    @field_validator("username", "password")
    @classmethod
    def _fits_into_xml(cls, value: str | SecretStr) -> str | SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if forbidden_character(text):
            raise ValueError("holds a character XML has no place for")
        return value


class SoapChannel:
    """The operations of one SOAP service; shared by all threads that call it."""

    def __init__(
        self,
        service: SoapService,
        http: HttpSettings,
        *,
        system: str,
        clock: Clock,
        login: UsernameLogin | None = None,
    ) -> None:
        """Reads the WSDL and opens no connection.

        Raises `HeldForPerson` for the whole system: `WSDL_UNUSABLE`, `SOAP_PASSWORD_IN_CLEAR`, or what
        `HttpTransport` raises.
        """
        if login is not None and not _may_carry(login, http.url):
            raise HeldForPerson(
                PASSWORD_IN_CLEAR,
                "PasswordText over plain HTTP to another machine",
                scope=Scope.SYSTEM,
                system=system,
                operation="connect",
            )
        self._service = service
        self._system = system
        self._clock = clock
        self._login = login
        self._describe(http.url + service.path)
        self._http = HttpTransport(http, system=system, clock=clock)

    def call(
        self,
        operation: str,
        values: Mapping[str, object],
        *,
        safe: bool,
        deadline_seconds: float = 30.0,
        max_response_bytes: int = LARGEST_REPLY_BYTES,
    ) -> SoapAnswer | SoapFault:
        """Call with values: names of the input element's children to what zeep takes for their types.

        `safe`: a read, or a write that may be made twice. Raises `HeldForPerson` `SOAP_REQUEST_INVALID`
        before anything is sent, `ValueError` for an operation the WSDL has not, else as `call_with_body`.
        """
        asked = self._asked(operation, safe=safe)
        made = self._messages.body(operation, values)
        if isinstance(made, BodyProblem):
            raise _invalid(asked, (made,))
        self._check(asked, made)
        return self._exchange(asked, etree.tostring(made), deadline_seconds, max_response_bytes)

    def call_with_packet(
        self,
        operation: str,
        packet: bytes,
        *,
        safe: bool,
        deadline_seconds: float = 30.0,
        max_response_bytes: int = LARGEST_REPLY_BYTES,
    ) -> SoapAnswer | SoapFault:
        """Call with the one child of the input element as bytes, which leave untouched (a signed packet).

        The packet declares the namespaces it uses. Raises as `call_with_body`.
        """
        asked = self._asked(operation, safe=safe)
        body = wrapped(asked.operation.input_tag, self._element_of(asked, packet))
        return self._send_checked(asked, body, deadline_seconds, max_response_bytes)

    def call_with_body(
        self,
        operation: str,
        body: bytes,
        *,
        safe: bool,
        deadline_seconds: float = 30.0,
        max_response_bytes: int = LARGEST_REPLY_BYTES,
    ) -> SoapAnswer | SoapFault:
        """Call with the whole input element as bytes, which leave untouched.

        Raises `HeldForPerson` `SOAP_REQUEST_INVALID` before anything is sent; then what `HttpTransport`
        and `read_reply` raise. A fault with a detail the WSDL declares is returned, not raised.
        """
        asked = self._asked(operation, safe=safe)
        return self._send_checked(asked, self._element_of(asked, body), deadline_seconds, max_response_bytes)

    def check_packet(self, operation: str, packet: bytes) -> None:
        """Hold a packet to the schema as `call_with_packet` would, without sending it; raises the same."""
        asked = self._asked(operation, safe=True)
        self._check_bytes(asked, wrapped(asked.operation.input_tag, self._element_of(asked, packet)))

    def close(self) -> None:
        """Close all connections; a later call is a `RuntimeError`."""
        self._http.close()

    def _describe(self, address: str) -> None:
        from ebrvt_connect.transport.soap_zeep import Messages, Unusable, parsed

        wsdl = self._service.wsdl
        try:
            self._wsdl = parsed(wsdl.name, wsdl.content)
            binding = self._wsdl.binding_named(self._service.binding)
        except (Unusable, InvalidValue) as failure:
            raise _unusable(wsdl.name, self._system, str(failure)) from failure
        self._version = self._wsdl.version(binding)
        self._operations = self._wsdl.operations(binding)
        self._messages = Messages(self._wsdl, binding, address)

    def _asked(self, operation: str, *, safe: bool) -> Call:
        known = self._operations.get(operation)
        if known is None:
            raise ValueError(f"the WSDL has no document/literal operation {operation!r}")
        return Call(system=self._system, operation=known, safe=safe, version=self._version, wsdl=self._wsdl)

    def _element_of(self, asked: Call, document: bytes) -> bytes:
        """The bytes of the one element, checked to be one."""
        try:
            return embeddable(document)
        except InvalidValue as refusal:
            raise refusal.held(system=self._system, operation=asked.operation.name) from refusal

    def _check_bytes(self, asked: Call, body: bytes) -> None:
        """Hold a body's bytes to the schema; what does not parse cannot break out of the envelope either."""
        try:
            element = parse_tree(body, SOAP_LIMITS)
        except InvalidValue as refusal:
            raise refusal.held(system=self._system, operation=asked.operation.name) from refusal
        if element.tag != asked.operation.input_tag:
            raise ValueError(f"expected the bytes of {asked.operation.input_tag}, got {name_of(element)}")
        self._check(asked, element)

    def _check(self, asked: Call, body: Element) -> None:
        problems = self._wsdl.schema.problems(body)
        if problems:
            raise _invalid(asked, problems)

    def _send_checked(
        self, asked: Call, body: bytes, deadline_seconds: float, max_response_bytes: int
    ) -> SoapAnswer | SoapFault:
        self._check_bytes(asked, body)
        return self._exchange(asked, body, deadline_seconds, max_response_bytes)

    def _exchange(
        self, asked: Call, body: bytes, deadline_seconds: float, max_response_bytes: int
    ) -> SoapAnswer | SoapFault:
        """Send once, with a token of its own, and read what came back."""
        request = HttpRequest(
            operation=asked.operation.name,
            method="POST",
            path=self._service.path,
            headers=self._headers(asked.operation),
            body=envelope_bytes(body, header=self._security(), version=self._version),
            safe=asked.safe,
            deadline_seconds=deadline_seconds,
            max_response_bytes=max_response_bytes,
        )
        return read_reply(self._http.send(request), asked)

    def _headers(self, operation: Operation) -> tuple[tuple[str, str], ...]:
        """SOAP 1.1 names the action in a header of its own (section 6.1.1), 1.2 in the content type."""
        kind, action = f"{self._version.media_type}; charset=utf-8", f'"{operation.action}"'
        if self._version is SOAP_11:
            return ("Content-Type", kind), ("SOAPAction", action), ("Accept", "text/xml")
        return ("Content-Type", f"{kind}; action={action}"), ("Accept", self._version.media_type)

    def _security(self) -> bytes:
        if self._login is None:
            return b""
        return security_header(
            self._login.username,
            self._login.password.get_secret_value(),
            style=self._login.style,
            nonce=secrets.token_bytes(_NONCE_BYTES),
            created=self._clock.now(),
        )


def _may_carry(login: UsernameLogin, url: str) -> bool:
    """Whether the password may go this way: as text only under TLS, or without leaving the machine."""
    place = urlsplit(url)
    if login.style is PasswordStyle.DIGEST or place.scheme == "https" or login.text_without_tls:
        return True
    host = place.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _invalid(asked: Call, problems: tuple[BodyProblem, ...]) -> ConnectError:
    detail = f"not sent, it departs from the schema: {told(problems)}"
    return asked.held(REQUEST_INVALID, detail, Scope.MESSAGE, problems=told_vi(problems))


def _unusable(name: str, system: str, why: str) -> ConnectError:
    return HeldForPerson(
        WSDL_UNUSABLE, f"{name}: {why}", scope=Scope.SYSTEM, system=system, operation="connect", file=name
    )
