"""PDF to Markdown: the text of its pages, what cannot be seen apart."""

from __future__ import annotations

import io
import logging
import re
from typing import Any

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError
from pypdf.generic import ArrayObject, ByteStringObject, ContentStream, NameObject, TextStringObject

from service.library.files.content import Content, Unreadable
from service.library.files.ink import Ink, look
from service.library.files.lines import Line, paragraphs, without_repeats

_FEWEST_CHARS = 8
"""Letters a page under which a file of pictures counts as scanned."""
_RULES = 3
_BROKEN = (
    PyPdfError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OSError,
    OverflowError,
    ZeroDivisionError,
)


def read_book(data: bytes, limits: dict[str, Any], page_number: str) -> Content:
    """Read a PDF.

    Args:
        data: the bytes.
        limits: of :class:`service.library.files.limits.Limits`, as plain data.
        page_number: a pattern of lines that only number the page.

    Raises:
        Unreadable: locked, damaged, too many pages, or pictures of text without text.
    """
    logging.disable(logging.CRITICAL)
    reader = _opened(data)
    try:
        count = len(reader.pages)
    except _BROKEN:
        raise Unreadable("document_damaged") from None
    if count > limits["pages"]:
        raise Unreadable("document_pages", limit=limits["pages"])
    content = Content("")
    pages: list[list[Line]] = []
    failed = size = 0
    for number in range(count):
        try:
            pages.append(_page(reader.pages[number], reader, content))
        except _BROKEN:
            failed += 1
            continue
        size += sum(len(line.text) for line in pages[-1])
        if size > limits["chars"]:
            raise Unreadable("document_too_long", limit=limits["chars"])
    kept, repeats = without_repeats(pages, re.compile(page_number))
    content.text = paragraphs(kept)
    if repeats:
        content.dropped.append(("page_repeats", repeats))
    letters = sum(len(line.text.strip()) for page in kept for line in page)
    if failed == count or (letters < _FEWEST_CHARS * count and not content.images and failed):
        raise Unreadable("document_damaged")
    if letters < _FEWEST_CHARS * count and content.images:
        raise Unreadable("document_scanned")
    if failed:
        content.notes.append("warning_pages_failed")
    return content


def _opened(data: bytes) -> PdfReader:
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("document_locked")
    except (DependencyError, FileNotDecryptedError, NotImplementedError):
        raise Unreadable("document_locked") from None
    except _BROKEN:
        raise Unreadable("document_damaged") from None
    return reader


def _page(page: PageObject, reader: PdfReader, content: Content) -> list[Line]:
    ink = _ink(page, reader)
    if ink is not None:
        content.images += ink.pictures if not ink.recognised else 0
        content.tables += _is_table(ink)
        if ink.recognised and "warning_recognised" not in content.notes:
            content.notes.append("warning_recognised")
        if ink.hidden is not None:
            hidden = "".join(_text(page, reader, ink.hidden).split())
            if hidden:
                content.hidden.append(("pdf", hidden))
            return _lines(page, reader, ink.seen)
    return _lines(page, reader, None)


def _ink(page: PageObject, reader: PdfReader) -> Ink | None:
    stream = page.get_contents()
    if stream is None:
        return None
    box = page.cropbox
    visible = (float(box.left), float(box.bottom), float(box.right), float(box.top))
    return look(ContentStream(stream, reader).operations, visible, frozenset(_pictures(page)))


def _pictures(page: PageObject) -> list[str]:
    try:
        objects = page["/Resources"]["/XObject"].get_object()  # type: ignore[index]
    except (KeyError, TypeError):
        return []
    return [name for name in objects if objects[name].get_object().get("/Subtype") == "/Image"]


def _is_table(ink: Ink) -> bool:
    return len({round(place) for place in ink.across}) >= _RULES and len({round(place) for place in ink.down}) >= _RULES


def _lines(page: PageObject, reader: PdfReader, operations: list[Any] | None) -> list[Line]:
    sizes: dict[str, float] = {}

    def note(text: str, matrix: list[float], placed: list[float], font: Any, size: float) -> None:
        scale = max(abs(placed[3]), abs(placed[1])) * max(abs(matrix[3]), abs(matrix[1]))
        for line in text.split("\n"):
            if line.strip():
                sizes[line.strip()] = float(size) * (scale or 1.0)

    text = _text(page, reader, operations, note)
    return [Line(line, sizes.get(line.strip(), 0.0)) for line in text.split("\n")]


def _text(page: PageObject, reader: PdfReader, operations: list[Any] | None, note: Any = None) -> str:
    if operations is not None:
        stream = ContentStream(None, reader)
        stream.operations = [(_faithful(operands), operator) for operands, operator in operations]
        page[NameObject("/Contents")] = stream
    return str(page.extract_text(visitor_text=note)) if note else str(page.extract_text())


def _faithful(operands: Any) -> Any:
    """Strings as the bytes they were: written again as text, pypdf would encode them another way."""
    if isinstance(operands, list):
        return ArrayObject([_faithful(operand) for operand in operands])
    return ByteStringObject(operands.original_bytes) if isinstance(operands, TextStringObject) else operands
