"""The draft a request was promised before its work began, so that a retry after a crash finds it.

A context variable rather than an argument: the doors know nothing of it, and the drafter is asked by many who promise
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from service.schemas import Draft


@dataclass(slots=True)
class Promise:
    """What the next draft of this context is to be called."""

    id: str
    draft: Draft | None = None
    """The draft of this id: kept by a process that ended before it could answer, or made under this promise."""


_promise: ContextVar[Promise | None] = ContextVar("promise", default=None)


def promised() -> Promise | None:
    """What was promised in this context; nothing unless somebody did."""
    return _promise.get()


@contextmanager
def promising(promise: Promise) -> Iterator[None]:
    """Promise a draft for the time of the block."""
    token = _promise.set(promise)
    try:
        yield
    finally:
        _promise.reset(token)
