"""The verification gate: verifies every file of a document and decides whether it may go on.

An outgoing document passes only when nothing is unclear: not secret, every main file signed for its
issuing agency, every appendix surely without a signature or with good ones. An incoming one always
passes, with its verdict attached.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ebrvt_connect.api import verify
from ebrvt_connect.errors import explain
from ebrvt_connect.model.document import AttachmentRole, Confidentiality, Document
from ebrvt_connect.ops.judging_words import held, why
from ebrvt_connect.ports.gate import SIGNED_FOR_ISSUER, Judgement
from ebrvt_connect.trust.verdict import Indication, SubIndication

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.document import Attachment
    from ebrvt_connect.model.ids import AgencyHistory
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import VerificationReport

SECRET_HELD = explain(
    "SECRET_HELD",
    "Văn bản {title} có độ mật hoặc độ mật không xác định nên không được gửi qua trục liên thông.",
    "Gửi theo quy định về bảo vệ bí mật nhà nước; nếu ghi nhầm độ mật, sửa ở phần mềm quản lý văn bản.",
)
NO_MAIN_FILE = explain(
    "MAIN_FILE_MISSING",
    "Văn bản {title} không có tệp chính.",
    "Đính kèm tệp văn bản chính đã ký số rồi phát hành lại.",
)
NOT_SIGNED_FOR_AGENCY = explain(
    "NOT_SIGNED_BY_ISSUING_AGENCY",
    "Tệp “{file}” của văn bản {title} chưa được ký số hợp lệ cho cơ quan ban hành: {reason}",
    "Ký lại đúng thẩm quyền (lãnh đạo ký trước, cơ quan đóng dấu số sau) rồi phát hành lại.",
)
APPENDIX_FAILED = explain(
    "APPENDIX_SIGNATURE_FAILED",
    "Phụ lục “{file}” của văn bản {title} không đạt kiểm tra chữ ký số: {reason}",
    "Ký lại phụ lục hoặc thay tệp đúng rồi phát hành lại.",
)

NOT_SECRET = "not-secret"  # noqa: S105 - the name of a gate
SIGNED_BY_ISSUING_AGENCY = "signed-by-issuing-agency"


class DocumentGate:
    """Judges documents of one link; statuses pass as they are."""

    def __init__(
        self,
        checks: Collection[str],
        *,
        policy: VerificationPolicy,
        trust: TrustStore,
        history: AgencyHistory,
        blobs: Blobs,
        clock: Clock,
    ) -> None:
        """`checks` names what holds; without any, documents are verified and pass with their verdict."""
        self._checks = frozenset(checks)
        self._policy = policy
        self._trust = trust
        self._history = history
        self._blobs = blobs
        self._clock = clock

    def judge(self, message: Message, record: Record) -> Judgement:
        """Verify all files, then ask each check; the first that holds gives the reason."""
        if not isinstance(record, Document):
            return Judgement(passed=True)
        title = message.title or str(record.number)
        if NOT_SECRET in self._checks and record.confidentiality is not Confidentiality.NORMAL:
            return held(SECRET_HELD, verdict="", title=title)
        at = self._clock.now()
        reports = [(a, self._verify(a, at)) for a in record.attachments]
        if SIGNED_BY_ISSUING_AGENCY in self._checks:
            return self._signed_for_issuer(record, title, reports, at)
        return Judgement(passed=True, verdict=_verdict(reports))

    def _verify(self, attachment: Attachment, at: datetime) -> VerificationReport:
        # A file past the policy's limit gets its verdict, too: it is no reason to hold an incoming document.
        with self._blobs.open(attachment.sha256) as content:
            return verify(content, policy=self._policy, trust=self._trust, at=at, name=attachment.name)

    def _signed_for_issuer(
        self,
        record: Document,
        title: str,
        reports: list[tuple[Attachment, VerificationReport]],
        at: datetime,
    ) -> Judgement:
        if not any(a.role is AttachmentRole.MAIN for a, _ in reports):
            return held(NO_MAIN_FILE, verdict=_verdict(reports, signed=False), title=title)
        objections = [(a, *self._objection(record, a, report, at)) for a, report in reports]
        signed = all(e is None for a, e, _ in objections if a.role is AttachmentRole.MAIN)
        verdict = _verdict(reports, signed=signed)
        for attachment, explanation, reason in objections:
            if explanation is not None:
                return held(explanation, verdict=verdict, title=title, file=attachment.name, reason=reason)
        return Judgement(passed=True, verdict=verdict)

    def _objection(
        self, record: Document, attachment: Attachment, report: VerificationReport, at: datetime
    ) -> tuple[Explanation | None, str]:
        """What speaks against sending this file, and why; nothing where it may go."""
        if attachment.role is AttachmentRole.MAIN:
            decision = self._trust.signers.signed_for(
                report, record.issuer.code, at=at, policy=self._policy, history=self._history
            )
            reason = why(report) or decision.reason_vi
            return (NOT_SIGNED_FOR_AGENCY, reason) if decision.held else (None, "")
        # A signature whose content is not at hand is told by the same sub-indication, and is no lack of one.
        unsigned = (
            not report.signatures
            and report.indication is Indication.INDETERMINATE
            and SubIndication.SIGNED_DATA_NOT_FOUND in report.sub_indications
        )
        good = unsigned or report.indication is Indication.TOTAL_PASSED
        return (None, "") if good else (APPENDIX_FAILED, why(report))


def _verdict(reports: list[tuple[Attachment, VerificationReport]], *, signed: bool | None = None) -> str:
    """The verdict that travels with a document; `signed` where it was asked whether it is for its issuer."""
    told: dict[str, object] = {"documents": [report.to_dict() for _, report in reports]}
    if signed is not None:
        told[SIGNED_FOR_ISSUER] = signed
    return json.dumps(told, ensure_ascii=False)
