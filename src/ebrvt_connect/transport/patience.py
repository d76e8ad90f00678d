"""Seconds of patience within one attempt: a busy moment need not cost a place in the queue."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from ebrvt_connect.errors import RetryLater

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.ports.clock import Clock

T = TypeVar("T")

FIRST_WAIT_SECONDS = 0.2
"""The first wait lies between nothing and this; each further one doubles the upper end."""

_EARLY_SECONDS = 0.01
"""A wait this much shorter than asked for was ended by the program's stop, not by a coarse timer."""


def full_jitter(bound: float) -> float:
    """Anything between nothing and `bound` seconds, so that many who wait do not come back at once."""
    return random.uniform(0.0, bound)  # noqa: S311 - spreading load, no secret


def with_patience(
    attempt: Callable[[], T],
    *,
    clock: Clock,
    tries: int = 3,
    limit_seconds: float = 3.0,
    jitter: Callable[[float], float] = full_jitter,
) -> T:
    """Make the attempt, again for `RetryLater` only, while the next one can still begin within the limit.

    `attempt` builds and signs its envelope anew each time. A remote that names a delay is obeyed if the
    delay fits; if not, its `RetryLater` is raised at once and the queue waits instead. The same when
    the program is asked to stop, which shows in a wait that ends early. Raises what the last attempt raised.
    """
    ends_at = clock.monotonic() + limit_seconds
    last: list[BaseException] = []

    def wait(state: RetryCallState) -> float:
        wished = jitter(FIRST_WAIT_SECONDS * 2.0 ** (state.attempt_number - 1))
        failure = state.outcome.exception() if state.outcome else None
        last[:] = [failure] if failure else []
        floor = failure.retry_after if isinstance(failure, RetryLater) else None
        return wished if floor is None else floor.total_seconds() + wished

    def pause(seconds: float) -> None:
        until = clock.monotonic() + seconds
        clock.sleep(seconds)
        if clock.monotonic() < until - _EARLY_SECONDS:
            raise last[0]

    def too_late(state: RetryCallState) -> bool:
        return clock.monotonic() + state.upcoming_sleep > ends_at

    retrying = Retrying(
        retry=retry_if_exception_type(RetryLater),
        wait=wait,
        stop=lambda state: state.attempt_number >= tries or too_late(state),
        sleep=pause,
        reraise=True,
    )
    return retrying(attempt)
