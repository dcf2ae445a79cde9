"""Numbers that are allowed, nothing given beyond what is due, the sources that should be named."""

from __future__ import annotations

from collections.abc import Iterator

from evals.playing import Played
from evals.results import Score
from evals.scorers.made import made
from evals.sight import Sight, numbers_of
from evals.words import word

SMALL = 3
"""Numbers up to this are counting words, not claims."""


def numbers(played: Played, sight: Sight) -> Iterator[Score]:
    """No number but those the case allows and those of its order, records and talk; only where the case lists some."""
    if played.case is None or played.draft is None or played.case.entry.expect.numbers is None:
        return
    inquiry = played.inquiry
    told = " ".join([message.content for message in inquiry.messages] + [str(v) for v in inquiry.policy.values()])
    order = " ".join(str(value) for value in (inquiry.order.model_dump() | inquiry.order.facts).values())
    allowed = {*played.case.entry.expect.numbers, *numbers_of(told), *numbers_of(order)}
    strange = sorted(n for n in numbers_of(played.draft.reply) - allowed if n > SMALL)
    said = "、".join(f"{number:g}" for number in strange)
    yield made(sight, "numbers", not strange, word("scoring", "numbers", made=said))


def offer(played: Played, sight: Sight) -> Iterator[Score]:
    """A reply to what is not due gives nothing outright but what its boundary offers."""
    draft = played.draft
    if played.case is None or draft is None or not draft.steps:
        return
    if played.case.entry.expect.verdict == "reasonable" or draft.verdict == "reasonable":
        return  # a verdict that gives is scored as one
    if any(one.verdict == "reasonable" for one in draft.demands):
        return  # something else that was asked for is due
    given, allowed = sight.gives(draft, played.inquiry), sight.allowed(draft)
    beyond = sorted(f"{name}（{said}）" for name, said in given.items() if name not in allowed)
    yield made(sight, "offer", not beyond, word("scoring", "gives", made="、".join(beyond)))


def sources(played: Played, sight: Sight) -> Iterator[Score]:
    """The documents the case wants are among what the draft rests on or cites."""
    if played.case is None or played.draft is None or not played.case.entry.expect.sources:
        return
    named = {one.document_id for one in (*played.draft.citations, *played.draft.guidance)}
    named |= {(one.rule or "").partition("#")[0] for one in played.draft.demands}
    missing = [one for one in played.case.entry.expect.sources if one.partition("#")[0] not in named]
    yield made(sight, "sources", not missing, word("scoring", "sources", missing="、".join(missing)))
