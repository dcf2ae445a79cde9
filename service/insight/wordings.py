"""From what a person sent to a wording for the scripts: sentence by sentence to its step, slots put back.

A wording is proposed only if it would say the same in its own case again (``fill`` gives back what was sent), holds
no number and nothing personal, and is none of the scripts' already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from zlib import crc32

from service.insight.questions import alike, pairs_of
from service.insight.scales import Learning
from service.method import plan
from service.reading import read
from service.rulebook.book import Rulebook
from service.rulebook.scripts import COMMON, NUMERAL, SLOT, fill
from service.schemas import Draft, Inquiry, Step
from service.text.edits import ratio, squeezed
from service.text.private import Masker, find_private
from service.text.private.mask import has_alias
from service.text.segment import sentences
from service.understanding import understand
from service.writing.slots import Brief, Slots, render

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_BRACES = re.compile(r"[{}〔〕（）\n]")
WHOLE = ("依据", "留门")
"""Slots that stand for a whole sentence of the boundary's."""


def hashes(text: str) -> tuple[int, ...]:
    """Stable hashes of a text's pairs of letters: enough to know its like, not to read it."""
    return tuple(sorted(crc32(pair.encode()) for pair in pairs_of(text)))


def rewritten(steps: Sequence[Step], sent: str, far: float) -> Iterator[tuple[Step, str]]:
    """Steps with what was sent in their place, where that is another wording of the same.

    As many lines as steps: line by line; else each sentence goes to the step it is nearest to.
    """
    lines = [line.strip() for line in sent.split("\n") if line.strip()]
    if len(lines) == len(steps):
        placed = dict(enumerate(lines))
    else:
        placed = {}
        for start, end in sentences(sent):
            said = sent[start:end].strip()
            near = [min((ratio(squeezed(said), one) for one in _sentences(step.text)), default=1.0) for step in steps]
            best = min(range(len(steps)), key=near.__getitem__) if near else -1
            if best >= 0 and near[best] <= far:
                placed[best] = placed.get(best, "") + said
    for place, text in sorted(placed.items()):
        changed = ratio(squeezed(steps[place].text), squeezed(text))
        if 0 < changed <= far or (changed > 0 and len(lines) == len(steps)):
            yield steps[place], text


def _sentences(text: str) -> list[str]:
    return [squeezed(text[start:end]) for start, end in sentences(text)]


class Case:
    """One draft's case, decided again by today's rules: what its slots hold."""

    def __init__(self, book: Rulebook, draft: Draft, inquiry: Inquiry) -> None:
        understood = understand(inquiry, read(inquiry, book.listening, book.facts), book.shops[inquiry.shop], book)
        planned = plan(understood.decision, understood.known, book.method)
        scenario = planned.boundary.entry.scenario
        name = book.scenarios[scenario].name
        self.same = (scenario, planned.verdict) == (draft.scenario, draft.verdict)
        """Whether today's rules decide it as the draft did."""
        self._brief = Brief(inquiry, understood.known, understood.decision, planned, book.method, name)
        self._slots, self._book, self._draft, self._inquiry = Slots(self._brief), book, draft, inquiry

    def wording(self, step: Step, text: str, scale: Learning) -> str | None:
        """A wording for a step's script; None where none can be made of it."""
        if _BRACES.search(text) or len(text) > scale.longest or self.personal(text):
            return None
        made = self._numbered(self._named(text))
        if made is None or NUMERAL.search(SLOT.sub("", made)) or fill(made, self._slots) != text:
            return None
        place, pairs = (self._draft.verdict, step.step), pairs_of(made)
        scripts = [self._book.scenarios[name].scripts for name in (self._draft.scenario, COMMON)]
        own = next((one[place] for one in scripts if place in one), ())
        return None if any(alike(pairs_of(bullet.text), pairs) >= scale.known for bullet in own) else made

    def personal(self, text: str) -> bool:
        """Whether a text holds anything that is known or looks to be personal in this case."""
        people = (self._inquiry.context.buyer, self._inquiry.context.operator)
        masker = Masker({value: "name" for value in people if value})
        records = [f"{k}：{v}" for told in (self._inquiry.order.facts, self._inquiry.policy) for k, v in told.items()]
        masker.learn([*records, *(message.content for message in self._inquiry.messages)])
        named = any(value and value in text for value in people)
        return named or has_alias(text) or bool(find_private(text)) or bool(masker.mask(text).entities)

    def _named(self, text: str) -> str:
        """With the boundary's sentences, the address and the goods as slots."""
        entry = self._brief.plan.boundary.entry
        for slot, wordings in zip(WHOLE, (entry.say, entry.door), strict=True):
            chosen = self._slots[slot]
            if chosen and chosen in text and wordings:
                text = text.replace(chosen, "{" + slot + "}", 1)
        address = self._slots["称呼"]
        if address and text.startswith(address):
            text = "{称呼}" + text[len(address) :]
        goods = self._slots["货"]
        return text.replace(goods, "{货}") if len(goods) > 1 else text

    def _numbered(self, text: str) -> str | None:
        """With numbers as the facts they are; None where a number is no fact, or may be two."""
        first = set(
            SLOT.findall("".join((*self._brief.plan.boundary.entry.say, *self._brief.plan.boundary.entry.door)))
        )
        names = list(self._book.facts.facts)
        pieces, at = [], 0
        for match in _NUMBER.finditer(text):
            holders = [name for name in names if render("{" + name + "}", self._slots) == match[0]]
            likely = [name for name in holders if name in first] or holders
            if len(likely) != 1:
                return None
            pieces += [text[at : match.start()], "{" + likely[0] + "}"]
            at = match.end()
        return "".join([*pieces, text[at:]])
