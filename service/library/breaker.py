"""Leaving an endpoint alone that does not answer, so that not every query pays for its silence."""

from __future__ import annotations

import time

FAILURES = 2
"""In a row, before it is left alone; one may be chance."""
REST_S = 5.0
"""How long it is left alone; then one question tries, while the others still go without."""
LONGEST_S = 60.0
"""An endpoint that asks for more patience than this gets this much."""


class Breaker:
    """Counts failures in a row; for one event loop."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    def allows(self) -> bool:
        """Whether to ask now. After a rest only one caller in every rest is told yes, until an answer came."""
        if self._failures < FAILURES:
            return True
        now = time.monotonic()
        if now < self._until:
            return False
        self._until = now + REST_S
        return True

    def failed(self, wait: float = 0.0) -> None:
        """It did not answer; ``wait``: seconds it asked for, which count at once."""
        self._failures = max(self._failures + 1, FAILURES if wait else 0)
        self._until = time.monotonic() + min(max(wait, REST_S), LONGEST_S)

    def answered(self) -> None:
        """It did."""
        self._failures = 0
