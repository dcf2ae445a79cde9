"""How every model is asked, however a call is made: one total deadline, one retry loop, one breaker.

Whatever goes wrong comes out as a :class:`ModelError` with one of the ``llm_*`` codes; no key, no text of the
provider and no text of ours ever stands in it.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from service.errors import ModelError
from service.llm_breaker import Attempt, Breaker
from service.llm_form import RUNGS, Form, Question
from service.llm_profile import Profile
from service.llm_reply import Failed, FormRefused, model_name, usage_of
from service.watching import Asking

MAX_REPLY_BYTES = 64 * 1024
"""Of an answer's text, and of everything else that is no well-formed piece of a stream."""
MAX_TRIES = 2
PAUSE_S = 0.3
"""Wait before the second try when the endpoint names no time of its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said: the JSON object, tokens by kind, HTTP calls made, the model's name."""

    data: dict[str, Any]
    usage: dict[str, int]
    calls: int
    model: str


@dataclass(slots=True)
class Talk:
    """The state of one question: how it is asked, and what was spent so far."""

    question: Question
    until: float
    form: Form
    tried: int = 0
    calls: int = 0
    usage: dict[str, int] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)

    def spend(self, usage: dict[str, int]) -> None:
        """Add a reply's tokens."""
        for name, count in usage.items():
            self.usage[name] = self.usage.get(name, 0) + count

    def failed(self, code: str) -> ModelError:
        """The error this question ends with."""
        return ModelError(code, calls=self.calls)


class Live(Protocol):
    """An answer that is being read."""

    @property
    def begun(self) -> bool:
        """Whether a piece was handed out."""

    @property
    def reply(self) -> dict[str, Any]:
        """``model`` and ``usage`` in the OpenAI form, as far as they came."""

    async def open(self) -> None:
        """Ask."""

    async def next(self) -> str:
        """The next piece of the object's text; empty when the answer is whole."""

    def data(self) -> dict[str, Any]:
        """The whole object."""

    async def close(self) -> None:
        """Let go of the connection."""


class Asker(ABC):
    """What every model is asked through: the deadline, the retries, the breaker. How a call is made is the subclass's.

    Args:
        model: the model's name.
        profile: how it is asked.
    """

    def __init__(self, model: str, profile: Profile) -> None:
        self.model, self.profile = model, profile
        self.breaker = Breaker(profile.rest)
        self._start = RUNGS.index(profile.rung)
        self._form = Form(self._start)

    @abstractmethod
    async def open(self) -> object:
        """Import what is needed, in a thread: that takes seconds, which no question has; a server does it at start."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""

    @abstractmethod
    def _check(self) -> None:
        """Refuse at once, with ModelError, what cannot come to anything."""

    @abstractmethod
    async def _whole(self, talk: Talk) -> tuple[dict[str, Any], str]:
        """Make one call; the object and the model's name. Raises Failed or FormRefused."""

    @abstractmethod
    def _live(self, talk: Talk) -> Live:
        """Make ready one call whose answer is streamed; its methods raise Failed, FormRefused or TimeoutError."""

    async def ask(
        self, system: str, user: str, schema: dict[str, Any], deadline: float, temperature: float | None = None
    ) -> Answer:
        """Ask once and get one JSON object that was asked for by ``schema`` (which the caller validates).

        Args:
            system: the stable part of the prompt.
            user: the part about this inquiry.
            schema: a strict JSON schema of an object.
            deadline: seconds this may take in all, retries included; :meth:`open`, once a process, is not.
            temperature: None leaves it to the profile.

        Raises:
            ModelError: whatever went wrong; parameter ``calls`` says how many requests were made.
        """
        with self._asking() as asking, self._attempt(deadline) as attempt:
            await self.open()
            talk = Talk(Question(system, user, schema, temperature), time.monotonic() + deadline, self._form)
            try:
                async with asyncio.timeout(deadline):
                    answer = await self._tries(talk, attempt)
            except TimeoutError:
                raise talk.failed("llm_timeout") from None
            finally:
                asking.spent(talk.calls, talk.usage)
            asking.answered(answer.model)
            return answer

    async def stream(
        self, system: str, user: str, schema: dict[str, Any], deadline: float, temperature: float | None = None
    ) -> AsyncGenerator[str | Answer, None]:
        """Ask once; yield the JSON object's text as it comes, and the :class:`Answer` last.

        The pieces begin with the object's ``{`` and are never withdrawn by another try: what fails before the first
        piece is tried again as in :meth:`ask`, what fails later is an error. Without the answer at the end the
        pieces are half of something. Closing the generator, or cancelling whoever reads it, closes the connection.

        Args:
            system: the stable part of the prompt.
            user: the part about this inquiry.
            schema: a strict JSON schema of an object.
            deadline: seconds this may take in all, retries and the time the reader takes included.
            temperature: None leaves it to the profile.

        Raises:
            ModelError: whatever went wrong; parameter ``calls`` says how many requests were made.
        """
        data: dict[str, Any] | None = None
        with self._asking() as asking, self._attempt(deadline) as attempt:
            await self.open()
            talk = Talk(Question(system, user, schema, temperature), time.monotonic() + deadline, self._form)
            while data is None:
                live = self._live(talk)
                try:
                    await live.open()
                    while piece := await live.next():
                        yield piece
                    data = live.data()
                except FormRefused as refused:
                    self._lesser(talk, refused)
                except TimeoutError:
                    raise talk.failed("llm_timeout") from None
                except Failed as failed:
                    await live.close()
                    await self._pause(talk, failed, attempt, final=live.begun)
                finally:
                    await live.close()
                    talk.spend(usage_of(live.reply))
                    asking.spent(talk.calls, talk.usage)
            name = model_name(live.reply, self.model)
            asking.answered(name)
        self._form = talk.form.learned(self._start)
        yield Answer(data, dict(talk.usage), talk.calls, name)

    def _asking(self) -> Asking:
        """The question as those see it who watch."""
        provider = "openai" if self.profile.id == "general" else self.profile.id.partition("_")[0]
        return Asking("chat", self.model, provider)

    def _attempt(self, deadline: float) -> AbstractContextManager[Attempt]:
        self._check()
        if deadline <= 0:
            raise ModelError("llm_timeout", calls=0)
        return self.breaker.attempt(deadline)

    async def _tries(self, talk: Talk, attempt: Attempt) -> Answer:
        while True:
            try:
                data, name = await self._whole(talk)
            except FormRefused as refused:
                self._lesser(talk, refused)
            except Failed as failed:
                await self._pause(talk, failed, attempt)
            else:
                self._form = talk.form.learned(self._start)
                return Answer(data, dict(talk.usage), talk.calls, name)

    def _lesser(self, talk: Talk, refused: FormRefused) -> None:
        """Go on in the next form, where there is one."""
        form = talk.form.lesser(refused, talk.request)
        if form is None:
            raise talk.failed("llm_unavailable") from None
        talk.form = form

    async def _pause(self, talk: Talk, failed: Failed, attempt: Attempt, final: bool = False) -> None:
        """Wait before another try, if there is to be one and the wait fits the deadline."""
        talk.tried += 1
        left = talk.until - time.monotonic()
        wait = PAUSE_S if failed.wait is None else failed.wait
        if failed.wait is not None and wait >= left:
            attempt.wait = wait
        if final or talk.tried >= MAX_TRIES or not failed.again or wait >= left:
            raise talk.failed(failed.code) from None
        if failed.short:
            talk.form = talk.form.wider()
        await asyncio.sleep(wait)
