"""A draft of the live desk, and what a person made of it, as a case: nobody's personal data, and what was confirmed.

Adopted: everything the draft decided was right. Edited: the verdict was, the words were not. Rejected: nobody knows
yet what would have been right, so a person has to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import JsonValue

from evals.dataset import TO_REVIEW, CaseFile
from evals.formats.casefile import Taken
from evals.rubric import shipped_rubric
from evals.scorers.checks import SCORED
from evals.words import name_of, word
from service.schemas import Draft, Feedback, Inquiry, Verdict
from service.text.private import Masker
from service.text.segment import sentences

FOLDER = "live"
"""First part of the ids of such cases, and with it their folder."""
LONGEST = 200
"""Characters of a criterion's sentence."""
_UNSET: Verdict = get_args(Verdict)[-1]
"""Stands in for the verdict of a case that waits; the file leaves it empty."""


def case_of(draft: Draft, inquiry: Inquiry, feedback: Feedback) -> Taken:
    """The case of a draft somebody has judged.

    The same value has the same alias everywhere in it, a buyer's or operator's name included.
    """
    masked = _Masked(inquiry, feedback)
    waits = feedback.action == "rejected"
    found = feedback.action == "edited" and bool(feedback.findings)
    data = {
        "id": f"{FOLDER}.{draft.id}",
        "name": word("live", "name", scenario=draft.scenario_name),
        "from": word(
            "live",
            "from",
            draft=draft.id,
            day=draft.created_at.date(),
            action=word("live", feedback.action),
            version=draft.knowledge_version,
        ),
        "tags": [FOLDER, feedback.action, *["edited_with_findings"] * found, *[TO_REVIEW] * waits],
        "inquiry": masked.inquiry(draft),
        "expect": _expected(draft, feedback),
        "must": list(masked.criteria()),
    }
    return Taken(CaseFile.model_validate(data), waits, list(masked.remarks(draft)))


def _expected(draft: Draft, feedback: Feedback) -> dict[str, Any]:
    """What the person confirmed."""
    if feedback.action == "rejected":
        return {"verdict": _UNSET}
    labels = {"verdict": draft.verdict, "scenario": draft.scenario, "threat": draft.threat}
    if feedback.action == "edited":
        return labels
    rules = list(dict.fromkeys(one.rule for one in draft.demands if one.rule))
    return {**labels, "steps": [one.step for one in draft.steps], "sources": rules}


class _Masked:
    """The words of an inquiry and its feedback, with aliases for what is personal."""

    def __init__(self, inquiry: Inquiry, feedback: Feedback) -> None:
        people = (inquiry.context.buyer, inquiry.context.operator)
        self._masker = Masker({name: "name" for name in people if name})
        self._inquiry, self._feedback = inquiry, feedback
        self._masker.learn(self._texts())

    def _texts(self) -> Iterator[str]:
        yield from (message.content for message in self._inquiry.messages)
        for part in (self._inquiry.order.model_dump(mode="json"), self._inquiry.policy):
            yield from _leaves(part)
        yield from filter(None, (self._inquiry.instruction, self._feedback.final_text, self._feedback.reason))

    def _mask(self, text: str) -> str:
        return self._masker.mask(text).masked

    def inquiry(self, draft: Draft) -> dict[str, Any]:
        """The inquiry as a case writes it; drafted at another time it is still that day's."""
        given = self._inquiry
        order = given.order.model_dump(mode="json", exclude_none=True, exclude={"facts"})
        turns = [
            {one.role: self._mask(one.content), **({"kind": one.kind} if one.kind != "text" else {})}
            for one in given.messages
        ]
        whole = {
            "messages": turns,
            "order": self._written({**given.order.facts, **order}),
            "policy": self._written(given.policy),
            "shop": given.shop,
            "role": given.context.role,
            "now": (given.now or draft.created_at).isoformat(),
        }
        more = {"tone": given.style.tone, "instruction": given.instruction and self._mask(given.instruction)}
        return whole | {name: part for name, part in more.items() if part}

    def _written(self, values: Mapping[str, JsonValue]) -> dict[str, Any]:
        return {self._mask(key): self._value(value) for key, value in values.items() if value is not None}

    def _value(self, value: JsonValue) -> Any:
        if isinstance(value, dict):
            return self._written(value)
        if isinstance(value, list):
            return [self._value(item) for item in value if item is not None]
        return self._mask(value if isinstance(value, str) else json.dumps(value))

    def criteria(self) -> Iterator[str]:
        """What the person who edited it said was to be better, sentence by sentence."""
        reason = self._mask(self._feedback.reason or "") if self._feedback.action == "edited" else ""
        for start, end in sentences(reason):
            if text := reason[start:end].strip():
                yield word("live", "reason", text=text)[:LONGEST]

    def remarks(self, draft: Draft) -> Iterator[str]:
        """What whoever reads the file should know beside it."""
        given = self._feedback
        if given.action == "rejected":
            verdict = name_of("verdict", draft.verdict)
            yield word("live", "drafted", verdict=verdict, scenario=draft.scenario)
        if given.action != "adopted" and given.final_text:
            yield word("live", "sent", text=self._mask(given.final_text).replace("\n", " / "))
        if given.action != "edited" and given.reason:
            yield word("live", "said", text=self._mask(given.reason))
        for one in given.findings:
            name = shipped_rubric().entry.scorers[SCORED[one.category]].name
            yield word("live", "finding", name=name, excerpt=self._mask(one.excerpt), reason=one.reason)


def _leaves(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif value is not None:
        yield str(value)
