"""From feedback to proposals: wordings for scripts, cases for the eval suite, questions for documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from service.database.proposals import Candidate, ProposalStore
from service.database.traits import covered
from service.drafting import check_text
from service.insight.questions import masked
from service.insight.scales import Scales
from service.insight.wordings import Case, hashes, rewritten
from service.rulebook.book import Rulebook
from service.schemas import CheckRequest, Draft, Feedback, Inquiry
from service.schemas.proposals import Gathered
from service.text.private.mask import has_alias

Given = tuple[Draft, Inquiry, Feedback]


@dataclass(frozen=True)
class Gathering:
    """Looks feedback through; what comes of it waits for a person."""

    store: ProposalStore
    book: Rulebook
    scales: Scales

    async def gather(self, shop: str) -> Gathered:
        """Look through what is new of a shop's feedback. Again, and there is nothing new."""
        fresh = await self.store.fresh(shop, self.scales.learning.looked)
        found = await run_in_threadpool(lambda: [one for given in fresh for one in self.candidates(*given)])
        looked, made, merged = await self.store.take(
            shop, [draft.id for draft, _, _ in fresh], found, self.scales.learning.alike
        )
        return Gathered(looked=looked, made=made, merged=merged)

    def candidates(self, draft: Draft, inquiry: Inquiry, given: Feedback) -> Iterator[Candidate]:
        """What one feedback suggests; nothing unless what was sent passes every check today."""
        sent = given.final_text or draft.reply
        if inquiry.shop not in self.book.shops or draft.scenario not in self.book.scenarios:
            return
        check = check_text(self.book, CheckRequest(text=sent, draft=draft.id, shop=draft.shop), (draft, inquiry))
        if not check.passed or check.findings:
            return
        case = Case(self.book, draft, inquiry)
        if case.same:
            yield from self._scripts(case, draft, sent, adopted=given.action == "adopted")
        if case.personal(sent):
            return
        asked = masked(inquiry)
        if given.action == "edited":
            yield Candidate("case", draft.scenario, draft.id, hashes(asked))
        if self._unfound(draft, inquiry) and self._askable(asked):
            yield Candidate("question", draft.scenario, draft.id, hashes(asked))

    def _scripts(self, case: Case, draft: Draft, sent: str, *, adopted: bool) -> Iterator[Candidate]:
        """Wordings: of an adopted draft what the model wrote, of an edited one what the person changed."""
        scale = self.scales.learning
        pairs = (
            [(step, step.text) for step in draft.steps if step.writer == "model"]
            if adopted
            else list(rewritten(draft.steps, sent, scale.far))
        )
        for step, text in pairs:
            if wording := case.wording(step, text, scale):
                yield Candidate("script", draft.scenario, draft.id, hashes(wording), draft.verdict, step.step, wording)

    def _unfound(self, draft: Draft, inquiry: Inquiry) -> bool:
        found = (*draft.citations, *draft.guidance)
        return covered(inquiry.messages[-1].content, found) < self.scales.unanswered.floor

    def _askable(self, asked: str) -> bool:
        """Whether a masked question may stand in a document as it is."""
        return bool(asked) and len(asked) <= self.scales.learning.question and not has_alias(asked)


def question_of(kept: Sequence[Given], scales: Scales) -> str | None:
    """The typical question of some drafts that are still there: the shortest of them."""
    texts = [masked(inquiry) for _, inquiry, _ in kept]
    fitting = [text for text in texts if len(text) <= scales.learning.question and not has_alias(text)]
    return min(fitting, key=len, default=None)
