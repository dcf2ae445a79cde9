"""The patterns numbers are found by; what a match is worth is read in :mod:`service.text.numerals`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from service.text.spelled import ARABIC, either, words
from service.text.tables import table


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


def _unit(units: Iterable[str], never: dict[str, list[str]]) -> str:
    """Any unit, the longest first; some are none before certain characters (``一百三对半``)."""
    listed = sorted(units, key=len, reverse=True)
    ends = (f"(?!{either(never[word])})" if word in never else "" for word in listed)
    return "|".join(re.escape(word) + end for word, end in zip(listed, ends, strict=True)) + "|r(?![a-z])"


@cache
def finder() -> re.Pattern[str]:
    """Everything that may be a number, or an idiom that holds a numeral, by named groups."""
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
def change_patterns() -> dict[str, re.Pattern[str]]:
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


@cache
def stuffing() -> re.Pattern[str]:
    """What is put between numerals so that they do not look like one (``五*百``)."""
    data = table("numerals")["stuffed"]
    signs, ends = "".join(data["numerals"]), "".join(data["units"])
    return re.compile(rf"(?<=[{signs}])(?:[^\w\n,。!?;:、…“”\"'()%¥/]|_)+(?=[{signs}{ends}])")


@cache
def lasting() -> re.Pattern[str]:
    """A length of time told by name (``半年``, ``个把月``)."""
    return re.compile(either(words().durations))
