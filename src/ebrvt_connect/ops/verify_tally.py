"""What `ebrvt verify` says on stderr of a batch: how it went in one line, and how far it got when stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from ebrvt_connect.errors import ConnectError, InvalidValue
from ebrvt_connect.ops.console import note
from ebrvt_connect.ops.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ebrvt_connect.trust.verdict import VerificationReport

_MOST_NAMES = 5
"""How many files of one verdict are named; the rest is a number."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """The verdicts of one call, counted as they are handed over."""

    asked: int
    """How many files were to be judged."""
    skipped: int = 0
    """How many had an answer from an earlier call and were left alone."""
    place: str = ""
    """Where the answers are written; empty: stdout."""
    each: bool = False
    """Whether every file has an answer of its own, written as soon as it is judged."""
    quiet: bool = False
    _verdicts: dict[str, list[str]] = field(default_factory=dict)

    @property
    def told(self) -> int:
        """How many verdicts were handed over."""
        return sum(map(len, self._verdicts.values()))

    def take(self, reports: Iterable[VerificationReport]) -> frozenset[str]:
        """Count to the end, say how it went, and give the indications met.

        Raises `Exit` when stopped on the way, once it was said what is there and how to go on; so it is said
        before what the place for answers or evidence raises.
        """
        met = set()
        try:
            for report in reports:
                met.add(report.indication.value)
                self._verdicts.setdefault(report.indication.headline_vi, []).append(report.file)
        except KeyboardInterrupt:
            if self.quiet:
                raise
            note(self._stopped_vi())
            raise click.exceptions.Exit(INTERRUPTED) from None
        except (ConnectError, InvalidValue, OSError) as failure:
            # A full disk, for the most part. Of stdout itself nobody knows how much went out.
            if self.asked > 1 and (self.each or not (self.quiet or isinstance(failure, OSError))):
                note(self._stopped_vi())
            raise
        if not self.quiet:
            note(self._summary_vi())
        return frozenset(met)

    def _summary_vi(self) -> str:
        parts = [f"{self.asked} tệp: {self._verdicts_vi() or 'không có kết quả nào'}"]
        if unread := self.asked - self.told:
            parts.append(f"{unread} không đọc được")
        if self.skipped:
            parts.append(f"{self.skipped} tệp đã có kết quả từ trước, không kiểm tra lại")
        if self.place and self.told:
            parts.append(f"đã ghi vào {self.place}")
        return "; ".join(parts)

    def _stopped_vi(self) -> str:
        so_far = f" ({self._verdicts_vi()})" if self.told else ""
        if self.each:
            written = f"Đã dừng: đã ghi kết quả của {self.told}/{self.asked} tệp vào {self.place}{so_far}."
            return f"{written}\nLàm tiếp: chạy lại lệnh này và thêm --skip-existing."
        if self.place:
            return f"Đã dừng: chưa ghi gì vào {self.place}; chạy lại lệnh sẽ kiểm tra lại từ đầu."
        told = f"Đã dừng: đã in kết quả của {self.told}/{self.asked} tệp{so_far}."
        return f"{told}\nChạy lại lệnh sẽ kiểm tra lại từ đầu."

    def _verdicts_vi(self) -> str:
        from ebrvt_connect.trust.verdict import Indication

        passed = Indication.TOTAL_PASSED.headline_vi
        ordered = sorted(self._verdicts.items(), key=lambda verdict: verdict[0] != passed)
        return "; ".join(
            f"{len(files)} {headline.lower()}" + ("" if headline == passed else f": {_named(files)}")
            for headline, files in ordered
        )


def _named(files: list[str]) -> str:
    more = len(files) - _MOST_NAMES
    return ", ".join(files[:_MOST_NAMES]) + (f" và {more} tệp khác" if more > 0 else "")


__all__ = ["Tally"]
