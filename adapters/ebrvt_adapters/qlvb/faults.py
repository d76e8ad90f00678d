"""What an answer of the document system means for us: effect, stable code, Vietnamese sentence and advice.

The system names its refusals by `error_code` (the table below). Where it said nothing of its own (status
codes, web pages, cut connections) `transport.failures` has the word. Every call of this dialect is a read,
carries a key or may be repeated, so a doubtful answer never needs asking after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_adapters.qlvb.mapping import field_vi
from ebrvt_connect.errors import ConnectError, HeldForPerson, Scope, explain
from ebrvt_connect.transport.failures import FORBIDDEN as REMOTE_FORBIDDEN
from ebrvt_connect.transport.problems import ProblemTable

if TYPE_CHECKING:
    from ebrvt_connect.transport.http import HttpReply

UNAUTHENTICATED = explain(
    "QLVB_UNAUTHENTICATED",
    "Phần mềm quản lý văn bản không chấp nhận tài khoản kết nối của chương trình.",
    "Kiểm tra mã truy cập hoặc tài khoản, mật khẩu trong cấu hình, sau đó cho hệ thống chạy tiếp bằng lệnh "
    "ebrvt resume {system}.",
)
FORBIDDEN = explain(
    "QLVB_FORBIDDEN",
    "Tài khoản kết nối không có quyền dùng chức năng này của phần mềm quản lý văn bản.",
    "Đề nghị quản trị phần mềm cấp quyền liên thông cho tài khoản, sau đó cho hệ thống chạy tiếp bằng lệnh "
    "ebrvt resume {system}.",
)
NOT_FOUND = explain(
    "QLVB_NOT_FOUND",
    "Phần mềm quản lý văn bản không có văn bản hoặc tệp được hỏi.",
    "Kiểm tra văn bản có bị xóa hoặc chuyển sổ không; nếu có, phát hành lại văn bản.",
)
KEY_REUSED = explain(
    "QLVB_KEY_REUSED",
    "Phần mềm quản lý văn bản đã có một văn bản đến khác nội dung dưới cùng mã trên trục.",
    "So sánh hai bản trong phần mềm quản lý văn bản và trên trục; giữ bản đúng rồi bỏ thông điệp này.",
)
INVALID = explain(
    "QLVB_INVALID",
    "Phần mềm quản lý văn bản không nhận vì các mục sau chưa đạt: {fields}.",
    "Nếu do nơi gửi ghi thiếu, đề nghị nơi gửi gửi lại; nếu không, báo bộ phận kỹ thuật kèm mã lỗi này.",
)
THROTTLED = explain(
    "QLVB_THROTTLED",
    "Phần mềm quản lý văn bản yêu cầu gửi chậm lại.",
    "Không cần làm gì: chương trình tự chờ rồi gửi tiếp.",
)
INTERNAL = explain(
    "QLVB_INTERNAL",
    "Phần mềm quản lý văn bản gặp lỗi bên trong.",
    "Chương trình sẽ tự gửi lại an toàn. Nếu kéo dài, báo quản trị phần mềm quản lý văn bản.",
)
UNAVAILABLE = explain(
    "QLVB_UNAVAILABLE",
    "Phần mềm quản lý văn bản đang tạm ngừng hoặc bảo trì.",
    "Không cần làm gì: chương trình tự chờ rồi gửi tiếp. Nếu kéo dài, báo quản trị phần mềm.",
)
REFUSED = explain(
    "QLVB_REFUSED",
    "Phần mềm quản lý văn bản từ chối với mã lỗi “{said}”.",
    "Chuyển mã lỗi này cho quản trị phần mềm quản lý văn bản và bộ phận kỹ thuật.",
)
REPLY_UNREADABLE = explain(
    "QLVB_REPLY_UNREADABLE",
    "Phần mềm quản lý văn bản trả lời bằng nội dung không đúng quy ước; không coi là đã xong.",
    "Chương trình sẽ tự hỏi lại. Nếu kéo dài, báo quản trị phần mềm quản lý văn bản kèm mã lỗi này.",
)
FEED_STUCK = explain(
    "QLVB_FEED_STUCK",
    "Danh sách của phần mềm quản lý văn bản không đi tiếp: trang sau lặp lại trang trước.",
    "Báo quản trị phần mềm quản lý văn bản kiểm tra; chương trình vẫn tiếp tục hỏi lại.",
)
ATTACHMENT_DAMAGED = explain(
    "QLVB_ATTACHMENT_DAMAGED",
    "Tệp tải từ phần mềm quản lý văn bản bị hỏng hoặc bị thay đổi trong lúc tải.",
    "Chương trình sẽ tự tải lại. Nếu lặp lại, báo quản trị phần mềm quản lý văn bản.",
)
ATTACHMENT_CHANGED = explain(
    "ATTACHMENT_CHANGED",
    "Tệp “{file}” của văn bản {title} khác với tệp đã phát hành (mã băm hoặc dung lượng không khớp).",
    "Tệp có thể đã bị lưu lại sau khi ký nên chữ ký số không còn giá trị: ký lại rồi phát hành lại văn bản.",
)
ATTACHMENT_TOO_LARGE = explain(
    "ATTACHMENT_TOO_LARGE",
    "Tệp “{file}” của văn bản {title} lớn hơn giới hạn cho phép ({limit_bytes} byte).",
    "Giảm dung lượng tệp rồi phát hành lại, hoặc nâng giới hạn largest_attachment_bytes nếu đúng quy định.",
)
ATTACHMENT_UNAVAILABLE = explain(
    "ATTACHMENT_UNAVAILABLE",
    "Không tải được tệp “{file}” của văn bản {title} từ phần mềm quản lý văn bản.",
    "Mở thử tệp trong phần mềm quản lý văn bản; đính kèm lại nếu tệp bị mất, rồi phát hành lại văn bản.",
)
DOCUMENT_UNAVAILABLE = explain(
    "QLVB_DOCUMENT_UNAVAILABLE",
    "Không đọc được văn bản {title} từ phần mềm quản lý văn bản sau nhiều lần thử.",
    "Mở thử văn bản trong phần mềm quản lý văn bản; nếu mở được thì phát hành lại, nếu không thì báo quản "
    "trị phần mềm.",
)
DOCUMENT_FORBIDDEN = explain(
    "QLVB_DOCUMENT_FORBIDDEN",
    "Tài khoản kết nối không được phép đọc văn bản {title} hoặc tệp của văn bản trong phần mềm quản lý văn "
    "bản.",
    "Đề nghị quản trị phần mềm cấp quyền đọc văn bản này cho tài khoản, sau đó phát hành lại văn bản.",
)

TABLE = ProblemTable(
    field_vi=field_vi,
    refused=REFUSED,
    held={
        "UNAUTHENTICATED": (UNAUTHENTICATED, Scope.SYSTEM),
        "FORBIDDEN": (FORBIDDEN, Scope.SYSTEM),
        "KEY_REUSED": (KEY_REUSED, Scope.MESSAGE),
    },
    later={"THROTTLED": THROTTLED, "INTERNAL": INTERNAL, "UNAVAILABLE": UNAVAILABLE},
    rejected={"NOT_FOUND": NOT_FOUND, "INVALID": INVALID},
)
"""What the system's own words mean."""


def failure_of(reply: HttpReply, *, system: str, operation: str) -> ConnectError:
    """The effect of any answer that is not a success."""
    return TABLE.failure_of(reply, system=system, operation=operation)


def concerns_one(held: HeldForPerson) -> bool:
    """Whether a hold, met while one document or file was read, is about that one only.

    A single document may be closed to our account while the feed itself is open.
    """
    return held.scope is Scope.MESSAGE or held.code in {FORBIDDEN.code, REMOTE_FORBIDDEN.code}
