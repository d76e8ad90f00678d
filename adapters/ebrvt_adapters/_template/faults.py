"""What an answer of the remote means for us: effect, stable code, Vietnamese sentence and advice.

Four effects and no more: tried again later, asked after, refused, held for a person. Both operations may be
made twice (a read, and a write with a key), so nothing here is ever in doubt; a system with a write that has
neither raises `ReconcileFirst` where it cannot be known whether that write has been done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.errors import Scope, explain
from ebrvt_connect.transport.problems import ProblemTable

from .mapping import field_vi

if TYPE_CHECKING:
    from ebrvt_connect.errors import ConnectError
    from ebrvt_connect.transport.http import HttpReply

UNAUTHENTICATED = explain(
    "KHUONMAU_UNAUTHENTICATED",
    "Hệ thống {system} không chấp nhận tài khoản kết nối.",
    "Kiểm tra tài khoản, mật khẩu hoặc mã truy cập trong cấu hình, sau đó chạy lệnh ebrvt resume {system}.",
)
KEY_REUSED = explain(
    "KHUONMAU_KEY_REUSED",
    "Hệ thống {system} đã có nội dung khác dưới cùng mã thông điệp.",
    "So sánh hai bản ở hệ thống đó, giữ bản đúng rồi bỏ thông điệp này.",
)
INVALID = explain(
    "KHUONMAU_INVALID",
    "Hệ thống {system} từ chối vì thiếu hoặc sai thông tin: {fields}.",
    "Sửa các thông tin này ở hệ thống nguồn rồi gửi lại.",
)
REFUSED = explain(
    "KHUONMAU_REFUSED",
    "Hệ thống {system} từ chối với mã lỗi “{said}”.",
    "Chuyển mã lỗi này cho đơn vị quản trị hệ thống {system}.",
)
BUSY = explain(
    "KHUONMAU_BUSY",
    "Hệ thống {system} đang bận hoặc gặp lỗi bên trong.",
    "Không cần làm gì: chương trình tự chờ rồi gửi tiếp.",
)
REPLY_UNREADABLE = explain(
    "KHUONMAU_REPLY_UNREADABLE",
    "Hệ thống {system} trả lời bằng nội dung không đúng quy ước; không coi là đã xong.",
    "Chương trình sẽ tự hỏi lại. Nếu kéo dài, báo đơn vị quản trị hệ thống {system}.",
)

TABLE = ProblemTable(
    field_vi=field_vi,
    refused=REFUSED,
    held={
        "UNAUTHENTICATED": (UNAUTHENTICATED, Scope.SYSTEM),
        "KEY_REUSED": (KEY_REUSED, Scope.MESSAGE),
    },
    later={"THROTTLED": BUSY, "INTERNAL": BUSY, "UNAVAILABLE": BUSY},
    rejected={"INVALID": INVALID},
)
"""What the remote's own words mean; where it says nothing of its own, the status does."""


def failure_of(reply: HttpReply, *, system: str, operation: str) -> ConnectError:
    """The effect of any answer that is not a success."""
    return TABLE.failure_of(reply, system=system, operation=operation)
