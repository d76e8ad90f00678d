"""Bytes by their SHA-256: written once, synced before anybody relies on them, never changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, BinaryIO

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.ports.bounded import read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ebrvt_connect.model.message import BlobRef

CHUNK_BYTES = 256 * 1024

BLOB_MISSING = explain(
    "BLOB_MISSING",
    "Không tìm thấy nội dung đã lưu ({sha256}).",
    "Kiểm tra ổ đĩa và bản sao lưu của thư mục blobs; không xóa tay các tệp trong đó.",
)
BLOB_TOO_LARGE = explain(
    "BLOB_TOO_LARGE",
    "Nội dung lớn hơn giới hạn cho phép ({limit_bytes} byte).",
    "Giảm dung lượng tệp hoặc nâng giới hạn trong cấu hình nếu đúng quy định.",
)
STORE_FULL = explain(
    "STORE_FULL",
    "Ổ đĩa lưu dữ liệu đã đầy hoặc không ghi được.",
    "Giải phóng dung lượng; chương trình tự chạy tiếp khi ghi được.",
)


class Blobs(ABC):
    """Keeps bytes by content. Implementers write the underscore methods; these promise the errors.

    All methods may be called from several threads.
    """

    def put(self, chunks: Iterable[bytes], *, limit_bytes: int) -> BlobRef:
        """Store and sync the bytes; returns their name and size.

        Raises `HeldForPerson` `BLOB_TOO_LARGE` past the limit (nothing is kept), scope `store`
        `STORE_FULL` when the disk refuses. Whatever the chunk iterator raises passes through.
        """
        broken_off: list[BaseException] = []
        try:
            return self._put(_bounded(_noting(chunks, broken_off), limit_bytes))
        except OSError as failure:
            if failure in broken_off:  # a cut connection is an OSError too, and no fault of the disk
                raise
            raise HeldForPerson(STORE_FULL, f"cannot write a blob: {failure}", scope=Scope.STORE) from failure

    def open(self, sha256: str) -> BinaryIO:
        """A readable, seekable stream of the bytes; raises `HeldForPerson` `BLOB_MISSING`."""
        try:
            return self._open(sha256)
        except (OSError, KeyError) as failure:
            raise HeldForPerson(
                BLOB_MISSING, f"no blob {sha256}: {failure}", scope=Scope.MESSAGE, sha256=sha256
            ) from failure

    def read(self, sha256: str, *, limit_bytes: int = 64 * 1024 * 1024) -> bytes:
        """All bytes at once, up to a limit; raises as `open` and `BLOB_TOO_LARGE`."""
        with self.open(sha256) as stream:
            return read_bounded(stream, limit_bytes, too_large=_too_large(limit_bytes))

    def chunks(self, sha256: str) -> Iterator[bytes]:
        """The bytes in pieces of `CHUNK_BYTES`."""
        with self.open(sha256) as stream:
            while piece := stream.read(CHUNK_BYTES):
                yield piece

    @abstractmethod
    def has(self, sha256: str) -> bool:
        """Whether the bytes are here."""

    @abstractmethod
    def _put(self, chunks: Iterable[bytes]) -> BlobRef:
        """Write, sync, rename, sync the folder; only then answer."""

    @abstractmethod
    def _open(self, sha256: str) -> BinaryIO:
        """Open or raise `OSError`/`KeyError`."""


def _noting(chunks: Iterable[bytes], broken_off: list[BaseException]) -> Iterator[bytes]:
    try:
        yield from chunks
    except OSError as failure:
        broken_off.append(failure)
        raise


def _bounded(chunks: Iterable[bytes], limit_bytes: int) -> Iterator[bytes]:
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > limit_bytes:
            raise _too_large(limit_bytes)
        yield chunk


def _too_large(limit_bytes: int) -> HeldForPerson:
    return HeldForPerson(BLOB_TOO_LARGE, f"content exceeds {limit_bytes} bytes", limit_bytes=limit_bytes)
