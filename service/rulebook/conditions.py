"""The one condition grammar of boundaries, scripts, plans and cases, with three-valued truth.

=====================================  ==========================================================
written                                true when
=====================================  ==========================================================
``定制`` · ``非 定制``                   the fact holds · does not
``差评、曝光``                           one of the facts holds, or the fact they are values of has one of them
``原因 是 质量、破损`` (``不是``)          the fact has one of these values, or of a group's (none of them)
``首次反馈天数 超过 无理由天数``           also 不超过, 至少, 不到, 等于; each side a sum of facts and numbers
``有 换购券``                            the slot is filled
``A 或 B``                              one of them is true
=====================================  ==========================================================

A list of conditions, or several separated by ``，``, must all be true. A fact nobody knows makes an atom
unknown (Kleene's logic); what stays unknown carries the names of the facts that made it so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "不超过": lambda a, b: a <= b,
    "超过": lambda a, b: a > b,
    "至少": lambda a, b: a >= b,
    "不到": lambda a, b: a < b,
    "等于": lambda a, b: a == b,
}
_COMPARE = re.compile(r"^(.+?) (不超过|超过|至少|不到|等于) (.+)$")
_IS = re.compile(r"^(\S+) (不是|是) (\S+)$")
_SUM = re.compile(r"\s*([+\-])\s*")


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of one fact: ``value`` None and ``unknown`` False means known to be empty."""

    value: float | bool | str | tuple[str, ...] | None = None
    unknown: bool = False
    source: str = "silent"
    quote: str = ""
    disputed: bool = False

    @property
    def filled(self) -> bool:
        """True when a slot could show it."""
        return not self.unknown and self.value not in (None, "", (), False)


@dataclass(frozen=True, slots=True)
class Truth:
    """True, False, or None for unknown; ``because`` names the facts that are unknown."""

    value: bool | None
    because: frozenset[str] = frozenset()


YES, NO = Truth(True), Truth(False)


class Names(Protocol):
    """What the grammar must know of the facts to refuse a misspelt name on load."""

    def kind(self, name: str) -> str | None:
        """number, flag, choice or text; None when there is no such fact."""

    def owner(self, value: str) -> str | None:
        """The fact whose value this is, when there is exactly one."""

    def members(self, name: str, value: str) -> tuple[str, ...]:
        """The value itself, or the values of the group it names; empty when the choice has no such value."""


class Condition(Protocol):
    """One parsed condition."""

    def test(self, facts: Mapping[str, Value]) -> Truth:
        """Truth over the facts."""


class ConditionError(ValueError):
    """A condition that cannot be read; ``name`` is the part nobody knows."""

    def __init__(self, name: str, key: str) -> None:
        self.name, self.key = name, key
        super().__init__(f"{key}: {name}")


@dataclass(frozen=True, slots=True)
class Has:
    """One of these (fact, wanted value or None) pairs holds."""

    options: tuple[tuple[str, str | None], ...]
    _one_of: tuple[str, frozenset[str], Truth] | None = field(init=False, repr=False, compare=False)
    """The fact and its wanted values, where all options are of one choice: most conditions are."""

    def __post_init__(self) -> None:
        """See that what every case asks for again and again is at hand."""
        names, wanted = {name for name, _ in self.options}, frozenset(w for _, w in self.options if w is not None)
        plain = len(names) == 1 and len(wanted) == len(self.options)
        first = self.options[0][0] if self.options else ""
        object.__setattr__(self, "_one_of", (first, wanted, Truth(None, frozenset(names))) if plain else None)

    def test(self, facts: Mapping[str, Value]) -> Truth:
        """True as soon as one option is; unknown if none is and one is unknown."""
        if self._one_of is not None:
            name, all_wanted, unknown = self._one_of
            known = facts[name]
            if known.unknown:
                return unknown
            value = known.value
            held = not all_wanted.isdisjoint(value) if type(value) is tuple else value in all_wanted
            return YES if held else NO
        because: set[str] = set()
        for name, wanted in self.options:
            known = facts[name]
            value = known.value
            if known.unknown:
                because.add(name)
            elif value is True if wanted is None else (value == wanted or (type(value) is tuple and wanted in value)):
                return YES
        return Truth(None, frozenset(because)) if because else NO


@dataclass(frozen=True, slots=True)
class Filled:
    """The slot is filled."""

    name: str

    def test(self, facts: Mapping[str, Value]) -> Truth:
        """Never unknown: an unknown slot is an empty one."""
        return YES if facts[self.name].filled else NO


@dataclass(frozen=True, slots=True)
class Compare:
    """Two sums compare."""

    left: tuple[tuple[int, str | float], ...]
    word: str
    right: tuple[tuple[int, str | float], ...]

    def test(self, facts: Mapping[str, Value]) -> Truth:
        """False when a side is known to be empty."""
        sides = [add_up(side, facts) for side in (self.left, self.right)]
        because = frozenset().union(*(missing for _, missing in sides))
        if because:
            return Truth(None, because)
        left, right = sides[0][0], sides[1][0]
        if left is None or right is None:
            return NO
        return YES if _COMPARISONS[self.word](left, right) else NO


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; unknown stays unknown."""

    inner: Condition

    def test(self, facts: Mapping[str, Value]) -> Truth:
        """Negation in Kleene's logic."""
        truth = self.inner.test(facts)
        return truth if truth.value is None else Truth(not truth.value)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one is true."""

    parts: tuple[Condition, ...]

    def test(self, facts: Mapping[str, Value]) -> Truth:
        """Disjunction in Kleene's logic."""
        because: frozenset[str] = frozenset()
        for part in self.parts:
            truth = part.test(facts)
            if truth.value:
                return YES
            because |= truth.because
        return Truth(None, because) if because else NO


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part is true; an empty list is true. ``weight`` counts the atoms: the more, the more special."""

    parts: tuple[Condition, ...]
    sources: tuple[str, ...] = ()
    quickest: tuple[Condition, ...] = ()
    """The parts again, those first that are cheap and mostly false; the order changes no truth."""

    @property
    def weight(self) -> int:
        """Number of conditions that had to hold."""
        return len(self.parts)

    def only(self, fact: str) -> frozenset[str] | None:
        """The values of a choice outside which this is false whatever else holds; None when it says nothing of it."""
        for part in self.parts:
            if isinstance(part, Has) and all(name == fact and wanted is not None for name, wanted in part.options):
                return frozenset(str(wanted) for _, wanted in part.options)
        return None

    def test(self, facts: Mapping[str, Value]) -> Truth:
        """Conjunction in Kleene's logic: one false decides whatever else is unknown."""
        because: frozenset[str] = frozenset()
        for part in self.quickest or self.parts:
            truth = part.test(facts)
            if truth.value is False:
                return NO
            if truth.value is None:
                because |= truth.because
        return Truth(None, because) if because else YES


def add_up(terms: Sequence[tuple[int, str | float]], facts: Mapping[str, Value]) -> tuple[float | None, frozenset[str]]:
    """A sum of facts and numbers: its value (None when a part is empty) and the facts that are unknown."""
    total = 0.0
    because: set[str] = set()
    empty = False
    for sign, term in terms:
        if isinstance(term, float):
            total += sign * term
            continue
        known = facts[term]
        if known.unknown:
            because.add(term)
        elif isinstance(known.value, bool) or not isinstance(known.value, int | float):
            empty = True
        else:
            total += sign * known.value
    return (None if empty or because else total), frozenset(because)


def parse_sum(text: str, names: Names) -> tuple[tuple[int, str | float], ...]:
    """``签收天数 - 无理由天数`` as signed terms.

    Raises:
        ConditionError: a term that is neither a number nor a number fact.
    """
    parts = _SUM.split(text.strip())
    terms: list[tuple[int, str | float]] = []
    for i in range(0, len(parts), 2):
        sign = -1 if i and parts[i - 1] == "-" else 1
        try:
            terms.append((sign, float(parts[i])))
        except ValueError:
            if names.kind(parts[i]) != "number":
                raise ConditionError(parts[i], "condition_no_number") from None
            terms.append((sign, parts[i]))
    return tuple(terms)


def parse(text: str, names: Names) -> Condition:
    """One condition.

    Raises:
        ConditionError: a name, value or form nobody knows.
    """
    text = text.strip()
    if " 或 " in text:
        return AnyOf(tuple(parse(part, names) for part in text.split(" 或 ")))
    if text.startswith("非 "):
        return Not(parse(text[2:], names))
    if text.startswith("有 "):
        name = text[2:].strip()
        if names.kind(name) is None:
            raise ConditionError(name, "condition_no_fact")
        return Filled(name)
    if match := _COMPARE.match(text):
        return Compare(parse_sum(match[1], names), match[2], parse_sum(match[3], names))
    if match := _IS.match(text):
        if names.kind(match[1]) != "choice":
            raise ConditionError(match[1], "condition_no_choice")
        values: list[str] = []
        for written in match[3].split("、"):
            members = names.members(match[1], written)
            if not members:
                raise ConditionError(written, "condition_no_value")
            values += members
        known = Has(tuple((match[1], value) for value in values))
        return Not(known) if match[2] == "不是" else known
    return Has(tuple(_bare(name.strip(), names) for name in text.split("、")))


def _bare(name: str, names: Names) -> tuple[str, str | None]:
    if names.kind(name) == "flag":
        return name, None
    owner = names.owner(name)
    if owner is None:
        raise ConditionError(name, "condition_no_fact")
    return owner, name


def parse_all(texts: Sequence[str], names: Names) -> AllOf:
    """Several conditions that must all hold.

    Raises:
        ConditionError: as :func:`parse`.
    """
    parts = tuple(parse(text, names) for text in texts)
    return AllOf(parts, tuple(texts), tuple(sorted(parts, key=_cost)))


def _cost(part: Condition) -> int:
    """What a demand or a cause must be comes first: most rows fail there."""
    if isinstance(part, Has):
        return 0 if all(wanted is not None for _, wanted in part.options) else 1
    return 3 if isinstance(part, Compare) else 2
