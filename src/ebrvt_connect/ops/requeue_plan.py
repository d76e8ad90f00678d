"""What trying many messages again comes to: which go on from which step, and which cannot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebrvt_connect.engine import steering
from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.ops.dead_words import AGAIN_VI
from ebrvt_connect.ops.deciding import refusals_data
from ebrvt_connect.ports.ledger import Step
from ebrvt_connect.store.steering import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ebrvt_connect.ports.ledger import Acted, Case
    from ebrvt_connect.store.ledger import Ledger

_LISTED = 20
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """The messages that go on, in their order, and why others do not."""

    steps: dict[int, Step]
    """From which step each goes on."""
    titles: dict[int, str]
    refused: tuple[HeldForPerson, ...]

    @classmethod
    def of(cls, ledger: Ledger, wanted: Sequence[int], term: steering.Term, now: datetime) -> Plan:
        """What would be, as the ledger is now."""
        steps: dict[int, Step] = {}
        titles: dict[int, str] = {}
        found = {case.message.id: case for case in cases_of(ledger, wanted)}
        refused = [unknown(number) for number in dict.fromkeys(wanted) if number not in found]
        for number, case in found.items():
            titles[number] = case.message.title
            try:
                steering.again_from(case, term, now)
            except HeldForPerson as refusal:
                refused.append(refusal)
            else:
                steps[number] = steering.step_again(case)
        return cls(steps, titles, tuple(refused))

    def carried_out(self, acted: Acted) -> Plan:
        """The same with what really went on: somebody else may have decided meanwhile."""
        steps = {message.id: self.steps.get(message.id, Step.JUDGE) for message in acted.done}
        return Plan(steps, self.titles, acted.refused)

    def as_data(self) -> dict[str, object]:
        """As `--json` has it."""
        return {
            "requeued": len(self.steps),
            "from_step": Counter(step.value for step in self.steps.values()),
            "messages": [
                {"id": number, "title": self.titles.get(number, ""), "step": step.value}
                for number, step in self.steps.items()
            ],
            "refused": refusals_data(self.refused),
        }

    def lines(self, *, dry_run: bool) -> Iterator[str]:
        """As people read it: of very many only the first."""
        yield f"{'Sẽ gửi lại' if dry_run else 'Gửi lại'} {len(self.steps)} thông điệp, theo đúng thứ tự cũ."
        for step, times in Counter(self.steps.values()).items():
            yield f"  {times}: {AGAIN_VI[step]}"
        for number in list(self.steps)[:_LISTED]:
            yield f"  số {number}  {self.titles.get(number, '')}"
        if len(self.steps) > _LISTED:
            yield f"  … và {len(self.steps) - _LISTED} thông điệp nữa"


def cases_of(ledger: Ledger, wanted: Sequence[int]) -> Iterator[Case]:
    """The messages there are, in this order, read in pages."""
    for first in range(0, len(wanted), _AT_ONCE):
        yield from ledger.cases(wanted[first : first + _AT_ONCE])
