"""What an answer of the one-stop shop means for us: effect, stable code, Vietnamese sentence and advice.

The system names its refusals by `error_code` (the table below). Where it said nothing of its own (status
codes, web pages, cut connections) `transport.failures` has the word. Every call of this dialect is a read,
carries a key or may be repeated, so a doubtful answer never needs asking after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_adapters.motcua.field_names import field_vi
from ebrvt_connect.errors import ConnectError, HeldForPerson, Scope, explain
from ebrvt_connect.transport.failures import FORBIDDEN as REMOTE_FORBIDDEN
from ebrvt_connect.transport.problems import ProblemTable

if TYPE_CHECKING:
    from ebrvt_connect.transport.http import HttpReply

UNAUTHENTICATED = explain(
    "MOTCUA_UNAUTHENTICATED",
    "Hệ thống một cửa không chấp nhận tài khoản kết nối của chương trình.",
    "Kiểm tra mã truy cập hoặc tài khoản, mật khẩu trong cấu hình, sau đó cho hệ thống chạy tiếp bằng lệnh "
    "ebrvt resume {system}.",
)
FORBIDDEN = explain(
    "MOTCUA_FORBIDDEN",
    "Tài khoản kết nối không có quyền dùng chức năng này của hệ thống một cửa.",
    "Đề nghị quản trị hệ thống một cửa cấp quyền cho tài khoản, sau đó cho hệ thống chạy tiếp bằng lệnh "
    "ebrvt resume {system}.",
)
NOT_FOUND = explain(
    "MOTCUA_NOT_FOUND",
    "Hệ thống một cửa không có hồ sơ, tệp hoặc thủ tục được hỏi.",
    "Kiểm tra hồ sơ có bị xóa hoặc chuyển đơn vị không; nếu vẫn cần, lưu lại hồ sơ để được lấy về.",
)
KEY_REUSED = explain(
    "MOTCUA_KEY_REUSED",
    "Hệ thống một cửa đã nhận một nội dung khác dưới cùng khóa chống trùng.",
    "So sánh hai bản ở hệ thống một cửa và nơi gửi; giữ bản đúng rồi bỏ thông điệp này.",
)
INVALID = explain(
    "MOTCUA_INVALID",
    "Hệ thống một cửa không nhận vì các mục sau chưa đạt: {fields}.",
    "Nếu do nơi gửi ghi thiếu, đề nghị nơi gửi gửi lại; nếu không, báo bộ phận kỹ thuật kèm mã lỗi này.",
)
THROTTLED = explain(
    "MOTCUA_THROTTLED",
    "Hệ thống một cửa yêu cầu gọi chậm lại.",
    "Không cần làm gì: chương trình tự chờ rồi làm tiếp.",
)
INTERNAL = explain(
    "MOTCUA_INTERNAL",
    "Hệ thống một cửa gặp lỗi bên trong.",
    "Chương trình sẽ tự gọi lại an toàn. Nếu kéo dài, báo quản trị hệ thống một cửa.",
)
UNAVAILABLE = explain(
    "MOTCUA_UNAVAILABLE",
    "Hệ thống một cửa đang tạm ngừng hoặc bảo trì.",
    "Không cần làm gì: chương trình tự chờ rồi làm tiếp. Nếu kéo dài, báo quản trị hệ thống một cửa.",
)
REFUSED = explain(
    "MOTCUA_REFUSED",
    "Hệ thống một cửa từ chối với mã lỗi “{said}”.",
    "Chuyển mã lỗi này cho quản trị hệ thống một cửa và bộ phận kỹ thuật.",
)
REPLY_UNREADABLE = explain(
    "MOTCUA_REPLY_UNREADABLE",
    "Hệ thống một cửa trả lời bằng nội dung không đúng quy ước; không coi là đã xong.",
    "Chương trình sẽ tự hỏi lại. Nếu kéo dài, báo quản trị hệ thống một cửa kèm mã lỗi này.",
)
FEED_STUCK = explain(
    "MOTCUA_FEED_STUCK",
    "Danh sách của hệ thống một cửa không đi tiếp: trang sau lặp lại trang trước.",
    "Báo quản trị hệ thống một cửa kiểm tra; chương trình vẫn tiếp tục hỏi lại.",
)
FILE_DAMAGED = explain(
    "MOTCUA_FILE_DAMAGED",
    "Tệp tải từ hệ thống một cửa bị hỏng hoặc bị thay đổi trong lúc tải.",
    "Chương trình sẽ tự tải lại. Nếu lặp lại, báo quản trị hệ thống một cửa.",
)
RESULT_TOO_LARGE = explain(
    "RESULT_FILE_TOO_LARGE",
    "Tệp kết quả “{file}” của hồ sơ {title} lớn hơn giới hạn cho phép ({limit_bytes} byte).",
    "Giảm dung lượng tệp rồi lưu lại hồ sơ, hoặc nâng giới hạn largest_file_bytes nếu đúng quy định.",
)
RESULT_UNAVAILABLE = explain(
    "RESULT_FILE_UNAVAILABLE",
    "Không tải được tệp kết quả “{file}” của hồ sơ {title} từ hệ thống một cửa.",
    "Mở thử tệp ở hệ thống một cửa; đính kèm lại nếu tệp bị mất, rồi lưu lại hồ sơ.",
)
PROGRESS_UNAVAILABLE = explain(
    "MOTCUA_PROGRESS_UNAVAILABLE",
    "Không đọc được tiến độ xử lý của hồ sơ {title} từ hệ thống một cửa.",
    "Mở thử tiến độ của hồ sơ ở hệ thống một cửa; nếu mở được, lưu lại hồ sơ để được đọc lại rồi bỏ thông "
    "điệp này.",
)
PROGRESS_REPEATED = explain(
    "MOTCUA_PROGRESS_SEQ_REPEATED",
    "Hồ sơ {title} ở hệ thống một cửa có hai bước xử lý khác nhau cùng mang số {seq} (mục “Số thứ tự bước xử "
    "lý (seq)”); bước thứ hai chưa được gửi.",
    "Đề nghị quản trị hệ thống một cửa cho bước thứ hai một số riêng chưa bước nào dùng, giữ nguyên nội "
    "dung, rồi lưu lại hồ sơ; bước đó sẽ thay thế bản này. Các bước sau của hồ sơ chờ đến khi xong.",
)
PROGRESS_RENUMBERED = explain(
    "MOTCUA_PROGRESS_RENUMBERED",
    "Các bước xử lý của hồ sơ {title} ở hệ thống một cửa đã bị đánh số lại (mục “Số thứ tự bước xử lý "
    "(seq)”) sau khi được lấy về: {moves}{inserted}. Các bước đã lấy không được gửi lại.",
    "Đề nghị quản trị hệ thống một cửa trả lại số cũ cho các bước đã nêu, ghi bước mới với số lớn hơn mọi số "
    "đã có rồi lưu lại hồ sơ; sau đó bỏ thông điệp này bằng lệnh ebrvt held refuse. Các bước sau của hồ sơ "
    "chờ đến khi đó.",
)
DOSSIER_UNAVAILABLE = explain(
    "MOTCUA_DOSSIER_UNAVAILABLE",
    "Không đọc được hồ sơ {title} từ hệ thống một cửa sau nhiều lần thử.",
    "Mở thử hồ sơ ở hệ thống một cửa; nếu mở được thì lưu lại hồ sơ, nếu không thì báo quản trị hệ thống.",
)
DOSSIER_FORBIDDEN = explain(
    "MOTCUA_DOSSIER_FORBIDDEN",
    "Tài khoản kết nối không được phép đọc hồ sơ {title} hoặc tệp của hồ sơ ở hệ thống một cửa.",
    "Đề nghị quản trị hệ thống một cửa cấp quyền đọc hồ sơ này cho tài khoản, sau đó lưu lại hồ sơ.",
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
    """Whether a hold, met while one dossier or file was read, is about that one only.

    A single dossier may be closed to our account while the feed itself is open.
    """
    return held.scope is Scope.MESSAGE or held.code in {FORBIDDEN.code, REMOTE_FORBIDDEN.code}
