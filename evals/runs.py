"""A run's folder: ``run.json`` how it stands, ``results.jsonl`` a result a line, ``summary.json`` when it is done.

Results are appended as they come, so that a run that was stopped goes on where it was; a last line that was written by
half is told and left out.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

from pydantic import ValidationError

from evals.results import CaseResult, RunInfo, Summary
from evals.whole import write_whole
from service.errors import UsageError

RUN, RESULTS, SUMMARY, LOCK = "run.json", "results.jsonl", "summary.json", "run.lock"
START_S = 180.0
"""Seconds within which a run that was announced must have begun: it loads the rulebook first."""
ID = re.compile(r"(run|live)[_-][0-9A-Za-z_-]{1,80}")
"""What a run may be called: it is a folder's name."""


def runs_dir(data_dir: Path) -> Path:
    """Where the runs of a data folder are."""
    return data_dir / "evals"


def find_run(given: str, data_dir: Path) -> Path:
    """The folder of a run named by its id, its folder, a file in it, or ``latest``.

    Raises:
        UsageError: ``run_not_found``.
    """
    home = runs_dir(data_dir)
    if given == "latest":
        folders = sorted((path.parent for path in home.glob(f"run_*/{RUN}")), key=lambda path: path.name)
        if folders:
            return folders[-1]
        raise UsageError("run_not_found", run=given)
    path = Path(given)
    candidates = [home / given] if ID.fullmatch(given) else []
    candidates += [path, path.parent] if path.name in (RUN, RESULTS, SUMMARY) else [path]
    for folder in candidates:
        if (folder / RUN).is_file():
            return folder
    raise UsageError("run_not_found", run=given)


def read_info(folder: Path) -> RunInfo:
    """How a run stands.

    Raises:
        UsageError: ``run_broken``, ``run_not_found``.
    """
    path = folder / RUN
    try:
        return RunInfo.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UsageError("run_not_found", run=folder) from None
    except (OSError, ValidationError) as error:
        raise UsageError("run_broken", file=path, line=1, reason=_first(error)) from None


def write_info(folder: Path, info: RunInfo) -> None:
    """Write ``run.json`` whole."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RUN, info.model_dump_json(indent=1))


def read_summary(folder: Path) -> Summary | None:
    """The run in numbers; None while there are none."""
    try:
        return Summary.model_validate_json((folder / SUMMARY).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def read_results(folder: Path) -> tuple[list[CaseResult], bool]:
    """The results so far, the last one of each case and repeat, and whether the last line was written by half.

    Args:
        folder: of the run, or a results file that lies alone.

    Raises:
        UsageError: ``run_broken``: a line before the last is none.
    """
    path = folder if folder.is_file() else folder / RESULTS
    if not path.exists():
        return [], False
    lines = path.read_bytes().split(b"\n")
    found: dict[tuple[str, int], CaseResult] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            result = CaseResult.model_validate_json(line)
        except ValidationError as error:
            if number == len(lines):  # no line end behind it: whoever wrote it was stopped
                return list(found.values()), True
            raise UsageError("run_broken", file=path, line=number, reason=_first(error)) from None
        found[result.case, result.repeat] = result
    return list(found.values()), False


def count_results(folder: Path) -> int:
    """How many results were written, cheaply: the lines of the file."""
    try:
        return (folder / RESULTS).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def as_it_stands(folder: Path) -> RunInfo:
    """How a run stands now: one that says it is running and that nobody writes was stopped.

    Raises:
        UsageError: as :func:`read_info`.
    """
    info = read_info(folder)
    if info.state != "running":
        return info
    if not (folder / LOCK).exists():
        young = (datetime.now(UTC) - info.started_at).total_seconds() < START_S
        return info if young else info.model_copy(update={"state": "stopped"})
    with (folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return info
    return info.model_copy(update={"state": "stopped"})


def all_runs(data_dir: Path) -> Iterator[RunInfo]:
    """The runs of a data folder, newest first; a folder that cannot be read is told by :func:`unreadable_runs`."""
    for path in sorted(runs_dir(data_dir).glob(f"*/{RUN}"), reverse=True):
        try:
            yield as_it_stands(path.parent)
        except UsageError:
            continue


def unreadable_runs(data_dir: Path) -> list[str]:
    """Names of the folders that hold a run of which nobody can say how it stands, newest first."""
    held = {path.parent for name in (RUN, RESULTS) for path in runs_dir(data_dir).glob(f"*/{name}")}
    found = []
    for folder in sorted(held, reverse=True):
        try:
            read_info(folder)
        except UsageError:
            found.append(folder.name)
    return found


def new_run_id(now: datetime | None = None) -> str:
    """A name that sorts by time."""
    moment = now or datetime.now(UTC)
    return f"run_{moment:%Y%m%d-%H%M%S}-{os.urandom(2).hex()}"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """The right to write a run, for one process at a time; who looks meanwhile sees that it runs.

    Raises:
        UsageError: ``run_busy``: another process writes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError("run_busy", run=folder.name) from None
        yield


class ResultsFile:
    """``results.jsonl`` open for more; what was written by half before is cut off first."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / RESULTS
        self._file: IO[bytes] | None = None

    def __enter__(self) -> ResultsFile:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            whole = self.path.read_bytes()
            kept = whole.rfind(b"\n") + 1
            if kept < len(whole):
                os.truncate(self.path, kept)
        self._file = self.path.open("ab")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, result: CaseResult) -> None:
        """Append a result; the next start finds it."""
        assert self._file is not None
        self._file.write(result.model_dump_json(by_alias=True).encode() + b"\n")
        self._file.flush()


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors()[0]
        return f"{'.'.join(map(str, one['loc'])) or 'JSON'}: {one['msg']}"
    return str(error)
