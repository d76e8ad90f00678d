"""`ebrvt doctor` on storage: room on each disk, the reserve, the bucket, and how the last upkeep went."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebrvt_connect.errors import ConnectError
from ebrvt_connect.ops.blob_place import disk_folders, open_blobs
from ebrvt_connect.ops.named_check import CheckResult, Grade
from ebrvt_connect.ops.words import COMPACT_VI, local_time, much_room, room_text
from ebrvt_connect.store.reserve import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.store.compacting import FileRoom

TITLES_VI = {
    "disk": "Ổ đĩa",
    "disk-reserve": "Dự trữ đĩa",
    "store-file": "Kích thước sổ cái",
    "blob-store": "Máy chủ lưu nội dung",
    "upkeep": "Dọn dữ liệu",
}
_LITTLE_SPACE_BYTES = 2 * 1024**3
_NO_SPACE_BYTES = 200 * 1024**2


def disk(loaded: LoadedConfig, _: Clock) -> Iterator[CheckResult]:
    """Room on every disk that the store writes to."""
    for folder in _disks(loaded):
        free = shutil.disk_usage(folder).free
        cure = "Giải phóng dung lượng hoặc chuyển store.blobs sang ổ khác."
        little = Grade.WARN if free < _LITTLE_SPACE_BYTES else Grade.PASS
        grade = Grade.FAIL if free < _NO_SPACE_BYTES else little
        said = f"Còn {free // 1024**2} MiB trống tại {folder}."
        yield CheckResult("disk", grade, said, "" if grade is Grade.PASS else cure)


def reserve(loaded: LoadedConfig, _: Clock) -> Iterator[CheckResult]:
    """A reserve that is gone was given up on a full disk; before the first run there is none yet."""
    size = loaded.config.store.reserve
    if size is None:
        said = "Không giữ dự trữ đĩa (store.reserve = “none”)."
        yield CheckResult("disk-reserve", Grade.WARN, said, "Bỏ dòng đó để giữ 8 MB.")
        return
    for folder in _disks(loaded):
        if (folder / NAME).is_file():
            yield CheckResult("disk-reserve", Grade.PASS, f"Có {size // 1000**2} MB dự trữ tại {folder}.")
        elif shutil.disk_usage(folder).free < 2 * size:
            said = f"Ổ đĩa của {folder} đã đầy: dự trữ đã phải dùng đến và mọi việc đang tạm dừng."
            cure = "Giải phóng dung lượng; chương trình tự lập lại dự trữ và chạy tiếp."
            yield CheckResult("disk-reserve", Grade.FAIL, said, cure)
        else:
            said = f"Dự trữ tại {folder} sẽ được lập khi ebrvt run chạy."
            yield CheckResult("disk-reserve", Grade.PASS, said)


def bucket(loaded: LoadedConfig) -> Iterator[CheckResult]:
    """Whether the server of the blobs answers and lets us in; nothing is said of a folder."""
    if loaded.config.store.s3 is None:
        return
    try:
        owners = len(open_blobs(loaded).owners())
    except ConnectError as error:
        said = f"{error.explanation_vi} [{error.code}]"
        yield CheckResult("blob-store", Grade.FAIL, said, error.advice_vi, remote=True)
        return
    yield CheckResult("blob-store", Grade.PASS, f"Kết nối được; {owners} sổ cái lưu nội dung ở đây.")


def file(room: FileRoom) -> CheckResult:
    """How large the ledger is; empty room in it is no trouble."""
    much = much_room(room.total_bytes, room.free_bytes)
    said = room_text(room.total_bytes, room.free_bytes).partition("\n")[0]
    return CheckResult("store-file", Grade.PASS, said, COMPACT_VI if much else "")


def upkeep(last: dict[str, Any] | None) -> Iterator[CheckResult]:
    """How the last round of upkeep went (`store.retention.last_upkeep`)."""
    if last is None:
        yield CheckResult("upkeep", Grade.PASS, "Chưa đến lượt dọn đầu tiên.")
    elif last.get("code"):
        said = f"Lần dọn gần nhất không xong: {last['reason_vi']} [{last['code']}]"
        cure = "Chạy ebrvt retention run --dry-run để xem nguyên nhân."
        yield CheckResult("upkeep", Grade.FAIL, said, cure)
    else:
        began = local_time(datetime.fromisoformat(last["began_at"]))
        yield CheckResult("upkeep", Grade.PASS, f"Lần dọn gần nhất: {began}.")


def _disks(loaded: LoadedConfig) -> Iterator[Path]:
    """One folder a disk: the nearest that is there."""
    seen = set[int]()
    for wanted in disk_folders(loaded):
        folder = wanted
        while not folder.exists():
            folder = folder.parent
        device = folder.stat().st_dev
        if device not in seen:
            seen.add(device)
            yield folder
