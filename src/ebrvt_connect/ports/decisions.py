"""How an adapter says what a ministry decided about a report: the codes the report desk acts upon.

A report that is turned down for any other reason counts as invalid.
"""

from __future__ import annotations

from ebrvt_connect.errors import explain

REPORT_RETURNED = explain(
    "REPORT_RETURNED",
    "Bộ trả lại báo cáo kỳ {period}: {reason}.",
    "Kiểm tra số liệu theo ý kiến của Bộ rồi lập báo cáo thay thế cho báo cáo bị trả lại.",
)
"""Returned to be corrected (trả lại): a replacing report is computed and sent."""
REPORT_LOCKED = explain(
    "REPORT_LOCKED",
    "Kỳ báo cáo {period} đã khóa khi báo cáo chưa được phê duyệt{reason}.",
    "Liên hệ Bộ để mở lại kỳ báo cáo hoặc xác nhận cách xử lý, rồi đánh dấu thông điệp này.",
)
"""The period was locked (khóa kỳ) over a report that was not approved: a person must ask them."""
