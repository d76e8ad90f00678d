"""The named checks of `ebrvt doctor`: each passes, warns or fails, with cause and cure in Vietnamese."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.errors import ConnectError, InvalidValue
from ebrvt_connect.ops.catalogue import provenance
from ebrvt_connect.ops.composition import open_system
from ebrvt_connect.ops.config import load_agencies
from ebrvt_connect.ops.words import local_time
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.transport.trust_folder import load_trust_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ports.clock import Clock

_LITTLE_SPACE_BYTES = 2 * 1024**3
_NO_SPACE_BYTES = 200 * 1024**2
_EXPIRES_SOON = timedelta(days=60)
_EARLIEST_SANE_YEAR = 2025


class Grade(StrEnum):
    """How a check ended."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found (kết quả kiểm tra)."""

    name: str
    grade: Grade
    cause_vi: str
    cure_vi: str = ""
    remote: bool = False
    """It concerns a remote system's reachability."""


def examine(loaded: LoadedConfig, clock: Clock, *, reach: bool) -> Iterator[Finding]:
    """All checks in order; `reach` asks the remote systems too."""
    yield Finding("configuration", Grade.PASS, f"Đọc được {loaded.path}.")
    for check in (_clock, _agencies, _trust, _certificates, _store, _disk, _dialects):
        yield from _fenced(check, loaded, clock)
    if reach:
        for name in loaded.config.systems:
            yield from _fenced(lambda at, now, n=name: _reach(at, now, n), loaded, clock, f"system-{name}")  # type: ignore[misc]


def _fenced(
    check: Callable[[LoadedConfig, Clock], Iterator[Finding]],
    loaded: LoadedConfig,
    clock: Clock,
    name: str = "",
) -> Iterator[Finding]:
    """A check that cannot be made is a check that failed, in the words of what went wrong."""
    called = name or check.__name__.strip("_")
    try:
        yield from check(loaded, clock)
    except ConnectError as error:
        yield Finding(called, Grade.FAIL, f"{error.explanation_vi} [{error.code}]", error.advice_vi, remote=bool(name))
    except InvalidValue as refusal:
        yield Finding(called, Grade.FAIL, f"{refusal.sentence_vi} [{refusal.code}]", refusal.advice_vi)


def _clock(_: LoadedConfig, clock: Clock) -> Iterator[Finding]:
    now = clock.now()
    if now.year < _EARLIEST_SANE_YEAR:
        yield Finding("clock", Grade.FAIL, f"Đồng hồ máy chỉ {local_time(now)}.", "Bật đồng bộ thời gian (NTP).")
    else:
        yield Finding("clock", Grade.PASS, f"Đồng hồ máy chỉ {local_time(now)}.")


def _agencies(loaded: LoadedConfig, _: Clock) -> Iterator[Finding]:
    successions = load_agencies(loaded).successions
    if loaded.config.province.agencies is None:
        yield Finding(
            "agencies",
            Grade.WARN,
            "Chưa khai báo tệp kế thừa mã định danh.",
            "Khai báo province.agencies nếu mã định danh của tỉnh đã thay đổi.",
        )
    else:
        yield Finding("agencies", Grade.PASS, f"Có {len(successions)} đợt thay đổi mã định danh.")


def _trust(loaded: LoadedConfig, _: Clock) -> Iterator[Finding]:
    folder = loaded.resolve(loaded.config.trust.folder)
    store = load_trust_folder(folder)
    if not store.anchors:
        yield Finding(
            "trust", Grade.FAIL, f"Kho tin cậy {folder} chưa có chứng thư gốc nào.", "Thêm chứng thư gốc và ghim SHA-256."
        )
    elif not store.signers.signers:
        yield Finding(
            "trust", Grade.FAIL, "Sổ đăng ký người ký signers.toml trống.", "Khai báo chứng thư ký của từng cơ quan."
        )
    else:
        yield Finding(
            "trust", Grade.PASS, f"{len(store.anchors)} chứng thư gốc, {len(store.signers.signers)} chứng thư ký đã đăng ký."
        )


def _certificates(loaded: LoadedConfig, clock: Clock) -> Iterator[Finding]:
    store = load_trust_folder(loaded.resolve(loaded.config.trust.folder))
    now = clock.now()
    for certificate in (*(a.certificate for a in store.anchors), *store.intermediates):
        ends, name = certificate.not_valid_after_utc, certificate.subject.rfc4514_string()
        if ends < now:
            yield Finding("certificates", Grade.FAIL, f"{name} đã hết hạn {local_time(ends)}.", "Thay chứng thư mới.")
        elif ends < now + _EXPIRES_SOON:
            yield Finding("certificates", Grade.WARN, f"{name} sắp hết hạn {local_time(ends)}.", "Chuẩn bị thay chứng thư.")
    yield Finding("certificates", Grade.PASS, "Đã xem hạn dùng của các chứng thư trong kho tin cậy.")


def _store(loaded: LoadedConfig, clock: Clock) -> Iterator[Finding]:
    url = sa.make_url(loaded.store_url())
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        yield Finding("store", Grade.WARN, "Chưa có sổ cái; sẽ được tạo khi chạy lần đầu.")
        return
    ledger = Ledger.open(loaded.store_url(), clock.now())
    try:
        held, dead = len(ledger.held()), len(ledger.dead())
    finally:
        ledger.close()
    yield Finding("store", Grade.PASS, f"Mở được sổ cái: {held} thông điệp bị giữ, {dead} đã bỏ cuộc.")


def _disk(loaded: LoadedConfig, _: Clock) -> Iterator[Finding]:
    folder = loaded.resolve(loaded.config.store.blobs)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    cure = "Giải phóng dung lượng hoặc chuyển store.blobs sang ổ khác."
    grade = Grade.FAIL if free < _NO_SPACE_BYTES else Grade.WARN if free < _LITTLE_SPACE_BYTES else Grade.PASS
    said = f"Còn {free // 1024**2} MiB trống tại {folder}."
    yield Finding("disk", grade, said, "" if grade is Grade.PASS else cure)


def _dialects(loaded: LoadedConfig, _: Clock) -> Iterator[Finding]:
    for name, system in loaded.config.systems.items():
        known = provenance(system.adapter, system.dialect)
        if known == "sandbox":
            yield Finding(
                "dialects",
                Grade.WARN,
                f"Hệ thống {name} dùng giao diện do dự án tự đặt ra ({system.adapter}).",
                "Đối chiếu với giao diện thật của nhà cung cấp trước khi vận hành.",
            )
        else:
            yield Finding("dialects", Grade.PASS, f"Hệ thống {name}: giao diện {system.adapter} ({known}).")


def _reach(loaded: LoadedConfig, clock: Clock, name: str) -> Iterator[Finding]:
    # A daemon may be at work: its blobs are not to be opened by a second writer.
    adapter = open_system(loaded, name, clock, MemoryBlobs())
    try:
        said = adapter.ping()
    finally:
        adapter.close()
    yield Finding(f"system-{name}", Grade.PASS, f"Kết nối được: {said}.", remote=True)
