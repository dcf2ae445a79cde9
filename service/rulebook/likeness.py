"""What forbidden sentences sound like: a linear model over characters, learned from the rules' own sentences.

Frames are exact and say why, but people find ever new words for the same thing. The sentences written beside the
rules (``bad``, ``ok``), those in ``_sentences.yaml`` and the shop's own scripts teach the model which runs of one to
three characters belong to which side. A text is weighed clause by clause, because one bad clause among good ones is
how such sentences come. The learned weights are a file, ``_likeness.json``, made by
``python -m service.rulebook.learning``; a digest tells when the sentences have moved on.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path

from service.text.normalise import fold
from service.text.segment import clauses

_NOT_WORD = re.compile(r"[\W_]+")
_LONGEST_RUN = 3
_LIGHTEST = 0.2
"""Weights nearer to zero are not worth their place in the file."""
LONGEST_WINDOW = 3
"""Clauses that are weighed together at most."""


@dataclass(frozen=True)
class Example:
    """A sentence and the rule whose sense it carries; ``rule`` is empty for a sentence anybody may say."""

    text: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A clause of a text: its span, the summed weight of its known runs, their number, and its letters and digits."""

    start: int
    end: int
    weight: float
    known: int
    said: int


@dataclass(frozen=True, slots=True)
class Window:
    """Neighbouring clauses, ``first`` to ``last`` among those of the sentence, and how forbidden they sound."""

    first: int
    last: int
    score: float


@lru_cache(maxsize=256)  # the same few sentences are compared with several groups of examples
def runs(text: str) -> frozenset[str]:
    """The runs of one to three characters of a sentence in normal form, pauses and quotations as ``|``."""
    plain = "^" + _NOT_WORD.sub("|", fold(text)) + "$"
    return frozenset(_slices(plain))


def _slices(plain: str) -> Iterator[str]:
    for n in range(1, _LONGEST_RUN + 1):
        for i in range(len(plain) - n + 1):
            yield plain[i : i + n]


def clause_runs(text: str) -> list[list[str]]:
    """The runs of every clause of a sentence, in normal form; marks at the edges of a clause do not count."""
    text = fold(text)
    return [_clause_runs(text[start:end]) for start, end in clauses(text)]


def _clause_runs(clause: str) -> list[str]:
    plain = _NOT_WORD.sub("|", clause).strip("|")
    return list(dict.fromkeys(_slices(f"^{plain}$"))) if plain else []


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

    def weigh(self, text: str) -> list[Weighed]:
        """The clauses of a text in normal form, each weighed by itself."""
        weighed = []
        for start, end in clauses(text):
            clause = text[start:end]
            known = [self.weights[run] for run in _clause_runs(clause) if run in self.weights]
            weighed.append(Weighed(start, end, sum(known), len(known), sum(map(str.isalnum, clause))))
        return weighed

    def score(self, text: str) -> float:
        """How forbidden a whole text sounds; no unit, only to be compared with ``threshold``."""
        return self.joined(self.weigh(fold(text)))

    def joined(self, weighed: Iterable[Weighed]) -> float:
        """The score of clauses taken together."""
        parts = list(weighed)
        return self.bias + sum(c.weight for c in parts) / math.sqrt(max(sum(c.known for c in parts), 1))

    def windows(self, weighed: Sequence[Weighed], shortest: int) -> Iterator[Window]:
        """Every one to ``LONGEST_WINDOW`` neighbouring clauses with at least ``shortest`` letters and digits."""
        weights = [0.0, *accumulate(c.weight for c in weighed)]
        known = [0, *accumulate(c.known for c in weighed)]
        said = [0, *accumulate(c.said for c in weighed)]
        for first in range(len(weighed)):
            for last in range(first, min(first + LONGEST_WINDOW, len(weighed))):
                if said[last + 1] - said[first] >= shortest:
                    count = max(known[last + 1] - known[first], 1)
                    yield Window(first, last, self.bias + (weights[last + 1] - weights[first]) / math.sqrt(count))

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
