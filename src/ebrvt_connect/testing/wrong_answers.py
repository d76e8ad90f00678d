"""Answers that mean nothing (câu trả lời vô nghĩa), with which a sandbox stands in for a remote gone wrong.

They come with status 200 unless said otherwise, as log-in pages, broken programs and attackers send them.
Nothing here is held in memory at its full size.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON, _XML, _HTML = "application/json; charset=utf-8", "text/xml; charset=utf-8", "text/html"
_MIB = 1024 * 1024
_DEEP = 200_000


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """One of them, as it goes over the wire."""

    media_type: str = _JSON
    """Empty: none is told."""
    body: bytes = b""
    times: int = 1
    """How often the body is repeated."""
    announced: bool = True
    """Whether its length is told; if not, it comes in chunks."""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def size_bytes(self) -> int:
        """On the wire."""
        return len(self.body) * self.times

    @property
    def large(self) -> bool:
        """Whether there is so much, or so much in it, that it is met rarely rather than often."""
        return self.times > 1


_PAGE = b"<!DOCTYPE html><html><head><title>Login</title></head><body><form>Password</form></body></html>"
_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
    b'<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;">]><a>&e;</a>'
)
_READS_A_FILE = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'
_SOAP_FAULT = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
    b"<faultcode>s:Server</faultcode><faultstring>?</faultstring></s:Fault></s:Body></s:Envelope>"
)
_PACKED = (("content-encoding", "gzip"),)

WRONG_ANSWERS: Mapping[str, WrongAnswer] = {
    "nothing": WrongAnswer(),
    "page": WrongAnswer(_HTML, _PAGE),
    "page-said-to-be-json": WrongAnswer(_JSON, _PAGE),
    "page-said-to-be-xml": WrongAnswer(_XML, _PAGE),
    "null": WrongAnswer(_JSON, b"null"),
    "bare-text": WrongAnswer(_JSON, b'"ok"'),
    "nan": WrongAnswer(_JSON, b'{"items": NaN, "data": NaN}'),
    "long-number": WrongAnswer(_JSON, b'{"items": ' + b"9" * 10_000 + b"}"),
    "keys-twice": WrongAnswer(_JSON, b'{"status": "OK", "id": "1", "status": "FAIL", "id": "2"}'),
    "deep-json": WrongAnswer(_JSON, b"[" * _DEEP),
    "deep-objects": WrongAnswer(_JSON, b'{"a":' * _DEEP),
    "deep-xml": WrongAnswer(_XML, b"<a>" * _DEEP + b"</a>" * _DEEP),
    "half-xml": WrongAnswer(_XML, _SOAP_FAULT[:100]),
    "soap-fault": WrongAnswer(_XML, _SOAP_FAULT),
    "entities": WrongAnswer(_XML, _BOMB),
    "file-entity": WrongAnswer(_XML, _READS_A_FILE),
    "nul-bytes": WrongAnswer(_JSON, b"\0" * 4096),
    "nul-in-xml": WrongAnswer(_XML, b"<a>\0</a>"),
    "byte-order-mark": WrongAnswer(_JSON, b"\xef\xbb\xbfnull"),
    "utf-16": WrongAnswer(_JSON, '{"message": "Đã nhận"}'.encode("utf-16")),
    "cp1258": WrongAnswer(_JSON, '{"message": "Đa nhân"}'.encode("cp1258")),
    "broken-utf-8": WrongAnswer(_JSON, b'{"message": "\xc3\x28\xff"}'),
    "unknown-charset": WrongAnswer(
        "text/xml; charset=x-none", b'<?xml version="1.0" encoding="x-none"?><a>\xff</a>'
    ),
    "no-type": WrongAnswer("", b"\x89PNG\r\n\x1a\n"),
    "huge": WrongAnswer(_JSON, b" " * 65_536, times=16_384),
    "huge-in-chunks": WrongAnswer(_JSON, b" " * 65_536, times=16_384, announced=False),
    "packed": WrongAnswer(_JSON, gzip.compress(b" " * _MIB, mtime=0), times=1024, headers=_PACKED),
    "broken-packing": WrongAnswer(_JSON, b"not gzip", headers=_PACKED),
    "away": WrongAnswer("", status=302, headers=(("location", "http://127.0.0.1:9/elsewhere"),)),
}
"""By name: nothing, log-in pages (also under false labels), broken and hostile JSON and XML, wrong charsets,
a gigabyte (announced, in chunks, and packed into one megabyte of gzip), and one that leads elsewhere."""
