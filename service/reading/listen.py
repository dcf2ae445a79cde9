"""Listening to one text with the team's frames: which facts it states, and which of two readings stands."""

from __future__ import annotations

import re
from collections.abc import Mapping

from service.reading.heard import Heard, Scalar
from service.rulebook.facts import FactBook
from service.rulebook.listening import FLAG_WORDS, WHOLE, Listening, Pattern, Speaker
from service.text.negation import denied
from service.text.normalise import normalise
from service.text.numerals import days_of, find_numbers, number_of
from service.text.segment import blank, clauses, quoted, sentences

HOURS = "小时"
_SERIAL = re.compile("[0-9]{7,}")
"""Digits that only tell things apart: a phone, an order, a card. No hotline and no number of days is heard in them."""


def listen(
    text: str, speaker: Speaker, listening: Listening, facts: FactBook, index: int
) -> tuple[list[Heard], set[tuple[str, str]]]:
    """What one text says, and the values whose frames matched but were pardoned."""
    norm = normalise(text)
    own = _SERIAL.sub(lambda run: "0" * len(run[0]), norm.text)
    own = blank(own, quoted(own)) if speaker == "buyer" else own
    bounds, pauses = sentences(own), clauses(own)
    found: list[tuple[Pattern, int, Heard]] = []
    pardoned: set[tuple[str, str]] = set()
    for pattern, match in listening.indexes[speaker].scan(own):
        sentence, clause = (_around(match.start, match.end, spans) for spans in (bounds, pauses))
        if pattern.pardons(own[slice(*sentence)], own[slice(*clause)]) or (
            pattern.deniable and denied(own[slice(*clause)], match.start - clause[0])
        ):
            pardoned.add((pattern.fact, pattern.value))
            continue
        if listening.only_supposes(pattern, speaker, own[slice(*sentence)]):
            continue
        unit = facts.facts[pattern.fact].entry.unit
        value = _value(pattern, match.captures, own, own[match.start : match.end], unit)
        if value is None:
            continue
        start, end = norm.span(match.start, match.end)
        asked = listening.only_asks(pattern, own[slice(*clause)])
        heard = Heard(pattern.fact, value, speaker, text[start:end], index, start, end, asked=asked)
        found.append((pattern, match.end - match.start, heard))
    kept = _unabsorbed(_longest(found, facts), [norm.span(a, b) for a, b in pauses], facts)
    return sorted(kept, key=lambda one: (one.start, one.end)), pardoned


def _around(start: int, end: int, spans: list[tuple[int, int]]) -> tuple[int, int]:
    """From the first to the last sentence (or clause) that a span touches; the span itself where there is none."""
    touched = [(a, b) for a, b in spans if a < max(end, start + 1) and start < b]
    return (min(start, touched[0][0]), max(end, touched[-1][1])) if touched else (start, end)


def _value(
    pattern: Pattern, captures: Mapping[str, tuple[int, int]], text: str, whole: str, unit: str
) -> Scalar | None:
    label = pattern.value.rstrip("0123456789")
    if label in FLAG_WORDS:
        return FLAG_WORDS[label]
    kind, _, inner = label.partition(".")
    if kind == WHOLE:
        span = captures.get(inner)
        return text[span[0] : span[1]] if span else whole
    span = captures.get(pattern.value) or captures.get(label)
    if span is None:
        return None if label in ("数", "时长", "金额") else pattern.value
    part = text[span[0] : span[1]]
    if label == "时长":
        return _length(part, unit)
    return _money(part) if label == "金额" else number_of(part)


def _length(text: str, unit: str) -> float | None:
    """A duration in the fact's own unit, days unless it counts hours."""
    days = days_of(text)
    return days if days is None or unit != HOURS else round(days * 24, 2)


def _money(text: str) -> float | None:
    """An amount in yuan, its unit said or not."""
    amounts = [one.value for one in find_numbers(text) if one.kind in ("money", "plain")]
    return amounts[0] if amounts else None


def _longest(found: list[tuple[Pattern, int, Heard]], facts: FactBook) -> list[Heard]:
    """Of two values of one choice heard from overlapping words only the one with more words is kept."""
    kept: list[Heard] = []
    ordered = sorted(found, key=lambda item: (-item[1], item[0].rank))
    for _, _, one in ordered:
        rivals = (other for other in kept if other.fact == one.fact)
        if facts.kind(one.fact) == "choice" and any(
            other.value != one.value and other.start < one.end and one.start < other.end for other in rivals
        ):
            continue
        kept.append(one)
    return list(dict.fromkeys(kept))


def _unabsorbed(heard: list[Heard], bounds: list[tuple[int, int]], facts: FactBook) -> list[Heard]:
    """Without the values that another value of the same choice takes in, in the same clause."""

    def clause(one: Heard) -> int:
        return next((i for i, (start, end) in enumerate(bounds) if start <= one.start < end), -1)

    absorbed = {
        (one.fact, other, clause(one))
        for one in heard
        if facts.kind(one.fact) == "choice"
        for other in facts.facts[one.fact].entry.values[str(one.value)].absorbs
    }
    return [one for one in heard if (one.fact, one.value, clause(one)) not in absorbed]
