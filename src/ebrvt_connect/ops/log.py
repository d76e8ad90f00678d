"""Logs of the daemon: one JSON line an event on stderr, secrets and personal numbers blotted out."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

_SECRET_NAMES = re.compile(r"secret|password|passwd|token|authorization|cookie|pin$|hash-header", re.IGNORECASE)
_SECRET_TEXTS = re.compile(
    r"-----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|$)|\b(?:Bearer|Basic)\s+\S+|(?<!\d)(?:\d{12}|\d{9})(?!\d)", re.DOTALL
)
_BLOT = "[…]"
_QUIET = ("zeep", "urllib3", "pyhanko", "pyhanko_certvalidator", "fontTools", "dbos", "uvicorn")


def redact(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out secrets by name and by look (tokens, keys, 9- and 12-digit personal numbers)."""
    for key, value in event.items():
        if _SECRET_NAMES.search(key):
            event[key] = _BLOT
        elif isinstance(value, str):
            event[key] = _SECRET_TEXTS.sub(_BLOT, value)
    return event


def configure_logging(level: int = logging.INFO) -> None:
    """Send our own logs and those of the libraries to stderr in one form; called by programs, never by the library."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(renderer)
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
