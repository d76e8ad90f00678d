"""What to do about a finding (cách xử lý), in Vietnamese: for the report a clerk reads and files.

Many sentences of the catalogue say it themselves; for the others it follows from what the finding leads to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ebrvt_connect.trust.findings import CATALOGUE
from ebrvt_connect.trust.verdict import Severity, SubIndication

if TYPE_CHECKING:
    from ebrvt_connect.trust.verdict import Finding

_SAID_ALREADY = re.compile(r"Hãy |Đề nghị |đề nghị |Không mở tệp|[Cc]ần người xem xét|Xem lại |phải ")
_SEND_AGAIN = "Không sử dụng bản này; đề nghị nơi gửi gửi lại đúng tệp gốc đã ký."
_SIGN_ANEW = "Không sử dụng bản này; đề nghị ký lại bằng chứng thư số còn hiệu lực."
_PROVE_TIME = (
    "Đề nghị nơi gửi đưa bằng chứng về thời điểm ký (bản có dấu thời gian), hoặc ký lại bằng chứng thư số "
    "còn hiệu lực."
)
_OTHER_CERTIFICATE = "Đề nghị ký lại bằng chứng thư số được cấp để ký văn bản và còn chuỗi tin cậy hợp lệ."
_LOOK = "Cần người có thẩm quyền xem xét trước khi sử dụng."

_BY_CODE = {
    "NO_TIMESTAMP": "Nếu cần chắc chắn về thời điểm ký, đề nghị nơi gửi ký lại kèm dấu thời gian.",
    "NO_SIGNING_TIME": "Nếu cần chắc chắn về thời điểm ký, đề nghị nơi gửi ký lại kèm dấu thời gian.",
    "CLAIMED_TIME_IN_FUTURE": "Kiểm tra đồng hồ của máy ký và máy kiểm tra.",
    "CLAIMED_TIME_DIFFERS": "Tin theo dấu thời gian; kiểm tra đồng hồ của máy ký.",
    "TIMESTAMP_BROKEN": "Không sử dụng dấu thời gian này; đề nghị nơi gửi gửi lại đúng tệp đã ký.",
    "ISSUER_NOT_TRUSTED": "Nếu đó là cơ quan chứng thực được công nhận, đối chiếu SHA-256 với nguồn chính "
    "thức, ghim vào kho tin cậy rồi kiểm tra lại.",
    "ISSUER_NAME_IMITATED": "Không sử dụng tệp này; báo ngay cán bộ an toàn thông tin.",
    "PDF_SIGNATURE_OUTSIDE_FORM": "Hỏi lại nơi gửi xem có chữ ký nào đã bị gỡ khỏi tệp không.",
    "KEY_PURPOSE_UNUSUAL": "Khi gia hạn, đề nghị cấp chứng thư số có ghi mục đích ký văn bản.",
    "DETACHED_CONTENT_NOT_COVERED": "Kiểm tra lại xem đã nêu đúng cặp tệp và chữ ký chưa.",
    "FILE_TOO_LARGE": "Kiểm tra bằng công cụ khác. Không chia nhỏ hay nén lại tệp đã ký: chữ ký sẽ hỏng.",
}
_BY_SAID = {
    "TIMESTAMP_NOT_TRUSTED": (
        (
            "đã ghim",
            (
                "Nếu tổ chức này được công nhận, đối chiếu SHA-256 chứng thư gốc của họ rồi ghim bằng "
                "ebrvt trust add --branch tsa, sau đó kiểm tra lại."
            ),
        ),
        (
            "danh sách thu hồi",
            (
                "Nạp danh sách thu hồi (CRL) mới của tổ chức cấp dấu thời gian vào kho tin cậy "
                "(ebrvt trust refresh --online) rồi kiểm tra lại, hoặc kiểm tra lại kèm --online."
            ),
        ),
        ("", "Nếu cần chắc chắn về thời điểm ký, đề nghị nơi gửi ký lại kèm dấu thời gian có giá trị."),
    ),
}
"""Where it depends on why: the first whose words stand in the finding's sentence."""
_BY_REASON = {
    SubIndication.FORMAT_FAILURE: _SEND_AGAIN,
    SubIndication.HASH_FAILURE: _SEND_AGAIN,
    SubIndication.SIG_CRYPTO_FAILURE: _SEND_AGAIN,
    SubIndication.REVOKED: _SIGN_ANEW,
    SubIndication.EXPIRED: _SIGN_ANEW,
    SubIndication.NOT_YET_VALID: _SIGN_ANEW,
    SubIndication.CHAIN_CONSTRAINTS_FAILURE: _OTHER_CERTIFICATE,
    SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE: _OTHER_CERTIFICATE,
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE: "Đề nghị ký lại bằng thuật toán và khóa còn được chấp nhận: "
    "SHA-256 trở lên, RSA từ 2048 bit hoặc ECDSA từ 256 bit.",
    SubIndication.TIMESTAMP_ORDER_FAILURE: "Kiểm tra đồng hồ; hỏi lại nơi gửi trước khi sử dụng.",
    SubIndication.NO_SIGNING_CERTIFICATE_FOUND: "Đề nghị nơi gửi ký lại, kèm chứng thư số của người ký.",
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND: _LOOK,
    SubIndication.REVOKED_NO_POE: _PROVE_TIME,
    SubIndication.REVOKED_CA_NO_POE: _PROVE_TIME,
    SubIndication.OUT_OF_BOUNDS_NO_POE: _PROVE_TIME,
    SubIndication.NO_POE: _PROVE_TIME,
    SubIndication.TRY_LATER: "Cập nhật tình trạng thu hồi rồi kiểm tra lại.",
    SubIndication.SIGNED_DATA_NOT_FOUND: "Bổ sung tệp được ký rồi kiểm tra lại, hoặc đề nghị nơi gửi ký số.",
}


def advice(finding: Finding) -> str:
    """What to do about it, one sentence; empty where its own sentence says so or nothing need be done."""
    if _SAID_ALREADY.search(finding.message_vi) and finding.code not in _BY_CODE:
        return ""
    if finding.code in _BY_CODE:
        return _BY_CODE[finding.code]
    for words, what_to_do in _BY_SAID.get(finding.code, ()):
        if words in finding.message_vi:
            return what_to_do
    row = CATALOGUE.get(finding.code)
    if finding.severity is not Severity.ERROR or row is None:
        return ""
    reason = row.weight.sub_indication
    return _LOOK if reason is None else _BY_REASON.get(reason, _LOOK)


__all__ = ["advice"]
