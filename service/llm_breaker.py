"""The circuit breaker of one endpoint: what has just failed is left alone for a while instead of waited for.

    closed ──account trouble, or too many failures in a row──▶ open ──rest over──▶ one probe ──fails──▶ open, longer
       ▲                                                                            │
       └──────────────────────────────────answers───────────────────────────────────┘

While it is open a question fails at once with the cause's code and no call. A wait the endpoint itself asked for
(``Retry-After``) that fits no deadline opens it for just that long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.errors import ModelError
from service.llm_profile import Rest

ACCOUNT = frozenset({"llm_auth", "llm_quota"})
"""Only a person can mend these; there is no point in asking again soon."""
FAILURES = frozenset({"llm_unavailable", "llm_timeout", "llm_bad_reply", "llm_incomplete", "llm_rate_limited"})
"""What counts against an endpoint; a refusal or a prompt too long says nothing about it."""


@dataclass(frozen=True, slots=True)
class BreakerState:
    """For people: whether the endpoint is asked, why not, and until when it rests."""

    resting: bool
    cause: str | None = None
    until: datetime | None = None


@dataclass(slots=True)
class Attempt:
    """One question on its way. ``wait``: seconds the endpoint asked to be left alone for, if the question has less."""

    probe: bool
    wait: float | None = None


class Breaker:
    """One per endpoint; used from one event loop.

    Args:
        rest: its settings.
        clock: monotonic seconds; for tests.
    """

    def __init__(self, rest: Rest, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest, self._clock = rest, clock
        self._failures = 0
        self._opened = 0
        self._until = 0.0
        self._cause: str | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """What it does now."""
        if self._cause is None:
            return BreakerState(False)
        left = self._until - self._clock()
        until = datetime.now(UTC) + timedelta(seconds=left) if left > 0 else None
        return BreakerState(True, self._cause, until)

    @contextmanager
    def attempt(self, deadline: float) -> Iterator[Attempt]:
        """Let one question through and learn from how it ends; a cancelled one teaches nothing.

        Args:
            deadline: seconds the question has.

        Raises:
            ModelError: the endpoint rests; nothing was asked.
        """
        if self._cause is not None and (self._probing or self._clock() < self._until):
            raise ModelError(self._cause, calls=0)
        made = Attempt(probe=self._cause is not None)
        self._probing = self._probing or made.probe
        try:
            yield made
        except ModelError as error:
            self._failed(error.code, made, deadline)
            raise
        else:
            self._worked(made)
        finally:
            if made.probe:
                self._probing = False

    def _worked(self, made: Attempt) -> None:
        if self._cause is None or made.probe:
            self._failures = self._opened = 0
            self._cause = None

    def _failed(self, code: str, made: Attempt, deadline: float) -> None:
        rest = self._rest
        if self._cause is not None and not made.probe:
            return  # begun before it opened
        if made.wait is not None:
            self._open(code, min(made.wait, rest.longest_rest_s))
        elif code in ACCOUNT:
            self._open(code, rest.account_rest_s)
        elif code == "llm_timeout" and deadline < rest.fair_s:
            return
        elif code in FAILURES:
            self._failures += 1
            if made.probe or self._failures >= rest.after:
                self._opened += 1
                self._open(code, min(rest.rest_s * 2 ** min(self._opened - 1, 20), rest.longest_rest_s))
        else:
            self._worked(made)

    def _open(self, code: str, seconds: float) -> None:
        self._cause, self._until = code, self._clock() + seconds
