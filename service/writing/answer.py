"""A model's answer, of which nothing is believed: its form, its steps, its language; aliases are undone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.schemas import Claim, Step, StepName
from service.text.normalise import fold
from service.writing.material import Material, one_line
from service.writing.prompts import Prompt

_HAN = re.compile(r"[\u4e00-\u9fff]")
LONGEST_WORD = 200
"""Characters of a claim's parts that are looked at."""


class Unfit(Exception):
    """An answer that cannot be used; ``mistake`` names the wording in the prompt that says why."""

    def __init__(self, mistake: str) -> None:
        self.mistake = mistake
        super().__init__(mistake)


class _StepOut(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    step: str
    text: str
    passages: list[int] = Field(default_factory=list)


class _ClaimOut(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    fact: str
    value: str
    quote: str


class Reader:
    """Reads the answer to one prompt."""

    def __init__(self, prompt: Prompt, material: Material, system: str) -> None:
        self._prompt, self._material, self._system = prompt, material, system

    def claims(self, reading: object) -> list[Claim]:
        """The claims of the answer's ``reading``; what has no such form is left out."""
        items = reading.get("claims") if isinstance(reading, dict) else None
        found = []
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(item.get("value"), bool):
                item = {**item, "value": str(item["value"]).lower()}
            try:
                one = _ClaimOut.model_validate(item)
            except ValidationError:
                continue
            fact, value, quote = (self._restored(part[:LONGEST_WORD]) for part in (one.fact, one.value, one.quote))
            found.append(Claim(fact, value, quote))
        return found

    def steps(self, data: dict[str, Any], wanted: Sequence[StepName]) -> list[Step]:
        """The steps of a whole answer.

        Raises:
            Unfit: they are not the wanted ones in order, or one of them cannot stand.
        """
        items = data.get("steps")
        if not isinstance(items, list):
            raise Unfit("llm_bad_reply")
        names = [item.get("step") if isinstance(item, dict) else None for item in items]
        if names != list(wanted):
            raise Unfit("steps")
        return [self.step(item, name) for item, name in zip(items, wanted, strict=True)]

    def fit(self, data: dict[str, Any], wanted: Sequence[StepName]) -> list[Step]:
        """Those steps of an answer in the right order that can stand."""
        items, found = data.get("steps"), []
        for item, name in zip(items if isinstance(items, list) else (), wanted, strict=False):
            with suppress(Unfit):
                found.append(self.step(item, name))
        return found

    def step(self, item: object, name: StepName) -> Step:
        """One step of the answer.

        Raises:
            Unfit: it is another step, or its text cannot stand.
        """
        try:
            one = _StepOut.model_validate(item)
        except ValidationError:
            raise Unfit("llm_bad_reply") from None
        if one.step != name:
            raise Unfit("steps")
        known = range(1, len(self._material.passages) + 1)
        cited = sorted({number for number in one.passages if number in known})
        return Step(step=name, text=self.text(one.text), citations=cited, writer="model")

    def text(self, raw: str) -> str:
        """A text with aliases restored, if it can stand.

        Raises:
            Unfit: it is empty, too long, an echo of the prompt, has a gap, or is no plain Chinese.
        """
        limits = self._prompt.head.limits
        text = one_line(raw[: 4 * limits["step_chars"]])
        if not text:
            raise Unfit("llm_bad_reply")
        if len(text) > limits["step_chars"]:
            raise Unfit("length")
        if self._material.fence in text or echoes(text, self._system, limits["echo_chars"]):
            raise Unfit("echo")
        restored = self._restored(text)
        if self._prompt.gap_in(restored):
            raise Unfit("placeholder")
        if not is_chinese(restored, limits["han_percent"], limits["traditional_percent"]):
            raise Unfit("language")
        return restored

    def notes(self, raw: object) -> str:
        """The remark to the agent; empty when it cannot stand."""
        if not isinstance(raw, str) or not raw.strip():
            return ""
        try:
            return self.text(raw)[: self._prompt.head.limits["notes_chars"]]
        except Unfit:
            return ""

    def _restored(self, text: str) -> str:
        return self._material.masker.restore(text.replace("＜", "<").replace("＞", ">"))


def answer_schema(wanted: Sequence[StepName], passages: int) -> dict[str, Any]:
    """The strict JSON schema of an answer: what was read, the steps with the passages they rest on, a remark."""
    number: dict[str, Any] = {"type": "integer"}
    if passages:
        number["enum"] = list(range(1, passages + 1))
    step = _object(
        step={"type": "string", "enum": list(dict.fromkeys(wanted))},
        text={"type": "string"},
        passages={"type": "array", "items": number},
    )
    steps = {"type": "array", "items": step}
    return _object(reading=_reading(), steps=steps, notes={"type": "string"})


def _reading() -> dict[str, Any]:
    word = {"type": "string"}
    return _object(claims={"type": "array", "items": _object(fact=word, value=word, quote=word)})


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [*properties], "properties": properties}


def is_chinese(text: str, least_han: int, most_traditional: int) -> bool:
    """Are at least so many percent of the letters of any script Han characters, and at most so many traditional?"""
    han = _HAN.findall(text)
    traditional = sum(fold(char) != char for char in han)
    mostly = 100 * len(han) >= least_han * sum(map(str.isalpha, text))
    return bool(han) and mostly and 100 * traditional <= most_traditional * len(han)


def echoes(text: str, prompt: str, length: int) -> bool:
    """Does the text repeat a run of the prompt?"""
    return any(text[i : i + length] in prompt for i in range(len(text) - length + 1))
