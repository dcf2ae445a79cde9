"""Learning what forbidden sentences sound like: ``python -m service.rulebook.learning [knowledge folder]``.

Run it after changing sentences in ``knowledge/forbidden``; some seconds. The weights it writes are part of the rules.

Good texts are good in every clause; of a bad text only some clauses are bad, nobody says which. So a first model
learns from whole texts, and a second one from the clauses of every bad text that the first found most telling.
"""

from __future__ import annotations

import math
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from service.rulebook.forbidden import WEIGHTS
from service.rulebook.forbiddenfiles import load_forbidden
from service.rulebook.likeness import Example, Likeness, clause_runs, digest
from service.rulebook.yamlfile import read_yaml
from service.text.normalise import fold
from service.text.segment import blank, quoted

_ROUNDS = 8
_FOLDS = 3
_RATE = 0.6
_LEAST = 0.1
"""What a run counts that leans to neither side."""
_SHORTEST = 4
"""Letters and digits from which a clause can be learned from by itself."""

_SLOTS = re.compile(r"\{[^{}]*\}|[〔〕]")

Clauses = list[list[str]]
Row = tuple[list[str], bool]


def learn(examples: Sequence[Example], scripts: Sequence[str], alarms_per_thousand: float) -> Likeness:
    """Learn weights from examples and the shop's scripts; the same sentences give the same weights.

    The threshold lies above the loudest clauses of all but ``alarms_per_thousand`` good sentences, each scored by a
    model that never saw it.
    """
    texts = [(e.text, bool(e.rule)) for e in examples] + [(text, False) for text in scripts]
    own = [(_own_words(text), side) for text, side in texts]
    found = [(text, clause_runs(text), side) for text, side in own]
    order = list(range(len(found)))
    random.Random(len(found)).shuffle(order)
    held_out: list[float] = []
    for part in range(_FOLDS):
        test = set(order[part::_FOLDS])
        model = _taught([found[i][1:] for i in order if i not in test])
        held_out += [_loudest(model, found[i][0]) for i in sorted(test) if not found[i][2]]
    held_out.sort(reverse=True)
    threshold = held_out[int(len(held_out) * alarms_per_thousand / 1000)] if held_out else 0.0
    model = _taught([found[i][1:] for i in order])
    return Likeness(model.weights, model.bias, max(threshold, 0.0), digest(examples))


def _own_words(text: str) -> str:
    """The text in normal form without what it only quotes: as the ear will get it."""
    folded = fold(text)
    return blank(folded, quoted(folded))


def _loudest(model: Likeness, text: str) -> float:
    weighed = model.weigh(text)
    return max((w.score for w in model.windows(weighed, _SHORTEST)), default=model.bias)


def _taught(texts: Sequence[tuple[Clauses, bool]]) -> Likeness:
    whole = [([run for clause in parts for run in clause], side) for parts, side in texts]
    good = [(clause, False) for parts, side in texts if not side and len(parts) > 1 for clause in parts]
    good = [(clause, side) for clause, side in good if _letters(clause) >= _SHORTEST]
    first = Likeness(*_fit(whole + good), 0.0, "")
    telling = [(_telling(first, parts), True) for parts, side in texts if side and len(parts) > 1]
    return Likeness(*_fit(whole + good + telling), 0.0, "").pruned()


def _letters(clause: list[str]) -> int:
    return sum(len(run) == _LONGEST and run[1] != "…" for run in clause)


_LONGEST = 3


def _telling(model: Likeness, parts: Clauses) -> list[str]:
    """The clause of a bad text that sounds worst."""

    def sounds(clause: list[str]) -> float:
        known = [model.weights[run] for run in clause if run in model.weights]
        return sum(known) / math.sqrt(max(len(known), 1))

    return max((clause for clause in parts if clause), key=sounds, default=[])


def _fit(rows: Sequence[Row]) -> tuple[dict[str, float], float]:
    """Logistic regression by stochastic descent with a step that shrinks for what has moved much (AdaGrad).

    Every run counts as much as it tells the sides apart by itself (its log-count ratio, as in NB-SVM): few sentences
    are enough then.
    """
    import numpy as np  # late: only learning needs it

    telling = _ratios(rows)
    sides = Counter(side for _, side in rows)
    heavy = {True: len(rows) / 2 / max(sides[True], 1), False: len(rows) / 2 / max(sides[False], 1)}
    places = {run: place for place, run in enumerate(telling)}
    sizes = np.array(list(telling.values()))
    known = [(np.array([places[run] for run in row if run in places], dtype=np.int64), side) for row, side in rows]
    weights, moved = np.zeros(len(places)), np.full(len(places), 1e-2)
    bias, moved_bias = 0.0, 1e-2
    random.Random(len(rows)).shuffle(known)
    for _ in range(_ROUNDS):
        for row, side in known:
            there = sizes[row] / math.sqrt(max(len(row), 1))
            sounds = bias + float(weights[row] @ there)
            slope = (1 / (1 + math.exp(-max(-30.0, min(30.0, sounds)))) - side) * heavy[side]
            step = slope * there
            moved[row] += step * step  # a run stands once in a row
            weights[row] -= _RATE * step / np.sqrt(moved[row])
            moved_bias += slope * slope
            bias -= _RATE * slope / math.sqrt(moved_bias)
    found = weights * sizes
    return {run: float(found[place]) for run, place in places.items()}, bias


def _ratios(rows: Sequence[Row]) -> dict[str, float]:
    """How far each run that stands in two texts or more leans to one side: the size of its log-count ratio."""
    counts = {side: Counter(run for row, s in rows if s is side for run in set(row)) for side in (True, False)}
    runs = [run for run in counts[True] | counts[False] if counts[True][run] + counts[False][run] > 1]
    totals = {side: sum(counts[side][run] + 1 for run in runs) for side in (True, False)}
    return {
        run: abs(math.log((counts[True][run] + 1) / totals[True] * totals[False] / (counts[False][run] + 1))) + _LEAST
        for run in runs
    }


def script_sentences(folder: Path) -> Iterator[str]:
    """The bubbles of the shop's own scripts, slots and conditions taken out: sentences known to be good."""
    bullet = re.compile(r"^- (?:（[^）]*）)?(.+)$", re.MULTILINE)
    for path in sorted(folder.glob("*.md")):
        for match in bullet.finditer(path.read_text(encoding="utf-8")):
            yield _SLOTS.sub("", match[1])


def boundary_sentences(folder: Path) -> Iterator[str]:
    """What the rows of the boundary table say (``say``, ``door``), slots taken out: sentences known to be good.

    Raises:
        RulebookError: a file is no YAML.
    """
    for path in sorted(folder.glob("*.yaml")):
        for row in read_yaml(path).data.get("rows", []):
            for part in ("say", "door"):
                said = row.get(part) or []
                for sentence in [said] if isinstance(said, str) else said:
                    yield _SLOTS.sub("", sentence)


def learn_from_folder(home: Path) -> Likeness:
    """Learn from a knowledge folder and write the weights beside its rules.

    Raises:
        RulebookError: a rule file is broken.
    """
    rules = load_forbidden(home / "forbidden")
    scripts = [*script_sentences(home / "scenarios"), *boundary_sentences(home / "boundaries")]
    learned = learn(rules.examples, scripts, rules.learning.alarms_per_thousand)
    learned.write(home / "forbidden" / WEIGHTS)
    return learned


def main() -> None:
    """Learn anew and say how it went."""
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "knowledge"
    learned = learn_from_folder(home)
    print(f"{len(learned.weights)} weights, threshold {learned.threshold:.2f}, {learned.learned_from}")


if __name__ == "__main__":
    main()
