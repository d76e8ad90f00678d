"""The UsernameToken of WS-Security: who calls, with a password as digest or as text; written and checked.

OASIS Web Services Security, UsernameToken Profile 1.1 section 3.1: the digest is
Base64(SHA-1(nonce + created + password)), nonce in its raw bytes, created and password as UTF-8.
Written as bytes, anew for each attempt; nothing here is kept or shared.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element as Element

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{_OASIS}wssecurity-secext-1.0.xsd"
"""Namespace of Security and UsernameToken, and of the fault codes about them."""
WSU = f"{_OASIS}wssecurity-utility-1.0.xsd"
"""Namespace of Created."""
_PROFILE = f"{_OASIS}username-token-profile-1.0"
_BASE64 = f"{_OASIS}soap-message-security-1.0#Base64Binary"
_PREFIXES: dict[str | None, str] = {"wsse": WSSE, "wsu": WSU}
_LONGEST_NONCE_BYTES = 256


class PasswordStyle(StrEnum):
    """How the password goes over the wire."""

    DIGEST = "digest"
    """Hashed with a nonce and the time (PasswordDigest)."""
    TEXT = "text"
    """As it is (PasswordText): only under TLS."""


class TokenProblem(StrEnum):
    """Why a token is not accepted."""

    MISSING = "missing"
    """No Security header, no token in it, or several."""
    MALFORMED = "malformed"
    """A part is missing, double or not what the profile says."""
    STYLE = "style"
    """A password in the clear where that is not allowed, or an unknown type of password."""
    STALE = "stale"
    """Made too long ago, or in the future."""
    WRONG = "wrong"
    """Unknown user, or not their password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVerdict:
    """What a checker found; accepted when there is no problem."""

    problem: TokenProblem | None
    username: str = ""
    nonce: bytes = field(default=b"", repr=False)
    """To be remembered by whoever accepts the token, for as long as it stays fresh: a nonce counts once."""
    created: datetime | None = None

    @property
    def accepted(self) -> bool:
        """Whether the caller is who they say."""
        return self.problem is None


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """Base64(SHA-1(nonce + created + password)); `created` exactly as it stands on the wire."""
    hashed = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False)
    return base64.b64encode(hashed.digest()).decode("ascii")


def security_header(
    username: str, password: str, *, style: PasswordStyle, nonce: bytes, created: datetime
) -> bytes:
    """A Security header with one UsernameToken, to be put into a SOAP Header.

    `nonce`: at least 16 random bytes, never used before; `created`: now, aware. Raises `ValueError` for
    a user name or password with characters XML has no place for.
    """
    moment = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    security = etree.Element(f"{{{WSSE}}}Security", nsmap=_PREFIXES)
    token = etree.SubElement(security, f"{{{WSSE}}}UsernameToken")
    etree.SubElement(token, f"{{{WSSE}}}Username").text = username
    shown = etree.SubElement(token, f"{{{WSSE}}}Password")
    if style is PasswordStyle.DIGEST:
        shown.set("Type", f"{_PROFILE}#PasswordDigest")
        shown.text = password_digest(nonce, moment, password)
    else:
        shown.set("Type", f"{_PROFILE}#PasswordText")
        shown.text = password
    salt = etree.SubElement(token, f"{{{WSSE}}}Nonce", {"EncodingType": _BASE64})
    salt.text = base64.b64encode(nonce).decode("ascii")
    etree.SubElement(token, f"{{{WSU}}}Created").text = moment
    return etree.tostring(security)


def check_token(
    header: Element | None,
    *,
    password_of: Callable[[str], str | None],
    now: datetime,
    fresh_for: timedelta = timedelta(minutes=5),
    ahead_by: timedelta = timedelta(minutes=1),
    text_allowed: bool = False,
) -> TokenVerdict:
    """Whether a SOAP Header carries a token of somebody known, made just now.

    `fresh_for` is how long a token lives, `ahead_by` how far the sender's clock may be ahead. A nonce
    that came before is the caller's to refuse (see `TokenVerdict.nonce`).
    """
    tokens = [] if header is None else header.findall(f"{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")
    if len(tokens) != 1:
        return TokenVerdict(problem=TokenProblem.MISSING)
    read = _Token.read(tokens[0])
    if read is None:
        return TokenVerdict(problem=TokenProblem.MALFORMED)
    problem = read.problem(password_of, (now - fresh_for, now + ahead_by), text_allowed=text_allowed)
    return TokenVerdict(problem=problem, username=read.username, nonce=read.nonce, created=read.created_at)


@dataclass(frozen=True, slots=True)
class _Token:
    """The parts of a token as they stand."""

    username: str
    password: str = field(repr=False)
    kind: str
    nonce: bytes = field(repr=False)
    created: str
    created_at: datetime | None

    @classmethod
    def read(cls, token: Element) -> _Token | None:
        """None for anything not as the profile says."""
        tags = (f"{{{WSSE}}}Username", f"{{{WSSE}}}Password", f"{{{WSSE}}}Nonce", f"{{{WSU}}}Created")
        found = [token.findall(tag) for tag in tags]
        if any(len(parts) > 1 for parts in found) or not found[0] or not found[1]:
            return None
        username, password, nonce, created = (parts[0] if parts else None for parts in found)
        if username is None or password is None or (nonce is not None and not _is_base64(nonce)):
            return None
        raw = _decoded(nonce.text or "") if nonce is not None else b""
        moment = (created.text or "").strip() if created is not None else ""
        created_at = _moment(moment) if moment else None
        if raw is None or (moment and created_at is None):
            return None
        # A token without a type means PasswordText (section 3.1).
        kind = password.get("Type", f"{_PROFILE}#PasswordText").removeprefix(_PROFILE)
        return cls(username.text or "", password.text or "", kind, raw, moment, created_at)

    def problem(
        self,
        password_of: Callable[[str], str | None],
        window: tuple[datetime, datetime],
        *,
        text_allowed: bool,
    ) -> TokenProblem | None:
        """What speaks against it; the password is looked at in the same time for known and unknown users."""
        digested = self.kind == "#PasswordDigest"
        if not digested and (self.kind != "#PasswordText" or not text_allowed):
            return TokenProblem.STYLE
        if digested and (not self.nonce or self.created_at is None):
            return TokenProblem.MALFORMED
        if self.created_at is not None and not window[0] <= self.created_at <= window[1]:
            return TokenProblem.STALE
        known = password_of(self.username)
        secret = known or ""
        expected = password_digest(self.nonce, self.created, secret) if digested else secret
        same = hmac.compare_digest(expected.encode(), self.password.encode())
        return None if same and known is not None else TokenProblem.WRONG


def _is_base64(nonce: Element) -> bool:
    return nonce.get("EncodingType", _BASE64) == _BASE64


def _decoded(text: str) -> bytes | None:
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if 0 < len(raw) <= _LONGEST_NONCE_BYTES else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
