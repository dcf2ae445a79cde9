"""``youli backup``: the data folder in one file, while the service goes on writing.

In it: the database as of one moment, what else lies in the data folder (eval runs, the signing secret, rulings' finds),
and the files of ``knowledge/`` and ``prompts/`` as they were. Not in it: Chroma, a projection; what was learned from
examples, which is learned again; locks and unfinished files. Keys are in the database as hashes only.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO

import psutil
from sqlalchemy.engine import make_url

from service.backup.copying import copy_sqlite
from service.backup.dumping import dump, dump_command
from service.backup.manifest import (
    DATA,
    DATABASE,
    DUMP,
    FORMAT,
    KNOWLEDGE,
    MANIFEST,
    PROMPTS,
    Entry,
    Manifest,
    checked,
    digest_of,
    read_manifest,
)
from service.database.place import SUFFIX as MARK
from service.errors import EnvironmentProblem, Unavailable, UsageError
from service.settings import Settings

SUFFIX = ".youli.zip"
LEFT_OUT = frozenset({"chroma", "learned", ".restoring"})
"""Folders of the data folder that are made again from the rest."""
_PASSING = re.compile(r"\.owner\.lock|\.write-probe|.*\.(part|lock|pyc)|\..+\.\d+-[0-9a-f]{8}")
"""Files that mean nothing once their process is gone."""
_WORKING = ".youli-backup-"
_LAST = ("results.jsonl", "reviews.jsonl")
"""Files that grow: read after the ones that say how far they have come, and up to their last whole line."""


@dataclass(frozen=True)
class Made:
    """A backup that was written and read again."""

    path: Path
    size: int
    manifest: Manifest
    dump: str | None
    """The command that makes the missing PostgreSQL dump; None when nothing is missing."""


def back_up(settings: Settings, target: Path, now: datetime | None = None) -> Made:
    """Write a backup, read it again, and only then give it its name.

    Args:
        settings: what is backed up.
        target: a folder, or the file to write.
        now: what the file is named after.

    Raises:
        UsageError: ``backup_exists``.
        EnvironmentProblem: ``backup_unwritable``; ``database_missing``, ``database_broken``, ``dump_failed``.
        Unavailable: ``disk_full``, ``db_busy``, ``database_away``.
    """
    moment = now or datetime.now(UTC)
    path = target / f"youli-{moment:%Y%m%dT%H%M%SZ}{SUFFIX}" if target.is_dir() else target
    if path.exists():
        raise UsageError("backup_exists", path=path)
    with _told(path), _beside(path) as folder:
        part = folder / "part"
        manifest, dump = _written(settings, part, moment)
        _verified(part, manifest)
        size = part.stat().st_size
        _named(part, path)
    return Made(path, size, manifest, dump)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A folder to work in, on the target's disk; those that killed processes left there go."""
    for left in path.parent.glob(f"{_WORKING}*"):
        pid = left.name.removeprefix(_WORKING).split("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_WORKING}{os.getpid()}-", dir=path.parent) as folder:
        yield Path(folder)


def _written(settings: Settings, part: Path, moment: datetime) -> tuple[Manifest, str | None]:
    copy = part.with_name("database")
    dialect = make_url(settings.database).get_backend_name()
    command: str | None = None
    if dialect == "sqlite":
        seen, inside, included = copy_sqlite(Path(str(make_url(settings.database).database)), copy), DATABASE, True
    else:
        (seen, included), inside = dump(settings.database, copy), DUMP
        command = None if included else " ".join(dump_command(settings.database, Path(DUMP))[0])
    entries: list[Entry] = []
    with part.open("xb") as file:
        part.chmod(0o600)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            if included:
                entries.append(_put(archive, f"{DATA}/{inside}", copy))
            for name, source in _others(settings):
                try:
                    entries.append(_put(archive, name, source))
                except FileNotFoundError:
                    continue  # taken away while we walked; what is not there needs no keeping
            manifest = Manifest(
                format=FORMAT,
                made_at=moment,
                youli=metadata.version("youli"),
                chromadb=metadata.version("chromadb"),
                migration=seen.migration,
                database="sqlite" if dialect == "sqlite" else "postgresql",
                included=included,
                counts=seen.counts,
                pointer=seen.pointer,
                files=tuple(entries),
            )
            archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    return manifest, command


def _put(archive: zipfile.ZipFile, name: str, source: Path) -> Entry:
    """One file into the archive; of one that grows, the whole lines."""
    with source.open("rb") as file:
        end = _whole_lines(file) if source.name.endswith(".jsonl") else None
        info = zipfile.ZipInfo(name, _time(source))
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
        with archive.open(info, "w", force_zip64=True) as packed:
            size, digest = digest_of(_Upto(file, end) if end is not None else file, packed)  # type: ignore[arg-type]
    return Entry(path=name, size=size, sha256=digest)


def _others(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Name inside and place of every file beside the database; those that grow come last."""
    home = settings.data_dir
    url = make_url(settings.database)
    database = str(Path(str(url.database)).absolute()) if url.get_backend_name() == "sqlite" else "-"
    beside = {f"{database}{end}" for end in ("", "-wal", "-shm", "-journal", MARK)}
    own = [path for path in _files(home) if str(path.absolute()) not in beside]
    for path in sorted(own, key=lambda path: (path.name in _LAST, path)):
        yield f"{DATA}/{path.relative_to(home).as_posix()}", path
    for name, folder in ((KNOWLEDGE, settings.knowledge_dir), (PROMPTS, settings.prompts_dir)):
        for path in _files(folder):
            yield f"{name}/{path.relative_to(folder).as_posix()}", path


def _files(folder: Path) -> list[Path]:
    """Plain files below a folder; no link is followed."""
    found = []
    for place, folders, names in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in LEFT_OUT]
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        paths = (Path(place) / name for name in sorted(names) if not _PASSING.fullmatch(name))
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return found


def _verified(part: Path, manifest: Manifest) -> None:
    """Read again what was written; the database in it was checked before it was packed."""
    with zipfile.ZipFile(part) as archive:
        if read_manifest(archive, part) != manifest:
            raise OSError(5, "manifest")
        for _ in checked(archive, part, manifest):
            pass


def _named(part: Path, path: Path) -> None:
    """Give it its name; whoever has that name already keeps it."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise UsageError("backup_exists", path=path) from None
    except OSError:  # a disk without hard links
        if path.exists():
            raise UsageError("backup_exists", path=path) from None
        part.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of the target's disk, in words."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Unavailable("disk_full", path=path.parent) from None
        reason = error.strerror or type(error).__name__
        raise EnvironmentProblem("backup_unwritable", path=path, reason=reason) from None


def _whole_lines(file: IO[bytes]) -> int:
    """Bytes up to the end of the last whole line."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 65_536)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            end = start + at + 1
            break
        end = start
    file.seek(0)
    return end


class _Upto:
    """A file that ends earlier."""

    def __init__(self, file: IO[bytes], end: int) -> None:
        self._file, self._left = file, end

    def read(self, count: int) -> bytes:
        """The next bytes."""
        found = self._file.read(min(count, self._left))
        self._left -= len(found)
        return found


def _time(path: Path) -> tuple[int, int, int, int, int, int]:
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return (min(max(made.year, 1980), 2107), made.month, made.day, made.hour, made.minute, made.second)
