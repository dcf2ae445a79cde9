"""Bytes to text: which file types, which encodings, how large; front matter apart.

Chinese files come as UTF-8, GB18030, UTF-16 or Big5, often without a mark. UTF-8 proves itself; between the others the
reading with the most everyday characters wins, and if none reads like text the file is refused.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from pydantic import Field

from service.errors import BodyTooLarge, InvalidRequest, RulebookError, UnsupportedDocument, phrase
from service.rulebook.yamlfile import StrictModel, parse_yaml
from service.schemas import Authority, DocumentKind
from service.text.normalise import normalise

MAX_BYTES = 8 * 2**20
MAX_CHARS = 1_000_000
SUFFIXES = frozenset({".md", ".markdown", ".txt"})

# zip and docx, pdf, png, jpeg, gif, elf, exe, gzip, old Office, rar, 7z, sqlite
_MAGIC_HEX = "504b0304 25504446 89504e47 ffd8ff 47494638 7f454c46 4d5a90 1f8b d0cf11e0 52617221 377abcaf 53514c69746520"
_MAGIC = tuple(map(bytes.fromhex, _MAGIC_HEX.split()))
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GUESSES = ("gb18030", "big5", "utf-16-le", "utf-16-be")
_SAMPLE = 4_000
_PLAUSIBLE = 0.75
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BREAK = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


class FrontMatter(StrictModel):
    """What a document says about itself, between two lines of ``---``."""

    kind: DocumentKind | None = None
    title: str | None = Field(default=None, max_length=200)
    authority: Authority | None = None
    platform: str | None = Field(default=None, max_length=60)
    category: str | None = Field(default=None, max_length=60)
    source: str | None = None
    checked_on: str | None = None
    review_by: str | None = None
    effective_from: str | None = None
    effective_to: str | None = None
    questions: list[str] = Field(default_factory=list, max_length=100)
    scenario: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's text with plain line feeds, without its front matter."""

    text: str
    front: FrontMatter
    encoding: str


def parse(name: str, data: bytes) -> Parsed:
    """Read a file.

    Args:
        name: file name as given by the caller; only its suffix is looked at.
        data: the bytes.

    Raises:
        BodyTooLarge: more than ``MAX_BYTES``.
        UnsupportedDocument: no text, an unknown suffix, an encoding nobody can tell, broken front matter.
        InvalidRequest: ``empty_document``.
    """
    if len(data) > MAX_BYTES:
        raise BodyTooLarge(limit=MAX_BYTES)
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise UnsupportedDocument(reason=phrase("document_suffix", suffix=suffix[:12] or name[:12]))
    if not data.strip(b"\0 \t\r\n"):
        raise InvalidRequest("empty_document")
    text, encoding = _decode(data)
    if len(text) > MAX_CHARS:
        raise UnsupportedDocument(reason=phrase("document_too_long", limit=MAX_CHARS))
    text = _BREAK.sub("\n", text)
    front, body = _front_matter(name, text) if suffix != ".txt" else (FrontMatter(), text)
    if not body.strip():
        raise InvalidRequest("empty_document")
    return Parsed(body, front, encoding)


def read_date(value: str | datetime | None) -> datetime | None:
    """A date of front matter or form as an aware time; a bare date begins at midnight UTC.

    Raises:
        InvalidRequest: not a date.
    """
    if value is None or isinstance(value, datetime):
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise UnsupportedDocument(reason=phrase("document_date", value=value[:40])) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _decode(data: bytes) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data, encoding), encoding
    if data.startswith(_MAGIC):
        raise UnsupportedDocument(reason=phrase("document_binary"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text and not _CONTROL.search(text):
        return text, "utf-8"
    readings = [reading for encoding in _GUESSES if (reading := _try(data, encoding))]
    scored = [(_plausible(reading), reading) for reading in readings]
    best = max(scored, key=lambda pair: pair[0], default=(0.0, ("", "")))
    if best[0] < _PLAUSIBLE:
        raise UnsupportedDocument(reason=phrase("document_binary" if b"\0" in data else "document_encoding"))
    return best[1]


def _strict(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise UnsupportedDocument(reason=phrase("document_encoding")) from None
    if _CONTROL.search(text):
        raise UnsupportedDocument(reason=phrase("document_binary"))
    return text


def _try(data: bytes, encoding: str) -> tuple[str, str] | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else (text, encoding)


def _plausible(guess: tuple[str, str]) -> float:
    """Share of everyday characters: ASCII, Chinese punctuation and the 3,755 commonest Han characters."""
    sample = normalise(guess[0][:_SAMPLE]).text
    return sum(map(_everyday, sample)) / max(1, len(guess[0][:_SAMPLE]))


def _everyday(char: str) -> bool:
    if char < "\x7f":
        return True
    try:
        code = char.encode("gb2312")
    except UnicodeEncodeError:
        return char in "…—“”‘’•·"
    return 0xB0 <= code[0] <= 0xD7 or 0xA1 <= code[0] <= 0xA3


def _front_matter(name: str, text: str) -> tuple[FrontMatter, str]:
    if not text.startswith("---\n"):
        return FrontMatter(), text
    head, mark, body = text[4:].partition("\n---\n")
    if not mark:
        return FrontMatter(), text
    try:
        return parse_yaml(Path(name), head, offset=1).parse(FrontMatter), body
    except RulebookError as error:
        raise UnsupportedDocument(
            reason=phrase("document_front_matter", problem=error.reason), line=error.line
        ) from None
