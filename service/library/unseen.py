"""What a file hides from its readers is kept, at the end of the document, every passage of it held.

Dropped, nobody would see that somebody tried; left where it stood, it would be read with the sentences around it. At
the end, under a heading of its own, a person sees it in the diff and in search, and no draft uses it before a release.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import phrase
from service.library.rules import LibraryRules
from service.library.split import Piece, pressed, sentences

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[A-Za-z]{2,}")
_SPACES = re.compile(r"\s+")
_EXCERPT = 24
_NOISE_CHARS = 60
"""Characters up to which a hidden text that matches a noise line is a button nobody pressed."""


@dataclass(frozen=True, slots=True)
class Appendix:
    """The document's text with what was hidden in it at the end, the passages of that part, and what to say of it."""

    text: str
    pieces: tuple[Piece, ...]
    warnings: tuple[str, ...]


def append_hidden(text: str, hidden: Sequence[tuple[str, str]], rules: LibraryRules) -> Appendix:
    """Put hidden texts after the document's own.

    Args:
        text: the cleaned document.
        hidden: (how, text) as the file's reader found them; equal ones count once.
        rules: how much is kept, and how long a passage is.
    """
    size, limit = rules.files.hidden, rules.tuning.passage.limit
    kept: list[str] = []
    left: list[str] = []
    room = size.max_chars
    for words in dict.fromkeys(_SPACES.sub(" ", words).strip() for _, words in hidden):
        says = len(_HAN.findall(words)) >= size.min_han or len(_WORD.findall(words)) >= size.min_words
        if not says or _is_noise(words, rules) or len(words) > room:
            left.append(words)
        else:
            kept.append(words)
            room -= len(words)
    warnings = [phrase("warning_hidden", count=len(kept), excerpt=kept[0][:_EXCERPT])] if kept else []
    if left:
        warnings.append(phrase("warning_hidden_short", count=len(left), excerpt=left[0][:_EXCERPT]))
    if not kept:
        return Appendix(text, (), tuple(warnings))
    section, reason = phrase("hidden_section"), phrase("hidden_reason")
    whole = f"{text}\n\n## {section}\n"
    pieces: list[Piece] = []
    begin = len(text) + 2
    for words in kept:
        start = len(whole)
        whole += f"{words}\n"
        spans = [part for span in sentences(words, 0, len(words)) for part in pressed(span, words, limit - 40)]
        for a, b in spans:
            pieces.append(Piece(begin if not pieces else start + a, start + b, section, reason))
    return Appendix(whole.rstrip("\n"), tuple(pieces), tuple(warnings))


def _is_noise(words: str, rules: LibraryRules) -> bool:
    return len(words) <= _NOISE_CHARS and any(rules.compiled[line.id].search(words) for line in rules.noise.lines)
