"""The doctor's look at what is reached over the network: asked one question each, and only when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from service.commands.words import word
from service.errors import EmbeddingError, ModelError
from service.settings import Settings

Seen = tuple[str, str]
"""State of a line, and its text."""

_ANSWER = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
"""The smallest answer a model can be asked for."""


def look_at_model(settings: Settings, online: bool) -> Iterator[Seen]:
    """Whether a model is configured and, online, answers."""
    if not settings.model_ready:
        yield "ok", word("doctor", "model_off")
    elif not online:
        yield "ok", word("doctor", "model_on", model=settings.model)
    else:
        try:
            yield "ok", word("doctor", "model_answered", model=asyncio.run(_asked(settings)))
        except ModelError as error:
            yield "gate", error.detail


def look_at_embedding(settings: Settings, online: bool) -> Iterator[Seen]:
    """Whether an embeddings endpoint is configured and, online, gives a vector."""
    model = settings.embedding_model
    if model is None:
        yield "ok", word("doctor", "embedding_off")
    elif settings.embedding_endpoint is None:
        yield "note", word("doctor", "embedding_alone", model=model)
    elif not online:
        yield "ok", word("doctor", "embedding_on", model=model)
    else:
        try:
            yield "ok", word("doctor", "embedding_answered", model=model, dim=asyncio.run(_embedded(settings)))
        except EmbeddingError as error:
            yield "gate", error.detail


def look_at_judge(settings: Settings, online: bool) -> Iterator[Seen]:
    """Whether a judge for the evals is configured and, online, answers."""
    judging = settings.judging
    if judging is None:
        yield "ok", word("doctor", "judge_off")
    elif not judging.model_ready:
        yield "note", word("doctor", "judge_alone", model=judging.model)
    elif not online:
        yield "ok", word("doctor", "model_on", model=judging.model)
    else:
        try:
            yield "ok", word("doctor", "model_answered", model=asyncio.run(_asked(judging)))
        except ModelError as error:
            yield "note", word("doctor", "judge_failed", title=error.title)


async def _asked(settings: Settings) -> str:
    """Ask the model for the smallest answer there is; returns the name it goes by."""
    from service.model_client import client_of

    client = client_of(settings)
    assert client is not None
    try:
        question = word("doctor", "ask_model")
        return (await client.ask(question, question, _ANSWER, settings.draft_deadline_s)).model
    finally:
        await client.close()


async def _embedded(settings: Settings) -> int:
    """Ask the endpoint for one vector; returns how many numbers it has."""
    from service.llm_embed import EmbeddingClient

    client = EmbeddingClient.from_settings(settings)
    assert client is not None
    try:
        return int((await client.embed([word("doctor", "ask_embedding")], settings.draft_deadline_s)).shape[1])
    finally:
        await client.close()
