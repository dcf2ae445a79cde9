"""Which demands one inquiry makes, in the order they were made."""

from __future__ import annotations

from service.facts import Known
from service.reading import Reading


def demands_of(reading: Reading, known: Known) -> tuple[str, ...]:
    """The newest inquiry's demands by value name; the silent one when nothing was asked.

    A demand said twice stands where it was said last: what a buyer comes back to is what he wants. What he only asks
    about stands before what he demands; what another wish outweighs is left out.
    """
    fact = known.book.by_id("demand")
    heard = reading.newest(fact.name, "buyer")
    values = [str(one.value) for one in sorted(heard, key=lambda one: not one.asked)]
    if not values:
        return (str(fact.entry.silent),)
    lighter = {other for value in values for other in fact.entry.values[value].outweighs}
    wishes = [value for value in values if not fact.entry.values[value].alone and value not in lighter] or values
    last = {value: place for place, value in enumerate(wishes)}
    return tuple(sorted(last, key=lambda value: last[value]))
