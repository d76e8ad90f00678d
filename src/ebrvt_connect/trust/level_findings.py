"""Findings about proofs of time and the forms of old signatures: rows of the catalogue."""

from __future__ import annotations

from ebrvt_connect.trust.catalogue import INFO, TT15_6, TT15_I, WARNING, failed, kind, unclear
from ebrvt_connect.trust.verdict import SubIndication

_TT15_II_1_1 = "TT 15/2025/TT-BKHCN Phụ lục II mục 1.1"
_EN_319_102 = "EN 319 102-1"

ALGORITHM_NOT_CHECKED = kind(
    "ALGORITHM_NOT_CHECKED",
    unclear(SubIndication.GENERIC),
    "Thuật toán {reason} được phép dùng nhưng chương trình này chưa kiểm tra được. Hãy kiểm tra bằng công cụ "
    "khác, hoặc đề nghị nơi gửi ký lại bằng SHA-256, SHA-384 hay SHA-512.",
    "{reason} is permitted, but this program cannot check it.",
    TT15_I,
)

# --- when it was signed ----------------------------------------------------------------------------

TIMESTAMP_OUT_OF_ORDER = kind(
    "TIMESTAMP_OUT_OF_ORDER",
    unclear(SubIndication.TIMESTAMP_ORDER_FAILURE),
    "Các dấu thời gian mâu thuẫn nhau: dấu có trước khi ký ({earlier}) lại muộn hơn dấu có sau ({later}). "
    "Đề nghị bên ký kiểm tra đồng hồ của tổ chức cấp dấu thời gian rồi ký lại.",
    "Timestamps contradict each other: one made before ({earlier_iso}) is later than one made after "
    "({later_iso}).",
    f"{_EN_319_102} mục 5.5.4",
)
CLAIMED_TIME_TOO_EARLY = kind(
    "CLAIMED_TIME_TOO_EARLY",
    WARNING,
    "Thời điểm ký tự khai sớm hơn dấu thời gian có trước khi ký ({earlier}); không dùng thời điểm tự khai.",
    "The claimed time is earlier than a timestamp that was made before signing ({earlier_iso}); it is not "
    "used.",
    f"{TT15_6}, điểm g",
)
CLAIMED_BEFORE_VALIDITY = kind(
    "CLAIMED_BEFORE_VALIDITY",
    unclear(SubIndication.OUT_OF_BOUNDS_NO_POE),
    "Thời điểm ký tự khai sớm hơn ngày chứng thư số bắt đầu có hiệu lực và không có dấu thời gian chứng minh "
    "thời điểm ký thật.",
    "The claimed time is before the certificate's notBefore, and no timestamp tells the real one.",
    _TT15_II_1_1,
)
CHAIN_LAPSED_NO_PROOF = kind(
    "CHAIN_LAPSED_NO_PROOF",
    unclear(SubIndication.OUT_OF_BOUNDS_NO_POE),
    "Chứng thư của cơ quan cấp nay không còn hiệu lực và không có dấu thời gian chứng minh văn bản được ký "
    "khi chuỗi chứng thư còn hiệu lực.",
    "An authority of the chain is not valid at the time of this check and no timestamp proves the signature "
    "older.",
    _TT15_II_1_1,
)
SUSPENDED_NO_PROOF = kind(
    "SUSPENDED_NO_PROOF",
    unclear(SubIndication.TRY_LATER),
    "Chứng thư số bị tạm dừng từ {revoked_at}; không có dấu thời gian chứng minh đã ký trước đó. Hãy kiểm "
    "tra lại khi chứng thư được phục hồi hoặc bị thu hồi hẳn.",
    "The certificate is suspended (certificateHold) since {revoked_at_iso} and no timestamp proves the "
    "signature older.",
    _TT15_II_1_1,
)
DOCUMENT_TIMESTAMP_ALONE = kind(
    "DOCUMENT_TIMESTAMP_ALONE",
    unclear(SubIndication.SIGNED_DATA_NOT_FOUND),
    "Tệp chỉ có dấu thời gian, không có chữ ký số của người hay cơ quan nào. Văn bản đi: ký số trước khi "
    "phát hành; văn bản đến: đề nghị nơi gửi gửi bản đã ký số.",
    "The file carries document timestamps only, and nobody's signature.",
    TT15_6,
)
TIMESTAMP_RENEWED = kind(
    "TIMESTAMP_RENEWED",
    INFO,
    "Dấu thời gian ngày {earlier} vẫn được tính vì dấu thời gian mới hơn ({later}) bảo vệ nó khi còn hiệu "
    "lực.",
    "The timestamp of {earlier_iso} counts because a newer one ({later_iso}) was made over it in time.",
    f"{_EN_319_102} mục 5.6",
)
ARCHIVE_TIMESTAMP_NOT_COUNTED = kind(
    "ARCHIVE_TIMESTAMP_NOT_COUNTED",
    WARNING,
    "Chữ ký có dấu thời gian kiểu {name}; phiên bản này chưa kiểm tra kiểu đó nên không dùng làm bằng chứng "
    "về thời gian.",
    "The signature has a timestamp of kind {name}, which is not judged by this version and proves nothing.",
    f"{TT15_6}, điểm g",
)

# --- forms and algorithms --------------------------------------------------------------------------

SUBFILTER_OUTDATED_PROVEN = kind(
    "SUBFILTER_OUTDATED_PROVEN",
    WARNING,
    "Kiểu chữ ký cũ {subfilter} (dựa trên SHA-1); chấp nhận vì dấu thời gian chứng minh đã ký khi thuật toán "
    "còn an toàn.",
    "The old SubFilter {subfilter} rests on SHA-1; accepted since a timestamp proves that it was made while "
    "that was still safe.",
    TT15_I,
)
ALGORITHMS_DISAGREE = kind(
    "ALGORITHMS_DISAGREE",
    failed(SubIndication.FORMAT_FAILURE),
    "Chữ ký khai báo các thuật toán mâu thuẫn nhau ({reason}).",
    "The algorithms that the signature names contradict each other ({reason}).",
    "RFC 5652, RFC 4055",
)
SIGNATURE_PARAMETERS_WEAK = kind(
    "SIGNATURE_PARAMETERS_WEAK",
    unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Tham số RSASSA-PSS không được chấp nhận ({reason}). Đề nghị ký lại với muối dài bằng giá trị băm.",
    "RSASSA-PSS parameters are not accepted ({reason}).",
    "RFC 4055; TT 15/2025/TT-BKHCN Phụ lục I",
)

# --- who signed, as far as the file alone tells --------------------------------------------------------

SEAL_OLDER_THAN_LEADER = kind(
    "SEAL_OLDER_THAN_LEADER",
    WARNING,
    "Con dấu số được ký trước chữ ký của người có thẩm quyền. Đề nghị nơi gửi giải thích, hoặc kiểm tra cùng "
    "hồ sơ văn bản (verify --packet).",
    "The agency's seal was set before the competent person signed; a packet with it is undecided.",
    "NĐ 30/2020/NĐ-CP Điều 32, Điều 33",
)
SEAL_WITHOUT_LEADER = kind(
    "SEAL_WITHOUT_LEADER",
    INFO,
    "Chỉ có con dấu số, không có chữ ký của người có thẩm quyền: phụ lục và bản sao như vậy là đúng, văn bản "
    "chính thì không.",
    "There is a seal and no leader's signature: right for an appendix or a copy, not for a document itself.",
    "NĐ 30/2020/NĐ-CP Điều 32, Điều 33; Phụ lục I",
)
