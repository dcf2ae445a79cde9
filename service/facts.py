"""The facts of one case: what each fact of the dictionary is worth here, and who said so.

In order of trust: the order's own field, a record, the shop's terms, words in category or product, the buyer's
word (where it counts), an agent's word, a derivation, the silent value. A record narrower than the law's floor is
lifted to it; where the buyer says otherwise than the record, the fact is disputed: the record stands, and the
agent is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.reading import Heard, Reading
from service.rulebook.conditions import Value, add_up
from service.rulebook.facts import Fact, FactBook, FactFile
from service.rulebook.shops import ShopFile
from service.schemas import Inquiry

GRANTS_FROM = "policy."
"""Only what the caller sends as policy can grant something in one case; order text cannot."""


@dataclass(frozen=True)
class Lifted:
    """A record or term below the law's floor."""

    name: str
    written: float
    floor: float


class Known(dict[str, Value]):
    """The facts of a case by name, worked out when first asked for. Setting one fixes it."""

    def __init__(self, book: FactBook, inquiry: Inquiry, reading: Reading, shop: ShopFile) -> None:
        super().__init__()
        self.book, self.inquiry, self.reading, self.shop = book, inquiry, reading, shop
        self.lifted: list[Lifted] = []
        self._goods = f"{inquiry.order.category or ''} {inquiry.order.product or ''}"

    def __missing__(self, name: str) -> Value:
        if name not in self.reading.by_fact and (quiet := self.book.only_said.get(name)) is not None:
            self[name] = quiet  # most facts of most cases
            return quiet
        fact = self.book.facts[name]
        value = self._stated(fact) or self._derived(fact) or self._silent(fact)
        if fact.entry.floor is not None:
            value = self._lift(name, value, fact.entry.floor)
        self[name] = value
        return value

    def root(self, name: str) -> str:
        """The fact to ask for when ``name`` is unknown: itself, or the one it falls back on or derives from."""
        fact = self.book.facts[name]
        if fact.asks:
            return name
        if fact.entry.silent in self.book.facts:
            return self.root(fact.entry.silent)
        for _, term in fact.terms:
            if isinstance(term, str) and self[term].unknown:
                return self.root(term)
        return name

    def settled(self, name: str) -> bool:
        """True when the fact need not be asked for: it is filled, or what was said of another fact answers it."""
        if self[name].filled:
            return True
        for other, values in self.book.facts[name].entry.settled_by.items():
            said = self[other].value
            if not {*values}.isdisjoint(said if isinstance(said, tuple) else (said,)):
                return True
        return False

    def _stated(self, fact: Fact) -> Value | None:
        entry, name = fact.entry, fact.name
        hear = self.reading.of if entry.lasting else self.reading.newest
        said = hear(name, "buyer") if entry.buyer_word else ()
        if entry.kind == "choice" and not entry.order:
            return self._choice(entry, said or self.reading.of(name, "record", "agent"))
        known = self._from_order(entry) or self._from_records(fact) or self._from_shop(fact) or self._from_goods(entry)
        if known is not None and not (entry.admits and said and said[-1].value is True):
            return _disputed(known, said)
        said = said or self.reading.of(name, "agent")
        return _of(said[-1]) if said else None

    def _choice(self, entry: FactFile, said: tuple[Heard, ...]) -> Value | None:
        if not said:
            return None
        if entry.gravest:
            return _of(max((one for one in said), key=lambda one: entry.values[str(one.value)].rank))
        if entry.many:
            values = tuple(dict.fromkeys(str(one.value) for one in said))
            return Value(values, source=said[-1].speaker, quote=said[-1].quote)
        return _of(said[-1])

    def _from_order(self, entry: FactFile) -> Value | None:
        if not entry.order:
            return None
        top, _, rest = entry.order.partition(".")
        raw = self.inquiry.order.facts.get(rest) if rest else getattr(self.inquiry.order, top)
        if raw is None:
            return None
        if entry.kind == "choice":
            value = entry.order_values.get(str(raw))
            return Value(value, source="order", quote=str(raw)) if value else None
        if entry.kind == "flag":
            return Value(raw, source="order", quote=str(raw)) if isinstance(raw, bool) else None
        if entry.kind == "number":
            fits = isinstance(raw, int | float) and not isinstance(raw, bool)
            return Value(float(raw), source="order", quote=str(raw)) if fits else None  # type: ignore[arg-type]
        return Value(str(raw), source="order", quote=str(raw))

    def _from_records(self, fact: Fact) -> Value | None:
        heard = self.reading.of(fact.name, "record")
        if fact.entry.grant:
            heard = tuple(one for one in heard if one.key.startswith(GRANTS_FROM))
        if not heard:
            return None
        if fact.entry.term:
            return _of(max(heard, key=lambda one: float(one.value)))
        return _of(heard[-1])

    def _from_shop(self, fact: Fact) -> Value | None:
        entry = fact.entry
        if entry.term and fact.name in self.shop.terms:
            return Value(float(self.shop.terms[fact.name]), source="shop", quote=self.shop.name)
        if not entry.grant:
            return None
        name, _, part = entry.grant.partition(".")
        grant = self.shop.grant(name, self.inquiry.context.role)
        worth = getattr(grant, part or "amount", None) if grant else None
        return Value(worth, source="grant", quote=self.shop.name) if worth not in (None, "") else None

    def _from_goods(self, entry: FactFile) -> Value | None:
        if not entry.goods or any(word in self._goods for word in entry.not_goods):
            return None
        word = next((word for word in entry.goods if word in self._goods), None)
        return Value(True, source="order", quote=word) if word else None

    def _derived(self, fact: Fact) -> Value | None:
        if not fact.terms:
            return None
        total, because = add_up(fact.terms, self)
        if because:
            return Value(unknown=True, source="derived")
        return None if total is None else Value(round(total, 2), source="derived", quote=fact.entry.derived)

    def _silent(self, fact: Fact) -> Value:
        known = self.book.unsaid.get(fact.name)
        return known if known is not None else self[str(fact.entry.silent)]

    def _lift(self, name: str, value: Value, floor: float) -> Value:
        if isinstance(value.value, float) and value.value < floor:
            self.lifted.append(Lifted(name, value.value, floor))
            return Value(floor, source="law", quote=value.quote)
        return value


def _of(one: Heard) -> Value:
    return Value(one.value, source=one.speaker, quote=one.quote)


ROUGHLY = 0.2
"""How far a number people say (快一个月) may lie from the record without contradicting it."""


def _disputed(known: Value, said: tuple[Heard, ...]) -> Value:
    if said and not _agree(known.value, said[-1].value):
        return Value(known.value, source=known.source, quote=known.quote, disputed=True)
    return known


def _agree(recorded: object, said: object) -> bool:
    if isinstance(recorded, float) and isinstance(said, float):
        return abs(recorded - said) <= max(1.0, ROUGHLY * recorded)
    return recorded == said
