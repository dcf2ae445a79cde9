"""Between a matter and the model writer: what of it the model is told, and how."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from service.citing import Cited
from service.evidence import EvidenceRules, claimable
from service.matter import Matter
from service.rulebook.facts import FactBook
from service.schemas import Passage
from service.writing.material import Told
from service.writing.model import ModelWriter
from service.writing.page import Page
from service.writing.slots import Brief, Slots, show

BIG = 4_000
"""Characters of a conversation from which on its masking is left to a thread."""
UNDERSTOOD = ("demand", "cause", "emotion", "threat")


class ModelSide:
    """The drafter's model side. One per process; serves one rulebook after another."""

    def __init__(self, writer: ModelWriter, deadline_s: float) -> None:
        self.writer, self.deadline = writer, deadline_s
        self._stable: tuple[FactBook, tuple[str, str]] | None = None

    @property
    def evidence_rules(self) -> EvidenceRules:
        """What the reading prompt says of how far a model's reading counts."""
        words, limits = self.writer.reading_rules
        return EvidenceRules(
            flags={word: value == "true" for word, value in words["yes_no"].items()},
            quote_min=limits["quote_min"],
            rank=limits["rank"],
            flag_rank=limits["flag_rank"],
            claims=limits["claims"],
            common=frozenset(words["common"]["chars"]),
        )

    async def page(self, matter: Matter, *, reads: bool) -> Page:
        """What the model is asked for a matter."""
        brief, inquiry = matter.brief, matter.inquiry
        told = Told(inquiry, matter.ground, _passages(matter.cited), _facts(brief), _understood(matter))
        if sum(len(message.content) for message in inquiry.messages) > BIG:
            material = await asyncio.to_thread(self.writer.material, told)
        else:
            material = self.writer.material(told)
        common, examples = self._common(brief.known.book)
        slots = Slots(brief)
        return Page(
            common=common,
            examples=examples,
            material=material,
            steps=brief.plan.steps,
            verdict=brief.plan.verdict,
            tone=slots.tone,
            address=slots.familiar,
            max_chars=inquiry.style.max_chars,
            reads=reads,
        )

    def _common(self, book: FactBook) -> tuple[str, str]:
        """The stable part of the prompt, worked out once a rulebook."""
        if self._stable is None or self._stable[0] is not book:
            facts: Sequence[Mapping[str, object]] = [
                {"name": fact.name, "note": fact.entry.note, "values": list(fact.entry.values)}
                for fact in claimable(book)
            ]
            self._stable = (book, self.writer.stable(facts))
        return self._stable[1]


def _passages(cited: Cited) -> list[Passage]:
    rules = [
        Passage(
            document_id=citation.document_id,
            title=citation.title,
            section=citation.section,
            text=citation.quote,
            start=0,
            end=len(citation.quote),
            version=citation.version,
            kind="law" if citation.authority == "law" else "guideline",
            authority=citation.authority,
            score=1.0,
        )
        for citation in cited.citations
    ]
    return [*rules, *cited.guidance]


def _facts(brief: Brief) -> dict[str, str]:
    """Facts by the names people use; what the buyer only claims is left to the conversation."""
    facts: dict[str, str] = {}
    for name, value in sorted(brief.known.items()):
        if (
            value.source in ("buyer", "agent")
            or not value.filled
            or brief.known.book.facts[name].entry.id in UNDERSTOOD
        ):
            continue
        shown = show(value)
        if shown:
            facts[name] = f"{shown}{brief.known.book.facts[name].entry.unit}"
    return facts


def _understood(matter: Matter) -> list[str]:
    """What was heard and decided, as the dictionary names it."""
    known = matter.understood.known
    lines = []
    for fact_id in UNDERSTOOD:
        fact = known.book.by_id(fact_id)
        value = known[fact.name].value if fact_id != "demand" else matter.understood.demands
        said = "、".join(value) if isinstance(value, tuple) else str(value or "")
        if said:
            lines.append(f"{fact.name}：{said}")
    return [*lines, f"{matter.brief.scenario_name}：{matter.brief.plan.boundary.entry.name}"]
