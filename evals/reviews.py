"""A person's word about a score: as it is sent, as it is kept, and what a run's reviews come to.

A reviewer agrees, overrides with a reason, or appeals (申诉) with a reason; somebody else decides the appeal. Blind
reviews were given without seeing any score: they measure the scorers and change no score a machine could give.
What was said later by the same reviewer about the same thing replaces what he said before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, Field, JsonValue, StrictBool

from evals.results import CaseResult, Score, Status
from service.schemas.base import In, Out, Text
from service.text.normalise import fold

MAX_REVIEWS = 5_000
"""Reviews of one file."""

Action = Literal["agree", "override", "appeal", "upheld", "rejected", "referred", "blind"]
"""``upheld`` 申诉成立, ``rejected`` 驳回 and ``referred`` 转交 decide an appeal; a referred one stays open."""
WORDS = frozenset({"agree", "override", "appeal"})
DECISIONS = frozenset({"upheld", "rejected", "referred"})
CLOSING = frozenset({"upheld", "rejected"})
REASONED = frozenset({"override", "appeal"}) | DECISIONS
"""What needs a reason."""

RunId = Annotated[Text, Field(min_length=1, max_length=100)]
Reviewer = Annotated[Text, Field(min_length=1, max_length=60, pattern=r"\S", json_schema_extra={"pattern": r"\S"})]


class Key(NamedTuple):
    """What a review is about: one score of one result."""

    case: str
    repeat: int
    scorer: str
    criterion: str


_BY_ACTION: list[JsonValue] = [
    {
        "if": {"properties": {"action": {"enum": [*sorted(REASONED)]}}},
        "then": {"properties": {"reason": {"pattern": r"\S"}}, "required": ["reason"]},
    },
    {
        "if": {"properties": {"action": {"const": "override"}}},
        "then": {"properties": {"status": {"type": "string"}}, "required": ["status"]},
    },
]
_BLIND: dict[str, JsonValue] = {"properties": {"action": {"const": "blind"}}}


class ReviewIn(In):
    """One review. ``status``: what the score should be; null in a blind review for 看不出."""

    model_config = ConfigDict(json_schema_extra={"allOf": _BY_ACTION})

    case: Annotated[Text, Field(min_length=1, max_length=200)]
    repeat: Annotated[int, Field(ge=1, le=10_000)] = 1
    scorer: Annotated[Text, Field(min_length=1, max_length=60)]
    criterion: Annotated[Text, Field(max_length=200)] = ""
    action: Action
    status: Literal["passed", "failed"] | None = None
    reason: Annotated[Text, Field(max_length=500)] = ""

    @property
    def key(self) -> Key:
        """What it is about."""
        return Key(self.case, self.repeat, self.scorer, self.criterion)


class ReviewsIn(In):
    """``reviews.json``: the reviews of one person about one run, bound to the rubric he read."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"blind": {"const": True}}, "required": ["blind"]},
            "then": {"properties": {"reviews": {"items": _BLIND}}},
            "else": {"properties": {"reviews": {"items": {"not": _BLIND}}}},
        }
    )

    run: RunId
    rubric: Annotated[Text, Field(max_length=100)]
    reviewer: Reviewer
    blind: StrictBool = False
    sheet: Annotated[Text, Field(max_length=60)] | None = None
    """Which blind page it comes from."""
    reviews: Annotated[tuple[ReviewIn, ...], Field(min_length=1, max_length=MAX_REVIEWS)]


class Review(Out):
    """One line of ``reviews.jsonl``."""

    case: str
    repeat: int = 1
    scorer: str
    criterion: str = ""
    action: Action
    status: Literal["passed", "failed"] | None = None
    reason: str = ""
    reviewer: str
    rubric: str
    seen: str = ""
    """Digest of the conversation and reply it is about (:func:`seen`)."""
    sheet: str | None = None
    at: datetime

    @property
    def key(self) -> Key:
        """What it is about."""
        return Key(self.case, self.repeat, self.scorer, self.criterion)

    @property
    def lane(self) -> str:
        """Within a lane a reviewer's later word replaces his earlier one."""
        return "word" if self.action in WORDS else "blind" if self.action == "blind" else "decision"

    def same(self, other: Review) -> bool:
        """Whether it says the same, whenever it was said."""
        apart = {"at", "sheet"}
        return self.model_dump(exclude=apart) == other.model_dump(exclude=apart)


def person(reviewer: str) -> str:
    """A reviewer's name for comparing: blanks, width and capitals make nobody another person."""
    return "".join(fold(reviewer).split())


def key_of(result: CaseResult, score: Score) -> Key:
    """What a review of this score is about."""
    return Key(result.case, result.repeat, score.scorer, score.criterion)


def machine_status(scores: Iterable[Score]) -> Status:
    """What several scores under one key come to (each twin has one): the worst of them."""
    found = {score.status for score in scores}
    return "failed" if "failed" in found else "unscored" if "unscored" in found else "passed"


def seen(result: CaseResult) -> str:
    """Digest of what a reviewer of a result reads; where it is the same, what was said holds for the other too."""
    turns = [message.content for message in result.inquiry.messages]
    replies = [result.draft.reply if result.draft else ""]
    for push in result.pushes:
        replies += [push.said, push.draft.reply if push.draft else ""]
    return hashlib.sha256("\x00".join([*turns, "\x01", *replies]).encode("utf-8", "replace")).hexdigest()[:16]


@dataclass
class Standing:
    """What people say about one score. Numbers are places in the order things were said."""

    words: dict[str, tuple[int, Review]] = field(default_factory=dict)
    """Person → agree, override or appeal."""
    blind: dict[str, Review] = field(default_factory=dict)
    decision: tuple[int, Review] | None = None
    """The last one that closed appeals."""
    referred: tuple[int, Review] | None = None

    def appeals(self) -> list[Review]:
        """Appeals that wait for somebody, in the order they were made."""
        closed = self.decision[0] if self.decision else -1
        found = [(at, review) for at, review in self.words.values() if review.action == "appeal" and at > closed]
        return [review for _, review in sorted(found, key=lambda pair: pair[0])]

    def passed_on(self) -> str:
        """To whom the open appeals were passed on, and why; empty where the last of them came after that."""
        if self.referred is None:
            return ""
        made = [at for at, review in self.words.values() if review in self.appeals()]
        return self.referred[1].reason if made and max(made) < self.referred[0] else ""

    def appealed(self) -> set[str]:
        """Everybody who has appealed here, decided or not."""
        return {name for name, (_, review) in self.words.items() if review.action == "appeal"}

    def asked(self) -> Literal["passed", "failed"] | None:
        """What the last appeal says the score should be; None where it left that open."""
        found = [pair for pair in self.words.values() if pair[1].action == "appeal"]
        return max(found, key=lambda pair: pair[0])[1].status if found else None

    def word(self) -> Review | None:
        """The last agreement or override."""
        found = [pair for pair in self.words.values() if pair[1].action != "appeal"]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def last(self) -> Review | None:
        """What was settled last: an agreement, an override, or an appeal's decision."""
        found = [pair for pair in self.words.values() if pair[1].action != "appeal"]
        if self.decision is not None:
            found.append(self.decision)
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def majority(self) -> Literal["passed", "failed"] | None:
        """What most blind reviewers say; None where nobody could tell or they are split."""
        passed = sum(one.status == "passed" for one in self.blind.values())
        failed = sum(one.status == "failed" for one in self.blind.values())
        return None if passed == failed else "passed" if passed > failed else "failed"


def standings(reviews: Iterable[Review]) -> dict[Key, Standing]:
    """What people say about every score they spoke of; ``reviews`` in the order they were given."""
    found: dict[Key, Standing] = {}
    for at, review in enumerate(reviews):
        standing = found.setdefault(review.key, Standing())
        if review.lane == "blind":
            standing.blind[person(review.reviewer)] = review
        elif review.lane == "word":
            standing.words[person(review.reviewer)] = at, review
        elif review.action == "referred":
            standing.referred = at, review
        else:
            standing.decision = at, review
    return found


def flipped(status: Status) -> Literal["passed", "failed"]:
    """The other one; what nobody could score counts as failed for whoever says it should not be so."""
    return "failed" if status == "passed" else "passed"


class Settled(NamedTuple):
    """A score as people left it. ``replaced``: somebody said what it is, whatever the machine had said."""

    status: Status
    reason: str
    replaced: bool


def settled_as(machine: Status, standing: Standing) -> Settled | None:
    """A score after people have spoken, and why; None where the machine's stands unconfirmed.

    An agreement confirms it, an override or an upheld appeal replaces it, a rejected appeal leaves what stood. Blind
    reviews count only where the machine could not score; where they contradict it they are something to look at, not
    a decision.
    """
    last, word = standing.last(), standing.word()
    if last is None:
        majority = standing.majority() if machine == "unscored" else None
        reasons = [one.reason for one in standing.blind.values() if one.reason and one.status == majority]
        return Settled(majority, "；".join(reasons), True) if majority else None
    overridden = word.status if word is not None and word.action == "override" else None
    before = overridden or machine
    if last.action == "upheld":
        return Settled(standing.asked() or flipped(before), last.reason, True)
    return Settled(before, last.reason, overridden is not None)


def reviewed(results: Sequence[CaseResult], reviews: Iterable[Review], pass_mark: float) -> list[CaseResult]:
    """The results as people see them (人工复核后); ``Score.machine`` keeps what a replaced score was.

    Args:
        results: as the machine scored them; they are left as they are.
        reviews: of the same run, in the order they were given; those of a reply that is another by now do not count.
        pass_mark: points from which a result passes (``rubric.yaml``).
    """
    from evals.scoring import points_of

    now = {(result.case, result.repeat): seen(result) for result in results}
    said = standings(one for one in reviews if one.seen in ("", now.get((one.case, one.repeat))))
    found = []
    for result in results:
        scores = [_with_people(result, score, said.get(key_of(result, score))) for score in result.scores]
        points, vetoed = points_of(scores)
        passed = result.draft is not None and not vetoed and points is not None and points >= pass_mark
        update = {"scores": scores, "points": points, "vetoed": vetoed, "passed": passed}
        found.append(result.model_copy(update=update))
    return found


def _with_people(result: CaseResult, score: Score, standing: Standing | None) -> Score:
    if standing is None:
        return score
    whole = machine_status(one for one in result.scores if key_of(result, one) == key_of(result, score))
    settled = settled_as(whole, standing)
    if settled is None:
        return score
    status = settled.status if settled.replaced else score.status
    kept = status == score.status
    update = {"status": status, "by": "person", "machine": score.status, "marks": score.marks if kept else []}
    return score.model_copy(update={**update, "reason": settled.reason or (score.reason if kept else "")})
