"""What goes wrong in the middle of a demonstration, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebrvt_connect.testing import sandbox_faults as kinds
from ebrvt_connect.testing.sandbox_faults import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault to arm, and its story in Vietnamese."""

    name_vi: str
    story_vi: str
    fault: Fault
    """What the sandbox is told."""

    @property
    def id(self) -> str:
        """The name the sandbox's journal knows it by."""
        return self.fault.id

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 for what is over at once."""
        return self.fault.seconds if self.fault.kind == kinds.DOWN else 0.0


DOCUMENT_FAULTS: Sequence[PlannedFault] = (
    PlannedFault(
        "Mất phản hồi sau khi trục đã nhận",
        "Không gửi lại mù quáng: hỏi danh sách đã gửi trên trục, thấy văn bản đã tới thì ghi nhận là xong.",
        Fault(id="reply-lost", system="vxp", operation="sendEdoc", kind=kinds.LOSE_REPLY, after=6, count=3),
    ),
    PlannedFault(
        "Trục liên thông ngừng hoạt động 5 giây",
        "Văn bản chờ trong sổ cái, gửi tiếp khi trục hoạt động lại; văn bản đang gửi dở được hỏi lại trước.",
        Fault(id="axis-down", system="vxp", operation="sendEdoc", kind=kinds.DOWN, after=18, seconds=5.0),
    ),
    PlannedFault(
        "Máy chủ trung gian trả về trang HTML 502",
        "Không coi trang HTML là phản hồi của trục: không biết đã tới chưa nên hỏi lại rồi mới gửi.",
        Fault(id="gateway-page", system="vxp", operation="sendEdoc", kind=kinds.HTML_502, after=27, count=2),
    ),
    PlannedFault(
        "Trục từ chối dấu thời gian trong tiêu đề ký",
        "Ký lại tiêu đề với thời gian mới và gửi lại; nội dung văn bản và chữ ký trong văn bản giữ nguyên.",
        Fault(id="timestamp-rejected", system="vxp", operation="sendEdoc", kind="reject-timestamp", after=36),
    ),
    PlannedFault(
        "Trục phát lại văn bản đã nhận",
        "Nhận ra văn bản đã có trong sổ cái, xác nhận lại với trục và không vào sổ lần hai.",
        Fault(
            id="delivered-twice",
            system="vxp",
            operation="getReceivedEdocList",
            kind="duplicate",
            after=9,
            count=2,
        ),
    ),
    PlannedFault(
        "Trục phát lại văn bản với mã khác",
        "Nhận ra qua cơ quan gửi, mã văn bản và nội dung, dù mã trên trục đã đổi; không vào sổ lần hai.",
        Fault(
            id="delivered-twice-renamed",
            system="vxp",
            operation="getReceivedEdocList",
            kind="duplicate-new-id",
            after=15,
        ),
    ),
    PlannedFault(
        "Mất phản hồi của phần mềm quản lý văn bản sau khi đã vào sổ",
        "Gửi lại với cùng khóa chống trùng: phần mềm nhận ra và trả về số đã cấp, không vào sổ lần hai.",
        Fault(
            id="filing-reply-lost",
            system="qlvb",
            operation="POST /api/incoming",
            kind=kinds.LOSE_REPLY,
            after=4,
            count=2,
        ),
    ),
)


OTHER_FAULTS: Sequence[PlannedFault] = (
    PlannedFault(
        "Mất phản hồi của Cổng DVCQG sau khi đã nhận hồ sơ",
        "Tra cứu hồ sơ trên Cổng trước: đã có thì ghi nhận hoặc cập nhật, không thêm mới lần hai.",
        Fault(
            id="dossier-reply-lost",
            system="dvcqg",
            operation="DongBoHoSoMC",
            kind=kinds.LOSE_REPLY,
            after=7,
            count=2,
        ),
    ),
    PlannedFault(
        "Mất phản hồi của Cổng DVCQG sau khi đã ghi bước tiến độ",
        "Tiến độ không có khóa chống trùng: hỏi lại Cổng đã có đúng bước đó chưa rồi mới quyết định.",
        Fault(
            id="progress-reply-lost",
            system="dvcqg",
            operation="CapNhatTienDoHoSoMC",
            kind=kinds.LOSE_REPLY,
            after=15,
            count=3,
        ),
    ),
    PlannedFault(
        "Cổng DVCQG ngừng hoạt động 5 giây",
        "Hồ sơ và tiến độ chờ trong sổ cái theo đúng thứ tự, gửi tiếp khi Cổng hoạt động lại.",
        Fault(
            id="portal-down", system="dvcqg", operation="DongBoHoSoMC", kind=kinds.DOWN, after=20, seconds=5.0
        ),
    ),
    PlannedFault(
        "Nút kết nối Cổng DVCQG trả về trang HTML 502",
        "Không coi trang HTML là phản hồi của Cổng: không biết đã ghi hay chưa nên hỏi lại trước.",
        Fault(
            id="portal-gateway-page",
            system="dvcqg",
            operation="CapNhatTienDoHoSoMC",
            kind=kinds.HTML_502,
            after=35,
            count=2,
        ),
    ),
    PlannedFault(
        "Phiên đăng nhập Cổng DVCQG hết hạn giữa chừng",
        "Đăng nhập lại một lần và gửi lại lời gọi đã bị từ chối; các luồng khác dùng chung phiên mới.",
        Fault(
            id="session-expired", system="dvcqg", operation="DongBoHoSoMC", kind="expire-sessions", after=29
        ),
    ),
    PlannedFault(
        "Mất phản hồi của phần mềm một cửa sau khi đã ghi kết quả đồng bộ",
        "Ghi lại cùng kết quả, cùng thời điểm: phần mềm một cửa nhận ra bản trùng, không ghi lần hai.",
        Fault(
            id="told-reply-lost",
            system="motcua",
            operation="PUT /api/dossiers/{code}/exchange-status",
            kind=kinds.LOSE_REPLY,
            after=5,
            count=2,
        ),
    ),
    PlannedFault(
        "Phần mềm báo cáo của Bộ trả về lỗi SOAP",
        "Đọc mã lỗi trong SOAP Fault: lỗi tạm thời phía máy chủ nên gửi lại đúng gói đã ký.",
        Fault(id="report-fault", system="baocao", operation="SubmitReport", kind="soap-fault-server"),
    ),
    PlannedFault(
        "Mất phản hồi của Bộ sau khi đã nhận báo cáo",
        "Hỏi trạng thái theo mã gói tin: báo cáo đã có thì chờ duyệt, không nộp thêm bản nào.",
        Fault(
            id="report-reply-lost",
            system="baocao",
            operation="SubmitReport",
            kind=kinds.LOSE_REPLY,
            after=3,
            count=3,
        ),
    ),
)
"""What happens to dossiers and reports."""

FAULTS = (*DOCUMENT_FAULTS, *OTHER_FAULTS)


def orders() -> list[dict[str, Any]]:
    """What the sandbox is told to arm; arming a known id again changes nothing."""
    return [planned.fault.model_dump(exclude_defaults=True) for planned in FAULTS]
