"""What leaves for a model about one inquiry: masked by one masker, on single lines, cut to the prompt's limits."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence

from service.schemas import EntityType, Inquiry, Passage, Step, StepName
from service.text.private import Masker
from service.writing.prompts import Prompt


class Material:
    """Everything about one inquiry, masked by one masker, flat, and cut to the prompt's limits."""

    def __init__(
        self, prompt: Prompt, inquiry: Inquiry, ground: list[Step], passages: list[Passage], facts: dict[str, str]
    ) -> None:
        limits = prompt.head.limits
        self._prompt, self._inquiry = prompt, inquiry
        self.fence = secrets.token_hex(8)
        """Drawn anew for each draft, so that no text from outside can close the material."""
        known: dict[str, EntityType] = {v: "name" for v in (inquiry.context.buyer, inquiry.context.operator) if v}
        self.masker = Masker(known)
        recent = inquiry.messages[-limits["turns"] :]
        told = [f"{k}：{one_line(v)}" for k, v in list(facts.items())[: limits["facts"]]]
        spoken = [one_line(m.content)[: limits["turn_chars"]] for m in recent]
        self.masker.learn([*_records(inquiry, limits["record_chars"]), *told, *spoken, " ".join(spoken)])
        self.turns = [
            {"role": m.role, "kind": m.kind, "text": self._hide(m.content, limits["turn_chars"])} for m in recent
        ]
        self.facts = [self._hide(text, limits["fact_chars"]) for text in told]
        self.ground = [{"step": s.step, "text": self._hide(s.text, limits["turn_chars"])} for s in ground]
        self.passages = [
            {
                "title": self._hide(p.title, limits["fact_chars"]),
                "section": self._hide(p.section, limits["fact_chars"]),
                "text": self._hide(p.text, limits["passage_chars"]),
            }
            for p in passages[: limits["passages"]]
        ]

    def render(self, plan_steps: Sequence[StepName], verdict: str, retry: str) -> tuple[str, str]:
        """The system and the user text; ``retry`` names the mistake of the last answer, or is empty."""
        inquiry = self._inquiry
        return self._prompt.render(
            plan=list(plan_steps),
            verdict=verdict,
            tone=inquiry.style.tone or "warm",
            max_chars=inquiry.style.max_chars,
            instruction=self._hide(inquiry.instruction or "", self._prompt.head.limits["turn_chars"]),
            product=self._hide(inquiry.order.product or "", self._prompt.head.limits["fact_chars"]),
            facts=self.facts,
            passages=self.passages,
            ground=self.ground,
            turns=self.turns,
            fence=self.fence,
            retry=retry,
        )

    def _hide(self, text: str, limit: int) -> str:
        """One masked line of at most ``limit`` characters of the original; no value is cut in two."""
        text = one_line(text)[: 2 * limit]  # enough to see where a value at the edge ends
        cut = limit
        if len(text) > limit:
            for entity in self.masker.mask(text).entities:
                if entity.start < limit < entity.end:
                    cut = entity.start
        return self.masker.mask(text[:cut]).masked


def _records(inquiry: Inquiry, budget: int) -> Iterator[str]:
    """What the shop system says, key before value: never sent, but what is personal in it is learned."""
    for source in (inquiry.order.facts, inquiry.policy):
        for key, value in source.items():
            line = one_line(f"{key}：{value}")[:budget]
            budget -= len(line)
            yield line


def one_line(text: str) -> str:
    """The text on one line: control and format characters gone, white space single."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return re.sub(r" {2,}", " ", kept).strip()
