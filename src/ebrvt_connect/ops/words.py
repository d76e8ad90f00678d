"""Vietnamese words for states, kinds and effects, for commands and reports alike."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from ebrvt_connect.errors import Effect
from ebrvt_connect.model.document import StatusCode
from ebrvt_connect.model.dossier import DossierExchange
from ebrvt_connect.model.message import Kind, State
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.ops.redaction import redacted_text
from ebrvt_connect.ports.ledger import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrvt_connect.model.message import Message


STATES_VI: dict[State, str] = {
    State.RECEIVED: "đã nhận, chờ kiểm tra",
    State.HELD: "bị giữ, chờ người quyết định",
    State.QUEUED: "chờ gửi",
    State.SENDING: "đang gửi",
    State.IN_DOUBT: "chưa rõ đã tới chưa, đang hỏi lại",
    State.AWAITING: "chờ phê duyệt",
    State.WAITING: "chờ gửi lại",
    State.DONE: "đã xong",
    State.REFUSED: "bị từ chối",
    State.DEAD: "đã bỏ cuộc",
    State.CANCELLED: "đã hủy",
    State.SUPERSEDED: "đã được thay thế",
}
KINDS_VI: dict[Kind, str] = {
    Kind.DOCUMENT: "văn bản",
    Kind.DOCUMENT_STATUS: "trạng thái văn bản",
    Kind.DOSSIER: "hồ sơ",
    Kind.PROGRESS: "tiến độ hồ sơ",
    Kind.DOSSIER_STATUS: "kết quả đồng bộ hồ sơ",
    Kind.REPORT: "báo cáo",
    Kind.REPORT_STATUS: "kết quả xử lý báo cáo",
}
KEYS_VI: dict[Kind, str] = {
    Kind.DOCUMENT: "Mã văn bản",
    Kind.DOCUMENT_STATUS: "Mã văn bản",
    Kind.DOSSIER: "Mã hồ sơ",
    Kind.PROGRESS: "Mã hồ sơ",
    Kind.DOSSIER_STATUS: "Mã hồ sơ",
    Kind.REPORT: "Mã báo cáo",
    Kind.REPORT_STATUS: "Mã báo cáo",
}
"""What a message's business key is, by its kind."""
EFFECTS_VI: dict[Effect, str] = {
    Effect.RETRY_LATER: "sẽ thử lại",
    Effect.RECONCILE_FIRST: "phải hỏi lại trước khi gửi",
    Effect.REJECTED: "bên kia từ chối",
    Effect.HELD_FOR_PERSON: "cần người quyết định",
}
STEPS_VI: dict[Step, str] = {
    Step.JUDGE: "kiểm tra và đóng gói",
    Step.SUBMIT: "gửi",
    Step.ASK: "hỏi lại bên nhận",
    Step.PERSON: "người xử lý",
}
ACTIONS_VI = {
    "released": "cho gửi tiếp",
    "requeued": "gửi lại",
    "resent": "gửi lại nguyên bản đã đóng gói",
    "reasked": "hỏi lại bên nhận rồi mới gửi lại",
    "returned": "trả lại",
    "denied": "từ chối",
    "skipped": "bỏ qua",
    "confirmed": "xác nhận đã đến nơi",
    "arrived": "xác nhận đã đến nơi, chờ kết quả",
    "superseded": "thay bằng bản mới",
}
"""What a person decided, by the name the transition table gives it."""
TOLD_VI: dict[Kind, dict[str, str]] = {
    Kind.DOCUMENT_STATUS: {
        StatusCode.ARRIVED: "đã đến",
        StatusCode.REFUSED: "từ chối tiếp nhận",
        StatusCode.ACCEPTED: "đã tiếp nhận",
        StatusCode.ASSIGNED: "phân công xử lý",
        StatusCode.IN_PROGRESS: "đang xử lý",
        StatusCode.FINISHED: "hoàn thành",
        StatusCode.RECALL: "lấy lại",
        StatusCode.CHANGE_ACCEPTED: "đồng ý lấy lại, cập nhật",
        StatusCode.CHANGE_REFUSED: "không đồng ý lấy lại, cập nhật",
        StatusCode.SENT: "đã gửi",
        StatusCode.HELD: "bị giữ",
        StatusCode.FAILED: "không gửi được",
    },
    Kind.DOSSIER_STATUS: {
        DossierExchange.QUEUED: "chờ gửi",
        DossierExchange.SENT: "đã gửi",
        DossierExchange.ACCEPTED: "đã được tiếp nhận",
        DossierExchange.REFUSED: "bị từ chối",
        DossierExchange.HELD: "bị giữ",
    },
}
"""What a status says, by the code it says it with (QCVN 102:2016); those of reports are in `report_words`."""
PROVENANCE_VI = {
    "captured": "theo bản ghi trao đổi với hệ thống thật",
    "seen-in-code": "theo mã nguồn và tài liệu đã công bố",
    "sandbox": "do dự án tự đặt ra",
}
"""How a dialect is known, by the word of the adapter's manifest."""
COMPACT_VI = "Muốn trả chỗ trống cho ổ đĩa: dừng dịch vụ, chạy ebrvt store compact rồi chạy lại dịch vụ."
_MUCH_BYTES = 100 * 1000**2
_SYSTEMS_OWN = (
    ("superseded", re.compile(r"message (\d+)"), "bản mới hơn (thông điệp số {}) thay thế bản này"),
    ("requeued", re.compile(r"goes again after message (\d+)"), "gửi lại sau thông điệp số {}, bản sửa lỗi"),
)
"""Lines of a story that no person has caused, though they stand among persons' decisions."""


def decision_vi(code: str, detail: str) -> str:
    """What was decided about a message, and by whom: a person with a reason, or the program by itself."""
    for own, pattern, said in _SYSTEMS_OWN:
        found = pattern.search(detail) if code == own else None
        if found:
            return f"chương trình: {said.format(found[1])}"
    return f"{STEPS_VI[Step.PERSON]}: {ACTIONS_VI.get(code, code)}, {detail}"


def paused_text(system: str, reason_vi: str, code: str) -> str:
    """A paused system (đang tạm dừng): why, and what takes it up again."""
    named = f" [{code}]" if code else ""
    how = f" (cách khắc phục: ebrvt explain {code})" if code else ""
    return (
        f"Hệ thống {system} đang tạm dừng: {redacted_text(reason_vi)}{named}\n"
        f"  → Khắc phục xong thì chạy: ebrvt resume {system}{how}"
    )


def draining_text(system: str, why: str, left: int, stuck: int) -> str:
    """A system that is being drained (đang rút hết): what is left, and what ends it."""
    rest = f"còn {left} thông điệp" if left else "đã hết"
    if stuck:
        rest += f", trong đó {stuck} chờ người quyết định"
    return (
        f"Hệ thống {system} đang rút hết, không nhận cái mới: {why}; {rest}\n"
        f"  → Muốn nhận lại thì chạy: ebrvt resume {system}"
    )


def room_text(total_bytes: int, free_bytes: int | None) -> str:
    """How large the ledger is and how much of it is empty, and what gives that back where it is much."""
    if free_bytes is None:
        return f"Cơ sở dữ liệu: {total_bytes / 1e6:.1f} MB."
    empty = f"{free_bytes / 1e6:.1f} MB trống, được dùng lại trước"
    told = f"Tệp sổ cái: {total_bytes / 1e6:.1f} MB, trong đó {empty}."
    return f"{told}\n  → {COMPACT_VI}" if much_room(total_bytes, free_bytes) else told


def much_room(total_bytes: int, free_bytes: int | None) -> bool:
    """Whether so much of the ledger's file is empty that people should know."""
    return free_bytes is not None and free_bytes >= max(_MUCH_BYTES, total_bytes // 4)


def local_time(moment: datetime | None) -> str:
    """A moment as a Vietnamese reader writes it, in +07:00."""
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S") if moment else "–"


def in_brief(message: Message) -> dict[str, object]:
    """What a list shows of a message that waits for a person; what remotes say of people is blotted out."""
    return {
        "id": message.id,
        "title": message.title,
        "link": message.link,
        "code": message.code,
        "reason_vi": redacted_text(message.reason_vi),
        "advice_vi": message.advice_vi,
        "since": message.updated_at,
    }


def brief_text(brief: Mapping[str, object]) -> str:
    """The same as three lines of text: which one, why, what to do."""
    return "  số {id}  {title}  [{code}]\n    {reason_vi}\n    → {advice_vi}".format_map(brief)
