"""The only door to a language model: one structured question over any OpenAI-compatible endpoint.

Whatever goes wrong comes out as a :class:`ModelError` with one of the ``llm_*`` codes; no key, no text of the
provider and no text of ours ever stands in it. There is one retry loop and one total deadline, both here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.errors import ModelError, phrase
from service.llm_live import LiveAnswer
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
LONGEST_HOLD_S = 60.0
"""An endpoint that asks for more patience than a draft has is left alone this long at most."""

RUNGS = ("json_schema", "json_object", "text")
"""How an answer's form is asked for, from strict to plain; what an endpoint refuses is not asked of it again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said: the JSON object, tokens by kind, HTTP calls made, the model's name."""

    data: dict[str, Any]
    usage: dict[str, int]
    calls: int
    model: str


@dataclass(slots=True)
class _Talk:
    """The state of one question: what is asked, and what was spent so far."""

    system: str
    user: str
    schema: dict[str, Any]
    until: float
    temperature: float | None = None
    calls: int = 0
    usage: dict[str, int] = field(default_factory=dict)

    def spend(self, usage: dict[str, int]) -> None:
        """Add a reply's tokens."""
        for name, count in usage.items():
            self.usage[name] = self.usage.get(name, 0) + count

    def failed(self, code: str) -> ModelError:
        """The error this question ends with."""
        return ModelError(code, calls=self.calls)


class ModelClient:
    """One per process. The SDK is imported at the first question.

    Args:
        model: the model's name at the endpoint.
        api_key: None for an endpoint that asks for none.
        base_url: None for the vendor's own address.
    """

    def __init__(self, model: str, api_key: str | None = None, base_url: str | None = None) -> None:
        self.model = model
        self._key, self._base_url = api_key, base_url
        self._client: AsyncOpenAI | None = None
        self._rung = 0
        self._held_until = 0.0

    @classmethod
    def from_settings(cls, settings: Settings) -> ModelClient | None:
        """The client the settings describe, or None when no model is configured."""
        if not settings.model_ready or settings.model is None:
            return None
        key = settings.api_key.get_secret_value() if settings.api_key else None
        return cls(settings.model, key, settings.base_url)

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
            deadline: seconds this may take in all, retries included.
            temperature: None leaves it to the endpoint.

        Raises:
            ModelError: whatever went wrong; parameter ``calls`` says how many requests were made.
        """
        talk = self._begin(_Talk(system, user, schema, time.monotonic() + deadline, temperature))
        try:
            async with asyncio.timeout(deadline):
                return await self._tries(talk)
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
            temperature: None leaves it to the endpoint.

        Raises:
            ModelError: whatever went wrong; parameter ``calls`` says how many requests were made.
        """
        talk = self._begin(_Talk(system, user, schema, time.monotonic() + deadline, temperature))
        rung, tried = self._rung, 0
        while True:
            data: dict[str, Any] | None = None
            live = LiveAnswer(self._sdk().chat.completions.with_streaming_response.create, talk.until, MAX_REPLY_BYTES)
            try:
                await live.open(**self._request(talk, RUNGS[rung]), stream=True)
                while piece := await live.next():
                    yield piece
                data = live.data()
                self._rung = max(self._rung, rung)
            except FormRefused:
                rung = self._down(talk, rung)
            except TimeoutError:
                raise talk.failed("llm_timeout") from None
            except Failed as failed:
                tried += 1
                await live.close()
                await self._pause(talk, failed, last=live.begun or tried >= MAX_TRIES)
            finally:
                await live.close()
                talk.spend(usage_of(live.reply))
            if data is not None:
                yield Answer(data, dict(talk.usage), talk.calls, model_name(live.reply, self.model))
                return

    def _begin(self, talk: _Talk) -> _Talk:
        """Refuse at once what cannot come to anything."""
        if not sendable(self._key):
            raise talk.failed("llm_auth")
        if talk.until <= time.monotonic():
            raise talk.failed("llm_timeout")
        if talk.until <= self._held_until:
            raise talk.failed("llm_rate_limited")
        return talk

    async def _tries(self, talk: _Talk) -> Answer:
        rung, tried = self._rung, 0
        while True:
            try:
                answer = await self._once(talk, RUNGS[rung])
            except FormRefused:
                rung = self._down(talk, rung)
            except Failed as failed:
                tried += 1
                await self._pause(talk, failed, last=tried >= MAX_TRIES)
            else:
                self._rung = max(self._rung, rung)
                return answer

    def _down(self, talk: _Talk, rung: int) -> int:
        """The next rung, where there is one."""
        if rung + 1 == len(RUNGS):
            raise talk.failed("llm_unavailable") from None
        return rung + 1

    async def _pause(self, talk: _Talk, failed: Failed, last: bool) -> None:
        """Wait before another try, if there is to be one and the wait fits the deadline."""
        left = talk.until - time.monotonic()
        wait = PAUSE_S if failed.wait is None else failed.wait
        if failed.wait is not None and wait >= left:
            self._held_until = time.monotonic() + min(wait, LONGEST_HOLD_S)
        if last or not failed.again or wait >= left:
            raise talk.failed(failed.code) from None
        await asyncio.sleep(wait)

    async def _once(self, talk: _Talk, rung: str) -> Answer:
        request = self._request(talk, rung)
        reply = parsed(await exchange(self._sdk().chat.completions.with_raw_response.create, **request))
        talk.spend(usage_of(reply))
        data = object_in(text_of(reply))
        return Answer(data, dict(talk.usage), talk.calls, model_name(reply, self.model))

    def _request(self, talk: _Talk, rung: str) -> dict[str, Any]:
        """The body of one more call."""
        talk.calls += 1
        system = talk.system
        options: dict[str, Any] = {}
        if rung == "json_schema":
            form = {"name": "answer", "strict": True, "schema": talk.schema}
            options["response_format"] = {"type": "json_schema", "json_schema": form}
        else:
            system += "\n\n" + phrase("model_answers_json", schema=json.dumps(talk.schema, ensure_ascii=False))
            if rung == "json_object":
                options["response_format"] = {"type": "json_object"}
        if talk.temperature is not None:
            options["temperature"] = talk.temperature
        messages = [{"role": "system", "content": system}, {"role": "user", "content": talk.user}]
        return {"model": self.model, "messages": messages, **options}

    def _sdk(self) -> AsyncOpenAI:
        if self._client is None:
            self._client = open_sdk(self._key, self._base_url, MAX_REPLY_BYTES, MAX_WIRE_BYTES)
        return self._client
