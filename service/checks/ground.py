"""The ground a text stands on: what it may state, and what was planned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from service.checks.sources import Sources
from service.schemas import StepName, Verdict
from service.text.normalise import fold
from service.text.segment import sentences

_EDGES = " ,。!?~…;:、\n"


@dataclass(frozen=True)
class Ground:
    """What a text may state, and what was planned. Make one for a draft and use it for all its steps.

    Attributes:
        records: order fields, ``order.facts``, policy, the shop's terms and grants, derived facts, quotes of what is
            cited, one plain text each. Their numbers are sources by value and kind (``8元`` is no source of ``8天``;
            a bare ``8`` is one of any kind).
        ordered: those of ``records`` that only tell what was ordered; no measure of what is missing.
        buyer: the buyer's messages. Their numbers may be repeated as theirs and never stand in what we undertake.
        agent: earlier agent turns. What they said or did counts as recorded.
        verdict: what was decided; None when nobody decided.
        offers: names of available offers and of demands granted besides the main one (``permits`` in the file).
        planned: the steps wanted, in order; None when nothing was planned.
        platform: where the order was placed; empty when unknown. Packs of that platform are in force.
        goods: what a reply may call the order's goods; empty when the order does not say.
        max_chars: characters a reply may have.
        familiar: whether a reply may call the buyer 亲; None when nobody said.
        playbook: the playbook's steps, which a model's words are held against; empty when nothing was written.
        given: False when no draft, order, policy or messages were supplied; findings of provenance then only warn.
    """

    records: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    buyer: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    verdict: Verdict | None = None
    offers: tuple[str, ...] = ()
    planned: tuple[StepName, ...] | None = None
    platform: str = ""
    goods: str = ""
    max_chars: int = 300
    familiar: bool | None = None
    playbook: tuple[tuple[StepName, str], ...] = ()
    given: bool = False

    @cached_property
    def recorded(self) -> Sources:
        """Numbers and words of records and earlier agent turns."""
        return Sources((*self.records, *self.agent))

    @cached_property
    def owed(self) -> Sources:
        """Numbers of the records that tell of this case: all but what the order says of itself."""
        return Sources((*(text for text in self.records if text not in self.ordered), *self.agent))

    @cached_property
    def claimed(self) -> Sources:
        """Numbers and words of the buyer."""
        return Sources(self.buyer)

    @cached_property
    def told(self) -> frozenset[str]:
        """The sentences of earlier agent turns in normal form, without the marks around them."""
        turns = map(fold, self.agent)
        return frozenset(core(turn[start:end]) for turn in turns for start, end in sentences(turn))


def core(sentence: str) -> str:
    """A sentence without the marks around it, for telling whether it was said before."""
    return sentence.strip(_EDGES)
