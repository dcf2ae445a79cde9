"""Contradictions of a whole generation; what was heard in a document is remembered while its words stay the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

from service.library.conflicts.claims import Claim, Listener
from service.library.conflicts.pairs import Clash, Said, Source, clashes
from service.library.conflicts.statements import statements
from service.library.conflicts.topics import Topics, fingerprint, load_topics
from service.library.outline import Section

_MOST = 5_000
"""Documents whose claims are remembered; then those of the last run only."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published document with its cleaned text; ``sections`` outlines it when its words are new."""

    source: Source
    text: str
    sections: Callable[[], Sequence[Section]]


def detector_of(folder: Path) -> Detector:
    """The detector for a folder of topics, one a process and state of the files.

    Raises:
        RulebookError: a file of the folder is broken.
    """
    return _detector(folder, fingerprint(folder))


@lru_cache(maxsize=2)
def _detector(folder: Path, state: str) -> Detector:
    return Detector(load_topics(folder))


class Detector:
    """Finds contradictions; one run at a time.

    Args:
        topics: the questions.
    """

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self._listener = Listener(topics)
        self._heard: dict[str, tuple[Claim, ...]] = {}
        self._lock = Lock()

    def run(self, documents: Iterable[Published]) -> tuple[Clash, ...]:
        """All contradictions among these documents and within each."""
        with self._lock:
            heard: dict[str, tuple[Claim, ...]] = {}
            said = [one for document in documents for one in self._said(document, heard)]
            self._heard = heard if len(self._heard) > _MOST else self._heard | heard
        return tuple(clashes(self.topics, said))

    def _said(self, document: Published, heard: dict[str, tuple[Claim, ...]]) -> Iterable[Said]:
        source, text = document.source, document.text
        key = hashlib.sha256(f"{source.kind}\0{source.title}\0{text}".encode()).hexdigest()
        if key not in heard:
            heard[key] = self._heard[key] if key in self._heard else self.claims(document)
        for claim in heard[key]:
            answer = self.topics.topics[claim.topic].answers[claim.answer]
            yield Said(source, claim, text[claim.start : claim.end], answer.entry.name)

    def claims(self, document: Published) -> tuple[Claim, ...]:
        """What a document claims, in its order."""
        told = statements(document.text, document.sections(), document.source.title, self.topics.reading)
        return tuple(claim for statement in told for claim in self._listener.claims(statement))
