"""The eval suite's Chinese (``words.zh.yaml``), by section."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("words.zh.yaml")
MOST = 8
"""Names a sentence lists before it only counts."""


@cache
def _all() -> dict[str, dict[str, Any]]:
    with _FILE.open(encoding="utf-8") as file:
        loaded: dict[str, dict[str, Any]] = yaml.load(file, Loader=yaml.CBaseLoader)
    return loaded


def word(section: str, name: str, /, **parameters: object) -> str:
    """A sentence, filled in.

    Raises:
        KeyError: no such sentence, or a parameter is missing.
    """
    return str(_all()[section][name]).format_map({key: str(value) for key, value in parameters.items()})


def section(name: str, /) -> dict[str, Any]:
    """A whole section, for what is written by machine."""
    return dict(_all()[name])


def listed(names: Sequence[str], most: int = MOST) -> str:
    """The first of some names, and how many there are where they are more."""
    shown = word("list", "between").join(names[:most])
    return shown if len(names) <= most else word("list", "more", shown=shown, count=len(names))


def name_of(kind: str, value: str) -> str:
    """The Chinese name of a value of the contract; the value itself where none was written."""
    return str(_all()["names"].get(kind, {}).get(value, value))
