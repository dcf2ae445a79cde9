"""One numeral by value (``伍佰`` = ``5百`` = ``500``, ``1万2`` = ``一万二``), and the words numerals are made of.

Words, units and idioms are data in ``knowledge/text/numerals.yaml``; this file knows only how numerals are put
together. Where numbers stand in a text is :mod:`service.text.numerals`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from service.text.tables import table

ARABIC = r"\d+(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
_TOKEN = re.compile(rf"(?P<arabic>{ARABIC})|(?P<char>.)")
_WESTERN = "z"
"""Signs up to here are Latin letters (``k``, ``w``); what follows is Han."""


@dataclass(frozen=True)
class Period:
    """A stretch of the calendar told by name (``月底``): the days of the month, or the months, that lie in it."""

    days: tuple[int, int] | None
    months: tuple[int, int] | None


@dataclass(frozen=True)
class Words:
    """The table ready for use; patterns are without groups."""

    digits: dict[str, int]
    scales: dict[str, int]
    units: dict[str, str]
    days: dict[str, float]
    durations: dict[str, float]
    about: dict[str, float]
    fixed: dict[str, tuple[float, str]]
    ratios: dict[str, int]
    halves: dict[str, int]
    ahead: dict[str, int]
    weeks: dict[str, int]
    weekdays: dict[str, int]
    period_of: dict[str, int]
    periods: tuple[Period, ...]
    pairs: dict[str, float]
    several: dict[str, float]
    people: frozenset[str]
    lone_after: frozenset[str]
    lone_given: frozenset[str]
    span_months: frozenset[str]
    week: str
    idioms: str
    han: str
    single: str
    one: str
    numeral: str
    nearly: str
    duration: str
    money: str
    parting: str
    sign: str


def either(words: Any) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def _numeral(han: str, single: str, one: str, scales: str, several: str, later: str) -> str:
    """``later`` are characters that units begin with: one after a last digit without scale parts it (``5百3天``)."""
    high = "".join(c for c in scales if c > _WESTERN)
    tail = rf"零?(?:\d{{1,3}}|{one})(?![\d.{later}])"
    scaled = rf"[{scales}](?![a-z])(?:零?(?:\d+|{single})[{high}])*(?:{tail})?"
    return rf"(?:(?:{ARABIC})(?:{scaled})?|半|[{several}][{high}]+|{han}+(?:点{han}+)?|几)"


@cache
def words() -> Words:
    """The table of ``knowledge/text/numerals.yaml``."""
    data = table("numerals")
    units = {word: kind for kind, listed in data["units"].items() for word in listed}
    digits = {w: int(v) for w, v in data["digits"].items()}
    scales = "".join(data["scales"])
    han = "[" + "".join(digits) + "".join(c for c in scales if c > _WESTERN) + "]"
    single = "[" + "".join(d for d, v in digits.items() if 0 < v < 10) + "]"
    one = "[" + "".join(d for d, v in digits.items() if 0 < v < 10 and d not in data["never_last"]) + "]"
    later = "".join(sorted({w[0] for w, kind in units.items() if kind not in ("money", "jiao", "fen")}))
    numeral = _numeral(han, single, one, scales, "".join(data["several"]), later)
    nearly = f"(?:[{''.join(data['about'])}]|(?<=[{''.join(c for c in scales if c > _WESTERN)}])把)"
    times = either(w for w, k in units.items() if k in ("second", "minute", "hour", "day", "week", "month", "year"))
    cash = either(data["units"]["money"] + data["units"]["jiao"] + data["units"]["fen"])
    sign = either(data["signs"])
    return Words(
        digits=digits,
        scales={w: int(v) for w, v in data["scales"].items()},
        units=units,
        days={k: float(v) for k, v in data["days"].items()},
        durations={w: float(v) for w, v in data["durations"].items()},
        about={w: float(v) for w, v in data["about"].items()},
        fixed={w: (float(v["value"]), str(v["kind"])) for v in data["fixed"] for w in v["words"]},
        ratios={w: int(v) for w, v in data["ratios"].items()},
        halves={w: int(v) for w, v in data["halves"].items()},
        ahead={w: int(v) for v, listed in data["ahead"].items() for w in listed},
        weeks={w: int(v) for v, listed in data["weeks"].items() for w in listed},
        weekdays={w: int(v) for v, listed in data["weekdays"].items() for w in listed},
        period_of={w: place for place, period in enumerate(data["periods"]) for w in period["words"]},
        periods=tuple(Period(_pair(p.get("days")), _pair(p.get("months"))) for p in data["periods"]),
        pairs={w: float(v) for w, v in data["pairs"].items()},
        several={w: float(v) for w, v in data["several"].items()},
        people=frozenset(data["people"]),
        lone_after=frozenset(data["lone_scale_after"]),
        lone_given=frozenset(data["lone_given"]),
        span_months=frozenset(data["span_months"]),
        week=either(data["week"]),
        idioms=either(data["idioms"]),
        han=han,
        single=single,
        one=one,
        numeral=numeral,
        nearly=nearly,
        duration=rf"(?:(?:{either(data['durations'])}){nearly}?|{numeral}{nearly}?个?半?多?(?:{times})半?多?)",
        money=rf"(?:(?:{sign}){numeral}|{numeral}{nearly}?(?:{cash}|r(?![a-z]))(?:{han}|\d)?)",
        parting=later,
        sign=sign,
    )


def _pair(ends: list[int] | None) -> tuple[int, int] | None:
    return (int(ends[0]), int(ends[1])) if ends else None


def number_of(text: str) -> float | None:
    """The value of a numeral such as ``三十``, ``两百``, ``1.5``, ``2k``, ``1千2``, ``半``; None if it is none."""
    known, text = words(), text.strip()
    if text == "半":
        return 0.5
    if re.fullmatch(ARABIC, text):
        return float(text.replace(",", ""))
    whole, point, rest = text.partition("点")
    value = _value(whole, known)
    if value is None or not point:
        return value
    if not rest or any(c not in known.digits for c in rest):
        return None
    return value + float("0." + "".join(str(known.digits[c]) for c in rest))


def _value(text: str, known: Words) -> float | None:
    """Sections of ten thousand; a digit after the last scale is that scale's tenth (``一千二`` = 1200)."""
    if not text:
        return None
    if len(text) == 2 and 0 < known.digits.get(text[0], 0) == known.digits.get(text[1], 0) - 1 < 9:
        return float(known.digits[text[0]])  # 三四(回): about; the smaller is safe to rest on
    if len(text) > 1 and all(c in known.digits and known.digits[c] < 10 for c in text):
        return float("".join(str(known.digits[c]) for c in text))  # 二零二六, 一八
    total, section, digit, scale, zero = 0.0, 0.0, -1.0, 1, False
    for token in _TOKEN.finditer(text):
        char = token["char"] or ""
        if token["arabic"] or char in known.digits or (char in known.several and len(text) > 1):
            digit = float(token["arabic"].replace(",", "")) if token["arabic"] else _digit(char, known)
            zero = zero or digit == 0
        elif char in known.scales:
            scale = known.scales[char]
            if scale >= 10_000:
                total, section = (total + section + max(digit, 0) or 1) * scale, 0.0
            else:
                section += (digit if digit > 0 else 1) * scale
            digit, zero = -1, False
        else:
            return None
    if 0 < digit < 10 and scale > 10 and not zero:
        return round(total + section + digit * scale / 10, 6)
    return round(total + section + max(digit, 0), 6)


def _digit(char: str, known: Words) -> float:
    return float(known.digits[char]) if char in known.digits else known.several[char]
