"""``knowledge/faithful.yaml``: what a model's words may not add to the playbook's, and how far they may stray.

Words, limits and the Chinese of every finding are data; ``service.checks.faithful`` knows only how they play together.
Each rule carries sentences that test it; ``service.checks.examples`` runs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import ahocorasick_rs
from pydantic import BeforeValidator, Field

from service.errors import phrase
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml
from service.schemas import StepName, Verdict
from service.text.normalise import fold

RULE_IDS = frozenset({"said_beyond_ground", "topic_beyond_ground", "strange_writing", "far_from_ground", "not_a_note"})
"""Rules the code asks for by name."""
Words = Annotated[list[str], Field(min_length=1)]


class FaithExample(StrictModel):
    """A model's step or note, with the playbook's steps and the buyer's words it is held against."""

    text: str
    step: StepName = "solution"
    note: bool = False
    """Whether it is a note and no step."""
    ground: list[dict[StepName, str]] = Field(default_factory=list)
    buyer: list[str] = Field(default_factory=list)
    records: list[str] = Field(default_factory=list)
    verdict: Verdict = "unreasonable"


def _plain(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


Example = Annotated[FaithExample, BeforeValidator(_plain)]


class FaithRule(StrictModel):
    """One rule: its Chinese and the sentences that test it."""

    name: str
    why: str
    say: str
    bad: list[Example] = Field(min_length=1)
    ok: list[Example] = Field(min_length=1)


class ClaimFile(StrictModel):
    """A class of things said of us: words that say it; those no denial takes back; signs that the ground holds it."""

    words: Words
    firm: list[str] = Field(default_factory=list)
    roots: list[str] = Field(default_factory=list)
    """Signs shorter than any word of it that count in the ground, not in a model's text."""
    refuses: bool = False
    """Whether it turns somebody away: free where that was decided."""
    remedy: bool = False
    """Whether it is one of the usual remedies: all of them are free where help is due and the ground names one."""
    passed_on: bool = False
    """Whether it may be named in a condition, or handed on, where the buyer spoke of such."""
    retold: bool = True
    """Whether the step that takes the buyer's words up may repeat it."""


class TopicFile(StrictModel):
    """Something a reply stays away from unless its ground touches it."""

    words: Words
    anywhere: bool = False
    """Whether every step may take it up where the buyer did."""
    deniable: bool = False
    """Whether a step may turn it down though the ground does not speak of it."""


class StrangeFile(StrictModel):
    """Writing no desk uses."""

    marks: str
    spaced: Annotated[int, Field(ge=2)]


class NoteFile(StrictModel):
    """What makes a remark one to the desk."""

    about: Words
    addressed: Words


class KnownFile(StrictModel):
    """The least share of a step's pairs that the case knows, from so many pairs on."""

    pairs: Annotated[int, Field(ge=1)]
    share: Annotated[float, Field(ge=0, le=1)]


class DistanceFile(StrictModel):
    """How far a step may stray: the weighted sum of what is told in ``service.checks.distance`` is at most ``most``."""

    most: float
    shortest: Annotated[int, Field(ge=1)]
    known: list[KnownFile]
    weights: dict[str, float]
    first: dict[str, float]
    """Other weights for the step that takes the buyer's words up."""


class FaithFile(StrictModel):
    """The whole file."""

    claims: dict[str, ClaimFile]
    topics: dict[str, TopicFile]
    harmless: list[str] = Field(default_factory=list)
    """What holds a word of a claim and says something else."""
    harmless_topics: list[str] = Field(default_factory=list)
    """What holds a word of a topic and says something else."""
    near: Annotated[int, Field(ge=1, le=20)]
    retelling: StepName
    """The step that takes the buyer's words up."""
    denied: Words
    not_denied: Words
    denied_after: Words
    refused: Words
    asked: Words
    wished: Words
    conditional: Words
    granting: Words
    strange: StrangeFile
    note: NoteFile
    distance: DistanceFile
    rules: dict[str, FaithRule]


class WordList:
    """Words of several classes, found in one pass, the longest first."""

    def __init__(self, classes: Mapping[str, Sequence[str]]) -> None:
        self._of = {fold(word): name for name, words in classes.items() for word in words}
        self._words = list(self._of)
        self._found = ahocorasick_rs.AhoCorasick(self._words, matchkind=ahocorasick_rs.MATCHKIND_LEFTMOST_LONGEST)

    def find(self, text: str) -> list[tuple[str, str, int, int]]:
        """Class, word and span of every word in a text in normal form; what has no class is passed over."""
        spans = ((self._words[place], start, end) for place, start, end in self._found.find_matches_as_indexes(text))
        return [(name, word, start, end) for word, start, end in spans if (name := self._of[word])]


class FaithRules:
    """The file ready to run."""

    def __init__(self, entry: FaithFile, file: YamlFile) -> None:
        self.entry, self.file = entry, file
        self.firm = frozenset(fold(word) for claim in entry.claims.values() for word in claim.firm)

    @cached_property
    def claims(self) -> WordList:
        """Words of the classes of claims."""
        return WordList({"": self.entry.harmless, **{name: claim.words for name, claim in self.entry.claims.items()}})

    @cached_property
    def topics(self) -> WordList:
        """Words of the topics."""
        topics = {name: topic.words for name, topic in self.entry.topics.items()}
        return WordList({"": self.entry.harmless_topics, **topics})

    @cached_property
    def roots(self) -> WordList | None:
        """Signs that the ground holds a class."""
        roots = {name: claim.roots for name, claim in self.entry.claims.items() if claim.roots}
        return WordList(roots) if roots else None

    @cached_property
    def strange_mark(self) -> re.Pattern[str]:
        """A character that is neither Han nor digit nor a usual mark; letters are looked at by themselves."""
        return re.compile(f"[^\u4e00-\u9fff0-9a-zA-Z{re.escape(self.entry.strange.marks)}]")

    @cached_property
    def spaced(self) -> re.Pattern[str]:
        """Single Han characters set apart by blanks."""
        least = self.entry.strange.spaced
        return re.compile(rf"(?:(?<![\u4e00-\u9fff])[\u4e00-\u9fff]\s+){{{least},}}")

    @cached_property
    def letters(self) -> re.Pattern[str]:
        """Runs of letters."""
        return re.compile("[a-zA-Z]+")

    @cached_property
    def denied(self) -> re.Pattern[str]:
        """What denies the word behind it."""
        return _either(self.entry.denied)

    @cached_property
    def not_denied(self) -> re.Pattern[str]:
        """What looks like a denial and is none."""
        return _either(self.entry.not_denied)

    @cached_property
    def denied_after(self) -> re.Pattern[str]:
        """What denies the word before it."""
        return _either(self.entry.denied_after)

    @cached_property
    def refused(self) -> re.Pattern[str]:
        """What refuses everything before it in the sentence."""
        return _either(self.entry.refused)

    @cached_property
    def asked(self) -> re.Pattern[str]:
        """What makes a clause a question."""
        return _either(self.entry.asked)

    @cached_property
    def wished(self) -> re.Pattern[str]:
        """What makes the words behind it the buyer's."""
        return _either(self.entry.wished)

    @cached_property
    def conditional(self) -> re.Pattern[str]:
        """What makes a sentence conditional."""
        return _either(self.entry.conditional)

    @cached_property
    def granting(self) -> re.Pattern[str]:
        """What grants something."""
        return _either(self.entry.granting)


def _either(words: Sequence[str]) -> re.Pattern[str]:
    """A pattern of any of the words, in normal form."""
    return re.compile("|".join(map(re.escape, sorted(map(fold, words), key=len, reverse=True))))


def load_faithful(path: Path) -> FaithRules:
    """Load ``knowledge/faithful.yaml``.

    Raises:
        RulebookError: a broken file, or a rule that is missing; with file and line.
    """
    file = read_yaml(path)
    entry = file.parse(FaithFile)
    missing = sorted(RULE_IDS - entry.rules.keys())
    if missing:
        raise file.error(phrase("field_missing", field=missing[0]), "rules")
    return FaithRules(entry, file)
