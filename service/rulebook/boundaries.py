"""The table of boundaries (``knowledge/boundaries/*.yaml``): one chapter a file, in order of force.

Read from the top down; the first row that holds decides. A row's ``match`` and ``not_match`` are its tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from service.errors import phrase
from service.rulebook.conditions import AllOf, ConditionError, parse_all
from service.rulebook.facts import FactBook
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml
from service.schemas import Authority, Verdict


def _listed(value: Any) -> Any:
    """One wording may be written without a list."""
    return [value] if isinstance(value, str) else value


Wordings = Annotated[list[str], BeforeValidator(_listed)]


class AdviceLine(StrictModel):
    """Advice a row gives the agent beside the reply; slots are filled like a script's."""

    kind: Literal["attach", "evidence", "escalate", "grant", "verify", "todo"]
    text: str
    topic: str = "default"
    when: list[str] = Field(default_factory=list)


class BoundaryFile(StrictModel):
    """A row as the team writes it."""

    id: str
    name: str
    scenario: str
    verdict: Verdict
    when: list[str] = Field(default_factory=list)
    rule: str = ""
    """Document (``law/seven-day-return``), optionally with a section after ``#``."""
    say: Wordings = Field(default_factory=list)
    door: Wordings = Field(default_factory=list)
    offer: list[str] = Field(default_factory=list)
    ask: list[str] = Field(default_factory=list)
    """For rows that ask: the facts whose questions are put, three at most."""
    person: str = ""
    topic: str = "default"
    """Which escalation line of the shop file answers for ``person``."""
    advice: list[AdviceLine] = Field(default_factory=list)
    match: list[str] = Field(default_factory=list)
    not_match: list[str] = Field(default_factory=list)


class ChapterFile(StrictModel):
    """One chapter of the table."""

    chapter: str
    authority: Authority
    rows: list[BoundaryFile]


@dataclass(frozen=True)
class Boundary:
    """One row, its conditions parsed, with where it stands."""

    entry: BoundaryFile
    when: AllOf
    advice_when: tuple[AllOf, ...]
    chapter: str
    authority: Authority
    file: Path
    line: int
    _wanted: dict[str, frozenset[str] | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def id(self) -> str:
        """Stable name in the API."""
        return self.entry.id

    def wanted(self, fact: str) -> frozenset[str] | None:
        """The values of this choice outside which the row never holds; None when it says nothing of it."""
        try:
            return self._wanted[fact]
        except KeyError:
            return self._wanted.setdefault(fact, self.when.only(fact))


def load_boundaries(folder: Path, facts: FactBook, scenarios: set[str]) -> tuple[Boundary, ...]:
    """All rows, in order of force (file names sort them).

    Raises:
        RulebookError: broken file, id twice, unknown fact, value, scenario; no last row that always holds.
    """
    rows: list[Boundary] = []
    seen: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        file = read_yaml(path)
        chapter = file.parse(ChapterFile)
        for index, entry in enumerate(chapter.rows):
            if entry.id in seen:
                raise file.error(phrase("boundary_twice", id=entry.id, other=seen[entry.id]), "rows", index)
            seen[entry.id] = path.name
            rows.append(_row(file, chapter, index, entry, facts, scenarios))
    if not rows or rows[-1].entry.when:
        raise read_yaml(sorted(folder.glob("*.yaml"))[-1]).error(phrase("boundary_no_last"))
    return tuple(rows)


def _row(
    file: YamlFile, chapter: ChapterFile, index: int, entry: BoundaryFile, facts: FactBook, scenarios: set[str]
) -> Boundary:
    where = ("rows", index)
    if entry.scenario not in scenarios:
        raise file.error(phrase("boundary_no_scenario", name=entry.scenario), *where, "scenario")
    if entry.verdict == "unreasonable" and not entry.say:
        raise file.error(phrase("boundary_no_say", id=entry.id), *where)
    for name in entry.ask:
        if facts.kind(name) is None or not facts.facts[name].entry.ask:
            raise file.error(phrase("boundary_no_question", name=name), *where, "ask")
    try:
        when = parse_all(entry.when, facts)
        advice_when = tuple(parse_all(line.when, facts) for line in entry.advice)
    except ConditionError as error:
        raise file.error(phrase(error.key, name=error.name), *where, "when") from None
    return Boundary(entry, when, advice_when, chapter.chapter, chapter.authority, file.path, file.line(*where))
