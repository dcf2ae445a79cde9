"""Scenario documents with their scripts (``knowledge/scenarios/*.md``).

``## 不合理`` / ``## 合理`` / ``## 需澄清`` hold ``### step`` sections of bullets; one bullet is one chat bubble.
（…） in front is a condition, ``〔…〕`` falls away when a slot in it is empty, a bullet with any other empty slot
is no candidate. No digit and no numeral above 三 stands in a script: every number comes through a slot. Each
step's last bullet has no condition and only the slots named in ``method.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from service.errors import RulebookError, phrase
from service.rulebook.conditions import AllOf, ConditionError, parse_all
from service.rulebook.facts import FactBook
from service.rulebook.yamlfile import StrictModel, read_front_matter
from service.schemas import StepName, Verdict

SLOT = re.compile(r"\{([^{}]+)\}")
_OPTIONAL = re.compile(r"〔([^〔〕]*)〕")
_CONDITION = re.compile(r"^（([^（）]+)）")
NUMERAL = re.compile(r"[0-9０-９四五六七八九十百千万亿]")
COMMON = "_common"
"""The document whose scripts serve every scenario that has none of its own for a step."""


class ScenarioHead(StrictModel):
    """Front matter of a scenario document."""

    kind: str = "scenario"
    scenario: str
    name: str
    title: str = ""
    authority: str = "guideline"
    questions: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bullet:
    """One wording of one step."""

    text: str
    when: AllOf
    slots: frozenset[str]
    line: int

    @classmethod
    def of(cls, text: str) -> Bullet:
        """A wording from elsewhere (a boundary's ``say``), without conditions."""
        return cls(text, AllOf(()), frozenset(SLOT.findall(text)), 0)

    def render(self, slots: Mapping[str, str]) -> str | None:
        """The bubble with its slots filled; None when a slot it needs is empty."""
        return fill(self.text, slots)


def fill(text: str, slots: Mapping[str, str]) -> str | None:
    """A wording with its slots filled; None when a slot it needs is empty."""
    parts = _parts(text)
    kept = [not part.optional or all(map(slots.get, part.names)) for part in parts]
    for part in parts:
        if not part.optional:
            for name in part.names:
                if not slots.get(name) and name not in MAY_BE_EMPTY:
                    return None
    said = zip(kept, parts, strict=True)
    return "".join([part.form % tuple([slots.get(name, "") for name in part.names]) for keep, part in said if keep])


class _Part(NamedTuple):
    """A stretch of a wording: what stands in one 〔…〕, or between two; ``form`` has ``%s`` for each slot."""

    form: str
    names: tuple[str, ...]
    optional: bool


@lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[_Part, ...]:
    """A wording taken apart; the same few are filled for every draft."""
    split = [(piece, bool(place % 2)) for place, piece in enumerate(_OPTIONAL.split(text))]
    return tuple(
        _Part(SLOT.sub("%s", piece.replace("%", "%%")), tuple(SLOT.findall(piece)), optional)
        for piece, optional in split
    )


MAY_BE_EMPTY = frozenset({"称呼"})
"""Slots whose emptiness is a choice of register, not a missing fact."""


@dataclass(frozen=True)
class Scenario:
    """A scenario: its names and its scripts by verdict and step."""

    id: str
    name: str
    path: Path
    scripts: dict[tuple[Verdict, StepName], tuple[Bullet, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ScriptRules:
    """What the loader must know from ``method.yaml``: headings, and the slots a last bullet may use."""

    verdicts: Mapping[str, Verdict]
    steps: Mapping[str, StepName]
    last_slots: frozenset[str]
    slots: frozenset[str]


def scenario_names(folder: Path) -> dict[str, ScenarioHead]:
    """The heads of all scenario documents by scenario id, without their scripts."""
    heads: dict[str, ScenarioHead] = {}
    for path in sorted(folder.glob("*.md")):
        file, _, _ = read_front_matter(path)
        head = file.parse(ScenarioHead)
        if head.scenario in heads or head.scenario != path.stem:
            raise file.error(phrase("scenario_misnamed", name=head.scenario, file=path.name), "scenario")
        heads[head.scenario] = head
    return heads


def load_scenarios(folder: Path, facts: FactBook, rules: ScriptRules) -> dict[str, Scenario]:
    """All scenario documents with their scripts.

    Raises:
        RulebookError: unknown heading, condition or slot; a number in a script; a last bullet that may fail.
    """
    scenarios: dict[str, Scenario] = {}
    for name, head in scenario_names(folder).items():
        path = folder / f"{name}.md"
        _, body, offset = read_front_matter(path)
        scenarios[name] = Scenario(name, head.name, path, _Parser(path, offset, facts, rules).scripts(body))
    return scenarios


class _Parser:
    def __init__(self, path: Path, offset: int, facts: FactBook, rules: ScriptRules) -> None:
        self.path, self.offset, self.facts, self.rules = path, offset, facts, rules

    def scripts(self, body: str) -> dict[tuple[Verdict, StepName], tuple[Bullet, ...]]:
        verdict: Verdict | None = None
        step: StepName | None = None
        found: dict[tuple[Verdict, StepName], list[Bullet]] = {}
        for number, line in enumerate(body.split("\n"), start=1 + self.offset):
            if line.startswith("## "):
                verdict, step = self.rules.verdicts.get(line[3:].strip()), None
            elif line.startswith("### ") and verdict:
                heading = line[4:].strip()
                if heading not in self.rules.steps:
                    raise self._error(number, "script_no_step", name=heading)
                step = self.rules.steps[heading]
            elif line.startswith("- ") and verdict and step:
                found.setdefault((verdict, step), []).append(self._bullet(line[2:].strip(), number))
        for bullets in found.values():
            self._check_last(bullets[-1])
        return {key: tuple(bullets) for key, bullets in found.items()}

    def _bullet(self, text: str, line: int) -> Bullet:
        conditions: list[str] = []
        if match := _CONDITION.match(text):
            conditions, text = [part.strip() for part in match[1].split("，")], text[match.end() :].strip()
        try:
            when = parse_all(conditions, self.facts)
        except ConditionError as error:
            raise self._error(line, error.key, name=error.name) from None
        slots = frozenset(SLOT.findall(text))
        for slot in slots:
            if slot not in self.rules.slots and self.facts.kind(slot) is None:
                raise self._error(line, "script_no_slot", name=slot)
        if number := NUMERAL.search(SLOT.sub("", text)):
            raise self._error(line, "script_number", number=number[0])
        return Bullet(text, when, slots, line)

    def _check_last(self, bullet: Bullet) -> None:
        extra = sorted(bullet.slots - self.rules.last_slots)
        if bullet.when.parts or extra or "〔" in bullet.text:
            raise self._error(bullet.line, "script_last", slots="、".join(sorted(self.rules.last_slots)))

    def _error(self, line: int, key: str, **parameters: str) -> RulebookError:
        return RulebookError(self.path, line, phrase(key, **parameters))
