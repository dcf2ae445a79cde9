"""What forbidden sentences sound like: a linear model over characters, learned from the rules' own sentences.

Frames are exact and say why, but people find ever new words for the same thing. The sentences written beside the
rules (``bad``, ``ok``), those in ``sentences/`` and the shop's own scripts teach the model which runs of one to
three characters belong to which side. A text is weighed clause by clause, because one bad clause among good ones is
how such sentences come. The learned weights are a file, ``_likeness.json``, made by
``python -m service.rulebook.learning``; a digest tells when the sentences have moved on.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import chain
from math import fsum
from operator import add
from pathlib import Path
from typing import NamedTuple

import ahocorasick_rs

from service.text.memo import Memo
from service.text.normalise import fold
from service.text.segment import PAUSES, clauses

_NOT_WORD = re.compile(r"[\W_]+")
_EDGES = PAUSES + " "
_GAPS = (1, 2)
_LIGHTEST = 0.2
"""Weights nearer to zero are not worth their place in the file."""
_WORTH = 200
"""Characters from which a text is worth building the automaton for: the shell checks one line and is done."""
LONGEST_WINDOW = 3
"""Clauses that are weighed together at most."""


@dataclass(frozen=True)
class Example:
    """A sentence and the rule whose sense it carries; ``rule`` is empty for a sentence anybody may say."""

    text: str
    rule: str = ""


class Weighed(NamedTuple):
    """A clause of a text: its span, the summed weight of its known runs, their number, and its letters and digits."""

    start: int
    end: int
    weight: float = 0.0
    known: int = 0
    said: int = 0


class Window(NamedTuple):
    """Neighbouring clauses, ``first`` to ``last`` among those of the sentence, and how forbidden they sound."""

    first: int
    last: int
    score: float


@lru_cache(maxsize=256)  # the same few sentences are compared with several groups of examples
def runs(text: str) -> frozenset[str]:
    """The runs of one to three characters of a sentence in normal form, pauses and quotations as ``|``."""
    plain = "^" + _NOT_WORD.sub("|", fold(text)) + "$"
    return frozenset(_slices(plain))


def _slices(plain: str) -> Iterable[str]:
    pairs = list(map(add, plain, plain[1:]))
    return chain(plain, pairs, map(add, pairs, plain[2:]))  # by the hundred thousand when examples are learned


def clause_runs(text: str) -> list[list[str]]:
    """The runs of every clause of a sentence, in normal form; marks at the edges of a clause do not count."""
    text = fold(text)
    return [_clause_runs(text[start:end]) for start, end in clauses(text)]


def _pairs_apart(plain: str) -> Iterator[str]:
    """Characters one and two places apart: what stays the same when a word is put between (``不…给``)."""
    for gap in _GAPS:
        for first, second in zip(plain, plain[gap + 1 :], strict=False):
            yield first + "…" * gap + second


def _clause_runs(clause: str) -> list[str]:
    plain = _NOT_WORD.sub("|", clause).strip("|")
    return list(dict.fromkeys(chain(_slices(f"^{plain}$"), _pairs_apart(plain)))) if plain else []


def digest(examples: Sequence[Example]) -> str:
    """A short fingerprint of the sentences a model was learned from."""
    written = "\n".join(sorted(f"{e.rule}\t{e.text}" for e in examples))
    return blake2b(written.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Likeness:
    """Learned weights. Clauses scoring above ``threshold`` sound forbidden."""

    weights: dict[str, float] = field(repr=False)
    bias: float
    threshold: float
    learned_from: str
    _found: list[tuple[ahocorasick_rs.AhoCorasick, array[float]]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def weigh(self, text: str) -> list[Weighed]:
        """The clauses of a text in normal form, each weighed by itself."""
        return self.weigh_each([text])[0]

    def weigh_each(self, texts: Sequence[str]) -> list[list[Weighed]]:
        """What ``weigh`` gives for each text; together they cost far less."""
        split = [clauses(text) for text in texts]
        said = [
            text[start:end].rstrip(_EDGES) for text, spans in zip(texts, split, strict=True) for start, end in spans
        ]
        sums = iter(self._remembered.of(said))
        return [[Weighed(start, end, *next(sums)) for start, end in spans] for spans in split]

    @cached_property
    def _remembered(self) -> Memo[tuple[float, int, int]]:
        return Memo(self._sums)

    def _sums(self, said: Sequence[str]) -> Iterator[tuple[float, int, int]]:
        """For each clause the summed weight and number of its known runs, each counted once, and of its letters."""
        plain = [text if text.isalnum() else _NOT_WORD.sub("|", text).strip("|") for text in said]
        edged = [f"^{text}$" if text else "" for text in plain]
        whole = "".join(edged)
        if len(whole) < _WORTH and not self._found:
            found = [
                {run for run in chain(_slices(text), _pairs_apart(text[1:-1])) if run in self.weights} if text else ()
                for text in edged
            ]
            sums = [(fsum(map(self.weights.__getitem__, runs)), len(runs)) for runs in found]
        else:
            sums = list(self._summed(whole, edged))
        for text, (weight, known) in zip(said, sums, strict=True):
            yield weight, known, len(text) if text.isalnum() else sum(map(str.isalnum, text))

    def _summed(self, whole: str, clauses: Sequence[str]) -> Iterator[tuple[float, int]]:
        automaton, values = self._automaton
        hits = automaton.find_matches_as_indexes(whole, overlapping=True)
        runs, _, ends = zip(*hits, strict=True) if hits else ((), (), ())  # sorted by where they end
        place = first = 0
        for clause in clauses:
            place += len(clause)
            last = bisect_right(ends, place, first)
            distinct = set(runs[first:last])
            first = last
            apart = [w for w in map(self.weights.get, set(_pairs_apart(clause[1:-1]))) if w is not None]
            yield fsum(chain(map(values.__getitem__, distinct), apart)), len(distinct) + len(apart)

    @property
    def _automaton(self) -> tuple[ahocorasick_rs.AhoCorasick, array[float]]:
        """Finds all runs in one pass; ten thousands of look-ups in a large table would each wait for memory."""
        if not self._found:
            runs = {run: weight for run, weight in self.weights.items() if "…" not in run}
            self._found.append((ahocorasick_rs.AhoCorasick(runs), array("d", runs.values())))
        return self._found[0]

    def score(self, text: str) -> float:
        """How forbidden a whole text sounds; no unit, only to be compared with ``threshold``."""
        return self.joined(self.weigh(fold(text)))

    def joined(self, weighed: Iterable[Weighed]) -> float:
        """The score of clauses taken together."""
        parts = list(weighed)
        return self.bias + sum(c.weight for c in parts) / math.sqrt(max(sum(c.known for c in parts), 1))

    def windows(self, weighed: Sequence[Weighed], shortest: int, above: float = -math.inf) -> list[Window]:
        """Every one to ``LONGEST_WINDOW`` neighbouring clauses with at least ``shortest`` letters and digits.

        Only those that score more than ``above``.
        """
        if above >= self.bias and all(clause.weight <= 0 for clause in weighed):
            return []  # no weight, no score above the bias: most sentences end here
        found = []
        for first in range(len(weighed)):
            weight, known, said = 0.0, 0, 0
            for last in range(first, min(first + LONGEST_WINDOW, len(weighed))):
                _, _, more, count, long = weighed[last]
                weight, known, said = weight + more, known + count, said + long
                if said >= shortest:
                    score = self.bias + weight / math.sqrt(known or 1)
                    if score > above:
                        found.append(Window(first, last, score))
        return found

    def pruned(self) -> Likeness:
        """Without the weights too light for their place in the file, and rounded as they stand there."""
        kept = {run: round(w, 2) for run, w in self.weights.items() if abs(w) >= _LIGHTEST}
        return Likeness(kept, self.bias, self.threshold, self.learned_from)

    def write(self, path: Path) -> None:
        """Write the weights, sorted so that versions can be compared."""
        kept = dict(sorted(self.pruned().weights.items()))
        head = {"learned_from": self.learned_from, "bias": round(self.bias, 3), "threshold": round(self.threshold, 3)}
        path.write_text(json.dumps({**head, "weights": kept}, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def read_likeness(path: Path) -> Likeness | None:
    """The weights in a file, or None when there is none.

    Raises:
        ValueError: the file is not what ``Likeness.write`` makes.
    """
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Likeness(dict(data["weights"]), float(data["bias"]), float(data["threshold"]), str(data["learned_from"]))
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from None
