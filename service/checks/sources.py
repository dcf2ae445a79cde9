"""Numbers of a text and of its sources, compared by value and kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property, lru_cache

from service.rulebook.checkfile import NumbersFile
from service.text.memo import Memo
from service.text.normalise import fold
from service.text.numeralpatterns import hint, stuffing
from service.text.numerals import Number, days_of, duration_pattern, find_numbers, period_of, unit_of

_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0, "year": 365.0}
"""Units of time in days; a month is thirty, as everywhere in the house."""
_PIECE = re.compile(r"[^。!?;\n,]+(?:(?<=\d),(?=\d)[^。!?;\n,]+)*")
"""Stretches that no number crosses; a comma between digits may be part of one."""
_SPACED = re.compile(r"(?<=[\d¥]) (?=[\u4e00-\u9fff%])|(?<=[\u4e00-\u9fff]) (?=\d)")
"""The space that typography puts between digits and Han characters (``180 天``)."""
_UNEVEN = frozenset({"month", "year"})
"""Units of no fixed length; only next to them a length may be off by the tolerance."""
_EXACT = 0.001
_CALENDAR = frozenset({"date", "weekday", "period"})
_DAY_OF_MONTH = "日"
"""``30日`` may be a length or a day of the month."""
_MONTH_DAYS = 31
_ANY_WEEK = 10
"""Weekdays below this name no week (``周三``)."""
_FIRST_YEAR = 1900
"""From here on ``2026年`` names a year and is no length of time."""


@cache
def _lengths() -> re.Pattern[str]:
    return re.compile(duration_pattern())


def numbers_of(text: str) -> list[Number]:
    """All numbers of a normalised text. Stretches without a numeral are not searched."""
    if not hint().search(text):
        return []
    pieces = [piece for piece in _PIECE.finditer(text) if hint().search(piece[0])]
    found = _pieces.of([piece[0] for piece in pieces])
    return [
        replace(n, start=n.start + piece.start(), end=n.end + piece.start())
        for piece, numbers in zip(pieces, found, strict=True)
        for n in numbers
    ]


def _numbers_in(pieces: Sequence[str]) -> Iterator[tuple[Number, ...]]:
    """For each piece its numbers; the spaces that typography puts beside digits part none."""
    for piece in pieces:
        gone = {m.start() for m in _SPACED.finditer(piece)}
        kept = [i for i in range(len(piece)) if i not in gone]
        close = "".join(piece[i] for i in kept) if gone else piece
        yield tuple(replace(n, start=kept[n.start], end=kept[n.end - 1] + 1) for n in find_numbers(close))


_pieces = Memo(_numbers_in)


_QUOTE = 600
"""Characters of a text whose normal form is kept; a quotation has fewer."""
_kept = lru_cache(maxsize=512)(fold)


def _folded(text: str) -> str:
    """The normal form; quotes of rules and terms of shops are sources of every other draft."""
    return _kept(text) if len(text) <= _QUOTE else fold(text)


def hidden_numbers(text: str) -> list[Number]:
    """Numbers whose Han numerals are parted by stuffing (``五 百 元``). Only a record backs them, never the buyer."""
    gone = {i for gap in stuffing().finditer(text) for i in range(gap.start(), gap.end())}
    if not gone:
        return []
    places = [i for i in range(len(text)) if i not in gone]
    close = "".join(text[i] for i in places)
    found = []
    for number in numbers_of(close):
        start, end = places[number.start], places[number.end - 1] + 1
        if any(i in gone for i in range(start, end)):
            found.append(replace(number, start=start, end=end))
    return found


class Sources:
    """The numbers some texts hold, and the texts in normal form."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._given = tuple(texts)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The texts in normal form."""
        return tuple(map(_folded, self._given))

    @cached_property
    def text(self) -> str:
        """All texts in one, a line each."""
        return "\n".join(self.texts)

    @cached_property
    def numbers(self) -> tuple[Number, ...]:
        """Every number of every text."""
        return tuple(n for n, _, _ in self.written)

    @cached_property
    def written(self) -> tuple[tuple[Number, str, str], ...]:
        """Every number with the characters it is written with and those between it and the number before it."""
        found = []
        for text in self.texts:
            last = 0
            for number in numbers_of(text):
                found.append((number, text[number.start : number.end], text[last : number.start]))
                last = number.end
        return tuple(found)

    @cached_property
    def counted(self) -> tuple[tuple[float, str], ...]:
        """Every count with its measure word; it is empty where there is none (``俩``)."""
        return tuple((n.value, unit_of(words)) for n, words, _ in self.written if n.kind == "count")

    @cached_property
    def _kinds(self) -> dict[float, set[str]]:
        kinds: dict[float, set[str]] = {}
        for number in self.numbers:
            kinds.setdefault(round(number.value, 2), set()).add(number.kind)
        return kinds

    def most(self, kind: str) -> float | None:
        """The greatest value of a kind; None when there is none."""
        return max((n.value for n in self.numbers if n.kind == kind), default=None)

    def holds(self, number: Number, said: str, limits: NumbersFile) -> bool:
        """True when a source states this number.

        Args:
            number: a number of the text.
            said: the characters it is written with; long runs of digits are compared as they stand.
            limits: tolerance between units, kinds that are alike.
        """
        digits = re.sub(r"\D", "", said) if number.kind == "plain" else ""
        if len(digits) >= limits.long_digits:
            return digits in self.text
        kinds = self._kinds.get(round(number.value, 2), set())
        if number.kind in kinds or not kinds.isdisjoint(limits.alike.get(number.kind, ())):
            return True
        if number.kind not in limits.named and (
            "plain" in kinds or (number.kind == "plain" and not kinds <= set(limits.named))
        ):
            return True
        if (
            number.kind == "day"
            and said.endswith(_DAY_OF_MONTH)
            and self.holds(replace(number, kind="date"), said, limits)
        ):
            return True
        if number.kind == "date" and number.value <= _MONTH_DAYS and self._days_named(number.value):
            return True
        if number.kind == "count":
            return self._weighs(number.value, unit_of(said), limits.sizes)
        if number.kind in _DAYS:
            return self._lasts(number, limits.tolerance) or self._names_year(number)
        if number.kind in _CALENDAR and any(_same_day(number, n) or _same_day(n, number) for n in self.numbers):
            return True
        if number.kind == "time":
            return any(n.kind == "time" and abs(n.value - number.value) % 12 < 0.01 for n in self.numbers)
        return False

    def _lasts(self, number: Number, tolerance: float) -> bool:
        """The same length in another unit: ``72小时`` is ``3天``, ``半年`` near enough ``180天``."""
        days = number.value * _DAYS[number.kind]
        others = [n for n in self.numbers if n.kind in _DAYS and n.kind != number.kind]
        lengths = [(n.value * _DAYS[n.kind], n.kind in _UNEVEN or number.kind in _UNEVEN) for n in others]
        lengths += [(length, True) for length in self._worded]
        return any(
            abs(length - days) <= (tolerance * max(length, days) if uneven else _EXACT) for length, uneven in lengths
        )

    def _days_named(self, day: float) -> bool:
        """``15日`` in a source, which may be a length, tells of the 15th."""
        return any(n.kind == "day" and n.value == day and words.endswith(_DAY_OF_MONTH) for n, words, _ in self.written)

    def _weighs(self, value: float, unit: str, sizes: list[dict[str, float]]) -> bool:
        """The same weight, length or volume in another measure (``三斤`` for ``1.5公斤``)."""
        for row in sizes:
            if unit in row:
                size = value * row[unit]
                return any(u in row and abs(v * row[u] - size) <= _EXACT * size for v, u in self.counted)
        return False

    @cached_property
    def _worded(self) -> list[float]:
        """Lengths in days said in words that hold no number (``个把月``, ``上周``)."""
        said = (match[0] for text in self.texts for match in _lengths().finditer(text))
        return [days for words in said if not find_numbers(words) and (days := days_of(words)) is not None]

    def _names_year(self, number: Number) -> bool:
        year = int(number.value)
        if number.kind != "year" or year < _FIRST_YEAR:
            return False
        return any(n.kind == "date" and int(n.value) // 10_000 == year for n in self.numbers)


def _same_day(one: Number, other: Number) -> bool:
    """The same day told in two ways: ``周三`` for ``下周三``, ``月底`` for ``11月30日``, ``8号`` for ``12月8日``."""
    if one.kind == "date" and other.kind == "date":
        return same_date(one.value, other.value)
    if one.kind == "weekday" and other.kind == "weekday":
        return one.value < _ANY_WEEK and other.value % _ANY_WEEK == one.value
    if one.kind != "period" or other.kind != "date":
        return False
    covers, day, month = period_of(one), int(other.value) % 100, int(other.value) // 100 % 100
    return any(span and span[0] <= part <= span[1] for span, part in ((covers.days, day), (covers.months, month)))


def same_date(one: float, other: float) -> bool:
    """Two dates equal wherever both tell: year, month, day; at least one part must be told by both."""
    shared = 0
    for unit, size in ((10_000, 10_000), (100, 100), (1, 100)):
        a, b = int(one) // unit % size, int(other) // unit % size
        if a and b:
            if a != b:
                return False
            shared += 1
    return shared > 0
