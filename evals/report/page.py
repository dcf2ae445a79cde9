"""Everything a report shows, worked out; how it looks is the templates' business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any, get_args

from evals.gate import Gated
from evals.misses import known_misses
from evals.report.against import Against, Since
from evals.report.casework import Case, State, arrange
from evals.report.material import Material
from evals.report.names import Names
from evals.report.people import People, people_of
from evals.results import Rate, RunInfo, Summary
from evals.rubric import shipped_rubric
from evals.standing import Side
from service.schemas import StepName, Threat, Verdict

_SHOP_TIME = timezone(timedelta(hours=8))
"""The shops' clock: a report says the same hour wherever it is made."""

NOTHING = "—"
"""Where there is nothing to say."""

_ORDERS = {"step": StepName, "verdict": Verdict, "threat": Threat}
"""Kinds whose values have an order of their own."""


@dataclass(frozen=True)
class Row:
    """A line of a table of rates."""

    id: str
    name: str
    rate: Rate
    group: str = ""


@dataclass(frozen=True)
class Table:
    """Rates of one kind; ``kind`` is a word of the word file."""

    kind: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Veto:
    """A veto and the cases it hit."""

    name: str
    cases: tuple[Case, ...]

    @property
    def known(self) -> int:
        """How many of them are listed as not right yet."""
        return sum(bool(case.known) for case in self.cases)


@dataclass(frozen=True)
class Page:
    """A report's content."""

    summary: Summary
    names: Names
    cases: tuple[Case, ...]
    tables: tuple[Table, ...]
    vetoes: tuple[Veto, ...]
    unscored: tuple[Row, ...]
    """Scorers with cases nobody could score."""
    against: Against | None
    people: People | None
    history: tuple[Summary, ...]
    """Runs from the oldest to this one."""
    known: tuple[tuple[str, tuple[str, ...], Case | None], ...]
    """Case id, what is known to be wrong with it, and the case if it does not pass in this run."""

    @property
    def run(self) -> RunInfo:
        """The run."""
        return self.summary.run

    @property
    def counts(self) -> dict[str, Any]:
        """Numbers of the headline, and the scorers that failed anywhere."""
        s = self.summary
        return {
            "vetoed": sum(case.state == "veto" for case in self.cases),
            "unscored": sum(rate.unscored for rate in s.by_scorer.values()),
            "caught": sum(one.caught for one in s.mutations),
            "spoiled": sum(one.drafts for one in s.mutations),
            "repeats": max((case.result.repeat for case in self.cases), default=1),
            "failed_scorers": self.names.ordered({one.score.scorer for case in self.cases for one in case.failed}),
        }

    def since(self, what: Since) -> tuple[Case, ...]:
        """The cases of which this became, each once."""
        first = {case.result.case: case for case in reversed(self.cases) if case.since == what}
        return tuple(first[one] for one in dict.fromkeys(case.result.case for case in self.cases) if one in first)

    def numbered(self, names: Iterable[str]) -> tuple[Case, ...]:
        """The cases of these ids, each once."""
        wanted = set(names)
        first = {case.result.case: case for case in reversed(self.cases) if case.result.case in wanted}
        return tuple(sorted(first.values(), key=lambda case: case.number))

    @property
    def failing(self) -> tuple[Case, ...]:
        """Cases shown whole."""
        return tuple(case for case in self.cases if case.full)

    @property
    def passing(self) -> tuple[Case, ...]:
        """Cases that are only listed; of a case that passed in several repeats one, and those people spoke of."""
        spoken = {one.case.number for one in (*self.people.changed, *self.people.waiting)} if self.people else set()
        passed = [case for case in self.cases if not case.full]
        first = {case.result.case: case.number for case in reversed(passed)}
        return tuple(case for case in passed if case.number in spoken or first[case.result.case] == case.number)

    def times(self, case: Case) -> int:
        """In how many repeats a case came out in the same state."""
        return self._times[case.result.case, case.state]

    @cached_property
    def _times(self) -> Counter[tuple[str, State]]:
        return Counter((case.result.case, case.state) for case in self.cases)


def compose(
    made: Material, reference: Side | None, history: Sequence[Summary], names: Names, gated: Gated | None = None
) -> Page:
    """Work out a report's content.

    Args:
        made: the run.
        reference: what it is compared with.
        history: earlier runs.
        names: what ids are called.
        gated: what the gate said, where it was asked.
    """
    known = {case: what for case, what in known_misses().items() if case in {one.case for one in made.results}}
    against = None
    if reference is not None:
        against = Against.of(made.summary.run, made.results, reference, shipped_rubric(), gated)
    cases = tuple(arrange(made.results, known, against))
    earlier = {one.run.id: one for one in (*history, made.summary)}
    return Page(
        summary=made.summary,
        names=names,
        cases=cases,
        tables=_tables(made.summary, names),
        vetoes=_vetoes(cases, names),
        unscored=tuple(
            Row(name, names.scorer(name), made.summary.by_scorer[name])
            for name in names.ordered(made.summary.by_scorer)
            if made.summary.by_scorer[name].unscored
        ),
        against=against,
        people=people_of(made.summary.run, made.results, cases, made.reviews),
        history=tuple(sorted(earlier.values(), key=lambda one: (one.run.started_at, one.run.id))),
        known=_known(known, cases),
    )


def shop_time(moment: datetime) -> datetime:
    """``moment`` on the shops' clock."""
    return moment.astimezone(_SHOP_TIME)


def changed_digests(old: Summary, new: Summary) -> tuple[str, ...]:
    """The names of the digests in which two runs differ."""
    one, two = old.run.digests.model_dump(), new.run.digests.model_dump()
    return tuple(name for name in two if one[name] != two[name])


def _tables(summary: Summary, names: Names) -> tuple[Table, ...]:
    scorers = [Row(s, names.held(s), summary.by_scorer[s], names.group(s)) for s in names.ordered(summary.by_scorer)]

    def rows(kind: str, rates: Mapping[str, Rate], worst_first: bool = False) -> tuple[Row, ...]:
        order = [*get_args(_ORDERS.get(kind)), *sorted(rates)]
        made = [Row(one, names.value(kind, one) or NOTHING, rates[one]) for one in dict.fromkeys(order) if one in rates]
        if kind == "scenario":
            made = [Row(one.id, names.scenario(one.id), one.rate) for one in made]
        return tuple(sorted(made, key=_worst) if worst_first else made)

    tables = (
        Table("scorer", tuple(scorers)),
        Table("step", rows("step", summary.by_step)),
        Table("verdict", rows("verdict", summary.by_verdict)),
        Table("threat", rows("threat", summary.by_threat)),
        Table("scenario", rows("scenario", summary.by_scenario, worst_first=True)),
        Table("tag", rows("tag", summary.by_tag, worst_first=True)),
    )
    return tuple(table for table in tables if table.rows)


def _worst(row: Row) -> tuple[float, float, str]:
    share = row.rate.share
    return (2.0 if share is None else share, -row.rate.scored, row.id)


def _vetoes(cases: Sequence[Case], names: Names) -> tuple[Veto, ...]:
    hit: dict[str, list[Case]] = {}
    for case in cases:
        for scorer in dict.fromkeys(one.score.scorer for one in case.failed if one.score.veto):
            hit.setdefault(scorer, []).append(case)
    return tuple(Veto(names.scorer(scorer), tuple(hit[scorer])) for scorer in names.ordered(hit))


def _known(
    known: Mapping[str, Sequence[str]], cases: Sequence[Case]
) -> tuple[tuple[str, tuple[str, ...], Case | None], ...]:
    failing = {case.result.case: case for case in reversed(cases) if case.full}
    return tuple((case, tuple(what), failing.get(case)) for case, what in known.items())
