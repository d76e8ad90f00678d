"""The exception family, named for what must happen next (see docs/operate/errors.md).

Four effects and no more:

* `RetryLater`: nothing happened at the remote; the same call may be made again later.
* `ReconcileFirst`: we cannot know whether it happened; ask the remote before sending again.
* `Rejected`: the remote said no; the same payload will fail again.
* `HeldForPerson`: a person must decide; its `scope` says how much stops until then.

Every error carries a stable code (what a ticket quotes), developer English (`detail`: what, got,
expected, where), a Vietnamese sentence for the operator and what to do next. The sentences live in
`Explanation` tables beside the code that raises them; `CATALOGUE` collects them for the documentation.
A signature that does not hold is a verdict (a value), not an exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from datetime import timedelta


class Effect(StrEnum):
    """What must happen next: the only outcome words in the house."""

    RETRY_LATER = "retry-later"
    RECONCILE_FIRST = "reconcile-first"
    REJECTED = "rejected"
    HELD_FOR_PERSON = "held-for-person"


class Scope(StrEnum):
    """How much stops when a person must decide: one message, its lane, a system, or everything."""

    MESSAGE = "message"
    LANE = "lane"
    SYSTEM = "system"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A stable code with its Vietnamese sentence and advice; `{name}` places are filled from facts."""

    code: str
    sentence_vi: str
    advice_vi: str


_UNTELLABLE = re.compile("[\0\ud800-\udfff]")

CATALOGUE: dict[str, Explanation] = {}
"""Every explanation of the house by code; written at import only, read by the documentation."""


def explain(code: str, sentence_vi: str, advice_vi: str) -> Explanation:
    """Make and register an explanation.

    Raises `ValueError` when the code is taken by another text: a code means one thing.
    """
    made = Explanation(code, sentence_vi, advice_vi)
    if CATALOGUE.setdefault(code, made) != made:
        msg = f"error code {code} is already explained differently"
        raise ValueError(msg)
    return made


def tellable(text: str) -> str:
    """The text with a mark (U+FFFD) for what no store takes: NUL, and half a surrogate pair."""
    return _UNTELLABLE.sub("\ufffd", text)


class _Facts(dict[str, object]):
    """Leaves a place unfilled rather than failing while an error is being told."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


class ConnectError(Exception):
    """Something did not go through; the subclass says what must happen next.

    `str()` is developer English. `explanation_vi` and `advice_vi` are for the operator.
    `facts` fill the places of the explanation and must never hold a secret.
    """

    effect: ClassVar[Effect]

    def __init__(
        self,
        explanation: Explanation,
        detail: str,
        *,
        system: str = "",
        operation: str = "",
        evidence_id: str = "",
        **facts: object,
    ) -> None:
        """Say what happened: `detail` is one English sentence with what, got, expected and where."""
        detail = tellable(detail)  # a remote's own words may stand in it
        super().__init__(detail)
        self.code = explanation.code
        self.detail = detail
        self.system = system
        self.operation = operation
        self.evidence_id = evidence_id
        self.facts = facts
        known = _Facts(facts, system=system, operation=operation)
        self.explanation_vi = tellable(explanation.sentence_vi.format_map(known))
        self.advice_vi = tellable(explanation.advice_vi.format_map(known))

    def __str__(self) -> str:
        """Code, place and detail in one developer sentence."""
        place = "/".join(part for part in (self.system, self.operation) if part)
        return f"{self.code} at {place}: {self.detail}" if place else f"{self.code}: {self.detail}"


class RetryLater(ConnectError):
    """Nothing happened there: unreachable, throttled, busy, token expired. Try again later.

    `retry_after` is the remote's own wish, if it named one.
    """

    effect = Effect.RETRY_LATER

    def __init__(
        self,
        explanation: Explanation,
        detail: str,
        *,
        retry_after: timedelta | None = None,
        system: str = "",
        operation: str = "",
        evidence_id: str = "",
        **facts: object,
    ) -> None:
        """As `ConnectError`, with the delay the remote asked for."""
        super().__init__(
            explanation, detail, system=system, operation=operation, evidence_id=evidence_id, **facts
        )
        self.retry_after = retry_after


class ReconcileFirst(ConnectError):
    """We cannot know what the remote did (cut or timed out after sending, unreadable reply): ask first.

    `answered`: the remote is well, it has answered in its own words (that it has this already, say).
    """

    effect = Effect.RECONCILE_FIRST

    def __init__(
        self,
        explanation: Explanation,
        detail: str,
        *,
        answered: bool = False,
        system: str = "",
        operation: str = "",
        evidence_id: str = "",
        **facts: object,
    ) -> None:
        """See `ConnectError`."""
        super().__init__(
            explanation, detail, system=system, operation=operation, evidence_id=evidence_id, **facts
        )
        self.answered = answered


class Rejected(ConnectError):
    """The remote said no; the same payload will be refused again."""

    effect = Effect.REJECTED


class HeldForPerson(ConnectError):
    """A person must decide; `scope` says what waits until then."""

    effect = Effect.HELD_FOR_PERSON

    def __init__(
        self,
        explanation: Explanation,
        detail: str,
        *,
        scope: Scope = Scope.MESSAGE,
        system: str = "",
        operation: str = "",
        evidence_id: str = "",
        **facts: object,
    ) -> None:
        """As `ConnectError`, with how much stops."""
        super().__init__(
            explanation, detail, system=system, operation=operation, evidence_id=evidence_id, **facts
        )
        self.scope = scope


class InvalidValue(ValueError):
    """A text that is not what it should be (an agency code, a number, a date): parse or refuse.

    A value has no remote and no next step of its own; whoever read it turns this into an effect,
    usually with `held`.
    """

    def __init__(self, explanation: Explanation, detail: str, **facts: object) -> None:
        """Say what was refused and why."""
        super().__init__(detail)
        self.explanation = explanation
        self.detail = detail
        self.facts: dict[str, Any] = facts

    @property
    def code(self) -> str:
        """The stable code of the refusal."""
        return self.explanation.code

    @property
    def sentence_vi(self) -> str:
        """What the operator reads, with the facts filled in."""
        return self.explanation.sentence_vi.format_map(_Facts(self.facts))

    @property
    def advice_vi(self) -> str:
        """What to do next, with the facts filled in."""
        return self.explanation.advice_vi.format_map(_Facts(self.facts))

    def held(self, *, system: str, operation: str, scope: Scope = Scope.MESSAGE) -> HeldForPerson:
        """The same refusal as an effect: the message is held until a person has looked."""
        return HeldForPerson(
            self.explanation, self.detail, system=system, operation=operation, scope=scope, **self.facts
        )


UNEXPECTED = explain(
    "UNEXPECTED_FAILURE",
    "Chương trình gặp lỗi chưa lường trước khi làm việc với hệ thống {system}.",
    "Ghi lại mã lỗi và thời điểm, gửi cho bộ phận kỹ thuật; dữ liệu vẫn được giữ nguyên.",
)
"""What a port says when something escaped that nobody had named."""
