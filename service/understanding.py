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


@dataclass(frozen=True)
class Understood:
    """One inquiry as it was read, and what the rules decided about it."""

    inquiry: Inquiry
    reading: Reading
    known: Known
    demands: tuple[str, ...]
    decision: Decision


def understand(inquiry: Inquiry, reading: Reading, shop: ShopFile, book: Rulebook) -> Understood:
    """Decide every demand of a reading."""
    known = Known(book.facts, inquiry, reading, shop)
    demands = demands_of(reading, known)
    decision = judge(demands, known, book.boundaries, book.method.entry.max_questions)
    return Understood(inquiry, reading, known, demands, decision)
