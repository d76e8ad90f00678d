"""multipart/form-data (RFC 7578): a body that can be sent again, and a bounded reader for what arrives.

The body opens its files anew for every iteration and knows its length, so that a retry sends the same
bytes and memory stays flat. Its boundary is made from the digests of the contents: a retry has the same
one, and nobody can write a file that contains it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ebrvt_connect.errors import InvalidValue, explain

MULTIPART_MALFORMED = explain(
    "MULTIPART_MALFORMED",
    "Dữ liệu gửi kèm tệp (multipart) bị hỏng hoặc bị cắt cụt.",
    "Gửi lại yêu cầu; nếu lặp lại, kiểm tra phần mềm gửi.",
)
MULTIPART_TOO_LARGE = explain(
    "MULTIPART_TOO_LARGE",
    "Dữ liệu gửi kèm tệp vượt giới hạn cho phép ({what}: {limit}).",
    "Giảm dung lượng hoặc số tệp, hoặc nâng giới hạn trong cấu hình nếu đúng quy định.",
)

_PIECE_BYTES = 64 * 1024
_CRLF = b"\r\n"
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PARAMETER = re.compile(r';\s*([A-Za-z0-9_*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]+))')
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A", "\\": "%5C"})
_TOKEN = re.compile(r"[!-~]+(?: [!-~]+)*")


def _disposition(name: str, filename: str | None) -> str:
    """RFC 7578 section 4.2 as browsers write it: UTF-8, with quotes and line ends percent-escaped."""
    shown = f'form-data; name="{name.translate(_ESCAPES)}"'
    return shown if filename is None else f'{shown}; filename="{filename.translate(_ESCAPES)}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a form: a field, or a file that is opened when it is sent."""

    name: str
    media_type: str
    filename: str | None
    size_bytes: int
    sha256: str
    open: Callable[[], Iterable[bytes]]
    """Makes a new run over the content; called once for each time the body is sent."""

    @classmethod
    def field(cls, name: str, content: bytes, media_type: str = "text/plain; charset=utf-8") -> Part:
        """A field whose content is at hand."""
        return cls(
            name=name,
            media_type=media_type,
            filename=None,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            open=lambda: (content,),
        )

    def head(self) -> bytes:
        """The header lines and the empty one; raises `ValueError` for a media type that breaks a line."""
        if not _TOKEN.fullmatch(self.media_type):
            raise ValueError(f"not a media type: {self.media_type!r}")
        lines = (
            f"Content-Disposition: {_disposition(self.name, self.filename)}",
            f"Content-Type: {self.media_type}",
        )
        return "".join(f"{line}\r\n" for line in lines).encode("utf-8") + _CRLF


class MultipartBody:
    """A form as a body that can be sent any number of times, each time the same bytes.

    Raises `ValueError` without any part: a form must have one.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = tuple(parts)
        if not self._parts:
            raise ValueError("a form needs at least one part")
        digest = hashlib.sha256()
        for part in self._parts:
            digest.update(part.head() + f"{part.size_bytes} {part.sha256}\n".encode("ascii"))
        self.boundary = f"ebrvt-{digest.hexdigest()[:40]}"

    @property
    def content_type(self) -> str:
        """What the `Content-Type` header of the request must say."""
        return f"multipart/form-data; boundary={self.boundary}"

    def __len__(self) -> int:
        framed = sum(
            len(self._frame(number, part)) + part.size_bytes for number, part in enumerate(self._parts)
        )
        return framed + len(self._end())

    def __iter__(self) -> Iterator[bytes]:
        """Raises `ValueError` when a content is not as long as it was said to be."""
        for number, part in enumerate(self._parts):
            yield self._frame(number, part)
            sent = 0
            for chunk in part.open():
                sent += len(chunk)
                yield chunk
            if sent != part.size_bytes:
                raise ValueError(f"part {part.name!r} has {sent} bytes, announced {part.size_bytes}")
        yield self._end()

    def _frame(self, number: int, part: Part) -> bytes:
        return (_CRLF if number else b"") + f"--{self.boundary}\r\n".encode("ascii") + part.head()

    def _end(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartLimits:
    """How much of a form is read before it is refused."""

    parts: int = 200
    head_bytes: int = 16 * 1024
    """Header lines of one part, and whatever stands before the first part."""
    part_bytes: int = 128 * 1024 * 1024


MULTIPART_LIMITS = MultipartLimits()


@dataclass(frozen=True, slots=True)
class ReceivedPart:
    """One part as it arrived; `name`, `filename` and `media_type` are the sender's claims."""

    name: str
    filename: str | None
    media_type: str
    content: Iterator[bytes]
    """In pieces; to be read before the next part is asked for, or it is skipped.
    Raises `InvalidValue` `MULTIPART_…`."""


def boundary_of(content_type: str) -> str:
    """The boundary a `Content-Type` header names; raises `InvalidValue` `MULTIPART_MALFORMED`."""
    kind, _, _ = content_type.partition(";")
    boundary = _parameters(content_type).get("boundary", "")
    if kind.strip().lower() != "multipart/form-data" or not _BOUNDARY.fullmatch(boundary):
        raise _malformed("content type without a usable boundary")
    return boundary


def parse_multipart(
    stream: BinaryIO, boundary: str, limits: MultipartLimits = MULTIPART_LIMITS
) -> Iterator[ReceivedPart]:
    """The parts of a form, one after the other, never whole in memory.

    Raises `InvalidValue` `MULTIPART_MALFORMED` or `MULTIPART_TOO_LARGE`.
    """
    form = _Form(stream, b"\r\n--" + boundary.encode("ascii"), limits)
    for _ in form.until_delimiter("preamble", limits.head_bytes):
        pass
    for _ in range(limits.parts):
        if form.at_end():
            return
        headers = form.headers()
        content = form.until_delimiter("part", limits.part_bytes)
        yield _received(headers, content)
        for _ in content:
            pass
    if not form.at_end():
        raise _too_large("parts", limits.parts)


class _Form:
    """The form as a buffer that is cut at delimiters."""

    def __init__(self, stream: BinaryIO, delimiter: bytes, limits: MultipartLimits) -> None:
        self._stream = stream
        self._delimiter = delimiter
        self._limits = limits
        # The first delimiter may stand at the very beginning, without the line end that belongs to it.
        self._buffer = _CRLF

    def _fill(self) -> None:
        piece = self._stream.read(_PIECE_BYTES)
        if not piece:
            raise _malformed("the form ends too early")
        self._buffer += piece

    def until_delimiter(self, what: str, limit: int) -> Iterator[bytes]:
        """Everything up to the next delimiter, which is taken away."""
        kept = len(self._delimiter) - 1
        seen = 0
        while True:
            at = self._buffer.find(self._delimiter)
            end = at if at >= 0 else max(0, len(self._buffer) - kept)
            seen += end
            if seen > limit:
                raise _too_large(what, limit)
            piece, self._buffer = self._buffer[:end], self._buffer[end:]
            if piece:
                yield piece
            if at >= 0:
                self._buffer = self._buffer[len(self._delimiter) :]
                return
            self._fill()

    def at_end(self) -> bool:
        """Whether the delimiter just taken was the last; otherwise the rest of its line is taken away."""
        while len(self._buffer) < len(_CRLF):
            self._fill()
        if self._buffer.startswith(b"--"):
            return True
        # Blanks may follow a delimiter; anything else means it was none, and the form is not well made.
        if self._line().strip(b" \t"):
            raise _malformed("text after a delimiter")
        return False

    def headers(self) -> dict[str, str]:
        """The header lines of a part by lower-case name."""
        found = dict[str, str]()
        spent = 0
        while line := self._line():
            spent += len(line)
            if spent > self._limits.head_bytes:
                raise _too_large("headers", self._limits.head_bytes)
            name, colon, value = _text(line).partition(":")
            if not colon or name.strip().lower() in found:
                raise _malformed("a header line without a name, or one given twice")
            found[name.strip().lower()] = value.strip()
        return found

    def _line(self) -> bytes:
        while (at := self._buffer.find(_CRLF)) < 0:
            if len(self._buffer) > self._limits.head_bytes:
                raise _too_large("headers", self._limits.head_bytes)
            self._fill()
        line, self._buffer = self._buffer[:at], self._buffer[at + len(_CRLF) :]
        return line


def _received(headers: dict[str, str], content: Iterator[bytes]) -> ReceivedPart:
    disposition = headers.get("content-disposition", "")
    parameters = _parameters(disposition)
    if disposition.partition(";")[0].strip().lower() != "form-data" or "name" not in parameters:
        raise _malformed("a part that is no form-data with a name")
    media_type = headers.get("content-type", "text/plain")
    return ReceivedPart(parameters["name"], parameters.get("filename"), media_type, content)


def _parameters(header: str) -> dict[str, str]:
    """The parameters of a header value; raises when one is given twice."""
    found = dict[str, str]()
    for name, quoted, plain in _PARAMETER.findall(header):
        if name.lower() in found:
            raise _malformed(f"parameter {name[:40]!r} given twice")
        found[name.lower()] = _unescaped(quoted) if quoted else plain
    return found


def _unescaped(quoted: str) -> str:
    bare = quoted.replace('\\"', '"')
    for character, escape in _ESCAPES.items():
        bare = bare.replace(escape, chr(character))
    return bare


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as failure:
        raise _malformed("a header line not in UTF-8") from failure


def _malformed(why: str) -> InvalidValue:
    return InvalidValue(MULTIPART_MALFORMED, f"multipart not well-formed: {why}")


def _too_large(what: str, limit: int) -> InvalidValue:
    return InvalidValue(MULTIPART_TOO_LARGE, f"multipart {what} over {limit}", what=what, limit=limit)
