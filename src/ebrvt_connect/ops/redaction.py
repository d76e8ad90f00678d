"""Blots out secrets and personal numbers in what is written for people to read: logs and diagnostics.

Three nets, since none alone is enough: the names values go by, how secrets look, and the very secrets
this process has read from its configuration.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

BLOT = "[…]"
_SHORTEST_KNOWN = 4
"""A shorter secret would blot out half of every sentence."""

_NAMES = re.compile(
    r"secret|password|passwd|passphrase|token|authorization|cookie|credential|api_?key|private_?key|(^|_)pin$"
    r"|hash-header|^x-[\w-]*(?:signature|hmac|auth|key)",
    re.IGNORECASE,
)
_HEADERS = (
    r"(?:proxy-)?authorization|(?:set-)?cookie|[\w-]{0,64}hash-header"
    r"|x-[\w-]{0,64}(?:signature|hmac|auth|api-?key)[\w-]{0,64}"
)
_SECRETS = r"[\w-]{0,64}(?:secret|password|passwd|passphrase|token|api_?key|private_?key)[\w-]{0,64}"
_IS = r"(?:(?:\\*[\"'])?\s*[=:]\s*|\\*[\"']\s*,\s*(?=b?\\*[\"']))"
"""Between a name and its value: in a header, an assignment, JSON (also within JSON), a pair of texts."""
_QUOTED = r"b?(?:\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?|\\+\"[^\"]*\"?|\\+'[^']*'?)"
_BLANK = r"[ \t\u00a0]"
_NUMBERS = (
    r"(?<!\d)(?:"
    r"\d{12}|\d{9}"  # CCCD and CMND
    rf"|\d{{3}}(?:{_BLANK}\d{{3}}){{2,3}}|\d{{4}}(?:{_BLANK}\d{{4}}){{2}}|0\d\d{_BLANK}\d{_BLANK}\d\d{_BLANK}\d{{6}}"
    r"|0\d{9}|\+?84\d{9}"  # telephones
    rf"|(?:0|\+?84{_BLANK}?)\d{{2,3}}(?:{_BLANK}|[.-])\d{{3}}(?:{_BLANK}|[.-])?\d{{3,4}}"
    r")(?!\d)"
)
_TEXTS = re.compile(
    r"(?P<digest>(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f]))"  # a SHA-256 may well hold nine digits in a row
    r"|-----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|\Z)"
    # A header's value goes on to the end of its line: it may have blanks, commas and semicolons.
    rf"|(?P<header>\b(?:{_HEADERS}){_IS})(?:{_QUOTED}|[^\r\n\"']+)"
    r"|\b(?:Bearer|Basic|Digest|Negotiate)\s+\S+"
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # a JSON web token
    # User and password of an address. Not every password is percent-encoded: with a colon that no port
    # follows, they end at the last @.
    r"|(?<=://)(?:[^\s:/@?#]{0,256}:(?!\d{1,5}[/?#])[^\s\"'<>]{0,512}@|[^\s/@]{1,512}@)"
    rf"|(?P<named>\b{_SECRETS}{_IS})(?:{_QUOTED}|[^\s,;&\"']+)"
    rf"|{_NUMBERS}",
    re.DOTALL | re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"://[^:/@]*:(?P<whole>(?P<strict>[^@]*)(?:.*(?=@))?)@", re.DOTALL)
_known: frozenset[str] = frozenset()


def remember_secret(secret: str) -> None:
    """From now on blot this secret out wherever it turns up, plain or percent-encoded."""
    global _known  # noqa: PLW0603 - one set for the process, replaced and never changed
    if len(secret) >= _SHORTEST_KNOWN:
        _known |= {secret, quote(secret), quote(secret, safe="")}


def remember_url_password(url: str) -> None:
    """Remember the password of a database's address, as it is written and as it is meant.

    One with an `@` that is not percent-encoded counts up to the first and up to the last of them.
    """
    found = _URL_PASSWORD.search(url)
    for written in found.group("strict", "whole") if found else ():
        remember_secret(written)
        remember_secret(unquote(written))
    for name, value in parse_qsl(url.partition("?")[2]):
        if _NAMES.search(name):
            remember_secret(value)


def without_known_secrets(text: str) -> str:
    """The text without the secrets this process has read."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, BLOT)
    return text


def redacted_text(text: str) -> str:
    """The text without what is, or looks like, a secret."""
    return _TEXTS.sub(_blotted, without_known_secrets(text))


def redacted(value: Any, name: str = "") -> Any:  # noqa: ANN401 - whatever a log line carries
    """The value, however deep, without secrets; `name` is what it goes by."""
    if _NAMES.search(name):
        return BLOT
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, dict):
        return {key: redacted(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else redacted_text(str(value))


def _blotted(match: re.Match[str]) -> str:
    if match["digest"]:
        return match[0]
    return (match["header"] or match["named"] or "") + BLOT
