"""Chroma's folders seen from outside: which there are, who made them, whether anything is missing.

Nothing here opens a file of Chroma's with its own software: two SQLite copies in one process do not see each other's
locks, and what a dead process left may end the one that opens it.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

STAMP = "stamp.json"
WANTED = "rebuild"
DATABASE = "chroma.sqlite3"
_HEADER = b"SQLite format 3\x00"
_FOLDER = re.compile(r"gen-(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the newest folder was built with and from."""

    chromadb: str
    fingerprint: str
    pointer: str
    chunks: int


class Folders:
    """The generation folders below one root.

    Args:
        root: ``chroma/`` in the data folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stamp = read_stamp(root)

    def all(self) -> list[Path]:
        """The folders, oldest first."""
        found = [(int(m[1]), path) for path in self._entries() if (m := _FOLDER.fullmatch(path.name))]
        return [path for _, path in sorted(found)]

    def found(self, first: bool) -> str:
        """What an earlier process left: ``none`` ``missing`` ``damaged`` ``version`` or ``earlier``."""
        folders = self.all()
        if not folders and self.stamp is None:
            return "none" if first else "missing"
        if not folders:
            return "missing"
        if self.stamp is None or not self.whole(folders[-1]):
            return "damaged"
        return "earlier" if self.stamp.chromadb == installed() else "version"

    def new(self) -> Path:
        """A folder nobody has used.

        Raises:
            OSError: it cannot be made.
        """
        folders = self.all()
        last = int(folders[-1].name.partition("-")[2]) if folders else 0
        path = self.root / f"gen-{last + 1}"
        path.mkdir(parents=True)
        return path

    def whole(self, folder: Path) -> bool:
        """Whether the folder has its database, with the head of one."""
        try:
            with (folder / DATABASE).open("rb") as file:
                return file.read(len(_HEADER)) == _HEADER
        except OSError:
            return False

    def write(self, stamp: Stamp) -> None:
        """Note what was built; without it the next start says ``damaged`` and builds all the same."""
        self.stamp = stamp
        part = self.root / f"{STAMP}.part"
        with suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(stamp)), encoding="utf-8")
            part.replace(self.root / STAMP)

    def sweep(self, keep: Path) -> None:
        """Remove what older generations left, ours and those of earlier processes."""
        for path in self.all():
            if path != keep:
                shutil.rmtree(path, ignore_errors=True)

    def want_rebuild(self) -> None:
        """Ask the process that serves from this folder to build anew; it looks twice a second.

        Raises:
            OSError: the wish cannot be written.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / WANTED).touch()

    def rebuild_wanted(self) -> bool:
        """Whether somebody asked."""
        return (self.root / WANTED).exists()

    def rebuild_done(self) -> None:
        """What was asked is being done."""
        with suppress(OSError):
            (self.root / WANTED).unlink()

    def _entries(self) -> list[Path]:
        try:
            return list(self.root.iterdir())
        except OSError:
            return []


def read_stamp(root: Path) -> Stamp | None:
    """What the newest folder was built with; None when it is not told, or not in our words."""
    try:
        told = json.loads((root / STAMP).read_text(encoding="utf-8"))
        stamp = Stamp(**told)
    except (OSError, ValueError, TypeError):
        return None
    sound = isinstance(stamp.chunks, int) and all(
        isinstance(value, str) for value in (stamp.chromadb, stamp.fingerprint, stamp.pointer)
    )
    return stamp if sound else None


def installed() -> str:
    """The version of chromadb that would be used; asked without importing it."""
    return metadata.version("chromadb")
