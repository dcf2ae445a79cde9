"""A draft of the live desk without personal data: what is kept for people to review.

The same value has the same alias everywhere in a draft's conversation, order and reply; places in the reply are moved
with it. What only helps to know who somebody is (conversation, buyer, operator) is left out.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue

from evals.results import CaseResult, Mark, Score
from service.schemas import Advice, Context, Draft, Entity, Finding, Inquiry
from service.text.private import Masker

M = TypeVar("M", bound=BaseModel)


class Mask:
    """The aliases of one draft and its inquiry."""

    def __init__(self, inquiry: Inquiry, draft: Draft) -> None:
        context = inquiry.context
        self._masker = Masker({value: "name" for value in (context.buyer, context.operator) if value})
        records = [f"{key}：{value}" for told in (inquiry.order.facts, inquiry.policy) for key, value in told.items()]
        self._masker.learn([*records, *(message.content for message in inquiry.messages), draft.reply])
        self._lines: dict[str, tuple[str, list[Entity]]] = {}
        self._reply = draft.reply

    def text(self, text: str) -> str:
        """A text with aliases, line by line: a line reads the same wherever it stands."""
        return "\n".join(self._line(line)[0] for line in text.split("\n"))

    def place(self, offset: int) -> int:
        """Where a place of the reply is in the masked reply; inside a value it is the beginning of its alias."""
        head = self._reply[:offset].split("\n")
        line = self._reply.split("\n")[len(head) - 1]
        before = "".join(self._line(one)[0] + "\n" for one in head[:-1])
        return len(before) + _moved(len(head[-1]), self._line(line)[1])

    def value(self, value: JsonValue) -> JsonValue:
        """A value of the order's facts; a number that is personal becomes its alias."""
        if isinstance(value, dict):
            return {self.text(key): self.value(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if value is None or isinstance(value, bool):
            return value
        masked = self.text(str(value))
        return value if masked == str(value) else masked

    def _line(self, line: str) -> tuple[str, list[Entity]]:
        if line not in self._lines:
            found = self._masker.mask(line)
            self._lines[line] = found.masked, found.entities
        return self._lines[line]


def masked(result: CaseResult) -> CaseResult:
    """A result of one inquiry and its draft without personal data."""
    if result.draft is None:
        raise ValueError("no draft")
    mask = Mask(result.inquiry, result.draft)
    return result.model_copy(
        update={
            "inquiry": _inquiry(result.inquiry, mask),
            "draft": _draft(result.draft, mask),
            "scores": [_score(one, mask) for one in result.scores],
        }
    )


def _inquiry(inquiry: Inquiry, mask: Mask) -> Inquiry:
    typed = {name: value for name, value in inquiry.order if isinstance(value, str)}
    facts: Any = mask.value(inquiry.order.facts)
    order = {name: mask.text(value) for name, value in typed.items() if name != "defect_evidence"}
    return inquiry.model_copy(
        update={
            "messages": tuple(_with(one, content=mask.text(one.content)) for one in inquiry.messages),
            "order": inquiry.order.model_copy(update={**order, "facts": facts}),
            "policy": mask.value(inquiry.policy),
            "context": Context(role=inquiry.context.role),
            "instruction": mask.text(inquiry.instruction) if inquiry.instruction else None,
        }
    )


def _draft(draft: Draft, mask: Mask) -> Draft:
    reading = _with(draft.reading, claims=[_texts(one, mask, "quote", "value") for one in draft.reading.claims])
    return draft.model_copy(
        update={
            "reply": mask.text(draft.reply),
            "reading": reading,
            "missing": [_texts(one, mask, "question") for one in draft.missing],
            "steps": [_texts(one, mask, "text") for one in draft.steps],
            "derived": [_with(one, value=_plain(mask, one.value)) for one in draft.derived],
            "findings": [_finding(one, mask) for one in draft.findings],
            "advice": [_advice(one, mask) for one in draft.advice],
            "notes": mask.text(draft.notes),
            "variants": [],
            "explain": None,
        }
    )


def _finding(finding: Finding, mask: Mask) -> Finding:
    told = _texts(finding, mask, "excerpt", "reason")
    suggestion = mask.text(finding.suggestion) if finding.suggestion else finding.suggestion
    return _with(told, start=mask.place(finding.start), end=mask.place(finding.end), suggestion=suggestion)


def _advice(advice: Advice, mask: Mask) -> Advice:
    owner = mask.text(advice.owner) if advice.owner else advice.owner
    return _with(_texts(advice, mask, "text"), owner=owner)


def _score(score: Score, mask: Mask) -> Score:
    marks = [Mark(start=mask.place(one.start), end=mask.place(one.end), why=mask.text(one.why)) for one in score.marks]
    return _with(score, reason=mask.text(score.reason), marks=marks)


def _plain(mask: Mask, value: float | int | str) -> float | int | str:
    return mask.text(value) if isinstance(value, str) else value


def _texts(part: M, mask: Mask, *names: str) -> M:
    return _with(part, **{name: mask.text(getattr(part, name)) for name in names})


def _with(part: M, **update: object) -> M:
    return part.model_copy(update=update)


def _moved(offset: int, entities: list[Entity]) -> int:
    """Where a place of a line is once its values are aliases."""
    starts = [entity.start for entity in entities]
    number = bisect_right(starts, offset)
    shift = sum(len(one.alias) - (one.end - one.start) for one in entities[:number])
    if number and offset < entities[number - 1].end:
        last = entities[number - 1]
        return last.start + shift - (len(last.alias) - (last.end - last.start))
    return offset + shift
