"""Making text from outside inert: in HTML, in XML, in a spreadsheet's cell, in a pull request.

Case texts, replies and reasons come from buyers, models and uploaded files. Markup escaping is the template engine's
work; what is here are the characters escaping does not reach.
"""

from __future__ import annotations

import re

_LEFT = "\n\t"
_TURNS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"
"""Characters that change the direction of what follows: they could make a reason read as its opposite."""
_FORBIDDEN = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff{_TURNS}]")
_XML_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_FORMULA = "=+-@\t\r\n＝＋－＠"
"""How a cell begins that a spreadsheet would calculate; the full-width ones count in East Asian versions."""

_MARKDOWN = re.compile(r"[\\`*_{}\[\]()<>#+\-!|~&$:]")
_LINKED = re.compile(r"(?<=@)|(?<=#)|(?<=://)|(?<=www\.)", re.IGNORECASE)
_BREAK = "\u200b"


def visible(text: str) -> str:
    """``text`` with control, direction and surrogate characters shown instead of obeyed, one for one."""
    return _FORBIDDEN.sub(lambda hit: chr(0x2400 + ord(hit[0])) if ord(hit[0]) < 0x20 else "\ufffd", text)


def xml_text(text: str) -> str:
    """``text`` without what XML 1.0 cannot carry, escaped or not."""
    return _XML_FORBIDDEN.sub("\ufffd", text)


def cell(value: object) -> object:
    """A value for a spreadsheet: what a program would take for a formula begins with an apostrophe.

    Numbers stay numbers; of texts the control characters go, line breaks inside stay.
    """
    if not isinstance(value, str):
        return value
    shown = "'" + value if value[:1] and value[0] in _FORMULA else value
    return visible(shown.replace("\r", "\n"))


def markdown(text: str, limit: int = 200) -> str:
    """``text`` on one line of a pull request, cut at ``limit`` characters: no markup, link, mention or issue number.

    Hosts look for mentions and addresses in the finished page, where an entity has become its character again;
    so a zero-width space stands after each sign they look for.
    """
    line = " ".join(visible(text).split())
    short = line if len(line) <= limit else line[: limit - 1] + "…"
    return _MARKDOWN.sub(lambda hit: f"&#{ord(hit[0])};", _LINKED.sub(_BREAK, short))
