"""The catalogue of findings (danh mục phát hiện): every code, what it says, which article it serves.

A finding that weighs against a signature names the indication it leads to; the verdict is the worst of
them and nothing else. A policy may weigh a code differently (see `trust.policy`), never invent one.
Messages tell what was found and, where somebody can do something about it, what to do. They hold no
data of the certificate's owner.
"""

from __future__ import annotations

from dataclasses import dataclass

from ebrvt_connect.trust.verdict import Finding, Indication, Severity, SubIndication

_TT15_II = "TT 15/2025/TT-BKHCN Phụ lục II"
_TT15_I = "TT 15/2025/TT-BKHCN Phụ lục I"
_TT15_6 = "TT 15/2025/TT-BKHCN Điều 6"
_EN_319_102 = "EN 319 102-1"
_PDF_SIGNATURES = "ISO 32000-1 mục 12.8"
_RFC_5652 = "RFC 5652"
_RFC_3161 = "RFC 3161"
_ND30 = "NĐ 30/2020/NĐ-CP"


@dataclass(frozen=True, slots=True)
class Weight:
    """What a finding does to the verdict."""

    severity: Severity
    indication: Indication = Indication.TOTAL_PASSED
    sub_indication: SubIndication | None = None


@dataclass(frozen=True, slots=True)
class FindingKind:
    """One row of the catalogue; `{name}` places are filled when it is noticed."""

    code: str
    weight: Weight
    message_vi: str
    message_en: str
    legal_ref: str = ""


CATALOGUE: dict[str, FindingKind] = {}
"""Every finding by code; written at import only."""


def _kind(code: str, weight: Weight, message_vi: str, message_en: str, legal_ref: str = "") -> str:
    """Register a finding and give back its code; raises `ValueError` when the code is taken."""
    if code in CATALOGUE:
        raise ValueError(f"finding {code} is in the catalogue already")
    CATALOGUE[code] = FindingKind(code, weight, message_vi, message_en, legal_ref)
    return code


def _failed(sub: SubIndication) -> Weight:
    return Weight(Severity.ERROR, Indication.TOTAL_FAILED, sub)


def _unclear(sub: SubIndication) -> Weight:
    return Weight(Severity.ERROR, Indication.INDETERMINATE, sub)


_FORMAT = _failed(SubIndication.FORMAT_FAILURE)
_WARNING = Weight(Severity.WARNING)
_INFO = Weight(Severity.INFO)


class _Places(dict[str, object]):
    """Leaves a place unfilled rather than failing while a finding is being told."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def noticed(code: str, weight: Weight | None = None, **facts: object) -> Finding:
    """A finding of the catalogue with its places filled; raises `KeyError` for a code that is not there."""
    kind = CATALOGUE[code]
    places = _Places(facts)
    return Finding(
        code=code,
        severity=(weight or kind.weight).severity,
        message_vi=kind.message_vi.format_map(places),
        message_en=kind.message_en.format_map(places),
        legal_ref=kind.legal_ref,
    )


# --- the file as a whole ---------------------------------------------------------------------------

SIGNED_DATA_NOT_FOUND = _kind(
    "SIGNED_DATA_NOT_FOUND",
    _unclear(SubIndication.SIGNED_DATA_NOT_FOUND),
    "Tệp chưa có chữ ký số nào. Đề nghị ký số trước khi phát hành.",
    "The file carries no digital signature.",
    _TT15_6,
)
KIND_NOT_JUDGED_YET = _kind(
    "KIND_NOT_JUDGED_YET",
    _unclear(SubIndication.GENERIC),
    "Phiên bản này mới kiểm tra được chữ ký trong tệp PDF; tệp {kind} chưa được kiểm tra. "
    "Hãy kiểm tra chữ ký của tệp (nếu có) bằng công cụ khác.",
    "This version judges PDF signatures only; whatever signature this {kind} file has was not looked at.",
    _TT15_6,
)
KIND_UNKNOWN = _kind(
    "KIND_UNKNOWN",
    _FORMAT,
    "Không nhận ra định dạng của tệp (theo nội dung, không theo tên tệp).",
    "The content is of no known kind.",
    _EN_319_102,
)
FILE_EMPTY = _kind("FILE_EMPTY", _FORMAT, "Tệp rỗng.", "The file is empty.", _EN_319_102)
FILE_TOO_LARGE = _kind(
    "FILE_TOO_LARGE",
    _unclear(SubIndication.GENERIC),
    "Tệp lớn hơn giới hạn kiểm tra ({limit_bytes} byte) nên chưa được kiểm tra.",
    "The file exceeds the limit of {limit_bytes} bytes and was not examined.",
)
PDF_HEADER_MISPLACED = _kind(
    "PDF_HEADER_MISPLACED",
    _FORMAT,
    "Tệp PDF có dữ liệu lạ ở đầu tệp, trước phần nhận dạng PDF.",
    "Bytes stand before the PDF header.",
    _PDF_SIGNATURES,
)
PDF_UNREADABLE = _kind(
    "PDF_UNREADABLE",
    _FORMAT,
    "Không đọc được cấu trúc tệp PDF: tệp hỏng, thiếu hoặc bị sửa ({reason}).",
    "The PDF structure cannot be read strictly ({reason}).",
    _PDF_SIGNATURES,
)
PDF_ENCRYPTED = _kind(
    "PDF_ENCRYPTED",
    _FORMAT,
    "Tệp PDF bị đặt mật khẩu (mã hóa) nên không kiểm tra được. Hãy phát hành bản không mã hóa.",
    "The PDF is encrypted; its signatures cannot be judged.",
    _PDF_SIGNATURES,
)
PDF_HYBRID_XREF = _kind(
    "PDF_HYBRID_XREF",
    _FORMAT,
    "Tệp PDF dùng hai bảng tham chiếu song song, mỗi phần mềm có thể hiển thị một nội dung khác nhau.",
    "The PDF uses hybrid cross-references, which readers resolve differently.",
    _PDF_SIGNATURES,
)
PDF_TOO_MANY_SIGNATURES = _kind(
    "PDF_TOO_MANY_SIGNATURES",
    _FORMAT,
    "Tệp có quá nhiều chữ ký (hơn {reason}).",
    "The file has more than {reason} signatures.",
)
PDF_BYTES_AFTER_END = _kind(
    "PDF_BYTES_AFTER_END",
    _FORMAT,
    "Có {count} byte dữ liệu được nối thêm vào cuối tệp, không chữ ký nào bảo vệ.",
    "{count} bytes stand after the last revision, covered by no signature.",
    _PDF_SIGNATURES,
)
PDF_LAYOUT_UNCLEAR = _kind(
    "PDF_LAYOUT_UNCLEAR",
    _unclear(SubIndication.GENERIC),
    "Cấu trúc tệp PDF không chuẩn: các phần mềm đọc có thể hiển thị nội dung khác nhau. "
    "Đề nghị xuất lại tệp PDF từ phần mềm soạn thảo rồi ký lại.",
    "The cross-reference is not canonical ({reason}); readers may show different content.",
    _PDF_SIGNATURES,
)
PDF_TOO_COMPLEX = _kind(
    "PDF_TOO_COMPLEX",
    _unclear(SubIndication.GENERIC),
    "Tệp PDF có cấu trúc lớn bất thường nên chưa được kiểm tra. "
    "Đề nghị xuất lại hoặc chia nhỏ tệp rồi ký lại.",
    "The PDF claims more structure than is examined ({reason}).",
)
SIGNATURE_COVERS_PAGE = _kind(
    "SIGNATURE_COVERS_PAGE",
    _unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Hình hiển thị của chữ ký thêm sau chiếm hơn {percent}% trang, có thể che nội dung đã ký trước; "
    "cần người xem xét.",
    "The appearance of a later signature covers more than {percent} % of a page.",
    _ND30,
)
PDF_SIGNATURE_OUTSIDE_FORM = _kind(
    "PDF_SIGNATURE_OUTSIDE_FORM",
    _WARNING,
    "Trong tệp có dấu vết một chữ ký đã bị gỡ hoặc bị giấu khỏi danh sách chữ ký.",
    "The file holds a signature that its form does not list (removed or hidden).",
    _PDF_SIGNATURES,
)
VERIFIER_FAILED = _kind(
    "VERIFIER_FAILED",
    _FORMAT,
    "Nội dung tệp làm bước kiểm tra dừng bất thường ({reason}); tệp bị coi là sai định dạng.",
    "The content broke a step of the examination ({reason}).",
    _EN_319_102,
)

# --- the signature in the file ---------------------------------------------------------------------

BYTE_RANGE_INVALID = _kind(
    "BYTE_RANGE_INVALID",
    _FORMAT,
    "Vùng dữ liệu được ký (ByteRange) khai báo sai.",
    "/ByteRange is not four sound integers starting at 0.",
    _PDF_SIGNATURES,
)
BYTE_RANGE_GAP = _kind(
    "BYTE_RANGE_GAP",
    _FORMAT,
    "Vùng không được ký rộng hơn chính chữ ký: có thể giấu nội dung ở đó.",
    "The gap in /ByteRange is not exactly the hex string of /Contents.",
    _PDF_SIGNATURES,
)
BYTE_RANGE_OVERLAP = _kind(
    "BYTE_RANGE_OVERLAP",
    _FORMAT,
    "Các chữ ký trong tệp chồng lấn nhau.",
    "The places of two signatures overlap.",
    _PDF_SIGNATURES,
)
COVERAGE_PARTIAL = _kind(
    "COVERAGE_PARTIAL",
    _FORMAT,
    "Chữ ký không bao phủ trọn một phiên bản của tệp.",
    "The signature does not cover a whole revision of the file.",
    _PDF_SIGNATURES,
)
SUBFILTER_NOT_ALLOWED = _kind(
    "SUBFILTER_NOT_ALLOWED",
    _FORMAT,
    "Kiểu chữ ký {subfilter} không nằm trong các kiểu được chấp nhận.",
    "SubFilter {subfilter} is not on the policy's list.",
    _TT15_I,
)
SUBFILTER_OUTDATED = _kind(
    "SUBFILTER_OUTDATED",
    _unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Kiểu chữ ký {subfilter} dựa trên SHA-1, không còn được chấp nhận.",
    "SubFilter {subfilter} rests on SHA-1.",
    _TT15_I,
)
CMS_MALFORMED = _kind(
    "CMS_MALFORMED",
    _FORMAT,
    "Khối dữ liệu chữ ký sai cấu trúc ({reason}).",
    "The CMS object is malformed ({reason}).",
    _RFC_5652,
)
SIGNER_CERTIFICATE_MISSING = _kind(
    "SIGNER_CERTIFICATE_MISSING",
    _unclear(SubIndication.NO_SIGNING_CERTIFICATE_FOUND),
    "Chữ ký không kèm chứng thư số của người ký.",
    "The signer's certificate is not in the signature.",
    f"{_TT15_II} mục 2.1",
)
SIGNER_CERTIFICATE_MISMATCH = _kind(
    "SIGNER_CERTIFICATE_MISMATCH",
    _unclear(SubIndication.NO_SIGNING_CERTIFICATE_FOUND),
    "Chứng thư số kèm theo không phải chứng thư mà người ký đã cam kết trong chữ ký.",
    "The signing-certificate attribute names another certificate.",
    f"{_TT15_II} mục 2.2",
)
SIGNER_CERTIFICATE_NOT_BOUND = _kind(
    "SIGNER_CERTIFICATE_NOT_BOUND",
    _WARNING,
    "Chữ ký không ghi kèm dấu vết chứng thư số của người ký (signing-certificate-v2).",
    "The signed attributes do not name the signing certificate.",
    "EN 319 122-1",
)

# --- integrity -------------------------------------------------------------------------------------

HASH_MISMATCH = _kind(
    "HASH_MISMATCH",
    _failed(SubIndication.HASH_FAILURE),
    "Nội dung văn bản đã bị thay đổi sau khi ký.",
    "The digest of the signed bytes differs from the signed digest.",
    f"{_TT15_II} mục 2.4",
)
SIGNATURE_VALUE_WRONG = _kind(
    "SIGNATURE_VALUE_WRONG",
    _failed(SubIndication.SIG_CRYPTO_FAILURE),
    "Chữ ký không khớp với khóa công khai trong chứng thư số.",
    "The signature value does not verify with the certificate's key.",
    f"{_TT15_II} mục 2.2",
)
CHANGED_AFTER_SIGNING = _kind(
    "CHANGED_AFTER_SIGNING",
    _FORMAT,
    "Văn bản bị sửa hoặc thêm nội dung sau khi ký.",
    "A later revision changes more than signatures may ({reason}).",
    _TT15_6,
)
FORM_CHANGED_AFTER_SIGNING = _kind(
    "FORM_CHANGED_AFTER_SIGNING",
    _FORMAT,
    "Ô nhập liệu của văn bản bị thay đổi sau khi ký.",
    "A later revision changes form fields that are not signatures.",
    _TT15_6,
)
PERMISSIONS_BREACHED = _kind(
    "PERMISSIONS_BREACHED",
    _FORMAT,
    "Tệp bị thay đổi trái với mức cho phép mà người ký đã đặt.",
    "A later revision breaches the signer's DocMDP or FieldMDP.",
    _PDF_SIGNATURES,
)
SIGNED_AGAIN_AFTER = _kind(
    "SIGNED_AGAIN_AFTER",
    _INFO,
    "Sau chữ ký này tệp chỉ được ký thêm hoặc bổ sung bằng chứng kiểm tra.",
    "After this signature only further signatures or validation evidence were added.",
)

# --- algorithms ------------------------------------------------------------------------------------

WEAK_DIGEST = _kind(
    "WEAK_DIGEST",
    _unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Thuật toán băm {algorithm} không còn an toàn. Đề nghị ký lại bằng SHA-256 trở lên.",
    "Digest {algorithm} is no longer secure.",
    _TT15_I,
)
WEAK_KEY = _kind(
    "WEAK_KEY",
    _unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Khóa ký {key} quá ngắn hoặc không thuộc loại được chấp nhận.",
    "Key {key} is too short or of a kind the policy does not accept.",
    _TT15_I,
)
WEAK_CERTIFICATE = _kind(
    "WEAK_CERTIFICATE",
    _unclear(SubIndication.CRYPTO_CONSTRAINTS_FAILURE),
    "Một chứng thư số trong chuỗi tin cậy dùng thuật toán hoặc khóa không còn an toàn.",
    "A certificate of the chain is signed with a weak digest or has a weak key.",
    _TT15_I,
)
RSA_PKCS1_V15 = _kind(
    "RSA_PKCS1_V15",
    _INFO,
    "Chữ ký dùng RSA theo PKCS#1 v1.5; quy định khuyến nghị RSASSA-PSS.",
    "RSA with PKCS#1 v1.5 padding, not RSASSA-PSS.",
    _TT15_I,
)

# --- certificate and chain -------------------------------------------------------------------------

ISSUER_NOT_TRUSTED = _kind(
    "ISSUER_NOT_TRUSTED",
    _unclear(SubIndication.NO_CERTIFICATE_CHAIN_FOUND),
    "Chứng thư số không dẫn tới cơ quan chứng thực nào trong kho tin cậy đã ghim.",
    "No chain leads to a pinned anchor.",
    f"{_TT15_6} khoản b",
)
ISSUER_NAME_IMITATED = _kind(
    "ISSUER_NAME_IMITATED",
    _unclear(SubIndication.NO_CERTIFICATE_CHAIN_FOUND),
    "Chứng thư số mang tên cơ quan chứng thực tin cậy nhưng không do cơ quan đó cấp: có dấu hiệu giả mạo.",
    "The chain bears the name of a pinned anchor, but was not issued by it.",
    f"{_TT15_6} khoản b",
)
CHAIN_INVALID = _kind(
    "CHAIN_INVALID",
    _unclear(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE),
    "Chuỗi chứng thư số không hợp lệ tại thời điểm ký ({reason}).",
    "The chain is not valid at the best signing time ({reason}).",
    f"{_TT15_II} mục 1.1",
)
KEY_USAGE_WRONG = _kind(
    "KEY_USAGE_WRONG",
    _unclear(SubIndication.CHAIN_CONSTRAINTS_FAILURE),
    "Chứng thư số không được cấp để ký văn bản.",
    "The certificate's key usage does not allow signing.",
    f"{_TT15_II} mục 1.4",
)
KEY_PURPOSE_UNUSUAL = _kind(
    "KEY_PURPOSE_UNUSUAL",
    _WARNING,
    "Chứng thư số chỉ ghi mục đích xác thực người dùng (clientAuth), không ghi mục đích ký văn bản.",
    "The certificate's extended key usage names client authentication only.",
    f"{_TT15_II} mục 1.4",
)
NOT_YET_VALID_AT_SIGNING = _kind(
    "NOT_YET_VALID_AT_SIGNING",
    _failed(SubIndication.NOT_YET_VALID),
    "Chứng thư số chưa có hiệu lực tại thời điểm ký.",
    "The best signing time is before the certificate's notBefore.",
    f"{_TT15_II} mục 1.1",
)
EXPIRED_AT_SIGNING = _kind(
    "EXPIRED_AT_SIGNING",
    _failed(SubIndication.EXPIRED),
    "Chứng thư số đã hết hạn tại thời điểm ký.",
    "The best signing time is after the certificate's notAfter.",
    f"{_TT15_II} mục 1.1",
)
EXPIRED_SINCE_NO_PROOF = _kind(
    "EXPIRED_SINCE_NO_PROOF",
    _unclear(SubIndication.OUT_OF_BOUNDS_NO_POE),
    "Chứng thư số nay đã hết hạn và không có dấu thời gian chứng minh văn bản được ký khi còn hạn.",
    "The certificate has expired since and no timestamp proves the signature older.",
    f"{_TT15_II} mục 1.1",
)

# --- time ------------------------------------------------------------------------------------------

NO_TIMESTAMP = _kind(
    "NO_TIMESTAMP",
    _WARNING,
    "Chữ ký không có dấu thời gian; thời điểm ký chỉ do người ký tự khai.",
    "No timestamp: the signing time is only claimed.",
    f"{_TT15_6} khoản g",
)
NO_SIGNING_TIME = _kind(
    "NO_SIGNING_TIME",
    _WARNING,
    "Chữ ký không ghi thời điểm ký; lấy thời điểm kiểm tra để xét hiệu lực chứng thư số.",
    "No signing time at all: validity was judged at the time of this check.",
    f"{_TT15_6} khoản g",
)
CLAIMED_TIME_LOCAL = _kind(
    "CLAIMED_TIME_LOCAL",
    _INFO,
    "Thời điểm ký tự khai lệch 7 giờ so với dấu thời gian: phần mềm ký đã ghi giờ địa phương như giờ UTC.",
    "The claimed time is seven hours ahead of the timestamp: local time written as UTC.",
)
CLAIMED_TIME_DIFFERS = _kind(
    "CLAIMED_TIME_DIFFERS",
    _WARNING,
    "Thời điểm ký tự khai muộn hơn dấu thời gian {seconds} giây.",
    "The claimed time is {seconds} s later than the timestamp.",
)
CLAIMED_TIME_IN_FUTURE = _kind(
    "CLAIMED_TIME_IN_FUTURE",
    _WARNING,
    "Thời điểm ký tự khai muộn hơn thời điểm kiểm tra; lấy thời điểm kiểm tra để xét hiệu lực.",
    "The claimed time lies after the time of this check.",
)
TIMESTAMP_BROKEN = _kind(
    "TIMESTAMP_BROKEN",
    _unclear(SubIndication.GENERIC),
    "Dấu thời gian không khớp với chữ ký hoặc bị hỏng ({reason}).",
    "A timestamp is broken or belongs to something else ({reason}).",
    _RFC_3161,
)
TIMESTAMP_NOT_TRUSTED = _kind(
    "TIMESTAMP_NOT_TRUSTED",
    _WARNING,
    "Dấu thời gian không do tổ chức cấp dấu thời gian tin cậy cấp ({reason}); không dùng làm bằng chứng.",
    "The timestamp's authority is not trusted ({reason}); it proves nothing here.",
    f"{_TT15_6} khoản g",
)
TIMESTAMP_IN_FUTURE = _kind(
    "TIMESTAMP_IN_FUTURE",
    _unclear(SubIndication.TIMESTAMP_ORDER_FAILURE),
    "Dấu thời gian muộn hơn thời điểm kiểm tra. Hãy kiểm tra đồng hồ máy.",
    "The timestamp lies after the time of this check.",
    _RFC_3161,
)

# --- revocation ------------------------------------------------------------------------------------

REVOKED_AT_SIGNING = _kind(
    "REVOKED_AT_SIGNING",
    _failed(SubIndication.REVOKED),
    "Chứng thư số đã bị thu hồi trước thời điểm ký (ngày thu hồi: {revoked_at}).",
    "The certificate was revoked at {revoked_at}, not after the signing time.",
    f"{_TT15_II} mục 1.1",
)
SUSPENDED_AT_SIGNING = _kind(
    "SUSPENDED_AT_SIGNING",
    _failed(SubIndication.REVOKED),
    "Chứng thư số đang bị tạm dừng tại thời điểm ký (từ {revoked_at}).",
    "The certificate was suspended (certificateHold) at the signing time, since {revoked_at}.",
    f"{_TT15_II} mục 1.1",
)
REVOKED_NO_PROOF = _kind(
    "REVOKED_NO_PROOF",
    _unclear(SubIndication.REVOKED_NO_POE),
    "Chứng thư số bị thu hồi ngày {revoked_at}; không có dấu thời gian chứng minh đã ký trước đó.",
    "The certificate was revoked at {revoked_at} and no timestamp proves the signature older.",
    f"{_TT15_II} mục 1.1",
)
REVOKED_LATER = _kind(
    "REVOKED_LATER",
    _INFO,
    "Chứng thư số bị thu hồi sau khi ký ({revoked_at}); dấu thời gian chứng minh văn bản được ký trước đó.",
    "The certificate was revoked at {revoked_at}, after the proven signing time.",
)
ISSUER_REVOKED = _kind(
    "ISSUER_REVOKED",
    _unclear(SubIndication.REVOKED_CA_NO_POE),
    "Chứng thư số của cơ quan cấp chứng thư đã bị thu hồi ({revoked_at}).",
    "A certificate authority of the chain was revoked at {revoked_at}.",
    f"{_TT15_II} mục 1.1",
)
REVOCATION_UNKNOWN = _kind(
    "REVOCATION_UNKNOWN",
    _unclear(SubIndication.TRY_LATER),
    "CẢNH BÁO: không kiểm tra được chứng thư số có bị thu hồi hay không ({reason}). "
    "Hãy cập nhật danh sách thu hồi (CRL) trong kho tin cậy rồi kiểm tra lại.",
    "WARNING: the revocation status cannot be established ({reason}).",
    f"{_TT15_II} mục 1.2",
)
SECOND_OPINION_DIFFERS = _kind(
    "SECOND_OPINION_DIFFERS",
    _unclear(SubIndication.GENERIC),
    "Hai bước kiểm tra độc lập cho kết quả khác nhau ({reason}); cần người xem xét.",
    "The underlying library does not confirm the verdict ({reason}).",
)

# --- signed for an agency --------------------------------------------------------------------------

DOCUMENT_NOT_PASSED = _kind(
    "DOCUMENT_NOT_PASSED",
    _unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Chữ ký số của văn bản: {headline}.",
    "The document as a whole is {indication}.",
    _TT15_6,
)
AGENCY_SEAL_MISSING = _kind(
    "AGENCY_SEAL_MISSING",
    _unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Văn bản chưa có chữ ký số (con dấu số) của cơ quan ban hành {agency}.",
    "No valid agency signature registered for {agency}.",
    f"{_ND30} Phụ lục I",
)
AGENCY_SEAL_FOREIGN = _kind(
    "AGENCY_SEAL_FOREIGN",
    _unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Chữ ký số cơ quan trên văn bản là của {other}, không phải của cơ quan ban hành {agency}.",
    "The agency signature is registered for {other}, not for {agency}.",
    f"{_ND30} Điều 32, Điều 33",
)
LEADER_SIGNATURE_MISSING = _kind(
    "LEADER_SIGNATURE_MISSING",
    _unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Văn bản chưa có chữ ký số của người có thẩm quyền thuộc {agency}.",
    "No valid personal signature registered for {agency}.",
    f"{_ND30} Điều 32, Điều 33",
)
SIGNER_NOT_REGISTERED = _kind(
    "SIGNER_NOT_REGISTERED",
    _unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Văn bản có thêm chữ ký số (số {numbers}) chưa được đăng ký cho cơ quan ban hành {agency}. "
    "Hãy kiểm tra người ký; nếu đúng thẩm quyền, bổ sung vào sổ đăng ký người ký.",
    "Signatures {numbers} are not registered for {agency}.",
    f"{_ND30} Điều 32, Điều 33",
)
ONE_SIGNATURE_FOR_BOTH = _kind(
    "ONE_SIGNATURE_FOR_BOTH",
    _unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Cùng một chữ ký được đăng ký vừa là của người có thẩm quyền vừa là của cơ quan {agency}; "
    "phải có hai chữ ký riêng.",
    "The person's and the agency's signature are one and the same.",
    f"{_ND30} Điều 32, Điều 33",
)
SEAL_BEFORE_LEADER = _kind(
    "SEAL_BEFORE_LEADER",
    _WARNING,
    "Con dấu số của cơ quan được ký trước chữ ký của người có thẩm quyền.",
    "The agency signed before the competent person.",
    f"{_ND30} Điều 32, Điều 33",
)
