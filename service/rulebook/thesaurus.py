"""How buyers and agents talk, and how documents write it: ``knowledge/thesaurus.yaml``.

A query is matched against the ``say`` side of each group. A whole expression inside the query counts fully. Otherwise
the group is heard as far as the query shares its characters: pairs count, single characters a little, rare ones more
than common ones, so that a new turn of phrase still finds the group whose expressions sound like it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import ahocorasick_rs
from pydantic import Field

from service.errors import phrase
from service.rulebook.yamlfile import StrictModel, read_yaml
from service.text.normalise import fold, normalise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Expression = Annotated[str, Field(min_length=2, max_length=40)]
_RUN = re.compile(r"[0-9a-z]+|[\u3400-\u4dbf\u4e00-\u9fff]+")
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


@dataclass(frozen=True, slots=True)
class Ear:
    """How finely groups are heard.

    Attributes:
        single: what a single shared character counts against a pair.
        floor: shared weight below which nothing is heard.
        full: shared weight above the floor that counts like a whole expression.
        whole: characters of an expression that counts fully where all of it stands; shorter ones count in proportion.
        groups: groups at most.
    """

    single: float
    floor: float
    full: float
    groups: int
    whole: int = 1


@dataclass(frozen=True)
class Thesaurus:
    """The groups, ready for matching."""

    groups: tuple[Group, ...]
    digest: str
    _says: tuple[tuple[int, str], ...] = field(repr=False)
    _whole: ahocorasick_rs.AhoCorasick | None = field(repr=False)
    _parts: dict[str, tuple[int, int, float]] = field(repr=False)
    """Character or pair → the stretch of ``_having`` that has it, and how rare it is."""
    _having: NDArray[np.int32] = field(repr=False)
    """Groups, part after part."""

    def hear(self, text: str, ear: Ear) -> list[Heard]:
        """The groups heard in ``text``, strongest first; ``say`` is empty where no whole expression was found."""
        import numpy as np  # late: the rulebook is read by commands that never search

        query = normalise(text).text[:MAX_QUERY]
        strength = np.minimum(1.0, (self._shared(query, ear.single) - ear.floor) / ear.full)
        whole: dict[int, str] = {}
        if self._whole is not None:
            for index, _, _ in self._whole.find_matches_as_indexes(query, overlapping=True):
                group, say = self._says[index]
                if len(say) > len(whole.get(group, "")):
                    whole[group] = say
        heard = [
            Heard(group, max(min(1.0, len(say) / ear.whole), float(strength[group])), say)
            for group, say in whole.items()
        ]
        strength[list(whole)] = 0.0
        partly = np.flatnonzero(strength > 0)
        strongest = partly[np.argsort(-strength[partly], kind="stable")[: ear.groups]]  # of equals the first ones
        heard += [Heard(int(group), float(strength[group]), "") for group in strongest]
        return sorted(heard, key=lambda h: (-h.strength, -len(h.say), h.group))[: ear.groups]

    def _shared(self, query: str, single: float) -> NDArray[np.float64]:
        """For each group the weight of the characters and pairs it shares with a query in normal form."""
        import numpy as np

        known = [(part, self._parts[part]) for part in sorted(set(_parts(query))) if part in self._parts]
        if not known:
            return np.zeros(len(self.groups), dtype=np.float64)
        having = np.concatenate([self._having[first:last] for _, (first, last, _) in known])
        weights = [rare if len(part) > 1 else rare * single for part, (_, _, rare) in known]
        lengths = [last - first for _, (first, last, _) in known]
        shared: NDArray[np.float64] = np.bincount(
            having, np.repeat(weights, lengths), minlength=len(self.groups)
        ).astype(np.float64)
        return shared


def _parts(text: str) -> list[str]:
    """Characters and pairs of characters, not across punctuation."""
    parts: list[str] = []
    for run in _RUN.findall(text):
        parts.extend(run)
        parts.extend(run[i : i + 2] for i in range(len(run) - 1))
    return parts


def build_thesaurus(groups: Iterable[Group], digest: str = "") -> Thesaurus:
    """A thesaurus from groups already read."""
    import numpy as np

    kept = tuple(groups)
    says = [(i, say, fold(say)) for i, group in enumerate(kept) for say in group.say]
    found: defaultdict[str, list[int]] = defaultdict(list)
    for group, _, said in says:
        for part in _parts(said):
            if not (having := found[part]) or having[-1] != group:
                having.append(group)
    parts: dict[str, tuple[int, int, float]] = {}
    at = 0
    for part, where in found.items():
        parts[part] = (at, at := at + len(where), math.log(1 + len(kept) / len(where)))
    all_of_them = np.fromiter((g for where in found.values() for g in where), dtype=np.int32, count=at)
    whole = ahocorasick_rs.AhoCorasick([said for _, _, said in says]) if says else None
    return Thesaurus(kept, digest, tuple((group, say) for group, say, _ in says), whole, parts, all_of_them)


def load_thesaurus(path: Path) -> Thesaurus:
    """Read the file; one that stayed as it was is not read a second time.

    Raises:
        RulebookError: missing or broken; an expression twice in one group; an expression that is only punctuation.
    """
    about = path.stat() if path.exists() else None
    return _loaded(path, about and (about.st_mtime_ns, about.st_size))


@lru_cache(maxsize=4)
def _loaded(path: Path, state: object) -> Thesaurus:
    """The file in this state; ``state`` only tells one state from another."""
    file = read_yaml(path)
    groups = file.parse(ThesaurusFile).groups
    for index, group in enumerate(groups):
        seen: dict[str, int] = {}
        for place, say in enumerate(group.say):
            said = fold(say).strip()
            if not any(char.isalnum() for char in said):
                raise file.error(phrase("thesaurus_word_empty"), "groups", index, "say", place)
            if said in seen:
                first = file.line("groups", index, "say", seen[said])
                raise file.error(phrase("thesaurus_word_twice", word=say, first=first), "groups", index, "say", place)
            seen[said] = place
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return build_thesaurus(groups, digest)
