"""The questions on which documents may disagree: ``knowledge/library/claims/*.yaml``, loaded strictly.

``_reading.yaml`` says how any sentence is read (what forbids, what is only told, what limits a claim to a case); every
other file holds topics. A topic is one question with its possible answers; how an answer is recognised is written in
the frame grammar of :mod:`service.rulebook.frames`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from service.errors import phrase
from service.rulebook.frameindex import FrameIndex
from service.rulebook.frames import Frames, OneFrame
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml

FOLDER = "claims"
_READING = "_reading.yaml"
Unit = Literal["time", "money", "count", "multiple", "percent"]
Mode = Literal["same", "apart", "under", "stated"]
EVERY = "全部"
"""The case of a dimension that takes in all others."""
"""How far two claims must be about the same case: ``same`` — equal, unsaid only equals unsaid; ``apart`` — unless both
sentences (not their headings) say different things; ``under`` — as ``same``, but a law that says nothing covers every
case; ``stated`` — both say it."""


class AnswerFile(StrictModel):
    """One answer to a topic's question as the team writes it."""

    name: str
    frames: list[str] = Field(min_length=1)
    unless: list[str] = Field(default_factory=list)
    """The sentence does not give this answer when one of these stands in it."""
    denied: str | None = None
    """The answer that is given when the words are forbidden or denied; without it, none is."""
    needs: dict[str, list[str]] = Field(default_factory=dict)
    """Cases this answer is only heard in."""
    example: list[str] = Field(min_length=1)


class TopicFile(StrictModel):
    """One question."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    name: str
    about: list[str] = Field(default_factory=list)
    """The sentence, or what stands above it, must hold one of these."""
    unless: list[str] = Field(default_factory=list)
    by: dict[str, Mode] = Field(default_factory=dict)
    needs: dict[str, list[str]] = Field(default_factory=dict)
    unit: Unit | None = None
    """For questions answered by a number: every answer's frames capture it."""
    better: list[str] | Literal["more", "less"] = Field(default_factory=list)
    """Answers from worst to best for the buyer: a shop may give more than the law, never less."""
    law_only: bool = False
    """Only what falls short of the law counts; below it one document may well say less than another."""
    clash: list[tuple[str, str]] = Field(default_factory=list)
    """Answers that cannot both hold; empty: all that differ."""
    answers: dict[str, AnswerFile] = Field(min_length=1)
    near: list[str] = Field(default_factory=list)
    """Sentences that look alike and answer nothing."""


class TopicsFile(StrictModel):
    """One file of topics."""

    words: dict[str, list[str]] = Field(default_factory=dict)
    topics: list[TopicFile] = Field(min_length=1)


class LikenessFile(StrictModel):
    """When sentences no topic hears are near enough to be compared; see :mod:`service.library.conflicts.near`."""

    shared: float = Field(gt=0, le=1)
    alike: float = Field(gt=0, le=1)
    least: int = Field(ge=1)
    longest: int = Field(ge=10)
    common: float = Field(gt=0, le=1)
    kinds: list[str]
    ignore: list[str]
    denials: list[str]
    name_number: str
    name_opposite: str


class ReadingFile(StrictModel):
    """``_reading.yaml``."""

    words: dict[str, list[str]]
    forbids: list[str]
    """Frames, before the words: not to be done."""
    forbids_after: list[str]
    """Behind the words: not to be done."""
    forbids_after_by: list[str]
    """What may stand between a comma and what forbids: 返现换好评，(是)违规."""
    forbids_above: list[str]
    """In a heading or the line above a list: what follows is not to be done."""
    turns: list[str]
    """Ends the reach of what forbids."""
    told: list[str]
    """Frames: the sentence only tells what happens or what others think."""
    told_above: list[str]
    """In a heading: the same for all under it."""
    buyer_says: list[str]
    """Before a quotation: the buyer's words."""
    bad_says: list[str]
    """Before a quotation: words not to be said."""
    bad_said: list[str]
    """Behind a quotation: the same."""
    except_: list[str] = Field(alias="except")
    """In a clause: what it names is taken out, not meant."""
    cases: dict[str, dict[str, list[str]]]
    """Dimension → case → frames that say the sentence is about it."""
    likeness: LikenessFile


@dataclass(frozen=True)
class Answer:
    """One answer, compiled."""

    id: str
    entry: AnswerFile
    unless: Frames
    denies: tuple[bool, ...]
    """For each frame, whether it has a denial in it."""


@dataclass(frozen=True)
class Topic:
    """One question, compiled."""

    id: str
    entry: TopicFile
    about: Frames
    unless: Frames
    answers: Mapping[str, Answer]
    file: Path
    line: int

    def rank(self, answer: str) -> int | None:
        """How good an answer is for the buyer, or None where answers have no order."""
        better = self.entry.better
        return better.index(answer) if isinstance(better, list) and answer in better else None


@dataclass(frozen=True)
class Topics:
    """All questions and how sentences are read."""

    topics: Mapping[str, Topic]
    reading: ReadingFile
    forbids: FrameIndex[str]
    told: FrameIndex[str]
    told_above: Frames
    forbids_above: Frames
    cases: FrameIndex[tuple[str, str]]
    answers: FrameIndex[tuple[str, str]]


def fingerprint(folder: Path) -> str:
    """A short name for the state of all topic files."""
    hashed = hashlib.blake2b(digest_size=8)
    for path in sorted(folder.glob("*.yaml")):
        hashed.update(path.name.encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()


def load_topics(folder: Path) -> Topics:
    """All of ``knowledge/library/claims``.

    Raises:
        RulebookError: a broken file, an unknown class, answer, dimension or case.
    """
    file = read_yaml(folder / _READING)
    reading = file.parse(ReadingFile)
    forbids: FrameIndex[str] = FrameIndex()
    forbids.add("forbids", _frames(file, reading.forbids, reading.words, "forbids"))
    told: FrameIndex[str] = FrameIndex()
    told.add("told", _frames(file, reading.told, reading.words, "told"))
    topics: dict[str, Topic] = {}
    answers: FrameIndex[tuple[str, str]] = FrameIndex()
    for path in sorted(folder.glob("[!_]*.yaml")):
        source = read_yaml(path)
        data = source.parse(TopicsFile)
        words = reading.words | data.words
        for place, entry in enumerate(data.topics):
            where = ("topics", place)
            if entry.id in topics:
                raise source.error(phrase("topic_twice", topic=entry.id), *where)
            topics[entry.id] = _topic(source, entry, words, reading, forbids, answers, where)
    cases: FrameIndex[tuple[str, str]] = FrameIndex()
    for dimension, values in reading.cases.items():
        for case, frames in values.items():
            cases.add((dimension, case), _frames(file, frames, reading.words, "cases", dimension, case))

    def compiled(name: str) -> Frames:
        return _frames(file, getattr(reading, name), reading.words, name)

    return Topics(
        topics,
        reading,
        forbids,
        told,
        compiled("told_above"),
        compiled("forbids_above"),
        cases,
        answers,
    )


def _topic(
    file: YamlFile,
    entry: TopicFile,
    words: Mapping[str, Sequence[str]],
    reading: ReadingFile,
    forbids: FrameIndex[str],
    index: FrameIndex[tuple[str, str]],
    where: tuple[str | int, ...],
) -> Topic:
    _known(file, entry, reading, where)
    answers = {}
    for name, answer in entry.answers.items():
        place = (*where, "answers", name)
        frames = _frames(file, answer.frames, words, *place, "frames", firm=True)
        index.add((entry.id, name), frames)
        unless = _frames(file, answer.unless, words, *place, "unless")
        answers[name] = Answer(name, answer, unless, tuple(_denying(frame, forbids) for frame in frames))
    about = _frames(file, entry.about, words, *where, "about")
    unless = _frames(file, entry.unless, words, *where, "unless")
    return Topic(entry.id, entry, about, unless, answers, file.path, file.line(*where))


def _denying(frame: OneFrame, forbids: FrameIndex[str]) -> bool:
    """Whether a frame looks for a denial itself."""
    return frame.denies or any(forbids.hold(word) for need in frame.needs for word in need)


def _known(file: YamlFile, entry: TopicFile, reading: ReadingFile, where: tuple[str | int, ...]) -> None:
    """Whether every answer, dimension and case a topic names is there."""
    named = [name for pair in entry.clash for name in pair]
    named += entry.better if isinstance(entry.better, list) else []
    named += [answer.denied for answer in entry.answers.values() if answer.denied]
    for name in named:
        if name not in entry.answers:
            raise file.error(phrase("topic_no_answer", topic=entry.id, name=name), *where)
    needs = [entry.needs, *(answer.needs for answer in entry.answers.values())]
    for dimension in [*entry.by, *(name for need in needs for name in need)]:
        if dimension not in reading.cases:
            raise file.error(phrase("topic_no_case", topic=entry.id, name=dimension), *where)
    for need in needs:
        for dimension, cases in need.items():
            for case in cases:
                if case not in reading.cases[dimension]:
                    raise file.error(phrase("topic_no_case", topic=entry.id, name=case), *where)


def _frames(
    file: YamlFile, frames: Sequence[str], words: Mapping[str, Sequence[str]], *where: str | int, firm: bool = False
) -> Frames:
    try:
        return Frames(frames, words, firm=firm)
    except ValueError as error:
        raise file.error(str(error), *where) from None
