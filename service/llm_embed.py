"""The only door to an embeddings endpoint: texts in, unit vectors out, in the order they were given.

Whatever goes wrong comes out as an :class:`EmbeddingError`; no key, no text of the provider and no text of ours stands
in it. There is one retry loop and one total deadline, both here. What a vector must be (as many as asked for, in the
order of ``index``, of one length, finite, not zero) is checked here too, so that nothing worse is ever stored.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from service.errors import EmbeddingError
from service.llm_profile import shipped
from service.llm_reply import Failed, Meaning, parsed
from service.llm_sdk import exchange, open_sdk, sendable
from service.settings import Settings
from service.watching import Asking

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from openai import AsyncOpenAI

    Matrix = NDArray[np.float32]

BATCH = 10
"""Texts in one call; DashScope's text-embedding-v4 takes no more, and others are hardly faster with more."""
PARALLEL = 4
"""Calls at a time: enough to hide the way there and back, few enough for the smallest rate limits."""
MAX_CHARS = 500
"""Characters of a text that are sent: the smallest window in use (bge-*-zh) is 512 tokens, about one a character."""
MAX_TRIES = 3
PAUSE_S = 0.2
"""Wait before the second try when the endpoint names no time of its own; twice as long before the third."""
MAX_REPLY_BYTES = 4 * 2**20
"""Ten vectors of 8,192 numbers in decimal are under 2 MB."""
MAX_DIM = 8_192


class EmbeddingClient:
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
        self._opening = asyncio.Lock()
        self._meaning: Meaning | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> EmbeddingClient | None:
        """The client the settings describe, or None when no embedding model is configured."""
        at = settings.embedding_endpoint
        if at is None or settings.embedding_model is None:
            return None
        return cls(settings.embedding_model, at.key.get_secret_value() if at.key else None, at.url)

    async def open(self) -> AsyncOpenAI:
        """Import the SDK, in a thread: that takes longer than a query has, and must not count against it."""
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(open_sdk, self._key, self._base_url, MAX_REPLY_BYTES)
            return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def embed(self, texts: Sequence[str], deadline: float) -> Matrix:
        """One unit row a text, float32.

        Args:
            texts: what to embed, already without personal data; none of them blank.
            deadline: seconds this may take in all, retries included.

        Raises:
            EmbeddingError: whatever went wrong; parameter ``wait`` is how long the endpoint asked to be left alone,
                ``text`` the place of a text it refuses for its content.
        """
        import numpy as np

        with Asking("embeddings", self.model, "openai") as asking:
            asking.spent(-(-len(texts) // BATCH), {})
            rows = await self._rows(texts, deadline)
            asking.answered(self.model)
        if len({row.shape[1] for row in rows}) > 1:
            raise EmbeddingError("embedding_bad_reply")
        matrix: Matrix = np.concatenate(rows) if rows else np.zeros((0, 0), dtype=np.float32)
        return matrix

    async def _rows(self, texts: Sequence[str], deadline: float) -> list[Matrix]:
        if not sendable(self._key):
            raise EmbeddingError("embedding_auth")
        await self.open()
        until = time.monotonic() + deadline
        slots = asyncio.Semaphore(PARALLEL)  # of this call: a query does not queue behind a document
        starts = range(0, len(texts), BATCH)
        try:
            async with asyncio.timeout(deadline):
                return await _together([self._batch(texts[at : at + BATCH], at, until, slots) for at in starts])
        except TimeoutError:
            raise EmbeddingError("embedding_timeout") from None

    async def _batch(self, texts: Sequence[str], place: int, until: float, slots: asyncio.Semaphore) -> Matrix:
        tried = 0
        while True:
            try:
                async with slots:
                    return vectors_in(await self._post([text[:MAX_CHARS] for text in texts]), len(texts))
            except Failed as failed:
                if failed.code == "llm_refused" and len(texts) > 1:
                    return await self._halves(texts, place, until, slots)
                tried += 1
                wait = PAUSE_S * 2 ** (tried - 1) if failed.wait is None else failed.wait
                if tried >= MAX_TRIES or not failed.again or wait >= until - time.monotonic():
                    raise _typed(failed, place) from None
                await asyncio.sleep(wait)

    async def _halves(self, texts: Sequence[str], place: int, until: float, slots: asyncio.Semaphore) -> Matrix:
        """Find the one text a filter refuses, so that the caller can leave it out."""
        import numpy as np

        half = len(texts) // 2
        first = await self._batch(texts[:half], place, until, slots)
        return np.concatenate([first, await self._batch(texts[half:], place + half, until, slots)])

    async def _post(self, texts: list[str]) -> bytes:
        sdk = await self.open()
        if self._meaning is None:
            self._meaning = shipped().of(self._base_url, self.model).meaning
        create = sdk.embeddings.with_raw_response.create
        return await exchange(create, self._meaning, model=self.model, input=texts, encoding_format="float")


def vectors_in(body: bytes, count: int) -> Matrix:
    """The unit vectors of a reply to ``count`` texts, by ``index``.

    Raises:
        Failed: not ``count`` of them, an index twice or out of range, of unequal length, not finite, or zero.
    """
    import numpy as np

    data = parsed(body).get("data")
    if not isinstance(data, list) or len(data) != count or not all(isinstance(item, dict) for item in data):
        raise Failed("llm_bad_reply", again=True)
    places = [item.get("index") for item in data]
    if places == [None] * count:  # some gateways leave it out; the order is all there is then
        places = list(range(count))
    if sorted(place for place in places if type(place) is int) != list(range(count)):
        raise Failed("llm_bad_reply", again=True)
    rows = [_numbers(item.get("embedding")) for _, item in sorted(zip(places, data, strict=True), key=_first)]
    if len({len(row) for row in rows}) != 1 or not 0 < len(rows[0]) <= MAX_DIM:
        raise Failed("llm_bad_reply", again=True)
    matrix = np.stack(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 1e-6).all():
        raise Failed("llm_bad_reply", again=True)
    unit: Matrix = (matrix / lengths).astype(np.float32)
    return unit


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _numbers(value: object) -> NDArray[np.float64]:
    """A vector as numbers or, as some servers send it whatever was asked for, as base64 of float32."""
    import numpy as np

    try:
        if isinstance(value, str):
            return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float64)
        if isinstance(value, list) and all(type(number) in (float, int) for number in value):
            return np.array(value, dtype=np.float64)
    except (binascii.Error, ValueError, OverflowError):
        pass
    raise Failed("llm_bad_reply", again=True)


async def _together(batches: Sequence[Any]) -> list[Matrix]:
    """All batches at once; the first failure ends the rest."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(batch) for batch in batches]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _typed(failed: Failed, place: int) -> EmbeddingError:
    code = failed.code.replace("llm_", "embedding_", 1)
    if code == "embedding_too_long":  # texts are cut far below any limit: then the endpoint is not what it seems
        code = "embedding_unavailable"
    more = {"text": place} if code == "embedding_refused" else {}
    return EmbeddingError(code, wait=failed.wait or 0.0, **more)
