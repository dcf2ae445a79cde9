"""Word files to Markdown, by way of mammoth's HTML."""

from __future__ import annotations

import io
from typing import Any

import mammoth
from bs4 import BeautifulSoup
from lxml import etree

from service.library.files.archive import packed_again, parts_of
from service.library.files.content import Content, Unreadable
from service.library.files.hidden_word import take_hidden
from service.library.files.page import to_markdown

_BODY = "word/document.xml"
_STYLES = "word/styles.xml"
_WRITTEN = (_BODY, "word/footnotes.xml", "word/endnotes.xml")


def read_word(data: bytes, limits: dict[str, Any], headings: dict[str, int]) -> Content:
    """Read a docx.

    Args:
        data: the bytes.
        limits: of :class:`service.library.files.limits.Limits`, as plain data.
        headings: names of paragraph styles that are headings, and their level.

    Raises:
        Unreadable: no Word file, or not one to be unpacked.
    """
    parts = parts_of(data, limits)
    if _BODY not in parts:
        raise Unreadable("document_not_word")
    hidden: list[tuple[str, str]] = []
    try:
        for name in _WRITTEN:
            if name in parts:
                parts[name], found = take_hidden(parts[name], parts.get(_STYLES))
                hidden.extend(found)
        page = _html(packed_again(parts), headings)
    except (etree.XMLSyntaxError, KeyError, IndexError, AttributeError, TypeError):
        raise Unreadable("document_damaged") from None
    soup = BeautifulSoup(page, "lxml")
    for mark in soup.find_all("sup"):
        mark.decompose()
    for back in soup.find_all("a", href=lambda href: bool(href) and href.startswith("#")):
        if back.get_text(strip=True) == "↑":
            back.decompose()
    content = to_markdown(soup)
    content.hidden = hidden
    return content


def _html(data: io.BytesIO, headings: dict[str, int]) -> str:
    styles = "\n".join(f"p[style-name='{name}'] => h{level}:fresh" for name, level in headings.items())
    result = mammoth.convert_to_html(data, style_map=styles, convert_image=mammoth.images.img_element(_no_picture))
    return str(result.value)


def _no_picture(image: Any) -> dict[str, str]:
    return {"src": ""}
