"""An answer that is still growing: its parts, each handed on when its last character has come.

The answer is one JSON object, bare or in a code fence. Only what stands at its top is told apart: an item of a list
named in ``lists`` by itself, every other value whole. Every character is looked at once, nothing is handed on twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_TELLING = re.compile(r'["{}\[\],:]')
_IN_STRING = re.compile(r'["\\]')


@dataclass(frozen=True, slots=True)
class Part:
    """A closed part: ``name`` is its key at the top; of a list, ``value`` is one item."""

    name: str
    value: Any


class Growing:
    """Takes pieces of text, gives closed parts. Hostile input costs time linear in its length and nothing else."""

    def __init__(self, lists: frozenset[str] = frozenset({"steps"})) -> None:
        self._lists = lists
        self._text = ""
        self._at = 0
        self._depth = 0
        self._in_string = False
        self._string_from = 0
        self._key: str | None = None
        """The key whose value is being read; None while a key is awaited."""
        self._last_string = ""
        self._from: int | None = None
        """Where the open part begins."""
        self._done = False

    def feed(self, piece: str) -> Iterator[Part]:
        """The parts that ``piece`` closes, in order; one that is no JSON is left out."""
        self._text += piece
        while not self._done:
            found = (_IN_STRING if self._in_string else _TELLING).search(self._text, self._at)
            if found is None:
                self._at = len(self._text)
                break
            if found[0] == "\\":
                if found.end() == len(self._text):  # what it escapes has not come yet
                    self._at = found.start()
                    break
                self._at = found.end() + 1
                continue
            self._at = found.end()
            if found[0] == '"':
                self._quote(found.start())
            elif (part := self._mark(found[0], found.start())) is not None:
                yield part
        self._forget()

    def _quote(self, place: int) -> None:
        self._in_string = not self._in_string
        if self._in_string:
            self._string_from = place
        elif self._depth == 1 and self._key is None:
            self._last_string = self._text[self._string_from + 1 : place]

    def _mark(self, mark: str, place: int) -> Part | None:
        if mark == ":":
            if self._depth == 1 and self._key is None:
                self._key, self._from = self._last_string, place + 1
        elif mark in "{[":
            self._depth += 1
            if self._depth == 3 and self._key in self._lists:
                self._from = place
        elif mark == ",":
            return self._value_ends(place) if self._depth == 1 else None
        elif self._depth:
            return self._closes(place)
        return None

    def _closes(self, place: int) -> Part | None:
        self._depth -= 1
        if self._depth == 2 and self._key in self._lists:
            return self._part(place + 1)
        if self._depth == 1 and self._key is not None and self._key not in self._lists:
            return self._part(place + 1)
        if self._depth == 0:
            self._done = True
            return self._value_ends(place)
        return None

    def _value_ends(self, place: int) -> Part | None:
        part = self._part(place) if self._key not in self._lists else None
        self._key, self._from = None, None
        return part

    def _part(self, end: int) -> Part | None:
        """What stands from the open part's beginning to ``end``, once."""
        start, self._from = self._from, None
        if start is None or self._key is None:
            return None
        try:
            return Part(self._key, json.loads(self._text[start:end]))
        except (ValueError, RecursionError):
            return None

    def _forget(self) -> None:
        """Drop what no open part needs, so that a long answer is not copied with every piece."""
        keep = self._from if self._from is not None else self._string_from if self._in_string else self._at
        keep = min(keep, self._at)
        self._text = self._text[keep:]
        self._at -= keep
        self._string_from -= keep
        if self._from is not None:
            self._from -= keep
