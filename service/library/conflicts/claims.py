"""Which answers a sentence gives to which questions, and for which case.

A sentence answers when a frame of an answer holds and nothing says that it is only told, asked or shown as a bad
example. Words that are forbidden (a clause that begins with 不要, an example of what not to say) give the opposite
answer where a topic has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.library.conflicts.cases import CaseReader, Cases, fits
from service.library.conflicts.denial import Denial
from service.library.conflicts.statements import Statement
from service.library.conflicts.topics import Topic, Topics
from service.rulebook.frames import FrameMatch
from service.text.numerals import Number, find_numbers
from service.text.spelled import words

_RANGE = frozenset("-~至到—")
_INNER = 2
"""How many headings above, beside the title, count as what the sentence is about."""
_ASKS = ("?", "？", "吗", "呢")
_LATE = 40
"""Characters after which an answer is no longer what the sentence begins with."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One answer as a document gives it.

    ``low``/``high`` are the number, in days for a length of time, where the topic asks for one. ``start``/``end`` are
    the sentence in the document. ``weight`` says how plainly it is said.
    """

    topic: str
    answer: str
    cases: Cases
    section: str
    start: int
    end: int
    weight: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer found in a sentence; ``rank`` is its place in the file."""

    topic: Topic
    answer: str
    match: FrameMatch
    rank: int


class Listener:
    """Hears claims in statements."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._denial, self._cases = Denial(topics), CaseReader(topics)

    def told(self, statement: Statement) -> bool:
        """Whether the sentence only tells what happens or what others think."""
        return self._denial.told(statement)

    def claims(self, statement: Statement) -> list[Claim]:
        """The answers one sentence gives, each topic's answer once."""
        if not self._topics.answers.scan(statement.text) or self._denial.told(statement):
            return []
        heard = _plainest(list(self._heard(statement)))
        claims: dict[tuple[str, str, float | None], Claim] = {}
        for one in heard:
            mine = [other.match for other in heard if other.topic is one.topic]
            claim = self._claim(statement, one, mine)
            if claim is not None:
                claims.setdefault((claim.topic, claim.answer, claim.high), claim)
        return list(claims.values())

    def _heard(self, statement: Statement) -> Iterator[Heard]:
        """The answers the sentence means; what it forbids gives the opposite one, or none."""
        asks = statement.text.rstrip("”’ ").endswith(_ASKS)
        for (topic_id, answer_id), match in self._topics.answers.scan(statement.text):
            topic = self._topics.topics[topic_id]
            answer = topic.answers[answer_id]
            if asks and not any(start <= match.start < end for start, end in statement.script):
                continue
            if not self._about(statement, topic) or answer.unless.hold(statement.text):
                continue
            given: str | None = answer_id
            if self._denial.forbidden(statement, match, answer.denies[match.frame]):
                given = answer.entry.denied
            if given is not None:
                yield Heard(topic, given, match, list(topic.answers).index(answer_id))

    def _about(self, statement: Statement, topic: Topic) -> bool:
        """Whether the sentence, or what stands above it, is about the question, and nothing in it rules it out."""
        text = statement.text
        if topic.entry.about and not topic.about.hold(text):
            above = (*statement.above[:_INNER], statement.above[-1])
            if not any(self._denial.holds(topic.id, topic.about, heading) for heading in above):
                return False
        return not topic.unless.hold(text)

    def _claim(self, statement: Statement, heard: Heard, mine: Sequence[FrameMatch]) -> Claim | None:
        text, topic, match = statement.text, heard.topic, heard.match
        cases = self._cases.of(statement, match, mine)
        if not fits(cases, topic.entry.needs) or not fits(cases, topic.answers[heard.answer].entry.needs):
            return None
        low = high = None
        if topic.entry.unit is not None:
            numbers = _numbers(text, match, topic.entry.unit)
            if not numbers:
                return None
            low, high = min(numbers), max(numbers)
        plain = 1.0 if not topic.entry.about or topic.about.hold(text) else 0.0
        plain -= min(len(text), 120) / 240 + (0.2 if match.start > _LATE else 0)
        said = self._cases.said(statement, match, mine)
        kept = {
            name: found[name]
            for name, mode in topic.entry.by.items()
            if name in (found := said if mode == "apart" else cases)
        }
        where = (statement.section, statement.start, statement.end)
        return Claim(topic.id, heard.answer, kept, *where, round(plain, 4), low, high)


def _plainest(heard: Sequence[Heard]) -> list[Heard]:
    """Of the answers to one question that share words only the longest, the earlier one in the file among equals."""
    kept: list[Heard] = []
    for one in sorted(heard, key=lambda h: (h.match.start - h.match.end, h.rank, h.match.start)):
        if not any(one.topic is other.topic and _meet(one.match, other.match) for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda h: h.match.start)


def _meet(one: FrameMatch, other: FrameMatch) -> bool:
    return one.start < other.end and other.start < one.end


def _numbers(text: str, match: FrameMatch, unit: str) -> list[float]:
    """The number an answer captured, both ends of a range, in the unit's measure."""
    numbers = find_numbers(text)
    found: list[float] = []
    for start, end in match.captures.values():
        for place, number in enumerate(numbers):
            if number.start >= end or number.end <= start:
                continue
            found += _measured(number, unit)
            before = numbers[place - 1] if place else None
            between = text[before.end : number.start] if before else ""
            if before and between and before.kind == number.kind and set(between) <= _RANGE:
                found += _measured(before, unit)
    return found


def _measured(number: Number, unit: str) -> Iterator[float]:
    days = words().days
    if unit == "time":
        if number.kind in days:
            yield round(number.value * days[number.kind], 6)
    elif number.kind in (unit, "plain") or (unit == "multiple" and number.kind == "count"):
        yield number.value
