"""The report's picture of the flow as numbers for an SVG: who is linked, and how much went each way."""

from __future__ import annotations

from typing import Any

_LEFT, _RIGHT = 10, 790
_TOP, _PITCH = 20, 135
_RIGHTWARD, _LEFTWARD = 30, 62

_BOXES = (
    (_LEFT, 0, "Quản lý văn bản", "phần mềm của tỉnh"),
    (_LEFT, 1, "Một cửa điện tử", "phần mềm của tỉnh"),
    (_RIGHT, 0, "Trục liên thông", "VXP, quốc gia"),
    (_RIGHT, 1, "Cổng DVCQG", "Văn phòng Chính phủ"),
    (_RIGHT, 2, "Báo cáo của Bộ", "phần mềm báo cáo, SOAP"),
)


def draw_flow(counted: dict[str, int]) -> dict[str, Any]:
    """Boxes, arrows and words in the coordinates of the template's 1000 x 400 box."""
    n = counted
    return {
        "boxes": [{"x": x, "y": _TOP + row * _PITCH, "title": t, "under": u} for x, row, t, u in _BOXES],
        "arrows": [
            _right(212, 394, 0, f"{n['picked_up']} văn bản đi"),
            _left(394, 212, 0, f"{n['filed']} vào sổ · {n['statuses_told']} trạng thái"),
            _right(606, 784, 0, f"{n['sent']} đã gửi"),
            _left(784, 606, 0, f"{n['arrived']} đến · {n['statuses_in']} trạng thái"),
            _right(212, 394, 1, f"{n['dossiers_in']} hồ sơ"),
            _left(394, 212, 1, f"{n['dossiers_told']} kết quả"),
            _right(606, 784, 1, f"{n['dossiers']} hồ sơ"),
            {**_right(606, 784, 1, f"{n['steps']} bước tiến độ"), "dy": 22},
            _right(606, 784, 2, f"{n['reports']} báo cáo"),
            _left(784, 606, 2, f"{n['returned']} trả lại · {n['approved']} duyệt"),
        ],
        "inside": [
            {"y": 140, "text": f"{n['held']} văn bản bị giữ", "colour": "#8a5a00"},
            {"y": 240, "text": f"{n['dossiers_held']} hồ sơ bị giữ", "colour": "#8a5a00"},
            {"y": 330, "text": "số liệu tính từ sổ cái", "colour": "#5b6b7b"},
        ],
    }


def _right(x1: int, x2: int, row: int, label: str) -> dict[str, Any]:
    return {"x1": x1, "x2": x2, "y": _TOP + row * _PITCH + _RIGHTWARD, "dy": -8, "label": label}


def _left(x1: int, x2: int, row: int, label: str) -> dict[str, Any]:
    return {"x1": x1, "x2": x2, "y": _TOP + row * _PITCH + _LEFTWARD, "dy": 20, "label": label}
