"""Cases (``evals/cases/**/*.yaml``): one inquiry each, what must come of it, and twins that say what may change.

Twins are metamorphic tests: change one thing, say what must stay the same and what must move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from service.errors import phrase
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml
from service.schemas import Inquiry, Order, StepName, Threat, Verdict

CASES = Path(__file__).with_name("cases")
TYPED = frozenset(Order.model_fields)
WORDED = frozenset({"platform", "category", "product"})
"""Fields of an order that are words, whatever they look like."""
NOTHING = frozenset({"null", "~", ""})
"""How YAML writes that nothing is known."""


class InquiryFile(StrictModel):
    """An inquiry as a case writes it: turns are ``customer: …`` or ``agent: …``; typed and free order keys mixed."""

    messages: list[dict[Literal["customer", "agent"], str]] = Field(min_length=1)
    order: dict[str, str] = Field(default_factory=dict)
    policy: dict[str, str] = Field(default_factory=dict)
    shop: str = "default"

    def build(self) -> Inquiry:
        """The inquiry as the API would get it."""
        typed = {key: value for key, value in self.order.items() if key in TYPED}
        facts = {key: value for key, value in self.order.items() if key not in TYPED}
        turns = [{"role": role, "content": text} for turn in self.messages for role, text in turn.items()]
        order: dict[str, Any] = {key: _typed(key, value) for key, value in typed.items()}
        order["facts"] = {key: _scalar(value) for key, value in facts.items()}
        policy = {key: _scalar(value) for key, value in self.policy.items()}
        whole = {"messages": turns, "order": order, "policy": policy, "shop": self.shop, "writer": "playbook"}
        return Inquiry.model_validate(whole)


class Expect(StrictModel):
    """What must come of the inquiry; unset means: not checked."""

    verdict: Verdict
    scenario: str | None = None
    threat: Threat | None = None
    steps: list[StepName] | None = None
    sources: list[str] = Field(default_factory=list)
    numbers: list[float] | None = None
    """Numbers above 3 a reply may hold; the order's own are always allowed."""


class Twin(StrictModel):
    """The same case with one thing changed."""

    say: str | None = None
    order: dict[str, str] = Field(default_factory=dict)
    forget: str | None = None
    """A fact's name: its order field is left out."""
    drop: str | None = None
    """An order key that is left out."""
    same: list[Literal["verdict", "offer", "scenario", "steps"]] = Field(default_factory=list)
    verdict: Verdict | None = None
    threat: Threat | None = None
    asks: str | None = None


class Criterion(StrictModel):
    """One plain sentence a reply must, or must not, live up to.

    Written as the sentence alone, as ``sentence: veto``, or as ``sentence: {says: [...], scorer: …, weight: 2}``.
    """

    text: str = Field(min_length=2, max_length=200)
    weight: Annotated[float, Field(gt=0, le=20)] | None = None
    veto: bool = False
    says: list[str] = Field(default_factory=list)
    """Scored by rule: one of these stands in the reply, however it is written (full width, traditional, spaced)."""
    scorer: str = ""
    """Scored by rule: what this scorer of the rubric finds is what the sentence means."""

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"text": value}
        if isinstance(value, dict) and len(value) == 1 and "text" not in value:
            ((text, more),) = value.items()
            if more in ("veto", ""):
                return {"text": text, "veto": more == "veto"}
            return {"text": text, **more} if isinstance(more, dict) else {"text": text, "weight": more}
        return value


class CaseFile(StrictModel):
    """One case as QA writes it."""

    id: str
    name: str
    source: str = Field(alias="from")
    tags: list[str] = Field(default_factory=list)
    inquiry: InquiryFile
    expect: Expect
    decisive: list[str] = Field(default_factory=list)
    """The facts that decide it, as its writer put them."""
    must: list[Criterion] = Field(default_factory=list)
    must_not: list[Criterion] = Field(default_factory=list)
    pushes: list[str] = Field(default_factory=list)
    """A ladder: what the buyer says next, each time after the draft's own reply; the offer must not rise."""
    twins: list[Twin] = Field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """A case and where it stands."""

    entry: CaseFile
    file: YamlFile

    @property
    def inquiry(self) -> Inquiry:
        """The inquiry as the API would get it."""
        return self.entry.inquiry.build()

    def twin(self, twin: Twin, forget_field: str | None) -> Inquiry:
        """The inquiry with the twin's change; ``forget_field`` is the order field of the forgotten fact."""
        changed = self.entry.inquiry.model_copy(deep=True)
        order = {**changed.order, **twin.order}
        for key in (forget_field, twin.drop):
            order.pop((key or "").removeprefix("facts."), None)
        messages = list(changed.messages)
        if twin.say is not None:
            messages[-1] = {"customer": twin.say}
        return changed.model_copy(update={"order": order, "messages": messages}).build()


def _typed(field: str, text: str) -> JsonValue:
    """An order's own field: a platform called 1688 is a name, not a number."""
    return (text if text not in NOTHING else None) if field in WORDED else _scalar(text)


def _scalar(text: str) -> JsonValue:
    """YAML scalars arrive as typed text; an order's numbers and truths must be what JSON would make of them."""
    if text in ("true", "false"):
        return text == "true"
    if text in NOTHING:
        return None
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text


def load_cases(folder: Path = CASES) -> Iterator[Case]:
    """All cases, in file order.

    Raises:
        RulebookError: a broken file, or an id used twice.
    """
    seen: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.yaml")):
        file = read_yaml(path)
        entry = file.parse(CaseFile)
        if entry.id in seen:
            raise file.error(phrase("case_twice", id=entry.id, other=seen[entry.id].name), "id")
        seen[entry.id] = path
        yield Case(entry, file)
