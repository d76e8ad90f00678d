"""Running pyHanko's coroutines without an event loop: offline, none of them ever waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_Result = TypeVar("_Result")


def run_to_end(steps: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine that never waits, also inside somebody's running event loop or a thread.

    Raises whatever it raises, and `RuntimeError` should it wait after all.
    """
    try:
        steps.send(None)
    except StopIteration as done:
        result: _Result = done.value
        return result
    steps.close()
    raise RuntimeError("a step waited for an event loop, though everything it needs is at hand")
