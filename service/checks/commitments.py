"""What may be promised: commitments need a verdict or an offer, acts said to be done need a record."""

from __future__ import annotations

from service.checks.ground import Ground
from service.checks.said import MOST, Said
from service.checks.sources import numbers_of
from service.rulebook.checkrules import ACT, CheckRules
from service.rulebook.frames import FrameMatch
from service.schemas import Finding
from service.text.segment import BLANK

_NEAR = 80
"""Characters around a commitment, within its sentence, in which a word of the offer must stand."""
_TAKEN = 2
"""Characters after ``已为您`` that must stand in a record when no listed act is named."""


def ungranted(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    """Commitments that neither verdict nor offer backs.

    With the verdict ``reasonable`` the help is due and only its numbers are checked; without any verdict a commitment
    only warns. What hangs on an ``if``, is denied, asked, wished by the buyer or quoted is no commitment.
    """
    if ground.verdict == "reasonable":
        return _presents(said, ground, rules)
    warn = not ground.given or ground.verdict is None
    pairs = [(match, group == "outright") for group in ("outright", "grant") for match in said.matches(group)]
    found: list[Finding] = []
    end = 0
    for match, outright in sorted(pairs, key=lambda pair: (pair[0].start, -pair[0].end)):
        if len(found) == MOST:
            break
        if match.start >= end and not _backed(match, said, ground, rules, outright=outright):
            start = _after_known(match, said, ground, rules)
            found.append(said.finding("commitment_without_verdict", start, match.end, warn=warn))
            end = match.end
    return found


def _presents(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    """What is given on top of what is due, and that neither a record nor the buyer tells of."""
    told = ground.recorded.text + ground.claimed.text
    found: list[Finding] = []
    for match in said.matches("grant"):
        named = [(name.rstrip("0123456789"), said.text[slice(*span)]) for name, span in match.captures.items()]
        named = [(name, word) for name, word in named if name in rules.entry.benefits]
        if (
            named
            and all(word not in rules.entry.presents.get(name, [word]) for name, word in named)
            and not any(word in told for _, word in named)
            and (not found or match.start >= found[-1].end)
            and not said.conditional(match.start)
            and said.ours(match, outright=False)
        ):
            found.append(said.finding("present_without_source", match.start, match.end, warn=not ground.given))
    return found[:MOST]


def _after_known(match: FrameMatch, said: Said, ground: Ground, rules: CheckRules) -> int:
    """Where the commitment begins, without the number on record it may open with: that number is no fault."""
    words = said.text[match.start : match.end]
    number = next(iter(numbers_of(words)), None)
    if number is None or number.start > 0 or number.end == len(words):
        return match.start
    known = ground.recorded.holds(number, words[: number.end], rules.entry.numbers)
    return match.start + number.end if known else match.start


def _backed(match: FrameMatch, said: Said, ground: Ground, rules: CheckRules, *, outright: bool) -> bool:
    return (
        _permitted(match, said, ground, rules)
        or said.conditional(match.start)
        or (not outright and said.covered("stated", match))
        or not said.ours(match, outright=outright)
    )


def _permitted(match: FrameMatch, said: Said, ground: Ground, rules: CheckRules) -> bool:
    """All benefits named are of classes that the offers allow, each near a word of its offer."""
    named = {name.rstrip("0123456789") for name in match.captures} & rules.entry.benefits.keys()
    if not named or not ground.offers:
        return False
    start, end = said.sentence(match.start)
    sentence = said.text[max(start, match.start - _NEAR) : min(end, match.end + _NEAR)]
    allowed: set[str] = set()
    for offer in ground.offers:
        permit = rules.permitted(offer)
        if not permit.words or any(word in sentence for word in permit.words):
            allowed.update(permit.benefits)
    return named <= allowed


def unrecorded(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    """Acts said to be done that no record and no earlier agent turn tells of."""
    found: list[Finding] = []
    taken = 0
    for match in sorted([*said.matches("done"), *said.matches("done_for_you")], key=lambda m: (m.start, -m.end)):
        if len(found) == MOST:
            break
        if match.start < taken or said.covered("not_done", match) or said.reported(match.start, match.end):
            continue
        taken = match.end
        act = _act(match, said, rules)
        if act is None:
            words = said.text[match.end : match.end + _TAKEN]
            backed = BLANK not in words and len(words) == _TAKEN and words in ground.recorded.text
        else:
            backed = rules.backing[act].search(ground.recorded.text) is not None
        if not backed:
            name = act or said.text[match.start : match.end]
            found.append(said.finding("act_said_done", match.start, match.end, warn=not ground.given, act=name))
    return found


def _act(match: FrameMatch, said: Said, rules: CheckRules) -> str | None:
    if ACT not in match.captures:
        return None
    start, end = match.captures[ACT]
    return rules.act_of[said.text[start:end]]
