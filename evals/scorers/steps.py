"""The method: steps there and in order, empathy that is this buyer's, bubbles not too many."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evals.playing import Played
from evals.results import Mark, Score
from evals.scorers.made import made
from evals.sight import Sight
from evals.words import name_of, word
from service.schemas import Draft, Inquiry, StepName
from service.text.normalise import fold

_HAN = re.compile(r"[\u4e00-\u9fff]")
_PAIR = re.compile(r"(?=([\u4e00-\u9fff]{2}))")
_GAP = "|"
"""Stands for a stock phrase: what stood on either side of it is no pair."""


def steps(played: Played, sight: Sight) -> Iterator[Score]:
    """The steps as the case says, or as the draft's own verdict wants them; a draft without steps has none."""
    draft = played.draft
    if draft is None:
        return
    came = [step.step for step in draft.steps]
    exact = played.case.entry.expect.steps if played.case else None
    order, must = sight.wanted(draft)
    right = came == exact if exact else came == [name for name in order if name in came] and must <= set(came)
    wanted = exact or [name for name in order if name in must]
    reason = word("scoring", "steps", wanted=_names(wanted), made=_names(came)) if came else word("scoring", "unsafe")
    lost = next((name for name in wanted if name not in came), None)
    yield made(sight, "steps", right, reason, step=lost)


def empathy(played: Played, sight: Sight) -> Iterator[Score]:
    """Whether the empathy step takes up what this buyer said, or names the goods; who said little is not scored.

    Enough telling characters must be shared with the buyer's words or what the goods are called.
    """
    draft = played.draft
    step = next((one for one in draft.steps if one.step == "empathy"), None) if draft else None
    if draft is None or step is None:
        return
    entry, common = sight.rubric.entry.empathy, frozenset(sight.book.checkrules.entry.method.common)
    said = _said(played.inquiry, sight)
    if len(_telling(said, common)) < entry.least:
        return
    text = fold(step.text)
    for words in sorted(entry.generic, key=len, reverse=True):
        text = text.replace(words, _GAP)
    start, end = _place(draft, "empathy")
    reason = word("scoring", "empathy")
    mark = Mark(start=start, end=end, why=reason)
    passed = len(_shared(said, text, common, frozenset("".join(entry.generic)))) >= entry.shared
    yield made(sight, "empathy", passed, reason, step="empathy", marks=[mark])


def bubbles(played: Played, sight: Sight) -> Iterator[Score]:
    """Not more bubbles than somebody reads, and none much longer than one reads in a chat."""
    if played.draft is None or not played.draft.steps:
        return
    came, most = len(played.draft.steps), sight.rubric.entry.bubbles
    if came > most:
        yield made(sight, "length", False, word("scoring", "bubbles", made=came, most=most))
    longest, chars = max(played.draft.steps, key=lambda step: len(step.text)), sight.rubric.entry.bubble_chars
    if len(longest.text) > chars:
        start, end = _place(played.draft, longest.step)
        reason = word("scoring", "bubble", made=len(longest.text), most=chars)
        mark = Mark(start=start + chars, end=end, why=reason)
        yield made(sight, "length", False, reason, step=longest.step, marks=[mark])


def _said(inquiry: Inquiry, sight: Sight) -> str:
    """The buyer's words and what the goods are called."""
    order = inquiry.order
    words = [message.content for message in inquiry.messages if message.role == "customer"]
    return fold("\n".join([*words, order.product or "", order.category or "", sight.goods(order)]))


def _shared(said: str, text: str, common: frozenset[str], generic: frozenset[str]) -> set[str]:
    """What tells something in both texts: characters, and pairs of them where stock phrases use them too."""
    single = (_telling(said, common) & _telling(text, common)) - generic
    pairs = set(_PAIR.findall(said)) & set(_PAIR.findall(text))
    return single | {pair for pair in pairs if not common.issuperset(pair)}


def _telling(text: str, common: frozenset[str]) -> set[str]:
    """The characters of a text that tell something."""
    return set(_HAN.findall(text)) - common


def _place(draft: Draft, name: StepName) -> tuple[int, int]:
    """Where a step stands in the reply."""
    start = 0
    for step in draft.steps:
        if step.step == name:
            return start, start + len(step.text)
        start += len(step.text) + 1
    return 0, 0


def _names(names: list[StepName]) -> str:
    return "→".join(name_of("step", name) for name in names)
