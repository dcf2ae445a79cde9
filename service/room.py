"""Whether the disk has room for big things, asked before they begin: the last of it is the drafts'."""

from __future__ import annotations

import shutil
from pathlib import Path

from service.errors import Unavailable
from service.settings import Settings

_MB = 2**20
RETRY_S = 60.0
"""Somebody has to clear the disk first."""


def free_mb(folder: Path) -> int | None:
    """What is free on a folder's disk; None when it cannot be told."""
    try:
        return shutil.disk_usage(folder).free // _MB
    except OSError:
        return None


def need_room(settings: Settings) -> None:
    """Refuse what would take the last of the disk.

    Raises:
        Unavailable: ``disk_low``.
    """
    free = free_mb(settings.data_dir)
    if free is not None and free < settings.min_free_mb:
        error = Unavailable("disk_low", path=settings.data_dir, free=free, least=settings.min_free_mb)
        error.retry_after = RETRY_S
        raise error
