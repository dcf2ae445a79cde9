"""What buyers asked and knowledge had little for: alike ones together, personal data masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.insight.scales import Unanswered
from service.schemas import Inquiry
from service.schemas.analytics import Question
from service.text.normalise import fold
from service.text.private import Masker


@dataclass(slots=True)
class _Heap:
    """Questions that are alike; the newest stands for them."""

    excerpt: str
    pairs: frozenset[str]
    ids: list[str] = field(default_factory=list)
    scenarios: dict[str, None] = field(default_factory=dict)


def grouped(asked: Sequence[tuple[str, str, Inquiry]], scale: Unanswered) -> list[Question]:
    """The questions of some drafts (id, scenario, inquiry; newest first), most asked first."""
    heaps: list[_Heap] = []
    for draft, scenario, inquiry in asked:
        text = masked(inquiry)
        pairs = pairs_of(text)
        if not pairs:
            continue
        heap = max(heaps, key=lambda one: alike(one.pairs, pairs), default=None)
        if heap is None or alike(heap.pairs, pairs) < scale.alike:
            heap = _Heap(text[: scale.excerpt], pairs)
            heaps.append(heap)
        heap.ids.append(draft)
        heap.scenarios[scenario] = None
    heaps.sort(key=lambda heap: -len(heap.ids))
    return [
        Question(
            excerpt=heap.excerpt, times=len(heap.ids), scenarios=list(heap.scenarios), drafts=heap.ids[: scale.ids]
        )
        for heap in heaps[: scale.shown]
    ]


def masked(inquiry: Inquiry) -> str:
    """The buyer's last words on one line; what is known to be personal anywhere in the inquiry is masked in them."""
    masker = Masker({v: "name" for v in (inquiry.context.buyer, inquiry.context.operator) if v})
    records = [f"{k}：{v}" for source in (inquiry.order.facts, inquiry.policy) for k, v in source.items()]
    masker.learn([*records, *(message.content for message in inquiry.messages)])
    return " ".join(masker.mask(inquiry.messages[-1].content).masked.split())


def pairs_of(text: str) -> frozenset[str]:
    """Neighbouring letters of a text in normal form."""
    plain = "".join(char for char in fold(text) if char.isalnum())
    return frozenset(plain[i : i + 2] for i in range(len(plain) - 1))


def alike(left: frozenset[str], right: frozenset[str]) -> float:
    """How much two texts share: Jaccard's index of their pairs of letters."""
    return len(left & right) / len(left | right) if left or right else 0.0
