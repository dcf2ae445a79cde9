"""Finding a document's headings: Markdown and the ways Chinese documents number their parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.library.rules import Level, LibraryRules

_LINE = re.compile(r"[^\n]*")
SEPARATOR = " › "
_COLONS = " \t\u3000:："


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of text under one heading. ``path`` is the headings above it, joined; ``start`` is the heading's."""

    path: str
    level: int
    start: int
    body: int
    end: int

    @property
    def title(self) -> str:
        """The innermost heading."""
        return self.path.rpartition(SEPARATOR)[2]


@dataclass(frozen=True, slots=True)
class _Heading:
    start: int
    body: int
    shape: int
    title: str


def outline(text: str, rules: LibraryRules) -> list[Section]:
    """Cut ``text`` into sections that follow each other and together cover all of it.

    Shapes of one level nest in the order they appear (``第一章`` above ``一、``); a shape met again closes what was
    opened since.
    """
    levels = rules.outline.levels
    headings = _without_lists(text, _headings(text, rules), rules)
    if not headings or headings[0].start > 0:
        headings.insert(0, _Heading(0, 0, -1, ""))
    sections: list[Section] = []
    above: list[_Heading] = []
    for index, heading in enumerate(headings):
        end = headings[index + 1].start if index + 1 < len(headings) else len(text)
        if heading.shape >= 0:
            above = [*_open(above, heading, levels), heading]
        level = levels[heading.shape].level if heading.shape >= 0 else 0
        sections.append(Section(SEPARATOR.join(h.title for h in above), level, heading.start, heading.body, end))
    return sections


def _open(above: list[_Heading], heading: _Heading, levels: list[Level]) -> list[_Heading]:
    """The headings that stay open when this one comes."""
    same = next((place for place, other in enumerate(above) if other.shape == heading.shape), None)
    if same is not None:
        return above[:same]
    own = levels[heading.shape]
    if own.flat or own.marked:
        return [other for other in above if levels[other.shape].level < own.level]
    return [other for other in above if levels[other.shape].level <= own.level]


def _headings(text: str, rules: LibraryRules) -> list[_Heading]:
    """Lines that look like headings, left to right."""
    lines = [(m.start(), m.end()) for m in _LINE.finditer(text) if m.end() > m.start()]
    found: list[_Heading] = []
    skip = False
    for index, (start, end) in enumerate(lines):
        if skip:
            skip = False
            continue
        line = text[start:end].strip()
        shape = _shape(line, rules)
        if shape is None:
            continue
        level, title = rules.outline.levels[shape], _title(line)
        if level.inline:
            title = rules.compiled[f"outline.{shape}"].first(line).strip(_COLONS)
            end = start + text[start:end].index(title) + len(title) - 1
        elif level.alone:
            following = lines[index + 1] if index + 1 < len(lines) else None
            title = text[slice(*following)].strip() if following else ""
            if not title or len(title) > rules.outline.max_chars or title[-1] in rules.outline.not_ending:
                continue
            end, skip = following[1] if following else end, True
        found.append(_Heading(start, min(end + 1, len(text)), shape, title))
    return found


def _without_lists(text: str, found: list[_Heading], rules: LibraryRules) -> list[_Heading]:
    """Numbered lines of one shape with nothing between them are the items of a list.

    Unless a title comes a second time: then a table of contents ends, and the text begins.
    """
    items: set[int] = set()
    titles: set[str] = set()
    for index in range(len(found) - 1):
        one, other = found[index], found[index + 1]
        level = rules.outline.levels[one.shape]
        bare = not text[one.body : other.start].strip()
        if one.shape != other.shape or not bare or level.marked or level.alone or level.inline:
            continue
        titles.add(one.title)
        items |= {index} if other.title in titles else {index, index + 1}
    return [heading for index, heading in enumerate(found) if index not in items]


def _shape(line: str, rules: LibraryRules) -> int | None:
    if not line or not rules.compiled["all.outline"].search(line):
        return None
    longest, ends = rules.outline.max_chars, line[-1] in rules.outline.not_ending
    for index, level in enumerate(rules.outline.levels):
        fits = level.inline or (len(line) <= (level.max_chars or longest) and (level.ending or not ends))
        if fits and rules.compiled[f"outline.{index}"].search(line):
            return index
    return None


def _title(line: str) -> str:
    return line.lstrip("#").strip().strip("*").strip()


def parted(question: str) -> tuple[str, str]:
    """A typical question and the section it is about, which stands behind ``｜``; empty when none is named."""
    words, _, section = question.partition("｜")
    return words.strip(), section.strip()
