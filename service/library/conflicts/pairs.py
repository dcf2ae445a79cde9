"""Answers that cannot both hold: of one question, for one case, from one document or two."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations_with_replacement

from service.library.conflicts.cases import Cases
from service.library.conflicts.claims import Claim
from service.library.conflicts.topics import EVERY, Mode, Topic, Topics
from service.library.scope import SHARED
from service.schemas import Authority, DocumentKind

_FORCE: dict[Authority, int] = {"law": 0, "platform": 1, "shop": 2, "guideline": 3}
_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Source:
    """A published document as far as contradictions go."""

    id: str
    version: int
    shop: str
    title: str
    kind: DocumentKind
    authority: Authority
    platform: str | None
    created_at: datetime
    effective_from: datetime | None
    effective_to: datetime | None

    def meets(self, other: Source) -> bool:
        """Whether both can hold for one order at one time: platforms, shops and dates do not rule it out."""
        here, there = (set(one.platform.split("、")) if one.platform else set() for one in (self, other))
        starts = [s for s in (self.effective_from, other.effective_from) if s]
        ends = [e for e in (self.effective_to, other.effective_to) if e]
        shops = {self.shop, other.shop} - {"*"}
        apart = bool(here and there) and here.isdisjoint(there)
        return not apart and len(shops) < 2 and (not starts or not ends or max(starts) < min(ends))


@dataclass(frozen=True, slots=True)
class Said:
    """A claim and the document that makes it. ``says`` is the answer in words."""

    source: Source
    claim: Claim
    quote: str
    says: str


Pair = tuple[Said, Said]


@dataclass(frozen=True, slots=True)
class Clash:
    """A contradiction as a person sees it: one question, two answers, the plainest quote of each side.

    ``left_more`` are the other sentences, of any document, that say what the left one says; ``right_more`` those of
    the right one's document.
    """

    key: str
    topic: str
    asks: str
    left: Said
    right: Said
    left_more: tuple[Said, ...]
    right_more: tuple[Said, ...]
    lawless: tuple[Said, ...]
    """The sentences of the right side that contradict the law itself."""
    keys: frozenset[str]
    """The keys of every pair of quotes in it: a ruling on any of them holds."""
    sure: bool = True

    @property
    def with_law(self) -> bool:
        """Whether the left side is law and the right is below it."""
        return bool(self.lawless)

    @property
    def shops(self) -> frozenset[str]:
        """The shops whose documents these are; ``*`` for all."""
        return frozenset({self.left.source.shop, self.right.source.shop})


def clashes(topics: Topics, said: Iterable[Said]) -> list[Clash]:
    """All contradictions among claims, law first, then by question."""
    by_topic: dict[str, dict[str, list[Said]]] = defaultdict(lambda: defaultdict(list))
    for one in said:
        by_topic[one.claim.topic][one.source.id].append(one)
    found: list[Clash] = []
    for name, documents in by_topic.items():
        topic = topics.topics[name]
        lawful = [one for several in documents.values() for one in several if one.source.authority == "law"]
        pairs: list[tuple[Said, Said]] = []
        for first, second in combinations_with_replacement(sorted(documents), 2):
            pairs += _pairs(topic, documents[first], documents[second], first == second, lawful)
        found += _grouped(topic, pairs)
    return sorted(found, key=lambda c: (not c.with_law, list(topics.topics).index(c.topic), c.left.source.id, c.key))


def lone(topic: str, asks: str, one: Said, other: Said) -> Clash:
    """A contradiction of two sentences that no topic stands behind."""
    left, right = _ordered(one, other)
    key = key_of(topic, left, right)
    return Clash(key, topic, asks, left, right, (), (), (), frozenset({key}), sure=False)


def key_of(topic: str, left: Said, right: Said) -> str:
    """The name of a contradiction: the same for the same two quotes, whatever versions they stand in."""
    sides = sorted(f"{one.source.id}\0{' '.join(one.quote.split())}" for one in (left, right))
    return hashlib.sha256("\0".join((topic, *sides)).encode()).hexdigest()[:24]


def _pairs(
    topic: Topic, first: Sequence[Said], second: Sequence[Said], one_document: bool, lawful: Sequence[Said]
) -> Iterator[tuple[Said, Said]]:
    """Pairs that cannot both hold, the side of greater force on the left."""
    for i, one in enumerate(first):
        for other in second[i + 1 :] if one_document else second:
            if one.claim.start == other.claim.start and one_document:
                continue
            if not one.source.meets(other.source):
                continue
            left, right = _ordered(one, other)
            if _clash(topic, left, right, lawful):
                yield left, right


def _ordered(one: Said, other: Said) -> tuple[Said, Said]:
    def force(said: Said) -> tuple[int, str, int]:
        return _FORCE[said.source.authority], said.source.id, said.claim.start

    return (one, other) if force(one) <= force(other) else (other, one)


def _clash(topic: Topic, left: Said, right: Said, lawful: Sequence[Said]) -> bool:
    if not _differ(topic, left.claim, right.claim):
        return False
    over = _over(topic, (left, right))
    if not _one_case(topic.entry.by, left.claim.cases, right.claim.cases, over):
        return False
    if over:
        return _worse(topic, right.claim, left.claim)
    return not topic.entry.law_only and not any(
        _only_quotes(topic, one, other, lawful) for one, other in ((left, right), (right, left))
    )


def _only_quotes(topic: Topic, one: Said, other: Said, lawful: Sequence[Said]) -> bool:
    """Whether one side only repeats the law, and the other gives the buyer more."""
    return (
        bool(topic.entry.better)
        and _worse(topic, one.claim, other.claim)
        and any(not _differ(topic, one.claim, law.claim) for law in lawful)
    )


def _differ(topic: Topic, one: Claim, other: Claim) -> bool:
    if one.low is not None and one.high is not None and other.low is not None and other.high is not None:
        if one.answer != other.answer:
            return False
        return one.high < other.low - _SAME or other.high < one.low - _SAME
    if one.answer == other.answer:
        return False
    pairs = {frozenset(pair) for pair in topic.entry.clash}
    return not pairs or frozenset((one.answer, other.answer)) in pairs


def _worse(topic: Topic, one: Claim, other: Claim) -> bool:
    """Whether the buyer gets less by ``one``; where answers have no order, any difference counts."""
    better = topic.entry.better
    if better == "more" and one.high is not None and other.high is not None:
        return one.high < other.high - _SAME
    if better == "less" and one.high is not None and other.high is not None:
        return one.high > other.high + _SAME
    ranks = topic.rank(one.answer), topic.rank(other.answer)
    return ranks[0] < ranks[1] if ranks[0] is not None and ranks[1] is not None else True


def _one_case(by: Mapping[str, Mode], left: Cases, right: Cases, over: bool) -> bool:
    """Whether both are about the same case; ``over`` when the left side is a law above the right."""
    for dimension, mode in by.items():
        one, other = left.get(dimension, frozenset()), right.get(dimension, frozenset())
        if one and other:
            if one.isdisjoint(other) and EVERY not in one | other:
                return False
        elif not _unsaid(mode, one, other, over):
            return False
    return True


def _unsaid(mode: Mode, one: frozenset[str], other: frozenset[str], over: bool) -> bool:
    """Whether it is one case although not both say which."""
    if mode == "stated":
        return False
    return mode == "apart" or not (one or other) or (mode == "under" and over and not one)


def _grouped(topic: Topic, pairs: Sequence[Pair]) -> list[Clash]:
    """One contradiction for each document that disagrees with the rest.

    Pairs with the same two answers are one dispute. The answer of the law, or else of more documents, is the left
    side as a whole; every document that answers otherwise is a contradiction of its own.
    """
    disputes: dict[tuple[frozenset[str], frozenset[str]], list[Pair]] = defaultdict(list)
    for left, right in pairs:
        shops = frozenset({left.source.shop, right.source.shop} - {SHARED})
        disputes[frozenset({_answer(left), _answer(right)}), shops].append((left, right))
    found: list[Clash] = []
    for dispute in disputes.values():
        leading = _leading(dispute)
        turned = [pair if _answer(pair[0]) == leading else (pair[1], pair[0]) for pair in dispute]
        for document in sorted({right.source.id for _, right in turned}):
            found.append(_clash_of(topic, [pair for pair in turned if pair[1].source.id == document]))
    return found


def _leading(dispute: Sequence[Pair]) -> str:
    """The answer that stands on the left: the law's, that of more documents, that of greater force, the first."""
    answers: dict[str, list[Said]] = defaultdict(list)
    for said in (one for pair in dispute for one in pair):
        answers[_answer(said)].append(said)

    def order(answer: str) -> tuple[bool, int, int, str, int]:
        several = answers[answer]
        first = min(several, key=lambda said: (said.source.id, said.claim.start))
        force = min(_FORCE[said.source.authority] for said in several)
        documents = len({said.source.id for said in several})
        return force > 0, -documents, force, first.source.id, first.claim.start

    return min(answers, key=order)


def _answer(said: Said) -> str:
    return f"{said.claim.answer} {said.claim.low} {said.claim.high}"


def _clash_of(topic: Topic, group: Sequence[Pair]) -> Clash:
    def plain(pair: Pair) -> tuple[bool, float, str, int, int]:
        left, right = pair
        weight = -(left.claim.weight + right.claim.weight)
        return not _over(topic, pair), weight, left.source.id, left.claim.start, right.claim.start

    left, right = min(group, key=plain)
    lawless = _others(None, (pair[1] for pair in group if _over(topic, pair)))
    return Clash(
        key_of(topic.id, left, right),
        topic.id,
        topic.entry.name,
        left,
        right,
        _others(left, (pair[0] for pair in group)),
        _others(right, (pair[1] for pair in group)),
        lawless,
        frozenset(key_of(topic.id, *pair) for pair in group),
    )


def _over(topic: Topic, pair: Pair) -> bool:
    """Whether the left side is law and the right is below it, in a question the law has a floor for."""
    return bool(topic.entry.better) and pair[0].source.authority == "law" != pair[1].source.authority


def _others(chosen: Said | None, several: Iterable[Said]) -> tuple[Said, ...]:
    """Each sentence once, without the chosen one, in the order of the documents."""
    by_place = {(said.source.id, said.claim.start): said for said in several}
    if chosen is not None:
        by_place.pop((chosen.source.id, chosen.claim.start), None)
    return tuple(by_place[place] for place in sorted(by_place))
