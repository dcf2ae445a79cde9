"""Hearing by example: which value of a fact a sentence resembles (``knowledge/reading/examples/*.yaml``).

Frames are exact, but people find ever new words. Where no frame heard a fact, a linear model over runs of one to
three characters says which value's example sentences the buyer's sentence is like (:mod:`service.rulebook.ridge`).
A value counts only when it leads the next one by the file's ``margin``; the nearest example of that value stands
beside it, so that a person can see what it was heard like.

Two kinds of file. ``fact: 诉求`` and ``examples: {退货退款: [sentences], …}``: the values of one choice, of which a
speaker's turns say one. ``group: a name`` and ``examples: {检测非人为: [sentences], …, 无: [sentences]}``: flags,
of which each sentence may say one; ``无`` collects the sentences that say none of them (the near misses). ``speaker``
says whose sentences these are: ``buyer`` (the default), ``agent`` or ``record``; a record's sentence is compared
with its key before it, as ``页面：包安装``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from service.errors import phrase
from service.rulebook.facts import FactBook
from service.rulebook.likeness import runs
from service.rulebook.ridge import Learned
from service.rulebook.shelf import Shelf
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml

LONGEST = 120
"""Characters of a sentence that are compared; what is longer is many sentences in one."""


NOTHING = "无"
"""The label of sentences that say none of a group's flags."""


class ExamplesFile(StrictModel):
    """Example sentences of one fact by value, or of several flags, and how clear the answer must be."""

    fact: str | None = None
    group: str | None = None
    """Name of a group of flags, instead of ``fact``; for people."""
    speaker: Literal["buyer", "agent", "record"] = "buyer"
    ridge: float = Field(gt=0)
    """Regularisation; the larger, the less a rare run counts."""
    margin: float = Field(ge=0, le=1)
    """How far the best value must lead the second."""
    beside: float | None = None
    """Lead at which a value is taken even beside what frames have heard of a choice of many; None: never."""
    clauses: int | None = None
    """Clauses of at least so many characters are compared by themselves too; a long sentence dilutes the one that
    tells. None: whole sentences only."""
    silent: list[str] = Field(default=[NOTHING], min_length=1)
    """Labels never taken by likeness alone: those that mean nothing was said, and those that accuse."""
    borrow: dict[str, list[str]] = Field(default_factory=dict)
    """Values of other facts whose examples say nothing of this one (an invoice is wanted whatever the cause)."""
    examples: dict[str, list[str]]

    @model_validator(mode="after")
    def _one_kind(self) -> ExamplesFile:
        if (self.fact is None) == (self.group is None):
            raise ValueError(phrase("examples_fact_or_group"))
        return self


@dataclass(frozen=True, slots=True)
class Alike:
    """A value (in a group: a flag), and by how much it led."""

    value: str
    margin: float


class ByExample:
    """The examples of one fact, or of one group of flags; learned when first asked."""

    def __init__(self, file: ExamplesFile, more: Iterable[tuple[str, str]] = (), shelf: Shelf | None = None) -> None:
        """``more``: further (value, sentence) pairs, as the frames' own test sentences; the file's own stand first."""
        self.fact, self.speaker, self._file, self.shelf = file.fact, file.speaker, file, shelf
        self.beside, self.shortest_clause = file.beside, file.clauses
        self.facts = (file.fact,) if file.fact else tuple(label for label in file.examples if label != NOTHING)
        self._examples = [(value, text) for value, texts in file.examples.items() for text in texts]
        own = {text for _, text in self._examples}
        further = {text: value for value, text in more if value in file.examples and text not in own}
        self._examples += [(value, text) for text, value in further.items()]
        self._labels = list(file.examples)

    @property
    def labels(self) -> tuple[str, ...]:
        """The values, in the file's order."""
        return tuple(self._labels)

    @property
    def silent(self) -> tuple[str, ...]:
        """Values never taken by likeness alone; the first means that nothing was said."""
        return tuple(self._file.silent)

    @property
    def examples(self) -> Sequence[tuple[str, str]]:
        """(value, sentence) pairs."""
        return self._examples

    def learn(self) -> None:
        """Learn now rather than when first asked."""
        self._weighed  # noqa: B018  (a cached property, and so is what it rests on)

    def hear(self, sentence: str) -> Alike | None:
        """The value the sentence resembles; None when it is the silent one or no value leads clearly."""
        said = runs(sentence[:LONGEST])
        scores = self._learned.scores(said)
        if scores is None:
            return None
        (best, first), (_, second) = sorted(enumerate(scores), key=lambda pair: -pair[1])[:2]
        value = self._labels[best]
        if value in self._file.silent or first - second < self._file.margin:
            return None
        return Alike(value, round(first - second, 3))

    def rank(self, sentence: str, value: str) -> int | None:
        """The place of a value among all by likeness, from 1; None where there are no examples of it."""
        if value not in self._labels:
            return None
        scores = self._learned.scores(runs(sentence[:LONGEST]))
        if scores is None:
            return len(self._labels)
        own = scores[self._labels.index(value)]
        return 1 + sum(score > own for score in scores)

    def clearest(self, sentences: Iterable[str]) -> tuple[int, Alike] | None:
        """Of several sentences the place and value of the one that speaks most clearly."""
        heard = ((place, self.hear(sentence)) for place, sentence in enumerate(sentences))
        clear = [(place, alike) for place, alike in heard if alike]
        return max(clear, key=lambda pair: pair[1].margin, default=None)

    def nearest(self, sentence: str, value: str) -> str:
        """The example of this value that the sentence is most like, for a person who asks why."""
        weights = self._learned.rarity
        shared = {run: weights[run] ** 2 for run in runs(sentence[:LONGEST]) if run in weights}

        def likeness(example: tuple[str, frozenset[str], float]) -> float:
            return sum(shared[run] for run in example[1] & shared.keys()) / example[2]

        return max(self._weighed[value], key=likeness)[0]

    @cached_property
    def _runs(self) -> list[frozenset[str]]:
        """The runs of every example."""
        return [runs(text) for _, text in self._examples]

    @cached_property
    def _weighed(self) -> dict[str, list[tuple[str, frozenset[str], float]]]:
        """Value → its examples with their runs and length."""
        weights, found = self._learned.rarity, defaultdict(list)
        for (value, text), theirs in zip(self._examples, self._runs, strict=True):
            size = math.sqrt(sum(weights.get(run, 0.0) ** 2 for run in theirs)) or 1.0
            found[value].append((text, theirs, size))
        return found

    @cached_property
    def _learned(self) -> Learned:
        import numpy as np  # here, because the shell's ``check`` must not pay for it

        name = f"{self.speaker}/{self.fact or self._file.group}"
        if self.shelf and (kept := self.shelf.take(name)):
            return kept
        targets = [self._labels.index(value) for value, _ in self._examples]
        wanted = np.eye(len(self._labels), dtype=np.float32)[targets]
        learned = Learned(self._runs, wanted, self._file.ridge)
        if self.shelf:
            self.shelf.put(name, learned)
        return learned


Told = Iterable[tuple[str, str, str, str | None]]
"""(speaker, fact, sentence, value); value None where the sentence is one that must not be heard."""
FLAG_TRUE = "是"


def load_examples(folder: Path, facts: FactBook, told: Told = (), shelf: Shelf | None = None) -> tuple[ByExample, ...]:
    """All example files, together with sentences told elsewhere (the frames' own tests).

    ``shelf`` keeps what is learned from them.

    Raises:
        RulebookError: broken file, or a fact or value that is not in the dictionary.
    """
    files = {path: read_yaml(path) for path in sorted(folder.glob("*.yaml"))}
    entries = {path: file.parse(ExamplesFile) for path, file in files.items()}
    sentences = {entry.fact: entry.examples for entry in entries.values() if entry.fact}
    told = list(told)
    loaded: list[ByExample] = []
    for path, entry in entries.items():
        _validate(files[path], entry, facts)
        lent = [
            text for fact, values in entry.borrow.items() for v in values for text in sentences.get(fact, {}).get(v, ())
        ]
        loaded.append(ByExample(entry, _added(entry, told, lent), shelf))
    return tuple(loaded)


def _added(entry: ExamplesFile, told: Told, lent: Iterable[str]) -> list[tuple[str, str]]:
    """What a file's examples gain: frames' sentences and borrowed ones, none that the file has a word on already."""
    own = {text for texts in entry.examples.values() for text in texts}
    more = list(_told(entry, told))
    borrowed = dict.fromkeys(text for text in lent if text not in own)
    return [*more, *((entry.silent[0], text) for text in borrowed)]


def _told(entry: ExamplesFile, told: Iterable[tuple[str, str, str, str | None]]) -> Iterator[tuple[str, str]]:
    """What the frames' own test sentences add: (label, sentence)."""
    for speaker, fact, text, value in told:
        if speaker != entry.speaker:
            continue
        if fact == entry.fact:
            yield value or entry.silent[0], text
        elif entry.group and fact in entry.examples:
            yield (fact if value == FLAG_TRUE else NOTHING), text


def _validate(file: YamlFile, entry: ExamplesFile, facts: FactBook) -> None:
    if entry.group:
        for label in entry.examples:
            if label != NOTHING and facts.kind(label) != "flag":
                raise file.error(phrase("condition_no_flag", name=label), "examples", label)
        return
    if facts.kind(str(entry.fact)) != "choice":
        raise file.error(phrase("condition_no_choice", name=str(entry.fact)), "fact")
    for value in (*entry.silent, *entry.examples):
        if not facts.has_value(str(entry.fact), value):
            raise file.error(phrase("condition_no_value", name=value), "examples", value)
