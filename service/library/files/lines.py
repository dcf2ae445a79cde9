"""Printed lines back to paragraphs: heads and feet of pages off, broken sentences joined, large print a heading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_EDGE = 2
"""Lines at each end of a page that may be its head or foot; programs often write both before the text."""
_DIGITS = re.compile(r"\d+")
_CLOSED = "。！？!?：:；;…”』」"
_OPENS = re.compile(
    r"^\s*(#|[-*•·●○■□◆◇▪]|第?[一二三四五六七八九十百零0-9]{1,4}[、.．)）章节条步部篇编]|[（(][一二三四五六七八九十0-9]{1,3}[）)]|[①-⑳]|"
    r"[QA答问][:：]|\|)"
)
_NUMBERED = re.compile(
    r"^\s*(第?[一二三四五六七八九十百0-9]{1,4}[、.．章节条步部篇编]|[（(][一二三四五六七八九十0-9]{1,3}[）)]|[①-⑳])"
)
_FULL = 0.82
"""Share of the widest lines' width from which a line is full, so that the next one goes on."""
_LARGE = 1.15
_HEADING_CHARS = 36
_MAX_RANKS = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line and the size of its letters in points (0 where not known)."""

    text: str
    size: float = 0.0


def without_repeats(
    pages: Sequence[Sequence[Line]], page_number: re.Pattern[str]
) -> tuple[list[list[Line]], list[str]]:
    """Pages without what stands at the head or foot of most of them, and without page numbers; what went."""
    counts: Counter[str] = Counter()
    for page in pages:
        counts.update({_key(page[n].text) for n in _edges(page) if page[n].text.rstrip()[-1] not in _CLOSED})
    often = {key for key, count in counts.items() if count >= max(2, (len(pages) + 1) // 2) and len(pages) > 1}
    kept: list[list[Line]] = []
    dropped: list[str] = []
    for page in pages:
        edges = _edges(page)
        off = {n for n in edges if _key(page[n].text) in often or page_number.search(page[n].text.strip())}
        dropped.extend(page[n].text.strip() for n in sorted(off))
        kept.append([line for n, line in enumerate(page) if n not in off])
    return kept, dropped


def paragraphs(pages: Sequence[Sequence[Line]]) -> str:
    """Lines to Markdown."""
    lines = [line for page in pages for line in page]
    wide = _widest([line.text for line in lines])
    ranks = _ranks(lines)
    made: list[str] = []
    goes_on = False
    for line in lines:
        text = line.text.strip()
        if not text:
            goes_on = False
            continue
        heading = ranks.get(_rounded(line.size), 0)
        if heading and len(text) <= _HEADING_CHARS and text[-1] not in _CLOSED and not _NUMBERED.match(text):
            made.append(f"\n{'#' * heading} {text}\n")
            goes_on = False
        elif goes_on and not _OPENS.match(text):
            made[-1] = _glued(made[-1], text)
            goes_on = _runs_over(line.text, wide)
        else:
            made.append(text)
            goes_on = _runs_over(line.text, wide)
    return "\n".join(made).strip("\n")


def _edges(page: Sequence[Line]) -> list[int]:
    full = [n for n, line in enumerate(page) if line.text.strip()]
    return sorted({*full[:_EDGE], *full[-_EDGE:]})


def _key(text: str) -> str:
    bare = re.sub(r"\s+", "", text)
    return bare if _NUMBERED.match(bare) else _DIGITS.sub("#", bare)


def _width(text: str) -> int:
    return sum(2 if char > "\u2e80" else 1 for char in text.rstrip())


def _widest(texts: Sequence[str]) -> float:
    widths = sorted(_width(text) for text in texts if text.strip())
    return float(widths[int(len(widths) * 0.9)]) if widths else 0.0


def _runs_over(text: str, wide: float) -> bool:
    return _width(text) >= wide * _FULL and text.rstrip()[-1] not in _CLOSED


def _glued(one: str, other: str) -> str:
    latin = one[-1].isascii() and one[-1].isalnum() and other[0].isascii() and other[0].isalnum()
    return f"{one} {other}" if latin else one + other


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _ranks(lines: Sequence[Line]) -> dict[float, int]:
    """Sizes of large print → heading level, the largest first."""
    weight: Counter[float] = Counter()
    for line in lines:
        weight[_rounded(line.size)] += len(line.text)
    if not weight:
        return {}
    body = weight.most_common(1)[0][0]
    large = sorted((size for size in weight if body and size >= body * _LARGE), reverse=True)
    return {size: min(rank, _MAX_RANKS) for rank, size in enumerate(large, 1)}
