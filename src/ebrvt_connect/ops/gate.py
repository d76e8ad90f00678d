"""The verification gate: verifies every file of a document and decides whether it may go on.

An outgoing document passes only when nothing is unclear: not secret, every main file signed for its
issuing agency (in the file or beside it), every appendix surely without a signature or with good ones.
What else a packet's verdict has (`trust.packet`: dates, unsealed appendixes) is told in the verdict and
holds nothing. An incoming document always passes, with its verdict attached.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ebrvt_connect.errors import explain
from ebrvt_connect.model.document import Confidentiality, Document
from ebrvt_connect.ops.judging_files import judge_files
from ebrvt_connect.ops.judging_words import held, why
from ebrvt_connect.ports.gate import SIGNED_FOR_ISSUER, Judgement
from ebrvt_connect.trust import packet_findings
from ebrvt_connect.trust.packet import weighed_packet
from ebrvt_connect.trust.packet_rules import PacketGrounds, holding
from ebrvt_connect.trust.packet_siblings import is_without_signature
from ebrvt_connect.trust.verdict import Indication

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.ids import AgencyHistory
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.packet_report import PacketFile, PacketReport
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding, VerificationReport

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
NAMES_REPEATED = explain(
    "FILE_NAMES_REPEATED",
    "Văn bản {title} có nhiều tệp trùng tên: {reason}",
    "Đổi tên cho mỗi tệp đính kèm một tên riêng rồi phát hành lại.",
)
PACKET_READ_OTHERWISE = explain(
    "FILES_NOT_AS_ANNOUNCED",
    "Văn bản {title} có tệp không đúng như gói tin đã ghi: {reason}",
    "Hỏi lại nơi gửi, đề nghị gửi lại văn bản cùng đủ tệp; không dùng tệp lạ trong gói tin này.",
)
FILE_NAME_WRONG = explain(
    "FILE_NAME_WRONG",
    "Tên tệp “{file}” của văn bản {title} không đúng với loại tệp: {reason}",
    "Đặt lại đuôi tên đúng loại tệp (pdf, docx, xml, p7m, p7s…) rồi phát hành lại.",
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
        files = [(a.name, a.sha256) for a in record.attachments]
        holds = SIGNED_BY_ISSUING_AGENCY in self._checks
        # What is sent is the file as it is, so a signature on a part of it is not enough.
        policy = self._policy.whole_files_only() if holds else self._policy
        judged = judge_files(files, self._blobs, policy=policy, trust=self._trust, at=at)
        if not holds:
            return Judgement(passed=True, verdict=_verdict([j.report for j in judged]))
        grounds = PacketGrounds(policy, self._trust.signers, at, self._history)
        return _signed_for_issuer(weighed_packet(record, judged, grounds, parts_told=True), title)


def _signed_for_issuer(packet: PacketReport, title: str) -> Judgement:
    """Hold for the first file that may not go; the verdict tells all of them."""
    mains = [file for file in packet.files if file.part == "main"]
    signed = bool(mains) and not any(_speaks_against(file) for file in mains)
    verdict = _verdict(packet.documents, packet=packet, signed=signed)
    if not mains:
        return held(NO_MAIN_FILE, verdict=verdict, title=title)
    if repeated := [f.message_vi for f in packet.findings if f.code == packet_findings.PACKET_NAME_REPEATED]:
        return held(NAMES_REPEATED, verdict=verdict, title=title, reason=" ".join(repeated))
    if strange := [f.message_vi for f in packet.findings if f.code in packet_findings.AS_CARRIED]:
        return held(PACKET_READ_OTHERWISE, verdict=verdict, title=title, reason=" ".join(strange))
    for file in packet.files:
        explanation, reason = _objection(file)
        if explanation is not None:
            return held(explanation, verdict=verdict, title=title, file=file.name, reason=reason)
    return Judgement(passed=True, verdict=verdict)


def _objection(file: PacketFile) -> tuple[Explanation | None, str]:
    """What speaks against sending this file, and why; nothing where it may go."""
    report = file.report
    named = [f.message_vi for f in file.findings if f.code == packet_findings.FILE_NAME_OF_ANOTHER_KIND]
    if file.part == "signature":  # its verdict is that of the file it signs
        return (FILE_NAME_WRONG, " ".join(named)) if named else (None, "")
    if report is None:
        return None, ""
    if file.part == "main":
        against = _speaks_against(file)
        reason = why(report) or " ".join(f.message_vi for f in against)
        return (NOT_SIGNED_FOR_AGENCY, reason) if against else (None, "")
    if named:
        return FILE_NAME_WRONG, " ".join(named)
    good = is_without_signature(report) or report.indication is Indication.TOTAL_PASSED
    return (None, "") if good else (APPENDIX_FAILED, why(report))


def _speaks_against(file: PacketFile) -> tuple[Finding, ...]:
    return tuple(f for f in holding(file.findings) if f.code not in packet_findings.DATES)


def _verdict(
    reports: Iterable[VerificationReport], *, packet: PacketReport | None = None, signed: bool | None = None
) -> str:
    """The verdict that travels with a document; `signed` where it was asked whether it is for its issuer."""
    told: dict[str, object] = {"documents": [report.to_dict() for report in reports]}
    if packet is not None:
        told["packet"] = packet.to_dict()["packet"]
    if signed is not None:
        told[SIGNED_FOR_ISSUER] = signed
    return json.dumps(told, ensure_ascii=False)
