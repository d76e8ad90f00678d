"""What is said of a file that cannot be read or written; a full disk needs room and not rights."""

from __future__ import annotations

import errno

from ebrvt_connect.errors import InvalidValue, explain

FILE_UNUSABLE = explain(
    "FILE_UNUSABLE",
    "Không đọc hoặc không ghi được {file} ({reason}).",
    "Kiểm tra đường dẫn, quyền truy cập và dung lượng ổ đĩa rồi chạy lại.",
)
DISK_FULL = explain(
    "DISK_FULL",
    "Ổ đĩa đầy hoặc hết hạn mức: không ghi được {file}.",
    "Giải phóng dung lượng hoặc chọn nơi khác để ghi, rồi chạy lại lệnh.",
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_STDOUT_VI = "kết quả ra đầu ra chuẩn (stdout)"


def file_refusal(failure: OSError, file: object = None) -> InvalidValue | None:
    """The refusal to tell; None where neither the failure nor its caller knows of which file it speaks.

    Only stdout is written to without a name.
    """
    named = failure.filename if file is None else file
    if failure.errno in _FULL:
        return InvalidValue(DISK_FULL, str(failure), file=_STDOUT_VI if named is None else named)
    if named is None:
        return None
    from ebrvt_connect.codec.faults_vi import os_fault_vi

    return InvalidValue(FILE_UNUSABLE, str(failure), file=named, reason=os_fault_vi(failure))


__all__ = ["DISK_FULL", "FILE_UNUSABLE", "file_refusal"]
