"""What a judge said before: one JSON object a line, only ever appended to, so that a run made again costs nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from evals.judge_page import Described
from evals.judge_reading import Said


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    key: str
    asked: Described
    said: Said


class JudgeMemory:
    """Answers by key (the judge, the case, its replies) and description; the last line on one of them counts.

    Args:
        path: the file; it need not be there. None: remembered in this process only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[str, dict[Described, Said]] = {}
        for line in path.read_bytes().splitlines() if path is not None and path.exists() else ():
            try:
                one = _Line.model_validate_json(line)
            except ValidationError:
                continue  # half written when a run was stopped, or not ours
            self._known.setdefault(one.key, {})[one.asked] = one.said

    def of(self, key: str) -> Mapping[Described, Said]:
        """What was said under that key."""
        return self._known.get(key, {})

    def add(self, key: str, said: Mapping[Described, Said]) -> None:
        """Remember what is settled of ``said``. A file that cannot be written costs a question later, not the run."""
        settled = {asked: one for asked, one in said.items() if one.settled}
        self._known.setdefault(key, {}).update(settled)
        if self._path is None or not settled:
            return
        lines = [_Line(key=key, asked=asked, said=one).model_dump_json() for asked, one in settled.items()]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":
                        lines.insert(0, "")  # what was left half written stays a line of its own
                file.write(("\n".join(lines) + "\n").encode())
        except OSError:
            return
