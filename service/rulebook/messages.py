"""Hearing whole messages: what buyers say in several sentences, labelled by people (``knowledge/reading/messages``).

A sentence taken alone often says too little: the wish is implied, the trouble is told over three sentences. Whole
messages with what a person heard in them teach a linear model (:mod:`service.rulebook.ridge`), together with the
example sentences of the same fact. It corrects frames only where it is clear, by the leads the file sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import Field

from service.errors import phrase
from service.rulebook.alike import ByExample
from service.rulebook.facts import FactBook
from service.rulebook.likeness import runs
from service.rulebook.ridge import Learned
from service.rulebook.shelf import Shelf
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml

LONGEST = 400
"""Characters of a message that are weighed."""
_NEVER = 9.0
"""A lead no value has."""


class Leads(StrictModel):
    """How clear the whole message must be about one fact; scores lie around 0 to 1."""

    main: bool = False
    """True: one value leads (the last label), and only the newest turns are weighed; else several may hold."""
    fixed: list[str] = Field(default_factory=list)
    """Values that lead whatever the message as a whole resembles."""
    ridge: float = Field(default=1.0, gt=0)
    least: float = 0.0
    """Score the best value must have at least."""
    among: float = _NEVER
    """Lead over the leading value at which another value that was heard becomes the leading one."""
    alone: float = _NEVER
    """Lead over silence at which a value is taken when nothing was heard."""
    against: float = _NEVER
    """Lead at which a value nobody heard is taken against what was heard."""
    add: float = _NEVER
    """Score at which a value is taken when nothing was heard."""
    beside: float = _NEVER
    """Score at which a value is taken beside what was heard."""
    doubt: float = -_NEVER
    """A value that was heard and scores below this …"""
    doubt_lead: float = _NEVER
    """… and this far behind the best is not believed."""


class Labelled(StrictModel):
    """One message and what a person hears in it: fact → values; of a ``main`` fact the last one leads."""

    said: str
    heard: dict[str, list[str]]


class MessagesFile(StrictModel):
    """One file of labelled messages; ``leads`` stand in one file only."""

    leads: dict[str, Leads] = Field(default_factory=dict)
    weight: int = Field(default=3, ge=1)
    """How many example sentences one message counts for."""
    messages: list[Labelled] = Field(default_factory=list)


@dataclass(frozen=True)
class Weighing:
    """One fact over whole messages; learned when first asked."""

    fact: str
    leads: Leads
    silent: tuple[str, ...]
    """Values never taken by likeness alone; the first means that nothing was said."""
    labels: tuple[str, ...]
    messages: tuple[tuple[str, tuple[str, ...]], ...]
    sentences: tuple[tuple[str, str], ...]
    weight: int
    shelf: Shelf | None = None

    def learn(self) -> None:
        """Learn now rather than when first asked."""
        self._learned  # noqa: B018  (a cached property)

    @cached_property
    def told(self) -> frozenset[str]:
        """Values that labelled messages speak of, and the silent one; of others the model knows too little."""
        return frozenset(value for _, values in self.messages for value in values) | {self.silent[0]}

    def scores(self, text: str) -> dict[str, float]:
        """A score for every value; empty when the message holds nothing known."""
        found = self._learned.scores(runs(text[:LONGEST]))
        return dict(zip(self.labels, found, strict=True)) if found else {}

    @cached_property
    def _learned(self) -> Learned:
        name = f"messages/{self.fact}"
        if self.shelf and (kept := self.shelf.take(name)):
            return kept
        learned = self._learn()
        if self.shelf:
            self.shelf.put(name, learned)
        return learned

    def _learn(self) -> Learned:
        import numpy as np  # here, because the shell's ``check`` must not pay for it

        places = {label: place for place, label in enumerate(self.labels)}
        rows: list[tuple[str, tuple[str, ...]]] = [(text, (value,)) for value, text in self.sentences]
        rows += self.messages
        targets = np.zeros((len(rows), len(self.labels)), dtype=np.float32)
        for number, (_, values) in enumerate(rows):
            targets[number, [places[value] for value in values]] = 1
        counts = [1.0] * len(self.sentences) + [float(self.weight)] * len(self.messages)
        return Learned([runs(text[:LONGEST]) for text, _ in rows], targets, self.leads.ridge, counts)


def load_weighings(
    folder: Path, facts: FactBook, by_example: Sequence[ByExample], shelf: Shelf | None = None
) -> tuple[Weighing, ...]:
    """All files of labelled messages; ``shelf`` keeps what is learned from them.

    Raises:
        RulebookError: broken file, or a fact or value that is not in the dictionary.
    """
    files = {path: read_yaml(path) for path in sorted(folder.glob("*.yaml"))}
    entries = {path: file.parse(MessagesFile) for path, file in files.items()}
    labelled: list[Labelled] = []
    leads: dict[str, Leads] = {}
    weight = 1
    for path, entry in entries.items():
        for place, message in enumerate(entry.messages):
            _validate(files[path], message, place, facts)
        labelled += entry.messages
        if entry.leads:
            leads, weight = entry.leads, entry.weight
    return tuple(_weighing(fact, one, labelled, weight, by_example, shelf) for fact, one in leads.items())


def _weighing(
    fact: str,
    leads: Leads,
    labelled: Iterable[Labelled],
    weight: int,
    by_example: Sequence[ByExample],
    shelf: Shelf | None,
) -> Weighing:
    examples = next(one for one in by_example if one.fact == fact)
    messages: dict[str, tuple[str, ...]] = {}
    for one in labelled:
        if values := one.heard.get(fact):
            messages[one.said] = tuple(values[-1:] if leads.main else values)
    said = {value for values in messages.values() for value in values}
    labels = tuple(dict.fromkeys([*examples.labels, *sorted(said)]))
    rows = tuple(messages.items())
    return Weighing(fact, leads, examples.silent, labels, rows, tuple(examples.examples), weight, shelf)


def _validate(file: YamlFile, message: Labelled, place: int, facts: FactBook) -> None:
    for fact, values in message.heard.items():
        if facts.kind(fact) != "choice":
            raise file.error(phrase("condition_no_choice", name=fact), "messages", place, "heard")
        for value in values:
            if not facts.has_value(fact, value):
                raise file.error(phrase("condition_no_value", name=value), "messages", place, "heard", fact)
