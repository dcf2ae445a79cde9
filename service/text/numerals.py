"""Numbers in Chinese chat by value: ``伍佰`` = ``五百块`` = ``500``, ``两成`` = 20 %, ``半个月`` = 15 days.

Works on normalised text (:func:`service.text.normalise.normalise`). How one numeral is read is said in
:mod:`service.text.spelled`; words, units and idioms are data in ``knowledge/text/numerals.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.text.numeralpatterns import change_patterns, finder, lasting
from service.text.spelled import Period, number_of, words
from service.text.tables import table

__all__ = [
    "Number",
    "days_of",
    "duration_pattern",
    "find_numbers",
    "money_pattern",
    "number_of",
    "numeral_pattern",
    "unit_of",
]

_HOURS = {"second": 1 / 3600, "minute": 1 / 60, "quarter": 0.25}
_NO_DISCOUNT = 100
"""From here on what stands before ``折`` is an amount: ``一千五折价``."""
_SHARES = {"jiao": 0.1, "fen": 0.01}


@dataclass(frozen=True, slots=True)
class Number:
    """One number in a text.

    ``kind``: plain money percent multiple hour day week month year count date time ordinal ahead weekday period.
    ``value`` is in the kind's own unit: yuan, per cent, hours (minutes as parts of them), days …; a date is
    year·10000+month·100+day with unknown leading parts zero (``12月2日`` = 1202, ``21号`` = 21), a time is hours of the
    day (``10:30`` = 10.5), ``ahead`` days from today (``大后天`` = 3), a weekday ten times its week and the day
    (``周三`` = 3, ``下周三`` = 23), a period its place in the table (``月底``).
    """

    start: int
    end: int
    value: float
    kind: str


def numeral_pattern() -> str:
    """A pattern for one numeral, without groups; good for ``re`` (it looks ahead)."""
    return words().numeral


def duration_pattern() -> str:
    """A pattern for a length of time (``三个月``, ``半年``, ``36小时``), without groups."""
    return words().duration


def money_pattern() -> str:
    """A pattern for an amount of money (``五百块``, ``¥259``, ``两块五``), without groups."""
    return words().money


def period_of(number: Number) -> Period:
    """What a number of kind ``period`` covers."""
    return words().periods[int(number.value)]


def _units() -> dict[str, str]:
    return words().units


def unit_of(words: str) -> str:
    """The measure word a count ends with (``三包`` → ``包``); empty when there is none."""
    known, weight = _units(), table("numerals")["weight"]
    if words.endswith(weight["part"]):
        return str(weight["whole" if weight["whole"] in words else "part"])
    ends = [words[-size:] for size in range(min(3, len(words)), 0, -1)]
    return next((end for end in ends if known.get(end) == "count"), "")


def days_of(text: str) -> float | None:
    """The length in days of a duration such as ``半年`` (182), ``两周`` (14), ``36小时`` (1.5), ``一个多月`` (35).

    ``两三天`` and ``2-3天`` give the middle. None when no duration stands in ``text``.
    """
    known, text = words(), text.strip()
    if text in known.durations:
        return known.durations[text]
    values = []
    for number in find_numbers(text):
        if number.kind not in known.days:
            continue
        factor = next((known.about[c] for c in text[number.start : number.end] if c in known.about), 1.0)
        values.append(number.value * known.days[number.kind] * factor)
    if values:
        return sum(values) / len(values)
    inside = lasting().search(text)
    return known.durations[inside[0]] if inside else None


def find_numbers(text: str) -> list[Number]:
    """All numbers of a normalised text, left to right, not overlapping; idioms such as ``一下`` are left out."""
    found: list[Number] = []
    pattern, place = finder(), 0
    while match := pattern.search(text, place):
        place = match.end()
        if not match["idiom"]:
            found += _numbers(match)
            place = max(place, found[-1].end if found else 0)
    return found


def _numbers(m: re.Match[str]) -> Iterator[Number]:
    known, (start, end) = words(), m.span()
    if m["fixed"]:
        yield Number(start, end, *known.fixed[m["fixed"]])
    elif m["date"]:
        yield from _date(m)
    elif m["time"]:
        yield from _time(m)
    elif m["light"] or m["heavy"]:
        yield _weight(m)
    elif m["low"]:
        scale = known.scales.get(m["span"] or m["span2"] or "", 1)
        for name, last in (("low", m.end("low")), ("high", end)):
            yield _measured(m.start(name), last, float(known.digits[m[name]] * scale), m["unit0"])
    elif m["to"]:
        for name, last in (("n", m.end("n")), ("to", end)):
            value = number_of(m[name])
            if value is not None:
                yield _measured(m.start(name), last, value, m["unit2"])
    elif m["unit1"]:
        value = number_of(m["n"])
        if value is not None:
            yield _tailed(m, value)
    else:
        told = _told(m)
        if told is not None:
            yield Number(start, end, *told)


def _told(m: re.Match[str]) -> tuple[float, str] | None:
    """Value and kind of what has no unit behind it."""
    known = words()
    if m["weekday"]:
        return float(known.weeks.get(m["which"] or "", 0) + known.weekdays[m["wd"]]), "weekday"
    if m["named"]:
        name = m["named"]
        return (float(known.ahead[name]), "ahead") if name in known.ahead else (float(known.period_of[name]), "period")
    if m["part"]:
        base, part = number_of(m["n"]), number_of(m["part"])
        return (round(part / base * 100, 2), "percent") if base and part is not None else None
    if m["n"] and not m["n"].isdigit() and len(m["n"]) == 1:
        return _single(m["n"], m.string[m.start() - 1 : m.start()], m.string[m.end() : m.end() + 1])
    value = number_of(m["led"] or m["many"] or m["n"])
    if value is None:
        return None
    if m["ratio"]:
        return round(value / known.ratios[m["ratio"]], 6), "percent"
    return value, "multiple" if m["many"] else "ordinal" if m["nth"] else "money" if m["yuan"] else "plain"


def _single(char: str, before: str, behind: str) -> tuple[float, str] | None:
    """One Han numeral with nothing behind it: no number, but for ``俩都``, ``上千`` and a final ``加十``."""
    known = words()
    if char in known.pairs and before not in known.people:
        return known.pairs[char], "count"
    if before and before in known.lone_given and not behind and (value := number_of(char)):
        return value, "plain"
    return (float(known.scales[char]), "plain") if char in known.scales and before in known.lone_after else None


def _tailed(m: re.Match[str], value: float) -> Number:
    """``两天半`` and ``一个半月`` add a half, ``一成五`` half a tenth, ``两块五`` fifty fen."""
    known, unit, tail = words(), m["unit1"], m["tail"]
    if m["half4"] or tail == "半":
        value += 0.5
    elif tail:
        value += _digit(tail) / 10
    if unit == "月" and not m["half4"] and m["n"] not in known.span_months:
        return Number(m.start(), m.end(), value * 100, "date")
    number = _measured(m.start(), m.end(), value, unit)
    change = change_patterns().get("块" if unit[0] == "块" else "元" if unit[0] in "元圆" else unit[0])
    small = change.match(m.string, m.end()) if change and number.kind == "money" else None
    if small is None:
        return number
    return Number(m.start(), small.end(), round(number.value + _cents(small) / 100, 6), "money")


def _weight(m: re.Match[str]) -> Number:
    """``半两`` in 两, ``两斤六两`` in 斤: a tenth each."""
    if m["light"]:
        return Number(m.start(), m.end(), number_of(m["light"]) or 0.0, "count")
    whole, part = number_of(m["heavy"]) or 0.0, number_of(m["light2"]) or 0.0
    return Number(m.start(), m.end(), round(whole + part / 10, 6), "count")


def _cents(m: re.Match[str]) -> int:
    """Fen of what follows the yuan."""
    parts = m.groupdict()
    if parts.get("pair"):
        return 10 * _digit(parts["pair"][0]) + _digit(parts["pair"][1])
    jiao, fen = parts.get("jiao") or parts.get("lone"), parts.get("fen") or parts.get("cent")
    return (10 * _digit(jiao) if jiao else 0) + (_digit(fen) if fen else 0)


def _digit(char: str) -> int:
    return int(char) if char.isdigit() and char.isascii() else words().digits[char]


def _measured(start: int, end: int, value: float, unit: str | None) -> Number:
    known = words().units
    kind = known.get(unit) or known.get(unit[1:], "money") if unit else "plain"
    if kind in _SHARES:
        value, kind = value * _SHARES[kind], "money"
    elif kind in _HOURS:
        value, kind = value * _HOURS[kind], "hour"
    elif kind == "tenth":
        value, kind = value * 10, "percent"
    elif kind == "discount":
        value, kind = (value * 10 if value < 10 else value), "percent" if value < _NO_DISCOUNT else "plain"
    return Number(start, end, round(value, 6), kind)


def _date(m: re.Match[str]) -> Iterator[Number]:
    if m["iso"]:
        year, month, day = (int(part) for part in re.split(r"[-/.]", m["iso"]))
    else:
        year = int(number_of(m["year"]) or 0) if m["year"] else 0
        month = int(number_of(m["month"]) or 0) if m["month"] else 0
        day = int(number_of(m["day"] or m["dom"] or "") or 0)
    if day <= 31 and month <= 12:
        yield Number(m.start(), m.end(), float(year * 10_000 + month * 100 + day), "date")
    elif m["dom"]:
        yield Number(m.start(), m.end(), float(day), "plain")  # 47号: the name of a part, not a day


def _time(m: re.Match[str]) -> Iterator[Number]:
    hour = number_of(m["hour"] or m["hour2"])
    minute_text = (m["min"] or m["min2"] or "").rstrip("分")
    if minute_text[-1:] == "刻":
        minute = 15.0 * (number_of(minute_text[:-1]) or 0)
    else:
        minute = 30.0 if minute_text == "半" else (number_of(minute_text.lstrip("零") or "零") or 0.0)
    half = words().halves.get(m["half"] or m["half2"] or "", 0)
    if hour is None or hour > 24 or minute >= 60:
        return
    if half and hour < 12:
        hour += half
    yield Number(m.start(), m.end(), round(hour + minute / 60, 6), "time")
