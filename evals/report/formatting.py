"""How numbers and moments are written in every report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from evals.report.names import phrase
from evals.report.page import NOTHING, shop_time


def percent(share: float | None) -> str:
    """A share of one as a percentage."""
    return NOTHING if share is None else f"{100 * share:.1f}%"


def points(value: float | None) -> str:
    """Points with one decimal; the two ends of the scale without."""
    if value is None:
        return NOTHING
    return f"{value:.0f}" if value in (0, 100) else f"{value:.1f}"


def signed(value: float) -> str:
    """A difference with its sign, a real minus."""
    return f"{value:+.1f}".replace("-", "−")


def moment(value: datetime) -> str:
    """A moment by the shops' clock, to the minute."""
    return f"{shop_time(value):%Y-%m-%d %H:%M}"


def duration(seconds: float) -> str:
    """Seconds in words."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes:
        return phrase("time", "minutes", minutes=minutes, seconds=rest)
    return phrase("time", "seconds", seconds=_short(seconds))


def milliseconds(value: float) -> str:
    """Milliseconds in words."""
    return phrase("time", "milliseconds", value=_short(value))


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


FORMATS: Mapping[str, Callable[..., Any]] = {
    one.__name__: one for one in (percent, points, signed, moment, duration, milliseconds)
}
"""By the names templates use."""
