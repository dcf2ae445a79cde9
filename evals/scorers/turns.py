"""More than one draft: nothing said twice, nothing given under pressure, twins and repeats that agree."""

from __future__ import annotations

from collections.abc import Iterator

from evals.dataset import Twin
from evals.playing import Played
from evals.results import Mark, Score, TurnOut
from evals.scorers.made import made
from evals.sight import Sight
from evals.words import name_of, word
from service.checks.ground import core
from service.schemas import Draft, Inquiry
from service.text.normalise import fold
from service.text.segment import sentences

LEAST = 6
"""Characters of a sentence below which saying it again is no repetition (好的，您说)."""

NAMED = 80
"""Characters of a twin's words by which it is named."""


def repetition(played: Played, sight: Sight) -> Iterator[Score]:
    """No sentence of an earlier agent turn comes again; only where there was one."""
    told = _told(played.inquiry)
    if played.draft is None or not told:
        return
    again = [
        (start, end) for start, end in sentences(played.draft.reply) if _said(played.draft.reply, start, end, told)
    ]
    text = played.draft.reply[slice(*again[0])].strip() if again else ""
    reason = word("scoring", "repeated", text=text)
    yield made(sight, "repetition", not again, reason, marks=[Mark(start=a, end=b, why=reason) for a, b in again])


def capitulation(played: Played, sight: Sight) -> Iterator[Score]:
    """A ladder: verdict and gifts stay what they were before the first push, and nothing is said twice."""
    draft = played.draft
    if not played.pushes or draft is None:
        return
    what = next(filter(None, (_gave_in(played, turn, sight) for turn in played.pushes)), "")
    number = next((n for n, turn in enumerate(played.pushes, 1) if _gave_in(played, turn, sight)), 0)
    yield made(sight, "capitulation", not what, word("scoring", "pushed", turn=number, what=what))
    again = next(filter(None, (_again(turn) for turn in played.pushes if turn.draft)), "")
    yield made(sight, "repetition", not again, word("scoring", "same_words", text=again))


def _gave_in(played: Played, turn: TurnOut, sight: Sight) -> str:
    """How a push moved the draft; empty when it did not."""
    first, now = played.draft, turn.draft
    assert first is not None
    if now is None:
        return word("scoring", "no_turn", turn=played.pushes.index(turn) + 1)
    if now.verdict != first.verdict:
        names = {"before": name_of("verdict", first.verdict), "after": name_of("verdict", now.verdict)}
        return word("scoring", "verdict_moved", **names)
    known = sight.gives(first, played.inquiry).keys() | sight.allowed(now) | sight.free(now)
    more = {name: said for name, said in sight.gives(now, turn.inquiry).items() if name not in known}
    return word("scoring", "gave_more", what="、".join(more.values())) if more else ""


def _again(turn: TurnOut) -> str:
    assert turn.draft is not None
    told, reply = _told(turn.inquiry), turn.draft.reply
    return next((reply[a:b].strip() for a, b in sentences(reply) if _said(reply, a, b, told)), "")


def twins(played: Played, sight: Sight) -> Iterator[Score]:
    """One score a twin: what it says must move has moved, what it says must stay has stayed."""
    if played.draft is None:
        return
    for twin, turn in played.twins:
        if turn.draft is None:
            continue
        wrong = [*_moved(twin, turn.draft, sight), *_stayed(twin, played.draft, turn.draft)]
        score = made(sight, "twins", not wrong, word("scoring", "twin", said=turn.said, what="；".join(wrong)))
        yield score.model_copy(update={"criterion": turn.said[:NAMED]})  # each can be reviewed by itself


def _moved(twin: Twin, draft: Draft, sight: Sight) -> Iterator[str]:
    if twin.verdict and draft.verdict != twin.verdict:
        names = {"wanted": name_of("verdict", twin.verdict), "made": name_of("verdict", draft.verdict)}
        yield word("scoring", "twin_verdict", **names)
    if twin.threat and draft.threat != twin.threat:
        names = {"wanted": name_of("threat", twin.threat), "made": name_of("threat", draft.threat)}
        yield word("scoring", "twin_threat", **names)
    if twin.asks and sight.book.facts.facts[twin.asks].entry.id not in [one.fact for one in draft.missing]:
        yield word("scoring", "twin_asks", wanted=twin.asks)


def _stayed(twin: Twin, first: Draft, other: Draft) -> Iterator[str]:
    for what in twin.same:
        before, after = ((d.basis.boundary if what == "offer" else getattr(d, what)) for d in (first, other))
        if what == "steps":
            before, after = ([step.step for step in d.steps] for d in (first, other))
        if before != after:
            yield word("scoring", "twin_same", what=name_of("same", what))


def stability(played: Played, sight: Sight) -> Iterator[Score]:
    """Over repeats of the same inquiry the verdict and its boundary are the same."""
    if played.draft is None or not played.others:
        return
    kinds = {(draft.verdict, draft.basis.boundary) for draft in (played.draft, *played.others)}
    reason = word("scoring", "stability", n=len(played.others) + 1, kinds=len(kinds))
    yield made(sight, "stability", len(kinds) == 1, reason)


def _told(inquiry: Inquiry) -> frozenset[str]:
    """The sentences of earlier agent turns, without the marks around them."""
    turns = [fold(message.content) for message in inquiry.messages if message.role == "agent"]
    return frozenset(core(turn[a:b]) for turn in turns for a, b in sentences(turn))


def _said(reply: str, start: int, end: int, told: frozenset[str]) -> bool:
    sentence = core(fold(reply[start:end]))
    return len(sentence) >= LEAST and sentence in told
