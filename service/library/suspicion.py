"""Sentences no rule of ``held.yaml`` words, but that sound like those that have to be held.

People find ever new words for the same bad advice. Sentences written for the purpose
(``knowledge/library/sentences/*.txt``: under ``[kind]`` what is to be held, in ``plain.txt`` what is not) teach a
linear model (:mod:`service.rulebook.likeness`); ``python -m service.library.suspicion`` learns anew and
writes ``_suspects.json``. Only documents from outside are listened to this way: those of the knowledge folder are
reviewed by the team, and their sentences are learned from as good ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from service.errors import RulebookError, phrase
from service.rulebook.corpus import Corpus, read_corpus
from service.rulebook.likeness import Example, Likeness, digest, read_likeness
from service.rulebook.yamlfile import StrictModel, read_front_matter, read_yaml
from service.text.normalise import fold
from service.text.segment import blank, quoted

SETTINGS = "suspects.yaml"
SENTENCES = "sentences"
WEIGHTS = "_suspects.json"


class SuspectsFile(StrictModel):
    """``suspects.yaml``."""

    reason: str
    shortest: int = Field(ge=1)
    """Letters and digits from which neighbouring clauses are weighed."""
    alarms_per_thousand: float = Field(ge=0, le=200)
    """Good sentences in a thousand that may sound bad while learning."""
    kinds: list[str] = Field(min_length=1)
    """Headings in ``sentences/``: told apart for whoever reads them, learned as one."""
    alike: list[Annotated[list[str], Field(min_length=2)]]
    """Words for the same party; all are read as the first."""


@dataclass(frozen=True)
class Suspicion:
    """What was learned, ready to be asked."""

    settings: SuspectsFile
    likeness: Likeness

    def reason(self, words: str) -> str | None:
        """Why a sentence should be held, by its sound; None when it sounds harmless."""
        weighed = self.likeness.weigh(own_words(words, self.settings))
        loud = self.likeness.windows(weighed, self.settings.shortest, self.likeness.threshold)
        return self.settings.reason if loud else None


def own_words(words: str, settings: SuspectsFile) -> str:
    """A sentence in normal form, without what it only quotes, every party called by one name."""
    folded = fold(words)
    said = blank(folded, quoted(folded))
    for first, *others in settings.alike:
        for other in others:
            said = said.replace(other, first)
    return said


def load_suspicion(folder: Path) -> Suspicion | None:
    """What was learned, from ``knowledge/library``; None where nothing was.

    Raises:
        RulebookError: a file is broken.
    """
    settings = read_yaml(folder / SETTINGS).parse(SuspectsFile)
    try:
        likeness = read_likeness(folder / WEIGHTS)
    except ValueError as error:
        raise RulebookError(folder / WEIGHTS, 0, phrase("likeness_broken", problem=error)) from None
    return None if likeness is None else Suspicion(settings, likeness)


def corpus_of(folder: Path) -> Corpus:
    """The sentences to learn from.

    Raises:
        RulebookError: a heading that names no kind, a sentence under none, another encoding.
    """
    return read_corpus(folder / SENTENCES, read_yaml(folder / SETTINGS).parse(SuspectsFile).kinds)


def stale(folder: Path, suspicion: Suspicion) -> bool:
    """Whether the weights were learned from other sentences than those that stand there."""
    return suspicion.likeness.learned_from != digest(_examples(folder))


def learn_suspicion(knowledge: Path) -> Suspicion:
    """Learn anew and write the weights; about a minute.

    Raises:
        RulebookError: a file is broken.
    """
    from service.rulebook.learning import learn  # late: it needs numpy, asking does not

    folder = knowledge / "library"
    settings = read_yaml(folder / SETTINGS).parse(SuspectsFile)
    examples = _examples(folder)
    heard = [Example(own_words(example.text, settings), example.rule) for example in examples]
    ours = [own_words(sentence, settings) for sentence in _own_sentences(knowledge)]
    learned = learn(heard, ours, settings.alarms_per_thousand)
    likeness = replace(learned, learned_from=digest(examples))
    likeness.write(folder / WEIGHTS)
    return Suspicion(settings, likeness)


def _examples(folder: Path) -> list[Example]:
    corpus = corpus_of(folder)
    like = [Example(sentence, kind) for kind, sentences in corpus.like.items() for sentence in sentences]
    return [*like, *(Example(sentence) for sentence in corpus.plain)]


def _own_sentences(knowledge: Path) -> Iterator[str]:
    """The sentences of the team's own documents, known to be good but for what their marks hold."""
    from service.library.folder import read_folder
    from service.library.split import sentences

    for document in read_folder(knowledge):
        if document.kind == "scenario":
            continue
        body = read_front_matter(knowledge / document.path.partition("/")[2])[1]
        for start, end in sentences(body, 0, len(body)):
            if (sentence := body[start:end].strip("#- \n")) and len(sentence) > 1:
                yield sentence


def main(arguments: Sequence[str]) -> None:
    """Learn anew and say how it went."""
    knowledge = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / "knowledge"
    likeness = learn_suspicion(knowledge).likeness
    print(f"{len(likeness.weights)} weights, threshold {likeness.threshold:.2f}, {likeness.learned_from}")


if __name__ == "__main__":
    main(sys.argv[1:])
