"""Spans as the rest of the house sees them: cheap nothings, unless a collector is to be told."""

from __future__ import annotations

from types import TracebackType
from typing import Literal, Protocol

Attribute = str | int | float | bool | list[str]
Kind = Literal["internal", "server", "client"]


class Span:
    """A stretch of work. This one is nothing: what is said to it is lost."""

    __slots__ = ()

    trace = ""
    """Id of the trace, in hex; empty where there is none."""

    def set(self, **attributes: Attribute) -> None:
        """Add attributes; a ``__`` in a name stands for a dot."""

    def rename(self, name: str) -> None:
        """Its name, once it is known."""

    def fail(self, code: str) -> None:
        """It did not come to what it was for; ``code`` is ours."""

    def end(self) -> None:
        """It is over."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            self.fail(str(getattr(error, "code", type(error).__name__)))
        self.end()


NO_SPAN = Span()


class Tracer(Protocol):
    """Makes spans that are told to a collector."""

    def start(self, name: str, parent: Span, kind: Kind, attributes: dict[str, Attribute]) -> Span:
        """Begin one.

        Args:
            name: of the work, not of what it is about.
            parent: what it is a part of; :data:`NO_SPAN` for the first.
            kind: ``server`` for what a caller asked of us, ``client`` for what we ask of somebody else.
            attributes: with their dots.
        """

    def remote(self, trace: str, span: str, sampled: bool) -> Span:
        """A caller's span, as the parent of ours."""

    def close(self) -> None:
        """Send what is left. Blocking, a few seconds at most."""
