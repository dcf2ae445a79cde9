"""The path of a draft, on one screen: read → judge → plan → search → write → check.

An async stream of the contract's events whose last one is the plain answer. Rules decide, code checks; a writer
only words what was decided, and what fails a check is replaced before anybody sees it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Protocol

from service.answering import Assembled, assemble, explain, reading_out, verdict_out
from service.checking import Checker
from service.citing import Cited, Librarian, cite
from service.demands import demands_of
from service.errors import InvalidRequest, ModelError
from service.facts import Known
from service.ids import new_id
from service.judging import judge
from service.method import plan
from service.reading import read
from service.rulebook.book import Rulebook
from service.schemas import CheckRequest, CheckResult, Draft, Event, Inquiry, Step, WriterOut
from service.writing.playbook import Playbook
from service.writing.slots import Brief


class ModelSide(Protocol):
    """The writer that asks a model: steps for a brief, with who wrote them and what it cost."""

    async def write(
        self, brief: Brief, ground: list[Step], cited: Cited
    ) -> tuple[list[Step], WriterOut, dict[str, int]]:
        """Steps in the plan's order.

        Raises:
            ModelError: anything that keeps the answer from being used.
        """


class DraftKeeper(Protocol):
    """Where finished drafts are kept."""

    async def save_draft(self, draft: Draft, inquiry: Inquiry) -> None:
        """Keep it; on disk when this returns."""


class Drafter:
    """Drafts replies. One per process; holds no state between drafts."""

    def __init__(
        self,
        rulebook: Rulebook,
        library: Librarian,
        model_writer: ModelSide | None = None,
        store: DraftKeeper | None = None,
    ) -> None:
        self.rulebook, self.library, self.model_writer, self.store = rulebook, library, model_writer, store
        self.playbook = Playbook(rulebook.scenarios)
        self.checker = Checker(rulebook)

    async def draft(self, inquiry: Inquiry) -> AsyncIterator[Event]:
        """All events of one draft; the last is ``draft.completed`` with the draft.

        Raises:
            InvalidRequest: ``unknown_shop``, before the first event.
            Unavailable: the draft could not be kept.
        """
        book = self.rulebook
        shop = book.shops.get(inquiry.shop)
        if shop is None:
            raise InvalidRequest("unknown_shop", shop=inquiry.shop)
        clock = _Clock()
        draft_id, created = new_id("dft"), inquiry.now or datetime.now(UTC)
        yield Event(type="draft.created", data={"id": draft_id, "created_at": created.isoformat()})

        reading = read(inquiry, book.listening, book.facts)
        known = Known(book.facts, inquiry, reading, shop)
        demands = demands_of(reading, known)
        clock.lap("read")
        yield Event(type="draft.reading", data=reading_out(reading, known, demands).model_dump(mode="json"))

        decision = judge(demands, known, book.boundaries, book.method.entry.max_questions)
        planned = plan(decision, known, book.method)
        clock.lap("judge")
        yield Event(type="draft.verdict", data=verdict_out(decision, known, planned))

        name = book.scenarios[planned.boundary.entry.scenario].name
        brief = Brief(inquiry, known, decision, planned, book.method, name)
        cited = await cite(self.library, brief)
        clock.lap("search")

        ground = self.playbook.write(brief)
        steps, writer, usage = await self._write(brief, ground, cited)
        clock.lap("write")

        checked = self.checker.settle(brief, steps, ground, cited, self.playbook)
        clock.lap("check")
        for step in checked.steps:
            yield Event(type="draft.step", data=step.model_dump(mode="json"))

        made = Assembled(draft_id, created, brief, reading, demands, cited, checked, writer, usage, clock.laps)
        draft = assemble(made, f"{self.library.knowledge_pointer}+{book.digest}")
        if inquiry.explain:
            draft.explain = explain(decision, known, cited)
        if self.store is not None:
            await self.store.save_draft(draft, inquiry)
        yield Event(type="draft.completed", draft=draft)

    async def _write(
        self, brief: Brief, ground: list[Step], cited: Cited
    ) -> tuple[list[Step], WriterOut, dict[str, int]]:
        wanted = brief.inquiry.writer
        if wanted == "playbook" or (wanted == "auto" and self.model_writer is None):
            return ground, WriterOut(kind="playbook"), {}
        if self.model_writer is None:
            return ground, WriterOut(kind="playbook", degraded=True, reason="llm_not_configured"), {}
        try:
            return await self.model_writer.write(brief, ground, cited)
        except ModelError as error:
            calls = int(error.parameters.get("calls", 0))
            return ground, WriterOut(kind="playbook", calls=calls, degraded=True, reason=error.code), {}


def check_text(rulebook: Rulebook, request: CheckRequest, stored: tuple[Draft, Inquiry] | None) -> CheckResult:
    """Check any text; ``stored`` is the draft it came from, with its inquiry."""
    return Checker(rulebook).check(request, stored)


class _Clock:
    """Laps in milliseconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round((now - self._last) * 1000, 3)
        self._last = now
