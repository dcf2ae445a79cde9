"""Cases as JSON lines: one case a line, nothing lost on the way out and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evals.dataset import parse_case
from evals.formats.casefile import Taken, case_data
from service.errors import RulebookError, phrase
from service.rulebook.yamlfile import YamlFile, read_text


def to_jsonl(cases: Iterable[Taken]) -> str:
    """One line a case."""
    rows = (case_data(one.entry, one.waits) for one in cases)
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def from_jsonl(path: Path) -> list[Taken]:
    """The cases of a file; empty lines are passed over.

    Raises:
        RulebookError: not UTF-8, a line that is no JSON object or no case (its number is told), the same id twice, or
            no case at all.
    """
    taken: dict[str, Taken] = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        file = YamlFile(path, _object(path, number, line), {(): number})
        entry, waits = parse_case(file)
        if entry.id in taken:
            raise file.error(phrase("case_twice", id=entry.id, other=path.name))
        taken[entry.id] = Taken(entry, waits)
    if not taken:
        raise RulebookError(path, 0, phrase("case_none"))
    return list(taken.values())


def _object(path: Path, number: int, line: str) -> Any:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise RulebookError(path, number, phrase("case_no_json")) from None
    if not isinstance(row, dict):
        raise RulebookError(path, number, phrase("case_no_json"))
    return as_written(row)


def as_written(value: Any) -> Any:
    """JSON's values as a case file has them: every scalar is text, what is null is not there."""
    if isinstance(value, dict):
        return {key: as_written(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [as_written(item) for item in value]
    if isinstance(value, str):
        return value
    return json.dumps(value) if not isinstance(value, float) or math.isfinite(value) else str(value)
