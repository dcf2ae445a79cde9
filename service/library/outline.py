"""Finding a document's headings: Markdown and the ways Chinese documents number their parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.library.rules import LibraryRules

_LINE = re.compile(r"[^\n]*")
SEPARATOR = " › "


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


def outline(text: str, rules: LibraryRules) -> list[Section]:
    """Cut ``text`` into sections that follow each other and together cover all of it."""
    headings = _headings(text, rules)
    if not headings or headings[0][0] > 0:
        headings.insert(0, (0, 0, 0, ""))
    sections: list[Section] = []
    above: list[tuple[int, str]] = []
    for index, (start, body, level, title) in enumerate(headings):
        end = headings[index + 1][0] if index + 1 < len(headings) else len(text)
        above = [pair for pair in above if pair[0] < level]
        if title:
            above.append((level, title))
        sections.append(Section(SEPARATOR.join(name for _, name in above), level, start, body, end))
    return sections


def _headings(text: str, rules: LibraryRules) -> list[tuple[int, int, int, str]]:
    """(start, where the body begins, level, title), left to right."""
    lines = [(m.start(), m.end()) for m in _LINE.finditer(text) if m.end() > m.start()]
    found: list[tuple[int, int, int, str]] = []
    skip = False
    for index, (start, end) in enumerate(lines):
        if skip:
            skip = False
            continue
        line = text[start:end].strip()
        level = _level(line, rules)
        if level is None:
            continue
        title = _title(line)
        if rules.outline.levels[level].alone:
            following = lines[index + 1] if index + 1 < len(lines) else None
            if following is None or len(text[slice(*following)]) > rules.outline.max_chars:
                continue
            end, skip = following[1], True
            title = text[slice(*following)].strip()
        found.append((start, min(end + 1, len(text)), rules.outline.levels[level].level, title))
    return found


def _level(line: str, rules: LibraryRules) -> int | None:
    if not line or len(line) > rules.outline.max_chars or line[-1] in rules.outline.not_ending:
        return None
    return next((i for i in range(len(rules.outline.levels)) if rules.compiled[f"outline.{i}"].search(line)), None)


def _title(line: str) -> str:
    return line.lstrip("#").strip().strip("*").strip()


def parted(question: str) -> tuple[str, str]:
    """A typical question and the section it is about, which stands behind ``｜``; empty when none is named."""
    words, _, section = question.partition("｜")
    return words.strip(), section.strip()
