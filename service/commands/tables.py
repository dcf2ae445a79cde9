"""Tables for a terminal: columns one under the other, Chinese characters two wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from service.commands.words import faint, printable

_WIDEST = 28
"""Columns of a terminal a cell may take."""


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows under their heads; numbers stand to the right. What may come from outside is made harmless."""
    cells = [list(heads), *([_cut(printable(str(one))) for one in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    numeric = [all(isinstance(row[place], int) for row in rows) for place in range(len(heads))]
    shown = ("  ".join(_padded(*one) for one in zip(row, widths, numeric, strict=True)) for row in cells)
    first, *rest = (line.rstrip() for line in shown)
    return [faint(first), *rest]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int, right: bool) -> str:
    blank = " " * (width - _width(text))
    return blank + text if right else text + blank


def _cut(text: str) -> str:
    while _width(text) > _WIDEST:
        text = text[:-2] + "…"
    return text
