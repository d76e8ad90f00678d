"""Findings about verifications that were stopped or never begun: rows of the catalogue."""

from __future__ import annotations

from ebrvt_connect.trust.catalogue import FORMAT, kind, unclear
from ebrvt_connect.trust.verdict import SubIndication

_EN_319_102 = "ETSI EN 319 102-1"

VERIFICATION_TIME_EXCEEDED = kind(
    "VERIFICATION_TIME_EXCEEDED",
    FORMAT,
    "Phân tích tệp này cần hơn {seconds} giây xử lý nên đã bị dừng: tệp vượt giới hạn phân tích, có dấu hiệu "
    "bất thường; không kết luận được về chữ ký trong tệp. Không mở tệp; hãy xin lại bản khác từ nơi gửi và "
    "báo cán bộ an toàn thông tin.",
    "Parsing the file took more than {seconds} s of processor time and was stopped.",
    _EN_319_102,
)
VERIFICATION_MEMORY_EXCEEDED = kind(
    "VERIFICATION_MEMORY_EXCEEDED",
    FORMAT,
    "Phân tích tệp này cần nhiều bộ nhớ hơn mức dành cho một tệp nên đã bị dừng: tệp vượt giới hạn phân "
    "tích, có dấu hiệu bất thường; không kết luận được về chữ ký trong tệp. Không mở tệp; hãy xin lại bản "
    "khác từ nơi gửi và báo cán bộ an toàn thông tin.",
    "Parsing the file asked for more memory than one file is given and was stopped.",
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
VERIFICATION_INTERRUPTED = kind(
    "VERIFICATION_INTERRUPTED",
    unclear(SubIndication.GENERIC),
    "Việc kiểm tra bị ngắt giữa chừng vì máy, không phải vì nội dung tệp ({how}); tệp chưa được kiểm tra. "
    "Hãy chạy lại; nếu lặp lại, báo người quản trị xem bộ nhớ, tải và ổ đĩa của máy.",
    "The examination was cut short by the machine, not by the file ({how_en}); nothing is concluded.",
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
    FORMAT,
    "Tệp PDF vượt giới hạn phân tích hoặc có cấu trúc mà phần mềm soạn văn bản không tạo ra, có dấu hiệu bất "
    "thường; không kết luận được về chữ ký trong tệp. Không mở tệp; hãy xin lại bản xuất mới từ nơi phát "
    "hành.",
    "The PDF has more structure than is examined, or of a kind no writer makes ({reason}).",
    _EN_319_102,
)
PDF_TOO_LARGE = kind(
    "PDF_TOO_LARGE",
    unclear(SubIndication.GENERIC),
    "Tệp PDF có nhiều trang và chữ ký hơn giới hạn kiểm tra (số trang nhân số chữ ký hơn {reason}) nên chữ "
    "ký chưa được kiểm tra. Kiểm tra bằng công cụ khác; không tự chia nhỏ tệp đã ký: chữ ký sẽ hỏng.",
    "The PDF has more pages, times its signatures, than are examined ({reason}).",
    _EN_319_102,
)
