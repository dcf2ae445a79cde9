"""How buyers and agents talk, and how documents write it: ``knowledge/thesaurus.yaml``.

A query is matched against the ``say`` side: a whole expression inside it counts fully, a long one by the share of its
character pairs that are there, rare pairs more than common ones.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import ahocorasick_rs
from pydantic import Field

from service.errors import phrase
from service.rulebook.yamlfile import StrictModel, read_yaml
from service.text.normalise import normalise

Expression = Annotated[str, Field(min_length=2, max_length=40)]
MAX_QUERY = 400
"""Characters of a query that are looked at; whoever pastes a page has said enough by then."""


class Group(StrictModel):
    """One line of the file: some ways to say it, and the words documents use."""

    say: list[Expression] = Field(min_length=1)
    means: list[Expression] = Field(min_length=1)


class ThesaurusFile(StrictModel):
    """The whole file."""

    groups: list[Group]


@dataclass(frozen=True, slots=True)
class Heard:
    """A group that was heard in a query. ``strength`` is above 0 and at most 1; ``say`` is the expression."""

    group: int
    strength: float
    say: str


@dataclass(frozen=True)
class Thesaurus:
    """The groups, ready for matching."""

    groups: tuple[Group, ...]
    digest: str
    _says: tuple[tuple[int, str, str], ...] = field(repr=False)
    _whole: ahocorasick_rs.AhoCorasick | None = field(repr=False)
    _pairs: dict[str, tuple[int, ...]] = field(repr=False)
    _weights: dict[str, float] = field(repr=False)

    def hear(self, text: str, partial: float, min_partial: int, limit: int) -> list[Heard]:
        """The groups heard in ``text``, strongest first.

        Args:
            text: a query as typed.
            partial: share of a long expression that must be there when it is not there whole, 0 to 1.
            min_partial: characters an expression needs to be matched in part at all.
            limit: groups at most.
        """
        query = normalise(text).text[:MAX_QUERY]
        best: dict[int, Heard] = {}
        for index, strength in self._strengths(query, partial, min_partial):
            group, shown, _ = self._says[index]
            if group not in best or best[group].strength < strength:
                best[group] = Heard(group, strength, shown)
        ordered = sorted(best.values(), key=lambda h: (-h.strength, -len(h.say), h.group))
        return ordered[:limit]

    def _strengths(self, query: str, partial: float, min_partial: int) -> Iterable[tuple[int, float]]:
        if self._whole is not None:
            for index, _, _ in self._whole.find_matches_as_indexes(query, overlapping=True):
                yield index, 1.0
        there = Counter[int]()
        for pair in set(_pairs(query)):
            for index in self._pairs.get(pair, ()):
                there[index] += 1
        present = set(_pairs(query))
        for index in there:
            _, _, said = self._says[index]
            if len(said) < min_partial:
                continue
            pairs = _pairs(said)
            whole = sum(self._weights[pair] for pair in pairs)
            share = sum(self._weights[pair] for pair in pairs if pair in present) / whole
            if share >= partial:
                yield index, share


def _pairs(text: str) -> list[str]:
    return [text[i : i + 2] for i in range(len(text) - 1) if text[i].isalnum() and text[i + 1].isalnum()]


def build_thesaurus(groups: Iterable[Group], digest: str = "") -> Thesaurus:
    """A thesaurus from groups already read."""
    kept = tuple(groups)
    says = tuple((i, say, normalise(say).text) for i, group in enumerate(kept) for say in group.say)
    found: defaultdict[str, list[int]] = defaultdict(list)
    for index, (_, _, said) in enumerate(says):
        for pair in set(_pairs(said)):
            found[pair].append(index)
    weights = {pair: math.log(1 + len(says) / len(where)) for pair, where in found.items()}
    whole = ahocorasick_rs.AhoCorasick([said for _, _, said in says]) if says else None
    return Thesaurus(kept, digest, says, whole, {pair: tuple(where) for pair, where in found.items()}, weights)


def load_thesaurus(path: Path) -> Thesaurus:
    """Read the file.

    Raises:
        RulebookError: missing or broken; an expression twice in one group; an expression that is only punctuation.
    """
    file = read_yaml(path)
    groups = file.parse(ThesaurusFile).groups
    for index, group in enumerate(groups):
        seen: dict[str, int] = {}
        for place, say in enumerate(group.say):
            said = normalise(say).text.strip()
            if not any(char.isalnum() for char in said):
                raise file.error(phrase("thesaurus_word_empty"), "groups", index, "say", place)
            if said in seen:
                first = file.line("groups", index, "say", seen[said])
                raise file.error(phrase("thesaurus_word_twice", word=say, first=first), "groups", index, "say", place)
            seen[said] = place
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return build_thesaurus(groups, digest)
