"""What a text may state: everything a draft, an order, a policy, a conversation and a stored draft give for it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from service.checks.ground import Ground
from service.rulebook.book import CheckBook, Rulebook
from service.schemas import CheckRequest, Citation, Draft, Inquiry, Order, Step

if TYPE_CHECKING:  # a bare text is checked without any of these: the shell waits
    from service.citing import Cited
    from service.facts import Known
    from service.rulebook.goodsfile import GoodsFile
    from service.writing.slots import Brief

QUOTABLE = frozenset({"law", "platform", "shop"})
"""Authorities whose quoted words are a source for numbers."""
_CHECKED_ON = re.compile(r"^【\w+｜[^】]*】", re.MULTILINE)
"""A paragraph's mark: the day it was checked is no number of the rule's."""
_ARTICLE = re.compile(r"第 ?(?:\d{2,}|[4-9]|[四五六七八九十百][零一二三四五六七八九十百]*) ?条(?:[、，]\d+条?)*")
"""Where a rule stands (第25条) is no number of the rule's: it would be a source for 25 days. Up to three need none."""


def ground_of(brief: Brief, cited: Cited, playbook: Sequence[Step] = ()) -> Ground:
    """What this draft may state: order, records, policy, grants, derivations and the cited rules.

    ``playbook`` are its steps in the playbook's words, which a model's are held against.
    """
    from service.writing.slots import Slots

    inquiry = brief.inquiry
    quotes = _quotes(cited.citations)
    return Ground(
        records=(*_order_texts(inquiry.order), *_records(inquiry), *_known_texts(brief.known), *quotes),
        ordered=_ordered(inquiry.order),
        buyer=tuple(m.content for m in inquiry.messages if m.role == "customer"),
        agent=tuple(m.content for m in inquiry.messages if m.role == "agent"),
        verdict=brief.plan.verdict,
        offers=(*brief.plan.offers, *_granted(brief)),
        planned=brief.plan.steps,
        platform=inquiry.order.platform or "",
        goods=_goods_of(inquiry.order, brief.method.entry.goods),
        max_chars=inquiry.style.max_chars,
        familiar=Slots(brief).familiar,
        playbook=tuple((step.step, step.text) for step in playbook),
        given=True,
    )


def _quotes(citations: Iterable[Citation]) -> list[str]:
    return [_ARTICLE.sub("", _CHECKED_ON.sub("", c.quote)) for c in citations if c.authority in QUOTABLE]


def _granted(brief: Brief) -> list[str]:
    """Demands granted beside the main one: what is said of them is no promise out of turn."""
    return [ruling.demand for ruling in brief.decision.others if ruling.verdict == "reasonable"]


def _records(inquiry: Inquiry) -> list[str]:
    from service.reading import records

    found = [(key.rsplit(".", 1)[-1], text) for key, text in records(inquiry)]
    keys = {key for key, _ in found}
    return [_fact(key, text, keys) for key, text in found]


def _goods_of(order: Order, entry: GoodsFile) -> str:
    """What a reply may call the goods of an order; empty when it does not say."""
    if not order.product and not order.category:
        return ""
    from service.writing.goods import GoodsNames

    name = GoodsNames(entry).name(order.category or "", order.product or "", [])
    return "" if name == entry.fallback else name


def _order_texts(order: Order) -> list[str]:
    texts = list(_ordered(order))
    if order.amount is not None:
        texts.append(f"amount:{order.amount:g}元")
    return texts


def _ordered(order: Order) -> tuple[str, ...]:
    """What the order says of itself: no measure of what is missing, and no term that lies ahead."""
    quantity = f"quantity:{order.quantity}件" if order.quantity is not None else None
    days = f"{order.days_since_received}天" if order.days_since_received is not None else None
    return tuple(text for text in (order.product, order.category, quantity, days) if text)


def _fact(key: str, value: object, keys: Container[str]) -> str:
    """A fact as a text; the digits that only tell its key from others (``备注2`` beside ``备注``) are no number."""
    stem = key.rstrip("0123456789")
    counted = stem != key and (stem in keys or f"{stem}1" in keys)
    return f"{stem if counted else key}：{value}"


def _known_texts(known: Known) -> list[str]:
    from service.writing.slots import show

    texts = []
    for name, value in list(known.items()):
        if value.source != "buyer" and value.filled:
            texts.append(f"{show(value)}{known.book.facts[name].entry.unit}")
    owners = {line for pair in known.shop.escalation.values() for line in (pair.owner, pair.due) if line}
    return [text for text in texts if text] + sorted(owners)


def _derived_texts(draft: Draft, book: CheckBook) -> list[str]:
    """Derived numbers with their units, where the facts that name the units are loaded."""
    if not isinstance(book, Rulebook):
        return []
    return [f"{one.value}{book.facts.by_id(one.fact).entry.unit}" for one in draft.derived]


def _offers_of(draft: Draft, book: CheckBook) -> tuple[str, ...]:
    """What a stored draft might offer: its boundary's offers, and demands granted beside the main one."""
    if not isinstance(book, Rulebook):
        return ()
    row = next((row for row in book.boundaries if row.id == draft.basis.boundary), None)
    demands = book.facts.by_id("demand").entry.values
    names = {value.id: name for name, value in demands.items()}
    granted = [names[one.demand] for one in draft.demands if one.verdict == "reasonable" and one.demand in names]
    return (*(row.entry.offer if row else ()), *granted)


def ground_of_request(request: CheckRequest, stored: tuple[Draft, Inquiry] | None, book: CheckBook) -> Ground:
    """What a text sent for a check may state; nothing but itself when only the text was sent."""
    ground = Ground()
    if stored is not None:
        draft, inquiry = stored
        ground = Ground(
            records=(
                *_order_texts(inquiry.order),
                *_records(inquiry),
                *_derived_texts(draft, book),
                *_quotes(draft.citations),
                *(step.text for step in draft.steps),
            ),
            ordered=_ordered(inquiry.order),
            buyer=tuple(m.content for m in inquiry.messages if m.role == "customer"),
            agent=tuple(m.content for m in inquiry.messages if m.role == "agent"),
            verdict=draft.verdict,
            offers=_offers_of(draft, book),
            planned=tuple(step.step for step in draft.steps),
            platform=inquiry.order.platform or "",
            goods=_goods_of(inquiry.order, book.goods),
            max_chars=inquiry.style.max_chars,
            given=True,
        )
    if request.order is not None:
        facts = (_fact(key, value, request.order.facts) for key, value in request.order.facts.items())
        goods = _goods_of(request.order, book.goods) or ground.goods
        records = (*ground.records, *_order_texts(request.order), *facts)
        platform = request.order.platform or ground.platform
        ordered = (*ground.ordered, *_ordered(request.order))
        ground = replace(ground, records=records, ordered=ordered, goods=goods, platform=platform, given=True)
    if request.policy is not None:
        policy = (_fact(key, value, request.policy) for key, value in request.policy.items())
        ground = replace(ground, records=(*ground.records, *policy), given=True)
    if request.messages is not None:
        buyer = tuple(m.content for m in request.messages if m.role == "customer")
        agent = tuple(m.content for m in request.messages if m.role == "agent")
        ground = replace(ground, buyer=(*ground.buyer, *buyer), agent=(*ground.agent, *agent), given=True)
    if request.verdict is not None:
        ground = replace(ground, verdict=request.verdict)
    return ground
