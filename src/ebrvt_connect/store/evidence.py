"""Evidence on the local disk: contents by SHA-256, one record for each verdict on a file or on a packet.

    <folder>/objects/ab/cd/<sha256>     certificates, lists, answers, timestamps, rules, reports
    <folder>/records/<time>-<file>-<sha256>.json

Things are only ever added; a piece that was damaged is written anew when it is kept again. Everything is
written beside, synced and put in place before `keep` returns; a record comes last, so that whatever one names
is there. A record's name holds its own SHA-256: changed contents and changed records are found when they are
read. `delete` is for what the law wants deleted, and for nothing else.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from ebrvt_connect.errors import HeldForPerson, InvalidValue, Scope, explain
from ebrvt_connect.ports.blobs import STORE_FULL
from ebrvt_connect.ports.bounded import read_bounded
from ebrvt_connect.ports.durable import sync_folder
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.trust.evidence import (
    EVIDENCE_DAMAGED,
    Evidence,
    EvidenceRecord,
    Replay,
    indication_told,
    read_record,
    replayed,
    written_record,
)
from ebrvt_connect.trust.packet_evidence import (
    PacketEvidence,
    PacketRecord,
    PacketReplay,
    packet_indication_told,
    packet_replayed,
    read_packet_record,
    written_packet_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ebrvt_connect.trust.packet_report import PacketReport
    from ebrvt_connect.trust.verdict import Indication, VerificationReport

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
EVIDENCE_FOLDER_UNKNOWN = explain(
    "EVIDENCE_FOLDER_UNKNOWN",
    "Thư mục {folder} không phải kho bằng chứng kiểm tra.",
    "Nêu đúng thư mục đã ghi ở --evidence khi kiểm tra (trong đó có objects và records).",
)
EVIDENCE_DELETION_UNSAFE = explain(
    "EVIDENCE_DELETION_UNSAFE",
    "Chưa xóa gì: hồ sơ bằng chứng {record} đã hỏng nên không biết nó còn dùng những tệp bằng chứng nào.",
    "Khôi phục hồ sơ đó từ bản sao lưu; không còn bản sao lưu thì xóa nó trước, rồi xóa tiếp.",
)
_LARGEST_BYTES = 64 * 1024 * 1024
_LARGEST_RECORD = 4 * 1024 * 1024
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{16}-[0-9a-f]{64}\.json")
"""Time of the check, start of the file's SHA-256, SHA-256 of the record."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A record that reads, with the verdict as the report kept with it tells it."""

    name: str
    record: EvidenceRecord | PacketRecord
    indication: Indication


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A record that cannot be relied on, and why (hồ sơ hỏng): `EVIDENCE_DAMAGED`."""

    name: str
    trouble: InvalidValue
    record: EvidenceRecord | PacketRecord | None = None
    """None when it does not read itself, and not only what it names."""


class EvidenceFolder:
    """A folder of evidence (kho bằng chứng); may be shared by threads and processes."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, for the owner alone, if need be. Raises `HeldForPerson` `STORE_FULL`."""
        self.folder = folder
        self._records = folder / "records"
        self._whole: set[str] = set()
        """Pieces that were read and found to be what their names say."""
        with _disk_told():
            self._objects = LocalBlobs(folder / "objects")
            self._records.mkdir(mode=0o700, exist_ok=True)

    @classmethod
    def existing(cls, folder: Path) -> EvidenceFolder:
        """One that is there already: whoever only looks makes no folders where none are.

        Raises `InvalidValue` `EVIDENCE_FOLDER_UNKNOWN`.
        """
        if not ((folder / "records").is_dir() and (folder / "objects").is_dir()):
            detail = "expected the folders objects and records in it"
            raise InvalidValue(EVIDENCE_FOLDER_UNKNOWN, detail, folder=folder)
        return cls(folder)

    def keep(self, evidence: Evidence | PacketEvidence) -> str:
        """Keep a verdict's evidence for good; returns the name of its record once all of it is on the disk.

        Raises `HeldForPerson` `STORE_FULL` (scope store) and `BLOB_TOO_LARGE`.
        """
        content = _written(evidence.record)
        name = _name_of(evidence.record, content)
        with self._locked(fcntl.LOCK_SH):
            for sha256, piece in evidence.contents.items():
                self._keep_piece(sha256, piece)
            with _disk_told():
                self._write(name, content)
        return name

    def _keep_piece(self, sha256: str, piece: bytes) -> None:
        """Put in; what lies there already under that name is looked at once, and made whole again."""
        self._objects.put([piece], limit_bytes=_LARGEST_BYTES)
        if sha256 in self._whole:
            return
        try:
            self.content(sha256)
        except InvalidValue:
            with _disk_told():
                self._objects.path_of(sha256).unlink(missing_ok=True)
            self._objects.put([piece], limit_bytes=_LARGEST_BYTES)
        self._whole.add(sha256)

    def names(self) -> tuple[str, ...]:
        """The records, oldest check first."""
        return tuple(sorted(p.name for p in self._records.iterdir() if _NAME.fullmatch(p.name)))

    def names_of(self, report: VerificationReport | PacketReport) -> tuple[str, ...]:
        """The records of this verdict: of the same file, judged in the same second; commonly one.

        None for a packet whose record was handed in as a value and not as a file.
        """
        begun = _name_begins(report.validation_time, report.sha256)
        return tuple(name for name in self.names() if name.startswith(begun))

    def listing(self) -> Iterator[Listed | Unlisted]:
        """Every record, oldest check first; one that is damaged hides none of the others.

        All that the records name is read, each piece once: what several share is lost to all of them.
        """
        whole: set[str] = set()
        for name in self.names():
            record: EvidenceRecord | PacketRecord | None = None
            try:
                record = self.record(name)
                indication = self.indication(record)
                for sha256 in sorted(record.digests() - whole):
                    self.content(sha256)
                    whole.add(sha256)
            except InvalidValue as trouble:
                yield Unlisted(name, trouble, record)
            else:
                yield Listed(name, record, indication)

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

    def record(self, name: str) -> EvidenceRecord | PacketRecord:
        """One record by its name; raises `InvalidValue` `EVIDENCE_DAMAGED` when missing or changed."""
        if not _NAME.fullmatch(name):
            raise _damaged(name)
        try:
            content = read_bounded(self._records / name, _LARGEST_RECORD)
        except OSError as failure:
            why = ": không có quyền đọc" if isinstance(failure, PermissionError) else ""
            raise _damaged(f"{name}{why}") from failure
        if hashlib.sha256(content).hexdigest() != name[-69:-5]:
            raise _damaged(name)
        return read_packet_record(content) if _is_of_packet(content) else read_record(content)

    def indication(self, record: EvidenceRecord | PacketRecord) -> Indication:
        """The verdict as the report kept with the record has it; raises as `content`."""
        if isinstance(record, PacketRecord):
            return packet_indication_told(record, self.content)
        return indication_told(record, self.content)

    def content(self, sha256: str) -> bytes:
        """One piece of evidence; raises `InvalidValue` `EVIDENCE_DAMAGED` when missing or changed."""
        try:
            found = self._objects.read(sha256, limit_bytes=_LARGEST_BYTES)
        except HeldForPerson as failure:
            raise _damaged(sha256) from failure
        if hashlib.sha256(found).hexdigest() != sha256:
            raise _damaged(sha256)
        return found

    def replay(
        self, name: str, data: bytes, detached: Mapping[str, bytes] | None = None
    ) -> Replay | PacketReplay:
        """Judge a file, or a packet, again from a record alone; `detached` is what stood beside it.

        Raises as `record`, `trust.evidence.replayed` and `trust.packet_evidence.packet_replayed`.
        """
        record = self.record(name)
        if isinstance(record, PacketRecord):
            return packet_replayed(record, self.content, data, detached)
        return replayed(record, self.content, data, detached)

    def delete(self, name: str) -> int:
        """Delete a record, and what no other record names; returns how many pieces went.

        The record goes first: stopped halfway, only pieces that nobody names are left, and the next
        deletion takes them. It may be a damaged one. Raises `InvalidValue` `EVIDENCE_DAMAGED` for a name
        that is none, `EVIDENCE_DELETION_UNSAFE` where another record is damaged: what it names would go.
        """
        if not _NAME.fullmatch(name) or not (self._records / name).is_file():
            raise _damaged(name)
        with self._locked(fcntl.LOCK_EX), _disk_told():
            named = {s for other in self.names() if other != name for s in self._named_by(other)}
            (self._records / name).unlink()
            sync_folder(self._records)
            gone = [path for path in self._pieces() if path.name not in named]
            for path in gone:
                path.unlink()
                sync_folder(path.parent)
        return len(gone)

    def _named_by(self, other: str) -> frozenset[str]:
        try:
            return self.record(other).digests()
        except InvalidValue as failure:
            raise InvalidValue(EVIDENCE_DELETION_UNSAFE, failure.detail, record=other) from failure

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
            sync_folder(self._records)
            sync_folder(self.folder)
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


def _written(record: EvidenceRecord | PacketRecord) -> bytes:
    if isinstance(record, PacketRecord):
        return written_packet_record(record)
    return written_record(record)


def _is_of_packet(content: bytes) -> bool:
    """Which of the two a record says it is; what is neither does not read as the one for a file."""
    try:
        told = json.loads(content)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("format") == PacketRecord.model_fields["format"].default


def _name_of(record: EvidenceRecord | PacketRecord, content: bytes) -> str:
    return f"{_name_begins(record.at, record.file_sha256)}{hashlib.sha256(content).hexdigest()}.json"


def _name_begins(at: datetime, file_sha256: str) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{file_sha256[:16]}-"


@contextmanager
def _disk_told() -> Iterator[None]:
    """What the disk refuses becomes an effect."""
    try:
        yield
    except OSError as failure:
        raise HeldForPerson(
            STORE_FULL, f"cannot write evidence: {failure.strerror}", scope=Scope.STORE
        ) from failure


def _damaged(what: str) -> InvalidValue:
    return InvalidValue(EVIDENCE_DAMAGED, f"evidence is missing or changed: {what[:200]}", what=what[:200])
