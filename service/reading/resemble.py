"""Hearing what no frame heard, by the team's example sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.reading.heard import Heard
from service.rulebook.alike import ByExample
from service.rulebook.listening import Listening, Speaker
from service.text.segment import sentences


@dataclass(frozen=True, slots=True)
class Part:
    """One text of the inquiry: a message (``index`` is its turn) or a record (−1, ``key`` is its key)."""

    speaker: Speaker
    text: str
    index: int
    key: str = ""
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class _Sentence:
    part: Part
    start: int
    end: int

    @property
    def quote(self) -> str:
        return self.part.text[self.start : self.end]

    def heard(self, fact: str, value: str | bool, like: str) -> Heard:
        part = self.part
        return Heard(
            fact, value, part.speaker, self.quote, part.index, self.start, self.end, part.key, part.fresh, like
        )

    def holds(self, one: Heard) -> bool:
        place = (one.speaker, one.message, one.key)
        same = place == (self.part.speaker, self.part.index, self.part.key)
        return same and one.start < self.end and self.start < one.end


def resembling(
    parts: Sequence[Part], heard: Sequence[Heard], pardoned: set[tuple[str, str]], listening: Listening
) -> Iterator[Heard]:
    """What the parts resemble, for facts no frame has heard of the speaker.

    A value whose frame matched but was pardoned (不是质量问题) is not brought back by likeness.
    """
    said = [_Sentence(part, *span) for part in parts for span in sentences(part.text)]
    for alike in listening.by_example:
        own = [one for one in said if one.part.speaker == alike.speaker]
        if alike.fact:
            yield from _choice(alike, alike.fact, own, heard, pardoned)
        else:
            yield from _flags(alike, own, heard)


def _choice(
    alike: ByExample, fact: str, said: list[_Sentence], heard: Sequence[Heard], pardoned: set[tuple[str, str]]
) -> Iterator[Heard]:
    """The value the newest turns say most clearly, or earlier ones, unless a frame has heard one at all."""
    if any(one.fact == fact and one.speaker == alike.speaker for one in heard):
        return
    for fresh in (True, False):
        turns = [one for one in said if one.part.fresh is fresh]
        if clearest := alike.clearest(one.quote for one in turns):
            place, found = clearest
            if (fact, found.value) not in pardoned:
                yield turns[place].heard(fact, found.value, found.example)
            return


def _flags(alike: ByExample, said: list[_Sentence], heard: Sequence[Heard]) -> Iterator[Heard]:
    """Of every sentence in which no frame has heard a flag of the group: the flag it resembles."""
    known = [one for one in heard if one.fact in alike.facts]
    spoken = {one.fact for one in known if one.speaker == alike.speaker}
    for one in said:
        if any(one.holds(other) for other in known):
            continue
        found = alike.hear(one.quote)
        if found and found.value not in spoken:
            yield one.heard(found.value, True, found.example)
