"""The shapes of ``knowledge/forbidden``: rule files, each a category, and what they share."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from service.errors import phrase
from service.rulebook.yamlfile import StrictModel
from service.schemas import Category, Severity

DATED = frozenset({"law", "red_line"})
"""Categories whose rules must say when they were checked and when to check again."""
Frame = Annotated[str, Field(min_length=1)]


def _listed(say: Any) -> Any:
    return [say] if isinstance(say, str) else say


class Count(StrictModel):
    """A rule that one hit does not break: ``near`` hits each within ``within`` characters, or ``total`` in the text."""

    near: Annotated[int, Field(ge=2)]
    within: Annotated[int, Field(ge=1)]
    total: Annotated[int, Field(ge=2)]


class Rule(StrictModel):
    """One sense that must not be said."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    name: str
    why: str
    severity: Severity = "block"
    words: dict[str, list[str]] = Field(default_factory=dict)
    frames: Annotated[list[Frame], Field(min_length=1)]
    unless: list[Frame] = Field(default_factory=list)
    nearby: list[Frame] = Field(default_factory=list)
    count: Count | None = None
    quoted: bool = False
    """Also look inside quotation marks."""
    exact: bool = False
    """Mark just the words found, not the whole clause."""
    say: Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_listed)] = Field(default_factory=list)
    """Wordings of what to say instead, the fullest first; see :mod:`service.rulebook.wording`."""
    checked_on: date | None = None
    review_by: date | None = None
    bad: Annotated[list[str], Field(min_length=8)]
    ok: Annotated[list[str], Field(min_length=8)]


class RuleFile(StrictModel):
    """One file: a category and its rules. ``checked_on``/``review_by`` hold for every rule that has none itself."""

    category: Category
    platforms: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    """Where the rules are in force, by the names shop systems give the platform; empty: everywhere."""
    checked_on: date | None = None
    review_by: date | None = None
    words: dict[str, list[str]] = Field(default_factory=dict)
    rules: Annotated[list[Rule], Field(min_length=1)]

    @model_validator(mode="after")
    def _dated(self) -> RuleFile:
        for rule in self.rules:
            checked, review = rule.checked_on or self.checked_on, rule.review_by or self.review_by
            if self.category in DATED and (checked is None or review is None):
                raise ValueError(phrase("rule_undated", rule=rule.id))
        return self


class SharedWords(StrictModel):
    """Word classes, and named lists of frames that ``unless`` and ``nearby`` take in as ``=name``."""

    words: dict[str, list[str]] = Field(default_factory=dict)
    exempt: dict[str, list[Frame]] = Field(default_factory=dict)
