"""How gates say why something is held: an explanation filled in, a report's errors in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.ports.gate import Judgement
from ebrvt_connect.trust.verdict import Indication, Severity

if TYPE_CHECKING:
    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.trust.verdict import VerificationReport


def why(report: VerificationReport) -> str:
    """The errors of a report in the operator's words; empty when it passed."""
    if report.indication is Indication.TOTAL_PASSED:
        return ""
    errors = (f.message_vi for f in report.all_findings() if f.severity is Severity.ERROR)
    return " ".join(dict.fromkeys(errors))


def held(explanation: Explanation, *, verdict: str, **facts: object) -> Judgement:
    """The judgement that holds, in the explanation's words with the facts filled in."""
    return Judgement(
        passed=False,
        code=explanation.code,
        reason_vi=explanation.sentence_vi.format(**facts),
        advice_vi=explanation.advice_vi.format(**facts),
        verdict=verdict,
    )
