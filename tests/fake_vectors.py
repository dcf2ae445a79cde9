"""Vectors for the fake endpoint: alike in letters is alike in meaning, the same on every machine, of any length.

A "model" is a seed: another seed makes other vectors of the same length, as another model would.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from typing import Any

from tests.fake_model import Reply

SAME = {"邮费": "运费", "快递钱": "运费", "坏了": "故障", "啾啾": "故障"}
"""Words this model takes for the same, which no letters tell."""


def vector(text: str, dim: int = 64, seed: str = "") -> list[float]:
    """The vector of a text."""
    for said, meant in SAME.items():
        text = text.replace(said, meant)
    row = [0.0] * dim
    for size in (1, 2):
        for i in range(len(text) - size + 1):
            place = zlib.crc32((seed + text[i : i + size]).encode())
            row[(place >> 1) % dim] += 1.0 if place & 1 else -1.0
    return row if any(row) else [1.0, *row[1:]]


Row = list[float] | str


def answer(rows: list[Row], **more: Any) -> Reply:
    """A good reply that holds these vectors."""
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
    usage = {"prompt_tokens": len(rows), "total_tokens": len(rows)}
    return Reply.of({"object": "list", "data": data, "model": "fake", "usage": usage} | more)


def embeds(dim: int = 64, seed: str = "", encoding: str = "float") -> Callable[[dict[str, Any]], Reply]:
    """An endpoint that does what it should."""

    def reply(request: dict[str, Any]) -> Reply:
        rows: list[Row] = []
        for text in request["input"]:
            row = vector(text, dim, seed)
            rows.append(row if encoding == "float" else base64.b64encode(struct.pack(f"<{dim}f", *row)).decode())
        return answer(rows)

    return reply


def spoilt(how: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], dim: int = 64) -> Callable[..., Reply]:
    """An endpoint whose list of vectors comes out of ``how``."""

    def reply(request: dict[str, Any]) -> Reply:
        data = [{"index": i, "embedding": vector(text, dim)} for i, text in enumerate(request["input"])]
        return Reply.of({"object": "list", "data": how(data), "model": "fake"})

    return reply
