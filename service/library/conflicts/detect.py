"""Contradictions of a whole generation; what was heard in a section is remembered while its words stay the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from service.library.conflicts.claims import Claim, Listener
from service.library.conflicts.pairs import Clash, Said, Source, clashes
from service.library.conflicts.statements import statements
from service.library.conflicts.topics import Topics
from service.library.outline import Section


@dataclass(frozen=True, slots=True)
class Published:
    """A published document with its cleaned text and the sections that are taken in."""

    source: Source
    text: str
    sections: tuple[Section, ...]


class Detector:
    """Finds contradictions. One for a process; to be used by one thread at a time.

    Args:
        topics: the questions.
    """

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self._listener = Listener(topics)
        self._heard: dict[str, tuple[Claim, ...]] = {}

    def run(self, documents: Iterable[Published]) -> tuple[Clash, ...]:
        """All contradictions among these documents and within each."""
        heard: dict[str, tuple[Claim, ...]] = {}
        said: list[Said] = []
        for document in documents:
            for section in document.sections:
                said += self._section(document, section, heard)
        self._heard = heard
        return tuple(clashes(self.topics, said))

    def _section(self, document: Published, section: Section, heard: dict[str, tuple[Claim, ...]]) -> Sequence[Said]:
        text = document.text[section.body : section.end]
        if not text.strip():
            return ()
        title = document.source.title
        key = hashlib.sha256(f"{title}\0{section.path}\0{text}".encode()).hexdigest()
        if key not in heard:
            heard[key] = self._heard[key] if key in self._heard else self._listen(title, section, text)
        base = section.body
        moved = (replace(c, start=c.start + base, end=c.end + base) for c in heard[key])
        return [Said(document.source, c, document.text[c.start : c.end]) for c in moved]

    def _listen(self, title: str, section: Section, text: str) -> tuple[Claim, ...]:
        own = Section(section.path, section.level, 0, 0, len(text))
        found: list[Claim] = []
        for statement in statements(text, [own], title, self.topics.reading):
            found += self._listener.claims(statement)
        return tuple(found)
