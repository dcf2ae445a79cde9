"""The sums of one window with names a person knows, rates with their intervals, and what knowledge lacked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from starlette.concurrency import run_in_threadpool

from evals.statistics import wilson
from service.database.analytics import AnalyticsStore, Tally, Window
from service.insight.questions import grouped
from service.insight.scales import Scales
from service.insight.words import Names
from service.schemas.analytics import (
    Analytics,
    CauseRow,
    Counted,
    Group,
    GroupBy,
    Rate,
    StepFate,
    Turned,
    Unanswered,
)

TOGETHER: tuple[tuple[GroupBy, ...], ...] = (
    ("boundary", "scenario", "rule", "verdict", "threat"),
    ("writer", "prompt", "degraded", "knowledge"),
    ("day", "shop"),
    ("category",),
)
"""Columns that hang together, counted by one query."""
EVERY: tuple[GroupBy, ...] = get_args(GroupBy)


@dataclass(frozen=True)
class Counting:
    """What a window is counted by."""

    store: AnalyticsStore
    names: Names
    scales: Scales

    async def of(self, window: Window, by: Sequence[GroupBy] = EVERY) -> Analytics:
        """Everything about a window; ``by``: which groups are listed."""
        tallies = await self._tallies(window, by)
        before = await self.store.tallies(window.before)
        fates = await self.store.fates(window)
        return Analytics(
            shop=window.shop,
            since=window.since,
            until=window.until,
            kept_since=await self.store.oldest(window.shop),
            small=self.scales.small,
            total=self._whole(tallies[""]),
            before=self._whole(before[""]),
            by={name: self._groups(name, tallies[name]) for name in by},
            causes=await self._causes(window),
            steps=self._steps(fates),
            sentences_added=sum((row.added or 0) * row.n for row in fates),
            waited_s=_waits(await self.store.waits(window)),
            unanswered=await self._unanswered(window),
            overridden=self._counted("finding", await self.store.overrode(window)),
            turned=Turned(**await self.store.turned(window)),
        )

    async def _tallies(self, window: Window, by: Sequence[GroupBy]) -> dict[str, list[Tally]]:
        found: dict[str, list[Tally]] = {}
        for columns in TOGETHER:
            if wanted := [name for name in columns if name in by]:
                found |= await self.store.tallies(window, wanted)
        return found or await self.store.tallies(window)

    def _whole(self, tallies: Sequence[Tally]) -> Group:
        return self._group(tallies[0] if tallies else Tally(None), self.names.of("all", "all"))

    def _groups(self, kind: GroupBy, tallies: list[Tally]) -> list[Group]:
        """Most drafts first; days and knowledge versions in their order of time."""
        if kind in ("day", "knowledge"):
            tallies.sort(key=lambda one: (one.first is None, one.first))
            tallies = tallies[-self.scales.groups :]
        else:
            tallies.sort(key=lambda one: (-sum(one.states.values()), one.key or ""))
            tallies = tallies[: self.scales.groups]
        return [self._group(one, self.names.of(kind, one.key)) for one in tallies]

    def _group(self, tally: Tally, name: str) -> Group:
        states = tally.states
        drafts, superseded = sum(states.values()), states.get("superseded", 0)
        given = sum(states.get(state, 0) for state in ("adopted", "edited", "rejected"))
        return Group(
            key=tally.key,
            name=name,
            drafts=drafts,
            superseded=superseded,
            feedback=given,
            told=self._rate(given, drafts - superseded),
            adopted=self._rate(states.get("adopted", 0), given),
            edited=self._rate(states.get("edited", 0), given),
            rejected=self._rate(states.get("rejected", 0), given),
            edit_ratio=_median(tally.edited) if states.get("edited", 0) >= self.scales.small else None,
            counts=states,
            first=tally.first,
            last=tally.last,
        )

    def _rate(self, some: int, total: int) -> Rate | None:
        found = wilson(some, total) if total >= self.scales.small else None
        return None if found is None else Rate(value=found.value, low=found.low, high=found.high, n=found.n)

    async def _causes(self, window: Window) -> list[CauseRow]:
        rows = await self.store.causes(window, self.scales.overdue, self.scales.causes)
        earlier = {tuple(row[:4]): row.n for row in await self.store.causes(window.before, self.scales.overdue, None)}
        return [self._cause(row, earlier.get(tuple(row[:4]), 0)) for row in rows]

    def _cause(self, row: Any, before: int) -> CauseRow:
        return CauseRow(
            category=row.category,
            product=row.product and shown(row.product),
            demand=row.demand,
            demand_name=self.names.of("demand", row.demand),
            cause=row.cause,
            cause_name=self.names.of("cause", row.cause),
            drafts=row.n,
            unreasonable=row.refused,
            overdue=row.overdue,
            threats=row.threats,
            before=before,
            change=row.n / before - 1 if before else None,
        )

    def _steps(self, rows: Iterable[Any]) -> list[StepFate]:
        fates: dict[str, Counter[str]] = {}
        for row in rows:
            for fate in ("kept", "changed", "dropped"):
                for step in filter(None, (getattr(row, fate) or "").split(",")):
                    fates.setdefault(step, Counter())[fate] += row.n
        return [
            StepFate(
                step=step,
                name=self.names.of("step", step),
                **{fate: some[fate] for fate in ("kept", "changed", "dropped")},
            )
            for step, some in sorted(fates.items(), key=lambda one: -one[1].total())
        ]

    def _counted(self, kind: str, listed: Mapping[str, int]) -> list[Counted]:
        """How often each of some comma-separated names comes, most first."""
        times: Counter[str] = Counter()
        for names, n in listed.items():
            for name in names.split(","):
                times[name] += n
        return [Counted(key=key, name=self.names.of(kind, key), times=n) for key, n in times.most_common()]

    async def _unanswered(self, window: Window) -> Unanswered:
        scale = self.scales.unanswered
        counts = await self.store.gaps(window, self.scales.fallback, scale.floor)
        asked = await self.store.asked(window, self.scales.fallback, scale.floor, scale.looked)
        questions = await run_in_threadpool(grouped, asked, scale)
        return Unanswered(
            drafts=counts["any"],
            unguided=counts["unguided"],
            uncovered=counts["uncovered"],
            fallback=counts["fallback"],
            asked_facts=self._counted("fact", await self.store.missing(window)),
            questions=questions,
        )


def shown(product: str) -> str:
    """A product's name as it may be shown: some shops write a buyer's name into it."""
    from service.text.private import Masker

    return Masker().mask(product).masked


def _median(counts: Mapping[int, int]) -> float | None:
    middle = _quantile(counts, 0.5)
    return None if middle is None else middle / 100


def _waits(counts: Mapping[int, int]) -> dict[str, int | None]:
    return {"median": _quantile(counts, 0.5), "p90": _quantile(counts, 0.9)}


def _quantile(counts: Mapping[int, int], share: float) -> int | None:
    """The value at or below which ``share`` of what was counted lies; None of nothing."""
    total, passed = sum(counts.values()), 0
    for value, n in sorted(counts.items()):
        passed += n
        if passed >= share * total:
            return value
    return None
