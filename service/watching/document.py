"""The table of all metrics as a document for people: ``python -m service.watching.document > deploy/METRICS.md``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.watching.vocabulary import closed, table

_HEAD = table()["document"]


def lines() -> Iterator[str]:
    """The document, line by line."""
    yield from (f"{line}".rstrip() for line in _HEAD["head"].strip().splitlines())
    yield ""
    yield "| " + " | ".join(_HEAD["columns"]) + " |"
    yield "|---" * len(_HEAD["columns"]) + "|"
    for name, entry in table()["metrics"].items():
        yield f"| `{name}` | {_HEAD['kinds'][entry['kind']]} | {_labels(entry)} | {entry['help']} |"
    yield ""
    yield f"## {_HEAD['values']}"
    yield ""
    for label, values in closed().items():
        told = _HEAD["filled"].get(label) or "、".join(f"`{value}`" for value in sorted(values))
        yield f"- `{label}`：{told}"


def _labels(entry: dict[str, Any]) -> str:
    told = []
    for label, of in entry.get("labels", {}).items():
        values = "、".join(f"`{value}`" for value in of) if isinstance(of, list) else f"→ `{of}`"
        told.append(f"`{label}` {values}")
    return "；".join(told)


if __name__ == "__main__":
    print("\n".join(lines()))
