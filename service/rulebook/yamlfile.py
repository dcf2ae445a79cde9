"""Reading the team's YAML strictly: every scalar a string, duplicate keys refused, errors with file and line.

``CBaseLoader`` keeps ``on``, ``24:00`` and ``0571`` as they were typed; pydantic turns strings into what a
model asks for. Line numbers are kept beside the data so that a broken field is reported where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from service.errors import RulebookError, phrase

T = TypeVar("T")
Path_ = tuple[str | int, ...]


class StrictModel(BaseModel):
    """A model for the team's files: a key nobody knows is an error."""

    model_config = {"extra": "forbid", "frozen": True}


@dataclass(frozen=True)
class YamlFile:
    """A parsed file: plain data of strings, lists and dicts, and the line each part starts at."""

    path: Path
    data: Any
    lines: dict[Path_, int] = field(repr=False)
    offset: int = 0
    """Lines before the YAML begins, for front matter inside another file."""

    def line(self, *where: str | int) -> int:
        """The 1-based line of a part, or of its nearest known ancestor."""
        key = tuple(where)
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1) + self.offset

    def error(self, reason: str, *where: str | int) -> RulebookError:
        """An error that names this file and the line of the part."""
        return RulebookError(self.path, self.line(*where), reason)

    def parse(self, shape: type[T], *where: str | int) -> T:
        """The part at ``where`` as ``shape`` (a pydantic model or any type it can adapt).

        Raises:
            RulebookError: with the line of the first field that does not fit.
        """
        part = self.data
        for step in where:
            part = part[step]
        try:
            return TypeAdapter(shape).validate_python(part)
        except ValidationError as error:
            raise self._explain(error, where) from None

    def _explain(self, error: ValidationError, where: Path_) -> RulebookError:
        first = error.errors()[0]
        location = tuple(first["loc"])
        name = str(location[-1]) if location else self.path.name
        if first["type"] == "missing":
            reason = phrase("field_missing", field=name)
        elif first["type"] == "extra_forbidden":
            reason = phrase("field_unknown", field=name)
        else:
            reason = phrase("field_type", field=name, problem=first["msg"])
        return self.error(reason, *where, *location)


def read_yaml(path: Path) -> YamlFile:
    """Read and parse one YAML file.

    Raises:
        RulebookError: missing, not UTF-8, broken syntax, a key twice in one mapping.
    """
    return parse_yaml(path, read_text(path))


def read_text(path: Path) -> str:
    """The text of a file the team owns (UTF-8, with or without BOM).

    Raises:
        RulebookError: missing or not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise RulebookError(path, 0, phrase("file_missing")) from None
    except OSError as error:
        raise RulebookError(path, 0, phrase("file_unreadable", problem=error.strerror)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise RulebookError(path, line, phrase("yaml_not_utf8")) from None


def parse_yaml(path: Path, text: str, offset: int = 0) -> YamlFile:
    """Parse YAML text that stands in ``path`` after ``offset`` lines; errors as in :func:`read_yaml`."""
    try:
        node = yaml.compose(text, Loader=yaml.CBaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = (mark.line if mark else 0) + 1 + offset
        raise RulebookError(path, line, phrase("yaml_syntax", problem=error.problem)) from None
    except yaml.YAMLError as error:
        raise RulebookError(path, 1 + offset, phrase("yaml_syntax", problem=str(error).splitlines()[0])) from None
    lines: dict[Path_, int] = {}
    data = _build(node, (), lines, path, offset) if node is not None else {}
    return YamlFile(path, data, lines, offset)


def _build(node: yaml.Node, where: Path_, lines: dict[Path_, int], path: Path, offset: int) -> Any:
    lines[where] = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*where, i), lines, path, offset) for i, item in enumerate(node.value)]
    built: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else str(key_node.start_mark)
        line = key_node.start_mark.line + 1
        if key in built:
            reason = phrase("yaml_duplicate", key=key, first=lines[(*where, key)] + offset)
            raise RulebookError(path, line + offset, reason)
        built[key] = _build(value_node, (*where, key), lines, path, offset)
        lines[(*where, key)] = line
    return built


def read_front_matter(path: Path) -> tuple[YamlFile, str, int]:
    """Split a Markdown file into its front matter, its body and the number of lines before the body.

    A file without front matter gives empty data and the whole text.

    Raises:
        RulebookError: as in :func:`read_yaml`.
    """
    text = read_text(path).replace("\r\n", "\n")
    if text.startswith("---\n"):
        head, mark, body = text[4:].partition("\n---\n")
        if mark:
            return parse_yaml(path, head, offset=1), body, head.count("\n") + 3
    return YamlFile(path, {}, {}), text, 0
