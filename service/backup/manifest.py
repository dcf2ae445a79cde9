"""What a backup says of itself: versions, counts, and the digest of everything in it."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from service.errors import EnvironmentProblem, phrase

MANIFEST = "manifest.json"
DATABASE, DUMP = "youli.sqlite3", "youli.pgdump"
DATA, KNOWLEDGE, PROMPTS = "data", "knowledge", "prompts"
"""Folders inside: what lay in the data folder (the database too), and the team's files as they were."""
FORMAT = 1
_BLOCK = 1 << 20


class Entry(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    size: int
    sha256: str


class Manifest(BaseModel):
    """A backup in numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    made_at: datetime
    youli: str
    chromadb: str
    migration: str | None
    """The database's newest migration; None when its dump is not in here."""
    database: Literal["sqlite", "postgresql"]
    included: bool
    """False: the PostgreSQL dump must be made, and kept, beside this file."""
    counts: dict[str, int]
    """Rows by table."""
    pointer: str | None
    """Generation and digest of what was published."""
    files: tuple[Entry, ...]


def broken(path: Path, why: str, **parameters: object) -> EnvironmentProblem:
    """The refusal of a file that is no whole backup."""
    return EnvironmentProblem("backup_broken", path=path, reason=phrase(f"backup_{why}", **parameters))


def digest_of(file: IO[bytes], copy: IO[bytes] | None = None) -> tuple[int, str]:
    """Size and SHA-256 of what is left of a file, written to ``copy`` on the way."""
    size, hashed = 0, hashlib.sha256()
    while block := file.read(_BLOCK):
        size += len(block)
        hashed.update(block)
        if copy is not None:
            copy.write(block)
    return size, hashed.hexdigest()


def read_manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    """The manifest of an open backup.

    Raises:
        EnvironmentProblem: ``backup_broken``; ``backup_newer`` — made in a way this version does not know.
    """
    try:
        raw = archive.read(MANIFEST)
        told = Manifest.model_validate_json(raw)
    except KeyError:
        raise broken(path, "no_manifest") from None
    except ValidationError:
        if newer := _format_of(raw):
            raise EnvironmentProblem("backup_newer", path=path, theirs=newer, ours=FORMAT) from None
        raise broken(path, "bad_manifest") from None
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError, EOFError):
        raise broken(path, "bad_manifest") from None
    if told.format > FORMAT:
        raise EnvironmentProblem("backup_newer", path=path, theirs=told.format, ours=FORMAT)
    return told


def checked(archive: zipfile.ZipFile, path: Path, told: Manifest, into: Path | None = None) -> Iterator[Path]:
    """Hold every file against the manifest, one after the other, and write it below ``into``, on disk when yielded.

    Raises:
        EnvironmentProblem: ``backup_broken`` — a file is missing, added, changed or would lie outside.
        OSError: it cannot be written.
    """
    names = [name for name in archive.namelist() if name != MANIFEST]
    if sorted(names) != sorted(entry.path for entry in told.files):
        raise broken(path, "other_files")
    for entry in told.files:
        place = PurePosixPath(entry.path)
        if place.is_absolute() or ".." in place.parts or "\\" in entry.path or "\0" in entry.path:
            raise broken(path, "outside", name=entry.path[:80])
        target = (into or Path()) / place
        try:
            with archive.open(entry.path) as packed:
                if into is None:
                    seen = digest_of(packed)
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("xb") as file:
                        seen = digest_of(packed, file)
                        file.flush()
                        os.fsync(file.fileno())
        except OSError:
            raise
        except Exception:  # a damaged zip fails in every way its reader knows
            raise broken(path, "changed", name=entry.path[:80]) from None
        if seen != (entry.size, entry.sha256):
            raise broken(path, "changed", name=entry.path[:80])
        yield target


def _format_of(raw: bytes) -> int | None:
    """A format above ours, if the manifest names one."""
    try:
        number = json.loads(raw)["format"]
    except (ValueError, LookupError, TypeError):
        return None
    return number if isinstance(number, int) and number > FORMAT else None
