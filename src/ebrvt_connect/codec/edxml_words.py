"""The words of edXML generation 2 (QCVN 102:2016/BTTTT, SĐ1:2022): names, codes, limits, what can be wrong.

Refusals are `InvalidValue`; warnings are `DataWarning` recorded with the value. Both are explained here
in Vietnamese, so that `docs/operate/errors.md` tells of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ebrvt_connect.codec.xml import Schema
from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.document import BusinessKind, Document, DocumentStatus, StatusCode

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"

STRICT = Schema("edxml/edxml-qcvn102-draft-strict.xsd")
"""The order and cardinality the vendor's library writes: what we write is held to it."""
LENIENT = Schema("edxml/edxml-qcvn102-draft-lenient.xsd")
"""Any order: what departs from it on reading is a warning, never a refusal."""

BUSINESS_KINDS = {
    "0": BusinessKind.NEW,
    "1": BusinessKind.REVOKE,
    "2": BusinessKind.UPDATE,
    "3": BusinessKind.REPLACE,
}
"""BussinessDocType [2.2.1]; the double s is the standard's own spelling."""

AXIS_STATUS_CODES = frozenset(
    {
        StatusCode.ARRIVED,
        StatusCode.REFUSED,
        StatusCode.ACCEPTED,
        StatusCode.ASSIGNED,
        StatusCode.IN_PROGRESS,
        StatusCode.FINISHED,
        StatusCode.RECALL,
        StatusCode.CHANGE_ACCEPTED,
        StatusCode.CHANGE_REFUSED,
    }
)

LONGEST_CHARS = {
    "OrganizationInCharge": 200,
    "OrganName": 200,
    "OrganAdd": 250,
    "Email": 100,
    "Telephone": 20,
    "Fax": 20,
    "Website": 100,
    "CodeNumber": 11,
    "CodeNotation": 30,
    "TypeName": 100,
    "Subject": 500,
    "Content": 500,
    "SphereOfPromulgation": 100,
    "TyperNotation": 10,
    "Place": 150,
}
"""Lengths one axis client checks for; no server is known to, so exceeding them is only a warning."""

FIELD_NAMES_VI = {
    "MessageHeader": "Phần đầu gói tin",
    "From": "Nơi gửi",
    "From/OrganId": "Mã định danh nơi gửi",
    "To": "Nơi nhận",
    "To/OrganId": "Mã định danh nơi nhận",
    "DocumentId": "Mã văn bản",
    "Code": "Số, ký hiệu văn bản",
    "Code/CodeNumber": "Số văn bản",
    "Code/CodeNotation": "Ký hiệu văn bản",
    "PromulgationInfo/PromulgationDate": "Ngày ban hành",
    "DocumentType/Type": "Loại văn bản",
    "Subject": "Trích yếu",
    "OtherInfo/Priority": "Độ khẩn",
    "ResponseFor": "Văn bản được phản hồi",
    "ResponseFor/OrganId": "Mã định danh nơi nhận phản hồi",
    "ResponseFor/Code": "Số, ký hiệu văn bản được phản hồi",
    "ResponseFor/DocumentId": "Mã văn bản được phản hồi",
    "StatusCode": "Mã trạng thái",
    "Description": "Nội dung phản hồi",
    "Timestamp": "Thời điểm",
    "AttachmentName": "Tên tệp đính kèm",
}
"""What an operator calls a field."""


def field_vi(field: str) -> str:
    """The Vietnamese name of a field, or its own name where there is none."""
    return FIELD_NAMES_VI.get(field, field)


EDXML_NAMESPACE_UNKNOWN = explain(
    "EDXML_NAMESPACE_UNKNOWN",
    "Gói tin không theo QCVN 102:2016/BTTTT (không gian tên nhận được: “{namespace}”).",
    "Đề nghị bên gửi dùng phần mềm theo QCVN 102:2016/BTTTT; chuẩn e-doc trước năm 2016 không đọc được.",
)
EDXML_ROOT_UNKNOWN = explain(
    "EDXML_ROOT_UNKNOWN",
    "Tệp không phải là gói tin edXML (phần tử gốc là “{element}”).",
    "Kiểm tra lại tệp với bên gửi.",
)
EDXML_FIELD_MISSING = explain(
    "EDXML_FIELD_MISSING",
    "Thiếu thông tin bắt buộc: {field_vi} ({field}).",
    "Bổ sung thông tin còn thiếu ở hệ thống gửi rồi gửi lại; chương trình không tự điền thay.",
)
EDXML_ELEMENT_REPEATED = explain(
    "EDXML_ELEMENT_REPEATED",
    "Gói tin có hơn một mục {field_vi} ({field}) nên không biết mục nào là đúng.",
    "Đề nghị bên gửi sửa phần mềm và gửi lại văn bản.",
)
EDXML_TOO_MANY_ATTACHMENTS = explain(
    "EDXML_TOO_MANY_ATTACHMENTS",
    "Gói tin có quá nhiều tệp đính kèm (hơn {limit} tệp).",
    "Đề nghị bên gửi gộp các tệp hoặc gửi thành nhiều văn bản.",
)
EDXML_ATTACHMENT_TOO_LARGE = explain(
    "EDXML_ATTACHMENT_TOO_LARGE",
    "Tệp đính kèm thứ {seq} lớn hơn giới hạn cho phép ({limit} byte).",
    "Đề nghị bên gửi giảm dung lượng tệp, hoặc nâng giới hạn trong cấu hình nếu đúng quy định.",
)
EDXML_STATUS_CODE_LOCAL = explain(
    "EDXML_STATUS_CODE_LOCAL",
    "Mã trạng thái “{got}” chỉ dùng trong nội bộ tỉnh, không được trao đổi trên trục liên thông.",
    "Kiểm tra cấu hình của hệ thống gửi.",
)
EDXML_WRITE_INVALID = explain(
    "EDXML_WRITE_INVALID",
    "Gói tin edXML tạo ra không đúng quy chuẩn ở mục {field}.",
    "Sửa thông tin đó ở hệ thống quản lý văn bản rồi phát hành lại; nếu đã đúng, báo bộ phận kỹ thuật.",
)
EDXML_SECRET_FORBIDDEN = explain(
    "EDXML_SECRET_FORBIDDEN",
    "Văn bản có độ mật không được gửi qua trục liên thông.",
    "Gửi theo quy định về bảo vệ bí mật nhà nước; nếu văn bản không mật, sửa độ mật rồi phát hành lại.",
)

# Warnings: the value is kept, this is said beside it.
DATE_NOT_EDXML_FORM = explain(
    "DATE_NOT_EDXML_FORM",
    "“{got}” ở mục {field_vi} không đúng dạng năm/tháng/ngày (ví dụ 2026/11/23) nên được để trống.",
    "Đối chiếu ngày trên văn bản; báo bên gửi sửa phần mềm.",
)
DATE_IMPOSSIBLE = explain(
    "DATE_IMPOSSIBLE",
    "“{got}” ở mục {field_vi} là ngày không có thật nên được để trống.",
    "Đối chiếu ngày trên văn bản; báo bên gửi sửa phần mềm.",
)
NUMBER_NOT_READ = explain(
    "NUMBER_NOT_READ",
    "“{got}” ở mục {field_vi} không phải là số nên được để trống.",
    "Đối chiếu với văn bản; báo bên gửi sửa phần mềm.",
)
PRIORITY_UNKNOWN = explain(
    "PRIORITY_UNKNOWN",
    "Độ khẩn “{got}” không có trong quy chuẩn; văn bản được ghi là độ khẩn thường.",
    "Đối chiếu độ khẩn trên văn bản và sửa khi vào sổ.",
)
BUSINESS_KIND_UNKNOWN = explain(
    "BUSINESS_KIND_UNKNOWN",
    "Loại nghiệp vụ “{got}” không có trong quy chuẩn nên không biết văn bản là mới, thu hồi hay thay thế.",
    "Hỏi lại bên gửi trước khi vào sổ.",
)
STATUS_CODE_UNKNOWN = explain(
    "STATUS_CODE_UNKNOWN",
    "Mã trạng thái “{got}” không có trong quy chuẩn; được giữ nguyên.",
    "Hỏi lại bên gửi ý nghĩa của mã này.",
)
FLAG_UNKNOWN = explain(
    "FLAG_UNKNOWN",
    "“{got}” ở mục {field_vi} không phải là có hay không nên được để trống.",
    "Đối chiếu với văn bản; báo bên gửi sửa phần mềm.",
)
FIELD_TOO_LONG = explain(
    "FIELD_TOO_LONG",
    "Mục {field_vi} dài hơn {limit} ký tự; được giữ nguyên.",
    "Không phải làm gì; phần mềm khác có thể cắt bớt nội dung này.",
)
FIELD_ABSENT = explain(
    "FIELD_ABSENT",
    "Gói tin không có mục {field_vi}; được để trống.",
    "Đối chiếu với văn bản và bổ sung khi vào sổ.",
)
FIELD_REPEATED = explain(
    "FIELD_REPEATED",
    "Mục {field_vi} xuất hiện nhiều lần; lấy mục đầu tiên, các mục sau được giữ riêng.",
    "Đối chiếu với văn bản; báo bên gửi sửa phần mềm.",
)
RECIPIENT_REPEATED = explain(
    "RECIPIENT_REPEATED",
    "Nơi nhận “{got}” được ghi nhiều lần; chỉ tính một lần.",
    "Không phải làm gì.",
)
AGENCY_CODE_NOT_READ = explain(
    "AGENCY_CODE_NOT_READ",
    "“{got}” ở mục {field_vi} không phải là mã định danh cơ quan; mục này bị bỏ qua.",
    "Báo bên gửi sửa theo danh mục mã định danh đã ban hành.",
)
ATTACHMENT_TYPE_MISMATCH = explain(
    "ATTACHMENT_TYPE_MISMATCH",
    "Tệp đính kèm “{name}” được ghi là {label} nhưng nội dung thật là {sniffed}.",
    "Đọc theo nội dung thật; báo bên gửi nếu không mở được tệp.",
)
ATTACHMENT_MISSING = explain(
    "ATTACHMENT_MISSING",
    "Gói tin có ghi tệp “{name}” nhưng không kèm nội dung tệp.",
    "Đề nghị bên gửi gửi lại văn bản cùng đủ tệp.",
)
ATTACHMENT_NOT_ANNOUNCED = explain(
    "ATTACHMENT_NOT_ANNOUNCED",
    "Gói tin kèm tệp “{name}” không có trong danh mục tệp của gói tin, hoặc kèm nhiều lần.",
    "Hỏi lại bên gửi trước khi dùng tệp này: có thể tệp đã bị thêm vào.",
)
ATTACHMENT_NAMED_OTHERWISE = explain(
    "ATTACHMENT_NAMED_OTHERWISE",
    "Danh mục tệp của gói tin gọi tệp “{name}” là “{got}”, hoặc ghi một mã tệp nhiều lần.",
    "Hỏi lại bên gửi tệp nào là tệp nào trước khi dùng; báo bên gửi sửa phần mềm.",
)
ATTACHMENT_NOT_UNPACKED = explain(
    "ATTACHMENT_NOT_UNPACKED",
    "Tệp đính kèm “{name}” là tệp nén không mở được ({reason}); được giữ nguyên dạng nén.",
    "Thử mở tệp; nếu không được, đề nghị bên gửi gửi lại.",
)
ATTACHMENT_NAME_CHANGED = explain(
    "ATTACHMENT_NAME_CHANGED",
    "Tên tệp đính kèm có ký tự hoặc đường dẫn không an toàn nên đã được đổi thành “{name}”.",
    "Không phải làm gì; tên gốc vẫn còn trong gói tin đã lưu.",
)
EDXML_NOT_IN_SCHEMA = explain(
    "EDXML_NOT_IN_SCHEMA",
    "Mục {field} trong gói tin không đúng lược đồ edXML; vẫn được đọc.",
    "Không phải làm gì; báo bên gửi nếu thông tin hiển thị sai.",
)
EDXML_ELEMENT_ELSEWHERE = explain(
    "EDXML_ELEMENT_ELSEWHERE",
    "Gói tin có mục “{got}” đặt sai chỗ hoặc thuộc không gian tên khác; chương trình không đọc mục này, "
    "phần mềm khác có thể đọc.",
    "Đối chiếu với văn bản trước khi dùng; báo bên gửi sửa phần mềm.",
)
EDXML_TEXT_CUT = explain(
    "EDXML_TEXT_CUT",
    "Nội dung mục {field} bị ghi chú hoặc phần tử khác xen vào nên phần mềm khác có thể chỉ đọc một phần.",
    "Đối chiếu với văn bản trước khi dùng; báo bên gửi sửa phần mềm.",
)
WARNINGS_OMITTED = explain(
    "WARNINGS_OMITTED",
    "Gói tin còn {count} cảnh báo khác không ghi ra đây.",
    "Xem gói tin gốc và báo bên gửi kiểm tra phần mềm.",
)


_DECISIVE = frozenset(
    one.code
    for one in (
        ATTACHMENT_MISSING,
        ATTACHMENT_NOT_ANNOUNCED,
        ATTACHMENT_NAMED_OTHERWISE,
        EDXML_ELEMENT_ELSEWHERE,
        EDXML_TEXT_CUT,
    )
)
_MUST_BE_ONE = frozenset(
    {
        *("edXMLBody", "AttachmentEncoded", "PromulgationInfo", "PromulgationInfo/PromulgationDate"),
        *("AttachmentEncoded/Attachment/ContentId", "AttachmentEncoded/Attachment/AttachmentName"),
        *("edXMLManifest/Reference/ContentId", "edXMLManifest/Reference/AttachmentName"),
        *("Manifest/Reference/ContentId", "Manifest/Reference/AttachmentName"),
    }
)


def is_decisive(code: str, field: str) -> bool:
    """Whether a warning is about which files a packet has and when its document was made.

    Where it is, another reader may see another packet than the one a verdict on signatures is about.
    """
    return code in _DECISIVE or (code == FIELD_REPEATED.code and field in _MUST_BE_ONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdxmlLimits:
    """How much of a packet is read before it is refused; sizes in bytes, lengths in characters."""

    file_bytes: int = 150 * 1024 * 1024
    attachment_bytes: int = 100 * 1024 * 1024
    """One attachment, decoded and unpacked."""
    attachments: int = 200
    depth: int = 32
    elements: int = 200_000
    """A broadcast names thousands of recipients with nine fields each."""
    text_chars: int = 64 * 1024
    """Text of one element other than the content of an attachment."""
    all_text_chars: int = 16 * 1024 * 1024
    """All such text together."""

    @property
    def carried_bytes(self) -> int:
        """How long an attachment may be as it travels: a ZIP around what cannot be compressed is longer."""
        return self.attachment_bytes + self.attachment_bytes // 1024 + 64 * 1024


EDXML_LIMITS = EdxmlLimits()


class EnvelopeSignature(StrEnum):
    """Whether the envelope carries a signature (chữ ký của gói tin).

    Only informational: the axis rewrites envelopes, and the legal signatures are inside the attached
    files (NĐ 30/2020).
    """

    NONE = "none"
    PRESENT_UNVERIFIABLE = "present-unverifiable"
    """In the namespace of edXML itself: a container nobody can verify."""
    XMLDSIG = "xmldsig"
    """In the namespace of XML-DSig: could be verified against the untouched bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What one `.edxml` file says: a document or a status, and facts of its envelope."""

    record: Document | DocumentStatus
    signature: EnvelopeSignature
    size_bytes: int
    """Of the whole file as it was read."""


def attachment_too_large(seq: int, limits: EdxmlLimits) -> InvalidValue:
    """The refusal for a file over its limit."""
    limit = limits.attachment_bytes
    return InvalidValue(
        EDXML_ATTACHMENT_TOO_LARGE, f"attachment {seq} exceeds {limit} bytes", seq=seq, limit=limit
    )


def missing(field: str) -> InvalidValue:
    """The refusal for a required field that is not there."""
    return InvalidValue(EDXML_FIELD_MISSING, f"edXML without {field}", field=field, field_vi=field_vi(field))


def repeated(field: str) -> InvalidValue:
    """The refusal for a field whose repetition leaves open what is meant."""
    return InvalidValue(
        EDXML_ELEMENT_REPEATED, f"edXML with more than one {field}", field=field, field_vi=field_vi(field)
    )
