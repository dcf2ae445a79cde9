"""The contract's shapes: what comes in, what goes out. Names are fixed; unknown fields are errors."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    model_validator,
)

Verdict = Literal["reasonable", "unreasonable", "needs_clarification"]
Threat = Literal["none", "bad_review", "platform_complaint", "exposure", "legal"]
Emotion = Literal["calm", "angry", "hostile", "disappointed", "confused", "anxious", "pleading", "sarcastic"]
Authority = Literal["law", "platform", "shop", "guideline"]
StepName = Literal["empathy", "rule", "alternative", "firmness", "closing", "solution", "question"]
Category = Literal[
    "demeaning",
    "vague",
    "blame_shifting",
    "over_apology",
    "unauthorized_promise",
    "flat_refusal",
    "method",
    "grounding",
    "law",
    "red_line",
    "privacy",
    "leak",
    "length",
]
Severity = Literal["block", "warn"]
WriterKind = Literal["model", "playbook"]
Evidence = Literal["none", "photo", "video", "inspection_report"]
DocumentKind = Literal["law", "platform", "shop", "guideline", "scenario"]

MAX_MESSAGES = 200
MAX_MESSAGE_CHARS = 8_000
MAX_TEXT_CHARS = 50_000
MAX_FACT_KEYS = 100
MAX_FACT_CHARS = 4_000


class In(BaseModel):
    """Base of what callers send: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """Base of what we answer."""

    model_config = ConfigDict(extra="forbid")


def _no_surrogates(value: Any) -> Any:
    """Refuse lone surrogates: JSON can carry them, UTF-8 cannot, and no database could store them."""
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("contains a lone surrogate")
    return value


Text = Annotated[str, BeforeValidator(_no_surrogates)]
Shop = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Number = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False, strict=False)]
Days = Annotated[int, Field(ge=0, le=36_500)]


def _bounded(facts: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(facts) > MAX_FACT_KEYS:
        raise ValueError(f"more than {MAX_FACT_KEYS} keys")
    for key, value in facts.items():
        if len(key) > 200 or len(str(value)) > MAX_FACT_CHARS:
            raise ValueError(f"key {key[:40]!r} or its value is longer than {MAX_FACT_CHARS} characters")
        _no_surrogates(key)
        _no_surrogates(str(value))
    return facts


Facts = Annotated[dict[str, JsonValue], AfterValidator(_bounded)]


class Message(In):
    """One turn. ``kind`` other than text: the content is the caption or transcript; a picture is evidence claimed."""

    role: Literal["customer", "agent"]
    content: Annotated[Text, Field(max_length=MAX_MESSAGE_CHARS)]
    kind: Literal["text", "image", "video", "voice", "card"] = "text"
    at: datetime | None = None


class Order(In):
    """What the shop system knows. Absent and null both mean unknown."""

    platform: Annotated[Text, Field(max_length=60)] | None = None
    category: Annotated[Text, Field(max_length=60)] | None = None
    product: Annotated[Text, Field(max_length=120)] | None = None
    amount: Number | None = None
    quantity: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    received: StrictBool | None = None
    days_since_received: Days | None = None
    opened: StrictBool | None = None
    used: StrictBool | None = None
    activated: StrictBool | None = None
    customized: StrictBool | None = None
    second_hand: StrictBool | None = None
    defect_evidence: Evidence | None = None
    exclusion_confirmed: StrictBool | None = None
    facts: Facts = Field(default_factory=dict)


class Context(In):
    """Who is asking. ``role`` decides whose grants apply."""

    conversation: Annotated[Text, Field(max_length=128)] | None = None
    buyer: Annotated[Text, Field(max_length=128)] | None = None
    operator: Annotated[Text, Field(max_length=128)] | None = None
    role: Literal["agent", "lead", "manager"] = "agent"


class Style(In):
    """Register and size of the reply, in characters."""

    tone: Literal["warm", "neutral", "formal"] | None = None
    max_chars: Annotated[int, Field(ge=40, le=2_000)] = 300


class Inquiry(In):
    """来话: everything one draft is made from."""

    messages: Annotated[tuple[Message, ...], Field(max_length=MAX_MESSAGES)]
    order: Order = Field(default_factory=Order)
    policy: Facts = Field(default_factory=dict)
    shop: Shop = "default"
    context: Context = Field(default_factory=Context)
    now: datetime | None = None
    style: Style = Field(default_factory=Style)
    instruction: Annotated[Text, Field(max_length=500)] | None = None
    writer: Literal["auto", "model", "playbook"] = "auto"
    stream: StrictBool = False
    explain: StrictBool = False

    @model_validator(mode="after")
    def _conversation(self) -> Inquiry:
        """A draft answers a customer's last word. The names of these errors are message codes."""
        if not any(m.role == "customer" and (m.content.strip() or m.kind != "text") for m in self.messages):
            raise ValueError("messages_empty")
        if self.messages[-1].role != "customer":
            raise ValueError("last_not_customer")
        return self


class ReadingOut(Out):
    """What was understood, as the API shows it."""

    demands: list[str]
    cause: str
    emotion: Emotion
    confidence: float


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
    advice: list[Advice]
    writer: WriterOut
    knowledge_version: str
    usage: dict[str, int] = Field(default_factory=dict)
    timings_ms: dict[str, float] = Field(default_factory=dict)
    explain: dict[str, JsonValue] | None = None


class Event(Out):
    """One event of a draft in the making; the last is ``draft.completed`` with the plain answer."""

    type: Literal["draft.created", "draft.reading", "draft.verdict", "draft.step", "draft.completed", "draft.failed"]
    data: dict[str, JsonValue] = Field(default_factory=dict)
    draft: Draft | None = None


class StepIn(In):
    """A step of a text to be checked."""

    step: StepName
    text: Annotated[Text, Field(max_length=MAX_TEXT_CHARS)]


class CheckRequest(In):
    """A text to check; ``draft`` supplies the rest from a stored draft."""

    text: Annotated[Text, Field(min_length=1, max_length=MAX_TEXT_CHARS)]
    draft: Annotated[str, Field(max_length=64)] | None = None
    steps: Annotated[list[StepIn], Field(max_length=20)] | None = None
    verdict: Verdict | None = None
    messages: Annotated[tuple[Message, ...], Field(max_length=MAX_MESSAGES)] | None = None
    order: Order | None = None
    policy: Facts | None = None
    shop: Shop = "default"


class CheckResult(Out):
    """``passed`` is false when anything blocks."""

    passed: bool
    findings: list[Finding]


EntityType = Literal[
    "phone",
    "landline",
    "id_card",
    "bank_card",
    "address",
    "name",
    "email",
    "wechat",
    "qq",
    "order_no",
    "tracking_no",
    "plate",
    "passport",
]


class MaskRequest(In):
    """A text whose personal data is to be masked."""

    text: Annotated[Text, Field(max_length=MAX_TEXT_CHARS)]


class Entity(Out):
    """One piece of personal data. Offsets are code points of the text as sent."""

    type: EntityType
    start: int
    end: int
    alias: str


class MaskResult(Out):
    """The text with aliases in place of personal data."""

    masked: str
    entities: list[Entity]


class SearchRequest(In):
    """A search over published passages."""

    query: Annotated[Text, Field(min_length=1, max_length=2_000)]
    k: Annotated[int, Field(ge=1, le=100)] = 5
    kinds: list[DocumentKind] | None = None
    documents: Annotated[list[str], Field(max_length=500)] | None = None
    shop: Shop | None = None
    platform: Annotated[Text, Field(max_length=60)] | None = None
    category: Annotated[Text, Field(max_length=60)] | None = None
    at: datetime | None = None


class Passage(Out):
    """引文: a retrieved piece. ``start``/``end`` are code points of the document's cleaned text."""

    document_id: str
    title: str
    section: str
    text: str
    start: int
    end: int
    version: int
    kind: DocumentKind
    authority: Authority
    score: float
    held: bool = False


class SearchResult(Out):
    """Passages, best first."""

    passages: list[Passage]


class DocumentIngested(Out):
    """What an upload became."""

    id: str
    version: int
    state: Literal["draft", "published", "retired"]
    chunks: int
    held: int
    warnings: list[str]


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[dict[str, str]] = Field(default_factory=list)
