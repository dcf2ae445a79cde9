"""Connections that cannot be taken because the process has no descriptor left: said now and then, not each time.

Where a process is at its limit, asyncio tries to take each connection that may wait, two thousand times, and tells of
every single failure; a second later it does so again. Written out, that alone is a megabyte of log a second, and a log
that is read slowly then stops the service which would otherwise be free again as soon as some connections have left.
"""

from __future__ import annotations

import asyncio
import errno
import time
from typing import Any

import structlog

EVERY_S = 10.0
"""Seconds between two lines of log on it."""
_SPENT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_AGAIN = "._start_serving("
"""In asyncio's words on its trying again; that fails where the door was closed meanwhile, and does not matter."""
_log = structlog.get_logger()


class Accepting:
    """What a loop says of connections it could not take; everything else it says as usual."""

    def __init__(self) -> None:
        self._said = float("-inf")
        self._failed = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _SPENT and "socket" in context and "protocol" not in context:
            self._full()
        elif not (isinstance(error, ValueError) and _AGAIN in str(context.get("message"))):
            loop.default_exception_handler(context)

    def _full(self) -> None:
        self._failed += 1
        now = time.monotonic()
        if now - self._said < EVERY_S:
            return
        _log.error("descriptors_spent", tries=self._failed)
        self._said, self._failed = now, 0


def say_it_once(loop: asyncio.AbstractEventLoop) -> None:
    """Have a loop that serves speak so."""
    loop.set_exception_handler(Accepting())
