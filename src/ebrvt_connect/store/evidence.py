"""Evidence on the local disk: contents by SHA-256 and one record for each verdict, only ever added to.

    <folder>/objects/ab/cd/<sha256>     certificates, lists, answers, timestamps, rules, reports
    <folder>/records/<time>-<file>-<sha256>.json

Everything is written beside, synced and put in place before `keep` returns; a record comes last, so that
whatever one names is there. A record's name holds its own SHA-256: changed contents and changed records
are found when they are read. `delete` is for what the law wants deleted, and for nothing else.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from ebrvt_connect.errors import HeldForPerson, InvalidValue, Scope, explain
from ebrvt_connect.ports.blobs import STORE_FULL
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.trust.evidence import (
    EVIDENCE_DAMAGED,
    Evidence,
    EvidenceRecord,
    Replay,
    read_record,
    replayed,
    written_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EVIDENCE_RECORD_UNKNOWN = explain(
    "EVIDENCE_RECORD_UNKNOWN",
    "Không có hồ sơ bằng chứng {record} trong thư mục {folder}.",
    "Xem tên các hồ sơ bằng: ebrvt evidence list {folder}.",
)
EVIDENCE_RECORD_UNCLEAR = explain(
    "EVIDENCE_RECORD_UNCLEAR",
    "Có {count} hồ sơ bằng chứng trong thư mục {folder} bắt đầu bằng {record}.",
    "Viết dài hơn, hoặc cả tên như ebrvt evidence list {folder} liệt kê.",
)
_LARGEST_BYTES = 64 * 1024 * 1024
_LARGEST_RECORD = 4 * 1024 * 1024
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{16}-[0-9a-f]{64}\.json")
"""Time of the check, start of the file's SHA-256, SHA-256 of the record."""


class EvidenceFolder:
    """A folder of evidence (kho bằng chứng); may be shared by threads and processes."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, for the owner alone, if need be. Raises `HeldForPerson` `STORE_FULL`."""
        self.folder = folder
        self._records = folder / "records"
        with _disk_told():
            self._objects = LocalBlobs(folder / "objects")
            self._records.mkdir(mode=0o700, exist_ok=True)

    def keep(self, evidence: Evidence) -> str:
        """Keep a verdict's evidence for good; returns the name of its record once all of it is on the disk.

        Raises `HeldForPerson` `STORE_FULL` (scope store) and `BLOB_TOO_LARGE`.
        """
        content = written_record(evidence.record)
        name = _name_of(evidence.record, content)
        with self._locked(fcntl.LOCK_SH):
            for piece in evidence.contents.values():
                self._objects.put([piece], limit_bytes=_LARGEST_BYTES)
            with _disk_told():
                self._write(name, content)
        return name

    def names(self) -> tuple[str, ...]:
        """The records, oldest check first."""
        return tuple(sorted(p.name for p in self._records.iterdir() if _NAME.fullmatch(p.name)))

    def called(self, text: str) -> str:
        """The one record whose name begins so.

        Raises `InvalidValue` `EVIDENCE_RECORD_UNKNOWN`, or `EVIDENCE_RECORD_UNCLEAR` for several.
        """
        found = [name for name in self.names() if text and name.startswith(text)]
        if len(found) == 1:
            return found[0]
        facts = {"record": text[:200], "folder": self.folder}
        if not found:
            raise InvalidValue(EVIDENCE_RECORD_UNKNOWN, "no record begins so", **facts)
        raise InvalidValue(EVIDENCE_RECORD_UNCLEAR, "several records begin so", count=len(found), **facts)

    def record(self, name: str) -> EvidenceRecord:
        """One record by its name; raises `InvalidValue` `EVIDENCE_DAMAGED` when missing or changed."""
        if not _NAME.fullmatch(name):
            raise _damaged(name)
        try:
            with (self._records / name).open("rb") as stream:
                content = stream.read(_LARGEST_RECORD + 1)
        except OSError as failure:
            raise _damaged(name) from failure
        if hashlib.sha256(content).hexdigest() != name[-69:-5]:
            raise _damaged(name)
        return read_record(content)

    def content(self, sha256: str) -> bytes:
        """One piece of evidence; raises `InvalidValue` `EVIDENCE_DAMAGED` when missing or changed."""
        try:
            found = self._objects.read(sha256, limit_bytes=_LARGEST_BYTES)
        except HeldForPerson as failure:
            raise _damaged(sha256) from failure
        if hashlib.sha256(found).hexdigest() != sha256:
            raise _damaged(sha256)
        return found

    def replay(self, name: str, data: bytes, detached: Mapping[str, bytes] | None = None) -> Replay:
        """Judge a file again from a record alone; raises as `record` and `trust.evidence.replayed`."""
        return replayed(self.record(name), self.content, data, detached)

    def delete(self, name: str) -> int:
        """Delete a record, and what no other record names; returns how many pieces went.

        The record goes first: stopped halfway, only pieces that nobody names are left, and the next
        deletion takes them. Raises as `record` for a name that is none.
        """
        if not _NAME.fullmatch(name) or not (self._records / name).is_file():
            raise _damaged(name)
        with self._locked(fcntl.LOCK_EX), _disk_told():
            kept = [other for other in self.names() if other != name]
            # A record that does not read would lose what it names: then nothing is deleted.
            named = {sha256 for other in kept for sha256 in self.record(other).digests()}
            (self._records / name).unlink()
            _sync(self._records)
            gone = [path for path in self._pieces() if path.name not in named]
            for path in gone:
                path.unlink()
                _sync(path.parent)
        return len(gone)

    def _pieces(self) -> Iterator[Path]:
        yield from (self.folder / "objects").glob("??/??/" + "[0-9a-f]" * 64)

    def _write(self, name: str, content: bytes) -> None:
        """Beside, synced, linked: a record is never overwritten."""
        handle, beside = tempfile.mkstemp(dir=self._records, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            try:
                os.link(beside, self._records / name)
            except FileExistsError:
                self.record(name)  # the same verdict, told again; its name says that it is the same
            _sync(self._records)
            _sync(self.folder)
        finally:
            Path(beside).unlink(missing_ok=True)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Keeping may go on side by side; deleting is alone, or it would take what another relies on."""
        with _disk_told():
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, how)
            yield
        finally:
            os.close(handle)


def _name_of(record: EvidenceRecord, content: bytes) -> str:
    at = record.at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{at}-{record.file_sha256[:16]}-{hashlib.sha256(content).hexdigest()}.json"


@contextmanager
def _disk_told() -> Iterator[None]:
    """What the disk refuses becomes an effect."""
    try:
        yield
    except OSError as failure:
        raise HeldForPerson(
            STORE_FULL, f"cannot write evidence: {failure.strerror}", scope=Scope.STORE
        ) from failure


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _damaged(what: str) -> InvalidValue:
    return InvalidValue(EVIDENCE_DAMAGED, f"evidence is missing or changed: {what[:200]}", what=what[:200])
