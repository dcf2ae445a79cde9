"""The command line's Chinese words, and the little typography it has."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("words.zh.yaml")


@cache
def _all() -> dict[str, Any]:
    with _FILE.open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(file, Loader=yaml.CBaseLoader)
    return loaded


def word(section: str, name: str, /, **parameters: object) -> str:
    """A sentence, filled in.

    Raises:
        KeyError: no such sentence, or a parameter is missing.
    """
    return str(_all()[section][name]).format_map({k: str(v) for k, v in parameters.items()})


def lines(section: str, name: str) -> list[str]:
    """A list of sentences."""
    return list(_all()[section][name])


def name_of(kind: str, value: str) -> str:
    """The Chinese name of a value of the contract; the value itself where none was written."""
    return str(_all()["names"][kind].get(value, value))


def strong(text: str) -> str:
    """``text`` emphasised where a person looks at a terminal."""
    return f"\x1b[1m{text}\x1b[0m" if _on_terminal() else text


def faint(text: str) -> str:
    """``text`` stepped back where a person looks at a terminal."""
    return f"\x1b[2m{text}\x1b[0m" if _on_terminal() else text


def red(text: str) -> str:
    """``text`` in red where a person looks at a terminal."""
    return f"\x1b[31m{text}\x1b[0m" if _on_terminal() else text


def green(text: str) -> str:
    """``text`` in green where a person looks at a terminal."""
    return f"\x1b[32m{text}\x1b[0m" if _on_terminal() else text


def _on_terminal() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    """``text`` without control and direction characters: what we show may come from a buyer."""
    return "".join(c if c == "\n" or c.isprintable() else " " for c in text)
