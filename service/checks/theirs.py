"""Whether a number that only the buyer said is told as theirs, or has become ours."""

from __future__ import annotations

from service.checks.ground import Ground
from service.checks.said import Said
from service.checks.sources import numbers_of
from service.rulebook.checkrules import CheckRules
from service.text.numerals import Number
from service.text.segment import clauses

_TELLING = ("lived", "asked", "negated")
"""Groups of frames that show a number to be the buyer's own, or out of the question."""
_SAID = ("theirs", "wished")
"""Groups of frames that tell what the buyer said or wants; we may still go on to grant it."""

_AHEAD = 2
"""Clauses after the number in which it may still be denied or nodded to."""
_GIVING = ("extra", "gift", "term")
"""Groups of frames in which something is given, or a time set, besides the ``PLEDGES``."""
_AS_THEIRS = ("theirs", "wished", "asked", "negated", "denied", "lived")
"""Groups of frames that show a day or a length of time not to be a deadline of ours."""


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


def retold(number: Number, said: Said, *, timed: bool, free: bool) -> bool:
    """True when the number only tells the buyer's own story, or is only passed on to be looked into.

    Nothing in its sentence binds us, nobody nods to it there or right behind, and no act of ours is due by it.

    Args:
        number: one that only the buyer said, outside of what we undertake.
        said: the text it stands in.
        timed: True for a kind that may be a deadline.
        free: True where telling is enough; otherwise (money) the clause must pass the matter on to somebody.
    """
    start, end = said.sentence(number.start)
    inside = [clause for clause in said.clauses if start <= clause[0] < end]
    behind = [clause for clause in said.clauses if clause[0] >= end][:1]
    if any(said.binds(clause) or _gives(said, clause) for clause in inside):
        return False
    if any(_agreed(said, clause) for clause in (*inside, *behind)):
        return False
    own = said.clause(number.start)
    if timed and not any(said.within(group, own) for group in _AS_THEIRS):
        due = (m for near in (own, *_following(said, own)[:1]) for m in said.within("due", near))
        if any(m.start >= number.end for m in due):
            return False
    return free or any(said.within("passed_on", near) for near in (own, *_following(said, own)))


def lived(number: Number, ground: Ground, rules: CheckRules) -> bool:
    """True when the buyer told this number of what they went through (``用了四个月``, ``碎了五只``).

    What stands behind a word of giving is wanted, even in the same clause (``少了两片补一盒``).
    """
    for text in ground.claimed.texts:
        for start, end in clauses(text):
            if not rules.search("lived", text, start, end):
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
