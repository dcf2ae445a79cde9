"""Sections to passages: at sentence ends, exact to the character, small neighbours joined.

Every passage is ``text[start:end]`` of the cleaned document, never longer than the limit, and the passages of a
document cover all of its text but white space. A held sentence is a passage of its own; a paragraph marked as not
verified is held whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.chain import cut_long
from service.library.hold import held_reason
from service.library.outline import SEPARATOR, Section
from service.library.rules import LibraryRules

_UNIT = re.compile('[^\\n。！？!?]*(?:[。！？!?]+["”’」』）)~～]*|\\n+|$)')
_BLANK = re.compile(r"\n[ \t\u3000]*\n\s*")
_INTRODUCES = "：:"
_ITEM = re.compile(r"[ \t\u3000]*(?:[-*•·▪◦●■]|\d{1,2}[.、．)）]|[（(]\d{1,2}[)）]|[①-⑳]|\|)")
"""The beginning of a list's item or a table's row."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage in the making; ``held`` is the reason it is held."""

    start: int
    end: int
    section: str
    held: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A sentence to be held and why."""

    start: int
    end: int
    reason: str


def split(text: str, sections: Sequence[Section], rules: LibraryRules) -> list[Piece]:
    """Cut a cleaned document into passages.

    Args:
        text: the cleaned document.
        sections: its outline, from :func:`service.library.outline.outline`.
        rules: the size of a passage and what is held.
    """
    limit, small = rules.tuning.passage.limit, rules.tuning.passage.small
    pieces: list[Piece] = []
    for section in sections:
        pieces.extend(_section(text, section, rules, limit))
    return _joined(text, pieces, limit, small)


def sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Spans of the sentences and lines of ``text[start:end]``, each with what closes it, covering all of it."""
    spans: list[tuple[int, int]] = []
    while start < end:
        match = _UNIT.match(text, start, end)
        stop = match.end() if match and match.end() > start else end
        spans.append((start, stop))
        start = stop
    return spans


def _section(text: str, section: Section, rules: LibraryRules, limit: int) -> list[Piece]:
    pieces: list[Piece] = []
    for start, end, reason in _stretches(text, section, rules):
        if reason is None:
            pieces.extend(_free(text, section, (start, end), rules, limit))
            continue
        units = [unit for span in sentences(text, start, end) for unit in pressed(span, text, limit)]
        pieces.extend(Piece(a, b, section.path, reason) for a, b in _packed(text, units, limit))
    return [trimmed for piece in pieces if (trimmed := _trim(text, piece))]


def _stretches(text: str, section: Section, rules: LibraryRules) -> Iterator[tuple[int, int, str | None]]:
    """The section in order: paragraphs held whole with the reason, and what lies between them.

    A heading right above a held paragraph goes with it: alone it would be a passage that says nothing.
    """
    at = section.start
    for start, end in _paragraphs(text, section):
        reason = held_reason(text[start:end], section.path, rules, "paragraph")
        if reason is None:
            continue
        begin = at if not text[max(at, section.body) : start].strip() else start
        if at < begin:
            yield at, begin, None
        yield begin, end, reason
        at = end
    if at < section.end:
        yield at, section.end, None


def _paragraphs(text: str, section: Section) -> Iterator[tuple[int, int]]:
    """Spans between blank lines, below the heading."""
    start = section.body
    while start < section.end and text[start].isspace():
        start += 1
    for blank in _BLANK.finditer(text, start, section.end):
        yield start, blank.start()
        start = blank.end()
    if start < section.end:
        yield start, section.end


def _free(text: str, section: Section, part: tuple[int, int], rules: LibraryRules, limit: int) -> Iterator[Piece]:
    """Passages of a stretch in which only single sentences may be held."""
    run: list[tuple[int, int]] = []
    for span in _units(text, section, part, rules, limit):
        reason = held_reason(text[slice(*span)], section.path, rules) if span[0] >= section.body else None
        if reason is None:
            run.extend(pressed(span, text, limit))
            continue
        yield from (Piece(a, b, section.path) for a, b in _packed(text, run, limit))
        yield from (Piece(a, b, section.path, reason) for a, b in pressed(span, text, limit))
        run = []
    yield from (Piece(a, b, section.path) for a, b in _packed(text, run, limit))


def _units(
    text: str, section: Section, part: tuple[int, int], rules: LibraryRules, limit: int
) -> Iterator[tuple[int, int]]:
    """Sentences; the items of a list and the rows of a table whole, where nothing in them is held and they fit."""
    row: list[tuple[int, int]] = []
    for span in sentences(text, *part):
        row.append(span)
        if text[span[1] - 1] != "\n" and span[1] < part[1]:
            continue
        start, end = row[0][0], row[-1][1]
        whole = len(row) > 1 and end - start <= limit and _ITEM.match(text, start, end) is not None
        if whole and not any(held_reason(text[slice(*one)], section.path, rules) for one in row):
            yield start, end
        else:
            yield from row
        row = []


def pressed(span: tuple[int, int], text: str, limit: int) -> list[tuple[int, int]]:
    """A sentence over the limit is cut at commas; without commas, by length."""
    start, end = span
    if end - start <= limit:
        return [span]
    return [(start + a, start + b) for a, b in cut_long(text[start:end], limit)]


def _packed(text: str, units: Sequence[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """Units in runs of about equal size, none over the limit; a line that introduces stays with what follows."""
    if not units:
        return []
    total = units[-1][1] - units[0][0]
    aim = total / -(-total // limit)
    packed: list[tuple[int, int]] = []
    begin, last = units[0][0], units[0][0]
    for start, end in units:
        over = end - begin > limit
        enough = start - begin >= aim and not text[begin:start].rstrip().endswith(tuple(_INTRODUCES))
        if last > begin and (over or enough):
            packed.append((begin, last))
            begin = start
        last = end
    return [*packed, (begin, last)]


def _joined(text: str, pieces: Sequence[Piece], limit: int, small: int) -> list[Piece]:
    """Small neighbours under a common heading become one passage; its section is what they share."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        shared = _shared(last.section, piece.section) if last else ""
        fits = last and not last.held and not piece.held and piece.end - last.start <= limit
        tiny = last and min(last.end - last.start, piece.end - piece.start) < small
        if last and fits and tiny and (shared or not last.section or last.section == piece.section):
            joined[-1] = Piece(last.start, piece.end, shared or piece.section)
        else:
            joined.append(piece)
    return joined


def _shared(one: str, other: str) -> str:
    if not one or not other:
        return ""
    shared: list[str] = []
    for a, b in zip(one.split(SEPARATOR), other.split(SEPARATOR), strict=False):
        if a != b:
            break
        shared.append(a)
    return SEPARATOR.join(shared)


def _trim(text: str, piece: Piece) -> Piece | None:
    body = text[piece.start : piece.end]
    start = piece.start + len(body) - len(body.lstrip())
    end = piece.end - (len(body) - len(body.rstrip()))
    return Piece(start, end, piece.section, piece.held) if start < end else None
