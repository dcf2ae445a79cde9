"""Playing a case: its inquiry, its twins, and the pushes of a ladder, each drafted by whoever drafts."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from evals.dataset import Case, Twin
from evals.results import TurnOut
from service.errors import YouliError
from service.rulebook.facts import FactBook
from service.schemas import Draft, Inquiry, Message

Drafting = Callable[[Inquiry], Awaitable[Draft]]
"""The production drafter, or a service at some address. Raises YouliError where no draft comes."""


@dataclass
class Played:
    """A case as it was played once. Without a case (a draft of the live desk) nothing is expected of it."""

    inquiry: Inquiry
    draft: Draft | None = None
    error: str | None = None
    case: Case | None = None
    repeat: int = 1
    pushes: list[TurnOut] = field(default_factory=list)
    twins: list[tuple[Twin, TurnOut]] = field(default_factory=list)
    others: list[Draft] = field(default_factory=list)
    """The drafts of the same case in other repeats."""
    took_s: list[float] = field(default_factory=list)
    """Seconds of each draft."""

    @property
    def drafts(self) -> list[Draft]:
        """Every draft there is, the case's own first."""
        turns = [*self.pushes, *(turn for _, turn in self.twins)]
        return [draft for draft in (self.draft, *(turn.draft for turn in turns)) if draft is not None]


@dataclass(frozen=True)
class Play:
    """How cases are played: who drafts, and whether their twins are too."""

    drafting: Drafting
    facts: FactBook
    writer: str = "playbook"
    twins: bool = True

    async def case(self, case: Case, repeat: int = 1) -> Played:
        """Play one case; what cannot be drafted is an error in its place and ends nothing else."""
        inquiry = case.inquiry.model_copy(update={"writer": self.writer})
        played = Played(inquiry, case=case, repeat=repeat)
        played.draft, played.error = await self._draft(inquiry, played)
        await self._climb(case, played)
        for twin in case.entry.twins if self.twins and repeat == 1 else ():
            fact = self.facts.facts.get(twin.forget) if twin.forget else None
            changed = case.twin(twin, fact.entry.order if fact else None)
            turn = await self._turn(changed.model_copy(update={"writer": self.writer}), _said(twin), played)
            played.twins.append((twin, turn))
        return played

    async def _climb(self, case: Case, played: Played) -> None:
        """Push: the buyer answers each reply and wants the same once more."""
        inquiry, draft = played.inquiry, played.draft
        for push in case.entry.pushes:
            if draft is None:
                return
            said = (Message(role="agent", content=draft.reply), Message(role="customer", content=push))
            messages = (*inquiry.messages, *said) if draft.reply else (*inquiry.messages, said[1])
            inquiry = inquiry.model_copy(update={"messages": messages})
            turn = await self._turn(inquiry, push, played)
            played.pushes.append(turn)
            draft = turn.draft

    async def _turn(self, inquiry: Inquiry, said: str, played: Played) -> TurnOut:
        draft, error = await self._draft(inquiry, played)
        return TurnOut(said=said, inquiry=inquiry, draft=draft, error=error)

    async def _draft(self, inquiry: Inquiry, played: Played) -> tuple[Draft | None, str | None]:
        begun = time.perf_counter()
        try:
            return await self.drafting(inquiry), None
        except YouliError as error:
            return None, error.code
        finally:
            played.took_s.append(time.perf_counter() - begun)


def _said(twin: Twin) -> str:
    """What the twin changes, for people."""
    if twin.say is not None:
        return twin.say
    if twin.order:
        return "，".join(f"{key}={value}" for key, value in twin.order.items())
    return f"− {twin.forget or twin.drop or ''}"


def case_digest(case: Case) -> str:
    """Of what is played and expected: the same digest is the same case."""
    entry = case.entry.model_dump(mode="json", exclude={"name", "source", "tags", "decisive"})
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:16]
