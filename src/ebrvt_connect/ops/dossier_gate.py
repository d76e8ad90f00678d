"""The gate of dossiers: every result paper (giấy tờ kết quả) must be well signed before it is pushed.

What is pushed to the National Public Service Portal is shown to the citizen as the agency's decision, so a
paper of which anything is unclear holds its dossier. Without the check, papers are verified and the dossier
passes with their verdict.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ebrvt_connect.errors import InvalidValue, explain
from ebrvt_connect.model.dossier import Dossier
from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.ops.judging_files import judge_files
from ebrvt_connect.ops.judging_words import held, why
from ebrvt_connect.ports.gate import Judgement
from ebrvt_connect.trust.signers import SEALED

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.model.dossier import ResultPaper
    from ebrvt_connect.model.ids import AgencyHistory
    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.blobs import Blobs
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.trust.anchors import TrustStore
    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import VerificationReport

RESULT_NOT_SIGNED = explain(
    "RESULT_PAPER_NOT_SIGNED",
    "Giấy tờ kết quả “{file}” của hồ sơ {title} chưa được ký số hợp lệ cho cơ quan giải quyết: {reason}",
    "Ký số lại giấy tờ kết quả bằng chữ ký của cơ quan giải quyết rồi cập nhật vào phần mềm một cửa.",
)
RESULT_AGENCY_UNKNOWN = explain(
    "RESULT_AGENCY_UNKNOWN",
    "Hồ sơ {title} có giấy tờ kết quả “{file}” nhưng mã định danh của đơn vị xử lý bỏ trống "
    "hoặc không hợp lệ, nên không kiểm tra được giấy tờ đã ký cho đúng cơ quan hay chưa.",
    "Bổ sung mã định danh đơn vị xử lý (agency.code) trong phần mềm một cửa.",
)

RESULT_WITHOUT_FILE = explain(
    "RESULT_PAPER_WITHOUT_FILE",
    "Hồ sơ {title} có giấy tờ kết quả “{file}” nhưng phần mềm một cửa không kèm tệp, nên không có gì để kiểm "
    "tra chữ ký số.",
    "Đính kèm tệp kết quả đã ký số vào hồ sơ trong phần mềm một cửa rồi lưu lại; bản mới sẽ thay bản này.",
)

RESULTS_SIGNED = "results-signed"
RESULTS_SIGNED_WHOLE = "results-signed-whole"


class DossierGate:
    """Judges the dossiers of one link; progress entries pass as they are."""

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
        """`checks` with `results-signed` holds a dossier one of whose result papers does not pass.

        With `results-signed-whole` also one of whose papers in XML a part only is signed: the portal shows
        the file, and its root's name is then nobody's word. Several can sign an XML paper in parts only.
        """
        whole = RESULTS_SIGNED_WHOLE in checks
        self._holds = whole or RESULTS_SIGNED in checks
        self._policy = policy.whole_files_only() if whole else policy
        self._trust = trust
        self._history = history
        self._blobs = blobs
        self._clock = clock

    def judge(self, message: Message, record: Record) -> Judgement:
        """Verify every result paper; the first that does not pass gives the reason."""
        if not isinstance(record, Dossier):
            return Judgement(passed=True)
        title = message.title or str(record.code)
        papers = [(paper, paper.content) for paper in record.results if paper.content is not None]
        if self._holds and (without := next((p for p in record.results if p.content is None), None)):
            return held(RESULT_WITHOUT_FILE, verdict="", title=title, file=_name(without))
        if not papers:
            return Judgement(passed=True)
        at = self._clock.now()
        files = [(_name(paper), content.sha256) for paper, content in papers]
        judged = judge_files(files, self._blobs, policy=self._policy, trust=self._trust, at=at)
        verdict = json.dumps({"documents": [j.report.to_dict() for j in judged]}, ensure_ascii=False)
        if self._holds:
            # A detached signature gives its verdict to the paper it stands beside.
            signed = (pair for pair in zip(papers, judged, strict=True) if pair[1].signs is None)
            for (paper, _), one in signed:
                explanation, reason = self._objection(record, one.report, at)
                if explanation is not None:
                    return held(explanation, verdict=verdict, title=title, file=_name(paper), reason=reason)
        return Judgement(passed=True, verdict=verdict)

    def _objection(
        self, record: Dossier, report: VerificationReport, at: datetime
    ) -> tuple[Explanation | None, str]:
        """What speaks against pushing a paper, and why; nothing where it may go."""
        try:
            agency = AgencyCode.parse(record.agency.code)
        except InvalidValue:
            return RESULT_AGENCY_UNKNOWN, ""
        decision = self._trust.signers.signed_for(
            report, agency, at=at, policy=self._policy, history=self._history, wanted=SEALED
        )
        return (RESULT_NOT_SIGNED, why(report) or decision.reason_vi) if decision.held else (None, "")


def _name(paper: ResultPaper) -> str:
    return paper.name or paper.file_id
