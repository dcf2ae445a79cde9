"""A rulebook as one file: kept beside the drafts it decided, so that any of them can be judged again as it was."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path, PurePosixPath

from service.rulebook.book import rule_files

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""One time for every file, so that equal rulebooks are equal archives."""


def pack(folder: Path) -> bytes:
    """Every file of the rulebook in ``folder``, as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in rule_files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def unpack(data: bytes, folder: Path) -> None:
    """Write the files of :func:`pack` below ``folder``.

    Raises:
        ValueError: not such an archive, or one that names a place outside.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                place = PurePosixPath(name)
                if place.is_absolute() or ".." in place.parts:
                    raise ValueError(name)
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from None
