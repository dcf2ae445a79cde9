"""What ids are called on a report: scorers by the rubric, scenarios by their documents, the rest by word files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from evals.report.inert import visible
from evals.results import CaseResult
from evals.rubric import RubricFile, shipped_rubric
from evals.words import name_of
from service.errors import RulebookError, messages
from service.rulebook.scripts import scenario_names
from service.settings import HOME

_WORDS = Path(__file__).with_name("words.zh.yaml")


@cache
def _all() -> dict[str, Any]:
    with _WORDS.open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(file, Loader=yaml.CBaseLoader)
    return loaded


def words(section: str) -> dict[str, str]:
    """The words of a section of ``words.zh.yaml``, in their order."""
    return dict(_all()[section])


def phrase(section: str, name: str, /, **parameters: object) -> str:
    """A sentence of ``words.zh.yaml``, filled in."""
    return str(_all()[section][name]).format_map({key: str(value) for key, value in parameters.items()})


@lru_cache(maxsize=4)
def _heads(folder: Path, stamps: tuple[tuple[str, int], ...]) -> dict[str, str]:
    """Scenario names of a folder whose files are as old as ``stamps`` say; none where one is broken."""
    try:
        return {name: head.name for name, head in scenario_names(folder).items()}
    except RulebookError:
        return {}


@dataclass(frozen=True)
class Names:
    """Names by id; an id nobody named stands for itself."""

    rubric: RubricFile
    scenarios: Mapping[str, str]

    @classmethod
    def of(cls, results: Iterable[CaseResult], knowledge: Path = HOME / "knowledge") -> Names:
        """The names for a run. Where the documents cannot be read, the drafts still say what they call a scenario."""
        drafted = {one.draft.scenario: one.draft.scenario_name for one in results if one.draft is not None}
        folder = knowledge / "scenarios"
        stamps = tuple((path.name, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.md")))
        return cls(shipped_rubric().entry, {**drafted, **_heads(folder, stamps)})

    def scorer(self, name: str) -> str:
        """A scorer's name; one the rubric does not have keeps its id."""
        entry = self.rubric.scorers.get(name)
        return entry.name if entry else visible(name)

    def held(self, name: str) -> str:
        """What it is called that a score holds: a check mark beside 该办的拒了 would say the opposite."""
        own = _all()["names"]["held"].get(name)
        return str(own) if own else self.scorer(name)

    def group(self, scorer: str) -> str:
        """The name of the group a scorer is in; empty for one the rubric does not have."""
        entry = self.rubric.scorers.get(scorer)
        return self.rubric.groups[entry.group] if entry else ""

    def key(self, key: str) -> str:
        """The name of what failed, as ``evals.standing`` keeps it: a scorer, or a sentence of the case."""
        scorer, colon, criterion = key.partition(":")
        return f"{self.scorer(scorer)} {visible(criterion)}" if colon else self.scorer(scorer)

    def ordered(self, scorers: Iterable[str]) -> list[str]:
        """Scorers as the rubric orders them, unknown ones behind."""
        order = {name: n for n, name in enumerate(self.rubric.scorers)}
        return sorted(scorers, key=lambda name: (order.get(name, len(order)), name))

    def scenario(self, name: str) -> str:
        """A scenario's name."""
        return visible(self.scenarios.get(name) or name)

    def value(self, kind: str, value: str) -> str:
        """The name of a verdict, threat, step, or whatever else the word files know."""
        own = _all()["names"].get(kind, {})
        return str(own.get(value) or visible(name_of(kind, value)))

    def error(self, code: str) -> str:
        """The short name of an error code."""
        return messages().get(code, {}).get("title", visible(code))

    def missed(self, what: str) -> str:
        """What a known miss is about; it is written in English words where it is kept."""
        head, colon, rest = what.partition(": ")
        if colon and head.startswith("twin "):
            return phrase("known", "twin", number=head.removeprefix("twin "), what=self.missed(rest))
        if colon and head == "moved by":
            return phrase("known", "moved", tone=self.value("tone", rest))
        if what.endswith(" not the same"):
            return phrase("known", "not_same", what=self.value("looked_at", what.removesuffix(" not the same")))
        return self.value("looked_at", what)
