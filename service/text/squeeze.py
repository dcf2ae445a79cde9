"""Undoing evasion: stuffing between Han characters, repeats, sound-alikes, pinyin.

Only for finding hidden words; what the desk sees is never changed, and spans stay exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from service.text.normalise import Normalised, fold
from service.text.tables import table

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_RUN_GAP = re.compile(
    rf"(?<=[{_HAN}])[^\x00{_HAN}a-z0-9,。!?;:、.…\n“”‘’\"'「」『』()《》【】〔〕\[\]{{}}%¥/]+(?=[{_HAN}])"
)
_HARD_GAP = re.compile(rf"(?<=[{_HAN}])([,。!?;:、.…/|\"'“”])\1*(?=[{_HAN}])")
_REPEAT = re.compile(rf"([{_HAN}])\1{{2,}}")


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
