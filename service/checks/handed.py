"""Counts of things handed to the buyer: what the order holds is no measure of what is missing or owed."""

from __future__ import annotations

from service.checks.ground import Ground
from service.rulebook.checkfile import NumbersFile
from service.text.numerals import Number, unit_of


def owed(number: Number, words: str, ground: Ground, limits: NumbersFile, *, nowhere: bool) -> bool:
    """True when so many may be handed over.

    A record that counts pieces decides alone: the same value in a measure word that agrees (``补1颗`` is no source of
    ``一套``). Where none counts any, one is free unless it comes out of nowhere, and what the order holds
    may be handed only when the help is due.

    Args:
        number: the count in the text.
        words: the characters it is written with.
        ground: what is on record.
        limits: measure words that agree, and those that do not count pieces.
        nowhere: True when one is given on top, or as a present, and no such help is on record.
    """
    known = ground.owed
    pieces = [(value, unit) for value, unit in known.counted if unit not in limits.measures]
    unit = unit_of(words)
    if any(value == number.value and agree(unit, other, limits) for value, other in known.counted):
        return True
    if any(n.kind in ("plain", "ordinal") and n.value == number.value for n in known.numbers):
        return True
    due = ground.verdict in (None, "reasonable")
    if number.value <= 1 and (unit in limits.any_unit or not (pieces and due)):
        return not nowhere
    if pieces:
        return False
    return due and ground.recorded.holds(number, words, limits)


def agree(one: str, other: str, limits: NumbersFile) -> bool:
    """True when two measure words may count the same things."""
    free = {"", *limits.any_unit}
    return one == other or one in free or other in free or any({one, other} <= set(alike) for alike in limits.units)
