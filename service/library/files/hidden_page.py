"""Text of a web page that its reader does not see: comments, styles that hide, ink in the paper's colour."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Comment, Tag

_RULE = re.compile(r"([^{}]{1,400})\{([^{}]{0,2000})\}")
_SIMPLE = re.compile(r"^(?:[a-zA-Z][\w-]*)?([.#][\w-]+)$")
_NUMBER = re.compile(r"^(-?\d*\.?\d+)\s*(px|pt|em|rem|%|vw|ex|ch)?$")
_RGB = re.compile(r"^rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(?:,\s*([\d.]+)\s*)?\)$")
_NAMED = {"white": "ffffff", "snow": "fffafa", "ivory": "fffff0"}
_TAGS = re.compile(r"<[^<>]{0,500}>")
_TECHNICAL = re.compile(r"^\s*(\[if\b|<!\[endif|/?wp:|#|\$|\{|<script|<link|<style)", re.IGNORECASE)
_NEAR_WHITE = 0xF8
_FAR = -400.0
"""Pixels outside the page; a menu that slides in lies nearer."""
_TINY = 2.0
_MOSTLY = 0.5

Style = dict[str, str]


def take_hidden(soup: BeautifulSoup) -> list[tuple[str, str]]:
    """Take hidden text out of the page and give it back as (how, text).

    What hides more than half of the page's text is a page that waits for its script (saved articles do), no secret.
    """
    sheet = _sheet(soup)
    hidden = [("comment", text) for text in _comments(soup)]
    whole = max(1, len(soup.get_text()))
    for element in soup.find_all(True):
        if element.decomposed or element.name in ("html", "body"):
            continue
        how = _how(element, sheet)
        if how is None:
            continue
        text = element.get_text(" ", strip=True)
        if len(text) > whole * _MOSTLY:
            continue
        element.decompose()
        if text:
            hidden.append((how, text))
    return hidden


def _comments(soup: BeautifulSoup) -> list[str]:
    found: list[str] = []
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        text = str(comment.extract())
        if not _TECHNICAL.search(text):
            found.append(_TAGS.sub(" ", text).strip())
    return [text for text in found if text]


def _sheet(soup: BeautifulSoup) -> dict[str, Style]:
    """Declarations of the page's own simple rules by ``.class`` or ``#id``."""
    sheet: dict[str, Style] = {}
    for style in soup.find_all("style"):
        for selectors, body in _RULE.findall(style.get_text()):
            for selector in selectors.split(","):
                simple = _SIMPLE.match(selector.strip())
                if simple:
                    sheet.setdefault(simple[1], {}).update(_declared(body))
    return sheet


def _declared(text: str) -> Style:
    pairs = (part.partition(":") for part in text.lower().split(";"))
    return {name.strip(): value.replace("!important", "").strip() for name, mark, value in pairs if mark}


def _style(element: Tag, sheet: dict[str, Style]) -> Style:
    style: Style = {}
    for name in element.get_attribute_list("class"):
        style |= sheet.get(f".{name}", {})
    style |= sheet.get(f"#{element.get('id')}", {})
    if element.name == "font" and element.get("color"):
        style["color"] = str(element["color"]).lower()
    if element.get("bgcolor"):
        style["background"] = str(element["bgcolor"]).lower()
    return style | _declared(str(element.get("style") or ""))


def _how(element: Tag, sheet: dict[str, Style]) -> str | None:
    if element.name == "template" or element.has_attr("hidden") or element.get("aria-hidden") == "true":
        return "attribute"
    style = _style(element, sheet)
    if not style:
        return None
    if style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
        return "style"
    if _size(style, "opacity", 1.0) == 0 or _size(style, "font-size", 16.0) < _TINY:
        return "style"
    if _outside(style):
        return "off_page"
    return "colour" if _unseen(element, style, sheet) else None


def _outside(style: Style) -> bool:
    if _size(style, "text-indent", 0.0) <= _FAR:
        return True
    floats = style.get("position") in ("absolute", "fixed")
    if floats and min(_size(style, side, 0.0) for side in ("left", "top", "right", "bottom", "margin-left")) <= _FAR:
        return True
    clipped = style.get("overflow") == "hidden" and 0.0 in (_size(style, "width", 9.0), _size(style, "height", 9.0))
    return clipped or style.get("clip", "").replace(" ", "").startswith(("rect(0,0,0,0", "rect(0px,0px,0px,0px"))


def _size(style: Style, name: str, default: float) -> float:
    found = _NUMBER.match(style.get(name, ""))
    if found is None:
        return default
    return float(found[1]) * {"em": 16.0, "rem": 16.0, "%": 0.16, "pt": 1.33}.get(found[2] or "", 1.0)


def _unseen(element: Tag, style: Style, sheet: dict[str, Style]) -> bool:
    """Whether the ink is the paper's: the nearest background told, else white."""
    ink = style.get("color", "")
    if ink == "transparent":
        return True
    colour = _colour(ink)
    if colour is None:
        return False
    for holder in (element, *element.parents):
        if not isinstance(holder, Tag):
            break
        own = style if holder is element else _style(holder, sheet)
        told = own.get("background-color") or own.get("background") or own.get("background-image")
        if told and told not in ("none", "transparent", "inherit", "initial"):
            paper = _colour(told.split()[0])
            return paper is not None and max(abs(a - b) for a, b in zip(colour, paper, strict=True)) < 8
    return min(colour) >= _NEAR_WHITE


def _colour(text: str) -> tuple[int, int, int] | None:
    text = _NAMED.get(text, text).lstrip("#")
    rgb = _RGB.match(text)
    if rgb:
        return (int(rgb[1]), int(rgb[2]), int(rgb[3]))
    if len(text) == 3:
        text = "".join(char * 2 for char in text)
    if not re.fullmatch("[0-9a-f]{6}", text):
        return None
    return (int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16))
