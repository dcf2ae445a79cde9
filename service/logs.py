"""One JSON line per event on stderr: ids, codes and times, never a buyer's words.

Nothing here takes a message, a body or an exception's text: :func:`frames` says where an error rose, not what
it said, because drivers and validators quote the data they choke on.
"""

from __future__ import annotations

import logging
import select
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from service import watching

_PLAIN = (str, int, float, bool, type(None))
_MAX_VALUE = 300
_lost = 0
_PATIENCE_S = 0.1
"""Seconds a full pipe is waited for, once; the lines after that are lost at once, until there is room again."""
_QUIET = ("uvicorn", "asyncio")
"""Loggers whose texts are fixed sentences; others may quote what they choke on."""


def configure_logs(level: int = logging.WARNING) -> None:
    """Send our events, and uvicorn's, as JSON lines to stderr from ``level`` upwards."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _short,
            structlog.processors.JSONRenderer(),  # escapes line breaks, escapes and U+2028: one event, one line
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.WriteLogger(_STDERR),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge()]
    root.setLevel(max(level, logging.WARNING))


class _Stderr:
    """Standard error as it is now, not as it was at the start; a line that cannot be written is counted and lost.

    A pipe nobody reads from any more, or a full disk behind it, is no reason to leave a buyer without an answer. Nor
    is one that is read too slowly: a full pipe would hold up everything until somebody reads.
    """

    def __init__(self) -> None:
        self._stuck = False

    def write(self, text: str) -> None:
        """Write a line, or lose it."""
        try:
            for at in range(0, len(text), select.PIPE_BUF):  # of JSON in ASCII: a character is a byte
                if not self._taken():
                    raise BlockingIOError
                sys.stderr.write(text[at : at + select.PIPE_BUF])
                sys.stderr.flush()
        except (OSError, ValueError):
            global _lost
            _lost += 1
            watching.count("youli_log_lines_lost_total")

    def _taken(self) -> bool:
        """Whether a piece can be written without waiting for a reader who does not read."""
        try:
            number = sys.stderr.fileno()
        except (AttributeError, OSError, ValueError):  # no file, as in tests
            return True
        self._stuck = not select.select((), (number,), (), 0.0 if self._stuck else _PATIENCE_S)[1]
        return not self._stuck

    def flush(self) -> None:
        """Every line is flushed as it is written."""


_STDERR = _Stderr()


def lost_lines() -> int:
    """Log lines of this process that nobody took."""
    return _lost


def _short(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut long values; a log line is no place for a document."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > _MAX_VALUE:
            event[key] = value[:_MAX_VALUE] + "…"
        elif not isinstance(value, (*_PLAIN, list)):
            event[key] = type(value).__name__
    return event


class _Bridge(logging.Handler):
    """Library loggers (uvicorn, asyncio, sqlalchemy) as the same JSON lines, without the arguments of their texts."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the logger's name and the error's place; the formatted text may quote data."""
        error = record.exc_info[1] if record.exc_info else None
        where = frames(error) if error else []
        logger = structlog.get_logger()
        said = str(record.msg) if record.name.startswith(_QUIET) else None
        logger.log(record.levelno, "library", logger_name=record.name, said=said, where=where)


def frames(error: BaseException, limit: int = 12) -> list[str]:
    """Where an error rose, innermost last: ``type`` first, then ``file:line function``, without any values."""
    stack = traceback.extract_tb(error.__traceback__)[-limit:]
    return [type(error).__name__, *(f"{_tail(f.filename)}:{f.lineno} {f.name}" for f in stack)]


def _tail(path: str) -> str:
    """The last two parts of a path: enough to find the line, nothing about the machine."""
    return "/".join(path.replace("\\", "/").split("/")[-2:])
