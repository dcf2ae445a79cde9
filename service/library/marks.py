"""What a paragraph of a law or platform document rests on, told by the mark it begins with: 【规｜2026-11-21】.

Which marks there are, and where they must stand, is data: ``knowledge/library/marks.yaml``. What may not be used is
held by ``held.yaml``; here it is only checked that marks are well written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pydantic import Field

from service.errors import RulebookError, phrase
from service.library.folder import FileDocument, read_folder
from service.library.outline import parted
from service.rulebook.yamlfile import StrictModel, YamlFile, read_front_matter, read_yaml
from service.schemas import DocumentKind

_PARAGRAPH = re.compile(r"^(?=\S)(?:[^\n]+(?:\n|$))+", re.MULTILINE)
_HEADING = re.compile(r"#{1,6}\s")
_MARK = re.compile(r"【([^】\n]{1,24})】")
_JOINS = re.compile(r"[｜|:：,，、/\s]")
_BETWEEN = "｜"


class Mark(StrictModel):
    """One mark; ``dated``: the day it was checked belongs to it."""

    mark: str = Field(min_length=1, max_length=1)
    name: str
    dated: bool = False


class Marks(StrictModel):
    """``marks.yaml``: the marks, kinds whose every paragraph has one, and what front matter must say."""

    marks: list[Mark] = Field(min_length=1)
    every: list[DocumentKind]
    fields: dict[DocumentKind, list[str]]
    questions: dict[DocumentKind, int]


def load_marks(folder: Path) -> Marks:
    """Read ``marks.yaml`` of ``folder`` (``knowledge/library``).

    Raises:
        RulebookError: missing or broken.
    """
    return read_yaml(folder / "marks.yaml").parse(Marks)


def check_marks(knowledge: Path) -> Iterator[RulebookError]:
    """What is wrong with front matter and marks of the documents in ``knowledge``, with file and line.

    Raises:
        RulebookError: ``marks.yaml`` or a document's front matter cannot be read.
    """
    marks = load_marks(knowledge / "library")
    for document in read_folder(knowledge):
        front, body, offset = read_front_matter(knowledge / document.path.partition("/")[2])
        yield from _front_problems(front, document, marks)
        yield from _question_problems(front, body)
        if document.kind in marks.fields:
            yield from _body_problems(front.path, body, offset, marks, document.kind in marks.every)


def _front_problems(front: YamlFile, document: FileDocument, marks: Marks) -> Iterator[RulebookError]:
    for name in marks.fields.get(document.kind, []):
        if not front.data.get(name):
            yield front.error(phrase("field_missing", field=name))
    needed = marks.questions.get(document.kind, 0)
    asked = front.data.get("questions", [])
    if len(asked) < needed:
        yield front.error(phrase("document_questions", count=len(asked), needed=needed), "questions")


def _question_problems(front: YamlFile, body: str) -> Iterator[RulebookError]:
    """Questions that name a section the document does not have."""
    titles = {line.lstrip("#").strip() for line in body.splitlines() if _HEADING.match(line)}
    for index, question in enumerate(front.data.get("questions", [])):
        section = parted(question)[1]
        if section and section not in titles:
            yield front.error(phrase("question_section", section=section), "questions", index)


def _body_problems(path: Path, body: str, offset: int, marks: Marks, every: bool) -> Iterator[RulebookError]:
    for match in _PARAGRAPH.finditer(body):
        words = "".join(line for line in match.group().splitlines(True) if not _HEADING.match(line))
        if not words:
            continue
        if reason := _problem(words, marks, every):
            line = offset + body.count("\n", 0, match.start() + match.group().index(words[:12])) + 1
            yield RulebookError(path, line, reason)


def _problem(words: str, marks: Marks, every: bool) -> str | None:
    """What is wrong with the mark a paragraph begins with."""
    found = _MARK.match(words)
    name, *rest = _JOINS.split(found.group(1)) if found else [""]
    mark = next((one for one in marks.marks if one.mark == name), None)
    if found is None or mark is None:
        return phrase("mark_missing", excerpt=words[:12].strip(), names=_names(marks)) if every else None
    rightly = _BETWEEN.join((name, *rest)) == found.group(1)
    if not rightly or len(rest) > 1 or not all(map(_is_date, rest)) or (mark.dated and not rest):
        return phrase("mark_broken", mark=found.group(), example=f"【{name}{_BETWEEN}2026-11-21】")
    return None


def _names(marks: Marks) -> str:
    return "、".join(one.mark for one in marks.marks)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
