"""Which documents, and which sections of them, the boundaries rest on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from service.rulebook.boundaries import Boundary, ChapterFile
from service.rulebook.yamlfile import read_yaml


@dataclass(frozen=True, slots=True)
class CitedRule:
    """One boundary's ``rule``: a document and, unless empty, the section of it."""

    boundary: str
    document: str
    section: str
    file: Path
    line: int

    @property
    def rule(self) -> str:
        """As the boundary writes it."""
        return f"{self.document}#{self.section}" if self.section else self.document


def cited_rules(boundaries: Iterable[Boundary]) -> tuple[CitedRule, ...]:
    """What these boundaries cite, those that cite something."""
    return tuple(
        _cited(boundary.id, boundary.entry.rule, boundary.file, boundary.line)
        for boundary in boundaries
        if boundary.entry.rule
    )


def read_cited(folder: Path) -> tuple[CitedRule, ...]:
    """What the boundary files of a knowledge folder cite; their conditions are not looked at.

    Raises:
        RulebookError: a file is broken.
    """
    found = []
    for path in sorted((folder / "boundaries").glob("*.yaml")):
        file = read_yaml(path)
        for index, row in enumerate(file.parse(ChapterFile).rows):
            if row.rule:
                found.append(_cited(row.id, row.rule, path, file.line("rows", index)))
    return tuple(found)


def _cited(boundary: str, rule: str, file: Path, line: int) -> CitedRule:
    document, _, section = rule.partition("#")
    return CitedRule(boundary, document, section, file, line)
