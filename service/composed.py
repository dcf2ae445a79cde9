"""A finished reply, and what composing gives on the way to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from service.checking import Settled
from service.checks.ground import Ground
from service.matter import Matter
from service.modelside import ModelSide
from service.schemas import Claim, Step, Variant, WriterOut
from service.sourcing import ground_of
from service.writing.page import Page, Spent

Reconsider = Callable[[Matter, Sequence[Claim]], Awaitable[Matter]]
"""The matter after claims were weighed: another one where they changed what is to be written."""


@dataclass(frozen=True)
class Composed:
    """A finished reply: the steps that passed, who wrote them, what it cost."""

    matter: Matter
    """As it was decided in the end, with what a model claimed to have read."""
    settled: Settled
    writer: WriterOut
    usage: dict[str, int] = field(default_factory=dict)
    notes: str = ""
    variants: list[Variant] = field(default_factory=list)


Part = Matter | Step | Composed
"""What composing gives: a changed matter (before any step), steps as they leave when streaming, the reply at last."""


def grounds(matter: Matter) -> Ground:
    """What a reply to the matter may state, the playbook's steps with it."""
    return ground_of(matter.brief, matter.cited, matter.ground)


def signed(side: ModelSide, page: Page, spent: Spent, steps: Sequence[Step], reason: str | None) -> WriterOut:
    """Who wrote it; a draft of which checks replaced steps says so."""
    return WriterOut(
        kind="model" if any(step.writer == "model" for step in steps) else "playbook",
        model=spent.model,
        prompt=side.writer.label,
        calls=spent.calls,
        degraded=reason is not None,
        reason=reason,
        trimmed=page.material.cuts,
    )
