"""Findings about XML signatures: rows of the catalogue (`trust.findings` has them all)."""

from __future__ import annotations

from ebrvt_connect.trust.catalogue import FORMAT, INFO, TT15_6, WARNING, kind, unclear
from ebrvt_connect.trust.verdict import SubIndication

_XMLDSIG = "W3C XML Signature 1.1"

XML_UNREADABLE = kind(
    "XML_UNREADABLE",
    FORMAT,
    "Không đọc được tệp XML có chữ ký ({reason}).",
    "The signed XML cannot be read ({fault}).",
    _XMLDSIG,
)
XML_TOO_COMPLEX = kind(
    "XML_TOO_COMPLEX",
    FORMAT,
    "Tệp XML vượt giới hạn phân tích ({reason}), có dấu hiệu bất thường; không kết luận được về chữ ký trong "
    "tệp. Hãy xin lại bản khác từ nơi phát hành.",
    "The XML has more structure, or asks for more work, than is examined ({reason}).",
    "EN 319 102-1",
)
XML_TOO_LARGE = kind(
    "XML_TOO_LARGE",
    unclear(SubIndication.GENERIC),
    "Tệp XML có chữ ký lớn hơn giới hạn kiểm tra ({reason}) nên chữ ký chưa được kiểm tra. Đề nghị nơi gửi "
    "để dữ liệu lớn ở tệp ngoài rồi ký lại; không tự chia nhỏ tệp đã ký: chữ ký sẽ hỏng.",
    "The signed XML is larger than is examined ({reason}); its signatures were not judged.",
    "EN 319 102-1",
)
XML_TOO_MANY_SIGNATURES = kind(
    "XML_TOO_MANY_SIGNATURES",
    FORMAT,
    "Tệp XML có quá nhiều chữ ký (hơn {limit}).",
    "The XML has more than {limit} signatures.",
    "EN 319 102-1",
)
XML_SIGNATURE_MALFORMED = kind(
    "XML_SIGNATURE_MALFORMED",
    FORMAT,
    "Phần tử chữ ký XML sai cấu trúc ({reason}).",
    "The ds:Signature element is malformed ({reason}).",
    _XMLDSIG,
)
XML_REFERENCE_REFUSED = kind(
    "XML_REFERENCE_REFUSED",
    FORMAT,
    "Chữ ký XML trỏ tới nội dung không được chấp nhận ({reason}).",
    "A ds:Reference points to what is not accepted ({reason}).",
    _XMLDSIG,
)
XML_TRANSFORM_REFUSED = kind(
    "XML_TRANSFORM_REFUSED",
    FORMAT,
    "Chữ ký XML dùng phép biến đổi không được chấp nhận ({reason}): nội dung được ký có thể khác nội dung "
    "người đọc thấy.",
    "A transform or canonicalization is not accepted ({reason}).",
    _XMLDSIG,
)
XML_COMMENT_UNSIGNED = kind(
    "XML_COMMENT_UNSIGNED",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Trong phần được ký có ghi chú XML (comment) mà chữ ký không bảo vệ; phần mềm khác có thể đọc sai nội "
    "dung. Đề nghị bên ký bỏ ghi chú rồi ký lại.",
    "Comments stand in the signed part; canonicalization leaves them out of the signature.",
    _XMLDSIG,
)
XML_PREFIX_UNSIGNED = kind(
    "XML_PREFIX_UNSIGNED",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Trong phần được ký có giá trị “{value}” dùng tiền tố không gian tên (namespace) mà chữ ký không bảo vệ, "
    "nên nghĩa của nó có thể đã bị đổi. Đề nghị bên ký dùng Canonical XML 1.0, hoặc ghi tiền tố đó vào "
    "PrefixList, rồi ký lại.",
    "The signed value “{value}” uses a prefix whose namespace exclusive canonicalization leaves unsigned.",
    "W3C Exclusive XML Canonicalization 1.0 mục 1.3",
)
XML_CONTENT_UNSIGNED = kind(
    "XML_CONTENT_UNSIGNED",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Chữ ký chỉ bảo vệ một phần tệp XML ({covered}); phần không được ký: {uncovered}. Cần người xem xét.",
    "The signature covers {covered} only; unsigned: {uncovered}.",
    TT15_6,
)
XML_ENVELOPE_UNSIGNED = kind(
    "XML_ENVELOPE_UNSIGNED",
    WARNING,
    "Chữ ký bảo vệ {covered}; phần tử bao ngoài, kể cả tên của nó, không được ký: {outside}.",
    "The signature covers {covered}; the element around it is not signed, nor is its name: {outside}.",
    TT15_6,
)
XML_WRAPPED_UNSIGNED = kind(
    "XML_WRAPPED_UNSIGNED",
    unclear(SubIndication.SIG_CONSTRAINTS_FAILURE),
    "Chữ ký chỉ bảo vệ {covered}; các phần tử bao ngoài không được ký nên có thể bị thêm hoặc đổi tên. Hãy "
    "tách riêng phần được ký rồi kiểm tra lại, hoặc đề nghị nơi gửi ký cả tệp.",
    "The signature covers {covered} only; the elements around it are not signed and may be anybody's.",
    TT15_6,
)
XML_ENVELOPE_SEALED = kind(
    "XML_ENVELOPE_SEALED",
    INFO,
    "Chữ ký bảo vệ {covered}; phần tử bao ngoài ({outside}) do con dấu số ký cả tệp bảo vệ.",
    "The signature covers {covered}; a seal on the whole file covers the element around it ({outside}).",
    TT15_6,
)
XML_COUNTERSIGNATURE = kind(
    "XML_COUNTERSIGNATURE",
    INFO,
    "Đây là chữ ký xác nhận một chữ ký khác ({covered}), không ký trực tiếp nội dung nên không tính là chữ "
    "ký của người có thẩm quyền hay con dấu trên văn bản.",
    "A countersignature: it confirms another signature ({covered}) and covers no content.",
    "ETSI EN 319 132-1 mục 5.2.7",
)
XML_REFORMATTED = kind(
    "XML_REFORMATTED",
    INFO,
    "Tệp XML có dấu hiệu bị định dạng lại sau khi ký (thêm xuống dòng, thụt lề). Đề nghị gửi đúng tệp đã ký, "
    "không mở ra lưu lại.",
    "The signature element looks re-formatted (line breaks, indentation) after signing.",
    _XMLDSIG,
)
XML_PACKET_MISPLACED = kind(
    "XML_PACKET_MISPLACED",
    FORMAT,
    "Gói tin không có đúng một phần {packet} với một chữ ký đặt cuối và ký trọn phần đó ({reason}).",
    "Not exactly one {packet} with one signature as its last child that covers it ({reason}).",
    _XMLDSIG,
)
