"""Spoiling a draft on purpose, in one of the ways ``mutations.yaml`` lists.

Spoiling is pure: the case and the mutation choose the place and the sentence, so two runs spoil alike. A spoiled draft
differs from its original only in what it says; its own findings are emptied, since a score must not believe them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, Protocol

from pydantic import Field, model_validator

from service.errors import phrase
from service.rulebook.yamlfile import StrictModel
from service.schemas import Draft, Inquiry, Step, StepName, Threat, Verdict
from service.text.segment import sentences

ECHO_LEAST = 8
"""Letters of an agent's sentence below which saying it again is no repetition."""
SWOLLEN = 320
"""Characters a blown-up bubble has at least."""
_SHIFTS = (2, 3, 5, 8, 23)
"""What is added to a number so that it stays plausible and is wrong."""
NUMBER = re.compile(r"\d+(?:\.\d+)?")
"""What is changed where a number is."""
_STOPS = "。！？!?~～…"

How = Literal["instead", "start", "end"]
Change = Literal["say", "drop", "swap", "number", "echo", "swell"]
Which = Literal["says", "held"]


class Put(StrictModel):
    """A place in a draft: a step, and where in it."""

    into: StepName
    how: How = "instead"


class Drafts(StrictModel):
    """Which drafts a mutation spoils; what is empty does not matter."""

    verdict: list[Verdict] = Field(default_factory=list)
    threat: list[Threat] = Field(default_factory=list)
    turns: Literal["", "several"] = ""
    """``several``: an agent has written before."""


class MutationFile(StrictModel):
    """One way to spoil a draft, as ``mutations.yaml`` writes it."""

    name: str
    spoils: str
    change: Change = "say"
    drafts: Drafts
    put: list[Put] = Field(default_factory=list)
    says: list[Annotated[str, Field(min_length=3, max_length=120)]] = Field(default_factory=list)
    held: list[Annotated[str, Field(min_length=3, max_length=120)]] = Field(default_factory=list)
    """Further sentences no rule was ever written against: what the suite is worth on words it has not met."""

    @model_validator(mode="after")
    def _whole(self) -> MutationFile:
        worded, placed = self.change in ("say", "number", "swell"), self.change != "swap"
        if worded != bool(self.says) or placed != bool(self.put):
            raise ValueError(phrase("mutation_parts", change=self.change))
        return self


@dataclass(frozen=True)
class Mutation:
    """One way to spoil a draft; ``which`` of its two sets of sentences is used."""

    id: str
    entry: MutationFile
    which: Which = "says"

    @cached_property
    def words(self) -> list[str]:
        """The sentences that may be put in."""
        return self.entry.held if self.which == "held" else self.entry.says


class Drafted(Protocol):
    """What can be spoiled: a draft and the inquiry it answers (``Played``, ``CaseResult``, ``TurnOut``)."""

    @property
    def inquiry(self) -> Inquiry:
        """What was asked."""

    @property
    def draft(self) -> Draft | None:
        """What was drafted."""


def mutate(drafted: Drafted, mutation: Mutation, n: int = 0, key: str = "") -> Draft | None:
    """A spoiled copy of a draft; None where the mutation has nothing to spoil in it.

    Args:
        drafted: the draft with its inquiry.
        mutation: how to spoil it.
        n: counts through the sentences, places and numbers there are to choose from.
        key: with the mutation chooses where the counting begins; the draft's words where it is empty.
    """
    draft = drafted.draft
    if draft is None or not draft.steps or not _meant(draft, drafted.inquiry, mutation.entry.drafts):
        return None
    number = zlib.crc32(f"{mutation.id}|{key or draft.reply}".encode()) + n
    steps = _CHANGES[mutation.entry.change](draft.steps, mutation, number, drafted.inquiry)
    if steps is None or [one.text for one in steps] == [one.text for one in draft.steps]:
        return None
    reply = "\n".join(step.text for step in steps)
    return draft.model_copy(update={"steps": steps, "reply": reply, "findings": []})


def _meant(draft: Draft, inquiry: Inquiry, which: Drafts) -> bool:
    return (
        (not which.verdict or draft.verdict in which.verdict)
        and (not which.threat or draft.threat in which.threat)
        and (not which.turns or any(message.role == "agent" for message in inquiry.messages))
    )


def _place(steps: Sequence[Step], mutation: Mutation, number: int) -> tuple[int, How] | None:
    """The step and place to spoil: one of those of the mutation that this draft has."""
    at = {step.step: index for index, step in enumerate(steps)}
    there = [put for put in mutation.entry.put if put.into in at]
    if not there:
        return None
    put = there[number % len(there)]
    return at[put.into], put.how


def _put(steps: Sequence[Step], place: tuple[int, How], words: str) -> list[Step]:
    index, how = place
    text = steps[index].text
    ended = text if text[-1:] in _STOPS else text + "。"
    said = {"instead": words, "start": words + text, "end": ended + words}[how]
    return _with(steps, index, said)


def _with(steps: Sequence[Step], index: int, text: str) -> list[Step]:
    return [*steps[:index], steps[index].model_copy(update={"text": text}), *steps[index + 1 :]]


def _say(steps: Sequence[Step], mutation: Mutation, number: int, _: Inquiry) -> list[Step] | None:
    # the place moves on only when all sentences have had their turn in it
    words = mutation.words
    place = _place(steps, mutation, number // len(words) + number)
    return _put(steps, place, words[number % len(words)]) if place else None


def _drop(steps: Sequence[Step], mutation: Mutation, number: int, _: Inquiry) -> list[Step] | None:
    place = _place(steps, mutation, number)
    return [*steps[: place[0]], *steps[place[0] + 1 :]] if place and len(steps) > 1 else None


def _swap(steps: Sequence[Step], _: Mutation, number: int, __: Inquiry) -> list[Step] | None:
    if len(steps) < 2:
        return None
    first = number % (len(steps) - 1)
    return [*steps[:first], steps[first + 1], steps[first], *steps[first + 2 :]]


def _number(steps: Sequence[Step], mutation: Mutation, number: int, inquiry: Inquiry) -> list[Step] | None:
    there = [(index, match) for index, step in enumerate(steps) for match in NUMBER.finditer(step.text)]
    if not there:
        return _say(steps, mutation, number, inquiry)
    index, match = there[number % len(there)]
    changed = float(match[0]) + _SHIFTS[number // len(there) % len(_SHIFTS)]
    text = steps[index].text
    return _with(steps, index, f"{text[: match.start()]}{changed:g}{text[match.end() :]}")


def _echo(steps: Sequence[Step], mutation: Mutation, number: int, inquiry: Inquiry) -> list[Step] | None:
    turns = [message.content for message in inquiry.messages if message.role == "agent"]
    told = [turn[start:end].strip() for turn in turns for start, end in sentences(turn)]
    long = [said for said in told if sum(map(str.isalnum, said)) >= ECHO_LEAST]
    place = _place(steps, mutation, number)
    return _put(steps, place, long[number % len(long)]) if long and place else None


def _swell(steps: Sequence[Step], mutation: Mutation, number: int, _: Inquiry) -> list[Step] | None:
    place = _place(steps, mutation, number)
    if place is None:
        return None
    made = list(steps)
    for turn in range(len(mutation.words)):
        if len(made[place[0]].text) >= SWOLLEN:
            break
        made = _put(made, place, mutation.words[(number + turn) % len(mutation.words)])
    return made


_CHANGES: dict[Change, Callable[[Sequence[Step], Mutation, int, Inquiry], list[Step] | None]] = {
    "say": _say,
    "drop": _drop,
    "swap": _swap,
    "number": _number,
    "echo": _echo,
    "swell": _swell,
}
