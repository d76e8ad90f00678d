"""`ebrvt doctor` on the evidence log: whether its hours are sealed and stamped."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ebrvt_connect.ops.named_check import CheckResult, Grade
from ebrvt_connect.ops.words import local_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.store.proof_lag import ProofLag

TITLES_VI = {"proof-seals": "Niêm phong bằng chứng", "proof-stamps": "Dấu thời gian của bằng chứng"}
_SEALED_WITHIN = timedelta(hours=2)
"""An hour is sealed by the first daemon that looks once it is over."""
_STAMPED_WITHIN = timedelta(days=1)


def evidence_log(lag: ProofLag, now: datetime, *, authority: bool) -> Iterator[CheckResult]:
    """What waits for its seal or stamp for too long; `authority`: one is configured to ask for stamps."""
    yield _seals(lag, now)
    yield _stamps(lag, now) if authority else _no_authority(lag)


def _seals(lag: ProofLag, now: datetime) -> CheckResult:
    since = lag.unsealed_since
    if since is None or now - since < _SEALED_WITHIN:
        return CheckResult("proof-seals", Grade.PASS, "Các giờ đã qua đều được niêm phong.")
    said = f"Bằng chứng từ {local_time(since)} chưa được niêm phong."
    return CheckResult("proof-seals", Grade.WARN, said, "ebrvt run niêm phong khi hết giờ: cho dịch vụ chạy.")


def _stamps(lag: ProofLag, now: datetime) -> CheckResult:
    since = lag.unstamped_since
    if since is None or now - since < _SEALED_WITHIN:
        return CheckResult("proof-stamps", Grade.PASS, "Không niêm phong nào chờ dấu thời gian quá lâu.")
    said = f"{lag.unstamped} niêm phong chờ dấu thời gian, cũ nhất từ {local_time(since)}."
    grade = Grade.FAIL if now - since >= _STAMPED_WITHIN else Grade.WARN
    cure = "Kiểm tra proof.timestamp.url và đường mạng tới đó; ebrvt run tự xin lại, liên thông không bị chờ."
    return CheckResult("proof-stamps", grade, said, cure)


def _no_authority(lag: ProofLag) -> CheckResult:
    said = f"Chưa khai báo tổ chức cấp dấu thời gian; {lag.unstamped} niêm phong chưa có dấu."
    cure = "Khai báo [proof.timestamp] (docs/operate/proof.md); niêm phong đang chờ sẽ được đóng dấu bù."
    return CheckResult("proof-stamps", Grade.WARN, said, cure)
