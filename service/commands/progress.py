"""A bar on a terminal for work that takes a while; nothing where nobody looks."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from service.commands.words import printable

_WIDTH = 24
_EVERY_S = 0.1
_NAME = 30

Progress = Callable[[int, int, str], None]


def bar(title: str) -> Progress | None:
    """What long work is to tell its progress to: a bar on standard error, if that is a terminal."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return None
    last = 0.0

    def show(done: int, total: int, name: str) -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < _EVERY_S:
            return
        last = now
        filled = _WIDTH * done // max(total, 1)
        drawn = "█" * filled + "░" * (_WIDTH - filled)
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r\x1b[2K{title} {drawn} {done}/{total} {printable(name)[:_NAME]}{end}")
        sys.stderr.flush()

    return show
