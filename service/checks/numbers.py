"""Every number has a source: a record, a derivation, a grant within its cap, or it is repeated as the buyer's own."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from service.checks.ground import Ground
from service.checks.said import Said
from service.checks.sources import numbers_of
from service.rulebook.checkrules import GRANT_WORDS, CheckRules
from service.schemas import Finding
from service.text.numerals import Number

_COUNTER = re.compile(r"[.、):：](?!\d)")
_NUMERALS = "零一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟半"
_STUFFING = re.compile(rf"(?<=[{_NUMERALS}])(?:[^\w\n,。!?;:、…“”\"'()%¥/]|_)+(?=[{_NUMERALS}元块毛成倍折天月年周])")
"""What is put between numerals so that they do not look like one."""
_OPENERS = frozenset(" \n。!?;；:,(（~…")


def unsourced(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    """Findings on numbers nobody gave, and on numbers of the buyer's that stand in what we undertake."""
    found = [f for number in numbers_of(said.text) if (f := _weigh(number, said, ground, rules))]
    for number in _hidden(said.text):
        if not _small(number, rules.entry.numbers.free_count) and not _stated(number, said, ground, rules):
            found.append(_finding("numbers_without_source", number, said, ground, rules))
    return found


def _weigh(number: Number, said: Said, ground: Ground, rules: CheckRules) -> Finding | None:
    limits = rules.entry.numbers
    if _small(number, 1) or _named(number, said, rules) or _counter(number, said, limits.counter_max):
        return None
    if number.kind != "plain" and _stated(number, said, ground, rules):
        return None
    pledged = _pledged(number, said, limits.carried)
    if not pledged and _small(number, limits.free_count if number.kind == "count" else limits.free_plain):
        return None
    if number.kind == "plain":
        if pledged:
            number = replace(number, kind="money")  # 退您500: in what we undertake a bare number is money
        if _stated(number, said, ground, rules):
            return None
    rule = "numbers_without_source"
    if ground.claimed.holds(number, said.text[number.start : number.end], limits):
        if not pledged or _countable(number, ground, limits.own):
            return None
        rule = "buyer_number_as_commitment"
    return _finding(rule, number, said, ground, rules)


def _stated(number: Number, said: Said, ground: Ground, rules: CheckRules) -> bool:
    """In a record, or within the cap of a grant on record."""
    words = said.text[number.start : number.end]
    return ground.recorded.holds(number, words, rules.entry.numbers) or _capped(number, said, ground, rules)


def _small(number: Number, most: float) -> bool:
    """A number that states nothing by itself: a step, a few things."""
    return number.kind in ("plain", "ordinal", "count") and number.value <= most


def _finding(rule: str, number: Number, said: Said, ground: Ground, rules: CheckRules) -> Finding:
    kind = rules.entry.numbers.kinds[number.kind]
    warn = not ground.given
    return said.finding(rule, number.start, number.end, warn=warn, kind=kind.name, source=kind.source)


def _named(number: Number, said: Said, rules: CheckRules) -> bool:
    """Inside a name that only holds a number (``双11``)."""
    around = said.text[max(0, number.start - 12) : number.end + 12]
    shift = max(0, number.start - 12)
    return any(
        m.start() + shift <= number.start and number.end <= m.end() + shift for m in rules.names.finditer(around)
    )


def _counter(number: Number, said: Said, most: float) -> bool:
    """A list counter: ``1.`` or ``2、`` at the head of a clause, or a circled digit."""
    if number.kind != "plain" or number.value > most:
        return False
    first, last = said.norm.span(number.start, number.end)
    if last - first == 1 and unicodedata.category(said.norm.original[first]) == "No":
        return True
    head = number.start == 0 or said.text[number.start - 1] in _OPENERS
    return head and _COUNTER.match(said.text, number.end) is not None


def _pledged(number: Number, said: Said, carried: list[str]) -> bool:
    """In a clause where we bind ourselves, or right before one if the kind carries over (``500元，这就退给您``)."""
    start, end = said.clause(number.start)
    if said.pledges(start, end):
        return True
    if number.kind not in carried or said.reported(number.start, number.end):
        return False
    if any(said.has(group, start, end) for group in ("negated", "asked", "wished")):
        return False
    following = said.clause(end)
    same_sentence = end < said.sentence(number.start)[1]
    return same_sentence and bool(said.pledges(*following))


def _countable(number: Number, ground: Ground, own: list[str]) -> bool:
    """A count of the buyer's things in help that is due (``五只都给您补发``), not above what the records count."""
    if number.kind not in own or ground.verdict != "reasonable":
        return False
    most = ground.recorded.most("count")
    return most is None or number.value <= most


def _capped(number: Number, said: Said, ground: Ground, rules: CheckRules) -> bool:
    """Within the cap of a grant on record, said of a thing that is granted (``3元券`` under a cap of ``5元``)."""
    if number.kind != "money":
        return False
    start, end = said.clause(number.start)
    clause = said.text[start:end]
    if not any(word in clause for word in rules.entry.words[GRANT_WORDS]):
        return False
    for record in ground.recorded.texts:
        for cap in rules.search("cap", record, 0, len(record)):
            stated = (n for n in numbers_of(record[cap.start : cap.end + 4]) if n.kind in ("money", "plain"))
            if any(0 < number.value <= n.value for n in stated):
                return True
    return False


def _hidden(text: str) -> list[Number]:
    """Numbers whose Han numerals are parted by stuffing (``五 百 元``). Only a record backs them, never the buyer."""
    gone = {i for gap in _STUFFING.finditer(text) for i in range(gap.start(), gap.end())}
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
