"""The documents that live as files: which files, and under which ids."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from service.schemas import Authority, DocumentKind

FOLDERS: dict[str, tuple[str, DocumentKind, Authority]] = {
    "guidelines": ("guidelines", "guideline", "guideline"),
    "rules/law": ("law", "law", "law"),
    "rules/platform": ("platform", "platform", "platform"),
    "scenarios": ("scenarios", "scenario", "guideline"),
}
"""Folder in ``knowledge/`` → (prefix of the ids, kind, authority) where the front matter says nothing else."""


@dataclass(frozen=True, slots=True)
class FileDocument:
    """A file of the knowledge folder."""

    id: str
    path: str
    kind: DocumentKind
    authority: Authority
    data: bytes


def read_folder(knowledge: Path) -> list[FileDocument]:
    """All document files under ``knowledge``, by id; a file whose name begins with a dot or ``README`` is none."""
    found: list[FileDocument] = []
    for folder, (prefix, kind, authority) in FOLDERS.items():
        root = knowledge / folder
        for path in sorted(root.rglob("*.md")):
            if path.name.startswith((".", "README")):
                continue
            inner = path.relative_to(root).with_suffix("").as_posix()
            shown = path.relative_to(knowledge).as_posix()
            found.append(
                FileDocument(f"{prefix}/{inner}", f"{knowledge.name}/{shown}", kind, authority, path.read_bytes())
            )
    return sorted(found, key=lambda document: document.id)


def digest(data: bytes) -> str:
    """The content digest a version is known by."""
    return hashlib.sha256(data).hexdigest()
