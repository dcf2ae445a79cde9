"""The rubric (``rubric.yaml``): what is looked at, what it weighs, what vetoes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from service.errors import phrase
from service.rulebook.yamlfile import StrictModel, read_yaml

RUBRIC = Path(__file__).with_name("rubric.yaml")


class ScorerEntry(StrictModel):
    """One thing looked at. ``ask``: what a judge, or a person, is asked where no rule can tell."""

    name: str
    group: str
    weight: Annotated[float, Field(gt=0, le=100)]
    veto: bool = False
    ask: str = ""


class Sampling(StrictModel):
    """Which drafts of the live desk a person should look at."""

    percent: Annotated[float, Field(ge=0, le=100)]
    always: list[Literal["rejected", "edited_with_findings", "threat_refused"]] = Field(default_factory=list)


class Empathy(StrictModel):
    """When an empathy step takes up what this buyer said."""

    shared: Annotated[int, Field(ge=1)]
    """Telling characters it shares with the buyer's words or the goods."""
    least: Annotated[int, Field(ge=1)]
    """Telling characters below which a buyer has said nothing to take up."""
    generic: list[str] = Field(default_factory=list)
    """Words that fit every case; they take up nothing."""


class GateRule(StrictModel):
    """When a comparison says enough to let something be released."""

    comparable: Annotated[float, Field(ge=0, le=100)]
    """Percent of a run's cases the other side must have too, word for word."""


class RubricFile(StrictModel):
    """``rubric.yaml``."""

    pass_: Annotated[float, Field(ge=0, le=100, alias="pass")]
    kappa_floor: Annotated[float, Field(ge=-1, le=1)]
    kappa_least: Annotated[int, Field(ge=1)]
    groups: dict[str, str]
    scorers: dict[str, ScorerEntry]
    never_accepted: list[str]
    sampling: Sampling
    empathy: Empathy
    gate: GateRule
    bubbles: Annotated[int, Field(ge=1)]
    """Most bubbles of a reply."""
    bubble_chars: Annotated[int, Field(ge=20)]
    """Most characters of one bubble."""
    strict: list[str] = Field(default_factory=list)
    """Rules of the checks that only warn the desk and fail here all the same."""
    off_limits: list[str] = Field(default_factory=list)
    """Topics (``knowledge/faithful.yaml``) no reply brings up by itself."""


@dataclass(frozen=True)
class Rubric:
    """The rubric, and the digest reviews are bound to: of what scores rest on, not of floors and sampling."""

    entry: RubricFile
    digest: str

    @property
    def judged(self) -> dict[str, ScorerEntry]:
        """The scorers a judge or a person is asked about, in order."""
        return {name: one for name, one in self.entry.scorers.items() if one.ask}


def load_rubric(path: Path = RUBRIC) -> Rubric:
    """Load the rubric.

    Raises:
        RulebookError: broken, or it names a group or scorer that is not there.
    """
    file = read_yaml(path)
    entry = file.parse(RubricFile)
    for name, scorer in entry.scorers.items():
        if scorer.group not in entry.groups:
            raise file.error(phrase("rubric_no_group", group=scorer.group), "scorers", name)
    for place, name in enumerate(entry.never_accepted):
        if name not in entry.scorers:
            raise file.error(phrase("rubric_no_scorer", scorer=name), "never_accepted", place)
    scoring = entry.model_dump_json(include={"pass_", "scorers", "empathy", "bubbles"})
    return Rubric(entry, hashlib.sha256(scoring.encode()).hexdigest()[:12])


@cache
def shipped_rubric() -> Rubric:
    """The rubric of this installation, read once."""
    return load_rubric()
