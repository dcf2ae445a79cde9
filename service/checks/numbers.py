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
from service.text.normalise import squeeze
from service.text.numerals import Number

_COUNTER = re.compile(r"[.、):：](?!\d)")
_OPENERS = frozenset(" \n。!?;；:,(（~…")


def unsourced(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    """Findings on numbers nobody gave, and on numbers of the buyer's that stand in what we undertake."""
    numbers = numbers_of(said.text)
    hidden = _hidden(said, numbers)
    if not numbers and not hidden:
        return []
    found = [f for number in numbers if (f := _weigh(number, said, ground, rules))]
    warn = not ground.given
    for start, end, number in hidden:
        if not _sourced(number, said, (start, end), ground, rules):
            found.append(_finding("numbers_without_source", number, start, end, said, rules, warn))
    return found


def _weigh(number: Number, said: Said, ground: Ground, rules: CheckRules) -> Finding | None:
    start, end = number.start, number.end
    limits = rules.entry.numbers
    if _named(number, said, rules) or _counter(number, said, limits.counter_max):
        return None
    pledged = _pledged(number, said, limits.carried)
    if _small(number, rules, pledged):
        return None
    if pledged and number.kind == "plain":
        number = replace(number, kind="money")  # 退您500: in what we undertake a bare number is money
    words = said.text[start:end]
    if ground.recorded.holds(number, words, limits) or _capped(number, said, ground, rules):
        return None
    rule = "numbers_without_source"
    if ground.claimed.holds(number, words, limits):
        if not pledged or _countable(number, ground, limits.own):
            return None
        rule = "buyer_number_as_commitment"
    return _finding(rule, number, start, end, said, rules, not ground.given)


def _finding(rule: str, number: Number, start: int, end: int, said: Said, rules: CheckRules, warn: bool) -> Finding:
    kind = rules.entry.numbers.kinds[number.kind]
    return said.finding(rule, start, end, warn=warn, kind=kind.name, source=kind.source)


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


def _small(number: Number, rules: CheckRules, pledged: bool) -> bool:
    limits = rules.entry.numbers
    if number.kind in ("plain", "ordinal"):
        return number.value <= limits.free_plain
    if number.kind == "count":
        return number.value <= (1 if pledged else limits.free_count)
    return False


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
        for cap in rules.search("cap", record):
            stated = (n for n in numbers_of(record[cap.start : cap.end + 4]) if n.kind in ("money", "plain"))
            if any(0 < number.value <= n.value for n in stated):
                return True
    return False


def _hidden(said: Said, plain: list[Number]) -> list[tuple[int, int, Number]]:
    """Numbers that only show when stuffing between characters falls away (``五 百 元``), at places of the normal form.

    A digit written alone between Han characters hides nothing, so only texts that squeezing changes are read again.
    """
    squeezed = squeeze(said.norm)
    if squeezed.text == said.text:
        return []
    seen = [said.norm.span(n.start, n.end) for n in plain]
    found = []
    for number in numbers_of(squeezed.text):
        first, last = squeezed.span(number.start, number.end)
        if number.kind == "plain" or any(a < last and first < b for a, b in seen):
            continue
        found.append((first, last, number))
    return [(_back(said, a), _back(said, b), n) for a, b, n in found]


def _back(said: Said, place: int) -> int:
    """The place of the normal form that an original place became."""
    starts = said.norm.starts
    if len(starts) != len(said.text):
        return place
    return next((i for i, start in enumerate(starts) if start >= place), len(said.text))


def _sourced(number: Number, said: Said, span: tuple[int, int], ground: Ground, rules: CheckRules) -> bool:
    """Only a record backs a number that was hidden: who repeats the buyer writes plainly."""
    words = said.text[span[0] : span[1]]
    limits = rules.entry.numbers
    if number.kind == "count" and number.value <= limits.free_count:
        return True
    return ground.recorded.holds(number, words, limits)
