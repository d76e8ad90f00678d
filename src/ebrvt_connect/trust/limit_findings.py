"""Findings about verifications that were stopped or never begun: rows of the catalogue."""

from __future__ import annotations

from ebrvt_connect.trust.catalogue import FORMAT, kind, unclear
from ebrvt_connect.trust.verdict import SubIndication

_EN_319_102 = "ETSI EN 319 102-1"

VERIFICATION_TIME_EXCEEDED = kind(
    "VERIFICATION_TIME_EXCEEDED",
    FORMAT,
    "Kiểm tra tệp này tốn quá thời gian cho phép ({seconds} giây {clock_vi}) nên đã bị dừng; tệp bị coi là "
    "sai định dạng. Không mở tệp; hỏi lại bên gửi và báo cán bộ an toàn thông tin.",
    "The examination took more than {seconds} s of {clock} time and was stopped.",
    _EN_319_102,
)
VERIFICATION_MEMORY_EXCEEDED = kind(
    "VERIFICATION_MEMORY_EXCEEDED",
    FORMAT,
    "Kiểm tra tệp này cần quá nhiều bộ nhớ nên đã bị dừng; tệp bị coi là sai định dạng. Không mở tệp; hỏi "
    "lại bên gửi và báo cán bộ an toàn thông tin.",
    "The examination asked for more memory than one file is given and was stopped.",
    _EN_319_102,
)
VERIFICATION_CRASHED = kind(
    "VERIFICATION_CRASHED",
    FORMAT,
    "Tiến trình kiểm tra tệp này dừng đột ngột ({how}); tệp bị coi là sai định dạng. Các tệp khác không bị "
    "ảnh hưởng. Không mở tệp; báo cán bộ an toàn thông tin.",
    "The process that examined this file died ({how}).",
    _EN_319_102,
)
FILE_UNREADABLE = kind(
    "FILE_UNREADABLE",
    unclear(SubIndication.GENERIC),
    "Không đọc được tệp ({reason}) nên chưa kiểm tra. Xem lại đường dẫn và quyền đọc rồi chạy lại.",
    "The file could not be read ({reason}); nothing was examined.",
    _EN_319_102,
)
PDF_CLAIMS_TOO_MUCH = kind(
    "PDF_CLAIMS_TOO_MUCH",
    FORMAT,
    "Tệp PDF khai báo hoặc bung ra lớn bất thường so với chính nó, có thể là tệp phá hoại. Không mở tệp; hỏi "
    "lại bên gửi và báo cán bộ an toàn thông tin.",
    "The PDF claims or unpacks to more than a file of its size can hold ({reason}).",
    _EN_319_102,
)
FILE_TOO_LARGE = kind(
    "FILE_TOO_LARGE",
    unclear(SubIndication.GENERIC),
    "Tệp lớn hơn giới hạn kiểm tra ({limit_bytes} byte) nên chưa được kiểm tra.",
    "The file exceeds the limit of {limit_bytes} bytes and was not examined.",
    _EN_319_102,
)
PDF_TOO_MANY_SIGNATURES = kind(
    "PDF_TOO_MANY_SIGNATURES",
    FORMAT,
    "Tệp có quá nhiều chữ ký (hơn {reason}).",
    "The file has more than {reason} signatures.",
    _EN_319_102,
)
PDF_TOO_COMPLEX = kind(
    "PDF_TOO_COMPLEX",
    unclear(SubIndication.GENERIC),
    "Tệp PDF có cấu trúc lớn bất thường nên chưa được kiểm tra. "
    "Đề nghị xuất lại hoặc chia nhỏ tệp rồi ký lại.",
    "The PDF claims more structure than is examined ({reason}).",
    _EN_319_102,
)
