"""Inquiries to measure with: the cases' own, each made new by a few made-up words at the end of the last message."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from functools import cache
from typing import Any

from evals.benchmarks.texts import phrases
from evals.dataset import load_cases
from service.schemas import Inquiry


@cache
def cases() -> tuple[Inquiry, ...]:
    """The inquiries of all cases."""
    return tuple(case.inquiry for case in load_cases())


def bodies(count: int, seed: int, **more: Any) -> list[dict[str, Any]]:
    """Request bodies for ``POST /v1/drafts``; no two last messages are alike, as no two buyers' are.

    Args:
        count: how many.
        seed: of the choice.
        more: further fields of each, ``stream`` for example.
    """
    chance = random.Random(seed)
    chosen = chance.choices(cases(), k=count)
    made = []
    for inquiry, new in zip(chosen, _new(count, chance), strict=True):
        body = inquiry.model_dump(mode="json", exclude_unset=True)
        body["messages"][-1]["content"] += f"，{new}"
        made.append(body | {"writer": "auto"} | more)
    return made


def encoded(made: Sequence[dict[str, Any]]) -> list[bytes]:
    """The bodies as bytes."""
    return [json.dumps(body, ensure_ascii=False).encode() for body in made]


def _new(count: int, chance: random.Random) -> list[str]:
    words = phrases(400)
    return ["".join(chance.choices(words, k=3)) for _ in range(count)]
