"""The limits of one process, built once: who may ask how often, what a key may spend, what is taken on at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from service.acting import LOCAL, Acting
from service.limiting.admission import Admission
from service.limiting.budget import Budget
from service.limiting.counting import Counting, CountingState
from service.limiting.kept import KeptCounts
from service.limiting.numbers import Numbers, numbers
from service.limiting.rates import Quota, RateLimit
from service.limiting.turns import turns
from service.settings import Settings

COUNTS = "tokens-of-the-day.json"
"""In the data folder, where no Redis is set."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may do; None: what the settings say."""

    rate_per_minute: int | None = None
    tokens_per_day: int | None = None


_AS_SET = Allowance()
_own: ContextVar[Allowance] = ContextVar("allowance", default=_AS_SET)


def allow(own: Allowance) -> None:
    """Whoever acts in this context has numbers of its own; said where a request comes in, for all of it."""
    _own.set(own)


class Limiter:
    """All limits that depend on who asks and on what is under way.

    Args:
        settings: their numbers where a key has none of its own, and where is counted.
        limits: those of the data file, when not given.
    """

    def __init__(self, settings: Settings, limits: Numbers | None = None) -> None:
        limits = limits or numbers()
        self._settings = settings
        self._counting = Counting(settings.redis_url, limits.rates)
        self._rates = RateLimit(self._counting, limits.rates)
        self.admission = Admission(settings, limits)
        kept = None if settings.redis_url else KeptCounts(settings.data_dir / COUNTS, self._counting.own_counts)
        self.budget = Budget(self._counting, limits.tokens, self.tokens_per_day, kept=kept)

    def rate(self) -> int:
        """Requests a minute of whoever acts."""
        own = _own.get().rate_per_minute
        return self._settings.rate_per_minute if own is None else own

    def tokens_per_day(self) -> int:
        """Model tokens a day of whoever acts; 0: no limit."""
        own = _own.get().tokens_per_day
        return self._settings.tokens_per_day if own is None else own

    async def hit(self, who: Acting) -> Quota | None:
        """Count one request; None for whoever has no rate: the person at this machine."""
        if who.key == LOCAL.key:
            return None
        return await self._rates.hit(who.key, self.rate())

    @property
    def counting(self) -> CountingState:
        """Where is counted, for readiness."""
        return self._counting.state

    def state(self) -> Mapping[str, Any]:
        """For metrics: the classes of work, the turns that are waited for, where is counted. On the event loop."""
        lane = turns()
        return {
            "admission": self.admission.state(),
            "turns": {"waiting": lane.waiting, "longest_wait_s": round(lane.longest_wait(), 4)},
            "counting": self.counting,
        }

    async def open(self) -> None:
        """Connect where that is needed; take up what was counted today before a restart.

        Raises:
            EnvironmentProblem: ``YOULI_REDIS_URL`` is no address.
        """
        await self._counting.open()
        await self.budget.open()

    async def close(self) -> None:
        """Count what is still to be counted, and let go of the connections."""
        await self.budget.close()
        await self._counting.close()
