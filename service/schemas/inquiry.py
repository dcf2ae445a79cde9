"""来话: what the desk sends us."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, StrictBool, model_validator

from service.schemas.base import (
    MAX_MESSAGE_CHARS,
    MAX_MESSAGES,
    Days,
    Evidence,
    Facts,
    In,
    Moment,
    Number,
    Shop,
    Text,
    no_switch,
    no_text,
)


class Message(In):
    """One turn. ``kind`` other than text: the content is the caption or transcript; a picture is evidence claimed."""

    role: Literal["customer", "agent"]
    content: Annotated[Text, Field(max_length=MAX_MESSAGE_CHARS)]
    kind: Literal["text", "image", "video", "voice", "card"] = "text"
    at: Moment | None = None


class Order(In):
    """What the shop system knows. Absent and null both mean unknown."""

    platform: Annotated[Text, Field(max_length=60)] | None = None
    category: Annotated[Text, Field(max_length=60)] | None = None
    product: Annotated[Text, Field(max_length=120)] | None = None
    amount: Number | None = None
    quantity: Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(no_switch)] | None = None
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
    max_chars: Annotated[int, Field(ge=40, le=2_000), BeforeValidator(no_text)] = 300


class Beside(In):
    """What stands beside a conversation: the case, and how its reply is wanted."""

    order: Order = Field(default_factory=Order)
    policy: Facts = Field(default_factory=dict)
    shop: Shop = "default"
    context: Context = Field(default_factory=Context)
    now: Moment | None = None
    style: Style = Field(default_factory=Style)
    instruction: Annotated[Text, Field(max_length=500)] | None = None
    explain: StrictBool = False


_A_CUSTOMERS_WORD: dict[str, JsonValue] = {
    "properties": {"role": {"const": "customer"}},
    "anyOf": [
        {"properties": {"content": {"pattern": r"\S"}}},
        {"properties": {"kind": {"not": {"const": "text"}}}, "required": ["kind"]},
    ],
}
_STREAMED_VARIANTS: dict[str, JsonValue] = {
    "properties": {"stream": {"const": True}, "variants": {"minimum": 2}},
    "required": ["stream", "variants"],
}


class Inquiry(Beside):
    """来话: everything one draft is made from.

    That the last message is the customer's no schema can say; the other rules between fields stand in it.
    """

    model_config = ConfigDict(json_schema_extra={"not": _STREAMED_VARIANTS})

    messages: Annotated[
        tuple[Message, ...],
        Field(max_length=MAX_MESSAGES, json_schema_extra={"contains": _A_CUSTOMERS_WORD}),
    ]
    writer: Literal["auto", "model", "playbook"] = "auto"
    variants: Annotated[int, Field(ge=1, le=3), BeforeValidator(no_text)] = 1
    stream: StrictBool = False

    @model_validator(mode="after")
    def _conversation(self) -> Inquiry:
        """A draft answers a customer's last word. The names of these errors are message codes."""
        if not any(m.role == "customer" and (m.content.strip() or m.kind != "text") for m in self.messages):
            raise ValueError("messages_empty")
        if self.messages[-1].role != "customer":
            raise ValueError("last_not_customer")
        if self.stream and self.variants > 1:
            raise ValueError("variants_streamed")
        return self
