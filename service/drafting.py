"""The path of a draft, on one screen: read → judge → plan → search → compose (write, check) → draft.

An async stream of the contract's events whose last one is the plain answer. Rules decide, code checks; a writer
only words what was decided, and what fails a check is replaced before anybody sees it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from service.acting import Acting, acting
from service.answering import Assembled, assemble, explain, reading_out, told_again, verdict_out
from service.checking import Checker
from service.citing import Librarian
from service.composed import Composed
from service.composing import Composer
from service.errors import InvalidRequest
from service.evidence import Evidence
from service.ids import new_id
from service.limiting.budget import Budget, Meter
from service.limiting.turns import turns
from service.matter import Matter, matter_of
from service.modelside import ModelSide
from service.promise import promised
from service.reading import read
from service.rulebook.book import Rulebook
from service.schemas import CheckRequest, CheckResult, Claim, Draft, Event, Inquiry, Step
from service.understanding import understand
from service.watching import Course
from service.writing.playbook import Playbook


class DraftKeeper(Protocol):
    """Where finished drafts are kept."""

    async def save_draft(self, draft: Draft, inquiry: Inquiry) -> None:
        """Keep it; on disk when this returns."""


class Drafter:
    """Drafts replies. One per process and rulebook; holds no state between drafts."""

    def __init__(
        self,
        rulebook: Rulebook,
        library: Librarian,
        model_side: ModelSide | None = None,
        store: DraftKeeper | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.rulebook, self.library, self.model_side, self.store = rulebook, library, model_side, store
        self.budget = budget
        self.playbook = Playbook(rulebook.scenarios)
        self.checker = Checker(rulebook)
        self.composer = Composer(self.checker, self.playbook, model_side)
        self.evidence = Evidence(rulebook, model_side.evidence_rules) if model_side else None

    async def draft(self, inquiry: Inquiry) -> AsyncIterator[Event]:
        """All events of one draft; the last is ``draft.completed`` with the draft.

        ``draft.reading`` and ``draft.verdict`` come again, before any step, where a model's reading changed them.

        Raises:
            InvalidRequest: ``unknown_shop``, before the first event.
            TooMany: ``tokens_spent``, before the first event, where only the model's draft is wanted.
            Unavailable: the draft could not be kept.
        """
        with Course() as course:
            events = self._events(inquiry, course)
            async with aclosing(events):
                async for event in events:
                    course.saw(event)
                    yield event

    async def _events(self, inquiry: Inquiry, clock: Course) -> AsyncGenerator[Event]:
        book = self.rulebook
        shop = book.shops.get(inquiry.shop)
        if shop is None:
            raise InvalidRequest("unknown_shop", shop=inquiry.shop)
        promise = promised()
        if promise is not None and promise.draft is not None:  # kept by a process that ended before it could answer
            for event in told_again(promise.draft):
                yield event
            return
        who = acting()
        meter = await self._metered(inquiry, who)
        draft_id, created = promise.id if promise else new_id("dft"), inquiry.now or datetime.now(UTC)
        yield Event(type="draft.created", data={"id": draft_id, "created_at": created.isoformat()})

        await _turn(meter, clock)
        reading = read(inquiry, book.listening, book.facts)
        clock.lap("read")
        understood = understand(inquiry, reading, shop, book)
        clock.lap("judge")
        await _turn(meter, clock)
        matter = await matter_of(understood, book, self.library, self.playbook)
        clock.lap("search")
        for event in _decided(matter):
            yield event

        await _turn(meter, clock)
        composed, sent = None, 0
        parts = self.composer.compose(matter, self._reconsidered, meter)
        try:
            async with aclosing(parts):
                async for part in parts:
                    if isinstance(part, Composed):
                        composed, matter = part, part.matter
                    elif isinstance(part, Step):
                        sent += 1
                        yield _step(part)
                    else:
                        matter = part
                        for event in _decided(matter):
                            yield event
        finally:
            if self.budget is not None:  # whoever left has spent, too
                self.budget.add(who, meter)
        assert composed is not None  # what composing gives last
        clock.lap("write")
        for step in composed.settled.steps[sent:]:
            yield _step(step)

        made = Assembled(draft_id, created, composed, clock.laps)
        draft = assemble(made, f"{self.library.knowledge_pointer}+{book.digest}")
        if inquiry.explain:
            draft.explain = explain(matter.brief.decision, matter.brief.known, matter.cited)
        if self.store is not None:
            await self.store.save_draft(draft, inquiry)
            if promise is not None:
                promise.draft = draft
        yield Event(type="draft.completed", draft=draft)

    async def _metered(self, inquiry: Inquiry, who: Acting) -> Meter:
        """The account of one draft; one that nothing is left for does without the model, or is refused."""
        meter = Meter(time.monotonic())
        if self.budget is None or self.model_side is None or inquiry.writer == "playbook":
            return meter
        left = await self.budget.left(who)
        meter.counts, meter.barred = left is not None, left == 0
        if meter.barred and inquiry.writer == "model":
            raise self.budget.spent_up()
        return meter

    async def _reconsidered(self, matter: Matter, claims: Sequence[Claim]) -> Matter:
        """The matter after a model's claims were weighed: another one only where they change the reply."""
        if self.evidence is None or not claims:
            return matter
        shop = self.rulebook.shops[matter.inquiry.shop]
        weighed = self.evidence.weigh(matter.understood, claims, shop)
        if not weighed.changed:
            return replace(matter, claims=weighed.claims)
        return await matter_of(weighed.understood, self.rulebook, self.library, self.playbook, weighed.claims)


async def _turn(meter: Meter, clock: Course) -> None:
    """Before every stretch of work that waits for nothing: others want the processor too."""
    await turns().turn(meter.began)
    clock.waited()


def _decided(matter: Matter) -> list[Event]:
    """What was read and what was decided, as two events."""
    return [
        Event(type="draft.reading", data=reading_out(matter).model_dump(mode="json")),
        Event(type="draft.verdict", data=verdict_out(matter)),
    ]


def _step(step: Step) -> Event:
    return Event(type="draft.step", data=step.model_dump(mode="json"))


def check_text(rulebook: Rulebook, request: CheckRequest, stored: tuple[Draft, Inquiry] | None) -> CheckResult:
    """Check any text; ``stored`` is the draft it came from, with its inquiry."""
    return Checker(rulebook).check(request, stored)
