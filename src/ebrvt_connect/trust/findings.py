"""The catalogue of findings (danh mục phát hiện): every code, what it says, which article it serves.

A finding that weighs against a signature names the indication it leads to; the verdict is the worst of
them and nothing else. A policy may weigh a code differently (see `trust.policy`), never invent one.
Messages tell what was found and, where somebody can do something about it, what to do. They hold no
data of the certificate's owner.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from ebrvt_connect.trust import (
    disguise_findings,
    level_findings,
    limit_findings,
    ooxml_findings,
    packet_findings,
    revocation_findings,
    xml_findings,
)
from ebrvt_connect.trust.catalogue import FORMAT, INFO, ROWS, TT15_6, TT15_I, WARNING, failed, kind, unclear
from ebrvt_connect.trust.verdict import SubIndication

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrvt_connect.trust.catalogue import FindingKind

CATALOGUE: Mapping[str, FindingKind] = MappingProxyType(ROWS)
"""Every finding by code, those of the parts below too."""
PARTS = (
    level_findings,
    revocation_findings,
    xml_findings,
    ooxml_findings,
    limit_findings,
    packet_findings,
    disguise_findings,
)
"""Modules with further rows."""

_TT15_II = "TT 15/2025/TT-BKHCN Phụ lục II"
_EN_319_102 = "EN 319 102-1"
_PDF_SIGNATURES = "ISO 32000-1 mục 12.8"
_RFC_5652 = "RFC 5652"
_RFC_3161 = "RFC 3161"
_ND30 = "NĐ 30/2020/NĐ-CP"

# --- the file as a whole ---------------------------------------------------------------------------

SIGNED_DATA_NOT_FOUND = kind(
    "SIGNED_DATA_NOT_FOUND",
    unclear(SubIndication.SIGNED_DATA_NOT_FOUND),
    "Tệp không có chữ ký số nào. Văn bản đi: ký số trước khi phát hành; văn bản đến: đề nghị nơi gửi gửi bản "
    "đã ký số.",
    "The file carries no digital signature.",
    TT15_6,
)
KIND_NOT_JUDGED_YET = kind(
    "KIND_NOT_JUDGED_YET",
    unclear(SubIndication.GENERIC),
    "Phiên bản này kiểm tra được chữ ký trong tệp PDF, Office (OOXML), XML và CMS; tệp {kind} chưa được kiểm "
    "tra. Hãy kiểm tra chữ ký của tệp (nếu có) bằng công cụ khác.",
    "This version judges PDF, OOXML, XML and CMS; whatever signature this {kind} file has was not looked at.",
    TT15_6,
)
KIND_UNKNOWN = kind(
    "KIND_UNKNOWN",
    FORMAT,
    "Không nhận ra định dạng của tệp (theo nội dung, không theo tên tệp).",
    "The content is of no known kind.",
    _EN_319_102,
)
FILE_EMPTY = kind("FILE_EMPTY", FORMAT, "Tệp rỗng.", "The file is empty.", _EN_319_102)
PDF_HEADER_MISPLACED = kind(
    "PDF_HEADER_MISPLACED",
    FORMAT,
    "Tệp PDF có dữ liệu lạ ở đầu tệp, trước phần nhận dạng PDF.",
    "Bytes stand before the PDF header.",
    _PDF_SIGNATURES,
)
PDF_UNREADABLE = kind(
    "PDF_UNREADABLE",
    FORMAT,
    "Không đọc được cấu trúc tệp PDF: tệp hỏng, thiếu hoặc bị sửa.",
    "The PDF structure cannot be read strictly ({reason}).",
    _PDF_SIGNATURES,
)
PDF_ENCRYPTED = kind(
    "PDF_ENCRYPTED",
    FORMAT,
    "Tệp PDF bị đặt mật khẩu (mã hóa) nên không kiểm tra được. Hãy phát hành bản không mã hóa.",
    "The PDF is encrypted; its signatures cannot be judged.",
    _PDF_SIGNATURES,
)
PDF_HYBRID_XREF = kind(
    "PDF_HYBRID_XREF",
    FORMAT,
    "Tệp PDF có hai bảng tham chiếu song song không khớp nhau, mỗi phần mềm có thể hiển thị một nội dung.",
    "The PDF has two cross-references for one revision (hybrid) that disagree; readers may differ.",
    _PDF_SIGNATURES,
)
PDF_BYTES_AFTER_END = kind(
    "PDF_BYTES_AFTER_END",
    FORMAT,
    "Có {count} byte dữ liệu được nối thêm vào cuối tệp, không chữ ký nào bảo vệ.",
    "{count} bytes stand after the last revision, covered by no signature.",
    _PDF_SIGNATURES,
)
PDF_LAYOUT_UNCLEAR = kind(
    "PDF_LAYOUT_UNCLEAR",
    unclear(SubIndication.GENERIC),
    "Cấu trúc tệp PDF không chuẩn: các phần mềm đọc có thể hiển thị nội dung khác nhau. "
    "Đề nghị xuất lại tệp PDF từ phần mềm soạn thảo rồi ký lại.",
    "The cross-reference is not canonical ({reason}); readers may show different content.",
    _PDF_SIGNATURES,
)
SIGNATURE_COVERS_PAGE = kind(
    "SIGNATURE_COVERS_PAGE",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Hình hiển thị của chữ ký thêm sau chiếm hơn {percent}% trang, có thể che nội dung đã ký trước; "
    "cần người xem xét.",
    "The appearance of a later signature covers more than {percent} % of a page.",
    _ND30,
)
PDF_SIGNATURE_OUTSIDE_FORM = kind(
    "PDF_SIGNATURE_OUTSIDE_FORM",
    WARNING,
    "Trong tệp có đoạn giống chữ ký nhưng không thuộc chữ ký nào trong danh sách chữ ký.",
    "The file holds what looks like a signature and is none that its form lists.",
    _PDF_SIGNATURES,
)
VERIFIER_FAILED = kind(
    "VERIFIER_FAILED",
    FORMAT,
    "Nội dung tệp làm bước kiểm tra dừng bất thường ({reason}); tệp bị coi là sai định dạng.",
    "The content broke a step of the examination ({reason}).",
    _EN_319_102,
)

# --- the signature in the file ---------------------------------------------------------------------

BYTE_RANGE_INVALID = kind(
    "BYTE_RANGE_INVALID",
    FORMAT,
    "Vùng dữ liệu được ký (ByteRange) khai báo sai.",
    "/ByteRange is not four sound integers starting at 0.",
    _PDF_SIGNATURES,
)
BYTE_RANGE_GAP = kind(
    "BYTE_RANGE_GAP",
    FORMAT,
    "Vùng không được ký rộng hơn chính chữ ký: có thể giấu nội dung ở đó.",
    "The gap in /ByteRange is not exactly the hex string of /Contents.",
    _PDF_SIGNATURES,
)
BYTE_RANGE_OVERLAP = kind(
    "BYTE_RANGE_OVERLAP",
    FORMAT,
    "Các chữ ký trong tệp chồng lấn nhau.",
    "The places of two signatures overlap.",
    _PDF_SIGNATURES,
)
COVERAGE_PARTIAL = kind(
    "COVERAGE_PARTIAL",
    FORMAT,
    "Chữ ký không bao phủ trọn một phiên bản của tệp.",
    "The signature does not cover a whole revision of the file.",
    _PDF_SIGNATURES,
)
SUBFILTER_NOT_ALLOWED = kind(
    "SUBFILTER_NOT_ALLOWED",
    FORMAT,
    "Kiểu chữ ký {subfilter} không nằm trong các kiểu được chấp nhận.",
    "SubFilter {subfilter} is not on the policy's list.",
    TT15_I,
)
SUBFILTER_OUTDATED = kind(
    "SUBFILTER_OUTDATED",
    unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Kiểu chữ ký {subfilter} dựa trên SHA-1, không còn được chấp nhận.",
    "SubFilter {subfilter} rests on SHA-1.",
    TT15_I,
)
CMS_MALFORMED = kind(
    "CMS_MALFORMED",
    FORMAT,
    "Khối dữ liệu chữ ký sai cấu trúc ({reason}).",
    "The CMS object is malformed ({reason}).",
    _RFC_5652,
)
SIGNER_CERTIFICATE_MISSING = kind(
    "SIGNER_CERTIFICATE_MISSING",
    unclear(SubIndication.NO_SIGNING_CERTIFICATE_FOUND),
    "Chữ ký không kèm chứng thư số của người ký.",
    "The signer's certificate is not in the signature.",
    f"{_TT15_II} mục 2.1",
)
SIGNER_CERTIFICATE_MISMATCH = kind(
    "SIGNER_CERTIFICATE_MISMATCH",
    unclear(SubIndication.NO_SIGNING_CERTIFICATE_FOUND),
    "Chứng thư số kèm theo không phải chứng thư mà người ký đã cam kết trong chữ ký.",
    "The signing-certificate attribute names another certificate.",
    f"{_TT15_II} mục 2.2",
)
SIGNER_CERTIFICATE_NOT_BOUND = kind(
    "SIGNER_CERTIFICATE_NOT_BOUND",
    WARNING,
    "Chữ ký không ghi kèm dấu vết chứng thư số của người ký (signing-certificate-v2).",
    "The signed attributes do not name the signing certificate.",
    "EN 319 122-1",
)

# --- CMS -------------------------------------------------------------------------------------------

CMS_TOO_MANY_SIGNERS = kind(
    "CMS_TOO_MANY_SIGNERS",
    FORMAT,
    "Tệp chữ ký có quá nhiều người ký (hơn {limit}).",
    "The file has more than {limit} signers.",
    _RFC_5652,
)
SIGNED_CONTENT_EMPTY = kind(
    "SIGNED_CONTENT_EMPTY",
    unclear(SubIndication.SIGNED_DATA_NOT_FOUND),
    "Nội dung được ký rỗng (0 byte): chữ ký không bảo vệ nội dung nào. Đề nghị nơi gửi ký lại tệp có nội "
    "dung.",
    "The signed content is empty: there is nothing that the signature is about.",
    _RFC_5652,
)
DETACHED_CONTENT_MISSING = kind(
    "DETACHED_CONTENT_MISSING",
    unclear(SubIndication.SIGNED_DATA_NOT_FOUND),
    "Chữ ký đặt rời nhưng chưa có tệp nội dung được ký. Hãy kiểm tra lại cùng tệp gốc: "
    "ebrvt verify TỆP.p7s TỆP.",
    "A detached signature without its content.",
    _RFC_5652,
)
DETACHED_CONTENT_NOT_COVERED = kind(
    "DETACHED_CONTENT_NOT_COVERED",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Tệp kèm theo “{name}” không được chữ ký nào trong tệp này bảo vệ.",
    "No signature of this file is about the content {name} given beside it.",
    _RFC_5652,
)
COUNTERSIGNATURE_NOT_JUDGED = kind(
    "COUNTERSIGNATURE_NOT_JUDGED",
    WARNING,
    "Chữ ký có kèm chữ ký xác nhận (countersignature) chưa được kiểm tra; không dùng làm căn cứ.",
    "An unsigned countersignature was not looked at and proves nothing here.",
    _RFC_5652,
)

# --- integrity -------------------------------------------------------------------------------------

HASH_MISMATCH = kind(
    "HASH_MISMATCH",
    failed(SubIndication.HASH_FAILURE),
    "Nội dung văn bản đã bị thay đổi sau khi ký.",
    "The digest of the signed bytes differs from the signed digest.",
    f"{_TT15_II} mục 2.4",
)
SIGNATURE_VALUE_WRONG = kind(
    "SIGNATURE_VALUE_WRONG",
    failed(SubIndication.SIG_CRYPTO_FAILURE),
    "Chữ ký không khớp với khóa công khai trong chứng thư số.",
    "The signature value does not verify with the certificate's key.",
    f"{_TT15_II} mục 2.2",
)
CHANGED_AFTER_SIGNING = kind(
    "CHANGED_AFTER_SIGNING",
    FORMAT,
    "Văn bản bị sửa hoặc thêm nội dung sau khi ký.",
    "A later revision changes more than signatures may ({reason}).",
    TT15_6,
)
FORM_CHANGED_AFTER_SIGNING = kind(
    "FORM_CHANGED_AFTER_SIGNING",
    FORMAT,
    "Ô nhập liệu của văn bản bị thay đổi sau khi ký.",
    "A later revision changes form fields that are not signatures.",
    TT15_6,
)
PERMISSIONS_BREACHED = kind(
    "PERMISSIONS_BREACHED",
    FORMAT,
    "Tệp bị thay đổi trái với mức cho phép mà người ký đã đặt.",
    "A later revision breaches the signer's DocMDP or FieldMDP.",
    _PDF_SIGNATURES,
)
SIGNED_AGAIN_AFTER = kind(
    "SIGNED_AGAIN_AFTER",
    INFO,
    "Sau chữ ký này tệp chỉ được ký thêm hoặc bổ sung bằng chứng kiểm tra.",
    "After this signature only further signatures or validation evidence were added.",
    f"{TT15_6}, điểm h",
)

# --- algorithms ------------------------------------------------------------------------------------

WEAK_DIGEST = kind(
    "WEAK_DIGEST",
    unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Thuật toán băm {algorithm} không còn an toàn. Đề nghị ký lại bằng SHA-256 trở lên.",
    "Digest {algorithm} is no longer secure.",
    TT15_I,
)
OUTDATED_DIGEST = kind(
    "OUTDATED_DIGEST",
    WARNING,
    "Chữ ký dùng thuật toán băm cũ ({algorithm}); chấp nhận vì dấu thời gian chứng minh đã ký khi thuật toán "
    "còn an toàn.",
    "The signature uses an outdated digest ({algorithm}); accepted since a timestamp proves that it was made "
    "while the digest was still safe.",
    TT15_I,
)
WEAK_KEY = kind(
    "WEAK_KEY",
    unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Khóa ký {key} quá ngắn hoặc không thuộc loại được chấp nhận.",
    "Key {key} is too short or of a kind the policy does not accept.",
    TT15_I,
)
WEAK_CERTIFICATE = kind(
    "WEAK_CERTIFICATE",
    unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Một chứng thư số trong chuỗi tin cậy dùng thuật toán hoặc khóa không còn an toàn.",
    "A certificate of the chain is signed with a weak digest or has a weak key.",
    TT15_I,
)
RSA_PKCS1_V15 = kind(
    "RSA_PKCS1_V15",
    INFO,
    "Chữ ký dùng RSA theo PKCS#1 v1.5; quy định khuyến nghị RSASSA-PSS.",
    "RSA with PKCS#1 v1.5 padding, not RSASSA-PSS.",
    TT15_I,
)

SIGNATURE_METHOD_NOT_ALLOWED = kind(
    "SIGNATURE_METHOD_NOT_ALLOWED",
    unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Thuật toán {algorithm} không được chấp nhận cho chữ ký số. Đề nghị ký lại bằng RSA hoặc ECDSA với "
    "SHA-256 trở lên.",
    "Algorithm {algorithm} is not accepted for signatures.",
    TT15_I,
)

# --- certificate and chain -------------------------------------------------------------------------

ISSUER_NOT_TRUSTED = kind(
    "ISSUER_NOT_TRUSTED",
    unclear(SubIndication.NO_CERTIFICATE_CHAIN_FOUND),
    "Chứng thư số không dẫn tới cơ quan chứng thực nào trong kho tin cậy đã ghim.",
    "No chain leads to a pinned anchor.",
    f"{TT15_6}, điểm b",
)
ISSUER_NAME_IMITATED = kind(
    "ISSUER_NAME_IMITATED",
    unclear(SubIndication.NO_CERTIFICATE_CHAIN_FOUND),
    "Chứng thư số mang tên cơ quan chứng thực tin cậy nhưng không do cơ quan đó cấp: có dấu hiệu giả mạo.",
    "The chain bears the name of a pinned anchor, but was not issued by it.",
    f"{TT15_6}, điểm b",
)
CHAIN_INVALID = kind(
    "CHAIN_INVALID",
    unclear(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE),
    "Chuỗi chứng thư số không hợp lệ tại thời điểm ký ({reason}).",
    "The chain is not valid at the best signing time ({reason}).",
    f"{_TT15_II} mục 1.1",
)
SIGNER_PINNED = kind(
    "SIGNER_PINNED",
    INFO,
    "Chứng thư số của người ký được ghim trực tiếp trong kho tin cậy; việc thu hồi do người quản trị kho "
    "quyết định.",
    "The signer's own certificate is pinned; only the operator can withdraw it.",
    f"{TT15_6}, điểm b",
)
KEY_USAGE_WRONG = kind(
    "KEY_USAGE_WRONG",
    unclear(SubIndication.CHAIN_CONSTRAINTS_FAILURE),
    "Chứng thư số không được cấp để ký văn bản.",
    "The certificate's key usage does not allow signing.",
    f"{_TT15_II} mục 1.4",
)
KEY_PURPOSE_UNUSUAL = kind(
    "KEY_PURPOSE_UNUSUAL",
    WARNING,
    "Chứng thư số chỉ ghi mục đích xác thực người dùng (clientAuth), không ghi mục đích ký văn bản.",
    "The certificate's extended key usage names client authentication only.",
    f"{_TT15_II} mục 1.4",
)
NOT_YET_VALID_AT_SIGNING = kind(
    "NOT_YET_VALID_AT_SIGNING",
    failed(SubIndication.NOT_YET_VALID),
    "Chứng thư số chưa có hiệu lực tại thời điểm ký.",
    "The signature is proven to have been made before the certificate's notBefore.",
    f"{_TT15_II} mục 1.1",
)
EXPIRED_AT_SIGNING = kind(
    "EXPIRED_AT_SIGNING",
    failed(SubIndication.EXPIRED),
    "Chứng thư số đã hết hạn tại thời điểm ký: dấu thời gian có trước khi ký chứng minh điều đó.",
    "A content timestamp proves that the signature was made after the certificate's notAfter.",
    f"{_TT15_II} mục 1.1",
)
EXPIRED_SINCE_NO_PROOF = kind(
    "EXPIRED_SINCE_NO_PROOF",
    unclear(SubIndication.OUT_OF_BOUNDS_NO_POE),
    "Chứng thư số đã hết hạn và không có dấu thời gian chứng minh văn bản được ký khi còn hạn.",
    "The certificate has expired and no timestamp proves the signature older.",
    f"{_TT15_II} mục 1.1",
)

# --- time ------------------------------------------------------------------------------------------

NO_TIMESTAMP = kind(
    "NO_TIMESTAMP",
    WARNING,
    "Chữ ký không có dấu thời gian có giá trị; thời điểm ký chỉ do người ký tự khai.",
    "No timestamp that counts: the signing time is only claimed.",
    f"{TT15_6}, điểm g",
)
NO_SIGNING_TIME = kind(
    "NO_SIGNING_TIME",
    WARNING,
    "Chữ ký không ghi thời điểm ký; lấy thời điểm kiểm tra để xét hiệu lực chứng thư số.",
    "No signing time at all: validity was judged at the time of this check.",
    f"{TT15_6}, điểm g",
)
CLAIMED_TIME_LOCAL = kind(
    "CLAIMED_TIME_LOCAL",
    INFO,
    "Thời điểm ký tự khai lệch 7 giờ so với dấu thời gian: phần mềm ký đã ghi giờ địa phương như giờ UTC.",
    "The claimed time is seven hours ahead of the timestamp: local time written as UTC.",
    f"{TT15_6}, điểm g",
)
CLAIMED_TIME_DIFFERS = kind(
    "CLAIMED_TIME_DIFFERS",
    WARNING,
    "Thời điểm ký tự khai lệch dấu thời gian {seconds} giây.",
    "The claimed time is {seconds} s from the timestamp.",
    f"{TT15_6}, điểm g",
)
CLAIMED_TIME_IN_FUTURE = kind(
    "CLAIMED_TIME_IN_FUTURE",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Thời điểm ký tự khai muộn hơn thời điểm kiểm tra nên không rõ đã ký khi nào.",
    "The claimed time lies after the time of this check, so when it was signed cannot be told.",
    f"{TT15_6}, điểm g",
)
TIMESTAMP_BROKEN = kind(
    "TIMESTAMP_BROKEN",
    unclear(SubIndication.GENERIC),
    "Dấu thời gian không khớp với chữ ký hoặc bị hỏng ({reason}).",
    "A timestamp is broken or belongs to something else ({reason}).",
    _RFC_3161,
)
TIMESTAMP_NOT_TRUSTED = kind(
    "TIMESTAMP_NOT_TRUSTED",
    WARNING,
    "Dấu thời gian không do tổ chức cấp dấu thời gian tin cậy cấp ({reason}); không dùng làm bằng chứng.",
    "The timestamp's authority is not trusted ({reason}); it proves nothing here.",
    f"{TT15_6}, điểm g",
)
TIMESTAMP_IN_FUTURE = kind(
    "TIMESTAMP_IN_FUTURE",
    unclear(SubIndication.TIMESTAMP_ORDER_FAILURE),
    "Dấu thời gian muộn hơn thời điểm kiểm tra. Hãy kiểm tra đồng hồ máy.",
    "The timestamp lies after the time of this check.",
    _RFC_3161,
)

# --- revocation ------------------------------------------------------------------------------------

REVOKED_AT_SIGNING = kind(
    "REVOKED_AT_SIGNING",
    failed(SubIndication.REVOKED),
    "Chứng thư số đã bị thu hồi trước thời điểm ký (ngày thu hồi: {revoked_at}): dấu thời gian có trước khi "
    "ký chứng minh điều đó.",
    "A content timestamp proves that the signature was made after the certificate was revoked at "
    "{revoked_at_iso}.",
    f"{_TT15_II} mục 1.1",
)
SUSPENDED_AT_SIGNING = kind(
    "SUSPENDED_AT_SIGNING",
    failed(SubIndication.REVOKED),
    "Chứng thư số đang bị tạm dừng tại thời điểm ký (từ {revoked_at}).",
    "A content timestamp proves that the certificate was suspended (certificateHold, since {revoked_at_iso}) "
    "when the signature was made.",
    f"{_TT15_II} mục 1.1",
)
REVOKED_NO_PROOF = kind(
    "REVOKED_NO_PROOF",
    unclear(SubIndication.REVOKED_NO_POE),
    "Chứng thư số bị thu hồi ngày {revoked_at}; không có dấu thời gian chứng minh đã ký trước đó.",
    "The certificate was revoked at {revoked_at_iso} and no timestamp proves the signature older.",
    f"{_TT15_II} mục 1.1",
)
REVOKED_LATER = kind(
    "REVOKED_LATER",
    INFO,
    "Chứng thư số bị thu hồi sau khi ký ({revoked_at}); dấu thời gian chứng minh văn bản được ký trước đó.",
    "The certificate was revoked at {revoked_at_iso}, after the proven signing time.",
    f"{_TT15_II} mục 1.1",
)
ISSUER_REVOKED = kind(
    "ISSUER_REVOKED",
    unclear(SubIndication.REVOKED_CA_NO_POE),
    "Chứng thư số của cơ quan cấp chứng thư đã bị thu hồi ({revoked_at}).",
    "A certificate authority of the chain was revoked at {revoked_at_iso}.",
    f"{_TT15_II} mục 1.1",
)
REVOCATION_UNKNOWN = kind(
    "REVOCATION_UNKNOWN",
    unclear(SubIndication.TRY_LATER),
    "CẢNH BÁO: không kiểm tra được {whose} có bị thu hồi hay không: {reason}, cơ quan cấp là {issuer}. Hãy "
    "nạp danh sách thu hồi (CRL) mới của cơ quan này vào kho tin cậy (ebrvt trust refresh --online) rồi kiểm "
    "tra lại, hoặc kiểm tra lại kèm --online.",
    "WARNING: whether the certificate of {whose_en} is revoked cannot be established ({reason}); its issuer "
    "is {issuer}.",
    f"{_TT15_II} mục 1.2",
)
SECOND_OPINION_DIFFERS = kind(
    "SECOND_OPINION_DIFFERS",
    unclear(SubIndication.GENERIC),
    "Hai bước kiểm tra độc lập cho kết quả khác nhau ({reason}); cần người xem xét.",
    "The underlying library does not confirm the verdict ({reason}).",
    f"{TT15_6}, điểm a",
)

# --- signed for an agency --------------------------------------------------------------------------

DOCUMENT_NOT_PASSED = kind(
    "DOCUMENT_NOT_PASSED",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Chữ ký số của văn bản: {headline}.",
    "The document as a whole is {indication}.",
    TT15_6,
)
PACKET_SIGNATURE_MISSING = kind(
    "PACKET_SIGNATURE_MISSING",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Gói tin chưa có chữ ký số hợp lệ được đăng ký cho {agency}.",
    "No valid signature registered for {agency} in role packet or agency.",
    TT15_6,
)
AGENCY_SEAL_MISSING = kind(
    "AGENCY_SEAL_MISSING",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Văn bản chưa có chữ ký số (con dấu số) của cơ quan ban hành {agency}.",
    "No valid agency signature registered for {agency}.",
    f"{_ND30} Phụ lục I",
)
AGENCY_SEAL_FOREIGN = kind(
    "AGENCY_SEAL_FOREIGN",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Chữ ký số cơ quan trên văn bản là của {other}, không phải của cơ quan ban hành {agency}.",
    "The agency signature is registered for {other}, not for {agency}.",
    f"{_ND30} Điều 32, Điều 33",
)
LEADER_SIGNATURE_MISSING = kind(
    "LEADER_SIGNATURE_MISSING",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Văn bản chưa có chữ ký số của người có thẩm quyền thuộc {agency}.",
    "No valid personal signature registered for {agency}.",
    f"{_ND30} Điều 32, Điều 33",
)
SIGNER_NOT_REGISTERED = kind(
    "SIGNER_NOT_REGISTERED",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Văn bản có thêm chữ ký số (chữ ký thứ {numbers}) chưa được đăng ký cho cơ quan ban hành {agency}. "
    "Hãy kiểm tra người ký; nếu đúng thẩm quyền, bổ sung vào sổ đăng ký người ký.",
    "Signatures {numbers_en} are not registered for {agency}.",
    f"{_ND30} Điều 32, Điều 33",
)
ONE_SIGNATURE_FOR_BOTH = kind(
    "ONE_SIGNATURE_FOR_BOTH",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Cùng một chứng thư số được đăng ký vừa là của người có thẩm quyền vừa là của cơ quan {agency}; "
    "phải có hai chữ ký bằng hai chứng thư số riêng.",
    "The person's and the agency's signature are made with one and the same certificate.",
    f"{_ND30} Điều 32, Điều 33",
)
SEAL_BEFORE_LEADER = kind(
    "SEAL_BEFORE_LEADER",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Con dấu số của cơ quan được ký trước chữ ký của người có thẩm quyền.",
    "The agency signed before the competent person.",
    f"{_ND30} Điều 32, Điều 33",
)
