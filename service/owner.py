"""The right to serve from a data folder: one process at a time, however the last one ended."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from service.errors import EnvironmentProblem

LOCK_FILE = ".owner.lock"
RESTORING = ".restoring"
"""Folder in a data folder while a backup is put into it; what is left of one that was stopped is no data folder."""


class OwnerLock:
    """Held until closed or until the process ends, by whatever end."""

    def __init__(self, file: IO[str], path: Path, first: bool) -> None:
        self._file = file
        self.path = path
        self.first = first
        """Whether nobody ever served from this folder before."""

    def close(self) -> None:
        """Let go."""
        if not self._file.closed:
            with suppress(OSError):
                self._file.truncate(0)
            self._file.close()


def own_data_dir(path: Path) -> OwnerLock:
    """Become the one server of a data folder; answers at once, without waiting for the holder.

    Raises:
        EnvironmentProblem: ``data_dir_locked``, naming the process that has it; ``restore_unfinished``.
    """
    if (path / RESTORING).exists():
        raise EnvironmentProblem("restore_unfinished", path=path)
    name = path / LOCK_FILE
    first = not name.exists()
    file = name.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise EnvironmentProblem("data_dir_locked", path=path, pid=_written(name) or "?") from None
    with suppress(OSError):  # a full disk: the lock holds all the same, only the number is not to be read
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    return OwnerLock(file, path, first)


def owner_of(path: Path) -> str | None:
    """The number of the process that serves from this folder, ``?`` if it cannot be read, None when nobody does."""
    name = path / LOCK_FILE
    try:
        with name.open("r", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except OSError:
        return _written(name) or "?"
    return None


def _written(name: Path) -> str:
    try:
        return name.read_text("ascii")[:20].strip()
    except (OSError, UnicodeDecodeError):
        return ""
