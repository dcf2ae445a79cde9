"""How facts are heard (``knowledge/reading/*.yaml``): frames by fact and value, for buyer, agent and record.

Under ``heard: <fact>: <value>:`` stand ``frames`` and ``unless`` in the frame grammar, and ``match`` / ``not_match``
sentences that are their tests. For a number fact the value is the capture that holds the number (数, 时长, 金额);
for a flag it is 是 or 否; for a text fact 文, and the matched words are the value (文.类 = only that class's words).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from service.errors import phrase
from service.rulebook.alike import ByExample, load_examples
from service.rulebook.facts import FactBook
from service.rulebook.frames import FrameIndex, Frames
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml

Speaker = Literal["buyer", "agent", "record"]
SPEAKERS: tuple[Speaker, ...] = ("buyer", "agent", "record")
EXAMPLES = "examples"
CAPTURES = ("数", "时长", "金额")
FLAG_WORDS = {"是": True, "否": False}
WHOLE = "文"


class HeardFile(StrictModel):
    """One value of one fact as the team writes it."""

    frames: list[str]
    unless: list[str] = Field(default_factory=list)
    speakers: tuple[Speaker, ...] = ("buyer",)
    match: list[str] = Field(default_factory=list)
    not_match: list[str] = Field(default_factory=list)


class ReadingFile(StrictModel):
    """One file of ``knowledge/reading``."""

    words: dict[str, list[str]] = Field(default_factory=dict)
    keys: dict[str, str] = Field(default_factory=dict)
    """Parts of record keys (``coupon``, ``freight``) → the word they stand for."""
    heard: dict[str, dict[str, HeardFile]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Pattern:
    """One value's frames, compiled, and where they stand in the files (``rank`` breaks ties)."""

    fact: str
    value: str
    entry: HeardFile
    frames: Frames
    unless: Frames | None
    rank: int
    file: Path
    line: int


@dataclass(frozen=True)
class Listening:
    """All patterns, one index a speaker, and the words of record keys."""

    patterns: tuple[Pattern, ...]
    indexes: dict[Speaker, FrameIndex[Pattern]]
    keys: dict[str, str]
    by_example: tuple[ByExample, ...] = ()
    """Facts that are heard by likeness where no frame hears them."""

    def hint(self, key: str) -> str:
        """What a record's key says in Chinese, part by part: ``coupon_cap`` → 券上限."""
        return "".join(self.keys.get(part, "" if part.isascii() else part) for part in key.lower().split("_"))


def load_listening(folder: Path, facts: FactBook) -> Listening:
    """All reading files.

    Raises:
        RulebookError: broken file, unknown fact, value or word class.
    """
    patterns: list[Pattern] = []
    keys: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        file = read_yaml(path)
        data = file.parse(ReadingFile)
        keys |= data.keys
        for fact, values in data.heard.items():
            for value, entry in values.items():
                _check_value(file, facts, fact, value)
                patterns.append(_pattern(file, data, fact, value, entry, len(patterns)))
    indexes: dict[Speaker, FrameIndex[Pattern]] = {}
    for speaker in SPEAKERS:
        indexes[speaker] = FrameIndex()
        for pattern in patterns:
            if speaker in pattern.entry.speakers:
                indexes[speaker].add(pattern, pattern.frames)
        indexes[speaker].compile()
    told = [
        (pattern.fact, sentence, value)
        for pattern in patterns
        if "buyer" in pattern.entry.speakers
        for sentences, value in ((pattern.entry.match, pattern.value), (pattern.entry.not_match, None))
        for sentence in sentences
    ]
    return Listening(tuple(patterns), indexes, keys, load_examples(folder / EXAMPLES, facts, told))


def _pattern(file: YamlFile, data: ReadingFile, fact: str, value: str, entry: HeardFile, rank: int) -> Pattern:
    where = ("heard", fact, value)
    try:
        frames = Frames(entry.frames, data.words)
        unless = Frames(entry.unless, data.words) if entry.unless else None
    except ValueError as error:
        raise file.error(str(error), *where) from None
    return Pattern(fact, value, entry, frames, unless, rank, file.path, file.line(*where))


def _check_value(file: YamlFile, facts: FactBook, fact: str, value: str) -> None:
    kind = facts.kind(fact)
    if kind is None:
        raise file.error(phrase("condition_no_fact", name=fact), "heard", fact)
    base = value.rstrip("0123456789")
    fits = {
        "number": base in CAPTURES,
        "flag": base in FLAG_WORDS,
        "text": base.partition(".")[0] == WHOLE,
        "choice": kind == "choice" and facts.has_value(fact, value),
    }[kind]
    if not fits:
        raise file.error(phrase("condition_no_value", name=value), "heard", fact, value)
