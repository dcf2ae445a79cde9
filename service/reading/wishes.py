"""In which order several values of one choice count: the demands of an inquiry."""

from __future__ import annotations

from collections.abc import Sequence

from service.reading.heard import Heard
from service.rulebook.facts import FactFile


def ordered(heard: Sequence[Heard], entry: FactFile) -> tuple[str, ...]:
    """The values by name, the leading one last; the silent one when nothing was said.

    A value said twice stands where it was said last: what a buyer comes back to is what he wants. What he only asks
    about stands before what he demands; what another wish outweighs is left out.
    """
    values = [str(one.value) for one in sorted(heard, key=lambda one: not one.asked)]
    if not values:
        return (str(entry.silent),)
    lighter = {other for value in values for other in entry.values[value].outweighs}
    wishes = [value for value in values if not entry.values[value].alone and value not in lighter] or values
    last = {value: place for place, value in enumerate(wishes)}
    return tuple(sorted(last, key=lambda value: last[value]))
