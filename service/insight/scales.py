"""The measures of analytics, from ``knowledge/analytics.yaml``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from service.rulebook.yamlfile import StrictModel, read_yaml

Count = Annotated[int, Field(ge=1, le=10_000)]
Share = Annotated[float, Field(ge=0, le=1)]


class Edits(StrictModel):
    """When one sentence is another, changed."""

    alike: Share


class Unanswered(StrictModel):
    """When knowledge had no answer, and how such questions are shown."""

    floor: Annotated[int, Field(ge=0, le=1000)]
    looked: Count
    alike: Share
    shown: Count
    ids: Count
    excerpt: Annotated[int, Field(ge=10, le=200)]


class Learning(StrictModel):
    """When what people sent is proposed for the team's files."""

    alike: Share
    known: Share
    far: Share
    longest: Annotated[int, Field(ge=10, le=500)]
    question: Annotated[int, Field(ge=4, le=200)]
    looked: Count


class Scales(StrictModel):
    """The whole file."""

    small: Annotated[int, Field(ge=1, le=1000)]
    groups: Count
    causes: Count
    edits: Edits
    fallback: list[str]
    overdue: list[str]
    unanswered: Unanswered
    learning: Learning


def scales(folder: Path) -> Scales:
    """The measures as the file has them now.

    Args:
        folder: ``knowledge/``.

    Raises:
        RulebookError: the file is missing or wrong.
    """
    path = folder / "analytics.yaml"
    return _read(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int) -> Scales:
    return read_yaml(path).parse(Scales)
