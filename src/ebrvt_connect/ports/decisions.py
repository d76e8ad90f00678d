"""How an adapter says what a ministry decided about a report: the codes the report desk acts upon.

What the ministry has of a report follows from these words and from its receipt, never from what was tried:
a report that a later one must name as replaced was taken and has one of them, or none yet. Whatever else it
says when a report is handed over (a refusal, a reason to hold it) means that it has taken nothing.
"""

from __future__ import annotations

from ebrvt_connect.errors import explain

REPORT_RETURNED = explain(
    "REPORT_RETURNED",
    "Bộ trả lại báo cáo kỳ {period}: {reason}.",
    "Kiểm tra số liệu theo ý kiến của Bộ rồi lập báo cáo thay thế cho báo cáo bị trả lại.",
)
"""Returned to be corrected (trả lại): a replacing report is computed and sent."""
REPORT_INVALID = explain(
    "REPORT_INVALID",
    "Bộ kiểm tra và không chấp nhận số liệu của báo cáo kỳ {period}: {reason}.",
    "Sửa các mục đã nêu rồi lập lại báo cáo.",
)
"""Taken, then found invalid (không hợp lệ): it counts for nothing there, nor does what it had replaced, so
the next report replaces nothing."""
REPORT_LOCKED = explain(
    "REPORT_LOCKED",
    "Kỳ báo cáo {period} đã khóa khi báo cáo chưa được phê duyệt{reason}.",
    "Liên hệ Bộ để mở lại kỳ báo cáo. Bộ xử lý tiếp báo cáo này thì chạy ebrvt held confirm để chương trình "
    "hỏi lại kết quả; Bộ yêu cầu báo cáo khác thì chạy ebrvt report build --replaces.",
)
"""The period was locked (khóa kỳ) over a report that was not approved: a person must ask them."""
REPORT_LOST = explain(
    "BAOCAO_PACKET_LOST",
    "Phần mềm báo cáo của Bộ đã tiếp nhận báo cáo này nhưng nay không còn tìm thấy.",
    "Liên hệ đơn vị vận hành phần mềm báo cáo của Bộ với số biên nhận đã lưu, rồi cho gửi lại nếu Bộ yêu "
    "cầu.",
)
"""Taken, and not known there any more (thất lạc): it has it no longer."""
