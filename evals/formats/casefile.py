"""A case as a YAML file: how it is written, where it goes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evals.dataset import CASES, CaseFile, Criterion, read_all
from evals.whole import write_whole
from service.errors import UsageError

SCHEMA = Path(__file__).resolve().parent.parent / "case.schema.json"
_WIDE = 10_000
"""Columns before a line is folded: never, a sentence stays on its line."""


@dataclass(frozen=True)
class Taken:
    """A case that came from elsewhere. ``waits``: a person has yet to set its verdict."""

    entry: CaseFile
    waits: bool = False
    remarks: Sequence[str] = ()
    """Lines for whoever reads the file, written above it as comments."""


def case_data(entry: CaseFile, waits: bool = False) -> dict[str, Any]:
    """A case as plain data, the way a person would write it: nothing that is as it would be anyway."""
    data: dict[str, Any] = entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for kind in ("must", "must_not"):
        if kind in data:
            data[kind] = [_criterion(one) for one in getattr(entry, kind)]
    for part in (data["inquiry"], *data.get("twins", ())):
        for name in ("order", "policy"):
            if name in part:
                part[name] = _scalars(part[name])
    if numbers := data["expect"].get("numbers"):
        data["expect"]["numbers"] = [int(one) if one.is_integer() else one for one in numbers]
    if waits:
        data["expect"]["verdict"] = ""
    return data


def case_yaml(taken: Taken, folder: Path | None = None) -> str:
    """The file of a case; ``folder`` is where it will stand, for the line that tells editors of the schema."""
    head = [f"# yaml-language-server: $schema={os.path.relpath(SCHEMA, folder)}"] if folder else []
    remarks = [f"# {_one_line(remark)}" for remark in taken.remarks]
    data = case_data(taken.entry, taken.waits)
    body = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=_WIDE)
    return "\n".join([*head, *remarks, body])


def write_cases(taken: Iterable[Taken], out: Path) -> list[Path]:
    """Write cases as files under ``out``: ``<first part of the id>/<rest>.yaml``; all of them or none.

    Args:
        taken: the cases.
        out: folder, made if it is not there; inside the shipped suite the whole suite's ids are taken.

    Raises:
        UsageError: ``case_exists`` — an id is taken, among these or in the folder.
        RulebookError: a case that is there already is broken.
        OSError: not writable.
    """
    suite = CASES if out.resolve().is_relative_to(CASES) else out
    seen = {case.entry.id for case, _ in read_all(suite)}
    files: dict[Path, str] = {}
    for one in taken:
        first, _, rest = one.entry.id.partition(".")
        path = out / first / f"{rest or first}.yaml"
        if one.entry.id in seen or path in files or path.exists():
            raise UsageError("case_exists", id=one.entry.id)
        seen.add(one.entry.id)
        files[path] = case_yaml(one, path.parent.resolve())
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    return list(files)


class _Dumper(yaml.SafeDumper):
    """Lists stand in from their key; no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


class FastDumper(yaml.CSafeDumper):
    """For long files; lists stand flush with their key."""


def _text(dumper: yaml.SafeDumper | yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    """Text; what YAML would take for a line's end is escaped, else it comes back as a blank."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _ENDS & set(text) else None)


_ENDS = frozenset("\x85\u2028\u2029")
_Dumper.add_representer(str, _text)
FastDumper.add_representer(str, _text)


def _criterion(one: Criterion) -> Any:
    """The short way to write a criterion."""
    more: dict[str, Any] = one.model_dump(mode="json", exclude_defaults=True)
    text = more.pop("text")
    if not more:
        return text
    if text == "text":
        return {"text": text, **more}
    return {text: "veto" if more == {"veto": True} else more}


def _scalars(value: Any) -> Any:
    """Numbers and truths without quotes, where they come back as the same text."""
    if isinstance(value, dict):
        return {key: _scalars(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scalars(item) for item in value]
    try:
        read = json.loads(value)
    except ValueError:
        return value
    if isinstance(read, bool):
        return read
    plain = isinstance(read, (int, float)) and math.isfinite(read) and "e" not in value.lower()
    return read if plain and json.dumps(read) == value else value


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
