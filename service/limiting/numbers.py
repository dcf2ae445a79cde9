"""All limits in one place: read from ``limits.yaml`` once a process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from service.rulebook.yamlfile import StrictModel, read_yaml

FILE = Path(__file__).with_name("limits.yaml")

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Bytes = Annotated[int, Field(ge=64)]


def _offset(written: str) -> str:
    datetime.strptime(written, "%z")
    return written


class Rates(StrictModel):
    """How requests of a key are counted."""

    window_s: Annotated[int, Field(ge=1, le=3600)]
    redis_timeout_s: Seconds
    redis_retry_s: Seconds


class Tokens(StrictModel):
    """How the tokens of a key are counted."""

    day_begins: Annotated[str, AfterValidator(_offset)]
    """Offset from UTC of the midnight at which a shop's day begins."""
    per_char: Annotated[float, Field(gt=0)]
    per_answer: Annotated[int, Field(ge=1)]

    @property
    def zone(self) -> timezone:
        """The zone of a shop's day."""
        return timezone(datetime.strptime(self.day_begins, "%z").utcoffset() or timedelta())

    def day(self, now: datetime) -> str:
        """The shop's day an aware time falls on."""
        return now.astimezone(self.zone).date().isoformat()

    def left_of_day(self, now: datetime) -> float:
        """Seconds from an aware time until the shop's next day begins."""
        here = now.astimezone(self.zone)
        begins = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (begins - here).total_seconds()


class Class(StrictModel):
    """One class of work: which requests it is, and how many of it may be under way."""

    paths: list[str]
    at_once: Annotated[int, Field(ge=1)] | Literal["settings"]
    streams: bool = False
    """Whether its bodies are worked on while they come in; others take their slot when they are whole."""


class Busy(StrictModel):
    """When the machine itself has had enough, and how long people are told to wait."""

    longest_turn_s: Seconds
    retry_most_s: Seconds
    recent_s: Seconds


class Bodies(StrictModel):
    """How long and how slow a body may be."""

    json_bytes: Bytes
    file_bytes: Bytes
    form_bytes: Bytes
    form_path: str
    grace_s: Seconds
    slowest: Bytes
    longest_s: Seconds
    form_longest_s: Seconds


class Connections(StrictModel):
    """How many connections there may be, and how long each may take for what."""

    most: Annotated[int, Field(ge=1)]
    spare_files: Annotated[int, Field(ge=0)]
    head_s: Seconds
    head_bytes: Bytes
    headers: Annotated[int, Field(ge=8)]
    url_bytes: Bytes
    idle_s: Seconds
    write_s: Seconds
    linger_s: Seconds
    linger_bytes: Bytes
    look_s: Seconds


class Numbers(StrictModel):
    """The whole file."""

    rates: Rates
    tokens: Tokens
    admission: dict[str, Class]
    always: list[str]
    busy: Busy
    bodies: Bodies
    connections: Connections


@cache
def numbers() -> Numbers:
    """The limits in force.

    Raises:
        RulebookError: the file is broken.
    """
    return read_yaml(FILE).parse(Numbers)


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)
