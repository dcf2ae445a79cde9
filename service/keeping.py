"""How long things are kept, and for how long at least: the numbers and the articles they rest on, ``keeping.yaml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from service.rulebook.yamlfile import StrictModel, read_yaml

_FILE = Path(__file__).with_name("keeping.yaml")


class Days(NamedTuple):
    """Days drafts nobody sent, drafts that were sent, and the trail are kept."""

    unused: int
    sent: int
    trail: int


class Floor(StrictModel):
    """The fewest days something is kept, why, and by which article."""

    days: int = Field(ge=0)
    why: str = Field(min_length=1)
    source: str = Field(min_length=1)


class Floors(StrictModel):
    """Of drafts nobody sent, drafts that were sent, and the trail."""

    unused: Floor
    sent: Floor
    trail: Floor


class Sweep(StrictModel):
    """How drafts are let go whose time is over."""

    every_hours: float = Field(gt=0)
    batch: int = Field(ge=1)
    pause_s: float = Field(ge=0)
    jump_days: int = Field(ge=1)
    claim_minutes: float = Field(gt=0)


class Erasure(StrictModel):
    """How data is erased on request."""

    vacuum_gb: float = Field(gt=0)


class Keeping(StrictModel):
    """``keeping.yaml``."""

    floors: Floors
    sweep: Sweep
    erasure: Erasure

    def days(self, retention_days: int) -> Days | None:
        """How long things are kept with this setting; None: for ever."""
        if not retention_days:
            return None
        floors = self.floors
        return Days(*(max(retention_days, floor.days) for floor in (floors.unused, floors.sent, floors.trail)))


@cache
def keeping() -> Keeping:
    """The file; read once."""
    return read_yaml(_FILE).parse(Keeping)
