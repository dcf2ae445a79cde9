"""From what was decided and written to the answer the contract promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from service.checking import Settled
from service.citing import Cited
from service.composed import Composed
from service.facts import Known
from service.judging import Considered, Decision, Ruling
from service.matter import Matter
from service.rulebook.boundaries import AdviceLine
from service.rulebook.conditions import Value
from service.rulebook.methodfile import Method
from service.schemas import (
    Advice,
    Basis,
    Citation,
    DemandOut,
    Derived,
    Draft,
    Event,
    Missing,
    ReadingOut,
    Step,
)
from service.writing.slots import Brief, Slots, render

RESTS_ON_RULE = frozenset({"rule", "solution", "question"})
"""Steps that state what the basis says and so carry its citation."""


@dataclass(frozen=True)
class Assembled:
    """All parts of a finished draft."""

    id: str
    created_at: datetime
    composed: Composed
    timings: dict[str, float]


def reading_out(matter: Matter) -> ReadingOut:
    """What was understood in the API's ids, with what a model claimed to have read."""
    understood = matter.understood
    known, book = understood.known, understood.known.book
    demand, cause, emotion = book.by_id("demand"), book.by_id("cause"), book.by_id("emotion")
    causes = known[cause.name].value
    first = causes[0] if isinstance(causes, tuple) else str(cause.entry.silent)
    return ReadingOut(
        demands=[demand.entry.values[name].id for name in understood.demands],
        cause=cause.entry.values[first].id,
        emotion=emotion.entry.values[str(known[emotion.name].value)].id,
        confidence=understood.confidence,
        claims=list(matter.claims),
    )


def verdict_out(matter: Matter) -> dict[str, JsonValue]:
    """The ``draft.verdict`` event's data."""
    brief, known = matter.brief, matter.brief.known
    main = brief.decision.main
    return {
        "verdict": main.verdict,
        "scenario": main.boundary.entry.scenario,
        "boundary": main.boundary.id,
        "threat": _threat(known),
        "steps": list(brief.plan.steps),
        "missing": [one.model_dump(mode="json", by_alias=True) for one in _missing(main, known, brief.method)],
    }


def told_again(draft: Draft) -> list[Event]:
    """The events of a draft that was made before, as if it were made now."""
    verdict = {
        "verdict": draft.verdict,
        "scenario": draft.scenario,
        "boundary": draft.basis.boundary,
        "threat": draft.threat,
        "steps": [step.step for step in draft.steps],
        "missing": [one.model_dump(mode="json", by_alias=True) for one in draft.missing],
    }
    return [
        Event(type="draft.created", data={"id": draft.id, "created_at": draft.created_at.isoformat()}),
        Event(type="draft.reading", data=draft.reading.model_dump(mode="json")),
        Event(type="draft.verdict", data=verdict),
        *(Event(type="draft.step", data=step.model_dump(mode="json")) for step in draft.steps),
        Event(type="draft.completed", draft=draft),
    ]


def assemble(made: Assembled, knowledge_version: str) -> Draft:
    """The draft as the contract has it."""
    composed, matter = made.composed, made.composed.matter
    brief, known, cited, settled = matter.brief, matter.brief.known, matter.cited, composed.settled
    main = brief.decision.main
    steps = [_with_citation(step, cited) for step in settled.steps]
    guidance = _guidance(cited)
    named = {number for step in steps for number in step.citations}
    return Draft(
        id=made.id,
        created_at=made.created_at,
        shop=brief.inquiry.shop,
        reply="\n".join(step.text for step in steps),
        verdict=main.verdict,
        scenario=main.boundary.entry.scenario,
        scenario_name=brief.scenario_name,
        threat=_threat(known),
        reading=reading_out(matter),
        demands=[_demand(ruling, cited, known) for ruling in (*brief.decision.others, main)],
        basis=_basis(main, cited),
        missing=_missing(main, known, brief.method),
        steps=steps,
        citations=[*cited.citations, *(one for one in guidance if one.id in named)],
        guidance=[one for one in guidance if one.id not in named],
        derived=_derived(known),
        findings=settled.findings,
        variants=composed.variants,
        advice=_advice(brief, settled),
        notes=composed.notes,
        writer=composed.writer,
        search=cited.search,
        knowledge_version=knowledge_version,
        usage=composed.usage,
        timings_ms=made.timings,
    )


def _with_citation(step: Step, cited: Cited) -> Step:
    if step.step in RESTS_ON_RULE and cited.basis is not None and not step.citations:
        return step.model_copy(update={"citations": [cited.basis]})
    return step


def _threat(known: Known) -> str:
    threat = known.book.by_id("threat")
    return threat.entry.values[str(known[threat.name].value)].id


def _rule(ruling: Ruling, cited: Cited) -> dict[str, Any]:
    name = ruling.boundary.entry.rule.partition("#")[0]
    number = next((c.id for c in cited.citations if c.document_id == name), None)
    authority = cited.documents.get(name, ruling.boundary.authority)
    return {"rule": name or None, "authority": authority, "citation": number}


def _demand(ruling: Ruling, cited: Cited, known: Known) -> DemandOut:
    demand = known.book.by_id("demand").entry.values[ruling.demand].id
    return DemandOut(demand=demand, verdict=ruling.verdict, boundary=ruling.boundary.id, **_rule(ruling, cited))


def _basis(main: Ruling, cited: Cited) -> Basis:
    return Basis(boundary=main.boundary.id, name=main.name, **_rule(main, cited))


def _missing(main: Ruling, known: Known, method: Method) -> list[Missing]:
    if main.verdict != "needs_clarification":
        return []
    facts = known.book.facts
    return [
        Missing(
            fact=facts[name].entry.id,
            source=facts[name].entry.ask_from,
            question=facts[name].entry.ask or method.entry.confirm,
        )
        for name in main.ask
    ]


def _guidance(cited: Cited) -> list[Citation]:
    return [
        Citation(
            id=len(cited.citations) + number,
            document_id=passage.document_id,
            title=passage.title,
            section=passage.section,
            quote=passage.text,
            version=passage.version,
            authority=passage.authority,
        )
        for number, passage in enumerate(cited.guidance, start=1)
    ]


def _derived(known: Known) -> list[Derived]:
    found = []
    for name, value in list(known.items()):
        fact = known.book.facts[name]
        if fact.terms and value.filled and isinstance(value.value, float):
            source = " ".join(
                part if isinstance(term, float) else f"{'' if not i else ('- ' if sign < 0 else '+ ')}{part}"
                for i, (sign, term) in enumerate(fact.terms)
                for part in (known.book.facts[term].entry.id if isinstance(term, str) else f"{term:g}",)
            )
            number = int(value.value) if value.value.is_integer() else value.value
            found.append(Derived(fact=fact.entry.id, value=number, source=source))
    return found


def _advice(brief: Brief, checked: Settled) -> list[Advice]:
    known, entry, words = brief.known, brief.plan.boundary.entry, brief.method.entry.advice
    advice: list[Advice] = []
    if checked.no_safe_draft:
        owner = known.shop.owner()
        advice.append(
            Advice(kind="escalate", text=words["no_safe_draft"], owner=owner.owner or None, due=owner.due or None)
        )
    if entry.person:
        owner = known.shop.owner(entry.topic)
        advice.append(Advice(kind="escalate", text=entry.person, owner=owner.owner or None, due=owner.due or None))
    slots = Slots(brief)
    for line, when in zip(entry.advice, brief.plan.boundary.advice_when, strict=True):
        due = line.kind != "todo" or entry.verdict == brief.plan.verdict  # nothing is to be done before it is decided
        if due and when.test(known).value and (text := render(line.text, slots)):
            advice.append(_line(line, text, known))
    for lifted in known.lifted:
        filled = {"name": lifted.name, "written": f"{lifted.written:g}", "floor": f"{lifted.floor:g}"}
        advice.append(Advice(kind="verify", text=words["lifted"].format_map(filled)))
    for name, value in list(known.items()):
        if value.disputed and (said := brief.known.reading.newest(name, "buyer")):
            filled = {"name": name, "record": value.quote, "claim": said[-1].quote}
            advice.append(Advice(kind="verify", text=words["disputed"].format_map(filled)))
    return advice


def _line(line: AdviceLine, text: str, known: Known) -> Advice:
    owner = known.shop.owner(line.topic) if line.kind == "escalate" else None
    return Advice(
        kind=line.kind,
        text=text,
        owner=(owner.owner or None) if owner else None,
        due=(owner.due or None) if owner else None,
    )


def _conditions(row: Considered, known: Known) -> list[JsonValue]:
    when = row.boundary.when
    parts = zip(when.sources, when.parts, strict=True)
    return [{"condition": text, "holds": part.test(known).value} for text, part in parts]


def explain(decision: Decision, known: Known, cited: Cited) -> dict[str, JsonValue]:
    """How each condition of each row came out, and where every fact came from."""
    rulings: list[JsonValue] = []
    demand = known.book.by_id("demand").name
    for ruling in (*decision.others, decision.main):
        known[demand] = Value(ruling.demand, source="buyer")
        rows: list[JsonValue] = [
            {
                "boundary": row.boundary.id,
                "chapter": row.boundary.chapter,
                "holds": row.truth.value,
                "conditions": _conditions(row, known),
                "unknown": [*sorted(row.truth.because)],
            }
            for row in ruling.considered
        ]
        rulings.append({"demand": ruling.demand, "boundary": ruling.boundary.id, "rows": rows})
    facts: dict[str, JsonValue] = {
        name: {
            "value": "、".join(value.value) if isinstance(value.value, tuple) else value.value,
            "unknown": value.unknown,
            "source": value.source,
            "quote": value.quote,
            "disputed": value.disputed,
        }
        for name, value in sorted(known.items())
        if value.filled or value.unknown or value.source != "silent"
    }
    heard: list[JsonValue] = [
        {
            "fact": one.fact,
            "value": one.value,
            "speaker": one.speaker,
            "quote": one.quote,
            "message": one.message,
            "start": one.start,
            "end": one.end,
            "key": one.key or None,
            "like": one.like or None,
        }
        for one in known.reading.heard
    ]
    guidance: list[JsonValue] = [f"{p.document_id} · {p.section}" for p in cited.guidance]
    return {"rulings": rulings, "facts": facts, "heard": heard, "guidance": guidance}
