"""The judge: a model of its own that says of a reply what no rule can tell.

One call a case asks whether each of some descriptions holds; code makes of that what the shop wants. What the model did
not answer, answered twice, without a reason or with words the reply does not have is ``unscored``: never passed, never
failed, so that no veto can come of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from evals.judge_memory import JudgeMemory
from evals.judge_page import Described, JudgePage, Shown
from evals.judge_reading import Said, agreed, answer_schema, quote_span, read_answers, useless
from evals.results import CaseResult, Mark, Score
from evals.rubric import Rubric
from evals.scorers.criteria import Asked, unscored
from evals.words import word
from service.errors import ModelError
from service.llm_ask import Answer
from service.settings import HOME, Settings
from service.writing.page import Spent
from service.writing.prompts import Prompt, load_prompt

PROMPT = "judge.md"


class Client(Protocol):
    """What a judge needs of a model's client."""

    model: str

    async def ask(
        self, system: str, user: str, schema: dict[str, Any], deadline: float, temperature: float | None = None
    ) -> Answer:
        """One structured question; raises ModelError."""

    async def close(self) -> None:
        """Close the connections."""


class NoJudge:
    """Where no judge is set: everything is unscored and the reason says what to set."""

    digest = ""

    def __init__(self, why: str, **parameters: object) -> None:
        self.reason = word("judge", why, **parameters)

    async def judge(self, played: Shown, criteria: Sequence[Asked], spent: Spent | None = None) -> list[Score]:
        """An unscored score for each criterion."""
        return [unscored(one, self.reason) for one in criteria]

    async def close(self) -> None:
        """Nothing to close."""


class Judge:
    """Asks a model. Used from one event loop.

    Args:
        client: the model; deadline, retries and breaker are its own.
        prompt: ``judge.md``.
        memory: what was said before.
        twice: ask once more with the order turned; where the two differ, the criterion is unscored.
        rubric: what the rubric asks of every reply; part of the digest.
    """

    def __init__(
        self, client: Client, prompt: Prompt, memory: JudgeMemory, twice: bool = False, rubric: Iterable[str] = ()
    ) -> None:
        self._client, self._prompt, self._memory, self._twice = client, prompt, memory, twice
        self._system = prompt.block("system")
        self._locks: dict[str, asyncio.Lock] = {}
        made = "\n".join([client.model, prompt.digest, str(twice), *rubric])
        self.digest = hashlib.sha256(made.encode()).hexdigest()[:16]
        """Model, prompt, way of asking and the rubric's questions: another digest is another judge."""

    async def judge(self, played: Shown, criteria: Sequence[Asked], spent: Spent | None = None) -> list[Score]:
        """A score for each criterion, in order.

        Args:
            played: the case; what it expects is not looked at.
            criteria: what to ask.
            spent: calls and tokens are added to it.
        """
        page = JudgePage(self._prompt, played) if played.draft is not None else None
        if page is None or not page.first or not page.whole:
            why = "too_long" if page is not None and page.first else "no_reply"
            return [unscored(one, word("judge", why)) for one in criteria]
        wanted = [_described(one) for one in criteria]
        key = f"{self.digest}:{page.key}"
        async with self._locks.setdefault(key, asyncio.Lock()):  # repeats with the same reply ask once
            known = self._memory.of(key)
            missing = [one for one in dict.fromkeys(wanted) if one not in known]
            fresh = await self._answers(page, missing, spent or Spent(float("inf"))) if missing else {}
            self._memory.add(key, fresh)
        said = {**known, **fresh}
        return [_score(one, said[described], page) for one, described in zip(criteria, wanted, strict=True)]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _answers(self, page: JudgePage, missing: list[Described], spent: Spent) -> dict[Described, Said]:
        asked = page.with_controls(missing)
        said = await self._once(page, asked, spent)
        if self._twice and any(one.met is not None for one in said.values()):
            again = await self._once(page, asked[::-1], spent)
            said = {one: agreed(said[one], again[one]) for one in asked}
        return {one: said[one] for one in missing}

    async def _once(self, page: JudgePage, asked: list[Described], spent: Spent) -> dict[Described, Said]:
        limits = self._prompt.head.limits
        deadline = min(limits["deadline_s"], spent.left)
        heat = limits["temperature"] / 100
        try:
            answer = await self._client.ask(self._system, page.user(asked), answer_schema(len(asked)), deadline, heat)
        except ModelError as error:
            return dict.fromkeys(asked, useless(spent.failed(error).code))
        spent.add(answer)
        return dict(zip(asked, read_answers(answer.data, asked, page, limits), strict=True))


def judge_of(
    settings: Settings, memory: Path | None = None, twice: bool = False, rubric: Rubric | None = None
) -> Judge | NoJudge:
    """The judge the settings describe.

    Args:
        settings: ``YOULI_JUDGE_*``, and the prompts' folder.
        memory: the file of earlier answers.
        twice: see :class:`Judge`.
        rubric: the rubric whose questions are asked; with other questions it is another judge.

    Raises:
        EnvironmentProblem: the named vendor's package is not installed.
        RulebookError: the prompt or ``endpoints.yaml`` is broken.
    """
    judging = settings.judging
    if judging is None:
        return NoJudge("off")
    if not judging.model_ready:
        return NoJudge("alone", model=judging.model)
    from service.model_client import client_of

    own = settings.prompts_dir / PROMPT
    prompt = load_prompt(own if own.exists() else HOME / "prompts" / PROMPT)
    client = client_of(judging)
    assert client is not None
    asks = [f"{name}: {one.ask}" for name, one in rubric.judged.items()] if rubric else []
    return Judge(client, prompt, JudgeMemory(memory), twice, asks)


def why_unscored(results: Iterable[CaseResult]) -> str:
    """The commonest reason a judge gave no score; empty where there is none."""
    scores = (score for one in results for score in one.scores if score.status == "unscored")
    commonest = Counter(score.reason for score in scores).most_common(1)
    return commonest[0][0] if commonest else ""


def _described(one: Asked) -> Described:
    """What the judge is asked. A case's own sentence is about all its replies, the rubric's about the first."""
    return Described(one.ask, "all" if one.criterion else "first", evidence=one.must_not)


def _score(one: Asked, said: Said, page: JudgePage) -> Score:
    if said.met is None:
        return unscored(one, said.reason)
    passed = said.met is not one.must_not
    span = quote_span(said.quote, page.replies[0]) if not passed else None
    marks = [Mark(start=span[0], end=span[1], why=said.reason)] if span else []
    status = "passed" if passed else "failed"
    return unscored(one, said.reason).model_copy(update={"status": status, "marks": marks})
