"""Findings about signatures in Office packages (OOXML): rows of the catalogue (`trust.findings` has all)."""

from __future__ import annotations

from ebrvt_connect.trust.catalogue import FORMAT, TT15_6, WARNING, failed, kind, unclear
from ebrvt_connect.trust.verdict import SubIndication

_OPC = "ECMA-376 Phần 2 (OPC)"
_OPC_SIGNATURES = "ECMA-376 Phần 2 mục 13"

# --- the package -----------------------------------------------------------------------------------

OOXML_ZIP_STRUCTURE = kind(
    "OOXML_ZIP_STRUCTURE",
    FORMAT,
    "Tệp Office bị hỏng, hoặc có dữ liệu giấu trong cấu trúc nén ({reason}). Hãy xin lại tệp gốc.",
    "The package's ZIP structure is damaged or hides data ({reason}).",
    _OPC,
)
OOXML_ZIP64 = kind(
    "OOXML_ZIP64",
    FORMAT,
    "Tệp Office dùng cấu trúc ZIP64, chỉ cần cho tệp trên 4 GB. Hãy mở tệp gốc bằng phần mềm văn phòng, "
    "lưu lại rồi ký lại.",
    "The package uses ZIP64 records, which only archives over 4 GB need and readers take differently.",
    _OPC,
)
OOXML_ZIP_BOMB = kind(
    "OOXML_ZIP_BOMB",
    FORMAT,
    "Tệp Office có tỷ lệ nén bất thường (hơn {limit} lần), có thể là tệp phá hoại. Không mở tệp.",
    "The package unpacks to more than {limit} times its size.",
    _OPC,
)
OOXML_TOO_LARGE = kind(
    "OOXML_TOO_LARGE",
    FORMAT,
    "Tệp Office có quá nhiều thành phần hoặc bung ra quá lớn ({reason}) nên không được kiểm tra.",
    "The package has too many entries or unpacks to too much ({reason}).",
    _OPC,
)
OOXML_NAME_UNSAFE = kind(
    "OOXML_NAME_UNSAFE",
    FORMAT,
    "Tệp Office chứa thành phần có tên không được phép (“{name}”).",
    "The package has an entry whose name is not allowed (“{name}”).",
    _OPC,
)
OOXML_NAME_REPEATED = kind(
    "OOXML_NAME_REPEATED",
    FORMAT,
    "Tệp Office chứa hai thành phần trùng tên (“{name}”), mỗi phần mềm có thể đọc một thành phần khác nhau.",
    "Two entries of the package bear one name (“{name}”); readers may take either.",
    _OPC,
)
OOXML_ENCRYPTED = kind(
    "OOXML_ENCRYPTED",
    FORMAT,
    "Tệp Office bị đặt mật khẩu (mã hóa) nên không kiểm tra được. Hãy phát hành bản không mã hóa.",
    "An entry of the package is encrypted; its signatures cannot be judged.",
    _OPC,
)
OOXML_PART_UNREADABLE = kind(
    "OOXML_PART_UNREADABLE",
    FORMAT,
    "Không đọc được thành phần {part} của tệp Office ({reason}).",
    "Part {part} of the package cannot be read ({reason}).",
    _OPC,
)
OOXML_SIGNATURES_MISPLACED = kind(
    "OOXML_SIGNATURES_MISPLACED",
    FORMAT,
    "Tệp Office khai báo chữ ký số sai quy cách ({reason}).",
    "The package's signature origin or signature parts are not as they must be ({reason}).",
    _OPC_SIGNATURES,
)
OOXML_TOO_MANY_SIGNATURES = kind(
    "OOXML_TOO_MANY_SIGNATURES",
    FORMAT,
    "Tệp Office có quá nhiều chữ ký (hơn {limit}).",
    "The package has more than {limit} signatures.",
    "EN 319 102-1",
)

# --- what a signature says it is about -------------------------------------------------------------

OOXML_OBJECT_REFUSED = kind(
    "OOXML_OBJECT_REFUSED",
    FORMAT,
    "Cấu trúc bên trong chữ ký của tệp Office không được chấp nhận ({reason}): danh mục được ký có thể đã bị "
    "tráo.",
    "The objects within the signature are not as they must be ({reason}); the manifest may have been moved.",
    _OPC_SIGNATURES,
)
OOXML_MANIFEST_MALFORMED = kind(
    "OOXML_MANIFEST_MALFORMED",
    FORMAT,
    "Danh mục thành phần được ký (Manifest) sai cấu trúc ({reason}).",
    "The signature's manifest of signed parts is malformed ({reason}).",
    _OPC_SIGNATURES,
)
OOXML_PART_CHANGED = kind(
    "OOXML_PART_CHANGED",
    failed(SubIndication.HASH_FAILURE),
    "Nội dung đã bị sửa sau khi ký: {parts}.",
    "Signed parts were changed after signing: {parts}.",
    TT15_6,
)
OOXML_PART_MISSING = kind(
    "OOXML_PART_MISSING",
    failed(SubIndication.HASH_FAILURE),
    "Thành phần được ký không còn trong tệp: {parts}.",
    "Signed parts are missing: {parts}.",
    TT15_6,
)
OOXML_RELATIONSHIPS_CHANGED = kind(
    "OOXML_RELATIONSHIPS_CHANGED",
    failed(SubIndication.HASH_FAILURE),
    "Liên kết giữa các thành phần đã bị sửa sau khi ký: {parts}.",
    "Signed relationships were changed after signing: {parts}.",
    TT15_6,
)
OOXML_CONTENT_TYPE_CHANGED = kind(
    "OOXML_CONTENT_TYPE_CHANGED",
    failed(SubIndication.HASH_FAILURE),
    "Kiểu nội dung khai báo của thành phần được ký đã bị sửa: {parts}.",
    "The content type of signed parts is not the one that was signed: {parts}.",
    TT15_6,
)

# --- what it leaves open ---------------------------------------------------------------------------

OOXML_PART_ADDED = kind(
    "OOXML_PART_ADDED",
    failed(SubIndication.FORMAT_FAILURE),
    "Có nội dung mà chữ ký không bảo vệ nhưng phần mềm văn phòng sẽ mở ra: {parts}. Tệp có thể đã bị thêm "
    "nội dung sau khi ký.",
    "Unsigned relationships of signed parts lead to unsigned parts: {parts}.",
    TT15_6,
)
OOXML_EXECUTABLE_UNSIGNED = kind(
    "OOXML_EXECUTABLE_UNSIGNED",
    failed(SubIndication.FORMAT_FAILURE),
    "Tệp chứa mã lệnh (macro), đối tượng nhúng hoặc điều khiển mà chữ ký không bảo vệ: {parts}. Không mở "
    "tệp.",
    "Macros, embedded objects or controls stand in the package unsigned: {parts}.",
    TT15_6,
)
OOXML_EXTERNAL_UNSIGNED = kind(
    "OOXML_EXTERNAL_UNSIGNED",
    failed(SubIndication.FORMAT_FAILURE),
    "Tệp có liên kết ra ngoài mà chữ ký không bảo vệ: {parts}. Tệp có thể đã bị thêm liên kết sau khi ký.",
    "Unsigned relationships lead out of the package: {parts}.",
    TT15_6,
)
OOXML_CONTENT_UNSIGNED = kind(
    "OOXML_CONTENT_UNSIGNED",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Chữ ký không bảo vệ nội dung của các thành phần: {parts}. Cần người xem xét.",
    "The signature leaves the content of parts open that belong to the document: {parts}.",
    TT15_6,
)
OOXML_PART_LEFT_OPEN = kind(
    "OOXML_PART_LEFT_OPEN",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Có thành phần phụ (người bình luận, cách hiển thị) mà chữ ký không bảo vệ: {parts}. Phần mềm văn phòng "
    "thường bỏ qua chúng khi ký; cần người xem xét.",
    "Parts of a kind that office software leaves unsigned are not covered: {parts}.",
    TT15_6,
)
OOXML_RELATIONSHIP_UNSIGNED = kind(
    "OOXML_RELATIONSHIP_UNSIGNED",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Liên kết giữa các thành phần không được chữ ký bảo vệ: {parts}. Cần người xem xét.",
    "Relationships of signed parts are not covered: {parts}.",
    TT15_6,
)
OOXML_PROPERTIES_UNSIGNED = kind(
    "OOXML_PROPERTIES_UNSIGNED",
    WARNING,
    "Chữ ký không bảo vệ thông tin mô tả tệp (tiêu đề, tác giả, từ khóa…): {parts}. Phần mềm văn phòng "
    "thường bỏ qua chúng khi ký; không căn cứ vào thông tin này.",
    "The document's properties are not covered, as office software leaves them: {parts}.",
    TT15_6,
)
OOXML_PROPERTIES_SHOWN = kind(
    "OOXML_PROPERTIES_SHOWN",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Nội dung được ký ({parts}) hiển thị thông tin mô tả tệp (tiêu đề, tác giả…) mà chữ ký không bảo vệ, nên "
    "chữ hiện ra có thể đã bị thay. Đề nghị thay các trường đó bằng chữ thường rồi ký lại.",
    "Signed parts ({parts}) show properties of the document that the signature does not cover.",
    TT15_6,
)
OOXML_SHOWN_FROM_OUTSIDE = kind(
    "OOXML_SHOWN_FROM_OUTSIDE",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Văn bản hiển thị nội dung lấy từ ngoài tệp (ảnh, khung, tài liệu con liên kết) mà chữ ký không bảo vệ: "
    "{parts}. Đề nghị chèn hẳn nội dung đó vào văn bản rồi ký lại.",
    "The document shows what lies outside of the package, and the signature covers only where: {parts}.",
    TT15_6,
)
OOXML_PARTS_UNCOVERED = kind(
    "OOXML_PARTS_UNCOVERED",
    WARNING,
    "Trong tệp có thành phần không thuộc văn bản được ký và không được chữ ký bảo vệ: {parts}.",
    "The package holds parts that nothing signed refers to and the signature does not cover: {parts}.",
    TT15_6,
)
OOXML_TIMES_DIFFER = kind(
    "OOXML_TIMES_DIFFER",
    WARNING,
    "Chữ ký ghi hai thời điểm ký khác nhau, lệch {seconds} giây.",
    "The signature states two signing times, {seconds} seconds apart.",
    TT15_6,
)
