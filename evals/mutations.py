"""The suite watches itself: drafts are spoiled on purpose (``mutations.yaml``), and some score has to notice."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.dataset import Case
from evals.playing import Played
from evals.results import CaseResult, Killed, Score
from evals.spoiling import NUMBER, Mutation, MutationFile, Which, mutate
from service.rulebook.yamlfile import read_yaml
from service.schemas import Draft

__all__ = ["Mutation", "Spoiled", "Watching", "again", "load_mutations", "mutate", "spoil", "watch"]

MUTATIONS = Path(__file__).with_name("mutations.yaml")
DRAFTS = 42
"""Drafts each mutation is tried on: enough for a share, few enough for every run."""


def load_mutations(path: Path = MUTATIONS, which: Which = "says") -> list[Mutation]:
    """All mutations, in file order.

    Args:
        path: the file.
        which: the set of sentences to use; mutations that have none in it, and need some, are left out.

    Raises:
        RulebookError: a broken file.
    """
    entries = read_yaml(path).parse(dict[str, MutationFile])
    made = [Mutation(name, entry, which) for name, entry in entries.items()]
    return [one for one in made if one.words or not one.entry.says]


@dataclass(frozen=True)
class Spoiled:
    """A spoiled draft beside the one it was made from."""

    original: Played
    draft: Draft

    @property
    def played(self) -> Played:
        """As if the case had come out so; further turns and repeats say nothing about these words."""
        return Played(self.original.inquiry, draft=self.draft, case=self.original.case)


def spoil(played: Iterable[Played], mutation: Mutation) -> list[Spoiled]:
    """Every draft a mutation can spoil, scenario by scenario in turn, so that the first of them are spread.

    Where a number is changed the drafts that have one come first.
    """
    queues: dict[tuple[bool, str], list[tuple[int, Spoiled]]] = {}
    for one in played:
        key = one.case.entry.id if one.case else ""
        made = mutate(one, mutation, key=key)
        if made is None or one.draft is None:
            continue
        other = mutation.entry.change == "number" and not NUMBER.search(one.draft.reply)
        turn = zlib.crc32(f"{key or one.draft.reply}|{mutation.id}".encode())
        queues.setdefault((other, one.draft.scenario), []).append((turn, Spoiled(one, made)))
    rows = [
        (other, place, row[0], row[1])
        for (other, _), queue in queues.items()
        for place, row in enumerate(sorted(queue, key=lambda row: row[0]))
    ]
    return [row[3] for row in sorted(rows, key=lambda row: row[:3])]


def watch(
    played: Iterable[Played],
    score: Callable[[Played], Sequence[Score]],
    mutations: Sequence[Mutation] | None = None,
    drafts: int = DRAFTS,
) -> list[Killed]:
    """How many spoiled drafts of each mutation some score notices.

    Good drafts are spoiled: those that failed a score already are taken only where there are too few others.

    Args:
        played: the cases as they came out; those without a draft are passed over.
        score: what a run scores by rule (``scoring.rule_scores`` with its sight); a judge is not asked.
        mutations: the shipped ones where none are given.
        drafts: how many drafts each is tried on.
    """
    watching = Watching(score, drafts)
    whole = [one for one in played if one.draft is not None and one.draft.steps]
    wanted = load_mutations() if mutations is None else mutations
    return [watching.killed(mutation, whole) for mutation in wanted]


class Watching:
    """One look at spoiled drafts; what failed in an original is found out once."""

    def __init__(self, score: Callable[[Played], Sequence[Score]], drafts: int = DRAFTS) -> None:
        self._score, self._drafts = score, drafts
        self._before: dict[int, frozenset[str]] = {}

    def killed(self, mutation: Mutation, played: Iterable[Played]) -> Killed:
        """How many spoiled drafts of one mutation are noticed, and by which scorers."""
        by: Counter[str] = Counter()
        caught = 0
        chosen = self.chosen(mutation, played)
        for one in chosen:
            found = self.caught_by(one)
            by.update(found)
            caught += bool(found)
        return Killed(name=mutation.entry.name, drafts=len(chosen), caught=caught, by=dict(by.most_common()))

    def chosen(self, mutation: Mutation, played: Iterable[Played]) -> list[Spoiled]:
        """The drafts a mutation is tried on: good ones, spread over the scenarios."""
        good: list[Spoiled] = []
        others: list[Spoiled] = []
        for one in spoil(played, mutation):
            if len(good) == self._drafts:
                break
            (others if self._failed_before(one.original) else good).append(one)
        return [*good, *others][: self._drafts]

    def caught_by(self, one: Spoiled) -> frozenset[str]:
        """The scorers that fail the spoiled draft and had not failed the original."""
        return _failed(self._score(one.played)) - self._failed_before(one.original)

    def _failed_before(self, original: Played) -> frozenset[str]:
        if id(original) not in self._before:
            alone = Played(original.inquiry, draft=original.draft, case=original.case)
            self._before[id(original)] = _failed(self._score(alone))
        return self._before[id(original)]


def _failed(scores: Iterable[Score]) -> frozenset[str]:
    return frozenset(one.scorer for one in scores if one.status == "failed")


def again(results: Iterable[CaseResult], cases: Mapping[str, Case]) -> Iterator[Played]:
    """Results that were stored, as played cases: each case once, of its first repeat."""
    for one in results:
        if one.repeat == 1 and one.case in cases:
            yield Played(one.inquiry, draft=one.draft, case=cases[one.case])
