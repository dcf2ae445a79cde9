"""The model as a writer: it words what was decided, from material that was masked before it left.

Nothing of the model's answer is believed: steps must be the planned ones in order, Chinese, without gaps and without
our own prompt in them. What does not fit is asked for once more, then given up; the drafter's playbook takes over.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from service.errors import ModelError
from service.llm import Answer
from service.schemas import Inquiry, Passage, Step, StepName
from service.text.normalise import fold
from service.writing.material import Material, one_line
from service.writing.prompts import Prompts

ATTEMPTS = 2
"""The first answer and one repair."""
_HAN = re.compile(r"[\u4e00-\u9fff]")
_LETTER = re.compile(r"[A-Za-z\u0400-\u04ff\u3040-\u30ff\uac00-\ud7af]")


class Client(Protocol):
    """What the writer needs of :class:`service.llm.ModelClient`."""

    async def ask(self, system: str, user: str, schema: dict[str, Any], deadline: float) -> Answer:
        """One structured question; raises ModelError."""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What the model wrote. ``citations`` of a step are 1-based positions in the passages it was given.

    ``prompt`` is ``draft@`` and the first six characters of the prompt file's digest.
    """

    steps: list[Step]
    usage: dict[str, int]
    calls: int
    model: str
    prompt: str


class _StepOut(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    step: str
    text: str
    passages: list[int]


class _AnswerOut(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    steps: list[_StepOut]


class _Unfit(Exception):
    """An answer that cannot be used; ``mistake`` names the wording in the prompt that says why."""

    def __init__(self, mistake: str) -> None:
        self.mistake = mistake
        super().__init__(mistake)


class ModelWriter:
    """Writes drafts through a model. Holds nothing between drafts."""

    def __init__(self, client: Client, prompts: Prompts) -> None:
        self._client = client
        self._prompt = prompts["draft"]

    async def write(
        self,
        inquiry: Inquiry,
        plan_steps: Sequence[StepName],
        verdict: str,
        ground: list[Step],
        passages: list[Passage],
        facts: dict[str, str],
        deadline: float,
    ) -> ModelReply:
        """Ask for the planned steps and check what comes back.

        Args:
            inquiry: what came in; of it only messages, product, style and instruction are sent, masked.
            plan_steps: the steps wanted, in order.
            verdict: the decided verdict.
            ground: the playbook's steps, as the meaning to be kept.
            passages: what may be cited.
            facts: facts by the names people use, values as shown.
            deadline: seconds for everything, repair included.

        Raises:
            ModelError: no usable answer; ``calls`` among its parameters.
        """
        until = time.monotonic() + deadline
        material = await asyncio.to_thread(Material, self._prompt, inquiry, ground, passages, facts)
        schema = answer_schema(plan_steps, len(material.passages))
        usage: dict[str, int] = {}
        calls, retry = 0, ""
        for _ in range(ATTEMPTS):
            system, user = material.render(plan_steps, verdict, retry)
            try:
                answer = await self._client.ask(system, user, schema, until - time.monotonic())
            except ModelError as error:
                raise ModelError(error.code, calls=calls + error.parameters.get("calls", 0)) from None
            calls += answer.calls
            usage = {k: usage.get(k, 0) + answer.usage.get(k, 0) for k in {*usage, *answer.usage}}
            try:
                steps = self._steps(answer.data, plan_steps, material, system)
            except _Unfit as unfit:
                retry = unfit.mistake
                continue
            return ModelReply(steps, usage, calls, answer.model, self._prompt.label)
        raise ModelError("llm_incomplete" if retry == "steps" else "llm_bad_reply", calls=calls)

    def _steps(
        self, data: dict[str, Any], plan_steps: Sequence[StepName], material: Material, system: str
    ) -> list[Step]:
        """The answer as steps, or _Unfit."""
        try:
            answer = _AnswerOut.model_validate(data)
        except ValidationError:
            raise _Unfit("llm_bad_reply") from None
        if [item.step for item in answer.steps] != list(plan_steps):
            raise _Unfit("steps")
        known = range(1, len(material.passages) + 1)
        steps = []
        for name, item in zip(plan_steps, answer.steps, strict=True):
            text = self._text(item.text, material, system)
            cited = sorted({number for number in item.passages if number in known})
            steps.append(Step(step=name, text=text, citations=cited, writer="model"))
        return steps

    def _text(self, raw: str, material: Material, system: str) -> str:
        """One step's text with aliases restored, if it can stand."""
        limits = self._prompt.head.limits
        text = one_line(raw)
        if not text:
            raise _Unfit("llm_bad_reply")
        if len(text) > limits["step_chars"]:
            raise _Unfit("length")
        if material.fence in text or _echoes(text, system, limits["echo_chars"]):
            raise _Unfit("echo")
        restored = material.masker.restore(text.replace("＜", "<").replace("＞", ">"))
        if self._prompt.gap_in(restored):
            raise _Unfit("placeholder")
        if not is_chinese(restored, limits["han_percent"], limits["traditional_percent"]):
            raise _Unfit("language")
        return restored


def answer_schema(plan_steps: Sequence[StepName], passages: int) -> dict[str, Any]:
    """The strict JSON schema of an answer: steps with the numbers of the passages they rest on."""
    number: dict[str, Any] = {"type": "integer"}
    if passages:
        number["enum"] = list(range(1, passages + 1))
    step = {
        "type": "object",
        "additionalProperties": False,
        "required": ["step", "text", "passages"],
        "properties": {
            "step": {"type": "string", "enum": list(dict.fromkeys(plan_steps))},
            "text": {"type": "string"},
            "passages": {"type": "array", "items": number},
        },
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["steps"],
        "properties": {"steps": {"type": "array", "items": step}},
    }


def is_chinese(text: str, least_han: int, most_traditional: int) -> bool:
    """Are at least so many percent of the letters Han characters, and at most so many of these traditional?"""
    han, other = _HAN.findall(text), _LETTER.findall(text)
    traditional = sum(fold(char) != char for char in han)
    mostly = 100 * len(han) >= least_han * (len(han) + len(other))
    return bool(han) and mostly and 100 * traditional <= most_traditional * len(han)


def _echoes(text: str, prompt: str, length: int) -> bool:
    """Does the text repeat a run of the prompt?"""
    return any(text[i : i + length] in prompt for i in range(len(text) - length + 1))
