"""What a judge is shown of one played case: masked, on single lines, fenced, cut; and what it is asked about it.

The judge is asked whether a description holds of the reply, always in that sense: it is never told whether a shop wants
the description to hold, so that yes and no cannot be taken for good and bad, nor the other way round.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any, Literal, Protocol

from pydantic import JsonValue

from evals.results import TurnOut
from service.schemas import Draft, Inquiry
from service.writing.material import Material, Told, one_line
from service.writing.prompts import Prompt

MARK_CHARS = 8


class Shown(Protocol):
    """What of a case a judge is shown; a played case is one, and so is a stored result."""

    @property
    def inquiry(self) -> Inquiry:
        """What was asked."""

    @property
    def draft(self) -> Draft | None:
        """What was drafted."""

    @property
    def pushes(self) -> Sequence[TurnOut]:
        """What the buyer went on to say, and what was drafted then."""


@dataclass(frozen=True)
class Described:
    """A description of a reply that may hold or not.

    Attributes:
        text: the sentence.
        scope: whether later replies of the same case are looked at too.
        evidence: whether a yes counts only with the words it rests on.
        known: a control's answer; None where the answer is to be found out.
    """

    text: str
    scope: Literal["first", "all"] = "first"
    evidence: bool = False
    known: bool | None = None


class JudgePage:
    """One case as a judge sees it.

    Args:
        prompt: ``judge.md``.
        shown: the case; its draft must be there.
    """

    def __init__(self, prompt: Prompt, shown: Shown) -> None:
        assert shown.draft is not None
        self._prompt, limits = prompt, prompt.head.limits
        facts = dict(self._facts(shown.inquiry))
        self._material = Material(prompt, Told(shown.inquiry, (), (), facts, ()))
        pushes = [(push.said, push.draft) for push in shown.pushes if push.draft is not None]
        drafts = [shown.draft, *(draft for _, draft in pushes)]
        self._bubbles = self._shown(shown.draft)
        self.first = next((bubble["text"] for bubble in self._bubbles if bubble["text"]), "")
        """The first bubble in which anything can be read; empty where there is none."""
        self._later = [
            {"said": self._material.hide(said, limits["turn_chars"]), "bubbles": self._shown(draft)}
            for said, draft in pushes[: limits["later"]]
        ]
        self.whole = len(pushes) <= limits["later"] and all(map(self._fits, drafts))
        """Whether the judge sees every reply to its end: what it does not see it cannot say is not there."""
        self.replies = tuple(draft.reply for draft in drafts)
        self.key = _key(shown.inquiry, drafts, [said for said, _ in pushes])

    def user(self, asked: Sequence[Described]) -> str:
        """The part of the prompt about this case; descriptions are numbered from 1 as they come."""
        material, most = self._material, self._prompt.head.limits["description_chars"]
        return self._prompt.block(
            "user",
            turns=material.turns,
            facts=material.facts,
            product=material.product,
            cuts=material.cuts,
            bubbles=self._bubbles,
            later=self._later,
            descriptions=[
                {"text": one.text if one.known is not None else material.hide(one.text, most), "scope": one.scope}
                for one in asked
            ],
            fence=material.fence,
        )

    def with_controls(self, asked: Iterable[Described]) -> list[Described]:
        """The descriptions and two whose answers are known, in an order that is the same for the same case.

        A judge that follows what a reply tells it to answer, or answers without looking, fails one of the two.
        """
        words, limits = self._prompt.head.words["controls"], self._prompt.head.limits
        controls = [
            Described(words["absent"].replace("{mark}", _mark()), known=False),
            Described(words["present"].replace("{words}", self.first[: limits["control_chars"]]), known=True),
        ]
        places = {one: f"{one.known}" if one.known is not None else one.text for one in (*asked, *controls)}
        return sorted(places, key=lambda one: hashlib.sha256(f"{self.key}|{places[one]}".encode()).digest())

    def restored(self, text: str) -> str:
        """What the judge wrote, with aliases turned back."""
        return self._material.masker.restore(one_line(text))

    def _shown(self, draft: Draft) -> list[dict[str, str]]:
        """The bubbles of a reply, masked and cut."""
        limits = self._prompt.head.limits
        kept = _bubbles(draft)[: limits["bubbles"]]
        return [{"step": step, "text": self._material.hide(text, limits["bubble_chars"])} for step, text in kept]

    def _fits(self, draft: Draft) -> bool:
        limits, bubbles = self._prompt.head.limits, _bubbles(draft)
        return len(bubbles) <= limits["bubbles"] and all(len(text) <= limits["bubble_chars"] for _, text in bubbles)

    def _facts(self, inquiry: Inquiry) -> Iterator[tuple[str, str]]:
        """What the order and the policy say, under the names people use."""
        words = self._prompt.head.words
        typed = inquiry.order.model_dump(mode="json", exclude={"facts", "product"}, exclude_none=True)
        for name, value in typed.items():
            told = _told(value)
            yield words["order"].get(name, name), words["values"].get(told, told)
        for name, value in inquiry.order.facts.items():
            yield name, _told(value)
        for name, value in inquiry.policy.items():
            yield words["policy"]["name"].replace("{name}", name), _told(value)


def _told(value: JsonValue) -> str:
    """A value as people write it: whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _bubbles(draft: Draft) -> list[tuple[str, str]]:
    """The reply by bubbles, with their steps where these make up the reply: it is what counts, whatever they tell."""
    bubbles: list[tuple[str, str]] = [(step.step, step.text) for step in draft.steps]
    if "\n".join(text for _, text in bubbles) != draft.reply:
        bubbles = [("", line) for line in draft.reply.splitlines()]
    return [(step, text) for step, text in bubbles if text.strip()]


def _mark() -> str:
    """Letters no reply has; digits could be taken for a number of somebody's."""
    return "".join(secrets.choice(ascii_lowercase) for _ in range(MARK_CHARS))


def _key(inquiry: Inquiry, drafts: Sequence[Draft], said: Sequence[str]) -> str:
    """Of everything that is shown: the same key is the same case with the same replies."""
    asked = inquiry.model_dump(mode="json", include={"messages", "order", "policy"})
    told: list[Any] = [[draft.reply, *([step.step, step.text] for step in draft.steps)] for draft in drafts]
    return hashlib.sha256(json.dumps([asked, told, list(said)], sort_keys=True).encode()).hexdigest()[:32]
