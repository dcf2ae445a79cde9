"""Which answers a sentence gives to which questions, and for which case.

A sentence answers when a frame of an answer holds and nothing says that it is only told, asked or shown as a bad
example. Words that are forbidden (a clause that begins with 不要, an example of what not to say) give the opposite
answer where a topic has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.library.conflicts.statements import Statement
from service.library.conflicts.topics import Answer, Topic, Topics
from service.rulebook.frames import FrameMatch, Frames
from service.text.memo import SENTENCE, Memo
from service.text.negation import denied, denies
from service.text.numerals import Number, find_numbers
from service.text.spelled import words

_REACH = 14
"""Characters before the words in which what forbids them stands."""
_BEHIND = 14
_RANGE = frozenset("-~至到—")
_INNER = 2
"""How many headings above count as what the sentence is about."""
_ASKS = ("?", "？", "吗", "呢")

Cases = Mapping[str, frozenset[str]]
Hit = tuple[int, int, str, str]
"""Where a case is named in a text: span, dimension, case."""
Heard = tuple[tuple[str, str], FrameMatch]
"""Question and answer, and the words that give it."""


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


class Listener:
    """Hears claims in statements; remembers what cases a heading names."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._cases: Memo[tuple[Hit, ...]] = Memo(lambda texts: map(self._hits, texts), SENTENCE)
        self._about: dict[tuple[str, str], bool] = {}

    def claims(self, statement: Statement) -> list[Claim]:
        """The answers one sentence gives, each topic's answer once."""
        text = statement.text
        found = self._topics.answers.scan(text)
        if not found or self._told(statement):
            return []
        claims: dict[tuple[str, str, float | None], Claim] = {}
        scripted = [place for span in statement.script for place in range(*span)]
        asks = text.rstrip("”’ ").endswith(_ASKS)
        found = [(key, match) for key, match in found if self._open(statement, *key)]
        for (topic_id, answer_id), match in _plainest(found, self._topics):
            topic = self._topics.topics[topic_id]
            if asks and match.start not in scripted:
                continue
            claim = self._claim(statement, topic, topic.answers[answer_id], match, found)
            if claim is not None:
                claims.setdefault((topic_id, claim.answer, claim.high), claim)
        return list(claims.values())

    def _open(self, statement: Statement, topic_id: str, answer_id: str) -> bool:
        """Whether the sentence is about the question at all, and nothing in it rules the answer out."""
        topic, text = self._topics.topics[topic_id], statement.text
        if topic.entry.about and not topic.about.hold(text):
            above = statement.above[:-1][: _INNER + 1]
            if not any(self._holds(topic_id, topic.about, words) for words in above):
                return False
        return not topic.unless.hold(text) and not topic.answers[answer_id].unless.hold(text)

    def _told(self, statement: Statement) -> bool:
        return self._topics.told.hold(statement.text) or any(
            self._holds("told_above", self._topics.told_above, words) for words in statement.above
        )

    def _holds(self, name: str, frames: Frames, above: str) -> bool:
        key = (name, above)
        if key not in self._about:
            self._about[key] = frames.hold(above)
        return self._about[key]

    def _claim(
        self,
        statement: Statement,
        topic: Topic,
        answer: Answer,
        match: FrameMatch,
        found: Sequence[Heard],
    ) -> Claim | None:
        text = statement.text
        here = not topic.entry.about or topic.about.hold(text)
        given = answer.id
        if self._forbidden(statement, match):
            if answer.entry.denied is None:
                return None
            given = answer.entry.denied
        mine = [m for (other, _), m in found if other == topic.id]
        cases = self._case(statement, match, mine)
        if not _fits(cases, topic.entry.needs) or not _fits(cases, topic.answers[given].entry.needs):
            return None
        kept = {name: cases[name] for name in cases if name in topic.entry.by}
        numbers = _numbers(text, match, topic.entry.unit) if topic.entry.unit else [None]
        if not numbers:
            return None
        low, high = (min(n for n in numbers), max(n for n in numbers)) if numbers[0] is not None else (None, None)
        plain = 1.0 if here else 0.0
        plain -= min(len(text), 120) / 240 + (0.2 if match.start > 40 else 0)
        return Claim(
            topic.id, given, kept, statement.section, statement.start, statement.end, round(plain, 4), low, high
        )

    def _forbidden(self, statement: Statement, match: FrameMatch) -> bool:
        """Whether the words are forbidden, denied, or shown as an example of what not to say."""
        reading, text = self._topics.reading, statement.text
        negative = denies(text[match.start])
        if any(start < match.end <= end and not (negative and match.start < start) for start, end in statement.bad):
            return True
        first, last = statement.clause(match.start)
        before = text[max(first, match.start - _REACH) : match.start]
        if negative:  # it forbids by itself: nothing but words about words takes it back
            return any(word in before for word in reading.bad_says)
        if self._forbidden_before(before, text[match.start]) or denied(text[first:last], match.start - first):
            return True
        if self._forbidden_after(text, match.end, statement.clause(match.end - 1)[1]):
            return True
        whole = text[first:last]
        return not any(turn in whole for turn in reading.turns) and any(
            self._holds("forbids_above", self._topics.forbids_above, words) for words in statement.above[:1]
        )

    def _forbidden_before(self, before: str, following: str) -> bool:
        """Whether what forbids stands before the words and nothing turns it off in between."""
        whole = before + following
        for turn in self._topics.reading.turns:
            whole = whole.rpartition(turn)[2]
        return self._topics.forbids.hold(whole[:-1])

    def _forbidden_after(self, text: str, end: int, clause: int) -> bool:
        """Whether what forbids stands behind the words, in their clause or right at the start of the next."""
        reading = self._topics.reading
        if any(word in text[end : min(end + _BEHIND, clause)] for word in reading.forbids_after):
            return True
        following = text[clause + 1 : clause + 1 + _BEHIND]
        for lead in ("", *reading.forbids_after_by):
            if following.startswith(tuple(lead + word for word in reading.forbids_after)):
                return True
        return False

    def _hits(self, text: str) -> tuple[Hit, ...]:
        """Cases named in a text; of overlapping ones of a dimension the longest, so that 非质量问题 is not 质量问题."""
        found = [(m.start, m.end, *key) for key, m in self._topics.cases.scan(text)]
        found.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))
        kept: list[Hit] = []
        for hit in found:
            if not any(hit[2] == other[2] and hit[0] < other[1] and other[0] < hit[1] for other in kept):
                kept.append(hit)
        return tuple(sorted(kept))

    def _case(self, statement: Statement, match: FrameMatch, mine: Sequence[FrameMatch]) -> dict[str, frozenset[str]]:
        """For each dimension the cases named nearest: in the clause, before it, then above the sentence."""
        text, reading = statement.text, self._topics.reading
        first, last = statement.clause(match.start)
        hits = [
            hit for hit in self._cases.of([text])[0] if not _excepted(text, statement.clause(hit[0]), reading.except_)
        ]
        cases: dict[str, frozenset[str]] = {}
        here = [hit for hit in hits if first <= hit[0] < last]
        among = [m for m in mine if first <= m.start < last]
        for dimension in {hit[2] for hit in here}:
            own = [hit for hit in here if hit[2] == dimension]
            if len(own) > 1 and len(among) > 1:
                own = [hit for hit in own if hit[0] < match.end][-1:] or own[:1]
            cases[dimension] = frozenset(hit[3] for hit in own)
        for hit in reversed([hit for hit in hits if hit[0] < first]):
            cases.setdefault(hit[2], frozenset({hit[3]}))
        for above in statement.above:
            named: dict[str, set[str]] = {}
            for _, _, dimension, case in self._cases.of([above])[0]:
                named.setdefault(dimension, set()).add(case)
            for dimension, found in named.items():
                if len(found) == 1:  # a heading over several cases says of no sentence which of them it means
                    cases.setdefault(dimension, frozenset(found))
        return cases


def _plainest(found: Sequence[Heard], topics: Topics) -> list[Heard]:
    """Of the answers to one question that share words only the longest, the earlier one in the file among equals."""
    kept: list[Heard] = []
    ranks = {key: list(topics.topics[key[0]].answers).index(key[1]) for key, _ in found}
    for key, match in sorted(found, key=lambda one: (one[1].start - one[1].end, ranks[one[0]], one[1].start)):
        if not any(key[0] == other[0] and match.start < taken.end and taken.start < match.end for other, taken in kept):
            kept.append((key, match))
    return sorted(kept, key=lambda one: one[1].start)


def _excepted(text: str, clause: tuple[int, int], marks: Sequence[str]) -> bool:
    return any(mark in text[slice(*clause)] for mark in marks)


def _fits(cases: Cases, needs: Mapping[str, Sequence[str]]) -> bool:
    return all(not cases.get(name, frozenset()).isdisjoint(wanted) for name, wanted in needs.items())


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
            if before and before.kind == number.kind and set(text[before.end : number.start]) <= _RANGE:
                found += _measured(before, unit) if text[before.end : number.start] else []
    return found


def _measured(number: Number, unit: str) -> Iterator[float]:
    days = words().days
    if unit == "time":
        if number.kind in days:
            yield round(number.value * days[number.kind], 6)
    elif number.kind in (unit, "plain") or (unit == "multiple" and number.kind == "count"):
        yield number.value
