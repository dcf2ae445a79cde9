"""Numbers worked out from numbers on record, by the derivations that ``numbers.derived`` declares and no others."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

from service.checks.ground import Ground
from service.checks.handed import agree
from service.checks.sources import same_date
from service.rulebook.checkfile import DerivedFile, NumbersFile, TermFile
from service.text.numerals import Number, unit_of

_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0}
_MONTHS = {"month": 1, "year": 12}
_CENT = 0.006
"""How far, in the unit of the kind, a number may be rounded."""
_REACH = 8
"""Characters between the word that names a term and its number."""
_PLAIN_YEAR = 2025
"""Stands for the year of a date that names none; it is no leap year."""

Term = tuple[Number, str]
"""A number on record and the characters it is written with."""


def derived(number: Number, words: str, ground: Ground, limits: NumbersFile, *, pledged: bool) -> bool:
    """True when a declared derivation gives this number from two numbers on record.

    Args:
        number: the number in the text.
        words: the characters it is written with.
        ground: what is on record.
        limits: holds the derivations.
        pledged: True when we undertake it; derivations that only tell (``told``) then do not count.
    """
    for rule in limits.derived:
        if number.kind not in (rule.kind, "plain") or (pledged and rule.told):
            continue
        ones, others = _terms(ground, rule.one), _terms(ground, rule.other)
        if any(_gives(rule, one, other, number, words, limits) for one in ones for other in others if one is not other):
            return True
    return False


def _gives(rule: DerivedFile, one: Term, other: Term, number: Number, words: str, limits: NumbersFile) -> bool:
    if rule.same_unit and not (_alike(one, other, limits) and _alike(one, (number, words), limits)):
        return False
    first, second = one[0], other[0]
    if rule.op == "after":
        return any(same_date(number.value, day) for day in _after(first, second))
    result = {
        "minus": first.value - second.value,
        "times": first.value * second.value,
        "share": first.value * second.value / 100,
        "over": first.value / second.value if second.value else 0.0,
    }[rule.op]
    return result > 0 and abs(result - number.value) < _CENT


def _alike(one: Term, other: Term, limits: NumbersFile) -> bool:
    if one[0].kind == "count" and other[0].kind == "count":
        return agree(unit_of(one[1]), unit_of(other[1]), limits)
    return one[0].kind == other[0].kind


def _terms(ground: Ground, term: TermFile) -> list[Term]:
    """The numbers on record of some kinds, right behind one of the words if there are any."""
    written = ground.recorded.written
    return [(n, words) for n, words, before in written if n.kind in term.kinds and _called(before, term.words)]


def _called(before: str, names: list[str]) -> bool:
    return not names or any(
        0 <= len(before) - before.rfind(name) - len(name) <= _REACH for name in names if name in before
    )


def _after(start: Number, length: Number) -> Iterator[float]:
    """The day that is so long after a date, as a number of kind ``date``."""
    year, month, day = int(start.value) // 10_000, int(start.value) // 100 % 100, int(start.value) % 100
    if not month or not day or day > monthrange(year or _PLAIN_YEAR, month)[1]:
        return
    begun = date(year or _PLAIN_YEAR, month, day)
    if length.kind in _MONTHS and length.value == int(length.value):
        month += int(length.value) * _MONTHS[length.kind]
        later = begun.year + (month - 1) // 12
        month = (month - 1) % 12 + 1
        if later <= date.max.year:
            begun = date(later, month, min(day, monthrange(later, month)[1]))
            yield _number(begun, named=bool(year))
    elif length.kind in _DAYS and length.value * _DAYS[length.kind] < (date.max - begun).days:
        yield _number(begun + timedelta(days=length.value * _DAYS[length.kind]), named=bool(year))


def _number(day: date, *, named: bool) -> float:
    return float((day.year * 10_000 if named else 0) + day.month * 100 + day.day)
