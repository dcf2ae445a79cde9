"""Watching: numbers for Prometheus, spans for a collector, facts for the log. What a person said is in none of them.

Anybody below the doors may tell something by :func:`count`, :func:`observe`, :func:`span` and :func:`note`; nothing
happens unless a server watches. The metrics are the table ``metrics.zh.yaml``.
"""

from service.watching.asking import Asking
from service.watching.course import Course
from service.watching.record import (
    Seen,
    caller,
    change,
    checking,
    count,
    found,
    level,
    meters,
    note,
    observe,
    seeing,
    seen,
    span,
    watch,
)
from service.watching.spans import NO_SPAN, Span
from service.watching.starting import NOWHERE, start, stop
from service.watching.vocabulary import LEFT, METHODS, NONE, OK, OTHER

__all__ = [
    "LEFT",
    "METHODS",
    "NONE",
    "NOWHERE",
    "NO_SPAN",
    "OK",
    "OTHER",
    "Asking",
    "Course",
    "Seen",
    "Span",
    "caller",
    "change",
    "checking",
    "count",
    "found",
    "level",
    "meters",
    "note",
    "observe",
    "seeing",
    "seen",
    "span",
    "start",
    "stop",
    "watch",
]
