"""What all scorers see of a reply: the findings of every check, and the benefits it gives, found once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from evals.rubric import Rubric
from service.checking import Checker
from service.checks.faithful import Faith
from service.rulebook.book import Rulebook
from service.schemas import CheckRequest, Draft, Finding, Inquiry, Order, Step, StepName
from service.sourcing import ground_of_request
from service.text.normalise import fold
from service.text.numerals import find_numbers


@dataclass
class Sight:
    """The rulebook and rubric by which replies are looked at; holds nothing of a reply but what it found last.

    The draft's own findings, steps and numbers are not believed: the reply is checked as any text somebody sends.
    """

    book: Rulebook
    rubric: Rubric
    checker: Checker = field(init=False)
    _last: tuple[Draft, list[Finding]] | None = None

    def __post_init__(self) -> None:
        self.checker = Checker(self.book)

    def findings(self, draft: Draft, inquiry: Inquiry) -> list[Finding]:
        """Everything the checks find in a reply to an inquiry, in the reply's offsets."""
        if self._last is None or self._last[0] is not draft:
            bare = draft.model_copy(update={"steps": []})
            # what the check at the door would believe of a stored draft, its own words, is no source here
            ground = ground_of_request(CheckRequest(text="-", verdict=draft.verdict), (bare, inquiry), self.book)
            steps = [Step(step=step.step, text=step.text) for step in draft.steps]
            self._last = draft, self.checker.reply(steps, replace(ground, planned=None))
        return self._last[1]

    def gives(self, draft: Draft, inquiry: Inquiry) -> dict[str, str]:
        """The classes of benefits the reply gives outright, with the word for each.

        The rule step only tells of them, and so does empathy that repeats the buyer's own word.
        """
        ground = ground_of_request(CheckRequest(text="-"), (draft, inquiry), self.book)
        faith = Faith(ground, self.book.faithful)
        said = fold("\n".join(ground.buyer))
        return {
            name: word
            for step in draft.steps
            if step.step != "rule"
            for name, word in faith.given(step.text).items()
            if step.step != "empathy" or word not in said
        }

    def allowed(self, draft: Draft) -> set[str]:
        """The classes of benefits the draft's boundary itself speaks of, in its rule, its door or its offers."""
        row = next((row for row in self.book.boundaries if row.id == draft.basis.boundary), None)
        if row is None:
            return set()
        entry, offers = row.entry, self.book.method.entry.offers
        notes = [offers[name].note for name in entry.offer if name in offers]
        offered, claims = fold("\n".join([*entry.offer, *notes])), self.book.faithful.entry.claims
        told = {
            name for name, *_ in self.book.faithful.claims.find(fold("\n".join([*entry.say, *entry.door, offered])))
        }
        return told | {name for name, claim in claims.items() if any(root in offered for root in claim.roots)}

    def free(self, draft: Draft) -> set[str]:
        """The classes that may be given because what was asked for is due: all the usual remedies."""
        claims = self.book.faithful.entry.claims
        return {name for name, claim in claims.items() if claim.remedy} if draft.verdict == "reasonable" else set()

    def goods(self, order: Order) -> str:
        """What a reply may call the goods of an order; empty when it does not say."""
        return ground_of_request(CheckRequest(text="-", order=order), None, self.book).goods

    def wanted(self, draft: Draft) -> tuple[list[StepName], set[StepName]]:
        """The steps of the draft's verdict in their order, and those of them that must be there."""
        places = self.book.method.entry.verdicts[draft.verdict].plan
        must = {place.step for place in places if not place.when}
        row = next((row for row in self.book.boundaries if row.id == draft.basis.boundary), None)
        offers = self.book.method.entry.offers
        if row is not None and any(not offers[name].slot for name in row.entry.offer if name in offers):
            must |= {place.step for place in places if place.step == "alternative"}
        if draft.threat != "none":
            must |= {place.step for place in places if place.step == "firmness"}
        return [place.step for place in places], must


def numbers_of(text: str) -> set[float]:
    """The numbers a text names, by value."""
    return {number.value for number in find_numbers(text)}
