"""Hearing what no frame heard, by the team's example sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.reading.heard import Heard
from service.rulebook.alike import ByExample
from service.rulebook.listening import Listening, Speaker
from service.text.segment import BLANK, blank, clauses, quoted, sentences

NAMES = frozenset(("order.category", "order.product"))
"""Records that only name the goods; a name states nothing."""


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
    own: str
    start: int
    end: int

    @property
    def quote(self) -> str:
        return self.part.text[self.start : self.end]

    @property
    def words(self) -> str:
        """What is compared: without what a buyer only quotes (a title, what others said)."""
        return self.own[self.start : self.end].replace(BLANK, "")

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
    said = [
        _Sentence(part, _own_words(part), *span)
        for part in parts
        if part.key not in NAMES
        for span in sentences(part.text)
    ]
    for alike in listening.by_example:
        own = [one for one in said if one.part.speaker == alike.speaker]
        if alike.fact:
            yield from _choice(alike, alike.fact, own, heard, pardoned)
        else:
            yield from _flags(alike, own, heard)


def _own_words(part: Part) -> str:
    return blank(part.text, quoted(part.text)) if part.speaker == "buyer" else part.text


def _choice(
    alike: ByExample, fact: str, said: list[_Sentence], heard: Sequence[Heard], pardoned: set[tuple[str, str]]
) -> Iterator[Heard]:
    """The value that newest or earlier turns say most clearly, where no frame has heard one or it is very clear."""
    known = {one.value for one in heard if one.fact == fact and one.speaker == alike.speaker}
    if known and alike.beside is None:
        return
    for fresh in (True, False):
        turns = [one for whole in said if whole.part.fresh is fresh for one in _with_clauses(whole, alike)]
        if clearest := alike.clearest(one.words for one in turns):
            place, found = clearest
            clear = not known or (found.margin >= (alike.beside or 0) and found.value not in known)
            if clear and (fact, found.value) not in pardoned:
                yield turns[place].heard(fact, found.value, alike.nearest(turns[place].words, found.value))
            return


def _with_clauses(whole: _Sentence, alike: ByExample) -> Iterator[_Sentence]:
    yield whole
    if alike.shortest_clause is not None:
        spans = [(whole.start + a, whole.start + b) for a, b in clauses(whole.quote) if b - a >= alike.shortest_clause]
        yield from (_Sentence(whole.part, whole.own, *span) for span in spans if span != (whole.start, whole.end))


def _flags(alike: ByExample, said: list[_Sentence], heard: Sequence[Heard]) -> Iterator[Heard]:
    """Of every sentence in which no frame has heard a flag of the group: the flag it resembles."""
    known = [one for one in heard if one.fact in alike.facts]
    spoken = {one.fact for one in known if one.speaker == alike.speaker}
    for one in said:
        if any(one.holds(other) for other in known):
            continue
        found = alike.hear(one.words)
        if found and found.value not in spoken:
            yield one.heard(found.value, True, alike.nearest(one.words, found.value))
