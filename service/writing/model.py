"""The model as a writer: it reads, words what was decided, and rewrites what did not pass; code believes none of it.

The stable part of every prompt stands first and is the same for all drafts of one rulebook, so that providers can
cache it. What an answer is worth is read in :mod:`service.writing.answer`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from service.errors import ModelError
from service.llm import Answer
from service.schemas import Claim, Step, StepName
from service.writing.answer import Reader, Unfit, answer_schema
from service.writing.growing import Growing
from service.writing.material import Material, Told
from service.writing.page import Page, Spent, Spoilt, Written
from service.writing.prompts import Prompts

ATTEMPTS = 2
"""The first answer and one repair."""


class Client(Protocol):
    """What the writer needs of :class:`service.llm.ModelClient`."""

    async def ask(
        self, system: str, user: str, schema: dict[str, Any], deadline: float, temperature: float | None = None
    ) -> Answer:
        """One structured question; raises ModelError."""

    def stream(
        self, system: str, user: str, schema: dict[str, Any], deadline: float, temperature: float | None = None
    ) -> AsyncGenerator[str | Answer]:
        """The same in pieces, the whole answer last."""


class ModelWriter:
    """Writes through a model. Holds nothing between drafts."""

    def __init__(self, client: Client, prompts: Prompts) -> None:
        self._client = client
        self._draft, self._rewrite, self._reading = prompts["draft"], prompts["rewrite"], prompts["reading"]

    @property
    def label(self) -> str:
        """The drafting prompt's name and digest."""
        return self._draft.label

    @property
    def reading_rules(self) -> tuple[Mapping[str, Mapping[str, str]], Mapping[str, int]]:
        """The words and the limits of what a reading counts for."""
        return self._reading.head.words, self._reading.head.limits

    @property
    def remarks_limit(self) -> int:
        """Reasons told of a step that is to be rewritten."""
        return self._rewrite.head.limits["reasons"]

    def stable(self, facts: Sequence[Mapping[str, object]]) -> tuple[str, str]:
        """The instructions and the examples of every prompt; ``facts`` are those a reading may name."""
        guide = self._reading.block("system", facts=facts)
        return self._draft.block("system", reading=guide), self._draft.block("examples")

    def material(self, told: Told) -> Material:
        """The material of one matter, masked and cut by the drafting prompt's limits."""
        return Material(self._draft, told)

    async def write(self, page: Page, spent: Spent, variant: int = 1) -> Written:
        """Write the planned steps in one go; an answer that cannot be used is asked for once more.

        Of a second answer that has the right steps, those that can stand are taken; the others are left out.

        Raises:
            ModelError: no usable answer.
        """
        reader, retry = self._reader(page), ""
        schema = answer_schema(page.steps, len(page.material.passages))
        warmth = self._draft.head.limits["variant_temperature"] / 100 if variant > 1 else None
        for _ in range(ATTEMPTS):
            answer = await self._ask(page.system, self._user(page, retry, variant), schema, spent, warmth)
            try:
                steps = reader.steps(answer.data, page.steps)
            except Unfit as unfit:
                retry, steps = unfit.mistake, []
            if steps:
                return self._written(page, reader, answer, steps)
        if retry != "steps" and (steps := reader.fit(answer.data, page.steps)):
            return self._written(page, reader, answer, steps)
        raise ModelError("llm_incomplete" if retry == "steps" else "llm_bad_reply", calls=spent.calls)

    def _written(self, page: Page, reader: Reader, answer: Answer, steps: list[Step]) -> Written:
        claims = reader.claims(answer.data.get("reading")) if page.reads else []
        return Written(claims, steps, reader.notes(answer.data.get("notes")))

    async def stream(self, page: Page, spent: Spent) -> AsyncGenerator[list[Claim] | Step | Spoilt | str]:
        """The claims first, then step by step as they grow, at last the notes (a string).

        No step comes before the reading is closed, in whatever order the model writes. Steps come in the plan's order;
        what is left out or out of order does not come. Leaving the iterator early ends the call.

        Raises:
            ModelError: the answer broke off; what had come stands.
        """
        reader, growing = self._reader(page), Growing()
        schema = answer_schema(page.steps, len(page.material.passages))
        waiting: list[object] = []
        read, notes, left, counted = False, "", list(page.steps), False
        system, user = page.system, self._user(page)
        chars = len(system) + len(user)
        pieces = self._client.stream(system, user, schema, spent.left)
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    if not isinstance(piece, str):
                        spent.add(piece, chars)
                        counted = True
                        continue
                    for part in growing.feed(piece):
                        if part.name == "reading" and not read:
                            read = True
                            yield reader.claims(part.value) if page.reads else []
                        elif part.name == "steps":
                            waiting.append(part.value)
                        elif part.name == "notes":
                            notes = reader.notes(part.value)
                    while read and waiting:
                        if (step := _next(reader, waiting.pop(0), left)) is not None:
                            yield step
        except ModelError as error:
            counted = True
            raise spent.failed(error, chars) from None
        finally:
            if not counted:  # ended by the reader: it was asked all the same
                spent.calls += 1
                spent.guess(chars)
        if not read:  # the answer is whole and has no reading: none can come any more
            yield []
            for item in waiting:
                if (step := _next(reader, item, left)) is not None:
                    yield step
        yield notes

    async def rewrite(
        self, page: Page, failing: Mapping[StepName, tuple[str, Sequence[str]]], spent: Spent
    ) -> dict[StepName, Step]:
        """Other words for steps that did not pass: by name, what was written and why it cannot stand.

        Raises:
            ModelError: no usable answer.
        """
        reader, material = self._reader(page), page.material
        steps = [
            {"step": name, "text": material.hide(text), "reasons": [*reasons][: self.remarks_limit]}
            for name, (text, reasons) in failing.items()
        ]
        user = self._rewrite.block("user", user=self._user(page), steps=steps, fence=material.fence)
        answer = await self._ask(page.system, user, answer_schema([*failing], len(material.passages)), spent)
        items = answer.data.get("steps")
        left, found = list(failing), {}
        for item in items if isinstance(items, list) else ():
            if isinstance(step := _next(reader, item, left), Step):
                found[step.step] = step
        return found

    async def _ask(
        self, system: str, user: str, schema: dict[str, Any], spent: Spent, temperature: float | None = None
    ) -> Answer:
        chars = len(system) + len(user)
        try:
            answer = await self._client.ask(system, user, schema, spent.left, temperature)
        except ModelError as error:
            raise spent.failed(error, chars) from None
        spent.add(answer, chars)
        return answer

    def _reader(self, page: Page) -> Reader:
        return Reader(self._draft, page.material, page.common)

    def _user(self, page: Page, retry: str = "", variant: int = 1) -> str:
        material = page.material
        return self._draft.block(
            "user",
            plan=list(page.steps),
            verdict=page.verdict,
            tone=page.tone,
            address=page.address,
            max_chars=page.max_chars,
            reads=page.reads,
            understood=material.understood,
            instruction=material.instruction,
            product=material.product,
            facts=material.facts,
            passages=material.passages,
            ground=material.ground,
            turns=material.turns,
            cuts=material.cuts,
            fence=material.fence,
            retry=retry,
            variant=variant,
        )


def _next(reader: Reader, item: object, left: list[StepName]) -> Step | Spoilt | None:
    """The step an item is, of those not written yet; those before it are given up. None: it is none of them."""
    name = item.get("step") if isinstance(item, dict) else None
    if name not in left:
        return None
    del left[: left.index(name) + 1]
    return _step(reader, item, name)


def _step(reader: Reader, item: object, name: StepName) -> Step | Spoilt:
    try:
        return reader.step(item, name)
    except Unfit as unfit:
        return Spoilt(name, unfit.mistake)
