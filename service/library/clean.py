"""Taking the website off a document saved from one, and saying what was taken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.errors import phrase
from service.library.rules import LibraryRules

_BULLET = re.compile(r"^[\s\u3000]*(?:[-*•·▪◦]|\d{1,2}[.、．])?[\s\u3000]*(?:\d{1,2}、)?[\s\u3000]*")
_ROW = re.compile(r"^\s*\||\t|\S {2,}\S|\S\u3000\S")
_EXCERPT = 24
_SHOWN_CHARS = 120
_REPEATS = "repeats"
_PICTURES = "picture_marks"
_NAMES = "doubled_names"
_DOUBLED = re.compile(r"^([^\W\d_]{2,12})\s+\1$")
"""A writer's name as sites print it: beside the picture, and again below."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Lines taken off under one name (Chinese), as they stood; the longest ones cut."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A document's own text, what a person should know about it (Chinese, one sentence each), and what was taken."""

    text: str
    warnings: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()


@dataclass(slots=True)
class _Lines:
    """The lines of a document and, once one is taken, by which rule."""

    lines: list[str]
    rules: LibraryRules
    gone: dict[int, str] = field(default_factory=dict)

    def left(self) -> list[tuple[int, str]]:
        return [(number, line) for number, line in enumerate(self.lines) if number not in self.gone]

    def taken(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for number, rule in sorted(self.gone.items()):
            if bare := _bare(self.lines[number]):
                found.setdefault(rule, []).append(bare)
        return found


def clean(text: str, rules: LibraryRules, before: Sequence[tuple[str, Sequence[str]]] = (), images: int = 0) -> Cleaned:
    """Drop the site's lines, blocks and repeated watermarks; squeeze blank lines; note what is missing.

    Lines are dropped whole or kept as they are: nothing is rewritten, so a quote stays a quote.

    Args:
        text: the document.
        rules: what is noise.
        before: what the file's reader dropped already, as (rule, lines).
        images: pictures without words the reader met.
    """
    page = _Lines([line.rstrip() for line in text.split("\n")], rules)
    _take_blocks(page)
    _take_lines(page)
    _take_repeats(page)
    dropped = {rule: list(lines) for rule, lines in before} | page.taken()
    images += len(dropped.get(_PICTURES, ()))
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(line for _, line in page.left())).strip("\n")
    warnings = [*_told(dropped, rules), *_missing(page, images)]
    if ending := _cut_off(body, page):
        warnings.append(phrase("warning_cut_off", excerpt=ending))
    return Cleaned(body, tuple(warnings), listed(dropped, rules))


def listed(dropped: Mapping[str, Sequence[str]], rules: LibraryRules) -> tuple[Dropped, ...]:
    """What was dropped, rule by rule, as it is shown."""
    names = rules.noise.names
    return tuple(
        Dropped(names[rule], tuple(line[:_SHOWN_CHARS] for line in lines)) for rule, lines in dropped.items() if lines
    )


def _told(dropped: Mapping[str, Sequence[str]], rules: LibraryRules) -> list[str]:
    return [
        phrase("warning_repeated", count=len(lines), excerpt=lines[0][:_EXCERPT])
        if rule == _REPEATS
        else phrase("warning_cleaned", rule=rules.noise.names[rule], count=len(lines), excerpt=lines[0][:_EXCERPT])
        for rule, lines in dropped.items()
        if lines and rule != _PICTURES
    ]


def _bare(line: str) -> str:
    return _BULLET.sub("", line, count=1).strip()


def _take_blocks(page: _Lines) -> None:
    rules = page.rules
    prose = {block.id: block.prose for block in rules.noise.blocks}
    inside: str | None = None
    for number, line in enumerate(page.lines):
        bare = _bare(line)
        if inside and _resumes(line.strip(), inside, prose[inside], rules):
            inside = None
        if bare and rules.compiled["all.blocks"].search(bare):
            started = next((rule.id for rule in rules.noise.blocks if rules.compiled[rule.id].search(bare)), None)
            inside = started or inside
        if inside is not None:
            page.gone[number] = inside


def _resumes(line: str, inside: str, prose: int | None, rules: LibraryRules) -> bool:
    """Whether the document's own text goes on: at its next heading, or, after a list of titles, at whole sentences."""
    if rules.compiled[f"{inside}.resume"].search(line):
        return True
    if prose is None:
        return False
    return line.startswith("|") or (len(line) >= prose and line[-1] in rules.noise.cut.sentence_ends)


def _take_lines(page: _Lines) -> None:
    for number, line in page.left():
        bare = _bare(line)
        rule = None
        if bare and page.rules.compiled["all.lines"].search(bare):
            hits = (r.id for r in page.rules.noise.lines if page.rules.compiled[r.id].search(bare))
            rule = next(hits, _PICTURES)
        if rule is None and _DOUBLED.match(bare):
            rule = _NAMES
        if rule is not None:
            page.gone[number] = rule


def _take_repeats(page: _Lines) -> None:
    repeats = page.rules.noise.repeats
    counted = Counter(line.strip() for _, line in page.left())
    often = {line for line, count in counted.items() if count >= repeats.at_least and len(line) >= repeats.min_chars}
    seen: set[str] = set()
    for number, line in page.left():
        bare = line.strip()
        if bare not in often or bare.startswith("|"):
            continue
        if bare in seen:
            page.gone[number] = _REPEATS
        seen.add(bare)


def _missing(page: _Lines, images: int) -> list[str]:
    """Pictures without words, and words that announce a picture or a table that is not there."""
    full = [(number, line.strip()) for number, line in enumerate(page.lines) if line.strip()]
    lost = [
        line
        for (number, line), (after, following) in zip(full, [*full[1:], (-1, "")], strict=False)
        if number not in page.gone and _announces(line, following, page.gone.get(after), page.rules)
    ]
    warnings = [phrase("warning_images", count=images)] if images else []
    if lost:
        warnings.append(phrase("warning_lost", excerpt=lost[0][-_EXCERPT:], count=len(lost)))
    return warnings


def _announces(line: str, following: str, went: str | None, rules: LibraryRules) -> bool:
    if went in (_REPEATS, _PICTURES) and line.endswith(("：", ":")):
        return True  # a caption repeated in a picture's place
    return rules.compiled["lost.announces"].search(line) and (went is not None or not _ROW.search(following))


def _cut_off(body: str, page: _Lines) -> str | None:
    last = next((line.strip() for line in reversed(body.split("\n")) if line.strip()), "")
    cut = page.rules.noise.cut
    told = next((number for number in page.gone if page.rules.compiled["cut.told"].search(page.lines[number])), None)
    if told is not None:
        return last[-_EXCERPT:]
    if len(last) < cut.min_chars or last[-1] in cut.closers or last.startswith(("#", "|")):
        return None
    return last[-_EXCERPT:]
