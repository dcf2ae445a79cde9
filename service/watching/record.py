"""What is seen of one request on its way, and the doors to metrics and spans for whoever has something to tell.

Nothing is switched on until a server calls :func:`watch`: the command line pays for a look at a variable. The record
lies in a context variable and is changed in place, because a stream is read from one task after another.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.watching.spans import NO_SPAN, Attribute, Kind, Span, Tracer

if TYPE_CHECKING:
    from service.watching.prometheus import Meters

Fact = str | int | float | bool | None


@dataclass(slots=True)
class Seen:
    """One request: facts for its log line, the time its checks took, the span its parts belong to."""

    facts: dict[str, Fact] = field(default_factory=dict)
    """Ids, codes, versions and times; never a word of anybody's."""
    checked_s: float = 0.0
    checking: bool = False
    parent: Span = NO_SPAN


_seen: ContextVar[Seen | None] = ContextVar("seen", default=None)
_meters: Meters | None = None
_tracer: Tracer | None = None


def watch(meters: Meters | None, tracer: Tracer | None = None) -> None:
    """Tell these from now on; None tells nobody."""
    global _meters, _tracer
    _meters, _tracer = meters, tracer


def tracer() -> Tracer | None:
    """What makes spans, if anything."""
    return _tracer


def untraced() -> Tracer | None:
    """Make no spans any more; the tracer that made them, to be closed."""
    global _tracer
    before, _tracer = _tracer, None
    return before


def meters() -> Meters | None:
    """Where numbers are kept, if anywhere."""
    return _meters


def seen() -> Seen | None:
    """The request this is done for; None outside of one."""
    return _seen.get()


@contextmanager
def seeing(record: Seen) -> Iterator[Seen]:
    """Keep a record for the time of the block and of the tasks begun in it."""
    token = _seen.set(record)
    try:
        yield record
    finally:
        _seen.reset(token)


def note(**facts: Fact) -> None:
    """Add to the log line of the request: ids, codes, versions, numbers. Never a word of anybody's."""
    record = _seen.get()
    if record is not None:
        record.facts.update(facts)


def count(name: str, *values: str, by: float = 1) -> None:
    """Count something, by the metric's full name; ``values`` are its labels in the table's order."""
    if _meters is not None:
        _meters.count(name, *values, by=by)


def observe(name: str, seconds: float, *values: str) -> None:
    """Add a duration to a distribution."""
    if _meters is not None:
        _meters.observe(name, seconds, *values)


def level(name: str, value: float, *values: str) -> None:
    """Set what is so now."""
    if _meters is not None:
        _meters.level(name, value, *values)


def change(name: str, by: float, *values: str) -> None:
    """Move what is so now, up or down."""
    if _meters is not None:
        _meters.change(name, by, *values)


def span(name: str, parent: Span | None = None, *, kind: Kind = "internal", **attributes: Attribute) -> Span:
    """Begin a span; end it, or use it as a context.

    Args:
        name: of the work.
        parent: what it is a part of; that of the request if None.
        kind: ``server`` for what a caller asked of us, ``client`` for what we ask of somebody else.
        attributes: a ``__`` in a name stands for a dot.
    """
    if _tracer is None:
        return NO_SPAN
    if parent is None:
        record = _seen.get()
        parent = record.parent if record is not None else NO_SPAN
    return _tracer.start(name, parent, kind, {key.replace("__", "."): value for key, value in attributes.items()})


def caller(trace: str, of: str, sampled: bool) -> Span:
    """The span of a caller that is believed, as the parent of ours."""
    return _tracer.remote(trace, of, sampled) if _tracer is not None else NO_SPAN


@contextmanager
def checking() -> Iterator[None]:
    """The time of a check counts as such, however checks call each other."""
    record = _seen.get()
    if record is None or record.checking:
        yield
        return
    record.checking, began = True, time.perf_counter()
    try:
        with span("check"):
            yield
    finally:
        record.checked_s += time.perf_counter() - began
        record.checking = False


def found(source: str, findings: Iterable[tuple[str, str]]) -> None:
    """Count findings: ``(category, severity)`` each; ``source`` is ``draft``, ``model`` or ``check``."""
    if _meters is not None:
        for category, severity in findings:
            _meters.count("youli_findings_total", source, category, severity)
