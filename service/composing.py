"""From a matter to its reply: by the playbook, or by the model within what the rules decided and the checks let pass.

The model is asked once for a reading and the steps. Where an accepted reading changes what was decided, the call is
ended and the reply written anew under the right plan; where a step does not pass, the model rewrites it once (not when
streaming), then the playbook's stands. Whatever fails, the playbook answers in time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from service import watching
from service.checking import Checker, Settled, blocks
from service.composed import Composed, Part, Reconsider, grounds, signed
from service.errors import ModelError
from service.limiting.budget import Meter
from service.limiting.turns import turns
from service.matter import Matter
from service.modelside import ModelSide
from service.schemas import Finding, Step, StepName, Variant, WriterOut
from service.streaming import Stream
from service.writing.page import Page, Spent, Written
from service.writing.playbook import Playbook


class Composer:
    """Composes replies by one rulebook. Holds no state between drafts."""

    def __init__(self, checker: Checker, playbook: Playbook, side: ModelSide | None) -> None:
        self._checker, self._playbook, self._side = checker, playbook, side

    async def compose(self, matter: Matter, reconsider: Reconsider, meter: Meter) -> AsyncGenerator[Part]:
        """The reply to a matter; :class:`Composed` comes last. Never raises for what a model does."""
        wanted, side = matter.inquiry.writer, self._side
        if wanted == "playbook" or (wanted == "auto" and side is None):
            yield self._by_playbook(matter, WriterOut(kind="playbook"))
        elif side is None:
            yield self._by_playbook(matter, WriterOut(kind="playbook", degraded=True, reason="llm_not_configured"))
        elif meter.barred:
            yield self._by_playbook(matter, WriterOut(kind="playbook", degraded=True, reason="tokens_spent"))
        elif not matter.complete:  # no ground to stand on: the playbook is short of a step
            yield self._by_playbook(matter, WriterOut(kind="playbook", degraded=True, reason="llm_bad_reply"))
        else:
            spent = meter.bill = Spent(time.monotonic() + side.deadline, since=meter.began)
            if matter.inquiry.stream:
                stream = Stream(self._checker, self._playbook, side, spent, reconsider)
                parts = stream.parts(matter, self._whole)
            else:
                parts = self._whole(matter, reconsider, side, spent)
            async with aclosing(parts):
                async for part in parts:
                    yield part

    def _by_playbook(self, matter: Matter, writer: WriterOut, usage: dict[str, int] | None = None) -> Composed:
        settled = self._settle(matter, matter.ground)
        variants = [self._spare_variant(matter, number) for number in range(2, matter.inquiry.variants + 1)]
        return Composed(matter, settled, writer, usage or {}, variants=_different(settled.steps, variants))

    async def _whole(
        self, matter: Matter, reconsider: Reconsider, side: ModelSide, spent: Spent
    ) -> AsyncGenerator[Part]:
        """Ask for everything, then check it; a changed matter is written again."""
        page = await side.page(matter, reads=True)
        try:
            written = await self._write_all(side, page, spent, matter.inquiry.variants)
            before, matter = matter, await reconsider(matter, written[0].claims)
            if matter.differs(before):
                yield matter
                page = await side.page(matter, reads=False)
                written = await self._write_all(side, page, spent, matter.inquiry.variants)
        except ModelError as error:
            yield self._by_playbook(matter, _gave_up(spent, error), spent.usage)
            return
        await turns().turn(spent.since)
        yield await self._checked(matter, side, page, written, spent)

    async def _write_all(self, side: ModelSide, page: Page, spent: Spent, variants: int) -> list[Written]:
        """One answer, or several at once. The first must come; of the others, those that do."""
        asked = [side.writer.write(page, spent, number) for number in range(1, variants + 1)]
        if len(asked) == 1:
            return [await asked[0]]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, ModelError):
                raise answer
        if isinstance(answers[0], ModelError):
            raise answers[0]
        return [answer for answer in answers if isinstance(answer, Written)]

    async def _checked(
        self, matter: Matter, side: ModelSide, page: Page, written: Sequence[Written], spent: Spent
    ) -> Composed:
        """The answer after every check: failing steps rewritten once, then the playbook's."""
        ground = grounds(matter)
        steps = _filled(written[0].steps, matter.ground)
        found = self._checker.reply(steps, ground)
        watching.found("model", ((one.category, one.severity) for one in found))
        if blocks(found) and spent.left > 0:
            steps = await self._rewritten(side, page, steps, found, spent)
        settled = self._settle(matter, steps) if blocks(found) else Settled(steps, found)
        replaced = any(step.writer == "playbook" for step in settled.steps) or settled.no_safe_draft
        variants = [self._variant(matter, _filled(one.steps, matter.ground)) for one in written[1:]]
        missing = range(len(written) + 1, matter.inquiry.variants + 1)
        variants += [self._spare_variant(matter, number) for number in missing]
        notes = self._checker.passing(written[0].notes, ground)
        writer = signed(side, page, spent, settled.steps, "llm_failed_checks" if replaced else None)
        return Composed(matter, settled, writer, spent.usage, notes, _different(settled.steps, variants))

    async def _rewritten(
        self, side: ModelSide, page: Page, steps: list[Step], found: Sequence[Finding], spent: Spent
    ) -> list[Step]:
        """The steps with those that failed in the model's second words, where it found some."""
        failing: dict[StepName, tuple[str, list[str]]] = {
            step.step: (step.text, [f.reason for f in found if f.severity == "block" and f.step == step.step])
            for step in steps
            if any(f.severity == "block" and f.step == step.step for f in found)
        }
        if not failing:
            return steps
        try:
            better = await side.writer.rewrite(page, failing, spent)
        except ModelError:
            return steps
        return [better.get(step.step, step) for step in steps]

    def _settle(self, matter: Matter, steps: list[Step]) -> Settled:
        return self._checker.settle(matter.brief, steps, matter.ground, matter.cited, self._playbook)

    def _variant(self, matter: Matter, steps: list[Step]) -> Variant | None:
        settled = self._settle(matter, steps)
        if settled.no_safe_draft:
            return None
        kind = "model" if any(step.writer == "model" for step in settled.steps) else "playbook"
        reply = "\n".join(step.text for step in settled.steps)
        return Variant(reply=reply, steps=settled.steps, findings=settled.findings, writer=kind)

    def _spare_variant(self, matter: Matter, number: int) -> Variant | None:
        """Another choice among the playbook's lines."""
        return self._variant(matter, self._playbook.write(matter.brief.again(number)))


def _filled(steps: Sequence[Step], ground: Sequence[Step]) -> list[Step]:
    """The steps, with the playbook's where one is missing."""
    written = {step.step: step for step in steps}
    return [written.get(step.step, step) for step in ground]


def _gave_up(spent: Spent, error: ModelError) -> WriterOut:
    return WriterOut(kind="playbook", calls=spent.calls, degraded=True, reason=error.code)


def _different(steps: Sequence[Step], variants: Sequence[Variant | None]) -> list[Variant]:
    """The variants that say something else than the reply and each other."""
    seen = {"\n".join(step.text for step in steps)}
    kept = []
    for variant in variants:
        if variant is not None and variant.reply not in seen:
            seen.add(variant.reply)
            kept.append(variant)
    return kept
