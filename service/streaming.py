"""A reply streamed: steps leave as they pass, and none is taken back.

A reading that changes the matter ends the call before any step has left, and the reply is written anew. What the model
leaves out, spoils or breaks off becomes the playbook's; a stream that breaks before a step has left is asked for whole.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from service.checking import Checker, Settled
from service.composed import Composed, Part, Reconsider, grounds, signed
from service.errors import ModelError
from service.matter import Matter
from service.modelside import ModelSide
from service.releasing import Release
from service.schemas import Claim, Step, WriterOut
from service.writing.page import Page, Spent, Spoilt
from service.writing.playbook import Playbook

WORTH_ANOTHER = frozenset({"llm_incomplete", "llm_bad_reply"})
"""A stream that broke so before a step had left is asked for again, whole."""

Whole = Callable[[Matter, Reconsider, ModelSide, Spent], AsyncGenerator[Part]]
"""How a reply is written in one go."""


class Stream:
    """One streamed draft."""

    def __init__(
        self, checker: Checker, playbook: Playbook, side: ModelSide, spent: Spent, reconsider: Reconsider
    ) -> None:
        self._checker, self._playbook, self._side, self._spent = checker, playbook, side, spent
        self._reconsider = reconsider
        self._read, self._turned = False, False
        self._notes = ""
        self._broken: ModelError | None = None

    async def parts(self, matter: Matter, whole: Whole) -> AsyncGenerator[Part]:
        """Steps as they leave, a changed matter before any of them, the whole reply at last."""
        self._matter = matter
        release, page = self._gate(), await self._side.page(matter, reads=True)
        if release is not None:
            async with aclosing(self._answer(page, release)) as steps:  # who leaves here ends the call at once
                async for step in steps:
                    yield step
        if self._turned:
            yield self._matter
            release, page = self._gate(), await self._side.page(self._matter, reads=False)
            if release is not None:
                async with aclosing(self._answer(page, release)) as steps:
                    async for step in steps:
                        yield step
        if release is None:
            writer = WriterOut(kind="playbook", calls=self._spent.calls)
            yield Composed(self._matter, Settled(no_safe_draft=True), writer)
        elif self._again(release):
            again = whole(self._matter, _as_it_is if self._read else self._reconsider, self._side, self._spent)
            async with aclosing(again):
                async for part in again:
                    yield part
        else:
            for step in release.fill():
                yield step
            yield self._composed(page, release)

    async def _answer(self, page: Page, release: Release) -> AsyncGenerator[Step]:
        """The steps that leave while one answer grows; ends early where its reading changes the matter."""
        self._turned = False
        answer = self._side.writer.stream(page, self._spent)
        try:
            async with aclosing(answer):
                async for part in answer:
                    if isinstance(part, list):
                        if await self._turns(part, page):
                            return
                    elif isinstance(part, str):
                        self._notes = part
                    else:
                        for step in release.spoil(part.step) if isinstance(part, Spoilt) else release.pass_on(part):
                            yield step
        except ModelError as error:
            self._broken = error

    async def _turns(self, claims: list[Claim], page: Page) -> bool:
        """Whether what was read asks for another reply."""
        if page.reads:
            changed = await self._reconsider(self._matter, claims)
            self._turned, self._matter = changed.differs(self._matter), changed
        self._read = True
        return self._turned

    def _again(self, release: Release) -> bool:
        """Whether to ask once more, in one go: nothing has left, there is time, and it may come out better."""
        error = self._broken
        return error is not None and not release.steps and self._spent.left > 0 and error.code in WORTH_ANOTHER

    def _composed(self, page: Page, release: Release) -> Composed:
        settled = release.settled()
        notes = self._checker.passing(self._notes, grounds(self._matter))
        reason = self._broken.code if self._broken else "llm_failed_checks" if release.replaced else None
        writer = signed(self._side, page, self._spent, settled.steps, reason)
        return Composed(self._matter, settled, writer, self._spent.usage, notes)

    def _gate(self) -> Release | None:
        """The gate before a stream, or None where not even the playbook's reply passes."""
        matter = self._matter
        safe = self._checker.settle(matter.brief, matter.ground, matter.ground, matter.cited, self._playbook)
        if safe.no_safe_draft:
            return None
        return Release(self._checker, matter.brief, grounds(matter), safe.steps, self._playbook)


async def _as_it_is(matter: Matter, claims: object) -> Matter:
    return matter
