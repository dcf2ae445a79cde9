"""Whether a number that only the buyer said is told as theirs, or has become ours."""

from __future__ import annotations

from collections.abc import Sequence

from service.checks.ground import Ground
from service.checks.said import Said, Spans
from service.checks.sources import numbers_of
from service.rulebook.checkrules import CheckRules
from service.schemas import Step, StepIn, StepName
from service.text.numerals import Number
from service.text.segment import clauses

TELLS: StepName = "empathy"
"""The step in which a reply tells the buyer's own story back."""

_TELLING = ("lived", "asked", "negated")
"""Groups of frames that show a number to be the buyer's own, or out of the question."""
_SAID = ("theirs", "wished")
"""Groups of frames that tell what the buyer said or wants; we may still go on to grant it."""

_AHEAD = 2
"""Clauses after the number in which it may still be denied or nodded to."""
_GIVING = ("extra", "gift", "term")
"""Groups of frames in which something is given, or a time set, besides the ``PLEDGES``; each holds its number."""
_AS_THEIRS = ("theirs", "wished", "asked", "negated", "denied", "lived")
"""Groups of frames that show a day or a length of time not to be a deadline of ours."""


def story(steps: Sequence[Step | StepIn]) -> Spans:
    """Where, in the steps put together line by line, the buyer's own story is told."""
    spans: list[tuple[int, int]] = []
    place = 0
    for step in steps:
        if step.step == TELLS:
            spans.append((place, place + len(step.text)))
        place += len(step.text) + 1
    return spans


def repeated(number: Number, said: Said) -> bool:
    """True when the clause shows the number to be the buyer's and nobody nods to it.

    It is denied, quoted, asked for, wished, or went through; told as what they said and only noted; or what follows
    in the sentence denies it. What shows nothing of the kind is ours: a reply that only says the number took it over.
    """
    clause = said.clause(number.start)
    if said.within("denied", clause):
        return True
    after = _following(said, clause)
    if any(_agreed(said, near) for near in (clause, *after)):
        return False
    if said.reported(number.start, number.end) or any(said.within(group, clause) for group in _TELLING):
        return True
    if any(said.within(group, clause) for group in _SAID) and any(
        said.within("noted", near) for near in (clause, *after)
    ):
        return True
    return any((said.within("denied", near) or said.within("negated", near)) and not said.binds(near) for near in after)


def retold(number: Number, said: Said, *, timed: bool, weighty: bool) -> bool:
    """True when the number only tells the buyer's own story.

    Nothing in its sentence binds us, nobody nods to it there or right behind, and no act of ours is due by it.

    Args:
        number: one that only the buyer said, outside of what we undertake.
        said: the text it stands in.
        timed: True for a kind that may be a deadline.
        weighty: True for money, shares and bare figures.
    """
    own, (start, end) = said.clause(number.start), said.sentence(number.start)
    inside = [clause for clause in said.clauses if start <= clause[0] < end]
    behind = [clause for clause in said.clauses if clause[0] >= end][:1]
    if not weighty:  # a nod in the next step means something else
        behind = [clause for clause in behind if "\n" not in said.text[number.end : clause[0]]]
    if _gives(said, own) or any(said.binds(clause) or said.within("given_out", clause) for clause in inside):
        return False
    if any(_agreed(said, clause) for clause in (*inside, *behind)):
        return False
    if not timed or any(said.within(group, own) for group in _AS_THEIRS):
        return True
    due = (m for near in (own, *_following(said, own)[:1]) for m in said.within("due", near))
    return not any(m.start >= number.end for m in due)


def passed_on(number: Number, said: Said) -> bool:
    """True when all we undertake about the number is to have it looked into (``85块的事，我转给同事核``)."""
    own = said.clause(number.start)
    near = (own, *_following(said, own)[:1])
    if not any(said.within("passed_on", clause) for clause in near):
        return False
    return not any(
        _agreed(said, clause)
        or _gives(said, clause)
        or said.within("given_out", clause)
        or said.binds(clause, undertakings=False)
        for clause in near
    )


def refused(number: Number, said: Said) -> bool:
    """True when the clause right behind takes back what the number's own clause names (``赔五百，这个办不了``)."""
    after = _following(said, said.clause(number.start))[:1]
    return any(said.within("taken_back", clause) and not said.binds(clause) for clause in after)


def sized(number: Number, said: Said, ground: Ground, rules: CheckRules) -> bool:
    """True when the bare figure is a size in the buyer's words and in ours (``换42``)."""
    own = said.clause(number.start)
    if not any(m.start < number.start and number.end <= m.end for m in said.within("size", own)):
        return False
    return any(
        n.value == number.value
        for text in ground.claimed.texts
        for m in rules.search("size", text, 0, len(text))
        for n in numbers_of(text[m.start : m.end])
    )


def lived(number: Number, ground: Ground, rules: CheckRules) -> bool:
    """True when the buyer told this number of what they went through (``用了四个月``, ``碎了五只``).

    What stands behind a word of giving is wanted, even in the same clause (``少了两片补一盒``).
    """
    for text in ground.claimed.texts:
        for start, end in clauses(text):
            if not any(rules.search(group, text, start, end) for group in ("lived", "missing")):
                continue
            wanted = rules.search("gift", text, start, end) + rules.search("hand", text, start, end)
            for n in numbers_of(text[start:end]):
                place = n.start + start
                if (n.value, n.kind) == (number.value, number.kind) and not any(
                    m.start <= place < m.end for m in wanted
                ):
                    return True
    return False


def _gives(said: Said, clause: tuple[int, int]) -> bool:
    return not said.within("denied", clause) and any(
        said.ours(match, outright=False) for group in _GIVING for match in said.within(group, clause)
    )


def _agreed(said: Said, clause: tuple[int, int]) -> bool:
    return bool(said.within("agree", clause)) and not said.within("denied", clause)


def _following(said: Said, clause: tuple[int, int]) -> list[tuple[int, int]]:
    """The next clauses of the same sentence."""
    at, end = said.clauses.index(clause) + 1, said.sentence(clause[0])[1]
    return [near for near in said.clauses[at : at + _AHEAD] if near[0] < end]
