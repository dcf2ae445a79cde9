"""What buyers say and desks upload while something is measured: ``said.zh.yaml``, a section each benchmark."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml


def said(benchmark: str, **words: str) -> Any:
    """A benchmark's words; ``{name}`` in them is filled with what is given by that name."""
    text = _text(benchmark)
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    return json.loads(text)


@cache
def _text(benchmark: str) -> str:
    with Path(__file__).with_name("said.zh.yaml").open(encoding="utf-8") as file:
        return json.dumps(yaml.safe_load(file)[benchmark], ensure_ascii=False)
