"""The only door to a language model: one structured question over any OpenAI-compatible endpoint.

Whatever goes wrong comes out as a :class:`ModelError` with one of the ``llm_*`` codes; no key, no text of the
provider and no text of ours ever stands in it. There is one retry loop and one total deadline, both here. How the
endpoint wants to be asked is data (:mod:`service.llm_profile`); what keeps failing is left alone for a while
(:mod:`service.llm_breaker`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.errors import ModelError
from service.llm_breaker import Attempt, Breaker
from service.llm_form import RUNGS, Form, Question
from service.llm_live import LiveAnswer
from service.llm_profile import Profile, Profiles, shipped
from service.llm_reply import Failed, FormRefused, model_name, object_in, parsed, text_of, usage_of
from service.llm_sdk import exchange, open_sdk, sendable
from service.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_REPLY_BYTES = 64 * 1024
"""Of an answer's text, and of everything else that is no well-formed piece of a stream."""
MAX_WIRE_BYTES = 1024 * 1024
"""Of a stream on the wire: an endpoint wraps some 300 bytes around every token, whatever the answer's length."""
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
class _Talk:
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


class ModelClient:
    """One per process. The SDK is imported by :meth:`open`, at the latest at the first question.

    Args:
        model: the model's name at the endpoint.
        api_key: None for an endpoint that asks for none.
        base_url: None for the vendor's own address.
        profile: how the endpoint is asked; found by its address and the model's name if None.
    """

    def __init__(
        self, model: str, api_key: str | None = None, base_url: str | None = None, profile: Profile | None = None
    ) -> None:
        self.model = model
        self.profile = profile or shipped().of(base_url, model)
        self.breaker = Breaker(self.profile.rest)
        self._key, self._base_url = api_key, base_url
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()
        self._start = RUNGS.index(self.profile.rung)
        self._form = Form(self._start)

    @classmethod
    def from_settings(cls, settings: Settings) -> ModelClient | None:
        """The client the settings describe, or None when no model is configured.

        Raises:
            RulebookError: ``prompts/endpoints.yaml`` is broken.
        """
        if not settings.model_ready or settings.model is None:
            return None
        key = settings.api_key.get_secret_value() if settings.api_key else None
        profile = Profiles.load(settings.prompts_dir).of(settings.base_url, settings.model)
        return cls(settings.model, key, settings.base_url, profile)

    async def open(self) -> AsyncOpenAI:
        """Import the SDK, in a thread: that takes seconds, which no question has; a server does it at its start."""
        async with self._opening:
            if self._client is None:
                caps = (MAX_REPLY_BYTES, MAX_WIRE_BYTES)
                self._client = await asyncio.to_thread(open_sdk, self._key, self._base_url, *caps)
            return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

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
        self._check(deadline)
        with self.breaker.attempt(deadline) as attempt:
            sdk = await self.open()
            talk = _Talk(Question(system, user, schema, temperature), time.monotonic() + deadline, self._form)
            try:
                async with asyncio.timeout(deadline):
                    return await self._tries(sdk, talk, attempt)
            except TimeoutError:
                raise talk.failed("llm_timeout") from None

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
        self._check(deadline)
        data: dict[str, Any] | None = None
        with self.breaker.attempt(deadline) as attempt:
            create = (await self.open()).chat.completions.with_streaming_response.create
            talk = _Talk(Question(system, user, schema, temperature), time.monotonic() + deadline, self._form)
            while data is None:
                live = LiveAnswer(create, talk.until, MAX_REPLY_BYTES, self.profile.meaning)
                try:
                    await live.open(**self._request(talk, stream=True))
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
        self._form = talk.form.learned(self._start)
        yield Answer(data, dict(talk.usage), talk.calls, model_name(live.reply, self.model))

    def _check(self, deadline: float) -> None:
        """Refuse at once what cannot come to anything."""
        if not sendable(self._key):
            raise ModelError("llm_auth", calls=0)
        if deadline <= 0:
            raise ModelError("llm_timeout", calls=0)

    async def _tries(self, sdk: AsyncOpenAI, talk: _Talk, attempt: Attempt) -> Answer:
        create = sdk.chat.completions.with_raw_response.create
        meaning = self.profile.meaning
        while True:
            try:
                reply = parsed(await exchange(create, meaning, **self._request(talk, stream=False)))
                talk.spend(usage_of(reply))
                data = object_in(text_of(reply, meaning))
            except FormRefused as refused:
                self._lesser(talk, refused)
            except Failed as failed:
                await self._pause(talk, failed, attempt)
            else:
                self._form = talk.form.learned(self._start)
                return Answer(data, dict(talk.usage), talk.calls, model_name(reply, self.model))

    def _request(self, talk: _Talk, stream: bool) -> dict[str, Any]:
        """The arguments of one more call."""
        talk.calls += 1
        talk.request = talk.form.request(self.profile, self.model, talk.question, stream)
        return talk.request

    def _lesser(self, talk: _Talk, refused: FormRefused) -> None:
        """Go on in the next form, where there is one."""
        form = talk.form.lesser(refused, talk.request)
        if form is None:
            raise talk.failed("llm_unavailable") from None
        talk.form = form

    async def _pause(self, talk: _Talk, failed: Failed, attempt: Attempt, final: bool = False) -> None:
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
