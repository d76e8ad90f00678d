"""Bytes by their SHA-256: written once, synced before anybody relies on them, never changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from ebrvt_connect.errors import HeldForPerson, Scope, explain
from ebrvt_connect.ports.bounded import read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

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
BLOB_DAMAGED = explain(
    "BLOB_DAMAGED",
    "Nội dung đã lưu không còn đúng như khi ghi ({sha256}).",
    "Khôi phục tệp này từ bản sao lưu và kiểm tra ổ đĩa; không sửa tay các tệp trong thư mục blobs.",
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


@dataclass(frozen=True, slots=True)
class KeptBlob:
    """A blob as it lies in its store."""

    sha256: str
    size_bytes: int
    since: datetime
    """When it was last put, or was set aside; by the clock of the disk or server it lies on."""


class CollectableBlobs(Blobs):
    """Blobs that can be collected (dọn nội dung không còn dùng): set aside first, deleted much later.

    What is set aside is as readable as before: whoever reads it brings it back, and whoever puts the same
    content writes it anew. So nobody needs to be locked out while a collector is at work: one that was wrong
    has cost nothing, and one that is killed leaves every blob in one of the two places.

    The methods raise `HeldForPerson` (scope store) when the store cannot be read or written.
    """

    @abstractmethod
    def kept(self) -> Iterator[KeptBlob]:
        """Everything that is not set aside, in no order."""

    @abstractmethod
    def aside(self) -> Iterator[KeptBlob]:
        """What is set aside."""

    @abstractmethod
    def set_aside(self, sha256: str) -> None:
        """Set aside, as of now; nothing happens where it is gone already."""

    @abstractmethod
    def bring_back(self, sha256: str) -> None:
        """Take back what was set aside; nothing happens where that was done already."""

    @abstractmethod
    def delete(self, sha256: str) -> None:
        """Delete for good what is set aside; nothing happens where it is gone already."""

    @abstractmethod
    def unfinished(self, before: datetime) -> Iterator[tuple[str, int]]:
        """Name and size of what was begun before then and never finished, by nobody who is still at it."""

    @abstractmethod
    def clear(self, name: str) -> None:
        """Delete something unfinished; nothing happens where it is gone already."""

    @abstractmethod
    def owners(self) -> frozenset[str]:
        """The ledgers (by their ids) whose contents lie here."""

    @abstractmethod
    def own(self, ledger: str) -> None:
        """Note that this ledger's contents lie here: it alone cannot say then what nobody needs."""

    @abstractmethod
    def disown(self, ledger: str) -> None:
        """Note that this ledger is gone for good."""


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
