"""Which demands one inquiry makes, in the order they were made."""

from __future__ import annotations

from service.facts import Known
from service.reading import Reading
from service.reading.wishes import ordered


def demands_of(reading: Reading, known: Known) -> tuple[str, ...]:
    """The newest inquiry's demands by value name; the silent one when nothing was asked."""
    fact = known.book.by_id("demand")
    return ordered(reading.newest(fact.name, "buyer"), fact.entry)
