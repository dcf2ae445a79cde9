"""Reading the small word tables in ``knowledge/text``; each file once per process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "knowledge" / "text"
"""The tables travel with the package: they say how Chinese is written, not what a shop allows."""


@cache
def table(name: str) -> dict[str, Any]:
    """The parsed table ``knowledge/text/<name>.yaml``; every scalar is a string.

    Raises:
        OSError: the file is missing.
        yaml.YAMLError: it is no YAML.
    """
    with (FOLDER / f"{name}.yaml").open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(file, Loader=yaml.CBaseLoader)
    return loaded
