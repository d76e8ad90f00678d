"""Answers that name their refusal themselves (`error_code`, `issues[]`), read by a table of the adapter's.

The system's own word counts whatever the HTTP status; an unknown one is read by its status, and only a
refusal of ours (4xx) is final. Where it said nothing of its own, `failures.status_failure` has the word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ebrvt_connect.codec.jsonfields import Problem
from ebrvt_connect.codec.jsonwire import json_value
from ebrvt_connect.errors import HeldForPerson, InvalidValue, Rejected, RetryLater, Scope
from ebrvt_connect.transport.failures import retry_after, status_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebrvt_connect.errors import ConnectError, Explanation
    from ebrvt_connect.transport.http import HttpReply

_SHOWN_ISSUES = 5
_LONGEST_QUOTE = 80
_NO_CONTENT = 204
_REFUSING = frozenset({400, 404, 405, 406, 409, 410, 411, 412, 414, 415, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemTable:
    """What the words of one system mean. All its calls may be made twice: nothing is ever in doubt."""

    field_vi: Callable[[list[str]], str]
    """What a clerk calls a field, by its path."""
    refused: Explanation
    """A refusal whose word is unknown; its place `{said}` is filled."""
    held: Mapping[str, tuple[Explanation, Scope]] = field(default_factory=dict)
    later: Mapping[str, Explanation] = field(default_factory=dict)
    rejected: Mapping[str, Explanation] = field(default_factory=dict)

    def failure_of(self, reply: HttpReply, *, system: str, operation: str) -> ConnectError:
        """The effect of any answer that is not a success."""
        problem = _problem(reply)
        if problem is None:
            return status_failure(reply, safe=True, system=system, operation=operation)
        names = dict.fromkeys(self.field_vi(_path(i.field)) for i in problem.issues[:_SHOWN_ISSUES])
        issues = ", ".join(f"{quoted(i.field)}: {quoted(i.code)}" for i in problem.issues[:_SHOWN_ISSUES])
        facts: dict[str, Any] = {
            "system": system,
            "operation": operation,
            "fields": ", ".join(names) or "(không nêu rõ)",
        }
        word = problem.error_code
        detail = f"HTTP {reply.status}, error_code {quoted(word)}" + (f" ({issues})" if issues else "")
        if word in self.held:
            explanation, scope = self.held[word]
            return HeldForPerson(explanation, detail, scope=scope, **facts)
        if word in self.later:
            return RetryLater(self.later[word], detail, retry_after=retry_after(reply), **facts)
        if word in self.rejected:
            return Rejected(self.rejected[word], detail, **facts)
        if reply.status in _REFUSING:
            return Rejected(self.refused, detail, said=quoted(word), **facts)
        return status_failure(reply, safe=True, system=system, operation=operation)


def is_plain_acceptance(reply: HttpReply) -> bool:
    """Whether a success says what one may say to a write: 204, or a JSON object that names no error.

    An empty body under 200 is what a gateway gives that has lost the answer.
    """
    if reply.status == _NO_CONTENT:
        return True
    try:
        value = json_value(reply.body)
    except InvalidValue:
        return False
    return isinstance(value, dict) and "error_code" not in value


def quoted(text: str) -> str:
    """The remote's word, short and printable, fit to be shown."""
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST_QUOTE]).strip() or "?"


def _problem(reply: HttpReply) -> Problem | None:
    try:
        return Problem.model_validate(json_value(reply.body))
    except (InvalidValue, ValidationError):
        return None


def _path(field_name: str) -> list[str]:
    """`recipients.0.code` or `recipients[0].code` as names only."""
    parts = field_name[:200].replace("[", ".").replace("]", "").split(".")
    return [part for part in parts if part and not part.isdecimal()]
