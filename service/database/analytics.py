"""Sums over drafts and their feedback, from the columns that were written for them: no draft is read for a sum.

All of it is read off one index that holds every column it asks for; on PostgreSQL off narrow rows, since long values
stand beside them. A draft that is deleted is gone from every sum: they tell of the drafts that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, or_, select

from service.database.session import Database
from service.database.tables import drafts, feedback
from service.schemas import Inquiry

STATES = ("open", "superseded", "adopted", "edited", "rejected")


@dataclass(frozen=True, slots=True)
class Window:
    """Which drafts are counted: one shop's, or all (None), saved from ``since`` up to but not at ``until``."""

    shop: str | None
    since: datetime
    until: datetime

    @property
    def before(self) -> Window:
        """The window of the same length in front of this one."""
        return Window(self.shop, self.since - (self.until - self.since), self.since)


@dataclass(slots=True)
class Tally:
    """The drafts of one group."""

    key: str | None
    states: dict[str, int] = field(default_factory=dict)
    edited: dict[int, int] = field(default_factory=dict)
    """Percent changed → how many of the edited ones."""
    first: datetime | None = None
    last: datetime | None = None

    def add(self, row: Row[Any]) -> None:
        """Count a row of ``state``, ``changed``, ``n``, ``a`` and ``z``."""
        self.states[row.state] = self.states.get(row.state, 0) + row.n
        if row.changed is not None:
            self.edited[row.changed] = self.edited.get(row.changed, 0) + row.n
        self.first = row.a if self.first is None else min(self.first, row.a)
        self.last = row.z if self.last is None else max(self.last, row.z)


class AnalyticsStore:
    """Reads sums; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tallies(self, window: Window, columns: Sequence[str] = ()) -> dict[str, list[Tally]]:
        """Drafts by each of some columns (of ``TRAITS``, or ``shop``), and under an empty name in one group.

        One query for all of them: columns that hang together (a boundary has one rule, one verdict) make few groups.
        """
        keys = [drafts.c[name] for name in columns]
        changed = case((drafts.c.state == "edited", drafts.c.edited // 10), else_=None).label("changed")
        grouped = [*keys, drafts.c.state, changed]
        sums = (func.count().label("n"), func.min(drafts.c.made_at).label("a"), func.max(drafts.c.made_at).label("z"))
        query = select(*grouped, *sums).where(*_in(window)).group_by(*grouped)
        found: dict[str, dict[str | None, Tally]] = {name: {} for name in ("", *columns)}
        for row in await self._rows(query):
            found[""].setdefault(None, Tally(None)).add(row)
            for place, name in enumerate(columns):
                found[name].setdefault(row[place], Tally(row[place])).add(row)
        return {name: list(some.values()) for name, some in found.items()}

    async def causes(self, window: Window, overdue: Sequence[str], limit: int | None) -> list[Row[Any]]:
        """What is asked for, why, for which goods: ``n``, ``refused``, ``overdue`` and ``threats``, most first."""
        keys = [drafts.c[name] for name in ("category", "product", "demand", "cause")]
        query = (
            select(
                *keys,
                func.count().label("n"),
                _sum(drafts.c.verdict == "unreasonable").label("refused"),
                _sum(drafts.c.scenario.in_(overdue)).label("overdue"),
                _sum(drafts.c.threat != "none").label("threats"),
            )
            .where(*_in(window), drafts.c.state != "superseded")
            .group_by(*keys)
            .order_by(func.count().desc(), *keys)
            .limit(limit)
        )
        return await self._rows(query)

    async def waits(self, window: Window) -> dict[int, int]:
        """Seconds until feedback → how many drafts."""
        query = (
            select(drafts.c.waited, func.count())
            .where(*_in(window), drafts.c.waited.is_not(None))
            .group_by(drafts.c.waited)
        )
        return {row[0]: row[1] for row in await self._rows(query)}

    async def fates(self, window: Window) -> list[Row[Any]]:
        """What became of steps: ``kept``, ``changed``, ``dropped`` (comma-separated), ``added``, ``n``.

        Of adopted and edited drafts; by when the feedback came.
        """
        names = [feedback.c[name] for name in ("kept", "changed", "dropped", "added")]
        sent = feedback.c.action.in_(("adopted", "edited"))
        query = select(*names, func.count().label("n")).where(*_given(window), sent).group_by(*names)
        return await self._rows(query)

    async def overrode(self, window: Window) -> dict[str, int]:
        """Rules broken by what people sent all the same (comma-separated) → how often."""
        query = (
            select(feedback.c.overrode, func.count())
            .where(*_given(window), feedback.c.overrode.is_not(None))
            .group_by(feedback.c.overrode)
        )
        return {row[0]: row[1] for row in await self._rows(query)}

    async def turned(self, window: Window) -> dict[str, int]:
        """Refusals that were sent as they were, and conversations where a later draft was used after one was not."""
        refused = drafts.c.verdict == "unreasonable"
        told = drafts.c.state.in_(("adopted", "edited", "rejected"))
        sums = select(
            _sum(drafts.c.state == "adopted").label("refusals_adopted"),
            _sum(drafts.c.state == "edited").label("refusals_edited"),
            _sum(drafts.c.state == "rejected").label("refusals_rejected"),
        ).where(*_in(window), refused & told)
        row = (await self._rows(sums))[0]
        counted = {name: int(value or 0) for name, value in row._mapping.items()}
        at = drafts.c.made_at
        first_not = func.min(case((drafts.c.state == "rejected", at)))
        last_used = func.max(case((drafts.c.state != "rejected", at)))
        turned = (
            select(drafts.c.shop)
            .where(*_in(window), told, drafts.c.conversation.is_not(None))
            .group_by(drafts.c.shop, drafts.c.conversation)
            .having(last_used > first_not)
        )
        rows = await self._rows(select(func.count()).select_from(turned.subquery()))
        return counted | {"rejected_then_used": int(rows[0][0])}

    async def missing(self, window: Window) -> dict[str, int]:
        """Facts asked for (comma-separated) → how many drafts."""
        query = (
            select(drafts.c.missing, func.count())
            .where(*_in(window), drafts.c.missing.is_not(None), drafts.c.state != "superseded")
            .group_by(drafts.c.missing)
        )
        return {row[0]: row[1] for row in await self._rows(query)}

    async def gaps(self, window: Window, fallback: Sequence[str], floor: int) -> dict[str, int]:
        """How many drafts knowledge had little for: ``unguided``, ``uncovered``, ``fallback``; ``any`` of them."""
        unguided, uncovered, fell = _gaps(fallback, floor)
        query = select(
            _sum(unguided).label("unguided"),
            _sum(uncovered).label("uncovered"),
            _sum(fell).label("fallback"),
            _sum(or_(unguided, uncovered, fell)).label("any"),
        ).where(*_in(window), drafts.c.state != "superseded")
        return {name: int(value or 0) for name, value in (await self._rows(query))[0]._mapping.items()}

    async def asked(
        self, window: Window, fallback: Sequence[str], floor: int, limit: int
    ) -> list[tuple[str, str, Inquiry]]:
        """The newest drafts knowledge had little for: id, scenario, inquiry."""
        newest = (
            select(drafts.c.id)
            .where(*_in(window), or_(*_gaps(fallback, floor)), drafts.c.state != "superseded")
            .order_by(drafts.c.made_at.desc())
            .limit(limit)
        )
        query = (
            select(drafts.c.id, drafts.c.scenario, drafts.c.inquiry)
            .where(drafts.c.id.in_(newest.scalar_subquery()))
            .order_by(drafts.c.id.desc())
        )
        return [(row.id, row.scenario, Inquiry.model_validate(row.inquiry)) for row in await self._rows(query)]

    async def oldest(self, shop: str | None) -> datetime | None:
        """When the first draft that is still there was saved."""
        query = select(func.min(drafts.c.made_at))
        query = query if shop is None else query.where(drafts.c.shop == shop)
        found: datetime | None = (await self._rows(query))[0][0]
        return found

    async def _rows(self, query: Any) -> list[Any]:
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).all())


def _in(window: Window) -> list[ColumnElement[bool]]:
    there = [drafts.c.made_at >= window.since, drafts.c.made_at < window.until]
    return there if window.shop is None else [drafts.c.shop == window.shop, *there]


def _given(window: Window) -> list[ColumnElement[bool]]:
    there = [feedback.c.given_at >= window.since, feedback.c.given_at < window.until]
    return there if window.shop is None else [feedback.c.shop == window.shop, *there]


def _gaps(fallback: Sequence[str], floor: int) -> tuple[ColumnElement[bool], ...]:
    return drafts.c.guides == 0, drafts.c.covered < floor, drafts.c.scenario.in_(fallback)


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
