"""Tables of a page as Markdown rows: spans filled in, every row on one line."""

from __future__ import annotations

import re

from bs4 import Tag

_MAX_SPAN = 50
_SPACES = re.compile(r"[\s\u00a0\u3000]+")


def rows_of(table: Tag) -> list[list[str]]:
    """The cells' texts, a merged cell repeated in every place it covers; empty rows and columns left out."""
    grid: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}
    for row in table.find_all("tr"):
        cells: list[str] = []
        for cell in row.find_all(["td", "th"], recursive=False):
            _fill(cells, hanging)
            text = _words(cell)
            down = _span(cell, "rowspan")
            for _ in range(_span(cell, "colspan")):
                if down > 1:
                    hanging[len(cells)] = (down - 1, text)
                cells.append(text)
        _fill(cells, hanging)
        grid.append(cells)
    return _trimmed(grid)


def as_markdown(rows: list[list[str]]) -> str:
    """Rows as a Markdown table whose first row is the head."""
    width = max(map(len, rows))
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _words(cell: Tag) -> str:
    """The cell on one line; blocks in it are apart, a bold word in a sentence is not."""
    for block in cell.find_all(["br", "p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6"]):
        block.insert_before(" ")
        block.insert_after(" ")
    return _SPACES.sub(" ", cell.get_text()).strip().replace("|", "｜")


def _fill(cells: list[str], hanging: dict[int, tuple[int, str]]) -> None:
    while len(cells) in hanging:
        place = len(cells)
        left, text = hanging.pop(place)
        if left > 1:
            hanging[place] = (left - 1, text)
        cells.append(text)


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name) or "1").strip()
    return min(max(int(value), 1), _MAX_SPAN) if value.isascii() and value.isdigit() and len(value) < 5 else 1


def _trimmed(grid: list[list[str]]) -> list[list[str]]:
    rows = [row for row in grid if any(row)]
    width = max(map(len, rows), default=0)
    full = [row + [""] * (width - len(row)) for row in rows]
    used = [place for place in range(width) if any(row[place] for row in full)]
    return [[row[place] for place in used] for row in full]
