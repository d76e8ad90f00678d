"""What a certificate must be before anything is signed with it (chứng thư số dùng để ký).

One that has expired, is not valid yet or is for something else makes signatures that every receiver refuses,
our own verdict first: it is asked before a key is used, and by the same rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.period import VIETNAM

if TYPE_CHECKING:
    from datetime import datetime

    from ebrvt_connect.ports.signer import Signer

SIGN_CERTIFICATE_EXPIRED = explain(
    "SIGN_CERTIFICATE_EXPIRED",
    "Chứng thư số “{subject}” đã hết hạn từ {until}; chương trình không ký.",
    "Gia hạn hoặc xin cấp chứng thư số mới, rồi ký bằng chứng thư đó.",
)
SIGN_CERTIFICATE_NOT_YET_VALID = explain(
    "SIGN_CERTIFICATE_NOT_YET_VALID",
    "Chứng thư số “{subject}” chỉ có hiệu lực từ {since}; chương trình không ký.",
    "Kiểm tra đồng hồ của máy; nếu đồng hồ đúng thì chờ đến ngày có hiệu lực hoặc dùng chứng thư số khác.",
)
SIGN_CERTIFICATE_NOT_FOR_SIGNING = explain(
    "SIGN_CERTIFICATE_NOT_FOR_SIGNING",
    "Chứng thư số “{subject}” không được cấp để ký số văn bản; chương trình không ký.",
    "Chọn đúng chứng thư số dùng để ký: keyUsage có digitalSignature hoặc nonRepudiation; extendedKeyUsage, "
    "nếu có, cho phép ký văn bản.",
)


def check_certificate(signer: Signer, at: datetime) -> None:
    """Refuse to sign with a certificate that is not valid at `at` (aware), or not for signing.

    Raises `InvalidValue` `SIGN_CERTIFICATE_EXPIRED`, `SIGN_CERTIFICATE_NOT_YET_VALID` or
    `SIGN_CERTIFICATE_NOT_FOR_SIGNING`, `ValueError` for a naive time.
    """
    from ebrvt_connect.trust.grounds import is_for_signing

    if at.tzinfo is None:
        raise ValueError(f"the time of signing must be aware, got {at!r}")
    certificate = x509.load_der_x509_certificate(signer.certificates_der[0])
    subject = _called(certificate)
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at > until:
        detail = f"the certificate ended at {until.isoformat()}"
        raise InvalidValue(SIGN_CERTIFICATE_EXPIRED, detail, subject=subject, until=_local(until))
    if at < since:
        detail = f"the certificate begins at {since.isoformat()}"
        raise InvalidValue(SIGN_CERTIFICATE_NOT_YET_VALID, detail, subject=subject, since=_local(since))
    if not is_for_signing(certificate):
        detail = "neither its key usage nor its extended key usage lets it sign documents"
        raise InvalidValue(SIGN_CERTIFICATE_NOT_FOR_SIGNING, detail, subject=subject)


def _called(certificate: x509.Certificate) -> str:
    """Its common name, as people know it; the whole subject where there is none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _local(moment: datetime) -> str:
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")
