"""Logs of the daemon: one JSON line an event on stderr, without secrets and without local variables."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import structlog

from ebrvt_connect.ops.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

_DISPATCHER = "dbos"
_QUIET = ("zeep", "urllib3", "pyhanko", "pyhanko_certvalidator", "fontTools", _DISPATCHER, "uvicorn")
_KIND_CHARS = 24
_APART_SECONDS, _DISPATCHER_APART_SECONDS = 60.0, 600.0


class Damped(logging.Filter):
    """Lets a line that comes again and again through now and then, with how often it came meanwhile.

    While a database server is away, the dispatcher's threads each say so several times a second. Its lines
    count as the same by how they begin, and lose their tracebacks. A line of ours is the same only where its
    logger has said nothing else since; an error of ours is never kept back.
    """

    def __init__(self) -> None:
        """Nothing has been said yet."""
        super().__init__()
        self._said: dict[tuple[str, str], _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one is said; by its own time, so that a clock that jumps back holds nothing up."""
        theirs = record.name.split(".")[0] == _DISPATCHER
        if isinstance(record.msg, dict) or (record.levelno >= logging.ERROR and not theirs):
            return True
        text = record.getMessage()
        if theirs:
            text = _first_of(text)
            record.msg, record.args, record.exc_info = text, (), None
        kind = text[:_KIND_CHARS] if theirs else text
        key = (record.name, kind if theirs else "")
        before = self._said.get(key)
        apart = _DISPATCHER_APART_SECONDS if theirs else _APART_SECONDS
        if before is not None and before.kind == kind and abs(record.created - before.at) < apart:
            before.kept_back += 1
            return False
        if before is not None and before.kind == kind and before.kept_back:
            record.msg, record.args = f"{text} (and {before.kept_back} more like it)", ()
        self._said[key] = _Said(kind, record.created)
        return True


def _first_of(text: str) -> str:
    """The first line of a text; of one that is a traceback also its last, which says what it was."""
    lines = text.strip().split("\n")
    return f"{lines[0]} {lines[-1]}" if lines[0].endswith("(most recent call last):") else lines[0]


@dataclass(slots=True)
class _Said:
    """A line that was said last, and how often it has come since."""

    kind: str
    at: float
    kept_back: int = 0


def redact(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out secrets everywhere in the event, its traceback included."""
    return {key: redacted(value, key) for key, value in event.items()}


def configure_logging(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send our own logs and those of the libraries to stderr in one form; for programs, never the library."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(renderer)
    handler.addFilter(Damped())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their debug and info lines print whole envelopes and signers' names.
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
