"""Why a file does not read, as half a Vietnamese sentence (lý do): the system's and the parser's words."""

from __future__ import annotations

import errno
import re
import tomllib

_SYSTEM_VI = {
    errno.ENOENT: "không có tệp hoặc thư mục này",
    errno.EACCES: "không có quyền truy cập",
    errno.EPERM: "không được phép",
    errno.EISDIR: "đây là thư mục, không phải tệp",
    errno.ENOTDIR: "đường dẫn đi qua một tệp",
    errno.EEXIST: "đã có tệp này",
    errno.ENOSPC: "ổ đĩa đầy",
    errno.EDQUOT: "đã dùng hết dung lượng được cấp",
    errno.EROFS: "ổ đĩa chỉ cho đọc",
    errno.EIO: "ổ đĩa bị lỗi",
    errno.ENAMETOOLONG: "tên tệp quá dài",
    errno.ELOOP: "liên kết vòng quanh",
}
_PLACE = re.compile(r"at line (\d+), column (\d+)")


def os_fault_vi(failure: OSError) -> str:
    """What the system said; what is not known here stays in its own words."""
    return _SYSTEM_VI.get(failure.errno or 0) or failure.strerror or type(failure).__name__


def toml_fault_vi(failure: Exception) -> str:
    """Why a TOML file does not read, with the place where there is one."""
    if isinstance(failure, UnicodeDecodeError):
        return "không phải văn bản UTF-8"
    if isinstance(failure, KeyError):
        return f"thiếu mục {failure.args[0]}"
    if not isinstance(failure, tomllib.TOMLDecodeError):
        return "sai cấu trúc"
    place = _PLACE.search(str(failure))
    return f"sai cú pháp TOML ở {f'dòng {place[1]}, cột {place[2]}' if place else 'cuối tệp'}"


__all__ = ["os_fault_vi", "toml_fault_vi"]
