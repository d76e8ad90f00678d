"""The door of the simulated reporting software: SOAP 1.1 and WS-Security, checked before anything is read.

A request is refused as a ministry's .NET or Java service refuses it: a fault that blames the client, with
the service's own code where it has one. The packet is cut out of the request's bytes as they came.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from ebrvt_adapters.baocao import wire
from ebrvt_connect.codec.soap import SOAP_11, name_of, read_envelope
from ebrvt_connect.codec.soap_schema import told
from ebrvt_connect.codec.username_token import WSSE, TokenProblem, check_token
from ebrvt_connect.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxml.etree import _Element as Element

    from ebrvt_connect.codec.soap import Envelope
    from ebrvt_connect.ports.simulator import SimRequest, World

NONCES = "nonces"
_SPACE = b" \t\r\n"
_WAY = [
    name[1:] for name in (SOAP_11.tag("Envelope"), SOAP_11.tag("Body"), wire.tag("SubmitReport"), wire.PACKET)
]
"""Where the packet is, by names as expat joins them."""
_START = re.compile(rb"<[^\s/>]+")
_BOM = b"\xef\xbb\xbf"


class RefusedError(Exception):
    """The call is answered with a fault; without a `code` of the service's own it has no detail."""

    def __init__(
        self,
        code: str,
        message: str,
        issues: tuple[wire.Issue, ...] = (),
        *,
        retryable: bool = False,
        fault: str = "Client",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.issues = issues
        self.retryable = retryable
        self.fault = fault
        """The SOAP fault code: `Client`, `Server`, `VersionMismatch`, `MustUnderstand`."""


def issue(code: str, path: str, message: str) -> wire.Issue:
    """One thing that is wrong, and where."""
    return wire.Issue(code=code, path=path, message=message)


def refused(code: str, message: str, *issues: wire.Issue) -> RefusedError:
    """A refusal in the service's own words."""
    return RefusedError(code, message, issues)


def action_of(request: SimRequest) -> str:
    """The operation that SOAPAction names; empty when it names none of ours."""
    action = (request.header("soapaction") or "").strip().strip('"')
    name = action.removeprefix(f"{wire.NAMESPACE}/")
    return name if action != name and name in set(wire.Operation) else ""


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in, and for how long a token is good."""

    world: World
    passwords: Mapping[str, str]
    text_allowed: bool
    fresh_for: timedelta
    ahead_by: timedelta

    def opened(self, request: SimRequest, data: bytes, now: datetime) -> Envelope:
        """The envelope of a request that may go on; raises `RefusedError`."""
        try:
            envelope = read_envelope(data)
        except InvalidValue as refusal:
            raise RefusedError("", f"the request cannot be read: {refusal.code}") from None
        if envelope.version is not SOAP_11:
            raise RefusedError("", "only SOAP 1.1 is spoken here", fault="VersionMismatch")
        _refuse_unknown_duties(envelope.header)
        action = action_of(request)
        if not action or envelope.body.tag != wire.tag(action):
            raise RefusedError("", "SOAPAction does not name the operation in the body")
        self._let_in(envelope.header, now)
        if problems := wire.body_schema().problems(envelope.body):
            issues = tuple(issue("XSD", one.path, one.message) for one in problems[:10])
            raise RefusedError("SCHEMA_INVALID", f"not valid by the schema: {told(problems)}", issues)
        return envelope

    def _let_in(self, header: Element | None, now: datetime) -> None:
        verdict = check_token(
            header,
            password_of=self.passwords.get,
            now=now,
            fresh_for=self.fresh_for,
            ahead_by=self.ahead_by,
            text_allowed=self.text_allowed,
        )
        if verdict.problem is not None:
            raise _not_let_in(verdict.problem)
        if not verdict.nonce:  # a password in the clear may come without one
            return
        key = hashlib.sha256(verdict.username.encode() + b"\0" + verdict.nonce).hexdigest()
        if self.world.get(NONCES, key) is not None:
            detail = issue("REPLAYED", "Security/UsernameToken/Nonce", "this nonce came before")
            raise refused("AUTH_FAILED", "the security token was used before", detail)
        until = now + self.fresh_for + self.ahead_by
        self.world.put(NONCES, key, {"until": until.isoformat()})

    def forget_nonces(self, now: datetime) -> None:
        """Drop nonces whose tokens are stale by now: they are refused for their age."""
        for key, row in list(self.world.rows(NONCES)):
            if datetime.fromisoformat(row["until"]) < now:
                self.world.delete(NONCES, key)


def _not_let_in(problem: TokenProblem) -> RefusedError:
    detail = issue(problem.upper(), "Security/UsernameToken", f"security token: {problem}")
    return refused("AUTH_FAILED", "the account is not accepted", detail)


def _refuse_unknown_duties(header: Element | None) -> None:
    """A header that must be understood and is not ends the call (SOAP 1.1 section 4.2.3)."""
    for entry in header if header is not None else ():
        must = entry.get(SOAP_11.tag("mustUnderstand")) in {"1", "true"}
        if must and entry.tag != f"{{{WSSE}}}Security":
            raise RefusedError("", f"header {name_of(entry)!r} is not understood", fault="MustUnderstand")


@dataclass(frozen=True, slots=True)
class Cut:
    """A packet cut out of a request."""

    raw: bytes
    """Byte for byte as it came."""
    alone: bytes
    """The same with the namespaces that were declared around it, so that it can be read by itself. Exclusive
    canonicalization leaves out those it does not use, so the digest is the same."""


def packet_in(data: bytes) -> Cut:
    """The ReportPacket of a request that `Door.opened` has let pass."""
    return _Cutter(data.removeprefix(_BOM).lstrip(_SPACE)).cut()


class _Cutter:
    """Finds where the packet in the body begins and ends among the bytes, which a tree does not tell.

    Only the one at its place counts, not those that hide in headers or in each other. The hardened parser
    has read the bytes before, so there is no DOCTYPE in them.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._open: list[str] = []
        self._around: list[dict[str | None, str]] = [{}]
        self._declared: dict[str | None, str] = {}
        self._inherited: dict[str | None, str] = {}
        self._places: list[int] = []
        self._parser = expat.ParserCreate(encoding="utf-8", namespace_separator="}")
        self._parser.StartNamespaceDeclHandler = self._declare
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def cut(self) -> Cut:
        self._parser.Parse(self._content, True)  # noqa: FBT003 - expat takes no keywords
        begin, end = self._places
        raw = self._content[begin:end]
        name = _START.match(raw)
        if name is None:  # an element's start is what expat has just found there
            raise RuntimeError("the packet does not begin where it begins")
        declared = "".join(
            f" xmlns{':' + prefix if prefix else ''}={quoteattr(uri)}"
            for prefix, uri in self._inherited.items()
        )
        return Cut(raw, name[0] + declared.encode() + raw[name.end() :])

    def _declare(self, prefix: str | None, uri: str) -> None:
        self._declared[prefix] = uri

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._open.append(name)
        if self._open == _WAY and not self._places:
            self._places.append(self._parser.CurrentByteIndex)
            self._inherited = {
                prefix: uri for prefix, uri in self._around[-1].items() if prefix not in self._declared
            }
        self._around.append(self._around[-1] | self._declared)
        self._declared = {}

    def _end(self, _: str) -> None:
        if self._open == _WAY and len(self._places) == 1:
            self._places.append(self._content.index(b">", self._parser.CurrentByteIndex) + 1)
        self._around.pop()
        self._open.pop()
