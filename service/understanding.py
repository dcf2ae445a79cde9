"""From a reading to what was decided: the facts it gives, the demands in it, and a ruling on each."""

from __future__ import annotations

from dataclasses import dataclass

from service.demands import demands_of
from service.facts import Known
from service.judging import Decision, judge
from service.reading import Reading
from service.rulebook.book import Rulebook
from service.rulebook.shops import ShopFile
from service.schemas import Inquiry

CONFIDENCE = {(True, True): 0.9, (True, False): 0.7, (False, True): 0.6, (False, False): 0.3}
"""How sure the offline reading is when it heard (a demand, a cause)."""


@dataclass(frozen=True)
class Understood:
    """One inquiry as it was read, and what the rules decided about it."""

    inquiry: Inquiry
    reading: Reading
    known: Known
    demands: tuple[str, ...]
    decision: Decision

    @property
    def confidence(self) -> float:
        """How sure the offline reading is, by whether it heard a demand and a cause."""
        book = self.known.book
        demand, cause = (bool(self.reading.of(book.by_id(fact).name, "buyer")) for fact in ("demand", "cause"))
        return CONFIDENCE[demand, cause]


def understand(inquiry: Inquiry, reading: Reading, shop: ShopFile, book: Rulebook) -> Understood:
    """Decide every demand of a reading."""
    known = Known(book.facts, inquiry, reading, shop)
    demands = demands_of(reading, known)
    decision = judge(demands, known, book.boundaries, book.method.entry.max_questions)
    return Understood(inquiry, reading, known, demands, decision)
