"""What a reader hands back, and how it says no; imported by both sides of the process border."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Content:
    """The readable part of a file.

    Attributes:
        text: Markdown with plain line feeds.
        hidden: what a reader of the file would not see, as (how it was hidden, text).
        dropped: what belongs to the page and not to the document, as (rule, lines).
        images: pictures without words.
        tables: tables whose rows could not be kept apart.
        notes: names of phrases a person should read.
        title: what the file calls itself beside its text, empty if nothing.
    """

    text: str
    hidden: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[tuple[str, list[str]]] = field(default_factory=list)
    images: int = 0
    tables: int = 0
    notes: list[str] = field(default_factory=list)
    title: str = ""

    def plain(self) -> dict[str, Any]:
        """As plain data, for the pipe."""
        return asdict(self)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Content:
        """From plain data."""
        hidden = [(str(kind), str(text)) for kind, text in data["hidden"]]
        dropped = [(str(rule), [str(line) for line in lines]) for rule, lines in data["dropped"]]
        return cls(
            str(data["text"]),
            hidden,
            dropped,
            int(data["images"]),
            int(data["tables"]),
            list(map(str, data["notes"])),
            str(data["title"]),
        )


class Unreadable(Exception):
    """The file cannot be taken; ``name`` is a phrase of the message file, ``parameters`` fill it."""

    def __init__(self, name: str, **parameters: Any) -> None:
        self.name, self.parameters = name, parameters
        super().__init__(name)
