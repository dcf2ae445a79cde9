"""Which client a model's name asks for: an OpenAI-compatible endpoint, or a vendor through LangChain."""

from __future__ import annotations

from service.llm_ask import Asker
from service.settings import Settings


def client_of(settings: Settings) -> Asker | None:
    """The client the settings describe, or None when no model is configured.

    Raises:
        EnvironmentProblem: the named vendor's package is not installed.
        RulebookError: ``prompts/endpoints.yaml`` is broken.
    """
    if settings.vendor is not None:
        from service.chain_model import ChainClient

        return ChainClient.from_settings(settings)
    from service.llm import ModelClient

    return ModelClient.from_settings(settings)
