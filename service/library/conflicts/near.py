"""What no topic asks: sentences in nearly the same words that give another number, or say the opposite.

A question nobody thought of is still one two documents can answer differently. This finds less and is less sure than
the topics, so it only speaks where no topic has heard either sentence.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from service.library.conflicts.claims import Claim
from service.library.conflicts.statements import COMMA, Statement
from service.library.conflicts.topics import LikenessFile, Topics
from service.text.numerals import find_numbers
from service.text.spelled import words

NUMBER, OPPOSITE = "near.number", "near.opposite"
"""The two questions this asks."""
_WORDS = re.compile(rf"[^\w{COMMA}]|[\d_]")
_LEAST_SHARED = 2
"""Rare pairs two sentences must share before they are compared at all."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as far as likeness goes: its pairs of characters, its one number, whether it denies."""

    section: str
    start: int
    end: int
    pairs: frozenset[str]
    number: tuple[str, float] | None
    denies: bool


def sentence_of(statement: Statement, claims: Sequence[Claim], topics: Topics) -> Sentence | None:
    """The sentence, or None where it says too little, too much, is a script, or a topic hears it."""
    rules, text = topics.reading.likeness, statement.text
    if claims or statement.script or statement.bad or len(text) > rules.longest:
        return None
    numbers = find_numbers(text)
    days = words().days
    measured = {
        ("time", round(n.value * days[n.kind], 4)) if n.kind in days else (n.kind, n.value)
        for n in numbers
        if n.kind in days or n.kind in rules.kinds
    }
    bare = list(text)
    for n in numbers:
        bare[n.start : n.end] = " " * (n.end - n.start)
    kept = "".join(bare)
    for word in (*rules.ignore, *rules.denials):
        kept = kept.replace(word, " ")
    parts = _WORDS.sub(" ", kept).replace(COMMA, " ").split()
    pairs = frozenset(part[i : i + 2] for part in parts for i in range(len(part) - 1))
    if len(pairs) < rules.least:
        return None
    number = measured.pop() if len(measured) == 1 else None
    return Sentence(statement.section, statement.start, statement.end, pairs, number, _denying(text, rules))


def _denying(text: str, rules: LikenessFile) -> bool:
    """Whether an odd number of denials stands in it."""
    return sum(text.count(word) for word in rules.denials) % 2 == 1


def near(sentences: Sequence[Sentence], rules: LikenessFile) -> Iterator[tuple[int, int, str]]:
    """Places of two sentences that may contradict each other, and how: ``NUMBER`` or ``OPPOSITE``."""
    often = Counter(pair for sentence in sentences for pair in sentence.pairs)
    most = max(rules.common * len(sentences), _LEAST_SHARED)
    places: dict[str, list[int]] = defaultdict(list)
    for place, sentence in enumerate(sentences):
        for pair in sentence.pairs:
            if often[pair] <= most:
                places[pair].append(place)
    shared: Counter[tuple[int, int]] = Counter()
    for several in places.values():
        shared.update(combinations(several, 2))
    for (one, other), count in shared.items():
        if count >= _LEAST_SHARED and (how := _differ(sentences[one], sentences[other], rules)):
            yield one, other, how


def _differ(one: Sentence, other: Sentence, rules: LikenessFile) -> str | None:
    together = len(one.pairs & other.pairs) / len(one.pairs | other.pairs)
    if together < rules.shared:
        return None
    if one.number and other.number and one.number[0] == other.number[0] and one.denies == other.denies:
        return NUMBER if one.number[1] != other.number[1] else None
    if one.denies != other.denies and one.number == other.number and together >= rules.alike:
        return OPPOSITE
    return None
