"""Reports written again after people have spoken: in a process of their own, so that drafting goes on unhindered."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from service.settings import Settings


class PageWriter:
    """Writes a run's page again; asked several times meanwhile, it writes once more at the end."""

    def __init__(self) -> None:
        self._tasks: dict[Path, asyncio.Task[None]] = {}
        self._again: set[Path] = set()

    def ask(self, folder: Path, settings: Settings) -> None:
        """Write the page of the run in ``folder`` soon; returns at once."""
        if folder in self._tasks:
            self._again.add(folder)
            return
        task = asyncio.get_running_loop().create_task(self._write(folder, settings))
        self._tasks[folder] = task

    async def settled(self) -> None:
        """Wait until everything that was asked for is written."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Stop; a page that was not written again is the old one, whole."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, folder: Path, settings: Settings) -> None:
        try:
            self._again.add(folder)
            while folder in self._again:
                self._again.discard(folder)
                await _process(folder, settings)
        finally:
            self._again.discard(folder)
            self._tasks.pop(folder, None)


async def _process(folder: Path, settings: Settings) -> None:
    places = (str(folder), str(settings.data_dir), str(settings.knowledge_dir))
    quiet = asyncio.subprocess.DEVNULL
    command = (sys.executable, "-m", "evals.report.again", *places)
    process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
