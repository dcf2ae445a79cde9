"""Models of vendors without an OpenAI-compatible endpoint, through LangChain's ``init_chat_model``.

``YOULI_MODEL=anthropic:claude-…`` names a vendor and its model. The vendor's package is an extra; its key stands in the
variable the vendor's own documentation names, and ours never goes there. Deadline, retries, breaker and errors are
those of every model (:mod:`service.llm_ask`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from service.chain_live import ChainAnswer, Ending, typed
from service.errors import EnvironmentProblem, ModelError
from service.llm_ask import MAX_REPLY_BYTES, Asker, Talk
from service.llm_form import Question
from service.llm_profile import ChainManner, Profile, Profiles
from service.llm_reply import Failed, object_in, usage_of
from service.settings import VENDORS, Settings

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import BaseMessage

Make = Callable[[], "BaseChatModel"]


class ChainClient(Asker):
    """A LangChain chat model, asked as an endpoint is.

    Args:
        model: vendor and name, as set.
        profile: how it is asked.
        manner: what ends of an answer mean.
        make: makes the chat model; run in a thread.
    """

    def __init__(self, model: str, profile: Profile, manner: ChainManner, make: Make) -> None:
        super().__init__(model, profile)
        self._manner, self._make = manner, make
        self._chat: BaseChatModel | None = None
        self._opening = asyncio.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> ChainClient | None:
        """The client for a model with a vendor in front, or None for any other.

        Raises:
            EnvironmentProblem: the vendor's package is not installed.
            RulebookError: ``prompts/endpoints.yaml`` is broken.
        """
        if settings.vendor is None or settings.model is None:
            return None
        vendor, name = settings.vendor, settings.model.partition(":")[2]
        package = VENDORS[vendor]
        if find_spec(package.replace("-", "_")) is None:
            raise EnvironmentProblem("vendor_package_missing", model=settings.model, package=package)
        profiles = Profiles.load(settings.prompts_dir)
        profile, manner = profiles.of(f"chain://{vendor}", name), profiles.chain

        def make() -> BaseChatModel:
            from langchain.chat_models import init_chat_model

            return init_chat_model(name, model_provider=vendor, max_retries=0, max_tokens=manner.tokens)

        return cls(settings.model, profile, manner, make)

    async def open(self) -> BaseChatModel:
        """Import LangChain and the vendor's package; it retries nothing, the one retry loop is ours.

        Raises:
            ModelError: the model cannot be made; mostly there is no key.
        """
        async with self._opening:
            if self._chat is None:
                try:
                    self._chat = await asyncio.to_thread(self._make)
                except Exception:  # every vendor has its own, and they quote settings
                    raise ModelError("llm_auth", calls=0) from None
            return self._chat

    async def close(self) -> None:
        """Let go of the model; LangChain closes its connections itself."""
        self._chat = None

    def _check(self) -> None:
        """Nothing can be told before the vendor is asked."""

    async def _whole(self, talk: Talk) -> tuple[dict[str, Any], str]:
        from langsmith import tracing_context

        chat = await self.open()
        talk.calls += 1
        try:
            with tracing_context(enabled=False):
                message = await chat.ainvoke(_messages(talk), **_options(self.profile, talk.question))
        except Exception as error:
            raise typed(error, self.profile.meaning) from None
        ending = Ending(self._manner)
        ending.add(message)
        talk.spend(usage_of(ending.reply))
        if len(message.text.encode()) > MAX_REPLY_BYTES:
            raise Failed("llm_bad_reply")
        ending.check()
        return object_in(message.text), self.model

    def _live(self, talk: Talk) -> ChainAnswer:
        assert self._chat is not None
        talk.calls += 1
        options = _options(self.profile, talk.question)
        return ChainAnswer(self._chat, _messages(talk), options, talk.until, Ending(self._manner), self.profile.meaning)


def _messages(talk: Talk) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage, SystemMessage

    return [SystemMessage(talk.question.in_words()), HumanMessage(talk.question.user)]


def _options(profile: Profile, question: Question) -> dict[str, Any]:
    temperature = profile.heat(question.temperature)
    return {} if temperature is None else {"temperature": temperature}
