"""The day's token counts in a file beside the data, so that a restart gives nobody a second budget.

Only where one process counts in memory: Redis keeps its own. Written a moment after a count changed, whole and then
renamed; a process that is killed forgets that moment at most. Rates are not kept: their window is a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

WAIT_S = 1.0
"""From a change to its writing."""
_log = structlog.get_logger()


class KeptCounts:
    """The file.

    Args:
        path: of the file; its folder is there.
        counts: what is to be kept now.
    """

    def __init__(self, path: Path, counts: Callable[[], Mapping[str, int]]) -> None:
        self._path, self._counts = path, counts
        self._writing: asyncio.Task[None] | None = None
        self._changed = self._told = False
        self._one_at_a_time = threading.Lock()

    def read(self) -> dict[str, int]:
        """What was kept; nothing where there is no file, or none that can be read."""
        try:
            found = json.loads(self._path.read_bytes())
            return {str(name): int(count) for name, count in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            _log.warning("token_counts_unreadable", error=type(error).__name__)
            return {}

    def changed(self) -> None:
        """Write soon."""
        self._changed = True
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._soon(), name="token-counts")

    async def close(self) -> None:
        """Write what is not written yet."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._changed:
            await self._write()

    async def _soon(self) -> None:
        while self._changed:
            await asyncio.sleep(WAIT_S)
            await self._write()

    async def _write(self) -> None:
        self._changed = False
        data = json.dumps(dict(self._counts())).encode()
        try:
            await asyncio.shield(asyncio.to_thread(self._put, data))
            self._told = False
        except OSError as error:  # a full disk is no reason to refuse a draft; the counts in memory go on
            if not self._told:
                _log.warning("token_counts_not_kept", error=error.strerror)
            self._changed, self._told = True, True
            await asyncio.sleep(WAIT_S)

    def _put(self, data: bytes) -> None:
        beside = self._path.with_suffix(".part")
        with self._one_at_a_time:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            beside.replace(self._path)
