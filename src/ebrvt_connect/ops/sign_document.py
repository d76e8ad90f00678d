"""Signing one file for `ebrvt sign`: by its content, and proven by our own verdict before it is written.

A PDF gets a PAdES signature, XML an enveloped XAdES one, anything else a CMS file, around the content or
beside it. What was made is judged without any trust: that it is whole, made with this very certificate, about
this very file, and that no earlier signature suffered. Whom to trust is the receiver's question.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ebrvt_connect.errors import HeldForPerson, InvalidValue, explain
from ebrvt_connect.ops.sign_xml_refusal import unsuitable
from ebrvt_connect.trust.anchors import TrustStore
from ebrvt_connect.trust.kind import sighted
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import DocumentKind, Indication, Severity
from ebrvt_connect.trust.verify import verify_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pyhanko.sign.timestamps import TimeStamper

    from ebrvt_connect.errors import RetryLater
    from ebrvt_connect.ports.signer import Signer
    from ebrvt_connect.transport.signing_appearance import Appearance
    from ebrvt_connect.trust.verdict import SignatureReport, VerificationReport

SIGN_FILE_EMPTY = explain(
    "SIGN_FILE_EMPTY",
    "Tệp {file} rỗng, không có gì để ký.",
    "Kiểm tra lại tệp cần ký.",
)
SIGN_FILE_TOO_LARGE = explain(
    "SIGN_FILE_TOO_LARGE",
    "Tệp {file} lớn hơn {limit} byte, bên nhận sẽ không kiểm tra được chữ ký.",
    "Tách hoặc nén tệp cho nhỏ hơn rồi ký.",
)
SIGN_PDF_ENCRYPTED = explain(
    "SIGN_PDF_ENCRYPTED",
    "Tệp PDF {file} bị đặt mật khẩu (mã hóa) nên không ký được.",
    "Xuất lại bản PDF không đặt mật khẩu từ phần mềm soạn thảo rồi ký.",
)
SIGN_PDF_CERTIFIED = explain(
    "SIGN_PDF_CERTIFIED",
    "Tệp PDF {file} đã được chứng thực ở mức không cho thay đổi (DocMDP 1); ký thêm sẽ làm mất hiệu lực "
    "chữ ký đầu tiên.",
    "Xin bản chưa chứng thực, hoặc ký thành tệp riêng bên cạnh bằng --detached.",
)
SIGN_SOURCE_FAILED = explain(
    "SIGN_SOURCE_FAILED",
    "Không ký tệp {file}: tệp hỏng hoặc chữ ký đã có trong tệp không hợp lệ ({reason}).",
    "Kiểm tra bằng: ebrvt verify {file}; lấy lại bản gốc rồi ký.",
)
SIGN_XML_SIGNED = explain(
    "SIGN_XML_SIGNED",
    "Tệp XML {file} đã có chữ ký trên toàn tệp; thêm chữ ký toàn tệp sẽ làm hỏng chữ ký trước.",
    "Ký một phần của tệp bằng --part ID (các chữ ký đứng cạnh nhau), hoặc ký thành tệp riêng (--detached).",
)
SIGN_CMS_ALREADY = explain(
    "SIGN_CMS_ALREADY",
    "Tệp {file} đã là một tệp chữ ký (CMS, p7m/p7s); chương trình không bọc thêm một lớp nữa.",
    "Ký tệp nội dung gốc thành tệp riêng (--detached), mỗi người ký một tệp .p7s.",
)
SIGN_HARMS_EARLIER = explain(
    "SIGN_HARMS_EARLIER",
    "Ký thêm sẽ làm mất hiệu lực chữ ký {index} đã có trong tệp {file} ({reason}); không ghi tệp nào.",
    "Chữ ký trước không cho thêm chữ ký: ký thành tệp riêng bên cạnh bằng --detached.",
)
SIGN_NOT_PROVEN = explain(
    "SIGN_NOT_PROVEN",
    "Chữ ký vừa tạo không qua được kiểm tra của chính chương trình ({reason}); không ghi tệp nào.",
    "Kiểm tra khóa, chứng thư số và tệp nguồn. Nếu lặp lại, gửi mã lỗi này cho bộ phận kỹ thuật.",
)

_CLOCKS_AGREE = timedelta(days=1)
"""A timestamp further away says that one of two clocks is wrong: it would be judged at a strange time."""
_DETACHED, _ENCLOSED = "cms-detached", "cms"
_FORMS = {DocumentKind.PDF: "pades", DocumentKind.XML: "xades"}


@dataclass(frozen=True, slots=True)
class ToSign:
    """A file and how it is to be signed, known before any key is opened."""

    data: bytes
    name: str
    kind: DocumentKind
    form: str
    """`pades`, `xades`, `cms` (content inside) or `cms-detached`."""
    part: str = ""
    """Id of the part of an XML file that is signed; empty: all of it."""
    earlier: tuple[SignatureReport, ...] = ()
    """The signatures that stand in it already, as they were judged before signing."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What was made, and the verdict that found it whole."""

    data: bytes
    signature: SignatureReport
    signatures: int
    """How many the file has now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who signs, when, and what is seen of it."""

    signer: Signer
    at: datetime
    role: str
    appearance: Appearance | None
    timestamper: TimeStamper | None
    on_unstamped: Callable[[RetryLater], None] | None


def to_sign(data: bytes, name: str, *, detached: bool, part: str, at: datetime) -> ToSign:
    """Decide the form by the content; raises `InvalidValue` for a file that cannot be signed so."""
    if not data:
        raise InvalidValue(SIGN_FILE_EMPTY, "expected content", file=name)
    if len(data) > VN_2025.largest_bytes:
        limit = VN_2025.largest_bytes
        raise InvalidValue(SIGN_FILE_TOO_LARGE, f"more than {limit} bytes", file=name, limit=limit)
    kind = sighted(data).kind
    form = _DETACHED if detached else _FORMS.get(kind, _ENCLOSED)
    if form == _ENCLOSED and kind is DocumentKind.CMS:
        raise InvalidValue(SIGN_CMS_ALREADY, "the file is a CMS object", file=name)
    asked = ToSign(data, name, kind, form, part)
    if form not in _FORMS.values():
        return asked
    before = _judged(data, name, at)
    _refuse_unsound(asked, before)
    return replace(asked, earlier=before.signatures)


def sign(asked: ToSign, hand: Hand) -> Signed:
    """Sign, and prove it; whether the certificate may sign at all was asked before.

    Raises `InvalidValue` and whatever signer, timestamper and appearance raise.
    """
    missed: list[RetryLater] = []
    made = _made(asked, replace(hand, on_unstamped=missed.append if hand.on_unstamped else None))
    done = _proven(asked, made, hand)
    if hand.timestamper is not None and not missed:
        _check_stamped(done.signature, hand.at)
    for failure in missed:
        assert hand.on_unstamped is not None  # noqa: S101 - nobody has written it down otherwise
        hand.on_unstamped(failure)
    return done


def _judged(
    data: bytes, name: str, at: datetime, beside: dict[str, bytes] | None = None
) -> VerificationReport:
    return verify_bytes(data, policy=VN_2025, trust=TrustStore(), at=at, detached=beside, name=name)


def _refuse_unsound(asked: ToSign, before: VerificationReport) -> None:
    """What would be lost by signing, or is lost already; found before a PIN is asked for."""
    name, codes = asked.name, {finding.code for finding in before.findings}
    if "PDF_ENCRYPTED" in codes:
        raise InvalidValue(SIGN_PDF_ENCRYPTED, "the PDF is encrypted", file=name)
    if any(s.certification == "no_changes" for s in before.signatures):
        raise InvalidValue(SIGN_PDF_CERTIFIED, "certified with DocMDP 1: no changes", file=name)
    if before.indication is Indication.TOTAL_FAILED:
        detail = f"the source fails: {_first_error(before)}"
        raise InvalidValue(SIGN_SOURCE_FAILED, detail, file=name, reason=_first_error(before))
    if (
        asked.form == "xades"
        and not asked.part
        and any(s.coverage.level != "partial" for s in before.signatures)
    ):
        raise InvalidValue(SIGN_XML_SIGNED, f"{len(before.signatures)} signatures in it", file=name)


def _first_error(report: VerificationReport) -> str:
    """The code of what spoke against a file, for a person to look up."""
    errors = (f.code for f in report.all_findings() if f.severity is Severity.ERROR)
    return next(errors, report.indication.value)


def _made(asked: ToSign, hand: Hand) -> bytes:
    if asked.form == "pades":
        return _made_pdf(asked, hand)
    if asked.form == "xades":
        return _made_xml(asked, hand)
    from ebrvt_connect.transport.signing_cms import sign_cms

    return sign_cms(
        asked.data,
        [hand.signer],
        signed_at=hand.at,
        detached=asked.form == _DETACHED,
        timestamper=hand.timestamper,
        on_unstamped=hand.on_unstamped,
    )


def _made_xml(asked: ToSign, hand: Hand) -> bytes:
    from ebrvt_connect.transport.signing_xml import sign_xml

    try:
        return sign_xml(
            asked.data,
            hand.signer,
            signed_at=hand.at,
            part_id=asked.part,
            timestamper=hand.timestamper,
            on_unstamped=hand.on_unstamped,
        )
    except ValueError as failure:
        raise unsuitable(asked.data, asked.name, asked.part, failure) from failure


def _made_pdf(asked: ToSign, hand: Hand) -> bytes:
    from ebrvt_connect.transport.signing_pdf import DOCUMENT_CANNOT_BE_SIGNED, sign_pdf

    try:
        return sign_pdf(
            asked.data,
            hand.signer,
            role=hand.role,
            signed_at=hand.at,
            timestamper=hand.timestamper,
            on_unstamped=hand.on_unstamped,
            appearance=hand.appearance,
        )
    except HeldForPerson as failure:
        if failure.code != DOCUMENT_CANNOT_BE_SIGNED.code:
            raise
        # Nobody has to decide anything: this file cannot be signed as it is.
        raise InvalidValue(DOCUMENT_CANNOT_BE_SIGNED, str(failure), **failure.facts) from failure


def _proven(asked: ToSign, made: bytes, hand: Hand) -> Signed:
    """Raises `InvalidValue` for anything but one more signature, whole and ours, that harms no other."""
    beside = {asked.name: asked.data} if asked.form == _DETACHED else None
    after = _judged(made, asked.name, hand.at, beside)
    earlier = asked.earlier
    known = {s.identity.value for s in earlier if s.identity is not None}
    fresh = [s for s in after.signatures if s.identity is not None and s.identity.value not in known]
    if len(fresh) != 1 or len(after.signatures) != len(earlier) + 1:
        raise _not_proven(f"{len(after.signatures)} chữ ký, cần {len(earlier) + 1}")
    [ours] = fresh
    own = hashlib.sha256(hand.signer.certificates_der[0]).hexdigest()
    if ours.certificate is None or ours.certificate.sha256 != own:
        raise _not_proven("chứng thư số trong chữ ký không phải của người ký")
    if not asked.part and ours.coverage.level != "entire_file":
        raise _not_proven(f"phạm vi bao phủ {ours.coverage.level}")
    for one in earlier:
        if suffered := _suffered(one, after):
            detail = f"signature {one.index} would not hold any more: {suffered[0]}"
            raise InvalidValue(
                SIGN_HARMS_EARLIER, detail, file=asked.name, index=one.index, reason=suffered[0]
            )
    if not all(s.integrity for s in after.signatures) or after.indication is Indication.TOTAL_FAILED:
        raise _not_proven(_first_error(after))
    return Signed(made, ours, len(after.signatures))


def _check_stamped(ours: SignatureReport, at: datetime) -> None:
    """The timestamp asked for is in the signature and about it; whom it is from, no trust store says here."""
    broken = "TIMESTAMP_BROKEN" in {finding.code for finding in ours.findings}
    if broken or [stamp.kind for stamp in ours.timestamps] != ["signature"]:
        raise _not_proven("không có dấu thời gian, hoặc dấu thời gian không thuộc về chữ ký này")
    if abs(ours.timestamps[0].time - at) > _CLOCKS_AGREE:
        raise _not_proven("dấu thời gian lệch với đồng hồ của máy hơn một ngày")


def _suffered(earlier: SignatureReport, after: VerificationReport) -> list[str]:
    """The errors that an earlier signature has now and had not before, by code."""
    found = {s.identity.value: s for s in after.signatures if s.identity is not None}
    now = found.get(earlier.identity.value) if earlier.identity is not None else None
    if now is None:
        return [after.indication.value]
    before = {f.code for f in earlier.findings if f.severity is Severity.ERROR}
    return [f.code for f in now.findings if f.severity is Severity.ERROR and f.code not in before]


def _not_proven(reason: str) -> InvalidValue:
    return InvalidValue(SIGN_NOT_PROVEN, f"what was made does not verify: {reason}", reason=reason)
