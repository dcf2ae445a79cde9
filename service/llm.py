"""The only door to a language model: one structured question over any OpenAI-compatible endpoint.

Deadline, retries and errors are those of :mod:`service.llm_ask`. How the endpoint wants to be asked is data
(:mod:`service.llm_profile`); what keeps failing is left alone for a while (:mod:`service.llm_breaker`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from service.errors import ModelError
from service.llm_ask import MAX_REPLY_BYTES, MAX_TRIES, Answer, Asker, Talk
from service.llm_live import LiveAnswer
from service.llm_profile import Profile, Profiles, shipped
from service.llm_reply import model_name, object_in, parsed, text_of, usage_of
from service.llm_sdk import exchange, open_sdk, sendable
from service.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["MAX_REPLY_BYTES", "MAX_TRIES", "MAX_WIRE_BYTES", "Answer", "ModelClient"]

MAX_WIRE_BYTES = 1024 * 1024
"""Of a stream on the wire: an endpoint wraps some 300 bytes around every token, whatever the answer's length."""


class ModelClient(Asker):
    """An OpenAI-compatible endpoint. One per process; the SDK is imported by :meth:`open`.

    Args:
        model: the model's name at the endpoint.
        api_key: None for an endpoint that asks for none.
        base_url: None for the vendor's own address.
        profile: how the endpoint is asked; found by its address and the model's name if None.
    """

    def __init__(
        self, model: str, api_key: str | None = None, base_url: str | None = None, profile: Profile | None = None
    ) -> None:
        super().__init__(model, profile or shipped().of(base_url, model))
        self._key, self._base_url = api_key, base_url
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()

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
        """Import the SDK."""
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

    def _check(self) -> None:
        if not sendable(self._key):
            raise ModelError("llm_auth", calls=0)

    async def _whole(self, talk: Talk) -> tuple[dict[str, Any], str]:
        create = (await self.open()).chat.completions.with_raw_response.create
        reply = parsed(await exchange(create, self.profile.meaning, **self._request(talk, stream=False)))
        talk.spend(usage_of(reply))
        return object_in(text_of(reply, self.profile.meaning)), model_name(reply, self.model)

    def _live(self, talk: Talk) -> LiveAnswer:
        assert self._client is not None
        create = self._client.chat.completions.with_streaming_response.create
        request = self._request(talk, stream=True)
        return LiveAnswer(create, request, talk.until, MAX_REPLY_BYTES, self.profile.meaning)

    def _request(self, talk: Talk, stream: bool) -> dict[str, Any]:
        """The arguments of one more call."""
        talk.calls += 1
        talk.request = talk.form.request(self.profile, self.model, talk.question, stream)
        return talk.request
