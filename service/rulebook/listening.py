"""How facts are heard (``knowledge/reading/*.yaml``): frames by fact and value, for buyer, agent and record.

Under ``heard: <fact>: <value>:`` stand ``frames`` and ``unless`` in the frame grammar, and ``match`` / ``not_match``
sentences that are their tests. For a number fact the value is the capture that holds the number (数, 时长, 金额);
for a flag it is 是 or 否; for a text fact 文, and the matched words are the value (文.类 = only that class's words).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from service.errors import phrase
from service.rulebook.alike import ByExample, load_examples
from service.rulebook.facts import FactBook
from service.rulebook.frameindex import FrameIndex
from service.rulebook.frames import Frames
from service.rulebook.messages import Weighing, load_weighings
from service.rulebook.shelf import Shelf, fingerprint
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml

Speaker = Literal["buyer", "agent", "record"]
SPEAKERS: tuple[Speaker, ...] = ("buyer", "agent", "record")
EXAMPLES, MESSAGES = "examples", "messages"
CAPTURES = ("数", "时长", "金额")
FLAG_WORDS = {"是": True, "否": False}
WHOLE = "文"


class HeardFile(StrictModel):
    """One value of one fact as the team writes it."""

    frames: list[str]
    unless: list[str] = Field(default_factory=list)
    """Not heard when one of these stands in the same sentence."""
    unless_here: list[str] = Field(default_factory=list)
    """Not heard when one of these stands in the very clause."""
    asked: list[str] = Field(default_factory=list)
    """Further frames; what they hear, and what else is heard in their clause, is only asked about."""
    speakers: tuple[Speaker, ...] = ("buyer",)
    match: list[str] = Field(default_factory=list)
    not_match: list[str] = Field(default_factory=list)


class SupposedFile(StrictModel):
    """Frames by which a sentence only supposes: what an agent says in it (要是有毛病，拍给我) states nothing."""

    frames: list[str]
    but_for: list[str] = Field(default_factory=list)
    """Facts that are heard all the same: a refusal is one with or without its condition."""


class ReadingFile(StrictModel):
    """One file of ``knowledge/reading``."""

    words: dict[str, list[str]] = Field(default_factory=dict)
    keys: dict[str, str] = Field(default_factory=dict)
    """Parts of record keys (``coupon``, ``freight``) → the word they stand for."""
    asked: dict[str, list[str]] = Field(default_factory=dict)
    """Fact → frames that make any value of it only asked about (下个月还要买，到时候…)."""
    supposed: SupposedFile | None = None
    """For agents; in one file at most."""
    heard: dict[str, dict[str, HeardFile]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Pattern:
    """One value's frames, compiled, and where they stand in the files (``rank`` breaks ties)."""

    fact: str
    value: str
    entry: HeardFile
    frames: Frames
    unless: Frames | None
    unless_here: Frames | None
    asked: Frames | None
    deniable: bool
    """Whether a denial right before the words takes the fact back; 不给退 is a demand all the same."""
    rank: int
    file: Path
    line: int

    def pardons(self, sentence: str, clause: str) -> bool:
        """Whether the sentence, or the clause, takes back what the frame heard."""
        return bool(
            (self.unless and self.unless.hold(sentence)) or (self.unless_here and self.unless_here.hold(clause))
        )


@dataclass(frozen=True)
class Listening:
    """All patterns, one index a speaker, and the words of record keys."""

    patterns: tuple[Pattern, ...]
    indexes: dict[Speaker, FrameIndex[Pattern]]
    keys: dict[str, str]
    by_example: tuple[ByExample, ...] = ()
    """Facts that are heard by likeness where no frame hears them."""
    weighings: tuple[Weighing, ...] = ()
    """Facts that whole messages are weighed for."""
    asked: dict[str, tuple[Frames, ...]] = field(default_factory=dict)
    supposed: Frames | None = None
    stated: frozenset[str] = frozenset()
    """Facts an agent states even in supposing."""
    heard_before: dict[str, tuple[FactBook, Any]] = field(default_factory=dict, repr=False, compare=False)
    """What was heard in short records, with the facts it was heard for; the reading's, and gone with these patterns."""

    def only_asks(self, pattern: Pattern, clause: str) -> bool:
        """Whether the clause asks about the pattern's fact rather than demanding it."""
        own = (pattern.asked,) if pattern.asked else ()
        return any(frames.hold(clause) for frames in (*own, *self.asked.get(pattern.fact, ())))

    def only_supposes(self, pattern: Pattern, speaker: Speaker, sentence: str) -> bool:
        """Whether an agent's sentence only supposes what the pattern heard in it."""
        if speaker != "agent" or self.supposed is None or pattern.fact in self.stated:
            return False
        return self.supposed.hold(sentence)

    def hint(self, key: str) -> str:
        """What a record's key says in Chinese, part by part: ``coupon_cap`` → 券上限."""
        return "".join(self.keys.get(part, "" if part.isascii() else part) for part in key.lower().split("_"))


def load_listening(folder: Path, facts: FactBook, learned: Path | None = None) -> Listening:
    """All reading files; ``learned`` is a folder that keeps what is learned from the examples.

    Raises:
        RulebookError: broken file, unknown fact, value or word class.
    """
    patterns: list[Pattern] = []
    keys: dict[str, str] = {}
    asked: dict[str, tuple[Frames, ...]] = {}
    supposed, stated = None, frozenset[str]()
    for path in sorted(folder.glob("*.yaml")):
        file = read_yaml(path)
        data = file.parse(ReadingFile)
        keys |= data.keys
        if data.supposed is not None:
            supposed, stated = _supposed(file, facts, data)
        for fact, frames in data.asked.items():
            asked[fact] = (*asked.get(fact, ()), _asked(file, facts, fact, frames, data))
        for fact, values in data.heard.items():
            for value, entry in values.items():
                _check_value(file, facts, fact, value)
                deniable = _deniable(facts, fact, value)
                patterns.append(_pattern(file, data, fact, value, entry, len(patterns), deniable))
    indexes: dict[Speaker, FrameIndex[Pattern]] = {}
    for speaker in SPEAKERS:
        indexes[speaker] = FrameIndex()
        for pattern in patterns:
            if speaker in pattern.entry.speakers:
                indexes[speaker].add(pattern, pattern.frames)
        indexes[speaker].compile()
    told = [
        (speaker, pattern.fact, sentence, value)
        for pattern in patterns
        for speaker in pattern.entry.speakers
        for sentences, value in ((pattern.entry.match, pattern.value), (pattern.entry.not_match, None))
        for sentence in sentences
    ]
    shelf = Shelf(learned, fingerprint(folder)) if learned else None
    examples = load_examples(folder / EXAMPLES, facts, told, shelf)
    weighings = load_weighings(folder / MESSAGES, facts, examples, shelf)
    return Listening(tuple(patterns), indexes, keys, examples, weighings, asked, supposed, stated)


def _supposed(file: YamlFile, facts: FactBook, data: ReadingFile) -> tuple[Frames, frozenset[str]]:
    assert data.supposed is not None
    for fact in data.supposed.but_for:
        if facts.kind(fact) is None:
            raise file.error(phrase("condition_no_fact", name=fact), "supposed", "but_for")
    try:
        return Frames(data.supposed.frames, data.words), frozenset(data.supposed.but_for)
    except ValueError as error:
        raise file.error(str(error), "supposed") from None


def _asked(file: YamlFile, facts: FactBook, fact: str, frames: list[str], data: ReadingFile) -> Frames:
    if facts.kind(fact) is None:
        raise file.error(phrase("condition_no_fact", name=fact), "asked", fact)
    try:
        return Frames(frames, data.words)
    except ValueError as error:
        raise file.error(str(error), "asked", fact) from None


def _pattern(
    file: YamlFile, data: ReadingFile, fact: str, value: str, entry: HeardFile, rank: int, deniable: bool
) -> Pattern:
    where = ("heard", fact, value)
    try:
        frames = Frames([*entry.frames, *entry.asked], data.words, firm=deniable)
        unless, here, asked = (
            Frames(f, data.words) if f else None for f in (entry.unless, entry.unless_here, entry.asked)
        )
    except ValueError as error:
        raise file.error(str(error), *where) from None
    return Pattern(fact, value, entry, frames, unless, here, asked, deniable, rank, file.path, file.line(*where))


def _deniable(facts: FactBook, fact: str, value: str) -> bool:
    flag = facts.kind(fact) == "flag" and FLAG_WORDS[value.rstrip("0123456789")]
    return flag or facts.facts[fact].entry.deniable


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
