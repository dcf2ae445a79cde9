"""Numbers in Chinese chat by value: ``伍佰`` = ``五百块`` = ``500``, ``两成`` = 20 %, ``半个月`` = 15 days.

Works on normalised text (:func:`service.text.normalise.normalise`). Words, units and idioms are data in
``knowledge/text/numerals.yaml``; this file knows only how numerals are put together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from service.text.tables import table

_ARABIC = r"\d+(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"


@dataclass(frozen=True, slots=True)
class Number:
    """One number in a text.

    ``kind``: plain money percent multiple hour day week month year count date time ordinal. ``value`` is in the
    kind's own unit: yuan, per cent, hours (minutes as parts of them), days …; a date is year·10000+month·100+day
    with unknown leading parts zero (``12月2日`` = 1202, ``21号`` = 21), a time is hours of the day (``10:30`` = 10.5).
    """

    start: int
    end: int
    value: float
    kind: str


@dataclass(frozen=True)
class _Words:
    digits: dict[str, int]
    scales: dict[str, int]
    units: dict[str, str]
    days: dict[str, float]
    durations: dict[str, float]
    about: dict[str, float]
    fixed: dict[str, tuple[float, str]]
    halves: dict[str, int]
    span_months: frozenset[str]
    idioms: str
    han: str
    numeral: str
    duration: str
    money: str


def _either(words: Any) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


@cache
def _words() -> _Words:
    data = table("numerals")
    units = {word: kind for kind, words in data["units"].items() for word in words}
    han = "[" + "".join(data["digits"]) + "".join(c for c in data["scales"] if c > "z") + "]"
    big = "[" + "".join(data["scales"]) + "]"
    numeral = rf"(?:(?:{_ARABIC}){big}?(?![a-z])|(?:{_ARABIC})|半|{han}+(?:点{han}+)?|几)"
    time_units = _either(w for w, k in units.items() if k in ("minute", "hour", "day", "week", "month", "year"))
    about = "[" + "".join(data["about"]) + "]"
    duration = rf"(?:(?:{_either(data['durations'])}){about}?|{numeral}{about}?个?半?多?(?:{time_units})半?多?)"
    money_units = _either(data["units"]["money"] + data["units"]["jiao"] + data["units"]["fen"])
    money = rf"(?:[¥￥$]{numeral}|{numeral}{about}?(?:{money_units}|r(?![a-z]))(?:{han}|\d)?)"
    return _Words(
        {w: int(v) for w, v in data["digits"].items()},
        {w: int(v) for w, v in data["scales"].items()},
        units,
        {k: float(v) for k, v in data["days"].items()},
        {w: float(v) for w, v in data["durations"].items()},
        {w: float(v) for w, v in data["about"].items()},
        {w: (float(v["value"]), str(v["kind"])) for w, v in data["fixed"].items()},
        {w: int(v) for w, v in data["halves"].items()},
        frozenset(data["span_months"]),
        _either(data["idioms"]),
        han,
        numeral,
        duration,
        money,
    )


def numeral_pattern() -> str:
    """A pattern for one numeral, without groups; good for ``re`` (it looks ahead)."""
    return _words().numeral


def duration_pattern() -> str:
    """A pattern for a length of time (``三个月``, ``半年``, ``36小时``), without groups."""
    return _words().duration


def money_pattern() -> str:
    """A pattern for an amount of money (``五百块``, ``¥259``, ``两块五``), without groups."""
    return _words().money


def number_of(text: str) -> float | None:
    """The value of a numeral such as ``三十``, ``两百``, ``1.5``, ``2k``, ``一千二``, ``半``; None if it is none."""
    words = _words()
    text = text.strip()
    if text == "半":
        return 0.5
    arabic = re.fullmatch(rf"({_ARABIC})(.?)", text)
    if arabic:
        scale = words.scales.get(arabic[2], 0 if arabic[2] else 1)
        return float(arabic[1].replace(",", "")) * scale if scale else None
    whole, point, rest = text.partition("点")
    value = _han_value(whole, words)
    if value is None or not point:
        return value
    if not rest or any(c not in words.digits for c in rest):
        return None
    return value + float("0." + "".join(str(words.digits[c]) for c in rest))


def _han_value(text: str, words: _Words) -> float | None:
    """Sections of ten thousand; a digit after the last scale is that scale's tenth (``一千二`` = 1200)."""
    if not text:
        return None
    if len(text) == 2 and 0 < words.digits.get(text[0], 0) == words.digits.get(text[1], 0) - 1 < 9:
        return float(words.digits[text[0]])  # 三四(回): about; the smaller is safe to rest on
    if len(text) > 1 and all(c in words.digits and words.digits[c] < 10 for c in text):
        return float("".join(str(words.digits[c]) for c in text))  # 二零二六, 一八
    total, section, digit, scale, zero = 0.0, 0.0, -1, 1, False
    for char in text:
        if char in words.digits:
            digit, zero = words.digits[char], zero or words.digits[char] == 0
        elif char in words.scales:
            scale = words.scales[char]
            if scale >= 10_000:
                total = (total + section + max(digit, 0)) * scale
                section = 0.0
            else:
                section += (digit if digit > 0 else 1) * scale
            digit, zero = -1, False
        else:
            return None
    if digit > 0 and scale > 10 and not zero:
        return total + section + digit * scale / 10
    return total + section + max(digit, 0)


def days_of(text: str) -> float | None:
    """The length in days of a duration such as ``半年`` (182), ``两周`` (14), ``36小时`` (1.5), ``一个多月`` (35).

    ``两三天`` and ``2-3天`` give the middle. None when no duration stands in ``text``.
    """
    words, text = _words(), text.strip()
    if text in words.durations:
        return words.durations[text]
    values = []
    for number in find_numbers(text):
        if number.kind not in words.days:
            continue
        factor = next((words.about[c] for c in text[number.start : number.end] if c in words.about), 1.0)
        values.append(number.value * words.days[number.kind] * factor)
    if values:
        return sum(values) / len(values)
    inside = re.search(_either(words.durations), text)
    return words.durations[inside[0]] if inside else None


@cache
def _finder() -> re.Pattern[str]:
    words = _words()
    numeral, han = words.numeral.replace("|几)", ")"), words.han
    about = "[" + "".join(words.about) + "]"
    half_days = _either(words.halves)
    unit = _either(words.units)
    single = f"[{''.join(d for d, v in words.digits.items() if 0 < v < 10)}]"
    return re.compile(
        rf"(?P<fixed>{_either(words.fixed)})"
        rf"|(?P<date>(?:(?P<year>\d{{4}}|{han}{{4}})[年./-])?(?P<month>\d{{1,2}}|{han}{{1,2}})(?:月|(?<=\d)/(?=\d{{1,2}}[日号]))(?P<day>\d{{1,2}}|{han}{{1,3}})[日号]?(?!\d|个|天)"
        rf"|\b(?P<iso>\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}})(?!\d)|(?P<dom>\d{{1,2}}|{han}{{1,3}})号(?!码|线|店|楼|床|机|仓|色))"
        rf"|(?P<time>(?:(?P<half>{half_days}))?(?P<hour>\d{{1,2}}):(?P<min>\d{{2}})(?!\d)"
        rf"|(?:(?P<half2>{half_days}))?(?P<hour2>(?!一点(?![半钟整]))\d{{1,2}}|(?!一点(?![半钟整])){han}{{1,3}})点(?:(?P<min2>半|\d{{1,2}}分|{han}{{1,3}}分)|钟|整)?(?![{''.join(words.digits)}儿\d]))"
        rf"|(?P<ratio>百分之(?P<per>{numeral}))"
        rf"|(?P<idiom>{words.idioms})"
        rf"|第(?P<nth>{numeral})"
        rf"|[¥￥$] ?(?P<yuan>{numeral})"
        rf"|(?P<low>{single})(?P<high>{single})(?P<span>[十百千万])?(?P<unit0>{about}?(?!折)(?:{unit}))"
        rf"|(?P<from>{numeral})[-~至到—]{{1,2}}(?P<to>{numeral}){about}?(?P<half3>个半)?(?P<unit2>{unit}|r(?![a-z]))"
        rf"|(?P<n>{numeral})(?P<about>{about})?(?P<half4>个半)?(?P<unit1>{unit}|r(?![a-z]))(?P<tail>半|(?<=[块元毛角])(?:\d|{han})(?![0-9]))?"
        rf"|(?P<plain>{numeral})"
    )


def find_numbers(text: str) -> list[Number]:
    """All numbers of a normalised text, left to right, not overlapping; idioms such as ``一下`` are left out."""
    found: list[Number] = []
    for match in _finder().finditer(text):
        if not match["idiom"]:
            found += _numbers(match)
    return found


def _numbers(m: re.Match[str]) -> Iterator[Number]:
    words, (start, end) = _words(), m.span()
    if m["fixed"]:
        yield Number(start, end, *words.fixed[m["fixed"]])
    elif m["date"]:
        yield from _date(m)
    elif m["time"]:
        yield from _time(m, words)
    elif m["ratio"] or m["nth"] or m["yuan"]:
        name, kind = ("per", "percent") if m["ratio"] else ("nth", "ordinal") if m["nth"] else ("yuan", "money")
        value = number_of(m[name])
        if value is not None:
            yield Number(start, end, value, kind)
    elif m["low"]:
        scale = words.scales.get(m["span"] or "", 1)
        for name, last in (("low", m.end("low")), ("high", end)):
            yield from _measured(m.start(name), last, float(words.digits[m[name]] * scale), m["unit0"], words)
    elif m["from"]:
        for name, last in (("from", m.end("from")), ("to", end)):
            value = number_of(m[name])
            if value is not None:
                yield from _measured(m.start(name), last, value, m["unit2"], words)
    elif m["unit1"]:
        value = number_of(m["n"])
        if value is not None:
            yield from _tailed(m, value, words)
    elif m["plain"] and (m["plain"][0].isdigit() or len(m["plain"]) > 1):
        value = number_of(m["plain"])
        if value is not None:
            yield Number(start, end, value, "plain")


def _tailed(m: re.Match[str], value: float, words: _Words) -> Iterator[Number]:
    """``两天半`` and ``一个半月`` add a half, ``两块五`` five tenths."""
    unit, tail = m["unit1"], m["tail"]
    if m["half4"] or tail == "半":
        value += 0.5
    elif tail:
        value += (number_of(tail) or 0) / 10
    if unit == "月" and not m["half4"] and m["n"] not in words.span_months:
        yield Number(m.start(), m.end(), value * 100, "date")
    else:
        yield from _measured(m.start(), m.end(), value, unit, words)


def _measured(start: int, end: int, value: float, unit: str, words: _Words) -> Iterator[Number]:
    kind = words.units.get(unit) or words.units.get(unit[1:], "money")
    if kind in ("jiao", "fen"):
        value, kind = value / (10 if kind == "jiao" else 100), "money"
    elif kind == "minute":
        value, kind = value / 60, "hour"
    elif kind == "tenth":
        value, kind = value * 10, "percent"
    elif kind == "discount":
        value, kind = (value * 10 if value < 10 else value), "percent"
    yield Number(start, end, round(value, 6), kind)


def _date(m: re.Match[str]) -> Iterator[Number]:
    if m["iso"]:
        year, month, day = (int(part) for part in re.split(r"[-/.]", m["iso"]))
    else:
        year = int(number_of(m["year"]) or 0) if m["year"] else 0
        month = int(number_of(m["month"]) or 0) if m["month"] else 0
        day = int(number_of(m["day"] or m["dom"] or "") or 0)
    if day <= 31 and month <= 12:
        yield Number(m.start(), m.end(), float(year * 10_000 + month * 100 + day), "date")


def _time(m: re.Match[str], words: _Words) -> Iterator[Number]:
    hour = number_of(m["hour"] or m["hour2"])
    minute_text = (m["min"] or m["min2"] or "").rstrip("分")
    minute = 30.0 if minute_text == "半" else (number_of(minute_text) or 0.0 if minute_text else 0.0)
    half = words.halves.get(m["half"] or m["half2"] or "", 0)
    if hour is None or hour > 24 or minute >= 60:
        return
    if half and hour < 12:
        hour += half
    yield Number(m.start(), m.end(), round(hour + minute / 60, 6), "time")
