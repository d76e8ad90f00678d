"""Findings about a packet as a whole (gói tin): rows of the catalogue (`trust.findings` has them all).

They tie signatures to the record of the document: who signed first, for whom, when, and which files.
"""

from __future__ import annotations

from ebrvt_connect.trust.catalogue import FORMAT, INFO, TT15_6, WARNING, failed, kind, unclear
from ebrvt_connect.trust.verdict import SubIndication

_ND30 = "NĐ 30/2020/NĐ-CP"
_ND30_32 = f"{_ND30} Điều 32, Điều 33"
_ND30_I = f"{_ND30} Phụ lục I"
_ND30_COPIES = f"{_ND30} Điều 25, Phụ lục I"
_QCVN_102 = "QCVN 102:2016/BTTTT"
_CONSTRAINTS = unclear(SubIndication.SIG_CONSTRAINTS_FAILURE)

# --- leader, seal, copies --------------------------------------------------------------------------

AGENCY_SEAL_NOT_PASSED = kind(
    "AGENCY_SEAL_NOT_PASSED",
    _CONSTRAINTS,
    "Chữ ký thứ {numbers} dùng chứng thư số đã đăng ký làm con dấu số của cơ quan ban hành {agency} nhưng "
    "chưa được kết luận là hợp lệ, nên chưa được tính. Hãy xem lý do và cách xử lý ghi ở chữ ký đó.",
    "Signature {numbers_en} bears a certificate registered as the seal of {agency}, but has not passed.",
    _ND30_32,
)
LEADER_SIGNATURE_NOT_PASSED = kind(
    "LEADER_SIGNATURE_NOT_PASSED",
    _CONSTRAINTS,
    "Chữ ký thứ {numbers} dùng chứng thư số đã đăng ký cho người có thẩm quyền thuộc {agency} nhưng chưa "
    "được kết luận là hợp lệ, nên chưa được tính. Hãy xem lý do và cách xử lý ghi ở chữ ký đó.",
    "Signature {numbers_en} bears a certificate registered for a person of {agency}, but has not passed.",
    _ND30_32,
)
PACKET_SIGNATURE_NOT_PASSED = kind(
    "PACKET_SIGNATURE_NOT_PASSED",
    _CONSTRAINTS,
    "Chữ ký thứ {numbers} của gói tin dùng chứng thư số đã đăng ký cho {agency} nhưng chưa được kết luận là "
    "hợp lệ, nên chưa được tính. Hãy xem lý do và cách xử lý ghi ở chữ ký đó.",
    "Signature {numbers_en} of the packet bears a certificate registered for {agency}, but has not passed.",
    TT15_6,
)

SEAL_STAMPED_BEFORE_LEADER = kind(
    "SEAL_STAMPED_BEFORE_LEADER",
    unclear(SubIndication.TIMESTAMP_ORDER_FAILURE),
    "Theo dấu thời gian, con dấu số của cơ quan được ký ({sealed}) trước chữ ký của người có thẩm quyền "
    "({signed}).",
    "By their timestamps the agency signed ({sealed_iso}) before the competent person ({signed_iso}).",
    _ND30_32,
)
SEAL_CLAIMED_BEFORE_LEADER = kind(
    "SEAL_CLAIMED_BEFORE_LEADER",
    WARNING,
    "Thời điểm ký tự khai của con dấu số ({sealed}) sớm hơn thời điểm ký của người có thẩm quyền ({signed}), "
    "dù trong tệp con dấu đứng sau. Hãy kiểm tra đồng hồ máy ký số.",
    "The seal claims a time ({sealed_iso}) before the leader's ({signed_iso}), though it stands behind it.",
    _ND30_32,
)
SIGNING_ORDER_UNKNOWN = kind(
    "SIGNING_ORDER_UNKNOWN",
    _CONSTRAINTS,
    "Chữ ký thứ {numbers} không cho biết ký khi nào nên không rõ thứ tự ký của người có thẩm quyền và con "
    "dấu số. Đề nghị ký lại có ghi thời điểm ký, tốt nhất kèm dấu thời gian.",
    "Signatures {numbers_en} do not tell when they were made, so who signed first cannot be told.",
    _ND30_32,
)
SIGNING_ORDER_BY_PLACE = kind(
    "SIGNING_ORDER_BY_PLACE",
    WARNING,
    "Chữ ký thứ {numbers} không cho biết ký khi nào; thứ tự ký chỉ dựa vào vị trí trong tệp PDF.",
    "Signatures {numbers_en} do not tell when they were made; the order is that of the file alone.",
    _ND30_32,
)
COPY_MADE = kind(
    "COPY_MADE",
    INFO,
    "Đây là bản sao do {copier} ký số sao; chữ ký số của bản gốc vẫn được kiểm tra.",
    "A copy, made and signed by {copier}; the original's signatures are judged as well.",
    _ND30_COPIES,
)
COPY_WITHOUT_ORIGINAL = kind(
    "COPY_WITHOUT_ORIGINAL",
    _CONSTRAINTS,
    "Tệp có chữ ký số sao của {copier} nhưng bản gốc bên dưới không còn đủ chữ ký số hợp lệ của {agency}. "
    "Nếu là bản sao từ giấy, hãy đối chiếu với bản giấy.",
    "A copy signed by {copier} over an original without good signatures of {agency}.",
    _ND30_COPIES,
)
COPY_BEFORE_ORIGINAL = kind(
    "COPY_BEFORE_ORIGINAL",
    _CONSTRAINTS,
    "Chữ ký số sao đứng trước chữ ký của bản gốc; bản sao phải được ký sau khi bản gốc đã ký đủ.",
    "The copy was signed before the original was.",
    _ND30_COPIES,
)

# --- time ------------------------------------------------------------------------------------------

SIGNED_BEFORE_DOCUMENT_DATE = kind(
    "SIGNED_BEFORE_DOCUMENT_DATE",
    _CONSTRAINTS,
    "Chữ ký thứ {number} ký ngày {signed_on}, trước ngày của văn bản ({dated}) {days} ngày. "
    "Hãy kiểm tra lại ngày văn bản.",
    "Signature {number} was made {days} days before the document's date ({dated_iso}).",
    _ND30_I,
)
SIGNED_LONG_AFTER_DOCUMENT_DATE = kind(
    "SIGNED_LONG_AFTER_DOCUMENT_DATE",
    _CONSTRAINTS,
    "Chữ ký thứ {number} ký ngày {signed_on}, sau ngày của văn bản ({dated}) tới {days} ngày: có thể văn bản "
    "bị ghi lùi ngày.",
    "Signature {number} was made {days} days after the document's date ({dated_iso}).",
    _ND30_I,
)
SIGNING_DATE_UNKNOWN = kind(
    "SIGNING_DATE_UNKNOWN",
    _CONSTRAINTS,
    "Chữ ký thứ {number} không cho biết ký ngày nào nên không đối chiếu được với ngày của văn bản ({dated}). "
    "Đề nghị ký lại có ghi thời điểm ký, tốt nhất kèm dấu thời gian.",
    "Signature {number} does not tell on which day it was made; the document's date is {dated_iso}.",
    _ND30_I,
)
DOCUMENT_DATE_IN_FUTURE = kind(
    "DOCUMENT_DATE_IN_FUTURE",
    _CONSTRAINTS,
    "Ngày của văn bản ({dated}) muộn hơn ngày kiểm tra ({today}).",
    "The document's date ({dated_iso}) lies after the day of this check.",
    _ND30_I,
)
DOCUMENT_DATE_MISSING = kind(
    "DOCUMENT_DATE_MISSING",
    WARNING,
    "Bản ghi không có ngày của văn bản nên không đối chiếu được với thời điểm ký.",
    "The record has no document date to compare the signing times with.",
    _ND30_I,
)

DATES = frozenset(
    {
        SIGNED_BEFORE_DOCUMENT_DATE,
        SIGNED_LONG_AFTER_DOCUMENT_DATE,
        SIGNING_DATE_UNKNOWN,
        DOCUMENT_DATE_IN_FUTURE,
        DOCUMENT_DATE_MISSING,
    }
)
"""Findings that hold signing times against the date in the record."""

# --- the files of the record -----------------------------------------------------------------------

PACKET_UNREADABLE = kind(
    "PACKET_UNREADABLE",
    FORMAT,
    "Không đọc được gói tin edXML ({reason}).",
    "The edXML packet cannot be read ({fault}).",
    _QCVN_102,
)
PACKET_WITHOUT_DOCUMENT = kind(
    "PACKET_WITHOUT_DOCUMENT",
    unclear(SubIndication.SIGNED_DATA_NOT_FOUND),
    "Đây là gói tin trạng thái, không mang văn bản nào để kiểm tra chữ ký.",
    "A status packet carries no document.",
    _QCVN_102,
)
PACKET_WITHOUT_MAIN_FILE = kind(
    "PACKET_WITHOUT_MAIN_FILE",
    unclear(SubIndication.SIGNED_DATA_NOT_FOUND),
    "Gói tin không có tệp văn bản chính.",
    "The packet has no main file.",
    _ND30_32,
)
PACKET_FILE_MISSING = kind(
    "PACKET_FILE_MISSING",
    unclear(SubIndication.SIGNED_DATA_NOT_FOUND),
    "Bản ghi có tệp “{name}” nhưng gói tin không kèm tệp này. Hãy đề nghị bên gửi gửi đủ tệp.",
    "The record names {name}, which is not there.",
    _QCVN_102,
)
PACKET_FILE_UNLISTED = kind(
    "PACKET_FILE_UNLISTED",
    _CONSTRAINTS,
    "Tệp “{name}” không có trong bản ghi của văn bản: có thể đã bị thêm vào.",
    "{name} is not named in the record.",
    _QCVN_102,
)
PACKET_FILE_CHANGED = kind(
    "PACKET_FILE_CHANGED",
    failed(SubIndication.HASH_FAILURE),
    "Tệp “{name}” khác với tệp mà bản ghi mô tả (giá trị băm SHA-256 không khớp): tệp đã bị thay.",
    "{name} is not the file the record describes: its SHA-256 differs.",
    TT15_6,
)
PACKET_AMBIGUOUS = kind(
    "PACKET_AMBIGUOUS",
    _CONSTRAINTS,
    "Mỗi phần mềm có thể đọc gói tin này một khác nên chưa kết luận được: {reasons} Hãy hỏi lại nơi gửi.",
    "Other software may read another packet than the one judged here ({fields}).",
    _QCVN_102,
)
PACKET_NAME_REPEATED = kind(
    "PACKET_NAME_REPEATED",
    _CONSTRAINTS,
    "Có nhiều tệp cùng mang tên “{name}” nên không rõ bản ghi nói về tệp nào.",
    "More than one file is called {name}.",
    _QCVN_102,
)
FILE_NAME_OF_ANOTHER_KIND = kind(
    "FILE_NAME_OF_ANOTHER_KIND",
    _CONSTRAINTS,
    "Tệp “{name}” thực ra là tệp {kind}: phần mềm mở theo đuôi tên có thể hiện nội dung không ai ký. Đề nghị "
    "nơi gửi gửi tệp có đuôi tên đúng.",
    "{name} is a file of kind {kind}; software that goes by its extension may show what nobody signed.",
    _QCVN_102,
)
SIGNED_BESIDE = kind(
    "SIGNED_BESIDE",
    INFO,
    "Tệp được ký bằng chữ ký đặt rời trong tệp “{name}”.",
    "Signed by the detached signature in {name}.",
    "RFC 5652",
)
DETACHED_CONTENT_FOUND = kind(
    "DETACHED_CONTENT_FOUND",
    INFO,
    "Chữ ký đặt rời này được kiểm tra với tệp “{name}”: giá trị băm của tệp khớp với chữ ký.",
    "This detached signature was paired with {name}, which has the digest it signs.",
    "RFC 5652",
)
DETACHED_CONTENT_BY_NAME = kind(
    "DETACHED_CONTENT_BY_NAME",
    WARNING,
    "Không tệp nào có mặt có giá trị băm mà chữ ký đặt rời này ghi; đã kiểm tra với tệp “{name}” vì tên "
    "tương ứng. Hãy xem lại có nêu đúng tệp gốc không.",
    "No file at hand has the digest this detached signature signs; it was paired with {name} by name only.",
    "RFC 5652",
)
DETACHED_CONTENT_WANTED = kind(
    "DETACHED_CONTENT_WANTED",
    INFO,
    "Chữ ký đặt rời này cần tệp nội dung có giá trị băm {digest}{likely}; các tệp đã nêu không có tệp đó.",
    "This detached signature wants the content with digest {digest}{likely_en}, which is not at hand.",
    "RFC 5652",
)
DETACHED = frozenset({DETACHED_CONTENT_FOUND, DETACHED_CONTENT_BY_NAME, DETACHED_CONTENT_WANTED})
"""Findings that say that a file is a detached signature (chữ ký đặt rời)."""
APPENDIX_NOT_SIGNED = kind(
    "APPENDIX_NOT_SIGNED",
    unclear(SubIndication.SIGNED_DATA_NOT_FOUND),
    "Phụ lục, tài liệu kèm theo ở tệp riêng chưa có chữ ký số của cơ quan {agency}; chữ ký trên văn bản "
    "chính không bảo vệ tệp này.",
    "An appendix in a file of its own is not signed by {agency}; the main file's signatures do not cover it.",
    _ND30_I,
)
APPENDIX_NOT_SEALED = kind(
    "APPENDIX_NOT_SEALED",
    _CONSTRAINTS,
    "Phụ lục, tài liệu kèm theo có chữ ký số nhưng không có chữ ký số của cơ quan ban hành {agency}; cần "
    "người xem xét.",
    "An appendix is signed, but not by {agency}.",
    _ND30_I,
)
APPENDIX_IN_SEALED_PACKET = kind(
    "APPENDIX_IN_SEALED_PACKET",
    WARNING,
    "Phụ lục ở tệp riêng không tự mang chữ ký số; chỉ chữ ký số của cơ quan {agency} trên cả gói tin bảo vệ "
    "tệp này.",
    "The appendix has no signature of its own; only the seal of {agency} on the whole packet covers it.",
    _ND30_I,
)

AS_CARRIED = frozenset({PACKET_FILE_MISSING, PACKET_FILE_UNLISTED, PACKET_AMBIGUOUS})
"""Findings that the files that came are not those announced, or not surely so."""

# --- the envelope ----------------------------------------------------------------------------------

ENVELOPE_NOT_SIGNED = kind(
    "ENVELOPE_NOT_SIGNED",
    INFO,
    "Gói tin edXML không có chữ ký số nên không ai bảo đảm thông tin ghi trong đó; giá trị pháp lý nằm ở chữ "
    "ký số trong các tệp đính kèm.",
    "The edXML envelope is not signed, so nobody vouches for its data; what counts are the signatures in the "
    "attached files.",
    _QCVN_102,
)
ENVELOPE_NOT_VERIFIABLE = kind(
    "ENVELOPE_NOT_VERIFIABLE",
    WARNING,
    "Gói tin edXML có khối chữ ký không đúng chuẩn XML Signature nên không kiểm tra được và không dùng làm "
    "căn cứ.",
    "The envelope holds a signature that is no XML signature; it cannot be verified and proves nothing.",
    _QCVN_102,
)
RECORD_NOT_SIGNED = kind(
    "RECORD_NOT_SIGNED",
    INFO,
    "Số, ký hiệu, trích yếu, tên cơ quan lấy từ bản ghi không được ký, chưa đối chiếu với nội dung tệp.",
    "Number, abstract and the agency's name are from a record that nobody signed; they were not compared "
    "with what the files say.",
    _QCVN_102,
)
ENVELOPE_COVERS_FILES = kind(
    "ENVELOPE_COVERS_FILES",
    INFO,
    "Chữ ký của gói tin bảo vệ {covered}, gồm cả nội dung các tệp đính kèm nằm trong gói tin.",
    "The envelope's signature covers {covered}, the attached files in it included.",
    _QCVN_102,
)
ENVELOPE_LEAVES_FILES = kind(
    "ENVELOPE_LEAVES_FILES",
    WARNING,
    "Chữ ký của gói tin chỉ bảo vệ {covered}; KHÔNG bảo vệ nội dung các tệp đính kèm (dẫn chiếu cid:). Mỗi "
    "tệp đính kèm phải có chữ ký số của chính nó.",
    "The envelope's signature covers {covered} only, NOT the bytes of the attached files (cid: references).",
    _QCVN_102,
)
ATTACHED_FILES_NOT_JUDGED = kind(
    "ATTACHED_FILES_NOT_JUDGED",
    unclear(SubIndication.GENERIC),
    "Gói tin edXML nằm trong một gói tin khác: các tệp bên trong chưa được kiểm tra. Hãy kiểm tra riêng gói "
    "tin này.",
    "A packet within a packet: its files were not looked at.",
    _QCVN_102,
)
ATTACHED_FILE_FAILED = kind(
    "ATTACHED_FILE_FAILED",
    failed(SubIndication.GENERIC),
    "Tệp đính kèm “{name}”: {headline}.",
    "Attached file {name} has failed.",
    TT15_6,
)
ATTACHED_FILE_UNCLEAR = kind(
    "ATTACHED_FILE_UNCLEAR",
    unclear(SubIndication.GENERIC),
    "Tệp đính kèm “{name}”: {headline}.",
    "Attached file {name} has not passed.",
    TT15_6,
)
