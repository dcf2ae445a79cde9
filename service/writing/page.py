"""What a model is asked for one matter, what it gives back, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.errors import ModelError
from service.llm import Answer
from service.schemas import Claim, Step, StepName
from service.writing.material import Material

COSTLY = frozenset({"llm_timeout", "llm_bad_reply", "llm_incomplete", "llm_refused"})
"""Failures before which the model was at work: they are paid for. One that could not be reached is not."""


@dataclass
class Spent:
    """What one draft cost so far, over all its calls."""

    until: float
    """Monotonic time at which the draft's patience ends."""
    calls: int = 0
    usage: dict[str, int] = field(default_factory=dict)
    model: str | None = None
    since: float = 0.0
    """Monotonic time at which the draft began."""
    unreported: int = 0
    """Calls whose tokens nobody told, though the model had worked."""
    chars: int = 0
    """Of the words those calls were asked with."""

    @property
    def left(self) -> float:
        """Seconds that remain; never negative."""
        return max(0.0, self.until - time.monotonic())

    def add(self, answer: Answer, chars: int = 0) -> None:
        """Count one answered question of so many characters."""
        self.calls += answer.calls
        self.model = answer.model
        if not answer.usage:
            self.guess(chars)
        for kind, count in answer.usage.items():
            self.usage[kind] = self.usage.get(kind, 0) + count

    def failed(self, error: ModelError, chars: int = 0) -> ModelError:
        """Count a question of so many characters that failed; the error, with all calls so far."""
        calls = int(error.parameters.get("calls", 0))
        self.calls += calls
        if calls and error.code in COSTLY:
            self.guess(chars)
        return ModelError(error.code, calls=self.calls)

    def guess(self, chars: int) -> None:
        """Note a call that cost tokens nobody told of."""
        self.unreported += 1
        self.chars += chars


@dataclass(frozen=True)
class Page:
    """What is asked for one matter: its plan and tone, its material, and the stable part of the prompt."""

    common: str
    """The instructions, before the examples."""
    examples: str
    material: Material
    steps: Sequence[StepName]
    verdict: str
    tone: str
    address: bool
    max_chars: int
    reads: bool
    """Whether the answer is to read as well."""

    @property
    def system(self) -> str:
        """The stable part."""
        return f"{self.common}\n\n{self.examples}".strip()


@dataclass(frozen=True)
class Written:
    """A whole answer: what was read, the steps, the remark to the agent."""

    claims: list[Claim]
    steps: list[Step]
    notes: str


@dataclass(frozen=True)
class Spoilt:
    """A streamed step that cannot stand, and why."""

    step: StepName
    mistake: str
