"""Packets on a disk of ours: read into a scratch store, their files written under harmless names."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.codec.held_files import harmless_name
from ebrvt_connect.codec.jsonwire import JSON_LIMITS
from ebrvt_connect.codec.record_json import record_fields, record_of_fields
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.store.blobs import LocalBlobs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ebrvt_connect.codec.edxml_words import Packet
    from ebrvt_connect.model.document import Document, DocumentStatus
    from ebrvt_connect.ports.blobs import Blobs

__all__ = ["chunks_of", "harmless_name", "record_of", "scratch_blobs", "unpacked", "write_new"]

_CHUNK_BYTES = 256 * 1024
_LARGEST_FILE_BYTES = 100 * 1024 * 1024
_KEPT_FACTS = frozenset({"media_type", "role", "description"})


@contextmanager
def scratch_blobs() -> Iterator[Blobs]:
    """A blob store that goes when the block ends."""
    with TemporaryDirectory(prefix="ebrvt-edxml-") as folder:
        yield LocalBlobs(folder)


@contextmanager
def unpacked(file: Path) -> Iterator[tuple[Packet, Blobs]]:
    """A packet with its files in a scratch store; raises as `codec.edxml_read.read_document`."""
    with scratch_blobs() as blobs:
        yield read_document(chunks_of(file), blobs), blobs


def chunks_of(path: Path) -> Iterator[bytes]:
    """A file in pieces; raises `OSError`."""
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK_BYTES):
            yield piece


def write_new(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file that was not there; a half-written one is taken away again.

    Raises `FileExistsError` where there is one (it is left as it is), and other `OSError`s.
    """
    with path.open("xb") as stream:
        try:
            for piece in chunks:
                stream.write(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def record_of(metadata: Path, files: Sequence[Path], blobs: Blobs) -> Document | DocumentStatus:
    """The record a metadata file describes, its attachments replaced by the files given.

    What the metadata says of a file (role, media type, description) is kept where the names agree.
    Raises `InvalidValue` `PACKET_RECORD_INVALID` or `JSON_…`.
    """
    record = record_fields(read_bounded(metadata, JSON_LIMITS.body_bytes), file=metadata.name)
    if "reporter" in record:
        return record_of_fields(record, file=metadata.name)
    attachments = list(_attachments(record, files, blobs))
    return record_of_fields({**record, "attachments": attachments}, file=metadata.name)


def _attachments(record: dict[str, Any], files: Sequence[Path], blobs: Blobs) -> Iterator[dict[str, Any]]:
    given = record.get("attachments")
    known = [a for a in given if isinstance(a, dict)] if isinstance(given, list) else []
    # `extract` numbers and cleans names; packing again finds the names as they were.
    by_file = {harmless_name(nth, str(a.get("name", ""))): a for nth, a in enumerate(known, start=1)}
    by_name = {str(a.get("name", "")): a for a in known}
    for seq, file in enumerate(files, start=1):
        described = by_file.get(file.name) or by_name.get(file.name) or {"name": file.name}
        ref = blobs.put(chunks_of(file), limit_bytes=_LARGEST_FILE_BYTES)
        facts = {name: value for name, value in described.items() if name in _KEPT_FACTS}
        yield {**facts, "seq": seq, "name": described["name"], **ref.model_dump()}
