"""Contradictions of a whole generation; what was heard in a document is remembered while its words stay the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

from service.library.conflicts.claims import Claim, Listener
from service.library.conflicts.near import NUMBER, OPPOSITE, Sentence, near, sentence_of
from service.library.conflicts.pairs import Clash, Said, Source, clashes, lone
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


@dataclass(frozen=True, slots=True)
class Heard:
    """What a document claims, and the sentences no topic hears."""

    claims: tuple[Claim, ...]
    rest: tuple[Sentence, ...]


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
        self._heard: dict[str, Heard] = {}
        self._lock = Lock()

    def run(self, documents: Iterable[Published]) -> tuple[Clash, ...]:
        """All contradictions among these documents and within each."""
        with self._lock:
            several = [(document, self._known(document)) for document in documents]
            keys = {key for _, (key, _) in several}
            if len(self._heard) > _MOST:
                self._heard = {key: heard for key, heard in self._heard.items() if key in keys}
        said = [self._said(document, claim) for document, (_, heard) in several for claim in heard.claims]
        rest = [(document, one) for document, (_, heard) in several for one in heard.rest]
        return (*clashes(self.topics, said), *self._near(rest))

    def _known(self, document: Published) -> tuple[str, Heard]:
        source = document.source
        key = hashlib.sha256(f"{source.kind}\0{source.title}\0{document.text}".encode()).hexdigest()
        if key not in self._heard:
            self._heard[key] = self.hear(document)
        return key, self._heard[key]

    def _said(self, document: Published, claim: Claim) -> Said:
        answer = self.topics.topics[claim.topic].answers[claim.answer]
        return Said(document.source, claim, document.text[claim.start : claim.end], answer.entry.name)

    def hear(self, document: Published) -> Heard:
        """What a document claims, and its other sentences, in their order."""
        claims: list[Claim] = []
        rest: list[Sentence] = []
        for statement in statements(document.text, document.sections(), document.source.title, self.topics.reading):
            mine = self._listener.claims(statement)
            claims += mine
            sentence = None if self._listener.told(statement) else sentence_of(statement, mine, self.topics)
            rest += [sentence] if sentence else []
        return Heard(tuple(claims), tuple(rest))

    def _near(self, rest: Sequence[tuple[Published, Sentence]]) -> Iterator[Clash]:
        """Sentences that look alike and differ, of two documents that hold together; none is law's to decide."""
        rules = self.topics.reading.likeness
        names = {NUMBER: rules.name_number, OPPOSITE: rules.name_opposite}
        for one, other, how in near([sentence for _, sentence in rest], rules):
            left, right = (self._alike(*rest[place], how) for place in (one, other))
            if left.source.id != right.source.id and left.source.meets(right.source):
                yield lone(how, names[how], left, right)

    @staticmethod
    def _alike(document: Published, sentence: Sentence, how: str) -> Said:
        quote = document.text[sentence.start : sentence.end]
        number = sentence.number[1] if sentence.number else None
        claim = Claim(how, how, {}, sentence.section, sentence.start, sentence.end, 0.0, number, number)
        return Said(document.source, claim, quote, quote)
