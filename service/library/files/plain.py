"""Text hidden in Markdown and plain text: comments, elements that are not shown, invisible characters."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

_COMMENT = re.compile(r"<!--(.*?)(?:-->|\Z)", re.DOTALL)
_REFERENCE = re.compile(r"""^\[(?://|_?comment_?|\^?#)\]:\s*(?:#|<>)?\s*["'(](.*?)["')]?[ \t]*$""", re.MULTILINE | re.I)
_HIDING = re.compile(
    r"""<(\w{1,12})\b[^<>]{0,300}?(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[01](?:px|pt|em|%)?\s*[;"']|"""
    r"""color\s*:\s*(?:white|\#fff(?:fff)?|transparent)\s*[;"']|opacity\s*:\s*0\s*[;"']|aria-hidden\s*=\s*["']?true|\bhidden\b)"""
    r"""[^<>]{0,300}>""",
    re.IGNORECASE,
)
_WHITE = re.compile("background", re.IGNORECASE)
_INVISIBLE = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_HARMLESS = re.compile(f"(?<![^\\s\\W_])[{_INVISIBLE}]+|[{_INVISIBLE}]+(?![^\\s\\W_])")
_TAGGED = re.compile("[\U000e0020-\U000e007f]+")


def take_hidden(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Take out what a reader of the text would not see.

    Invisible characters beside a space or a mark are dropped: web pages are full of them. Those inside a word stay
    where they are, for the rule that holds such sentences.

    Returns:
        The text without, and what was hidden as (how, text).
    """
    hidden: list[tuple[str, str]] = []

    def out(how: str, inner: str) -> str:
        if inner.strip():
            hidden.append((how, inner.strip()))
        return ""

    if "<!--" in text:
        text = _COMMENT.sub(lambda found: out("comment", found[1]), text)
    if "]:" in text:
        text = _REFERENCE.sub(lambda found: out("comment", found[1]), text)
    if "<" in text:
        text = _without_elements(text, hidden)
    if _TAGGED.search(text):
        text = _TAGGED.sub(lambda found: out("tag_characters", _untagged(found[0])), text)
    return _HARMLESS.sub("", text), hidden


def _without_elements(text: str, hidden: list[tuple[str, str]]) -> str:
    kept: list[str] = []
    at = 0
    lower = text.lower()
    ends: dict[str, Sequence[int]] = {}
    for found in _HIDING.finditer(text):
        if found.start() < at or ("color" in found[0].lower() and _WHITE.search(found[0])):
            continue
        name = found[1].lower()
        if name not in ends:
            ends[name] = [m.start() for m in re.finditer(f"</{re.escape(name)}\\s*>", lower)]
        place = bisect_right(ends[name], found.end() - 1)
        end = ends[name][place] if place < len(ends[name]) else _line_end(text, found.end())
        inner = re.sub(r"<[^<>]{0,300}>", " ", text[found.end() : end]).strip()
        kept.append(text[at : found.start()])
        at = text.find(">", end) + 1 if place < len(ends[name]) else end
        if inner:
            hidden.append(("style", inner))
    return "".join((*kept, text[at:]))


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _untagged(run: str) -> str:
    return "".join(chr(ord(char) - 0xE0000) for char in run if char != "\U000e007f")
