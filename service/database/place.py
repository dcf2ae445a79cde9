"""The file of an SQLite database: that it still is the one that was opened, and that it has not gone back in time.

SQLite itself tells neither. It goes on writing into a file that has no name any more; and where the ``-wal`` is damaged
or gone, it opens the older state before it as if nothing had happened. So how far the database has come is noted
beside it: after commits, at most once a second, never before what it tells of is on disk.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from service.errors import EnvironmentProblem

SUFFIX = "-mark"
MARK_S = 1.0
"""Seconds from a commit to its note: what was committed in the last of them may go unmissed."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a database has come; neither number ever falls."""

    entries: int = 0
    """Number of the audit trail's last entry."""
    generation: int = 0
    """Of what is published."""


class Place:
    """Where an SQLite database lies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = path.with_name(path.name + SUFFIX)
        self._file: tuple[int, int] | None = None
        self._noted = Reached()

    def look(self) -> None:
        """Before it is opened, and made if it is not there.

        Raises:
            EnvironmentProblem: ``database_lost`` — it is gone or empty, and there was one.
        """
        self._noted = self._read()
        if self._noted.entries + self._noted.generation and not _size(self.path):
            raise self._lost()

    def opened(self, reached: Reached) -> None:
        """It is open, and this is how far it has come.

        Raises:
            EnvironmentProblem: ``database_lost`` — it had come farther.
        """
        if reached.entries < self._noted.entries or reached.generation < self._noted.generation:
            raise self._lost()
        self._file = _identity(self.path)

    def check(self) -> None:
        """Costs two microseconds; to be asked before every piece of work.

        Raises:
            EnvironmentProblem: ``database_gone`` — the file was taken away or replaced under this process.
        """
        if self._file is not None and _identity(self.path) != self._file:
            raise EnvironmentProblem("database_gone", path=self.path)

    def note(self, reached: Reached) -> None:
        """Write down how far it has come; a note that cannot be written is missed by nobody."""
        if reached == self._noted or (self._file is not None and _identity(self.path) != self._file):
            return
        part = self._mark.with_name(f".{self._mark.name}.{os.getpid()}-{os.urandom(4).hex()}")
        with suppress(OSError):
            part.write_text(json.dumps(asdict(reached)), "ascii")
            part.replace(self._mark)
            self._noted = reached

    def _read(self) -> Reached:
        try:
            told = json.loads(self._mark.read_text("ascii"))
            return Reached(int(told["entries"]), int(told["generation"]))
        except (OSError, ValueError, LookupError, TypeError):
            return Reached()

    def _lost(self) -> EnvironmentProblem:
        return EnvironmentProblem("database_lost", path=self.path, mark=self._mark)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
