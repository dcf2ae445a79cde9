"""``youli restore``: a backup held against its own manifest, and put where nothing is lost by it."""

from __future__ import annotations

import errno
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from service.backup.copying import look_at
from service.backup.making import sync_folder
from service.backup.manifest import DATA, DATABASE, DUMP, KNOWLEDGE, PROMPTS, Manifest, broken, checked, read_manifest
from service.database.session import known_migrations
from service.errors import EnvironmentProblem, Unavailable, UsageError
from service.owner import RESTORING, owner_of

FILES = "restored"
"""Folder of the new data folder that holds ``knowledge/`` and ``prompts/`` as they were, where they are others now."""


@dataclass(frozen=True)
class Restored:
    """A backup that was put somewhere."""

    folder: Path
    manifest: Manifest
    kept: Path | None
    """Where what lay there before is now; None when nothing did."""
    migrates: bool
    """Whether the next start brings the database up to this version."""
    differs: tuple[str, ...]
    """``knowledge`` and ``prompts`` where the backup's files are not those in use here."""
    dump: Path | None
    """The PostgreSQL dump that is still to be restored."""


def verify(path: Path) -> Manifest:
    """Hold a backup against its manifest, unpack its database and check it page by page.

    Raises:
        EnvironmentProblem: ``backup_missing``, ``backup_broken``, ``backup_newer``, ``database_newer``.
        Unavailable: ``disk_full`` — no room to unpack it.
    """
    with tempfile.TemporaryDirectory(prefix="youli-verify-") as folder, _told(Path(folder)):
        return _unpacked(path, Path(folder) / "new")


def restore(path: Path, folder: Path, knowledge: Path, prompts: Path, *, force: bool = False) -> Restored:
    """Put a backup into a data folder: all of it, or nothing.

    Args:
        path: the backup.
        folder: a data folder that is not there yet, or empty.
        knowledge: the rule files in use here, to be compared with those in the backup.
        prompts: likewise.
        force: a folder with something in it is moved aside first; nothing is ever deleted.

    Raises:
        EnvironmentProblem: as :func:`verify`; ``data_dir_locked`` — a service works in the folder;
            ``restore_unwritable``.
        UsageError: ``restore_not_empty``.
        Unavailable: ``disk_full``.
    """
    owner = owner_of(folder)
    if owner is not None:
        raise EnvironmentProblem("data_dir_locked", path=folder, pid=owner)
    if folder.exists() and not folder.is_dir():
        raise EnvironmentProblem("data_dir_is_file", path=folder)
    used = folder.exists() and any(entry.name not in ("lost+found", RESTORING) for entry in folder.iterdir())
    if used and not force:
        raise UsageError("restore_not_empty", path=folder)
    with _told(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        mounted = folder.is_mount()
        place = folder if mounted else folder.parent
        new = place / (RESTORING if mounted else f".{folder.name}.{RESTORING.lstrip('.')}")
        shutil.rmtree(new, ignore_errors=True)  # of one that was stopped
        try:
            told = _unpacked(path, new)
            differs = _team_files(new, knowledge, prompts)
            kept = _moved_in(new, folder, used, mounted)
        except BaseException:
            if not (mounted and (folder / DATABASE).exists()):
                shutil.rmtree(new, ignore_errors=True)
            raise
    dump = folder / DUMP
    migrates = told.database == "sqlite" and told.migration != known_migrations()[-1]
    return Restored(folder, told, kept, migrates, differs, dump if dump.exists() else None)


def _unpacked(path: Path, new: Path) -> Manifest:
    """Everything of a backup below ``new``, checked."""
    if not path.is_file():
        raise EnvironmentProblem("backup_missing", path=path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
        raise broken(path, "no_zip") from None
    with archive:
        told = read_manifest(archive, path)
        known = known_migrations()
        if told.migration is not None and told.migration not in known:
            raise EnvironmentProblem(
                "database_newer", path=path, theirs=told.migration, ours=known[-1], version=metadata.version("youli")
            )
        new.mkdir(mode=0o700)
        for _ in checked(archive, path, told, new):
            pass
    database = new / DATA / DATABASE
    if told.database == "sqlite":
        if not database.exists():
            raise broken(path, "other_files")
        seen = look_at(database)
        if (seen.migration, seen.counts, seen.pointer) != (told.migration, told.counts, told.pointer):
            raise broken(path, "other_counts")
    return told


def _team_files(new: Path, knowledge: Path, prompts: Path) -> tuple[str, ...]:
    """Keep the team's files of the backup in the data folder, where those in use are others."""
    differs = []
    for name, here in ((KNOWLEDGE, knowledge), (PROMPTS, prompts)):
        theirs = new / name
        if theirs.is_dir() and not _same(theirs, here):
            kept = new / DATA / FILES / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            theirs.rename(kept)
            differs.append(name)
    return tuple(differs)


def _same(theirs: Path, ours: Path) -> bool:
    def files(folder: Path) -> dict[str, bytes]:
        paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    return files(theirs) == files(ours)


def _moved_in(new: Path, folder: Path, used: bool, mounted: bool) -> Path | None:
    """The new folder in the place of the old one; a mount point stays and is filled, the database last."""
    aside = f"{folder.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if not mounted:
        kept = folder.with_name(aside) if used else None
        if kept is not None:
            folder.rename(kept)
        (new / DATA).rename(folder)
        sync_folder(folder.parent)
        shutil.rmtree(new, ignore_errors=True)
        return kept
    kept = folder / aside if used else None
    if kept is not None:
        kept.mkdir()
        for entry in list(folder.iterdir()):
            if entry.name not in ("lost+found", new.name, kept.name):
                entry.rename(kept / entry.name)
    for entry in sorted((new / DATA).iterdir(), key=lambda entry: entry.name == DATABASE):
        entry.rename(folder / entry.name)
    sync_folder(folder)
    shutil.rmtree(new, ignore_errors=True)
    return kept


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Errors of the target's disk, in words."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise Unavailable("disk_full", path=folder) from None
        reason = error.strerror or type(error).__name__
        raise EnvironmentProblem("restore_unwritable", path=folder, reason=reason) from None
