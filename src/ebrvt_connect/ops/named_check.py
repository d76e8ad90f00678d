"""What a named check answers: pass, warn or fail, with cause and cure in Vietnamese."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    WARN = "warn"
    FAIL = "fail"


MARKS = {Grade.PASS: "✓", Grade.WARN: "!", Grade.FAIL: "✗"}
"""How a grade is shown to people."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found (kết quả kiểm tra)."""

    name: str
    grade: Grade
    cause_vi: str
    cure_vi: str = ""
    remote: bool = False
    """The trouble is a remote system's: it cannot be reached, or is in trouble itself."""
