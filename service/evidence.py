"""What a model's reading counts for: only where it quotes the buyer, and never to give or refuse by its word alone.

A claim enters the reading as the buyer's word when its quote stands verbatim in the newest inquiry, no frame heard
otherwise there, and the quote resembles what is claimed (the team's examples; :mod:`service.rulebook.alike`). It never
writes order facts. Then the rules decide again, demand by demand:

- towards ``reasonable``, no claim carries: what it rests on is asked for instead (``needs_clarification``);
- away from ``reasonable``, neither: a right is not refused on a model's word;
- a demand nobody heard offline is judged by what the records and the offline reading say of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service.judging import Decision, Ruling
from service.reading import Heard, Reading
from service.rulebook.book import Rulebook
from service.rulebook.facts import Fact, FactBook
from service.rulebook.shops import ShopFile
from service.schemas import Claim, ClaimOut, ClaimWhy, Inquiry
from service.text.normalise import normalise
from service.text.numerals import find_numbers
from service.understanding import Understood, understand

DEMAND, THREAT = "demand", "threat"


@dataclass(frozen=True)
class EvidenceRules:
    """What the team may tune (``prompts/reading.md``): words for yes and no, and how far likeness must go."""

    flags: Mapping[str, bool]
    quote_min: int
    """Characters a quote must have."""
    rank: int
    """Place by likeness a claimed value of a choice must reach among all its values."""
    flag_rank: int
    """The same for a flag, among those it is learned with."""
    claims: int
    """Claims looked at."""
    common: frozenset[str]
    """Characters that tell nothing."""


@dataclass(frozen=True)
class Weighed:
    """The matter after the claims: ``understood`` is the former one where nothing turned."""

    understood: Understood
    claims: list[ClaimOut]
    changed: bool
    """Whether what is to be written is another reply now."""


def claimable(book: FactBook) -> list[Fact]:
    """The facts a model may claim: what a buyer's own word can fill."""
    return [
        fact
        for fact in book.facts.values()
        if fact.entry.buyer_word
        and fact.entry.kind != "text"
        and not (fact.terms or fact.entry.term or fact.entry.grant)
    ]


class Evidence:
    """Weighs claims by one rulebook."""

    def __init__(self, book: Rulebook, rules: EvidenceRules) -> None:
        self._book, self._rules = book, rules
        self._facts = {fact.name: fact for fact in claimable(book.facts)}

    def weigh(self, before: Understood, claims: Sequence[Claim], shop: ShopFile) -> Weighed:
        """The reading with the claims that stand, and what the rules make of it."""
        heard: list[Heard] = []
        shown: list[ClaimOut] = []
        for claim in claims[: self._rules.claims]:
            one, why = self._stands(claim, before.reading, before.inquiry)
            if one is not None:
                heard.append(one)
            counted = one is not None
            shown.append(ClaimOut(fact=claim.fact, value=claim.value, quote=claim.quote, counted=counted, why=why))
        if not heard:
            return Weighed(before, shown, False)
        after = self._decided(before, _merged(before.reading, heard), shop)
        if not _turned(before, after):
            return Weighed(before, [_idle(claim) for claim in shown], False)
        return Weighed(after, shown, True)

    def _stands(self, claim: Claim, reading: Reading, inquiry: Inquiry) -> tuple[Heard | None, ClaimWhy]:
        """The claim as something heard, or why it does not count."""
        fact = self._facts.get(claim.fact)
        if fact is None:
            return None, "unknown_fact"
        value = self._value(fact, claim)
        if value is None:
            return None, "bad_value"
        place = self._found(claim.quote, reading, inquiry)
        if place is None:
            return None, "not_quoted"
        message, start, end = place
        one = Heard(
            fact.name, value, "buyer", inquiry.messages[message].content[start:end], message, start, end, claimed=True
        )
        if self._heard_otherwise(one, fact, reading):
            return None, "heard_otherwise"
        return (one, "") if self._resembles(one, fact) else (None, "implausible")

    def _value(self, fact: Fact, claim: Claim) -> str | float | bool | None:
        entry = fact.entry
        if entry.kind == "choice":
            silent = {label for alike in self._book.listening.by_example for label in alike.silent}
            return claim.value if claim.value in entry.values and claim.value not in silent else None
        if entry.kind == "flag":
            return self._rules.flags.get(claim.value)
        numbers = [number.value for number in find_numbers(claim.value)]
        said = [number.value for number in find_numbers(claim.quote)]
        return numbers[0] if len(numbers) == 1 and numbers[0] in said else None

    def _found(self, quote: str, reading: Reading, inquiry: Inquiry) -> tuple[int, int, int] | None:
        """Message and span of the words quoted, in the newest inquiry of the buyer."""
        wanted = normalise(quote).text.strip()
        if len(wanted) < self._rules.quote_min:
            return None
        for index in range(len(inquiry.messages) - 1, reading.fresh_from - 1, -1):
            if inquiry.messages[index].role == "customer":
                norm = normalise(inquiry.messages[index].content)
                at = norm.text.find(wanted)
                if at >= 0:
                    return (index, *norm.span(at, at + len(wanted)))
        return None

    def _heard_otherwise(self, one: Heard, fact: Fact, reading: Reading) -> bool:
        """Whether a frame heard another value: anywhere in the newest inquiry, or of several values in these words."""
        frames = [other for other in reading.of(fact.name, "buyer") if other.fresh and not (other.like or other.whole)]
        if fact.entry.many or fact.entry.id == DEMAND:
            frames = [o for o in frames if o.message == one.message and o.start < one.end and one.start < o.end]
        return any(other.value != one.value for other in frames)

    def _resembles(self, one: Heard, fact: Fact) -> bool:
        """Whether the quote is like what people say who mean this. A number stands in its quote; that is enough."""
        if fact.entry.kind == "number":
            return True
        for alike in self._book.listening.by_example:
            label = str(one.value) if alike.fact == fact.name else fact.name
            if alike.speaker == "buyer" and alike.fact in (None, fact.name):
                rank = alike.rank(one.quote, label)
                if rank is not None:
                    return rank <= (self._rules.rank if alike.fact else self._rules.flag_rank)
        names = f"{fact.name}{one.value if fact.entry.kind == 'choice' else ''}"
        return not (set(names) - self._rules.common).isdisjoint(one.quote)

    def _decided(self, before: Understood, reading: Reading, shop: ShopFile) -> Understood:
        """What the rules decide on the fuller reading, each ruling held against the one without the claims."""
        after = understand(before.inquiry, reading, shop, self._book)
        rulings = [*after.decision.others, after.decision.main]
        wishes = {self._book.facts.by_id(DEMAND).name}
        bare = Reading(tuple(one for one in reading.heard if not one.claimed or one.fact in wishes), reading.fresh_from)
        plain = understand(before.inquiry, bare, shop, self._book)
        told = {ruling.demand: ruling for ruling in (*plain.decision.others, plain.decision.main)}
        kept = [self._held(told[ruling.demand], ruling, reading) for ruling in rulings]
        return replace(after, decision=Decision(kept[-1], tuple(kept[:-1])))

    def _held(self, before: Ruling, after: Ruling, reading: Reading) -> Ruling:
        """The ruling that stands: the claims may move it within a verdict or to a question, no further."""
        if after.verdict == before.verdict != "reasonable" or after.verdict == "needs_clarification":
            return after if before.verdict != "reasonable" else before
        if after.verdict == "unreasonable" and before.verdict == "needs_clarification":
            return after
        if after.verdict == before.verdict or after.boundary is before.boundary:
            return before
        return self._asked(after, reading)

    def _asked(self, ruling: Ruling, reading: Reading) -> Ruling:
        """The question a ruling becomes that rests on claims: for the first thing claimed besides the demand."""
        claimed = list(dict.fromkeys(one.fact for one in reading.heard if one.claimed))
        own = [name for name in claimed if name != self._book.facts.by_id(DEMAND).name]
        return replace(ruling, verdict="needs_clarification", ask=tuple(own[:1] or claimed[:1]))


def _merged(reading: Reading, more: Sequence[Heard]) -> Reading:
    """The reading with what was claimed where it was said. What was heard by likeness alone gives way."""
    claimed = {one.fact for one in more}

    def gives_way(one: Heard) -> bool:
        return one.fact in claimed and one.speaker == "buyer" and one.fresh and bool(one.like or one.whole)

    kept = [one for one in reading.heard if not gives_way(one)]
    said = sorted([*(o for o in kept if o.message >= 0), *more], key=lambda one: (one.message, one.start, one.end))
    return Reading((*(o for o in kept if o.message < 0), *said), reading.fresh_from)


def _turned(before: Understood, after: Understood) -> bool:
    """Whether another reply is due: another ruling, or a threat nobody had heard, which a reply stands firm on."""

    def decided(one: Understood) -> tuple[list[tuple[str, str, str, tuple[str, ...]]], object]:
        rulings = (*one.decision.others, one.decision.main)
        threat = one.known[one.known.book.by_id(THREAT).name].value
        return [(r.demand, r.boundary.id, r.verdict, r.ask) for r in rulings], threat

    return decided(before) != decided(after)


def _idle(claim: ClaimOut) -> ClaimOut:
    """The claim, said to have turned nothing."""
    return claim.model_copy(update={"why": "no_effect"}) if claim.counted else claim
