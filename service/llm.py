"""The only door to a language model: one structured question over any OpenAI-compatible endpoint.

Whatever goes wrong comes out as a :class:`ModelError` with one of the ``llm_*`` codes; no key, no text of the
provider and no text of ours ever stands in it. There is one retry loop and one total deadline, both here.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.errors import ModelError, phrase
from service.llm_reply import Failed, FormRefused, model_name, object_in, parsed, text_of, usage_of
from service.llm_sdk import exchange, open_sdk, sendable
from service.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_REPLY_BYTES = 64 * 1024
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
    """The state of one question: what was spent so far."""

    until: float
    calls: int = 0
    usage: dict[str, int] = field(default_factory=dict)


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

    async def ask(self, system: str, user: str, schema: dict[str, Any], deadline: float) -> Answer:
        """Ask once and get one JSON object that was asked for by ``schema`` (which the caller validates).

        Args:
            system: the stable part of the prompt.
            user: the part about this inquiry.
            schema: a strict JSON schema of an object.
            deadline: seconds this may take in all, retries included.

        Raises:
            ModelError: whatever went wrong; parameter ``calls`` says how many requests were made.
        """
        talk = _Talk(until=time.monotonic() + deadline)
        if not sendable(self._key):
            raise ModelError("llm_auth", calls=0)
        if talk.until <= self._held_until:
            raise ModelError("llm_rate_limited", calls=0)
        try:
            async with asyncio.timeout(deadline):
                return await self._tries(talk, system, user, schema)
        except TimeoutError:
            raise ModelError("llm_timeout", calls=talk.calls) from None
        except Failed as failed:
            raise ModelError(failed.code, calls=talk.calls) from None

    async def _tries(self, talk: _Talk, system: str, user: str, schema: dict[str, Any]) -> Answer:
        tried = 0
        rung = self._rung
        while True:
            try:
                answer = await self._once(talk, system, user, schema, RUNGS[rung])
            except FormRefused:
                if rung + 1 == len(RUNGS):
                    raise Failed("llm_unavailable") from None
                rung += 1
            except Failed as failed:
                tried += 1
                await self._pause(talk, failed, last=tried >= MAX_TRIES)
            else:
                self._rung = max(self._rung, rung)
                return answer

    async def _pause(self, talk: _Talk, failed: Failed, last: bool) -> None:
        """Wait before another try, if there is to be one and the wait fits the deadline."""
        left = talk.until - time.monotonic()
        wait = PAUSE_S if failed.wait is None else failed.wait
        if failed.wait is not None and wait >= left:
            self._held_until = time.monotonic() + min(wait, LONGEST_HOLD_S)
        if last or not failed.again or wait >= left:
            raise failed
        await asyncio.sleep(wait)

    async def _once(self, talk: _Talk, system: str, user: str, schema: dict[str, Any], rung: str) -> Answer:
        options: dict[str, Any] = {}
        if rung == "json_schema":
            form = {"name": "answer", "strict": True, "schema": schema}
            options["response_format"] = {"type": "json_schema", "json_schema": form}
        else:
            system = system + "\n\n" + phrase("model_answers_json", schema=json.dumps(schema, ensure_ascii=False))
            if rung == "json_object":
                options["response_format"] = {"type": "json_object"}
        talk.calls += 1
        body = await self._post(
            model=self.model,
            messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
            **options,
        )
        reply = parsed(body)
        for name, count in usage_of(reply).items():
            talk.usage[name] = talk.usage.get(name, 0) + count
        data = object_in(text_of(reply))
        return Answer(data, dict(talk.usage), talk.calls, model_name(reply, self.model))

    async def _post(self, **request: Any) -> bytes:
        return await exchange(self._sdk().chat.completions.with_raw_response.create, **request)

    def _sdk(self) -> AsyncOpenAI:
        if self._client is None:
            self._client = open_sdk(self._key, self._base_url, MAX_REPLY_BYTES)
        return self._client
