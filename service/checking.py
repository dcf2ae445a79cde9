"""All checks together: over a draft in the making, and over any text somebody wants to send."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from service.checks.ground import Ground
from service.checks.grounding import check_grounding
from service.checks.leaks import check_leaks
from service.checks.length import check_length, check_reach
from service.checks.method import check_method
from service.checks.phrases import check_phrases
from service.checks.privacy import check_privacy
from service.rulebook.book import CheckBook, Rulebook
from service.schemas import CheckRequest, CheckResult, Draft, Finding, Inquiry, Order, Step, StepIn, StepName
from service.text.normalise import normalise
from service.text.segment import PAUSES, sentences

if TYPE_CHECKING:  # a bare text is checked without any of these: the shell waits
    from service.citing import Cited
    from service.facts import Known
    from service.rulebook.goodsfile import GoodsFile
    from service.writing.playbook import Playbook
    from service.writing.slots import Brief

WINDOW = 600
"""Characters checked at once; a reply is shorter."""
UNPAUSED = 200
"""Characters without a pause that are checked at once where a sentence does not fit: nobody writes so."""
ENOUGH = 50
"""Findings after which a text is not looked at further."""
QUOTABLE = frozenset({"law", "platform", "shop"})
"""Authorities whose quoted words are a source for numbers."""


@dataclass
class Settled:
    """Steps that passed, and what was found on them."""

    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    no_safe_draft: bool = False


class Checker:
    """Runs the checks of one rulebook."""

    def __init__(self, rulebook: CheckBook) -> None:
        self.rulebook = rulebook

    def settle(
        self, brief: Brief, steps: list[Step], ground_steps: list[Step], cited: Cited, playbook: Playbook
    ) -> Settled:
        """Keep the steps that pass; replace one that does not by the playbook's, then by its last bullet.

        If even that fails, nothing is given out: no steps, and ``no_safe_draft``.
        """
        ground = ground_of(brief, cited)
        findings = self._reply(steps, ground)
        if not _blocks(findings):
            return Settled(steps, findings)
        spare = {step.step: step for step in ground_steps}
        settled = Settled()
        for step in steps:
            candidates = [step]
            if step.writer != "playbook" and step.step in spare:
                candidates.append(spare[step.step])
            candidates.append(Step(step=step.step, text=playbook.last(brief, step.step), writer="playbook"))
            passed = next((c for c in candidates if c.text and not _blocks(self.text(c.text, ground))), None)
            if passed is None:
                return Settled(no_safe_draft=True)
            settled.steps.append(passed)
        settled.findings = self._reply(settled.steps, ground)
        if _blocks(settled.findings):
            last = [Step(step=s.step, text=playbook.last(brief, s.step), writer="playbook") for s in settled.steps]
            findings = self._reply(last, ground)
            return Settled(no_safe_draft=True) if _blocks(findings) else Settled(last, findings)
        return settled

    def text(self, text: str, ground: Ground) -> list[Finding]:
        """Every check that looks at words alone, in text order.

        A long text is checked window by window, cut at sentence ends where it has any, so that work grows with its
        length only. Beyond ``checked_chars`` (``knowledge/checks.yaml``) nothing is read: one blocking finding says so.
        A text with ``ENOUGH`` findings is bad enough: the windows after the one that brought their number there are not
        looked at by any check of words (it is blocked or warned of by what was found; ``too_long`` is told besides).
        """
        found: list[Finding] = []
        rules = self.rulebook.checkrules
        for start, end in _windows(text[: rules.entry.checked_chars]):
            for finding in self._window(text[start:end], ground):
                place = {"start": finding.start + start, "end": finding.end + start}
                found.append(finding.model_copy(update=place) if start else finding)
            if len(found) >= ENOUGH:
                break
        return [*found, *check_reach(text, rules)]

    def _window(self, text: str, ground: Ground) -> list[Finding]:
        rules = self.rulebook.checkrules
        norm = normalise(text)
        found = [
            *check_phrases(
                norm, self.rulebook.forbidden, customer_quotes=ground.buyer, ground=ground, checkrules=rules
            ),
            *check_grounding(norm, ground, rules),
            *check_leaks(norm, rules),
            *check_privacy(norm, ground, rules),
        ]
        return sorted(found, key=lambda finding: (finding.start, finding.end))

    def _reply(self, steps: Sequence[Step], ground: Ground) -> list[Finding]:
        """Findings on the whole reply, with the step each lies in."""
        reply = "\n".join(step.text for step in steps)
        rules = self.rulebook.checkrules
        found = [*self.text(reply, ground), *check_length(reply, ground, rules)]
        return [*_located(found, steps), *check_method(steps, ground, rules)]

    def check(self, request: CheckRequest, stored: tuple[Draft, Inquiry] | None) -> CheckResult:
        """Any text against everything that is known of its case."""
        ground = _ground_of_request(request, stored, self.rulebook)
        found = self._found(request.text, request.steps, ground)
        result = CheckResult(passed=not _blocks(found), findings=found)
        return self._repaired(request, ground, result) if request.repair else result

    def _found(self, text: str, steps: Sequence[StepIn] | None, ground: Ground) -> list[Finding]:
        """Findings on a text, and on the steps it is made of where there is a case to hold them against."""
        rules = self.rulebook.checkrules
        found = [*self.text(text, ground), *check_length(text, ground, rules)]
        if steps and ground.given:
            return [*_located(found, steps), *check_method(steps, ground, rules)]
        return found

    def _repaired(self, request: CheckRequest, ground: Ground, result: CheckResult) -> CheckResult:
        """The result with the text rewritten, or with the reason why a person has to write."""
        from service.checks.repair import left, repair  # only who asks for it pays for it

        if result.passed:
            return result.model_copy(update={"repaired": request.text})
        done = repair(request.text, lambda text: self.text(text, ground), self.rulebook.forbidden)
        text, reason = done.text, done.reason
        if text is not None and request.steps:
            still = [f for f in self._found(text, done.steps(request.steps), ground) if f.severity == "block"]
            text, reason = (None, left(still)) if still else (text, None)
        changes = done.changes if text is not None else []
        return result.model_copy(update={"repaired": text, "changes": changes, "repair_reason": reason})


def _windows(text: str) -> list[tuple[int, int]]:
    """Spans of at most ``WINDOW`` characters that cover the text."""
    if len(text) <= WINDOW:
        return [(0, len(text))]
    windows: list[tuple[int, int]] = []
    start = 0
    for _, end in [*sentences(text), (0, len(text))]:
        while end - start > WINDOW:
            stop = _pause(text, start)
            windows.append((start, stop))
            start = stop
        if end - start > WINDOW // 2 or end == len(text):
            windows.append((start, end))
            start = end
    return [(a, b) for a, b in windows if a < b]


def _pause(text: str, start: int) -> int:
    """Where a sentence longer than a window is cut: behind its last pause in there, or where one was long due."""
    last = max(text.rfind(pause, start, start + WINDOW) for pause in PAUSES)
    return last + 1 if last >= start + UNPAUSED // 2 else start + UNPAUSED


def _blocks(findings: Sequence[Finding]) -> bool:
    return any(finding.severity == "block" for finding in findings)


def _located(findings: Sequence[Finding], steps: Sequence[Step | StepIn]) -> list[Finding]:
    ends: list[tuple[int, StepName]] = []
    place = 0
    for step in steps:
        place += len(step.text) + 1
        ends.append((place, step.step))
    return [
        finding.model_copy(update={"step": next((name for end, name in ends if finding.start < end), None)})
        for finding in findings
    ]


def ground_of(brief: Brief, cited: Cited) -> Ground:
    """What this draft may state: order, records, policy, grants, derivations and the cited rules."""
    inquiry = brief.inquiry
    quotes = [c.quote for c in cited.citations if c.authority in QUOTABLE]
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
        given=True,
    )


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
    if order.days_since_received is not None:
        texts.append(f"{order.days_since_received}天")
    return texts


def _ordered(order: Order) -> tuple[str, ...]:
    """What the order says of itself: no measure of what is missing."""
    quantity = f"quantity:{order.quantity}件" if order.quantity is not None else None
    return tuple(text for text in (order.product, order.category, quantity) if text)


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


def _ground_of_request(request: CheckRequest, stored: tuple[Draft, Inquiry] | None, book: CheckBook) -> Ground:
    ground = Ground()
    if stored is not None:
        draft, inquiry = stored
        ground = Ground(
            records=(
                *_order_texts(inquiry.order),
                *_records(inquiry),
                *_derived_texts(draft, book),
                *(c.quote for c in draft.citations if c.authority in QUOTABLE),
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
