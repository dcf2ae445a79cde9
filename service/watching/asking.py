"""A question to a model or an embeddings endpoint, as a span with the ``gen_ai.*`` names and as numbers.

What was asked and what was answered is never recorded. Nothing of ours travels to the endpoint: its owner is a stranger
to whom our trace ids would tell which requests belong together.
"""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Mapping
from types import TracebackType

from service.watching import record
from service.watching.vocabulary import LEFT, OK

FINISHED = {"llm_incomplete": "length", "llm_refused": "content_filter"}
"""Why an answer ended, by the code of what is wrong with it."""


class Asking:
    """One question, retries included; a context that learns how it ended.

    Args:
        operation: ``chat`` or ``embeddings``.
        model: its name as set.
        provider: the id of the profile it is asked by, or of the vendor.
    """

    def __init__(self, operation: str, model: str, provider: str) -> None:
        self._chat = operation == "chat"
        self._began, self._calls = time.perf_counter(), 0
        self._usage: Mapping[str, int] = {}
        self._span = record.span(
            f"{operation} {model}",
            kind="client",
            gen_ai__operation__name=operation,
            gen_ai__provider__name=provider,
            gen_ai__request__model=model,
        )

    def answered(self, model: str) -> None:
        """It was answered whole, by the model of this name."""
        self._span.set(gen_ai__response__model=model)
        if self._chat:
            self._span.set(gen_ai__response__finish_reasons=["stop"])

    def spent(self, calls: int, usage: Mapping[str, int]) -> None:
        """Requests made for it so far, and tokens as the endpoint counts them, in all."""
        self._calls, self._usage = calls, usage

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        outcome = OK if error is None else str(getattr(error, "code", "llm_unavailable"))
        if isinstance(error, (GeneratorExit, CancelledError)):
            outcome = LEFT
        if outcome != OK:
            self._span.fail(outcome)
            if outcome in FINISHED:
                self._span.set(gen_ai__response__finish_reasons=[FINISHED[outcome]])
        name = "model" if self._chat else "embedding"
        record.count(f"youli_{name}_questions_total", outcome)
        if self._calls:  # an endpoint that rests takes no time
            record.count(f"youli_{name}_calls_total", by=self._calls)
            record.observe(f"youli_{name}_seconds", time.perf_counter() - self._began)
        self._tell_tokens()
        self._span.end()

    def _tell_tokens(self) -> None:
        self._span.set(youli__calls=self._calls)
        for kind, theirs, attribute in _TOKENS:
            if number := self._usage.get(theirs, 0):
                self._span.set(**{attribute: number})
                if self._chat:
                    record.count("youli_model_tokens_total", kind, by=number)


_TOKENS = (
    ("prompt", "prompt_tokens", "gen_ai__usage__input_tokens"),
    ("completion", "completion_tokens", "gen_ai__usage__output_tokens"),
)
