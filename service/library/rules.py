"""The data that steers ingest and search: ``knowledge/library/*.yaml``, loaded strictly."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import re2
from pydantic import Field

from service.errors import RulebookError, phrase
from service.library.files.limits import FileRules
from service.library.suspicion import Suspicion, load_suspicion
from service.library.tuning import Tuning
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml


class LineRule(StrictModel):
    """Lines that belong to the website, not to the document."""

    id: str
    name: str
    patterns: list[str] = Field(min_length=1)
    drop: list[str] = Field(min_length=1)
    keep: list[str] = Field(min_length=1)


class BlockRule(StrictModel):
    """A stretch of the website's own: from a matching line to the next heading or the end."""

    id: str
    name: str
    start: list[str] = Field(min_length=1, alias="from")
    resume: str
    prose: int | None = Field(default=None, ge=10)
    """Characters of a line of whole sentences that also ends the stretch; None where such lines belong to it."""
    drop: list[str] = Field(min_length=1)
    keep: list[str] = Field(min_length=1)


class Repeats(StrictModel):
    """Watermark lines: the same line again and again."""

    at_least: int = Field(ge=2)
    min_chars: int = Field(ge=1)


class Cut(StrictModel):
    """When a document counts as cut off."""

    min_chars: int
    closers: str
    sentence_ends: str
    told: list[str] = Field(min_length=1)


class Lost(StrictModel):
    """Where a picture or a table stood that did not come along."""

    pictures: list[str] = Field(min_length=1)
    announces: list[str] = Field(min_length=1)


class Noise(StrictModel):
    """``noise.yaml``."""

    lines: list[LineRule]
    blocks: list[BlockRule]
    repeats: Repeats
    cut: Cut
    lost: Lost
    reader: dict[str, str]
    """Names of what the files' readers drop, by rule."""

    @property
    def names(self) -> dict[str, str]:
        """The Chinese name of every rule that drops something."""
        lines, blocks = {rule.id: rule.name for rule in self.lines}, {rule.id: rule.name for rule in self.blocks}
        return lines | blocks | self.reader


class Level(StrictModel):
    """A shape of heading line."""

    pattern: str
    level: int = Field(ge=1, le=9)
    alone: bool = False
    """The line holds the number only, the next one the title."""
    inline: bool = False
    """What matches is the title, and the text begins on the same line (articles of a law)."""
    ending: bool = False
    """May end in any mark, as questions do."""
    flat: bool = False
    """Never stands under a heading of its own level."""
    max_chars: int | None = None
    marked: bool = False
    """Marked as a heading by its writer: never an item of a list."""


class Outline(StrictModel):
    """``outline.yaml``."""

    max_chars: int
    not_ending: str
    scenario_sections: list[str]
    levels: list[Level]


class HeldRule(StrictModel):
    """Sentences that are kept out of drafts until a person releases them.

    ``reach`` says what is looked at and held: each sentence by itself, or a whole paragraph up to the next blank line.
    ``whatever``: held also where the sentence, or its heading, disapproves of what it says.
    """

    id: str
    reason: str
    reach: Literal["sentence", "paragraph"] = "sentence"
    whatever: bool = False
    any: list[str] = Field(min_length=1)
    unless: list[str]
    hold: list[str] = Field(min_length=1)
    allow: list[str] = Field(min_length=1, alias="pass")


class Held(StrictModel):
    """``held.yaml``."""

    disapproves: list[str] = Field(min_length=1)
    """Words by which a sentence disapproves of what it tells."""
    headings: list[str] = Field(min_length=1)
    """Headings under which bad examples stand."""
    rules: list[HeldRule]


_MEMORY = 64 * 2**20
"""Bytes RE2 may use for the states of one search; less, and it falls back to a slower way."""


class Words(StrictModel):
    """``words.yaml``: words the tokeniser's own dictionary lacks."""

    words: list[str]


@dataclass(frozen=True)
class Patterns:
    """Several RE2 patterns, any of which may match; linear in the text whatever is written in them."""

    together: Any
    """All of them as one: a search costs a call, whatever it looks for. None when there is no pattern."""
    sources: tuple[str, ...]

    def search(self, text: str) -> bool:
        """Whether one of them is found in ``text``."""
        return self.together is not None and self.together.search(text) is not None

    def first(self, text: str) -> str:
        """What is matched first; empty when nothing is."""
        found = self.together.search(text) if self.together is not None else None
        return str(found.group()) if found else ""

    @classmethod
    def of(cls, sources: Iterable[str]) -> Patterns:
        """Compile patterns.

        Raises:
            re2.error: one of them is none RE2 takes.
        """
        kept, options = tuple(sources), re2.Options()
        options.log_errors, options.max_mem = False, _MEMORY
        for source in kept:
            re2.compile(source, options)  # by itself, so that brackets of two cannot close each other
        return cls(re2.compile("|".join(f"(?:{source})" for source in kept), options) if kept else None, kept)


@dataclass(frozen=True)
class LibraryRules:
    """All of ``knowledge/library``, compiled."""

    noise: Noise
    outline: Outline
    held: Held
    tuning: Tuning
    words: tuple[str, ...]
    files: FileRules
    compiled: dict[str, Patterns]
    """Patterns by rule: ``<id>``, ``<id>.resume``, ``<id>.unless``, ``outline.<n>``, ``held.disapproves``.

    ``all.lines``, ``all.blocks``, ``all.outline``, ``all.sentence``, ``all.paragraph`` hold those of a whole kind:
    most lines match none, and are done with one search.
    """
    suspicion: Suspicion | None = None
    """Hears what no rule words; None for the team's own documents."""


def load_rules(folder: Path) -> LibraryRules:
    """Read and compile the files of ``folder``; files that stayed as they were are not read a second time.

    Raises:
        RulebookError: a file is missing, broken, or holds a pattern RE2 does not take.
    """
    return _loaded(folder, tuple((path.name, about.st_mtime_ns, about.st_size) for path, about in _files(folder)))


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    return [(path, path.stat()) for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.json")])]


@lru_cache(maxsize=4)
def _loaded(folder: Path, state: object) -> LibraryRules:
    """The rules of a folder in this state; ``state`` only tells one state from another."""
    files = {
        name: read_yaml(folder / f"{name}.yaml") for name in ("noise", "outline", "held", "search", "words", "files")
    }
    noise, outline, held = files["noise"].parse(Noise), files["outline"].parse(Outline), files["held"].parse(Held)
    compiled: dict[str, Patterns] = {}
    for index, line in enumerate(noise.lines):
        compiled[line.id] = _compile(files["noise"], line.id, line.patterns, "lines", index)
    for index, block in enumerate(noise.blocks):
        compiled[block.id] = _compile(files["noise"], block.id, block.start, "blocks", index)
        compiled[f"{block.id}.resume"] = _compile(files["noise"], block.id, [block.resume], "blocks", index)
    compiled["held.disapproves"] = _compile(files["held"], "disapproves", held.disapproves, "disapproves")
    compiled["held.headings"] = _compile(files["held"], "headings", held.headings, "headings")
    for index, rule in enumerate(held.rules):
        compiled[rule.id] = _compile(files["held"], rule.id, rule.any, "rules", index)
        compiled[f"{rule.id}.unless"] = _compile(files["held"], rule.id, rule.unless, "rules", index)
    for index, level in enumerate(outline.levels):
        name = f"outline.{index}"
        compiled[name] = _compile(files["outline"], name, [level.pattern], "levels", index)
    for name, patterns, part in (
        ("picture_marks", noise.lost.pictures, "lost"),
        ("lost.announces", noise.lost.announces, "lost"),
        ("cut.told", noise.cut.told, "cut"),
    ):
        compiled[name] = _compile(files["noise"], name, patterns, part)
    compiled |= _all_of(noise, outline, held)
    tuning, words = files["search"].parse(Tuning), files["words"].parse(Words)
    about_files = files["files"].parse(FileRules)
    return LibraryRules(noise, outline, held, tuning, tuple(words.words), about_files, compiled, load_suspicion(folder))


def _all_of(noise: Noise, outline: Outline, held: Held) -> dict[str, Patterns]:
    lines = [pattern for rule in noise.lines for pattern in rule.patterns] + noise.lost.pictures
    return {
        "all.lines": Patterns.of(lines),
        "all.blocks": Patterns.of(pattern for rule in noise.blocks for pattern in rule.start),
        "all.outline": Patterns.of(level.pattern for level in outline.levels),
        "all.sentence": Patterns.of(p for rule in held.rules if rule.reach == "sentence" for p in rule.any),
        "all.paragraph": Patterns.of(p for rule in held.rules if rule.reach == "paragraph" for p in rule.any),
    }


def check_examples(rules: LibraryRules, folder: Path) -> list[RulebookError]:
    """Run the noise rules' own examples; what is wrong, one error each.

    Those of ``held.yaml`` are run by :func:`service.library.hold.check_examples`.
    """
    problems: list[RulebookError] = []
    noises: list[LineRule | BlockRule] = [*rules.noise.lines, *rules.noise.blocks]
    for noise in noises:
        for hit, examples in ((True, noise.drop), (False, noise.keep)):
            for example in examples:
                if rules.compiled[noise.id].search(example) != hit:
                    problems.append(example_problem(folder / "noise.yaml", noise.id, example, hit))
    return problems


def example_problem(file: Path, rule: str, example: str, hit: bool) -> RulebookError:
    """The error of an example that came out otherwise than its rule says.

    Args:
        file: where the rule stands.
        rule: its id.
        example: the sentence.
        hit: whether the rule should have caught it.
    """
    name = "rule_example_missed" if hit else "rule_example_hit"
    return RulebookError(file, 0, phrase(name, rule=rule, example=example))


def _compile(file: YamlFile, rule: str, patterns: list[str], *where: str | int) -> Patterns:
    try:
        return Patterns.of(patterns)
    except re2.error as error:
        shown = error.args[0] if error.args else ""
        problem = shown.decode("utf-8", "replace") if isinstance(shown, bytes) else str(shown)
        raise file.error(phrase("rule_pattern", rule=rule, problem=problem), *where) from None
