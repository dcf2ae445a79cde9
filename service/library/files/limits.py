"""``files.yaml``: which files are taken, how large, and what is said of the others."""

from __future__ import annotations

from pydantic import Field

from service.rulebook.yamlfile import StrictModel


class Limits(StrictModel):
    """Bounds of one file; sizes in the unit of the name."""

    bytes: int = Field(ge=1024)
    chars: int = Field(ge=1000)
    pages: int = Field(ge=1)
    seconds: float = Field(ge=1, le=60)
    """Of the processor: what a file costs does not depend on who else is busy."""
    wall_seconds: float = Field(ge=1, le=120)
    memory_mb: int = Field(ge=128)
    at_once: int = Field(ge=1)
    zip_entries: int = Field(ge=10)
    zip_mb: int = Field(ge=1)
    xml_mb: int = Field(ge=1)
    zip_ratio: int = Field(ge=2)
    ratio_from_kb: int = Field(ge=1)


class Advice(StrictModel):
    """What to do with file types that are not taken."""

    suffixes: list[str] = Field(min_length=1)
    say: str


class HiddenSize(StrictModel):
    """How much hidden text is kept (and held), at least one measure reached; less is only counted."""

    min_han: int = Field(ge=1)
    min_words: int = Field(ge=1)
    max_chars: int = Field(ge=0)


class Chinese(StrictModel):
    """When a document does not look Chinese."""

    share: float = Field(ge=0, le=1)
    letters: int = Field(ge=1)


class FileRules(StrictModel):
    """``files.yaml``."""

    limits: Limits
    advice: list[Advice]
    word_headings: dict[str, int]
    page_number: str
    """A pattern of lines at the edge of a PDF page that only number it."""
    hidden: HiddenSize
    chinese: Chinese
