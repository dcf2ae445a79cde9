"""The door: a file's name and bytes to its text, whatever it is, or a reason why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from service.errors import BodyTooLarge, InvalidRequest, UnsupportedDocument, phrase
from service.library.files.content import Content, Unreadable
from service.library.files.encodings import decode, decode_page
from service.library.files.front import FrontMatter, take_front
from service.library.files.limits import FileRules
from service.library.files.plain import take_hidden
from service.library.files.sandbox import read_apart

_MARKDOWN = frozenset({".md", ".markdown"})
_PLAIN = frozenset({".txt"})
_PAGES = frozenset({".html", ".htm", ".xhtml"})
_ZIP, _PDF, _OLE = b"PK\x03\x04", b"%PDF-", bytes.fromhex("d0cf11e0a1b11ae1")
_OTHERS = "89504e47 ffd8ff 47494638 7f454c46 4d5a90 1f8b08 d0cf11e0 52617221 377abcaf 53514c69746520 504b0506"
_BINARY = (*map(bytes.fromhex, _OTHERS.split()), _ZIP, _PDF)
"""png, jpeg, gif, elf, exe, gzip, old Office, rar, 7z, sqlite, empty zip, zip, pdf."""
_PDF_HEAD = 1024
"""Bytes within which readers look for a PDF's mark."""
_PAGE = re.compile(r"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
_BREAK = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_MARKS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufffe\uffff]")
"""Control characters, and characters fonts keep for themselves (bullets of Word and PDF)."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's text with plain line feeds, without its front matter.

    ``encoding`` is None for files that are no text. ``content`` holds what else was found: hidden text, what was
    dropped, pictures, notes.
    """

    text: str
    front: FrontMatter
    encoding: str | None
    content: Content


def parse(name: str, data: bytes, rules: FileRules) -> Parsed:
    """Read a file.

    Args:
        name: file name as given by the caller; only its suffix is looked at.
        data: the bytes.
        rules: which files are taken, and how large.

    Raises:
        BodyTooLarge: more bytes than allowed.
        UnsupportedDocument: not a type that is read, an encoding nobody can tell, locked, damaged, a bomb, or too much
            for the limits.
        InvalidRequest: ``empty_document``, or ``front_matter_broken``.
        Unavailable: too many files are being read.
    """
    if len(data) > rules.limits.bytes:
        raise BodyTooLarge(limit=rules.limits.bytes)
    suffix = PurePath(name).suffix.lower()
    if not data.strip(b"\0 \t\r\n"):
        raise InvalidRequest("empty_document")
    try:
        content, encoding = _read(name, suffix, data, rules)
        if len(content.text) > rules.limits.chars:
            raise Unreadable("document_too_long", limit=rules.limits.chars)
    except Unreadable as refusal:
        raise UnsupportedDocument(reason=phrase(refusal.name, **refusal.parameters)) from None
    front, body = take_front(name, content.text) if suffix in _MARKDOWN else (FrontMatter(), content.text)
    body, hidden = take_hidden(_MARKS.sub("", body))
    content.hidden.extend(hidden)
    if not body.strip() and not content.hidden:
        raise InvalidRequest("empty_document")
    return Parsed(body, front, encoding, content)


def _read(name: str, suffix: str, data: bytes, rules: FileRules) -> tuple[Content, str | None]:
    if suffix == ".docx":
        _check_docx(data)
        return read_apart("docx", data, rules), None
    if suffix == ".pdf":
        if _PDF not in data[:_PDF_HEAD] or data.startswith((_ZIP, _OLE)):
            raise Unreadable("document_not_pdf")
        return read_apart("pdf", data, rules), None
    if suffix not in _MARKDOWN | _PLAIN | _PAGES:
        say = next((advice.say for advice in rules.advice if suffix in advice.suffixes), None)
        shown = suffix[:12] or name[:12]
        raise (
            Unreadable("document_advice", suffix=shown, say=say) if say else Unreadable("document_suffix", suffix=shown)
        )
    if data.startswith(_BINARY):
        raise Unreadable("document_binary")
    text, encoding = decode_page(data) if suffix in _PAGES else decode(data)
    text = _BREAK.sub("\n", text)
    if suffix in _PAGES or (suffix in _PLAIN and _PAGE.match(text)):
        return read_apart("html", text.encode("utf-8"), rules), encoding
    return Content(text), encoding


def _check_docx(data: bytes) -> None:
    if data.startswith(_OLE):
        raise Unreadable("document_locked_office")
    if not data.startswith(_ZIP):
        raise Unreadable("document_not_word")
