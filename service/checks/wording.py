"""What to say instead of a forbidden sentence, about the same thing: its goods, its demand, its number."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from service.checks.ground import Ground
from service.checks.grounding import check_grounding
from service.checks.once import say_once
from service.checks.sources import numbers_of
from service.rulebook.checkrules import CheckRules
from service.rulebook.forbidden import ForbiddenRules
from service.rulebook.sentences import Hit
from service.rulebook.wording import DEMAND, GOODS, Named
from service.text.normalise import fold
from service.text.numerals import Number
from service.text.segment import sentences

_RANGE = frozenset({"-", "~", "—", "至", "到"})
"""Beside a number these make it one end of a range, which says something else when it stands alone."""


class Wordings:
    """Suggestions for the findings of one text; works out only what a finding asks for."""

    def __init__(self, text: str, rules: ForbiddenRules, ground: Ground, checkrules: CheckRules | None) -> None:
        self._text, self._rules, self._ground, self._checkrules = text, rules, ground, checkrules
        self._seen: dict[str, Named] = {}

    def suggestion(self, hit: Hit) -> str | None:
        """The fullest wording of the hit's rule that its sentence can fill and that states nothing without a source.

        What only counts too often is said once instead.
        """
        if hit.rule.rule.count is not None and (once := say_once(hit.excerpt, hit.rule)):
            return once
        if not hit.rule.wordings:
            return None
        near = self._near(hit)
        filled = self._classes(hit) | self._things(near) | self._numbers(near)
        numbered = frozenset(self._rules.repairs.entry.numbers) & filled.keys()
        for wording in hit.rule.wordings:
            said = wording.render(filled)
            if said is not None and (wording.slots.isdisjoint(numbered) or self._stands(said)):
                return said
        return None

    def _near(self, hit: Hit) -> list[str]:
        """Where to look for what a hit is about: itself, its sentence, the sentence before; in normal form."""
        before = [span for span in self._sentences if span[1] <= hit.start]
        touched = [span for span in self._sentences if span[0] < hit.end and hit.start < span[1]]
        places = [(hit.start, hit.end), *((touched[0][0], touched[-1][1]) for _ in touched[:1]), *before[-1:]]
        return [fold(self._text[start:end]) for start, end in places]

    @cached_property
    def _sentences(self) -> list[tuple[int, int]]:
        return sentences(self._text)

    def _classes(self, hit: Hit) -> dict[str, str]:
        """The words that filled the rule's own classes, as far as they may be said again."""
        echoed = {name: self._rules.repairs.echo(name, word) for name, word in hit.found.items()}
        return {name: said for name, said in echoed.items() if said}

    def _things(self, near: list[str]) -> dict[str, str]:
        """Goods and demand where they stand nearest; goods else of the whole text or the order."""
        named = [self._named(place) for place in near]
        goods = next((goods for place in named for goods in place.goods), "")
        demand = next((place.demand for place in named if place.demand), "")
        return {GOODS: goods or self._only_goods or self._ground.goods, DEMAND: demand}

    @cached_property
    def _only_goods(self) -> str:
        """What the whole text is about, when it names just one thing."""
        named = self._named(fold(self._text)).goods
        return named[0] if len(named) == 1 else ""

    def _named(self, text: str) -> Named:
        if text not in self._seen:
            self._seen[text] = self._rules.repairs.named_in(text)
        return self._seen[text]

    def _numbers(self, near: list[str]) -> dict[str, str]:
        """For each number slot the first number of its kinds, of the hit itself, else of its sentence."""
        slots: Mapping[str, list[str]] = self._rules.repairs.entry.numbers
        found: dict[str, str] = {}
        for place in near[:2]:
            for number in numbers_of(place):
                if not self._whole(number, place):
                    continue
                for slot, kinds in slots.items():
                    if number.kind in kinds:
                        found.setdefault(slot, place[number.start : number.end].replace(" ", ""))
        return found

    def _whole(self, number: Number, text: str) -> bool:
        """Whether a number can stand alone: no end of a range, no part of a name (一分钱一分货)."""
        before, after = text[max(number.start - 1, 0) : number.start], text[number.end : number.end + 1]
        if before in _RANGE or after in _RANGE:
            return False
        names = self._checkrules.names.finditer(text) if self._checkrules else ()
        return not any(name.start() < number.end and number.start < name.end() for name in names)

    def _stands(self, said: str) -> bool:
        """Whether a wording with a number says nothing that its ground forbids."""
        rules = self._checkrules
        return rules is None or not any(f.severity == "block" for f in check_grounding(said, self._ground, rules))
