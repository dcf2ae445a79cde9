"""The shape of ``knowledge/checks.yaml``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from service.rulebook.yamlfile import StrictModel
from service.schemas import Category, EntityType, Severity, StepName, Verdict


def _plain(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class ExampleFile(StrictModel):
    """A sentence, or steps, with the ground they stand on."""

    text: str = ""
    steps: list[dict[StepName, str]] = Field(default_factory=list)
    records: list[str] = Field(default_factory=list)
    buyer: list[str] = Field(default_factory=list)
    agent: list[str] = Field(default_factory=list)
    verdict: Verdict | None = None
    offers: list[str] = Field(default_factory=list)
    planned: list[StepName] | None = None
    max_chars: int = 300
    checked_chars: int | None = None
    """Overrides that of the file."""
    familiar: bool | None = None
    given: bool = True


Example = Annotated[ExampleFile, BeforeValidator(_plain)]


class CheckRule(StrictModel):
    """One rule: its Chinese, its weight, and for leaks the patterns that find it."""

    category: Category
    name: str
    why: str
    say: str | None = None
    severity: Severity = "block"
    patterns: list[str] = Field(default_factory=list)
    bad: list[Example] = Field(min_length=1)
    ok: list[Example] = Field(min_length=1)


class KindFile(StrictModel):
    """A kind of number: how a finding calls it, and where its source should have been."""

    name: str
    source: str


class TermFile(StrictModel):
    """Numbers on record that a derivation starts from: of these kinds, right behind one of the words if any."""

    kinds: list[str] = Field(min_length=1)
    words: list[str] = Field(default_factory=list)


class DerivedFile(StrictModel):
    """A number of ``kind`` that may be worked out from two on record.

    ``op``: ``one`` minus, times or over ``other``; the ``share`` of ``one`` that ``other`` per cent are; the day
    ``after`` the date ``one`` by the length ``other``. ``told`` ones may be said, never undertaken. With ``same_unit``
    all three are counted in measure words that agree.
    """

    name: str
    kind: str
    op: Literal["minus", "times", "over", "share", "after"]
    one: TermFile
    other: TermFile
    told: bool = False
    same_unit: bool = False


class NumbersFile(StrictModel):
    """Limits and exemptions of numbers. ``tolerance`` is a share, used between different units of time only."""

    free_plain: float
    free_count: float
    counter_max: float
    tolerance: float
    long_digits: int
    named: list[str]
    """Kinds told by a name (``大后天``, ``下周三``): a bare figure is no source of theirs."""
    names: list[str]
    kinds: dict[str, KindFile]
    alike: dict[str, list[str]]
    own: list[str]
    """Kinds a buyer may count: repeating them in what we do is no promise of money or time."""
    carried: list[str]
    """Kinds whose commitment may stand in the next clause (``500元，这就退给您``)."""
    terms: list[str]
    """Kinds of time: one that lies ahead has no source in the days the order counts."""
    weighty: list[str]
    """Kinds that only the step of empathy may retell freely: anywhere else a figure of the buyer's looks conceded."""
    timed: list[str]
    """Kinds that may set a deadline."""
    measures: list[str]
    """Measure words that weigh or rate and count no pieces."""
    any_unit: list[str]
    """Measure words that may count anything."""
    units: list[list[str]]
    """Measure words that may count the same things."""
    sizes: list[dict[str, float]]
    """What a measure word weighs or holds in the smallest one of its row: ``1.5公斤`` is ``三斤``."""
    derived: list[DerivedFile]
    """What may be worked out from what."""


class ActFile(StrictModel):
    """An act: the words that say it, and the words that back it in a record (its own when empty)."""

    said: list[str] = Field(min_length=1)
    record: list[str] = Field(default_factory=list)


class PermitFile(StrictModel):
    """What an offer or a granted demand allows to be promised: benefit classes, and words that must stand near."""

    benefits: list[str]
    words: list[str] = Field(default_factory=list)


class PrivateFile(StrictModel):
    """Types that block, those that records may back, and what makes one the shop's own or an address public."""

    never: list[EntityType]
    recorded: list[EntityType]
    ours: list[str]
    places: list[str]
    homes: list[str]
    hint: str
    names: dict[EntityType, str]


class MethodWords(StrictModel):
    """Words of the method's checks; ``common`` are characters that tell nothing."""

    common: str
    repeated_min: int
    familiar: str
    """Pattern of what is familiar (亲, 呢): in place only where tone, shop and case allow it."""
    steps: dict[StepName, str]


class CheckFile(StrictModel):
    """The whole file."""

    checked_chars: Annotated[int, Field(ge=300)]
    """Characters of a text that are checked; what lies beyond is neither read nor let through."""
    words: dict[str, list[str]]
    benefits: dict[str, list[str]]
    presents: dict[str, list[str]]
    """Classes of benefits no verdict brings with it: each needs a record, or the buyer's word for what was announced.

    The words listed tell nothing by themselves.
    """
    acts: dict[str, ActFile]
    not_recorded: list[str]
    permits: dict[str, PermitFile]
    numbers: NumbersFile
    frames: dict[str, list[str]]
    method: MethodWords
    private: PrivateFile
    rules: dict[str, CheckRule]
