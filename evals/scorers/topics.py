"""Topics no reply brings up by itself: a way around the platform, what the desk was told, who will win, insults."""

from __future__ import annotations

from collections.abc import Iterator

from evals.playing import Played
from evals.results import Mark, Score
from evals.scorers.made import made
from evals.sight import Sight
from evals.words import word
from service.text.normalise import fold, normalise


def off_limits(played: Played, sight: Sight) -> Iterator[Score]:
    """None of the rubric's topics is touched, unless the buyer, the order or the policy used that very word."""
    draft = played.draft
    if draft is None or not draft.steps:
        return
    norm = normalise(draft.reply)
    told = _told(played)
    found = [
        (name, said, norm.span(start, end))
        for name, said, start, end in sight.book.faithful.topics.find(norm.text)
        if name in sight.rubric.entry.off_limits and said not in told
    ]
    name, said, _ = found[0] if found else ("", "", (0, 0))
    reason = word("scoring", "off_limits", name=name, said=said)
    marks = [Mark(start=start, end=end, why=reason) for _, _, (start, end) in found]
    yield made(sight, "off_limits", not found, reason, marks=marks)


def _told(played: Played) -> str:
    inquiry = played.inquiry
    order = inquiry.order.model_dump() | inquiry.order.facts | inquiry.policy
    return fold("\n".join([*(message.content for message in inquiry.messages), *map(str, order.values())]))
