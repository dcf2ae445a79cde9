"""The dictionary of facts (``knowledge/facts.yaml``): each defined once, with its silent value and its question."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field

from service.errors import phrase
from service.rulebook.conditions import ConditionError, Value, parse_sum
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml

Kind = Literal["number", "flag", "choice", "text"]


class ChoiceValue(StrictModel):
    """One value of a choice: its English id and the words a reply uses for it."""

    id: str
    say: str = ""
    """How a reply names it (``退掉``); empty where no reply should."""
    noun: str = ""
    """The same as a thing one may grant or refuse (``退货``); empty: as ``say``."""
    besides: bool = True
    """False: never promised in passing, beside another demand (money back while the goods stay)."""
    rank: int = 0
    """Gravity, where the gravest of several counts (threats)."""
    alone: bool = False
    """Counts only when nothing else was said of the fact (small talk beside a wish is no wish)."""
    absorbs: list[str] = Field(default_factory=list)
    """Values not heard apart from this one in the same clause (退差价 in 差价退我 is no 退货退款)."""
    outweighs: list[str] = Field(default_factory=list)
    """Values that say nothing further anywhere in the inquiry once this one is said (仅退款 beside 退货退款)."""


class FactFile(StrictModel):
    """A fact as the team writes it."""

    id: str
    kind: Kind
    note: str = ""
    order: str = ""
    """Field of the order that holds it, dotted for ``facts.…``."""
    order_values: dict[str, str] = Field(default_factory=dict)
    """The order field's own values → our value names."""
    goods: list[str] = Field(default_factory=list)
    """Words in category, product or listing that make this flag true."""
    not_goods: list[str] = Field(default_factory=list)
    """Words that keep it from being made true by ``goods``."""
    grant: str = ""
    """``coupon`` or ``coupon.valid_until``: filled from the shop's grants for the role that asks."""
    term: bool = False
    """True when the shop file's ``terms`` may set it."""
    derived: str = Field(default="", alias="is")
    floor: float | None = None
    """The law's floor: a record or term below it is lifted to it and shown."""
    unit: str = ""
    many: bool = False
    gravest: bool = False
    deniable: bool = False
    """True: a value of the choice is not heard where the words before deny it (没有受伤); flags always are."""
    lasting: bool = False
    """True: what earlier turns of the buyer said still counts beside what the newest say (what broke stays broken)."""
    silent: str | None = None
    """Value when nobody spoke; another fact's name; ``ask`` = unknown; unset = empty."""
    ask: str = ""
    ask_from: Literal["buyer", "order_system"] = "buyer"
    settled_by: dict[str, list[str]] = Field(default_factory=dict)
    """Choices whose values answer this fact's question: who asks for an exchange is not asked what he wants."""
    admits: bool = False
    """True: what the buyer admits against himself (I have worn it) beats an order field that says otherwise."""
    buyer_word: bool = True
    """False: the buyer's own word is a claim and never fills the fact (promises, records)."""
    values: dict[str, ChoiceValue] = Field(default_factory=dict)
    groups: dict[str, list[str]] = Field(default_factory=dict)
    """Names for several values at once, for conditions."""


@dataclass(frozen=True)
class Fact:
    """A fact ready for use: the file's entry under its name, with its derivation parsed."""

    name: str
    entry: FactFile
    terms: tuple[tuple[int, str | float], ...] = ()

    @property
    def asks(self) -> bool:
        """True when the fact can be unknown at all."""
        return self.entry.silent == "ask"


@dataclass(frozen=True)
class FactBook:
    """All facts by name. Serves the condition grammar as its :class:`~service.rulebook.conditions.Names`."""

    facts: dict[str, Fact]
    owners: dict[str, str] = field(default_factory=dict)

    def kind(self, name: str) -> str | None:
        """See :class:`~service.rulebook.conditions.Names`."""
        fact = self.facts.get(name)
        return fact.entry.kind if fact else None

    def owner(self, value: str) -> str | None:
        """See :class:`~service.rulebook.conditions.Names`."""
        return self.owners.get(value)

    def has_value(self, name: str, value: str) -> bool:
        """True when the choice has this value."""
        return value in self.facts[name].entry.values

    def members(self, name: str, value: str) -> tuple[str, ...]:
        """See :class:`~service.rulebook.conditions.Names`."""
        entry = self.facts[name].entry
        return (value,) if value in entry.values else tuple(entry.groups.get(value, ()))

    def by_id(self, fact_id: str) -> Fact:
        """The fact with an English id.

        Raises:
            KeyError: none has it.
        """
        return self._ids[fact_id]

    @cached_property
    def _ids(self) -> dict[str, Fact]:
        return {fact.entry.id: fact for fact in self.facts.values()}

    @cached_property
    def unsaid(self) -> dict[str, Value]:
        """What each fact is worth when nobody spoke of it; those that fall back on another fact are left out."""
        return {name: _unsaid(fact.entry) for name, fact in self.facts.items() if fact.entry.silent not in self.facts}

    @cached_property
    def only_said(self) -> dict[str, Value]:
        """The same, for the facts that nothing tells of but words: no field, shop, goods or other facts."""
        told = {
            name
            for name, fact in self.facts.items()
            for one in (fact.entry,)
            if one.order or one.term or one.grant or one.goods or one.floor is not None or fact.terms
        }
        return {name: value for name, value in self.unsaid.items() if name not in told}

    def value_id(self, name: str, value: str) -> str:
        """The English id of a choice's value."""
        return self.facts[name].entry.values[value].id


def _unsaid(entry: FactFile) -> Value:
    if entry.silent is None:
        return Value()
    if entry.silent == "ask":
        return Value(unknown=True)
    if entry.kind == "flag":
        return Value(entry.silent == "true")
    if entry.kind == "number":
        return Value(float(entry.silent))
    return Value((entry.silent,) if entry.many else entry.silent)


def load_facts(path: Path) -> FactBook:
    """Load the dictionary.

    Raises:
        RulebookError: a broken file, an id twice, a derivation or silent value that names no fact.
    """
    file = read_yaml(path)
    if not isinstance(file.data, dict):
        raise file.error(phrase("yaml_not_mapping"))
    entries = {name: file.parse(FactFile, name) for name in file.data}
    owners: dict[str, str] = {}
    shared: set[str] = set()
    for name, entry in entries.items():
        for value in entry.values:
            (shared.add(value) if value in owners else owners.setdefault(value, name))
    book = FactBook(
        {name: Fact(name, entry) for name, entry in entries.items()},
        {value: name for value, name in owners.items() if value not in shared},
    )
    _validate(file, book)
    facts = {name: _with_terms(file, fact, book) for name, fact in book.facts.items()}
    return FactBook(facts, book.owners)


def _with_terms(file: YamlFile, fact: Fact, book: FactBook) -> Fact:
    if not fact.entry.derived:
        return fact
    try:
        return Fact(fact.name, fact.entry, parse_sum(fact.entry.derived, book))
    except ConditionError as error:
        raise file.error(phrase(error.key, name=error.name), fact.name, "is") from None


def _validate(file: YamlFile, book: FactBook) -> None:
    ids: dict[str, str] = {}
    for name, fact in book.facts.items():
        entry = fact.entry
        if entry.id in ids:
            raise file.error(phrase("fact_id_twice", id=entry.id, other=ids[entry.id]), name)
        ids[entry.id] = name
        if entry.silent == "ask" and not entry.ask:
            raise file.error(phrase("fact_no_question", name=name), name)
        if entry.silent and not _silent_fits(entry, book):
            raise file.error(phrase("fact_bad_silent", name=name, value=entry.silent), name, "silent")
        named = [v for value in entry.values.values() for v in (*value.absorbs, *value.outweighs)]
        for value in (*entry.order_values.values(), *named, *(v for group in entry.groups.values() for v in group)):
            if value not in entry.values:
                raise file.error(phrase("condition_no_value", name=value), name, "order_values")
        for other, values in entry.settled_by.items():
            if book.kind(other) != "choice":
                raise file.error(phrase("condition_no_choice", name=other), name, "settled_by")
            for value in values:
                if not book.has_value(other, value):
                    raise file.error(phrase("condition_no_value", name=value), name, "settled_by")


def _silent_fits(entry: FactFile, book: FactBook) -> bool:
    if entry.silent == "ask" or entry.silent in book.facts:
        return True
    if entry.kind == "number":
        return (entry.silent or "").replace(".", "", 1).isdigit()
    if entry.kind == "flag":
        return entry.silent in ("true", "false")
    return entry.kind == "text" or entry.silent in entry.values
