"""What goes wrong in the middle of a demonstration, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault to arm, and its story in Vietnamese."""

    id: str
    name_vi: str
    story_vi: str
    order: Mapping[str, Any]
    """What the sandbox is told."""
    seconds: float = 0.0


DOCUMENT_FAULTS: Sequence[PlannedFault] = (
    PlannedFault(
        "reply-lost",
        "Mất phản hồi sau khi trục đã nhận",
        "Không gửi lại mù quáng: hỏi danh sách đã gửi trên trục, thấy văn bản đã tới thì ghi nhận là xong.",
        {"system": "vxp", "operation": "sendEdoc", "kind": "lose-reply", "after": 6, "count": 3},
    ),
    PlannedFault(
        "axis-down",
        "Trục liên thông ngừng hoạt động 5 giây",
        "Văn bản chờ trong sổ cái, gửi tiếp khi trục hoạt động lại; văn bản đang gửi dở được hỏi lại trước.",
        {"system": "vxp", "operation": "sendEdoc", "kind": "down", "after": 18, "seconds": 5.0},
        seconds=5.0,
    ),
    PlannedFault(
        "gateway-page",
        "Máy chủ trung gian trả về trang HTML 502",
        "Không coi trang HTML là phản hồi của trục: không biết đã tới chưa nên hỏi lại rồi mới gửi.",
        {"system": "vxp", "operation": "sendEdoc", "kind": "html-502", "after": 27, "count": 2},
    ),
    PlannedFault(
        "timestamp-rejected",
        "Trục từ chối dấu thời gian trong tiêu đề ký",
        "Ký lại tiêu đề với thời gian mới và gửi lại; nội dung văn bản và chữ ký trong văn bản giữ nguyên.",
        {"system": "vxp", "operation": "sendEdoc", "kind": "reject-timestamp", "after": 36},
    ),
    PlannedFault(
        "delivered-twice",
        "Trục phát lại văn bản đã nhận",
        "Nhận ra văn bản đã có trong sổ cái, xác nhận lại với trục và không vào sổ lần hai.",
        {"system": "vxp", "operation": "getReceivedEdocList", "kind": "duplicate", "after": 9, "count": 2},
    ),
    PlannedFault(
        "delivered-twice-renamed",
        "Trục phát lại văn bản với mã khác",
        "Nhận ra qua cơ quan gửi, mã văn bản và nội dung, dù mã trên trục đã đổi; không vào sổ lần hai.",
        {"system": "vxp", "operation": "getReceivedEdocList", "kind": "duplicate-new-id", "after": 15},
    ),
    PlannedFault(
        "filing-reply-lost",
        "Mất phản hồi của phần mềm quản lý văn bản sau khi đã vào sổ",
        "Gửi lại với cùng khóa chống trùng: phần mềm nhận ra và trả về số đã cấp, không vào sổ lần hai.",
        {"system": "qlvb", "operation": "POST /api/incoming", "kind": "lose-reply", "after": 4, "count": 2},
    ),
)


OTHER_FAULTS: Sequence[PlannedFault] = (
    PlannedFault(
        "dossier-reply-lost",
        "Mất phản hồi của Cổng DVCQG sau khi đã nhận hồ sơ",
        "Tra cứu hồ sơ trên Cổng trước: đã có thì ghi nhận hoặc cập nhật, không thêm mới lần hai.",
        {"system": "dvcqg", "operation": "DongBoHoSoMC", "kind": "lose-reply", "after": 7, "count": 2},
    ),
    PlannedFault(
        "progress-reply-lost",
        "Mất phản hồi của Cổng DVCQG sau khi đã ghi bước tiến độ",
        "Tiến độ không có khóa chống trùng: hỏi lại Cổng đã có đúng bước đó chưa rồi mới quyết định.",
        {
            "system": "dvcqg",
            "operation": "CapNhatTienDoHoSoMC",
            "kind": "lose-reply",
            "after": 15,
            "count": 3,
        },
    ),
    PlannedFault(
        "portal-down",
        "Cổng DVCQG ngừng hoạt động 5 giây",
        "Hồ sơ và tiến độ chờ trong sổ cái theo đúng thứ tự, gửi tiếp khi Cổng hoạt động lại.",
        {"system": "dvcqg", "operation": "DongBoHoSoMC", "kind": "down", "after": 20, "seconds": 5.0},
        seconds=5.0,
    ),
    PlannedFault(
        "portal-gateway-page",
        "Nút kết nối Cổng DVCQG trả về trang HTML 502",
        "Không coi trang HTML là phản hồi của Cổng: không biết đã ghi hay chưa nên hỏi lại trước.",
        {"system": "dvcqg", "operation": "CapNhatTienDoHoSoMC", "kind": "html-502", "after": 35, "count": 2},
    ),
    PlannedFault(
        "session-expired",
        "Phiên đăng nhập Cổng DVCQG hết hạn giữa chừng",
        "Đăng nhập lại một lần và gửi lại lời gọi đã bị từ chối; các luồng khác dùng chung phiên mới.",
        {"system": "dvcqg", "operation": "DongBoHoSoMC", "kind": "expire-sessions", "after": 29},
    ),
    PlannedFault(
        "told-reply-lost",
        "Mất phản hồi của phần mềm một cửa sau khi đã ghi kết quả đồng bộ",
        "Ghi lại cùng kết quả, cùng thời điểm: phần mềm một cửa nhận ra bản trùng, không ghi lần hai.",
        {
            "system": "motcua",
            "operation": "PUT /api/dossiers/{code}/exchange-status",
            "kind": "lose-reply",
            "after": 5,
            "count": 2,
        },
    ),
    PlannedFault(
        "report-fault",
        "Phần mềm báo cáo của Bộ trả về lỗi SOAP",
        "Đọc mã lỗi trong SOAP Fault: lỗi tạm thời phía máy chủ nên gửi lại đúng gói đã ký.",
        {"system": "baocao", "operation": "SubmitReport", "kind": "soap-fault-server"},
    ),
    PlannedFault(
        "report-reply-lost",
        "Mất phản hồi của Bộ sau khi đã nhận báo cáo",
        "Hỏi trạng thái theo mã gói tin: báo cáo đã có thì chờ duyệt, không nộp thêm bản nào.",
        {"system": "baocao", "operation": "SubmitReport", "kind": "lose-reply", "after": 3, "count": 3},
    ),
)
"""What happens to dossiers and reports."""

FAULTS = (*DOCUMENT_FAULTS, *OTHER_FAULTS)


def orders() -> list[dict[str, Any]]:
    """What the sandbox is told to arm; arming a known id again changes nothing."""
    return [{"id": fault.id, **fault.order} for fault in FAULTS]
