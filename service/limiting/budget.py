"""How many model tokens a key may spend in a day of the shop's.

Asked before a draft, added to after it: drafts under way at the same time may together spend more than was left, by
what each of them costs. What an endpoint does not report is estimated, rather too high than too low.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from service.acting import LOCAL, Acting
from service.errors import TooMany
from service.limiting.counting import Counting
from service.limiting.kept import KeptCounts
from service.limiting.numbers import Tokens, utc_now

_KEPT_S = 2 * 86_400
"""A day's count is kept longer than any day lasts; its name has the date."""


class Bill(Protocol):
    """What the composer has spent so far: it grows while the draft does."""

    usage: dict[str, int]
    """Reported by the endpoint."""
    unreported: int
    """Calls that were answered, wholly or in part, without their tokens being told."""
    chars: int
    """Of the words those calls were asked with."""


@dataclass
class Meter:
    """One draft's account, read by the budget however the draft ends, left in the middle too."""

    began: float
    """Monotonic seconds: whose turn it is goes by it."""
    counts: bool = False
    """Whether whoever asked has a budget."""
    barred: bool = False
    """No model for this one: nothing is left."""
    bill: Bill | None = None

    def tokens(self, how: Tokens) -> int:
        """Reported and estimated together."""
        if self.bill is None:
            return 0
        usage = self.bill.usage
        reported = usage.get("total_tokens")
        if reported is None:
            reported = usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
        return reported + round(self.bill.chars * how.per_char) + self.bill.unreported * how.per_answer


class Budget:
    """The token budgets of all keys.

    Args:
        counting: where they are counted.
        how: the day, and the estimate.
        daily: the tokens a day of whoever acts; 0: no limit.
        now: the time; for tests.
        kept: the file of counts over a restart; None where they are not kept here.
    """

    def __init__(
        self,
        counting: Counting,
        how: Tokens,
        daily: Callable[[], int],
        now: Callable[[], datetime] = utc_now,
        kept: KeptCounts | None = None,
    ) -> None:
        self._counting, self._how, self._daily, self._now, self._kept = counting, how, daily, now, kept
        self._adding: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Take up today's counts of the process before this one."""
        for name, count in (self._kept.read() if self._kept else {}).items():
            if name.startswith(f"tokens/{self._how.day(self._now())}/"):
                await self._counting.count(partial(_add, name, count))

    async def left(self, who: Acting) -> int | None:
        """Tokens somebody may still spend today; None: without limit."""
        daily = 0 if who.key == LOCAL.key else self._daily()
        if not daily:
            return None
        name = self._name(who)
        spent: int = await self._counting.count(lambda storage: storage.get(name))
        return max(0, daily - spent)

    def spent_up(self) -> TooMany:
        """The refusal of a draft that must be the model's when nothing is left; it may be asked for tomorrow."""
        error = TooMany("tokens_spent")
        error.retry_after = self._how.left_of_day(self._now())
        return error

    def add(self, who: Acting, meter: Meter) -> None:
        """Count what a draft has spent; the draft does not wait for it."""
        amount = meter.tokens(self._how)
        if not amount or not meter.counts:
            return
        task = asyncio.create_task(self._counting.count(partial(_add, self._name(who), amount)))
        self._adding.add(task)
        task.add_done_callback(self._added)

    async def close(self) -> None:
        """Wait for what is still being counted, and keep it."""
        await asyncio.gather(*self._adding, return_exceptions=True)
        if self._kept is not None:
            await self._kept.close()

    def state(self) -> Mapping[str, int]:
        """For metrics: counts not written yet."""
        return {"adding": len(self._adding)}

    def _added(self, task: asyncio.Task[Any]) -> None:
        self._adding.discard(task)
        if self._kept is not None:
            self._kept.changed()

    def _name(self, who: Acting) -> str:
        return f"tokens/{self._how.day(self._now())}/{who.key}"


async def _add(name: str, amount: int, storage: Any) -> None:
    await storage.incr(name, _KEPT_S, amount)
