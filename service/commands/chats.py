"""Chats as shop platforms export them: CSV, TSV or JSON lines, in any of the encodings they come in.

What the columns and senders are called is data (``knowledge/exports.yaml``). A row that cannot be read is told with
its line and costs nothing but itself.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from service.commands.inputs import read_bytes, usage
from service.commands.words import word
from service.rulebook.yamlfile import StrictModel, read_yaml
from service.schemas.base import MAX_TEXT_CHARS
from service.text.normalise import fold

TABLES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson"})
"""What files of chats end with."""
BOOKS = frozenset({".xlsx", ".xls", ".xlsm", ".et", ".ods", ".numbers"})
"""Spreadsheets nobody here can open."""
MAX_BYTES = 50 * 1024 * 1024
_BROKEN = "\ufffd"
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DELIMITERS = ",\t;|"
_MOSTLY = 0.5
"""Share of the lines with other than ASCII that must be UTF-8 for the file to be."""

Role = Literal["agent", "buyer", "other"]


class ExportsFile(StrictModel):
    """``knowledge/exports.yaml``."""

    columns: dict[Literal["conversation", "role", "sender", "agent", "text", "time"], list[str]]
    agents: list[str]
    buyers: list[str]
    others: list[str]
    contains: list[str]
    header_within: Annotated[int, Field(ge=1)]
    context: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Turn:
    """One message of a chat; ``line`` is where it begins in the file."""

    line: int
    role: Role
    text: str
    conversation: str = ""
    agent: str = ""
    time: str = ""


@dataclass(frozen=True)
class BadLine:
    """A line that was not read, and what to do about it."""

    line: int
    reason: str


def load_exports(folder: Path) -> ExportsFile:
    """The names of columns and senders.

    Raises:
        RulebookError: the file is missing or broken.
    """
    return read_yaml(folder / "exports.yaml").parse(ExportsFile)


def read_chats(path: str, names: ExportsFile) -> Iterator[Turn | BadLine]:
    """Every message of a file, and every line that is none, in the file's order.

    Raises:
        UsageError: not readable, too big, no text in it, or no column with the messages.
    """
    text = _decoded(read_bytes(path, MAX_BYTES))
    if not text.strip(_BROKEN + "\ufeff \r\n\t"):
        raise usage("chats_empty", path=path)
    suffix = Path(path).suffix.lower()
    rows = _json_rows(text) if suffix in (".jsonl", ".ndjson") else _table(text, path, names, suffix)
    yield from _turns(rows, names)


def _decoded(data: bytes) -> str:
    """The text of a file; what is no character of its encoding becomes U+FFFD and spoils its row only."""
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    if encoding is None:
        lines = [line for line in data.splitlines() if not line.isascii()]
        utf8 = sum(_is_utf8(line) for line in lines)
        encoding = "utf-8" if utf8 >= len(lines) * _MOSTLY else "gb18030"
    return data.decode(encoding, "replace")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


Row = tuple[int, Mapping[str, str] | str]
"""Line, and its cells by column, or why it has none."""


def _table(text: str, path: str, names: ExportsFile, suffix: str) -> Iterator[Row]:
    lines = text.splitlines(keepends=True)
    head = lines[: names.header_within]
    delimiter = "\t" if suffix == ".tsv" else max(_DELIMITERS, key=lambda mark: sum(line.count(mark) for line in head))
    header: list[str | None] | None = None
    for number, cells in _csv_rows(lines, delimiter):
        if header is None:
            if isinstance(cells, str) or "text" not in (known := _header(cells, names)):
                if number >= names.header_within:
                    break
                continue
            header = known
        elif isinstance(cells, str):
            yield number, cells
        elif any(cell.strip() for cell in cells):
            yield number, _cells(header, cells)
    if header is None:
        raise usage("chats_no_text", path=path, names="、".join(names.columns["text"]))


def _cells(header: Sequence[str | None], cells: Sequence[str]) -> Mapping[str, str] | str:
    """The row's cells by column, or why there are none."""
    if header.index("text") >= len(cells):
        return word("chats", "short_row")
    return {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name is not None}


def _csv_rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Rows with the line they begin at. A quotation mark that never closes costs its own line, not all that follow."""
    csv.field_size_limit(MAX_BYTES)
    at = 0
    while at < len(lines):
        reader = csv.reader(lines[at:], delimiter=delimiter)
        begin, at = at, len(lines)
        first = begin
        try:
            for cells in reader:
                last = begin + reader.line_num
                if last == len(lines) and "".join(lines[first:last]).count('"') % 2:
                    yield first + 1, word("chats", "open_quote")
                    at = first + 1
                    break
                yield first + 1, cells
                first = last
        except csv.Error:
            yield begin + reader.line_num, word("chats", "no_row")
            at = begin + reader.line_num


def _header(cells: Sequence[str], names: ExportsFile) -> list[str | None]:
    """What each column is; of several that could be one the name written first in the file wins."""
    written = [_plain(cell) for cell in cells]
    found: list[str | None] = [None] * len(cells)
    for column, called in names.columns.items():
        place = next((written.index(name) for name in map(_plain, called) if name in written), None)
        if place is not None and found[place] is None:
            found[place] = column
    return found


def _json_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield number, word("chats", "no_json")
            continue
        if not isinstance(value, dict):
            yield number, word("chats", "no_json")
        else:
            yield number, {str(key): "" if cell is None else str(cell).strip() for key, cell in value.items()}


def _turns(rows: Iterator[Row], names: ExportsFile) -> Iterator[Turn | BadLine]:
    listed = list(rows)
    who = _Senders(names, [_by_column(cells, names) for _, cells in listed if not isinstance(cells, str)])
    for number, cells in listed:
        if isinstance(cells, str):
            yield BadLine(number, cells)
            continue
        given = _by_column(cells, names)
        text = given.get("text")
        if text is None:
            yield BadLine(number, word("chats", "no_text", names="、".join(names.columns["text"])))
        elif any(_BROKEN in cell for cell in given.values()):
            yield BadLine(number, word("chats", "encoding"))
        elif len(text) > MAX_TEXT_CHARS:
            yield BadLine(number, word("chats", "too_long", limit=MAX_TEXT_CHARS))
        elif text:
            yield who.turn(number, given)


def _by_column(cells: Mapping[str, str], names: ExportsFile) -> dict[str, str]:
    """The cells under the names of our columns; a table's are already."""
    if cells.keys() <= names.columns.keys():
        return dict(cells)
    header = _header(list(cells), names)
    return {name: cell for name, cell in zip(header, cells.values(), strict=True) if name is not None}


class _Senders:
    """Who said what, by the names of one file."""

    def __init__(self, names: ExportsFile, rows: Sequence[Mapping[str, str]]) -> None:
        told: list[tuple[Role, list[str]]] = [("agent", names.agents), ("buyer", names.buyers), ("other", names.others)]
        self._roles: dict[str, Role] = {_plain(name): role for role, listed in told for name in listed}
        self._marks = [_plain(mark) for mark in names.contains]
        self._nicknames = not any(_plain(_sender(row)) in self._roles for row in rows)

    def turn(self, number: int, given: Mapping[str, str]) -> Turn | BadLine:
        """The message of a row, or that nobody knows whose it is."""
        sender = _sender(given)
        role = self._role(_plain(sender)) if "role" in given or "sender" in given else "agent"
        if role is None:
            return BadLine(number, word("chats", "unknown_sender", sender=sender[:20]))
        agent = given.get("agent") or given.get("sender", "")
        if not agent and self._nicknames:
            agent = sender
        return Turn(number, role, given["text"], given.get("conversation", ""), agent, given.get("time", ""))

    def _role(self, sender: str) -> Role | None:
        if sender in self._roles:
            return self._roles[sender]
        if any(mark in sender for mark in self._marks):
            return "agent"
        return "buyer" if self._nicknames else None


def _sender(given: Mapping[str, str]) -> str:
    return given["role"] if "role" in given else given.get("sender", "")


def _plain(name: str) -> str:
    """A header or sender as it is compared: normal form, no spaces, no marks at its edges."""
    return fold(name).replace(" ", "").replace("_", "").strip("\"'*[]()【】\ufeff")
