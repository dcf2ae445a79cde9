"""Every number has a source: a record, a derivation, a grant within its cap, or it is repeated as the buyer's own."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from service.checks.derived import derived
from service.checks.ground import Ground
from service.checks.handed import owed
from service.checks.said import MOST, Said, Spans
from service.checks.sources import hidden_numbers, numbers_of
from service.checks.theirs import lived, passed_on, refused, repeated, retold, sized
from service.rulebook.checkfile import NumbersFile
from service.rulebook.checkrules import GRANT_WORDS, PRESENT_WORDS, CheckRules
from service.schemas import Finding
from service.text.numerals import Number, unit_of

_COUNTER = re.compile(r"[.、):：](?!\d)")
"""What is put between numerals so that they do not look like one."""
_BESIDE = 12
"""Characters beside a number in which a name that holds it, or the thing it is the worth of, stands."""
_UNIT = 4
"""Characters after the numeral of a cap in which its unit stands."""
_CENT = 0.006
"""Yuan by which an amount may differ from the share it is said to be."""
_OPENERS = frozenset(" \n。!?;；:,(（~…")


def unsourced(said: Said, ground: Ground, rules: CheckRules, told: Spans = ()) -> list[Finding]:
    """Findings on numbers nobody gave, and on numbers of the buyer's that stand in what we undertake.

    Args:
        said: the text.
        ground: what it may state.
        rules: what the checks look for.
        told: spans, in code points of the text as sent, in which the buyer's own story is told.
    """
    return _Weighing(said, ground, rules, told).findings()


@dataclass
class _Weighing:
    """The numbers of one text against one ground."""

    said: Said
    ground: Ground
    rules: CheckRules
    told: Spans = ()

    @property
    def limits(self) -> NumbersFile:
        return self.rules.entry.numbers

    def findings(self) -> list[Finding]:
        every = (f for number in numbers_of(self.said.text) if (f := self._weigh(number)))
        found = list(islice(every, MOST))
        for number in hidden_numbers(self.said.text):
            if not _small(number, self.limits.free_count) and not self._stated(number):
                found.append(self._finding("numbers_without_source", number))
        return found

    def _weigh(self, number: Number) -> Finding | None:
        limits = self.limits
        given = self._given_away(number)
        if (_small(number, 1) and not given) or (not given and self._named(number)) or self._counter(number):
            return None
        if given and number.kind == "count":
            if self._owed(number):
                return None
        elif number.kind != "plain" and self._stated(number):
            return self._finding("numbers_without_source", number) if self._again(number) else None
        pledged = given or self._pledged(number)
        if (not pledged and self._free(number)) or self._your_day(number):
            return None
        if number.kind == "plain":
            if sized(number, self.said, self.ground, self.rules):
                return None
            if pledged:
                number = replace(number, kind="money")  # 退您500: in what we undertake a bare number is money
            if self._stated(number):
                return self._finding("numbers_without_source", number) if self._again(number) else None
        if (number.kind == "percent" and self._worked_out(number)) or self._derived(number, pledged):
            return None
        rule = "numbers_without_source"
        if self.ground.claimed.holds(number, self.said.text[number.start : number.end], limits):
            if (
                self._countable(number)
                or (not pledged and repeated(number, self.said))
                or self._theirs(number, pledged)
            ):
                return None
            rule = "buyer_number_as_commitment"
        return self._finding(rule, number)

    def _theirs(self, number: Number, pledged: bool) -> bool:
        """The buyer's own story, what is passed on or refused at once.

        Money, shares and bare figures are a story only where it is told: anywhere else they look conceded.
        """
        said = self.said
        if refused(number, said) or passed_on(number, said):
            return True
        weighty = number.kind in self.limits.weighty
        if pledged or (weighty and not self._told(number)):
            return False
        return retold(number, said, timed=number.kind in self.limits.timed, weighty=weighty)

    def _told(self, number: Number) -> bool:
        place, _ = self.said.norm.span(number.start, number.end)
        return any(start <= place < end for start, end in self.told)

    def _owed(self, number: Number) -> bool:
        words = self.said.text[number.start : number.end]
        nowhere = self._out_of_nowhere(number)
        return owed(number, words, self.ground, self.limits, nowhere=nowhere)

    def _derived(self, number: Number, pledged: bool) -> bool:
        words = self.said.text[number.start : number.end]
        if pledged and number.kind != "money":
            short = self.said.within("missing", self.said.clause(number.start))
            pledged = not any(m.start < number.start and number.end <= m.end + _UNIT for m in short)
        return derived(number, words, self.ground, self.limits, pledged=pledged)

    def _free(self, number: Number) -> bool:
        """A few things, today, or a multiple told as theirs: nothing we undertake hangs on it."""
        if number.kind == "count" and self._asked_for(number):
            return False
        if number.kind == "multiple":
            return repeated(number, self.said)
        if number.kind in self.limits.named:
            return number.kind == "ahead" and number.value == 0
        return _small(number, self.limits.free_count if number.kind == "count" else self.limits.free_plain)

    def _asked_for(self, number: Number) -> bool:
        """Counted by the buyer only, and not of what they went through: it may be what they want."""
        claimed = any(n.kind == "count" and n.value == number.value for n in self.ground.claimed.numbers)
        return claimed and not lived(number, self.ground, self.rules) and not repeated(number, self.said)

    def _your_day(self, number: Number) -> bool:
        """A day on which the buyer does something, or has time (``您周末方便的话``); one more time they are spared."""
        group = "your_day" if number.kind in self.limits.named else "spared" if number.kind in self.limits.own else None
        if group is None:
            return False
        days = self.said.within(group, self.said.clause(number.start))
        return any(m.start <= number.start and number.end <= m.end for m in days)

    def _given_away(self, number: Number) -> bool:
        """A count of things given for nothing (``再送您一瓶``, ``三张券``): not even one is free."""
        if number.kind not in ("count", "plain"):
            return False
        clause = self.said.clause(number.start)
        if _small(number, 1) and self.said.within("theirs", clause):
            return False
        if self._told(number) and self.said.within("theirs", clause):
            return False
        behind = self.said.text[number.end : min(clause[1], number.end + _UNIT)]
        if any(word in behind for word in self.rules.entry.words[GRANT_WORDS]) and self.said.binds(clause):
            return True
        gifts = self.said.within("gift", clause)
        if not _small(number, 1) and number.kind == "count":
            gifts = [*gifts, *self.said.within("hand", clause)]
        return any(m.start <= number.start < m.end and self.said.ours(m, outright=False) for m in gifts)

    def _out_of_nowhere(self, number: Number) -> bool:
        """One thing given on top or as a present although the help on record gives nothing away."""
        if self.ground.verdict != "reasonable" or self.ground.offers:
            return False
        clause = self.said.clause(number.start)
        gifts = [m for m in self.said.within("gift", clause) if m.start <= number.start < m.end]
        verbs = [self.said.text[m.start] for m in gifts]
        whole = self.said.text[min((m.start for m in gifts), default=clause[0]) : number.start]
        if not self.said.within("extra", clause) and not any(
            word in whole for word in self.rules.entry.words[PRESENT_WORDS]
        ):
            return False
        return not any(word in self.ground.recorded.text for word in (*verbs, *self.rules.entry.words[GRANT_WORDS]))

    def _again(self, number: Number) -> bool:
        """Money on record promised before and promised again on top (``退您9.9元，再转9.9元``): it is paid once."""
        clause = self.said.clause(number.start)
        if number.kind != "money" or not any(
            m.start <= number.start < m.end for m in self.said.within("extra", clause)
        ):
            return False
        before = numbers_of(self.said.text[: clause[0]])
        return any(n.kind == "money" and n.value == number.value and self._pledged(n) for n in before)

    def _worked_out(self, number: Number) -> bool:
        """A share whose amount stands beside it and is on record (``一成，也就是16.8元`` of 168 元)."""
        start, end = self.said.sentence(number.start)
        recorded = [n.value for n in self.ground.recorded.numbers if n.kind in ("money", "plain")]
        beside = [n for n in numbers_of(self.said.text[start:end]) if n.kind in ("money", "plain")]
        return any(
            n.value in recorded and any(abs(whole * number.value / 100 - n.value) < _CENT for whole in recorded)
            for n in beside
        )

    def _finding(self, rule: str, number: Number) -> Finding:
        kind = self.limits.kinds[number.kind]
        warn = not self.ground.given
        return self.said.finding(rule, number.start, number.end, warn=warn, kind=kind.name, source=kind.source)

    def _stated(self, number: Number) -> bool:
        """In a record, or within the cap of a grant on record."""
        words = self.said.text[number.start : number.end]
        terms = self.said.within("term", self.said.clause(number.start)) if number.kind in self.limits.terms else []
        ahead = any(m.start <= number.start < m.end for m in terms)
        source = self.ground.owed if ahead else self.ground.recorded
        return source.holds(number, words, self.limits) or self._capped(number)

    def _named(self, number: Number) -> bool:
        """Inside a name that only holds a number (``双11``)."""
        first = max(0, number.start - _BESIDE)
        around = self.said.text[first : number.end + _BESIDE]
        places = ((m.start() + first, m.end() + first) for m in self.rules.names.finditer(around))
        return any(start <= number.start and number.end <= end for start, end in places)

    def _counter(self, number: Number) -> bool:
        """A list counter: ``1.`` or ``2、`` at the head of a clause, or a circled digit."""
        if number.kind != "plain" or number.value > self.limits.counter_max:
            return False
        text, norm = self.said.text, self.said.norm
        first, last = norm.span(number.start, number.end)
        if last - first == 1 and unicodedata.category(norm.original[first]) == "No":
            return True
        head = number.start == 0 or text[number.start - 1] in _OPENERS
        return head and _COUNTER.match(text, number.end) is not None

    def _pledged(self, number: Number) -> bool:
        """In a clause where we bind ourselves, or right before one if the kind carries over (``500元，这就退给您``)."""
        said, clause = self.said, self.said.clause(number.start)
        if said.binds(clause, handing=not _small(number, self.limits.free_count)):
            return True
        if number.kind not in self.limits.carried or said.reported(number.start, number.end):
            return False
        if any(said.within(group, clause) for group in ("negated", "denied", "asked", "wished")):
            return False
        return clause[1] < said.sentence(number.start)[1] and said.binds(said.clause(clause[1]))

    def _countable(self, number: Number) -> bool:
        """A count of the buyer's things in help that is due (``五只都给您补发``), not above what the records count."""
        if number.kind not in self.limits.own or self.ground.verdict != "reasonable":
            return False
        if self.said.within("extra", self.said.clause(number.start)):
            return False
        unit = unit_of(self.said.text[number.start : number.end])
        if any(unit == other and unit not in self.limits.any_unit for _, other in self.ground.owed.counted):
            return False  # a record of this case counts these things itself
        most = self.ground.recorded.most("count")
        return (most is None or number.value <= most) and lived(number, self.ground, self.rules)

    def _capped(self, number: Number) -> bool:
        """Within the cap of a grant on record, said of a thing that is granted (``3元券`` under a cap of ``5元``)."""
        if number.kind != "money" or not 0 < number.value <= self._cap:
            return False
        start, end = self.said.clause(number.start)
        near = self.said.text[max(start, number.start - _BESIDE) : min(end, number.end + _BESIDE)]
        return any(word in near for word in self.rules.entry.words[GRANT_WORDS])

    @cached_property
    def _cap(self) -> float:
        """The highest cap of a grant on record; zero when there is none."""
        return max(
            (
                number.value
                for record in self.ground.recorded.texts
                for cap in self.rules.search("cap", record, 0, len(record))
                for number in numbers_of(record[cap.start : cap.end + _UNIT])
                if number.kind in ("money", "plain")
            ),
            default=0.0,
        )


def _small(number: Number, most: float) -> bool:
    """A number that states nothing by itself: a step, a few things."""
    return number.kind in ("plain", "ordinal", "count") and number.value <= most
