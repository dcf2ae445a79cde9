"""Web pages to Markdown: the page's furniture off, headings, lists and tables kept."""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup, Tag
from markdownify import ATX, MarkdownConverter

from service.library.files.content import Content
from service.library.files.grid import as_markdown, rows_of
from service.library.files.hidden_page import take_hidden

_SILENT = ["script", "style", "noscript", "iframe", "svg", "canvas", "object", "embed", "head", "audio", "video", "map"]
_CONTROLS = ["button", "select", "textarea", "input", "label", "dialog"]
_FRAME = ["nav", "footer"]
_ROLES = ("navigation", "contentinfo", "banner", "search", "complementary")
_MAYBE = ["aside", "header", "form"]
_LISTS = ["ul", "ol", "dl", "div", "section", "p"]
_LINKED = 0.8
"""Share of a block's text that is links, from which it is a list of links and no text."""
_LINKS = 3
_LINK_CHARS = 40
_MOSTLY = 0.5
_ICON = 64
"""Pixels up to which a picture is an icon."""
_HEADING_CHARS = 36
_ENDS = "。！？；，：,;:!?"
_NUMBERED = re.compile(
    r"^(第?[一二三四五六七八九十百]{1,3}[、.．章节条步部篇]|[（(][一二三四五六七八九十]{1,3}[）)]|\d{1,2}[.、．)）]|[①-⑳])"
)
_SITE = re.compile(r"\s*(?:[-—–_|｜]\s*[^-—–_|｜]{1,20})+$")
"""The site's name after the page's own."""
_TABLE = "\ue000{}\ue001"
_TABLES = re.compile("\ue000(\\d+)\ue001")
_OPTIONS: dict[str, Any] = {
    "heading_style": ATX,
    "bullets": "-",
    "strip": ["a", "img", "b", "strong", "em", "i", "u", "del", "s", "code", "blockquote"],
    "escape_asterisks": False,
    "escape_underscores": False,
    "escape_misc": False,
    "sup_symbol": "",
    "sub_symbol": "",
}


def read_page(markup: str) -> Content:
    """Read a web page."""
    soup = BeautifulSoup(markup, "lxml")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    dropped = _without_frame(soup)
    hidden = take_hidden(soup)
    for element in soup.find_all(_SILENT):
        element.decompose()
    links = _without_link_lists(soup)
    content = to_markdown(soup)
    content.hidden = hidden
    content.title = _SITE.sub("", title).strip() or title
    content.dropped = [(rule, lines) for rule, lines in (("page_frame", dropped), ("link_lists", links)) if lines]
    return content


def to_markdown(soup: BeautifulSoup) -> Content:
    """The text of a page as Markdown, with the pictures counted."""
    images = sum(map(_is_picture, soup.find_all("img")))
    for paragraph in soup.find_all(["p", "div"]):
        _bold_is_heading(soup, paragraph)
    tables = _without_tables(soup)
    text = MarkdownConverter(**_OPTIONS).convert_soup(soup)
    text = _TABLES.sub(lambda found: tables[int(found[1])], text).replace("\u00a0", " ")
    lines = [line.rstrip() for line in text.split("\n")]
    return Content(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n"), images=images)


def _without_frame(soup: BeautifulSoup) -> list[str]:
    """Navigation, foot and controls off; what they said, a line each."""
    whole = max(1, len(soup.get_text()))
    lines: list[str] = []
    for element in soup.find_all(_CONTROLS):
        if not element.decomposed:
            element.decompose()
    named = soup.find_all(_FRAME) + soup.find_all(_has_role)
    for element in named + [found for found in soup.find_all(_MAYBE) if _linked(found) >= _MOSTLY]:
        if element.decomposed or len(element.get_text()) > whole * _MOSTLY:
            continue
        if element.name == "header" and element.find(["h1", "h2"]):
            continue
        lines.extend(element.stripped_strings)
        element.decompose()
    return lines


def _has_role(element: Tag) -> bool:
    return element.get("role") in _ROLES


def _without_link_lists(soup: BeautifulSoup) -> list[str]:
    """Blocks that are links and little else off, the outermost first."""
    lines: list[str] = []
    for element in soup.find_all(_LISTS):
        if element.decomposed or element.find("table"):
            continue
        links = element.find_all("a", href=True)
        short = [link for link in links if len(link.get_text(strip=True)) <= _LINK_CHARS]
        if len(short) >= _LINKS and len(short) == len(links) and _linked(element) >= _LINKED:
            lines.extend(element.stripped_strings)
            element.decompose()
    return lines


def _linked(element: Tag) -> float:
    total = len("".join(element.stripped_strings))
    inside = sum(len("".join(link.stripped_strings)) for link in element.find_all("a"))
    return inside / total if total else 1.0


def _is_picture(image: Tag) -> bool:
    sizes = [str(image.get(name) or "").removesuffix("px") for name in ("width", "height")]
    return not any(size.isdigit() and int(size[:5]) <= _ICON for size in sizes)


def _bold_is_heading(soup: BeautifulSoup, paragraph: Tag) -> None:
    """A short paragraph all in bold is a heading somebody made by hand; a numbered one is the outline's to judge."""
    parts = [part for part in paragraph.contents if isinstance(part, Tag) or str(part).strip()]
    if len(parts) != 1 or not isinstance(parts[0], Tag) or parts[0].name not in ("b", "strong"):
        return
    text = paragraph.get_text(" ", strip=True)
    inside = paragraph.find_parent(["table", "li"])
    if not 2 <= len(text) <= _HEADING_CHARS or text[-1] in _ENDS or _NUMBERED.match(text) or inside:
        return
    heading = soup.new_tag("h4")
    heading.string = text
    paragraph.replace_with(heading)


def _without_tables(soup: BeautifulSoup) -> list[str]:
    """Replace tables by marks; tables that only place things on the page are taken apart."""
    made: list[str] = []
    for table in reversed(soup.find_all("table")):
        rows = [] if table.find("table") else rows_of(table)
        if table.find("table") or max(map(len, rows), default=0) < 2:
            for part in table.find_all(["tr", "td", "th", "tbody", "thead", "tfoot", "caption"]):
                part.name = "div"
            table.name = "div"
            continue
        caption = table.find("caption")
        mark = soup.new_tag("div")
        mark.string = _TABLE.format(len(made))
        table.replace_with(mark)
        if caption and caption.get_text(strip=True):
            above = soup.new_tag("p")
            above.string = caption.get_text(" ", strip=True)
            mark.insert_before(above)
        made.append("\n\n" + as_markdown(rows) + "\n\n")
    return made
