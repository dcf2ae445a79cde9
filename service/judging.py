"""裁断: for each demand the first boundary that holds decides; what is unknown counts only where it would turn it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.facts import Known
from service.rulebook.boundaries import Boundary
from service.rulebook.conditions import NO, Truth, Value
from service.schemas import Verdict

DEMAND = "demand"
UNSAID = "unsaid"


class Considered(NamedTuple):
    """One row as it was weighed, for the explanation."""

    boundary: Boundary
    truth: Truth


@dataclass(frozen=True)
class Ruling:
    """What was decided about one demand. ``ask`` are facts to ask for, most decisive first."""

    demand: str
    boundary: Boundary
    verdict: Verdict
    ask: tuple[str, ...]
    considered: tuple[Considered, ...]

    @property
    def name(self) -> str:
        """The boundary's name in the team's words."""
        return self.boundary.entry.name


@dataclass(frozen=True)
class Decision:
    """The rulings on all demands, in the order they were made; the main one leads the reply."""

    main: Ruling
    others: tuple[Ruling, ...] = ()


def judge(demands: Sequence[str], known: Known, boundaries: Sequence[Boundary], max_questions: int) -> Decision:
    """Decide every demand. The main demand is the last one made.

    Args:
        demands: value names of the demand fact, in the order they were said; at least one.
        known: the facts of the case; its demand fact is set while a demand is weighed and left as all of them.
        boundaries: rows in order of force, the last without conditions.
        max_questions: how many facts may be asked for at once.
    """
    name = known.book.by_id(DEMAND).name
    rulings: list[Ruling] = []
    for demand in demands:
        known[name] = Value(demand, source="buyer")
        rulings.append(_rule(name, demand, known, boundaries, max_questions))
    known[name] = Value(demands[-1], source="buyer")
    return Decision(rulings[-1], tuple(rulings[:-1]))


def _rule(fact: str, demand: str, known: Known, boundaries: Sequence[Boundary], max_questions: int) -> Ruling:
    considered: list[Considered] = []
    open_rows: list[Considered] = []
    for boundary in boundaries:
        wanted = boundary.wanted(fact)
        truth = NO if wanted is not None and demand not in wanted else boundary.when.test(known)
        row = Considered(boundary, truth)
        considered.append(row)
        if truth is NO:
            continue
        if truth.value is None:
            open_rows.append(row)
        elif truth.value:
            return _decide(demand, row, open_rows, considered, known, max_questions)
    raise AssertionError("the loader guarantees a last row without conditions")


def _decide(
    demand: str,
    row: Considered,
    open_rows: list[Considered],
    considered: list[Considered],
    known: Known,
    max_questions: int,
) -> Ruling:
    entry = row.boundary.entry
    turning = [other for other in open_rows if other.boundary.entry.verdict != entry.verdict]
    if not turning:
        return Ruling(demand, row.boundary, entry.verdict, _open(entry.ask, known, max_questions), tuple(considered))
    ask = list(dict.fromkeys(known.root(name) for other in turning for name in sorted(other.truth.because)))
    if entry.verdict == "needs_clarification" and entry.when:
        ask += [name for name in entry.ask if name not in ask]
        return Ruling(demand, row.boundary, entry.verdict, _open(ask, known, max_questions), tuple(considered))
    first = turning[0].boundary
    return Ruling(demand, first, "needs_clarification", _open(ask, known, max_questions), tuple(considered))


def _open(asked: Sequence[str], known: Known, most: int) -> tuple[str, ...]:
    """The facts still worth asking for; all of them when every one is settled, for a question there must be."""
    return tuple([name for name in asked if not known.settled(name)] or asked)[:most]
