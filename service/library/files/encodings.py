"""Telling the encodings of Chinese files apart.

UTF-8 proves itself; between the others the reading with the most everyday characters wins, and if none reads like text
the file is refused. A web page's own word for its encoding is taken only where its text then reads as well.
"""

from __future__ import annotations

import codecs
import re

from service.library.files.content import Unreadable
from service.text.normalise import normalise

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GUESSES = ("gb18030", "big5", "utf-16-le", "utf-16-be")
_CHARSET = re.compile(rb"""(?i)<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_-]{2,20})""")
_ALIASES = {"gb2312": "gb18030", "gbk": "gb18030", "utf8": "utf-8", "big5-hkscs": "big5hkscs"}
_HEAD = 4_096
"""Bytes of a page in which its charset must stand; browsers look at 1,024."""
_SAMPLE = 4_000
_PLAUSIBLE = 0.75
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def decode(data: bytes) -> tuple[str, str]:
    """The text of a file and the encoding it was read in.

    Raises:
        Unreadable: no text, or an encoding nobody can tell.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data, encoding), encoding
    proven = _read(data, "utf-8")
    if proven is not None:
        return proven, "utf-8"
    readings = [(reading, encoding) for encoding in _GUESSES if (reading := _read(data, encoding)) is not None]
    scored = [(plausible(reading), reading, encoding) for reading, encoding in readings]
    best = max(scored, key=lambda found: found[0], default=(0.0, "", ""))
    if best[0] < _PLAUSIBLE:
        raise Unreadable("document_binary" if b"\0" in data else "document_encoding")
    return best[1], best[2]


def decode_page(data: bytes) -> tuple[str, str]:
    """The text of a web page: its mark, else UTF-8 that proves itself, else its own charset if that reads like text.

    Raises:
        Unreadable: as in :func:`decode`.
    """
    marked = data.startswith(tuple(mark for mark, _ in _MARKS))
    found = None if marked else _CHARSET.search(data[:_HEAD])
    if found is None or _read(data, "utf-8") is not None:
        return decode(data)
    named = found[1].decode("ascii").lower()
    encoding = _ALIASES.get(named, named)
    try:
        reading = data.decode(encoding, "strict" if encoding != "utf-8" else "replace")
    except (UnicodeDecodeError, LookupError):
        return decode(data)
    good = not _CONTROL.search(reading) and plausible(_words(reading)) >= _PLAUSIBLE
    return (reading, encoding) if good and "\ufffd" not in reading else decode(data)


def plausible(text: str) -> float:
    """Share of everyday characters: ASCII, Chinese punctuation and the 3,755 commonest Han characters."""
    sample = normalise(text[:_SAMPLE]).text
    return sum(map(_everyday, sample)) / max(1, len(text[:_SAMPLE]))


def _words(page: str) -> str:
    """The characters of a page that tell encodings apart."""
    return "".join(char for char in page if char > "\x7f") or page


def _strict(data: bytes, encoding: str) -> str:
    text = _read(data, encoding)
    if text is None:
        raise Unreadable("document_binary" if b"\0" in data and encoding == "utf-8-sig" else "document_encoding")
    return text


def _read(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < max(1, len(data) - 3):
            return None
        text = error.object[: error.start].decode(encoding)  # cut off within its last character
    return None if _CONTROL.search(text) else text


def _everyday(char: str) -> bool:
    if char < "\x7f":
        return True
    try:
        code = char.encode("gb2312")
    except UnicodeEncodeError:
        return char in "…—“”‘’•·"
    return 0xB0 <= code[0] <= 0xD7 or 0xA1 <= code[0] <= 0xA3
