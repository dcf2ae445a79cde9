"""Numbers in Chinese chat by value: ``伍佰`` = ``五百块`` = ``500``, ``两成`` = 20 %, ``半个月`` = 15 days.

Works on normalised text (:func:`service.text.normalise.normalise`). How one numeral is read is said in
:mod:`service.text.spelled`; words, units and idioms are data in ``knowledge/text/numerals.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from service.text.spelled import ARABIC, Period, either, number_of, words
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


@cache
def hint() -> re.Pattern[str]:
    """What a text must hold for a number to stand in it; cheap to look for."""
    known = words()
    signs = "".join({*known.digits, *known.scales, *known.several, *known.pairs}) + r"\d半"
    listed = [
        *known.fixed,
        *known.ahead,
        *known.period_of,
        *(f"{w}{d}" for w in table("numerals")["week"] for d in known.weekdays),
    ]
    rest = [word for word in listed if not re.search(f"[{signs}]", word)]
    return re.compile(f"[{signs}]|{either(rest)}")


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
    inside = _lasting().search(text)
    return known.durations[inside[0]] if inside else None


@cache
def _lasting() -> re.Pattern[str]:
    return re.compile(either(words().durations))


def _unit(units: Iterable[str], never: dict[str, list[str]]) -> str:
    """Any unit, the longest first; some are none before certain characters (``一百三对半``)."""
    listed = sorted(units, key=len, reverse=True)
    ends = (f"(?!{either(never[word])})" if word in never else "" for word in listed)
    return "|".join(re.escape(word) + end for word, end in zip(listed, ends, strict=True)) + "|r(?![a-z])"


@cache
def _finder() -> re.Pattern[str]:
    known, data = words(), table("numerals")
    numeral, han = known.numeral.replace("|几)", ")"), known.han
    nearly, unit, single = known.nearly, _unit(known.units, data["not_unit"]), known.single
    digits = "".join(known.digits)
    tenths = "".join(data["tenths"])
    half = either(known.halves)
    named = either([*known.ahead, *known.period_of])
    for_one, weight = data["many_for_one"], data["weight"]
    light = rf"{weight['part']}(?!{han}|\d|{either(weight['not_before'])}|{nearly}?(?:{unit}))"
    minutes = rf"半|[一三]刻|\d{{2}}分?|\d分|{single}?十{single}?分?|零{single}分?|{han}{{1,3}}分"
    return re.compile(
        rf"(?P<fixed>{either(known.fixed)})"
        rf"|(?P<times>[{''.join(for_one['before'])}]?[一1][{''.join(for_one['after'])}])(?P<many>{han}+|\d+)"
        rf"|(?P<date>(?:(?P<year>\d{{4}}|{han}{{4}})[年./-])?(?P<month>\d{{1,2}}|{han}{{1,2}})(?:月|(?<=\d)/(?=\d{{1,2}}[日号]))(?P<day>\d{{1,2}}|{han}{{1,3}})[日号]?(?!\d|个|天|多|来)"
        rf"|(?<![\d.])(?P<iso>\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}})(?!\d)|(?P<dom>\d{{1,2}}|{han}{{1,3}})号(?!码|线|店|楼|床|机|仓|色|零|配|款|链))"
        rf"|(?P<time>(?:(?P<half>{half}))?(?P<hour>\d{{1,2}}):(?P<min>\d{{2}})(?!\d)"
        rf"|(?:(?P<half2>{half}))?(?P<hour2>(?!一点(?![半钟整一三前之]))\d{{1,2}}|(?!一点(?![半钟整一三前之])){han}{{1,3}})点(?:(?P<min2>{minutes})|钟|整)?(?![{digits}儿\d]))"
        rf"|(?P<weekday>(?P<which>{either(known.weeks)})?(?:{known.week})(?P<wd>[{''.join(known.weekdays)}])(?![{''.join(data['not_weekday'])}]))"
        rf"|(?P<named>{named})"
        rf"|(?!{han}+分之)(?P<idiom>{known.idioms})"
        rf"|(?:(?P<ratio>{either(known.ratios)})|(?P<nth>第)|(?P<yuan>{known.sign}) ?)"
        rf"(?P<led>{single}(?=一[天日周月年])|{numeral})"
        rf"|(?P<heavy>{numeral})个?{weight['whole']}(?P<light2>{single}|\d|半){light}|(?<!{han})(?P<light>{known.one}|半|(?:{ARABIC})){light}"
        rf"|(?P<low>{single})(?P<high>{single})(?:(?P<span>[十百千万])?(?P<unit0>{nearly}?(?!折)(?:{unit}))|(?P<span2>[百千万])(?!{han}))"
        rf"|(?P<n>{numeral})(?:[-~至到—]{{1,2}}(?P<to>{numeral}){nearly}?(?P<half3>个半)?(?P<unit2>{unit})"
        rf"|分之(?P<part>{han}+|\d+)"
        rf"|{nearly}?(?P<half4>个半)?(?P<unit1>{unit})(?P<tail>半(?![个月年天小价折])|(?<=成){single}|(?<=[{tenths}])(?:{single}|\d)(?![{digits}\d.{known.parting}{''.join(known.scales)}元块毛]))?)?"
    )


@cache
def _change() -> dict[str, re.Pattern[str]]:
    """What follows ``块`` or ``元`` (``六毛四``, ``零五``, ``九``), and ``毛``."""
    known = words()
    free = either(table("numerals")["after_change"])
    one = rf"(?:{known.one}|\d)"
    big = "".join(known.scales)
    last = rf"(?![\d.{big}])(?!(?!{free}){known.nearly}?[{known.parting}])"
    cents = rf"(?:零?(?P<fen>{one})(?:分钱?|{last}))?"
    spelled = rf"(?P<jiao>{known.single}|\d)(?:毛|角){cents}|零(?P<cent>{one})(?:分钱?|{last})"
    return {
        "块": re.compile(rf"{spelled}|(?P<pair>{one}{one}){last}|(?P<lone>{one}){last}"),
        "元": re.compile(rf"{spelled}|(?P<lone>{one})(?=$|[,。!?;、)~])"),
        "毛": re.compile(rf"零?(?P<fen>{one})(?:分钱?|{last})"),
    }


def find_numbers(text: str) -> list[Number]:
    """All numbers of a normalised text, left to right, not overlapping; idioms such as ``一下`` are left out."""
    found: list[Number] = []
    finder, place = _finder(), 0
    while match := finder.search(text, place):
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
    change = _change().get("块" if unit[0] == "块" else "元" if unit[0] in "元圆" else unit[0])
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
