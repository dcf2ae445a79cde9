"""Wordings of a suggestion: what to say instead, with slots for what the forbidden sentence was about.

``say`` of a rule lists them from the fullest to the plainest. ``{货}``, ``{诉求}``, ``{数}``, ``{时长}`` and the rule's
own word classes are slots; ``〔…〕`` falls away when a slot in it is empty; a wording with any other empty slot is no
candidate. Where the slots are found in a sentence is told in ``knowledge/forbidden/_repair.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal, NamedTuple

from pydantic import Field

from service.errors import phrase
from service.rulebook.frameindex import FrameIndex
from service.rulebook.frames import Frames
from service.rulebook.rulefile import Frame
from service.rulebook.yamlfile import StrictModel, YamlFile

GOODS, DEMAND = "货", "诉求"
MOST_RULES = 3
"""Rules that one wording may serve: a text for everything says nothing."""
_SLOT = re.compile(r"\{([^{}]+)\}")
_OPTIONAL = re.compile(r"〔([^〔〕]*)〕")

Mend = Literal["say", "drop", "sentence", "strip", "leave"]
"""What is done about a finding: its suggestion instead, its clause out, its sentence, its characters, or nothing."""


@dataclass(frozen=True)
class Wording:
    """One wording as written."""

    text: str

    @property
    def slots(self) -> frozenset[str]:
        """Every slot in it."""
        return frozenset(_SLOT.findall(self.text))

    @property
    def needed(self) -> frozenset[str]:
        """The slots without which it cannot be said."""
        return frozenset(_SLOT.findall(_OPTIONAL.sub("", self.text)))

    def render(self, filled: Mapping[str, str]) -> str | None:
        """The wording with its slots filled; None when one it needs is empty."""
        if any(not filled.get(slot) for slot in self.needed):
            return None

        def optional(part: re.Match[str]) -> str:
            return part[1] if all(filled.get(slot) for slot in _SLOT.findall(part[1])) else ""

        return _SLOT.sub(lambda slot: filled[slot[1]], _OPTIONAL.sub(optional, self.text))


class RepairFile(StrictModel):
    """``_repair.yaml``: where slots are found, and what a whole text's repair does about each kind of finding."""

    words: dict[str, list[str]] = Field(default_factory=dict)
    goods: list[Frame] = Field(default_factory=list)
    """Frames that capture ``<货>``."""
    demands: dict[str, list[Frame]] = Field(default_factory=dict)
    """What a suggestion calls a demand → how it is said."""
    numbers: dict[str, list[str]] = Field(default_factory=dict)
    """Slot → the kinds of numbers that may stand in it."""
    only: dict[str, list[str]] = Field(default_factory=dict)
    """Word class → those of its words that a suggestion may say again."""
    samples: dict[str, str] = Field(default_factory=dict)
    """What number slots hold when wordings are tried out."""
    mend: dict[str, Mend] = Field(default_factory=dict)
    """Category or rule → what repair does; a rule's own entry goes before its category's."""
    joints: list[str] = Field(default_factory=list)
    """Words that tie a clause to the one before it and mean nothing once that one is gone."""
    lone: list[str] = Field(default_factory=list)
    """What is no sentence when it is all that is left (亲, 您好)."""


class Named(NamedTuple):
    """What a text is about: its goods in its order, and the demand it names first, of two at one place the longer."""

    goods: tuple[str, ...]
    demand: str


class Repairs:
    """The file ready to run. Frames are read at once, so that mistakes show; their patterns compile on first use."""

    def __init__(self, entry: RepairFile, file: YamlFile | None = None) -> None:
        self.entry = entry
        self.goods = self._frames(entry.goods, file, "goods")
        self.demands = {name: self._frames(said, file, "demands", name) for name, said in entry.demands.items()}

    def _frames(self, written: Sequence[str], file: YamlFile | None, *where: str) -> Frames:
        made = []
        for place, frame in enumerate(written):
            try:
                made.append(Frames([frame], self.entry.words))
            except ValueError as error:
                raise (file.error(str(error), *where, place) if file else error) from None
        return Frames.joined(made)

    @cached_property
    def _index(self) -> FrameIndex[str]:
        index: FrameIndex[str] = FrameIndex()
        index.add(GOODS, self.goods)
        for name, frames in self.demands.items():
            index.add(name, frames)
        index.compile()
        return index

    def named_in(self, text: str) -> Named:
        """The goods and the demand a text in normal form names."""
        found = self._index.scan(text)
        spans = [match.captures[GOODS] for key, match in found if key == GOODS and GOODS in match.captures]
        goods = tuple(dict.fromkeys(text[start:end] for start, end in spans))
        said = [(match.start, -match.end, key) for key, match in found if key != GOODS]
        return Named(goods, min(said)[2] if said else "")

    def mend(self, category: str, rule: str) -> Mend:
        """What repair does about a finding; what nobody listed is left to a person."""
        return self.entry.mend.get(rule) or self.entry.mend.get(category) or "leave"

    @cached_property
    def slots(self) -> frozenset[str]:
        """The slots any rule may use."""
        return frozenset({GOODS, DEMAND, *self.entry.numbers})

    def echo(self, slot: str, word: str) -> str:
        """A word of a class as a suggestion may say it again; empty when it had better not."""
        allowed = self.entry.only.get(slot)
        return word if allowed is None or word in allowed else ""

    def samples(self, wording: Wording, words: Mapping[str, Sequence[str]]) -> Iterator[str]:
        """A wording in every filling that differs in kind: all demands, all words of classes, one of the goods."""
        choices: list[list[str]] = []
        slots = sorted(wording.slots)
        for slot in slots:
            optional = [] if slot in wording.needed else [""]
            choices.append([*optional, *self._sample(slot, words)])
        for chosen in product(*choices):
            said = wording.render(dict(zip(slots, chosen, strict=True)))
            if said is not None:
                yield said

    def sample(self, wording: Wording, words: Mapping[str, Sequence[str]]) -> str | None:
        """A wording with every slot filled, one way; None when a class has no word that may be said again."""
        found = {slot: next(iter(self._sample(slot, words)), "") for slot in wording.slots}
        return wording.render(found)

    def _sample(self, slot: str, words: Mapping[str, Sequence[str]]) -> list[str]:
        if slot == GOODS:
            return self.entry.words.get(GOODS, [])[:1]
        if slot == DEMAND:
            return list(self.entry.demands)
        if slot in self.entry.numbers:
            return [self.entry.samples[slot]]
        return [word for word in words[slot] if self.echo(slot, word)]


def check_say(say: Sequence[str], words: Mapping[str, Sequence[str]], shared: frozenset[str]) -> None:
    """Whether a rule's wordings can be filled.

    Raises:
        ValueError: a slot that is none, or a last wording that may not be sayable; a Chinese sentence says which.
    """
    for text in say:
        for slot in Wording(text).slots:
            if slot not in words and slot not in shared:
                raise ValueError(phrase("rule_say_slot", slot=slot))
    if say and Wording(say[-1]).needed:
        raise ValueError(phrase("rule_say_last", say=say[-1]))
