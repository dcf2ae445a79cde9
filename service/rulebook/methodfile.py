"""``knowledge/method.yaml``: the five-step method as data — steps, plans, headings, slots, offers, limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from service.errors import phrase
from service.rulebook.conditions import AllOf, ConditionError, parse_all
from service.rulebook.facts import FactBook
from service.rulebook.goodsfile import GoodsFile
from service.rulebook.scripts import ScriptRules
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml
from service.schemas import StepName, Verdict


class StepFile(StrictModel):
    """One step of the method."""

    name: str
    purpose: str
    do: list[str]
    dont: list[str]
    max_chars: int = 60


class PlannedFile(StrictModel):
    """One place in a plan; left out unless all of ``when`` holds."""

    step: StepName
    when: list[str] = Field(default_factory=list)


class VerdictFile(StrictModel):
    """A verdict's display name and plan."""

    name: str
    plan: list[PlannedFile]


class OfferFile(StrictModel):
    """Something that may be offered: always there, or only when its slot is filled."""

    slot: str = ""
    note: str = ""


class Register(StrictModel):
    """How a reply addresses the buyer, by tone; left out when one of ``never`` holds."""

    address: dict[str, list[str]]
    never: list[str] = Field(default_factory=list)
    familiar: list[str] = Field(default_factory=list)
    """Tones in which a reply may be familiar (亲, 呢)."""


class InstructionFile(StrictModel):
    """What the playbook makes of an agent's instruction that holds one of ``words``; a model reads it itself."""

    words: list[str]
    tone: Literal["warm", "neutral", "formal"] | None = None
    """The register, where the style names none."""
    brief: list[StepName] = Field(default_factory=list)
    """Steps for which the shortest line is taken."""


class MethodFile(StrictModel):
    """The whole file."""

    steps: dict[StepName, StepFile]
    verdicts: dict[Verdict, VerdictFile]
    slots: dict[str, str]
    """Slots that code fills, with what they hold."""
    last_slots: list[str]
    offers: dict[str, OfferFile]
    goods: GoodsFile
    """What ``{货}`` is."""
    register_: Register = Field(alias="register")
    instructions: list[InstructionFile] = Field(default_factory=list)
    threats: dict[str, str]
    """Threat values → display name."""
    reply_chars: int = 150
    max_questions: int = 3
    question_join: str = "；"
    confirm: str
    """How to ask for what only a model's reading says, where the fact has no question of its own."""
    refused_besides: str
    """How a demand refused besides the main one is told: ``{demand}`` and its ``{ground}``."""
    advice: dict[str, str]
    """Advice sentences code gives, by name."""


@dataclass(frozen=True)
class Planned:
    """A place in a plan, its conditions parsed."""

    step: StepName
    when: AllOf


@dataclass(frozen=True)
class Method:
    """The method ready for use."""

    entry: MethodFile
    plans: dict[Verdict, tuple[Planned, ...]]
    no_address: tuple[AllOf, ...]


def read_method(path: Path) -> tuple[MethodFile, YamlFile]:
    """The file's data, before the facts are known.

    Raises:
        RulebookError: broken file.
    """
    file = read_yaml(path)
    return file.parse(MethodFile), file


def script_rules(entry: MethodFile) -> ScriptRules:
    """What the script loader needs of the method."""
    return ScriptRules(
        verdicts={verdict.name: key for key, verdict in entry.verdicts.items()},
        steps={step.name: key for key, step in entry.steps.items()},
        last_slots=frozenset(entry.last_slots),
        slots=frozenset(entry.slots),
    )


def build_method(entry: MethodFile, file: YamlFile, facts: FactBook) -> Method:
    """Parse the plans' conditions.

    Raises:
        RulebookError: a condition over facts that do not exist.
    """
    plans: dict[Verdict, tuple[Planned, ...]] = {}
    try:
        for verdict, row in entry.verdicts.items():
            plans[verdict] = tuple(Planned(place.step, parse_all(place.when, facts)) for place in row.plan)
        never = tuple(parse_all([condition], facts) for condition in entry.register_.never)
    except ConditionError as error:
        raise file.error(phrase(error.key, name=error.name), "verdicts") from None
    return Method(entry, plans, never)
