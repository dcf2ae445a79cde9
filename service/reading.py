"""读意: what the buyer wants and says, what an agent said before, what the records say — heard by the team's frames.

Offline reading only listens: it decides nothing. Every fact it hears keeps the words it was heard from and who
said them, as code points of the text they stand in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from service.rulebook.facts import FactBook
from service.rulebook.listening import FLAG_WORDS, WHOLE, Listening, Pattern, Speaker
from service.schemas import Inquiry
from service.text.normalise import normalise
from service.text.numerals import days_of, find_numbers, number_of
from service.text.segment import blank, clauses, quoted, sentences

Scalar = str | float | bool
RECORD_JOIN = "："
MESSAGE_CHARS = 2_000
"""Of one message so much is listened to; nobody states a case in more, and work must stay bounded."""
ALL_CHARS = 8_000
"""Of the whole conversation so much, the newest first; and as much of all records together."""
RECORD_CHARS = 600
HOURS = "小时"


@dataclass(frozen=True, slots=True)
class Heard:
    """One fact as one speaker put it. ``message`` is the turn's index; for a record −1, and ``key`` is its key."""

    fact: str
    value: Scalar
    speaker: Speaker
    quote: str
    message: int
    start: int
    end: int
    key: str = ""
    fresh: bool = True
    like: str = ""
    """The example sentence it was heard by, where no frame heard it."""


@dataclass(frozen=True)
class Reading:
    """Everything heard, in the order it was said; records first."""

    heard: tuple[Heard, ...]
    fresh_from: int
    """Index of the first message of the newest inquiry: buyer turns after the last agent turn."""

    @cached_property
    def by_fact(self) -> dict[str, tuple[Heard, ...]]:
        """What was heard of each fact."""
        found: dict[str, list[Heard]] = {}
        for one in self.heard:
            found.setdefault(one.fact, []).append(one)
        return {name: tuple(items) for name, items in found.items()}

    def of(self, fact: str, *speakers: Speaker) -> tuple[Heard, ...]:
        """What these speakers (all, when none is named) said of a fact."""
        heard = self.by_fact.get(fact, ())
        return tuple(one for one in heard if not speakers or one.speaker in speakers)

    def newest(self, fact: str, *speakers: Speaker) -> tuple[Heard, ...]:
        """What the newest inquiry says of a fact; when it is silent, what was said before."""
        heard = self.of(fact, *speakers)
        return tuple(one for one in heard if one.fresh) or heard


def read(inquiry: Inquiry, listening: Listening, facts: FactBook) -> Reading:
    """Listen to the whole inquiry.

    Messages are heard as who the caller says they are; every text in ``order.facts`` and ``policy`` is heard as a
    record, with its key as a hint. Speech a speaker only quotes is not his own and is left out.
    """
    heard: list[Heard] = []
    budget = ALL_CHARS
    for key, whole in records(inquiry):
        text = whole[: min(RECORD_CHARS, budget)]
        budget -= len(text)
        hinted = f"{listening.hint(key.rsplit('.', 1)[-1])}{RECORD_JOIN}{text}"
        for one in _listen(hinted, "record", listening, facts, -1)[0]:
            heard.append(_at_record(one, key))
    pardoned: set[tuple[str, str]] = set()
    agents = [i for i, message in enumerate(inquiry.messages) if message.role == "agent"]
    fresh_from = agents[-1] + 1 if agents else 0
    listened = _within_budget(inquiry)
    for index, message in enumerate(inquiry.messages):
        speaker: Speaker = "buyer" if message.role == "customer" else "agent"
        found, spared = _listen(message.content[: listened[index]], speaker, listening, facts, index)
        pardoned |= spared
        for one in found:
            heard.append(one if index >= fresh_from or speaker == "agent" else _stale(one))
    heard += _by_example(inquiry, fresh_from, heard, pardoned, listening)
    return Reading(tuple(heard), fresh_from)


def _by_example(
    inquiry: Inquiry, fresh_from: int, heard: list[Heard], pardoned: set[tuple[str, str]], listening: Listening
) -> Iterator[Heard]:
    """What the newest buyer turns resemble, for facts no frame has heard of the buyer at all.

    A value whose frame matched but was pardoned (不是质量问题) is not brought back by likeness.
    """
    spoken = {one.fact for one in heard if one.speaker == "buyer"}
    for alike in listening.by_example:
        if alike.fact in spoken:
            continue
        spans = [
            (index, start, end)
            for index, message in list(enumerate(inquiry.messages))[fresh_from:]
            for start, end in sentences(message.content[:MESSAGE_CHARS])
        ]
        quotes = [inquiry.messages[index].content[start:end] for index, start, end in spans]
        if clearest := alike.clearest(quotes):
            place, found = clearest
            if (alike.fact, found.value) in pardoned:
                continue
            index, start, end = spans[place]
            yield Heard(alike.fact, found.value, "buyer", quotes[place], index, start, end, like=found.example)


def _within_budget(inquiry: Inquiry) -> list[int]:
    """How many characters of each message are listened to."""
    budget, lengths = ALL_CHARS, []
    for message in reversed(inquiry.messages):
        lengths.append(min(len(message.content), MESSAGE_CHARS, budget))
        budget -= lengths[-1]
    return lengths[::-1]


def records(inquiry: Inquiry) -> Iterator[tuple[str, str]]:
    """Every record as (dotted key, text): what the goods are, then ``order.facts``, then ``policy``."""
    for name in ("category", "product"):
        if text := getattr(inquiry.order, name):
            yield f"order.{name}", text
    yield from _flatten("order.facts", inquiry.order.facts)
    yield from _flatten("policy", inquiry.policy)


def _flatten(prefix: str, values: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict):
            yield from _flatten(name, value)
        elif isinstance(value, list):
            yield from _flatten(name, {str(i): item for i, item in enumerate(value)})
        elif isinstance(value, bool):
            yield name, next(word for word, flag in FLAG_WORDS.items() if flag is value)
        elif value is not None:
            yield name, str(value)


def _at_record(one: Heard, key: str) -> Heard:
    return Heard(one.fact, one.value, one.speaker, one.quote, -1, one.start, one.end, key)


def _stale(one: Heard) -> Heard:
    return Heard(one.fact, one.value, one.speaker, one.quote, one.message, one.start, one.end, one.key, fresh=False)


def _listen(
    text: str, speaker: Speaker, listening: Listening, facts: FactBook, index: int
) -> tuple[list[Heard], set[tuple[str, str]]]:
    """What one text says, and the values whose frames matched but were pardoned."""
    norm = normalise(text)
    own = blank(norm.text, quoted(norm.text)) if speaker == "buyer" else norm.text
    bounds = sentences(own)
    found: list[tuple[Pattern, int, Heard]] = []
    pardoned: set[tuple[str, str]] = set()
    for pattern, match in listening.indexes[speaker].scan(own):
        sentence = next(((a, b) for a, b in bounds if a <= match.start < b), (0, len(own)))
        if pattern.unless and pattern.unless.search(own[sentence[0] : sentence[1]]):
            continue
        unit = facts.facts[pattern.fact].entry.unit
        value = _value(pattern, match.captures, own, own[match.start : match.end], unit)
        if value is None:
            continue
        start, end = norm.span(match.start, match.end)
        heard = Heard(pattern.fact, value, speaker, text[start:end], index, start, end)
        found.append((pattern, match.end - match.start, heard))
    kept = _unabsorbed(_longest(found, facts), [norm.span(a, b) for a, b in clauses(own)], facts)
    return sorted(kept, key=lambda one: (one.start, one.end)), pardoned


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
