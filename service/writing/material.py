"""What leaves for a model about one inquiry: masked by one masker, on single lines, cut to the prompt's limits.

Every part has a budget of tokens. What does not fit goes in a fixed order, oldest turns and longest passages first,
and the prompt and the draft say so.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from service.schemas import EntityType, Inquiry, Passage, Step
from service.text.private import Masker
from service.writing.prompts import Prompt


@dataclass(frozen=True, slots=True)
class Told:
    """What a model is told of one inquiry, before it is masked and cut.

    Attributes:
        ground: the playbook's steps, as the meaning to be kept.
        passages: what may be cited, rules first.
        facts: facts by the names people use, values as shown.
        understood: what the offline reading heard and the rules decided, a line each.
    """

    inquiry: Inquiry
    ground: Sequence[Step]
    passages: Sequence[Passage]
    facts: dict[str, str]
    understood: Sequence[str]


class Material:
    """Everything about one inquiry, masked by one masker, flat, and cut to the prompt's limits."""

    def __init__(self, prompt: Prompt, told: Told) -> None:
        limits, inquiry = prompt.head.limits, told.inquiry
        self.fence = secrets.token_hex(8)
        """Drawn anew for each draft, so that no text from outside can close the material."""
        self.cuts: dict[str, int] = {}
        """What did not fit: turns and facts left out, passages cut."""
        known: dict[str, EntityType] = {v: "name" for v in (inquiry.context.buyer, inquiry.context.operator) if v}
        self.masker = Masker(known)
        facts = [f"{k}：{one_line(v)}" for k, v in told.facts.items()]
        spoken = [one_line(m.content)[: limits["turn_chars"]] for m in inquiry.messages[-limits["turns"] :]]
        records = _records(inquiry, limits["record_chars"])
        self.masker.learn([*records, *facts[: limits["facts"]], *spoken, " ".join(spoken)])
        self.turns = self._turns(inquiry, limits)
        self.facts = self._facts(facts, limits)
        self.passages = self._passages(told.passages, limits)
        self.understood = [self._hide(line, limits["fact_chars"]) for line in told.understood]
        self.ground = [{"step": s.step, "text": self._hide(s.text, limits["turn_chars"])} for s in told.ground]
        self.product = self._hide(inquiry.order.product or "", limits["fact_chars"])
        self.instruction = self._hide(inquiry.instruction or "", limits["turn_chars"])

    def _turns(self, inquiry: Inquiry, limits: dict[str, int]) -> list[dict[str, str]]:
        """The newest turns that fit; the last always does, for it is cut to ``turn_chars``."""
        left = limits["turns_tokens"]
        kept: list[dict[str, str]] = []
        for message in reversed(inquiry.messages[-limits["turns"] :]):
            text = self._hide(message.content, limits["turn_chars"])
            left -= tokens(text)
            if left < 0 and kept:
                break
            kept.append({"role": message.role, "kind": message.kind, "text": text})
        self._cut("turns", len(inquiry.messages) - len(kept))
        return kept[::-1]

    def _facts(self, facts: list[str], limits: dict[str, int]) -> list[str]:
        left, kept = limits["facts_tokens"], []
        for fact in facts[: limits["facts"]]:
            text = self._hide(fact, limits["fact_chars"])
            left -= tokens(text)
            if left < 0:
                break
            kept.append(text)
        self._cut("facts", len(facts) - len(kept))
        return kept

    def _passages(self, passages: Sequence[Passage], limits: dict[str, int]) -> list[dict[str, str]]:
        """The first passages; while they are too much together, the longest of them is cut."""
        if not passages:  # a prompt that shows none has no limits for them
            return []
        own = passages[: limits["passages"]]
        sizes = [min(len(one.text), limits["passage_chars"]) for one in own]
        fit = fitted(sizes, limits["passages_tokens"], limits["passage_least"])
        self._cut("passages", sum(size < len(one.text) for size, one in zip(fit, own, strict=True)))
        return [
            {
                "title": self._hide(one.title, limits["fact_chars"]),
                "section": self._hide(one.section, limits["fact_chars"]),
                "text": self._hide(one.text, size),
            }
            for one, size in zip(own, fit, strict=True)
        ]

    def _cut(self, part: str, count: int) -> None:
        if count > 0:
            self.cuts[part] = count

    def hide(self, text: str, limit: int | None = None) -> str:
        """A text on one line with what is personal in it masked; at most ``limit`` characters of the original."""
        return self.masker.mask(one_line(text)).masked if limit is None else self._hide(text, limit)

    def _hide(self, text: str, limit: int) -> str:
        """One masked line of at most ``limit`` characters of the original; no value is cut in two."""
        text = one_line(text)[: 2 * limit]  # enough to see where a value at the edge ends
        cut = limit
        if len(text) > limit:
            for entity in self.masker.mask(text).entities:
                if entity.start < limit < entity.end:
                    cut = entity.start
        return self.masker.mask(text[:cut]).masked


def fitted(sizes: Sequence[int], most: int, least: int) -> list[int]:
    """The sizes with the largest cut, no further than ``least``, until all together are at most ``most``."""
    if sum(sizes) <= most:
        return list(sizes)
    level = max(sizes, default=0)
    while level > least and sum(min(size, level) for size in sizes) > most:
        level -= 1
    return [min(size, max(level, least)) for size in sizes]


def tokens(text: str) -> int:
    """About how many tokens a text takes: one a Chinese character, one for four others. An estimate for budgets."""
    plain = len(text.encode("ascii", "ignore"))
    return len(text) - plain + -(-plain // 4)


def _records(inquiry: Inquiry, budget: int) -> Iterator[str]:
    """What the shop system says, key before value: never sent, but what is personal in it is learned."""
    for source in (inquiry.order.facts, inquiry.policy):
        for key, value in source.items():
            line = one_line(f"{key}：{value}")[:budget]
            budget -= len(line)
            yield line


@lru_cache(1024)
def one_line(text: str) -> str:
    """The text on one line: control and format characters gone, white space single.

    Remembered: published passages come again all day, and a draft asks for its own texts twice.
    """
    if text.isprintable() and "  " not in text and not text.startswith(" "):
        return text.rstrip()  # nothing to change; most texts
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return re.sub(r" {2,}", " ", kept).strip()
