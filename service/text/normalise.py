"""One normal form of Chinese chat text, with the way back to the text as sent.

``normalise`` undoes what keyboards and hiding do (full width, capitals, traditional characters, invisible
characters, combining marks) and keeps ordinary punctuation, which clauses need. ``squeeze`` goes further for
finding hidden words: characters stuffed between Han characters fall away, repeats and sound-alikes are folded.
Both keep exact spans: a hit is always reported in code points of the original.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from service.text.tables import table

_KEPT_WHOLE = frozenset("…⋯")
"""NFKC would turn an ellipsis into three full stops; here it is a pause of its own."""
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Fillers Unicode calls letters or symbols, though nothing is seen."""
_LINE_BREAKS = frozenset("\n\r\x0b\x0c\x85\u2028\u2029")
_DROPPED_CATEGORIES = frozenset({"Cf", "Cc", "Mn", "Me", "Cn", "Co"})
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_RUN_GAP = re.compile(
    rf"(?<=[{_HAN}])[^\x00{_HAN}a-z0-9,。!?;:、.…\n“”‘’\"'「」『』()《》【】〔〕\[\]{{}}%¥/]+(?=[{_HAN}])"
)
_HARD_GAP = re.compile(rf"(?<=[{_HAN}])([,。!?;:、.…/|\"'“”])\1*(?=[{_HAN}])")
_REPEAT = re.compile(rf"([{_HAN}])\1{{2,}}")


@dataclass(frozen=True, slots=True)
class Normalised:
    """Text in normal form. ``starts``/``ends`` are empty when every character stands for itself."""

    original: str
    text: str
    starts: tuple[int, ...] = field(default=(), repr=False)
    ends: tuple[int, ...] = field(default=(), repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of ``original``, in code points, that ``text[start:end]`` was made from.

        Raises:
            ValueError: the span does not lie in ``text``.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"span {start}:{end} outside 0:{len(self.text)}")
        if len(self.starts) != len(self.text):
            return start, end
        if start == end:
            place = self.starts[start] if start < len(self.starts) else len(self.original)
            return place, place
        return self.starts[start], self.ends[end - 1]


class _Characters(dict[str, str]):
    """Original character → what it becomes; filled as characters turn up."""

    def __missing__(self, char: str) -> str:
        made = _fold_char(char)
        self[char] = made
        return made


def _fold_char(char: str) -> str:
    if char in _KEPT_WHOLE:
        return "…"
    if char in _LINE_BREAKS:
        return "\n"
    if char.isspace():
        return " "
    if char in _INVISIBLE_LETTERS:
        return ""
    if char < "\x80":
        return char.lower() if unicodedata.category(char) != "Cc" else ""
    if "\u4e00" <= char <= "\u9fff":
        return _simplified(char)
    if unicodedata.category(char) in _DROPPED_CATEGORIES:
        return ""
    bare = "".join(c for c in unicodedata.normalize("NFKD", char) if unicodedata.category(c) not in ("Mn", "Me"))
    folded = unicodedata.normalize("NFKC", bare).lower()
    simple = "".join(_simplified(c) for c in folded)
    return simple.strip() if not char.isspace() else " "


@cache
def _converter() -> Any:
    import opencc  # late: only texts with Han characters pay for it

    return opencc.OpenCC("t2s")


def _simplified(char: str) -> str:
    """Traditional → simplified, one character at a time: phrase tables corrupt simplified text."""
    exceptions: dict[str, str] = table("characters")["exceptions"]
    if char in exceptions:
        return exceptions[char]
    if char < "\u3400":
        return char
    made: str = _converter().convert(char)
    return made if len(made) == 1 else char


_characters = _Characters()


def fold(text: str) -> str:
    """The normal form as a plain string, for rule words and names that need no way back."""
    folded = "".join(map(_characters.__getitem__, text))
    return _one_space(folded) if _RUN.search(folded) else folded


_RUN = re.compile(r"[ \n]{2,}")


def _one_space(text: str) -> str:
    return _RUN.sub(lambda m: "\n" if "\n" in m[0] else " ", text)


def normalise(text: str) -> Normalised:
    """Bring a text into normal form.

    NFKC, lower case, simplified character by character, invisible and combining characters dropped, a run of
    spaces and line breaks kept as one; full-width punctuation becomes ASCII, ``。、…`` and quotes stay.
    """
    pieces = list(map(_characters.__getitem__, text))
    joined = "".join(pieces)
    if len(joined) == len(text) and all(pieces) and not _RUN.search(joined):
        return Normalised(text, joined)
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for i, piece in enumerate(pieces):
        if not piece:
            if ends and unicodedata.category(text[i]) in ("Mn", "Me"):
                ends[-1] = i + 1  # a mark belongs to the letter it sits on
            continue
        if piece in " \n" and chars and chars[-1] in " \n":
            chars[-1] = "\n" if piece == "\n" else chars[-1]
            ends[-1] = i + 1
            continue
        for char in piece:
            chars.append(char)
            starts.append(i)
            ends.append(i + 1)
    return Normalised(text, "".join(chars), tuple(starts), tuple(ends))


def squeeze(norm: Normalised) -> Normalised:
    """Undo evasion: stuffing between Han characters, repeats, sound-alikes and pinyin (``homophones.yaml``).

    A comma or full stop falls away only where the same one stands around a single character (``这。不。可。能``);
    anything else that is no letter, digit, quote or clause mark falls away wherever it parts two Han characters.
    """
    text, edits = norm.text, []
    edits += [(m.start(), m.end(), "") for m in _HAN_RUN_GAP.finditer(text)]
    edits += [(m.start(), m.end(), "") for m in _HARD_GAP.finditer(text) if _parts_single(text, m)]
    squeezed = _edit(norm, edits)
    squeezed = _edit(squeezed, [(m.start() + 1, m.end(), "") for m in _REPEAT.finditer(squeezed.text)])
    return _edit(squeezed, _sound_alikes(squeezed.text))


def _parts_single(text: str, gap: re.Match[str]) -> bool:
    mark, width = gap[0], gap.end() - gap.start()
    before, after = gap.start() - 1 - width, gap.end() + 1
    return text[max(before, 0) : gap.start() - 1] == mark or text[after : after + width] == mark


def _edit(norm: Normalised, edits: list[tuple[int, int, str]]) -> Normalised:
    """Apply replacements (start, end, new), not overlapping, keeping the way back."""
    if not edits:
        return norm
    identity = len(norm.starts) != len(norm.text)
    starts = list(range(len(norm.text))) if identity else list(norm.starts)
    ends = list(range(1, len(norm.text) + 1)) if identity else list(norm.ends)
    text = norm.text
    for start, end, new in sorted(edits, reverse=True):
        if len(new) == end - start:
            text = text[:start] + new + text[end:]
            continue
        first, last = starts[start], ends[end - 1]
        text = text[:start] + new + text[end:]
        starts[start:end] = [first] * len(new)
        ends[start:end] = [last] * len(new)
    return Normalised(norm.original, text, tuple(starts), tuple(ends))


@dataclass(frozen=True)
class _SoundAlikes:
    guard: re.Pattern[str]
    begins: dict[str, str]
    """First character → the spellings that begin with it, in the file's order: most characters begin none."""
    words: tuple[str, ...]


@cache
def _sound_table() -> _SoundAlikes:
    data = table("homophones")
    words: list[str] = []
    patterns: list[str] = []
    firsts: list[set[str]] = []
    hints: set[str] = set()
    for word, spelled in data["words"].items():
        pieces = []
        first: set[str] = set()
        for char, spelling in zip(word, str(spelled).split(), strict=True):
            variants = [fold(v) for v in spelling.split("|") if v not in ("", "-")]
            hints.update(v[0] for v in variants)
            first = first or {v[0] for v in (char, *variants)}
            pieces.append("(" + "|".join(map(_variant, sorted({char, *variants}, key=len, reverse=True))) + ")")
        words.append(word)
        patterns.append("".join(pieces))
        firsts.append(first)
    for heard, meant in data["slang"].items():
        words.append(meant)
        patterns.append("(" + re.escape(fold(heard)) + ")")
        hints.add(fold(heard)[0])
        firsts.append({fold(heard)[0]})
    named = [
        f"(?P<w{i}>(?<![a-z]){p}(?![a-z]))" if _latin_edge(p) else f"(?P<w{i}>{p})" for i, p in enumerate(patterns)
    ]
    begins: dict[str, list[str]] = {}
    for pattern, first in zip(named, firsts, strict=True):
        for char in first:
            begins.setdefault(char, []).append(pattern)
    return _SoundAlikes(
        re.compile("[a-z" + re.escape("".join(sorted(hints))) + "]"),
        {char: "|".join(whole) for char, whole in begins.items()},
        tuple(words),
    )


def _variant(spelling: str) -> str:
    """One spelling with what may hide behind it: a space after pinyin, a stray letter after a character."""
    return re.escape(spelling) + (" ?" if spelling.isascii() and spelling.isalpha() else "[a-z]?")


def _latin_edge(pattern: str) -> bool:
    return bool(re.search(r"[a-z]", pattern))


_compiled = cache(re.compile)
"""Compiled when first met: a text touches few of them, and the shell's check has no time for all."""


def _heard(text: str, sounds: _SoundAlikes) -> Iterator[re.Match[str]]:
    """Spellings from left to right, not overlapping."""
    place = 0
    while place < len(text):
        pattern = sounds.begins.get(text[place])
        match = _compiled(pattern).match(text, place) if pattern else None
        if match:
            yield match
        place = match.end() if match else place + 1


def _sound_alikes(text: str) -> list[tuple[int, int, str]]:
    sounds = _sound_table()
    if not sounds.guard.search(text):
        return []
    edits = []
    for m in _heard(text, sounds):
        word = sounds.words[int((m.lastgroup or "w0")[1:])]
        if m[0] == word:
            continue
        parts = [(s, e) for s, e in m.regs[1:] if s >= 0 and (s, e) != m.span()]
        if len(parts) == len(word):
            edits += [(s, e, c) for (s, e), c in zip(parts, word, strict=True) if text[s:e] != c]
        else:
            edits.append((m.start(), m.end(), word))
    return edits
