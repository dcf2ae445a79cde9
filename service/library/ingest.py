"""From bytes to passages: the whole way of one file, without touching the database."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePath

from service.errors import InvalidRequest, phrase
from service.library.clean import Cleaned, Dropped, clean
from service.library.files.front import FrontMatter
from service.library.files.parse import Parsed, parse
from service.library.folder import digest
from service.library.outline import SEPARATOR, Section, outline
from service.library.rules import LibraryRules
from service.library.split import Piece, split
from service.library.unseen import append_hidden

MAX_TITLE = 200
MAX_SECTION = 500
_EXCERPT = 24
_STEM = re.compile(r"[\x00-\x1f]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a file became. ``indexed`` is each passage with its title and section, for the embedder."""

    title: str
    text: str
    front: FrontMatter
    pieces: tuple[Piece, ...]
    indexed: tuple[str, ...]
    warnings: tuple[str, ...]
    sha256: str
    dropped: tuple[Dropped, ...] = ()

    @property
    def held(self) -> int:
        """How many passages are held."""
        return sum(piece.held is not None for piece in self.pieces)


def ingest(
    name: str,
    data: bytes,
    rules: LibraryRules,
    *,
    title: str | None = None,
    former: str | None = None,
    kind: str | None = None,
    own: bool = False,
) -> Ingested:
    """Parse, clean, outline and split a file.

    Args:
        name: file name; its suffix says how to read it.
        data: its bytes.
        rules: noise, headings, sentences to hold, sizes.
        title: overrides front matter, first heading and file name.
        former: the title of the version before, which goes before first heading and file name.
        kind: overrides the front matter's; of a scenario only the sections named in the rules are taken.
        own: whether the team wrote the file: then there is no site noise to take off.

    Raises:
        UnsupportedDocument: cannot be read; see :func:`service.library.files.parse.parse`.
        InvalidRequest: ``empty_document``, also when only noise was in it.
    """
    if own:
        rules = replace(rules, suspicion=None)
    parsed = parse(name, data, rules.files)
    cleaned = _cleaned(parsed, rules, own)
    if not cleaned.text.strip():
        raise InvalidRequest("empty_document")
    chosen = (title or _title(name, parsed, former, cleaned.text, rules))[:MAX_TITLE].strip()
    taken = sections_of(cleaned.text, kind or parsed.front.kind, chosen, rules)
    pieces = tuple(split(cleaned.text, taken, rules))
    held = _held_warnings(cleaned.text, pieces)
    whole = append_hidden(cleaned.text, parsed.content.hidden, rules)
    pieces += whole.pieces
    indexed = tuple(f"{chosen} {piece.section}\n{whole.text[piece.start : piece.end]}" for piece in pieces)
    warnings = (*cleaned.warnings, *_notes(parsed, cleaned.text, rules), *held, *whole.warnings)
    return Ingested(chosen, whole.text, parsed.front, pieces, indexed, warnings, digest(data), cleaned.dropped)


def _cleaned(parsed: Parsed, rules: LibraryRules, own: bool) -> Cleaned:
    if own:
        return Cleaned(parsed.text.strip("\n"), ())
    content = parsed.content
    return clean(parsed.text, rules, content.dropped, content.images)


def _title(name: str, parsed: Parsed, former: str | None, text: str, rules: LibraryRules) -> str:
    """What the document is called: its own word, its name so far, a heading, the page's title, the file's name."""
    front, heading = parsed.front, _heading(outline(text, rules))
    return front.title or front.name or former or heading or parsed.content.title or _STEM.sub("", PurePath(name).stem)


def _notes(parsed: Parsed, text: str, rules: LibraryRules) -> list[str]:
    notes = [phrase(name) for name in parsed.content.notes]
    if parsed.content.tables:
        notes.append(phrase("warning_pdf_tables", count=parsed.content.tables))
    letters, han = len(_LETTER.findall(text)), len(_HAN.findall(text))
    if letters >= rules.files.chinese.letters and han < letters * rules.files.chinese.share:
        notes.append(phrase("warning_not_chinese"))
    return notes


def sections_of(text: str, kind: str | None, title: str, rules: LibraryRules) -> list[Section]:
    """The sections of a cleaned document that are taken in.

    Of a scenario only those named in the rules: a script's bullets are lines to fill in, not knowledge to cite. A path
    does not repeat the document's title.
    """
    sections = [_within(section, title) for section in outline(text, rules)]
    if kind != "scenario":
        return sections
    wanted = set(rules.outline.scenario_sections)
    return [section for section in sections if section.title in wanted]


def _heading(sections: list[Section]) -> str | None:
    return next((section.title for section in sections if section.level == 1 and section.title), None)


def _within(section: Section, title: str) -> Section:
    """A path need not repeat the document's title, nor grow without end."""
    path = section.path
    if path == title:
        path = ""
    elif path.startswith(title + SEPARATOR):
        path = path[len(title + SEPARATOR) :]
    return replace(section, path=path[:MAX_SECTION])


def _held_warnings(text: str, pieces: tuple[Piece, ...]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for piece in pieces:
        if piece.held:
            reasons.setdefault(piece.held, []).append(text[piece.start : piece.end][:_EXCERPT])
    return [phrase("warning_held", count=len(found), reason=why, excerpt=found[0]) for why, found in reasons.items()]
