"""草稿: what we answer, with everything that backs it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from service.schemas.base import Authority, Category, Emotion, Out, Severity, StepName, Threat, Verdict, WriterKind

DraftState = Literal["open", "superseded", "adopted", "edited", "rejected"]
ClaimWhy = Literal["", "unknown_fact", "bad_value", "not_quoted", "heard_otherwise", "implausible", "no_effect"]


class ClaimOut(Out):
    """One thing a model says it read, with the words it quotes for it.

    ``counted``: it entered the reading. Otherwise ``why`` names what was wrong with it, or that the rules stood by
    the offline reading all the same.
    """

    fact: str
    value: str
    quote: str
    counted: bool
    why: ClaimWhy = ""


class ReadingOut(Out):
    """What was understood, as the API shows it."""

    demands: list[str]
    cause: str
    emotion: Emotion
    confidence: float
    claims: list[ClaimOut] = Field(default_factory=list)


class DemandOut(Out):
    """One demand and what was decided about it."""

    demand: str
    verdict: Verdict
    boundary: str | None = None
    rule: str | None = None
    authority: Authority | None = None
    citation: int | None = None


class Basis(Out):
    """The boundary and rule the main demand's verdict rests on."""

    boundary: str
    name: str
    rule: str | None = None
    authority: Authority | None = None
    citation: int | None = None


class Missing(Out):
    """A fact that would turn the verdict and that nobody has told."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    fact: str
    source: Literal["buyer", "order_system"] = Field(alias="from", serialization_alias="from")
    question: str


class Step(Out):
    """One chat bubble."""

    step: StepName
    text: str
    citations: list[int] = Field(default_factory=list)
    writer: WriterKind = "playbook"


class Citation(Out):
    """A passage a step rests on."""

    id: int
    document_id: str
    title: str
    section: str
    quote: str
    version: int
    authority: Authority


class Derived(Out):
    """A number code worked out, and from what."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    fact: str
    value: float | int | str
    source: str = Field(alias="from", serialization_alias="from")


class Finding(Out):
    """One thing a check found. Offsets are code points of the text as sent."""

    rule: str
    category: Category
    severity: Severity
    start: int
    end: int
    excerpt: str
    reason: str
    suggestion: str | None = None
    step: StepName | None = None


class Advice(Out):
    """Something for the agent to do or know beside the reply; never part of it."""

    kind: Literal["attach", "evidence", "escalate", "grant", "verify", "todo"]
    text: str
    owner: str | None = None
    due: str | None = None


class WriterOut(Out):
    """Who wrote the draft and why not the model, if so."""

    kind: WriterKind
    model: str | None = None
    prompt: str | None = None
    calls: int = 0
    degraded: bool = False
    reason: str | None = None
    trimmed: dict[str, int] = Field(default_factory=dict)
    """What of the material did not fit the prompt: turns and facts left out, passages cut short."""


class Variant(Out):
    """Another wording of the same reply, checked like the first."""

    reply: str
    steps: list[Step]
    findings: list[Finding]
    writer: WriterKind


class SearchOut(Out):
    """How the guidance was looked up; ``degraded``: by words alone, and why."""

    degraded: bool = False
    reason: str | None = None


class Draft(Out):
    """草稿: the reply in steps with everything that backs it."""

    id: str
    created_at: datetime
    shop: str
    reply: str
    verdict: Verdict
    scenario: str
    scenario_name: str
    threat: Threat
    reading: ReadingOut
    demands: list[DemandOut]
    basis: Basis
    missing: list[Missing]
    steps: list[Step]
    citations: list[Citation]
    guidance: list[Citation] = Field(default_factory=list)
    """What the published documents say for a case like this; for the agent, not part of the reply."""
    derived: list[Derived]
    findings: list[Finding]
    variants: list[Variant] = Field(default_factory=list)
    """Other wordings, where the inquiry asked for some."""
    advice: list[Advice]
    notes: str = ""
    """What the model remarks to the agent; checked, never part of the reply."""
    writer: WriterOut
    search: SearchOut = Field(default_factory=SearchOut)
    knowledge_version: str
    state: DraftState = "open"
    """What became of it; everything else stays as it was given out."""
    superseded_by: str | None = None
    """The draft that answered a newer message of the same conversation."""
    usage: dict[str, int] = Field(default_factory=dict)
    timings_ms: dict[str, float] = Field(default_factory=dict)
    explain: dict[str, JsonValue] | None = None


class Event(Out):
    """One event of a draft in the making; the last is ``draft.completed`` with the plain answer."""

    type: Literal["draft.created", "draft.reading", "draft.verdict", "draft.step", "draft.completed", "draft.failed"]
    data: dict[str, JsonValue] = Field(default_factory=dict)
    draft: Draft | None = None
