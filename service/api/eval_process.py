"""A run of the eval suite beside the service: a process of its own, so that drafting goes on unhindered."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from evals.results import RunIn, RunInfo
from evals.runs import all_runs, as_it_stands, write_info
from service.errors import Conflict
from service.settings import Settings

TURN = ".turn.lock"
"""Held by the run that is under way, whichever worker began it."""
STOP_S = 5.0
"""Seconds a run may take to stop with the service."""


class EvalProcess:
    """The one run of this service that is under way."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._run = ""

    async def start(self, folder: Path, info: RunInfo, wanted: RunIn, settings: Settings) -> RunInfo:
        """Begin a run in ``folder``; it is on disk when this returns.

        Raises:
            Conflict: ``eval_running``, ``eval_running_elsewhere``.
            OSError: the machine gives no process; there is no run then.
        """
        if self._process is not None and self._process.returncode is None:
            running = as_it_stands(folder.parent / self._run)
            if running.state == "running":
                raise _busy(running, info.shop)
            await self._process.wait()  # all is written: it only takes its leave
        with _turn(folder.parent, info.shop) as turn:
            write_info(folder, info)
            try:
                process = await _begun(folder, wanted, settings, turn)
            except (OSError, ValueError):  # no process to be had: nor is there a run then
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._run, self._process = info.id, process
        return info

    def state_of(self, folder: Path) -> RunInfo:
        """How a run stands; one whose process ended without a word failed, and its last line says why.

        Raises:
            UsageError: there is no such run, or its file is broken.
        """
        info = as_it_stands(folder)
        if info.id != self._run or self._process is None or info.state != "running":
            return info
        if self._process.returncode is None:
            return info
        return info.model_copy(update={"state": "failed", "error": _last_word(folder / "log.txt")})

    async def close(self) -> None:
        """Stop with the service; the run can be gone on with."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def _busy(running: RunInfo, shop: str) -> Conflict:
    """That a run is under way; which one is told to its own shop only."""
    if running.shop == shop:
        return Conflict("eval_running", run=running.id)
    return Conflict("eval_running_elsewhere")


def _last_word(log: Path) -> str | None:
    """What the process said last; the sentence of an error it told as JSON."""
    lines = log.read_text("utf-8", errors="replace").strip().splitlines()
    try:
        return str(json.loads(lines[-1])["detail"])[:500]
    except (ValueError, LookupError, TypeError):
        return lines[-1][:500] if lines else None


def _environment(settings: Settings) -> dict[str, str]:
    """The variables by which another process has the same settings."""
    given = {key: value for key, value in os.environ.items() if not key.startswith(("YOULI_", "OPENAI_"))}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is None:
            continue
        plain = value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        variable = {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"}.get(name, f"YOULI_{name.upper()}")
        given[variable] = plain
    return given


@contextmanager
def _turn(home: Path, shop: str) -> Iterator[IO[bytes]]:
    """The right to run in a data folder, which all workers of a host share; who runs keeps the file open.

    Raises:
        Conflict: ``eval_running``, ``eval_running_elsewhere``.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / TURN).open("ab") as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            running = next((info for info in all_runs(home.parent) if info.state == "running"), None)
            raise _busy(running, shop) if running else Conflict("eval_running", run="?") from None
        yield turn


async def _begun(folder: Path, wanted: RunIn, settings: Settings, turn: IO[bytes]) -> asyncio.subprocess.Process:
    """The process of a run; it has the turn for as long as it lives."""
    arguments = [sys.executable, "-m", "service.cli", "eval", "run", "--json", "--resume-into", str(folder)]
    arguments += [part for name in wanted.only for part in ("--only", name)]
    arguments += ["--writer", wanted.writer, "--repeat", str(wanted.repeat), "--label", wanted.label]
    for name in ("judge", "twins", "mutations"):
        arguments.append(f"--{'' if getattr(wanted, name) else 'no-'}{name}")
    with (folder / "log.txt").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(settings),
            pass_fds=[turn.fileno()],
        )
