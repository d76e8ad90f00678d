"""Findings about files that are two files at once, or one signature shown twice: rows of the catalogue."""

from __future__ import annotations

from ebrvt_connect.trust.catalogue import FORMAT, TT15_6, kind, unclear
from ebrvt_connect.trust.verdict import SubIndication

_CONSTRAINTS = unclear(SubIndication.SIG_CONSTRAINTS_FAILURE)
_RFC_5652 = "RFC 5652 mục 5.3"

FILE_IS_TWO_FILES = kind(
    "FILE_IS_TWO_FILES",
    FORMAT,
    "Ngoài phần được ký, tệp còn giấu một tệp loại khác ({what}): phần mềm khác có thể mở ra nội dung không "
    "ai ký.",
    "Outside of what was signed the file hides a file of another kind ({what}), which other software opens.",
    TT15_6,
)
KIND_NOT_AS_NAMED = kind(
    "KIND_NOT_AS_NAMED",
    FORMAT,
    "Tệp được yêu cầu kiểm tra như loại {named} nhưng theo nội dung là loại {seen}. Hãy đưa đúng tệp, hoặc "
    "để chương trình tự nhận loại.",
    "The file was to be verified as {named}, but its content is {seen}.",
    "ETSI EN 319 102-1",
)
CMS_ATTRIBUTE_UNKNOWN = kind(
    "CMS_ATTRIBUTE_UNKNOWN",
    _CONSTRAINTS,
    "Chữ ký mang theo dữ liệu lạ không được ký ({oids}). Cần người xem xét.",
    "The signature carries unsigned attributes of no known kind ({oids}).",
    _RFC_5652,
)
CMS_HEADERS_STRANGE = kind(
    "CMS_HEADERS_STRANGE",
    _CONSTRAINTS,
    "Tệp S/MIME có dòng tiêu đề lạ, trùng hoặc quá dài mà không ai ký. Đề nghị nơi gửi gửi tệp .p7m, .p7s "
    "gốc.",
    "Unsigned header lines of the S/MIME file are strange, repeated or too long.",
    "RFC 8551",
)
SIGNATURE_REPEATED = kind(
    "SIGNATURE_REPEATED",
    _CONSTRAINTS,
    "Chữ ký thứ {numbers} là cùng một chữ ký được đưa vào nhiều lần. Đề nghị nơi gửi gửi lại tệp, mỗi chữ ký "
    "một lần.",
    "Signatures {numbers_en} are one signature handed in more than once.",
    TT15_6,
)
PDF_SIGNATURE_HIDDEN = kind(
    "PDF_SIGNATURE_HIDDEN",
    FORMAT,
    "Tệp đã có chữ ký số nhưng phần thêm vào sau đã gỡ hoặc giấu chữ ký đó khỏi danh sách chữ ký.",
    "A later revision removed or hid a signature that the file had.",
    "ISO 32000-1 mục 12.8",
)
