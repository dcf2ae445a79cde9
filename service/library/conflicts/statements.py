"""A document taken apart into sentences, each with what stands above it and who speaks in its quotations.

Sentences are compared in a bare form without quotation marks, emphasis and spaces, so that a frame need not know how a
document is typeset; every character of it knows where it stands in the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.library.conflicts.topics import ReadingFile
from service.library.outline import SEPARATOR, Section
from service.text.normalise import normalise
from service.text.segment import BLANK, PAUSES, sentences

_LINE = re.compile(r"[^\n]+")
_MARKER = re.compile(r"^[\s>]*(?:[-*+•·▪◦]\s*)?(?:[①-⑳]|[(（]?[0-9一二三四五六七八九十]{1,3}[)）.、．](?!\d))?\s*")
_CLOSING = {"“": "”", "「": "」", "『": "』", "‘": "’", '"': '"', "”": "”"}
_OPENING = re.compile('[“「『‘"”]')
_TYPESETTING = frozenset(' “”‘’「」『』《》【】"*_`#\t')
_BETWEEN = re.compile('(?<=[^“「『‘"”])”(?=“)|」(?=「)|』(?=『)')
"""Between two quotations no frame reaches from one into the other."""
_LONGEST_QUOTE = 300
_BEFORE = 16
_BEHIND = 12
_JOINS = frozenset("、､/或和与及;； ")
COMMA = "､"
"""Stands for a comma, which frames may reach across: what a sentence claims is often told in two clauses. No text in
normal form holds it."""
_CLAUSE_ENDS = PAUSES + COMMA
_MARKS = str.maketrans({"|": ":", ",": COMMA, "，": COMMA})
_STOP = re.compile(r"[。！？!?;；\n]")
_PAUSE = re.compile(rf"[。！？!?;；\n{COMMA}]")
_RANGE = re.compile(r"(?<=\d)[~～](?=\d)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence. ``text`` is bare; ``places[i]`` is where character ``i`` stands in the document.

    ``start``/``end`` are the sentence as it stands in the document. ``above`` are the line a list hangs on and the
    headings, the nearest first. ``script`` and ``bad`` are spans of ``text`` in quotation marks: words to say, words
    not to be said. The buyer's words are blanked.
    """

    text: str
    places: tuple[int, ...]
    start: int
    end: int
    section: str
    above: tuple[str, ...]
    script: tuple[tuple[int, int], ...]
    bad: tuple[tuple[int, int], ...]

    def clause(self, at: int) -> tuple[int, int]:
        """The span between pauses in which a character stands."""
        start = max((self.text.rfind(mark, 0, at) for mark in _CLAUSE_ENDS), default=-1) + 1
        ends = [found for mark in _CLAUSE_ENDS if (found := self.text.find(mark, at)) >= 0]
        return start, min(ends, default=len(self.text))


def statements(text: str, sections: Sequence[Section], title: str, reading: ReadingFile) -> Iterator[Statement]:
    """The sentences of a cleaned document, in order; ``sections`` are its outline."""
    for section in sections:
        headings = tuple(bare(name) for name in reversed(section.path.split(SEPARATOR)) if name)
        yield from _section(text, section, (*headings, bare(title)), reading)


def bare(text: str) -> str:
    """A heading or an expression in the form sentences are compared in."""
    return "".join(char for char in normalise(text).text if char not in _TYPESETTING)


def _section(text: str, section: Section, headings: tuple[str, ...], reading: ReadingFile) -> Iterator[Statement]:
    leads: list[tuple[str, str]] = []
    header: list[str] | None = None
    for line in _LINE.finditer(text, section.body, section.end):
        marker = _MARKER.match(line[0])
        kind = _kind(marker[0] if marker else "")
        header = _cells(line[0]) if header is None and line[0].lstrip().startswith("|") else header
        header = header if line[0].lstrip().startswith("|") else None
        while any(known == kind for known, _ in leads) or (not kind and leads):
            leads.pop()
        offset = marker.end() if marker else 0
        lead = tuple(words for _, words in reversed(leads)) + ((" ".join(header),) if header else ())
        yield from _line(line[0][offset:], line.start() + offset, section.path, (*lead, *headings), reading)
        body = line[0].strip()
        if body.endswith(("：", ":")):
            leads.append((kind, bare(line[0][offset:])))


def _cells(line: str) -> list[str]:
    return [bare(cell) for cell in line.strip().strip("|").split("|")]


def _kind(marker: str) -> str:
    """Which list a marker belongs to: bullets, circled numbers, numbers; empty for a plain line."""
    mark = marker.strip(" >\t")
    if not mark:
        return ""
    return "①" if "①" <= mark[-1] <= "⑳" else mark[0] if mark[0] in "-*+•·▪◦" else "1"


def _line(line: str, offset: int, section: str, above: tuple[str, ...], reading: ReadingFile) -> Iterator[Statement]:
    normal = normalise(line)
    folded = _RANGE.sub("-", normal.text).translate(_MARKS)
    quotes = list(_quotes(folded, reading))
    blank = {i for start, end, role in quotes if role == "buyer" for i in range(start, end)}
    apart = {mark.start() for mark in _BETWEEN.finditer(folded)}
    kept = [i for i, char in enumerate(folded) if char not in _TYPESETTING or i in apart]
    text = "".join(BLANK if i in blank | apart else folded[i] for i in kept)
    new = {old: place for place, old in enumerate(kept)}

    def moved(role: str, low: int, high: int) -> tuple[tuple[int, int], ...]:
        found = []
        for start, end, own in quotes:
            inside = [new[i] - low for i in range(start, end) if i in new and low <= new[i] < high]
            if own == role and inside:
                found.append((inside[0], inside[-1] + 1))
        return tuple(found)

    for low, high in sentences(text):
        places = tuple(offset + normal.span(kept[i], kept[i] + 1)[0] for i in range(low, high))
        start, end = _typed(line, offset, places[0], offset + normal.span(kept[high - 1], kept[high - 1] + 1)[1])
        yield Statement(
            text[low:high], places, start, end, section, above, moved("script", low, high), moved("bad", low, high)
        )


def _typed(line: str, offset: int, start: int, end: int) -> tuple[int, int]:
    """The sentence with the quotation marks that belong to it."""
    while end - offset < len(line) and line[end - offset] in '”’」』"':
        end += 1
    while start > offset and line[start - offset - 1] in "“‘「『《【":
        start -= 1
    return start, end


def _quotes(text: str, reading: ReadingFile) -> Iterator[tuple[int, int, str]]:
    """Spans in quotation marks and whose words they are; marks joined by nothing but a comma share it."""
    chain: list[tuple[int, int]] = []
    place = 0
    while mark := _OPENING.search(text, place):
        place = mark.end()
        end = text.find(_CLOSING[mark[0]], place, place + _LONGEST_QUOTE)
        if end < 0:
            continue
        if chain and not set(text[chain[-1][1] + 1 : mark.start()]) <= _JOINS:
            yield from _told(text, chain, reading)
            chain = []
        chain.append((place, end))
        place = end + 1
    yield from _told(text, chain, reading)


def _told(text: str, chain: Sequence[tuple[int, int]], reading: ReadingFile) -> Iterator[tuple[int, int, str]]:
    if chain:
        role = _role(text, chain[0][0] - 1, chain[-1][1], reading)
        yield from ((start, end, role) for start, end in chain if end - start > 1)


def _role(text: str, start: int, end: int, reading: ReadingFile) -> str:
    before = _STOP.split(text[max(0, start - _BEFORE) : start])[-1]
    if any(word in before for word in reading.bad_says):
        return "bad"
    if any(word in before for word in reading.buyer_says):
        return "buyer"
    if _STOP.match(text[end - 1]):  # a whole sentence was quoted: what follows is another
        return "script"
    behind = _PAUSE.split(text[end + 1 : end + 1 + _BEHIND].lstrip(COMMA))[0]
    return "bad" if any(word in behind for word in reading.bad_said) else "script"
