"""An answer of a LangChain chat model: how it is read, why it ended, what its exceptions mean.

LangSmith tracing is off for these calls whatever the environment says: prompts are nobody else's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from service.llm_ask import MAX_REPLY_BYTES
from service.llm_profile import ChainManner
from service.llm_reply import Failed, Meaning, by_status
from service.llm_stream import ObjectText

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

_KINDS = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens", "total_tokens": "total_tokens"}
_REASONS = ("finish_reason", "stop_reason", "done_reason")


class Ending:
    """What a message, or all pieces of one, tell besides text: tokens, and why it ended.

    Args:
        manner: what the reasons mean.
    """

    def __init__(self, manner: ChainManner) -> None:
        self._manner = manner
        self._reason: str | None = None
        self._counts: dict[str, int] = {}

    @property
    def reply(self) -> dict[str, Any]:
        """The tokens in the OpenAI form."""
        return {"usage": dict(self._counts)}

    def add(self, message: AIMessage) -> None:
        """Take in a message or one more piece; counts of pieces add up."""
        told: Mapping[str, Any] = message.response_metadata or {}
        for key in _REASONS:
            if told.get(key):
                self._reason = str(told[key]).lower()
        counts: Mapping[str, Any] = message.usage_metadata or {}
        for theirs, ours in _KINDS.items():
            if type(counts.get(theirs)) is int:
                self._counts[ours] = self._counts.get(ours, 0) + counts[theirs]

    def check(self) -> None:
        """Check that the answer ended of its own accord; where nobody says, the whole object is what tells.

        Raises:
            Failed: a filter ended it, or the limit did.
        """
        if self._reason in self._manner.refused:
            raise Failed("llm_refused")
        if self._reason is not None and self._reason not in self._manner.whole:
            raise Failed("llm_incomplete", again=True)


class ChainAnswer:
    """One streamed answer. It is read in a task of its own, whose context is the only one without tracing.

    Args:
        chat: the model.
        messages: what it is asked.
        options: for this call.
        until: the deadline, on the monotonic clock.
        ending: collects what the pieces tell besides text.
        meaning: what error codes mean.
    """

    def __init__(
        self,
        chat: BaseChatModel,
        messages: Sequence[BaseMessage],
        options: dict[str, Any],
        until: float,
        ending: Ending,
        meaning: Meaning,
    ) -> None:
        self._chat, self._messages, self._options = chat, list(messages), options
        self._until, self._ending, self._meaning = until, ending, meaning
        self._shown, self._spent = ObjectText(), 0
        self._queue: asyncio.Queue[str | Failed | None] = asyncio.Queue(maxsize=16)
        self._task: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        """Whether a piece was handed out."""
        return self._shown.begun

    @property
    def reply(self) -> dict[str, Any]:
        """The tokens, as far as they came."""
        return self._ending.reply

    async def open(self) -> None:
        """Ask."""
        self._task = asyncio.create_task(self._pump())

    async def next(self) -> str:
        """The next piece of the object's text; empty when the answer is whole.

        Raises:
            Failed: it broke off, was no answer, or is too long.
            TimeoutError: the deadline has passed.
        """
        while True:
            left = self._until - time.monotonic()
            if left <= 0:  # a queue that is never empty would never let a timer run
                raise TimeoutError
            async with asyncio.timeout(left):
                got = await self._queue.get()
            if got is None:
                self._ending.check()
                return ""
            if isinstance(got, Failed):
                raise got
            self._spent += len(got.encode()) + 1
            if self._spent > MAX_REPLY_BYTES:
                raise Failed("llm_bad_reply")
            if piece := self._shown.feed(got):
                return piece

    def data(self) -> dict[str, Any]:
        """The object, when :meth:`next` has come to its end.

        Raises:
            Failed: the text is none.
        """
        return self._shown.data()

    async def close(self) -> None:
        """End the task, and the call with it."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _pump(self) -> None:
        from langsmith import tracing_context

        last: Failed | None = None
        try:
            with tracing_context(enabled=False):
                async for chunk in self._chat.astream(self._messages, **self._options):
                    self._ending.add(chunk)
                    await self._queue.put(chunk.text)
        except Exception as error:
            last = typed(error, self._meaning)
        await self._queue.put(last)


def typed(error: Exception, meaning: Meaning) -> Failed:
    """What a vendor's exception means, by the status it or what it was raised from carries; its text is not kept."""
    seen: BaseException | None = error
    for _ in range(4):
        if seen is None:
            break
        if isinstance(seen, TimeoutError):
            return Failed("llm_timeout", again=True)
        response = getattr(seen, "response", None)
        for holder, name in ((seen, "status_code"), (response, "status_code"), (seen, "code")):
            status = getattr(holder, name, None)
            if isinstance(status, int) and 400 <= status < 600:
                headers = getattr(response, "headers", None)
                headers = headers if isinstance(headers, Mapping) else {}
                found = by_status(status, getattr(seen, "body", None), headers, formed=False, meaning=meaning)
                return found if isinstance(found, Failed) else Failed("llm_unavailable")
        seen = seen.__cause__ or seen.__context__
    return Failed("llm_unavailable", again=True)
