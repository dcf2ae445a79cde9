"""Drafts taken out of the run folders: their lines go, and so does every page that may quote them.

A live run is made of drafts of the desk's, one a case. What is written from its results (report, tables, summary, blind
pages) is deleted with them and can be written again from what is left.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from evals.review_log import locked
from evals.runs import RESULTS, RUN, runs_dir
from evals.whole import write_whole

_LINES = frozenset({".jsonl", ".tsv"})
"""Kinds of files that hold one thing a line."""
_KEPT = frozenset({RUN, "live.json", "log.txt", "run.lock"})
"""Files of a run's folder that are not made from its results."""
_BLOCK = 1 << 20


@dataclass(slots=True)
class Forgotten:
    """What was found, and is gone unless it was only looked for."""

    lines: int = 0
    files: int = 0
    folders: list[Path] = field(default_factory=list)
    """Folders of runs that lost results: their pages are to be written again."""


def forget(data_dir: Path, ids: Collection[str], *, dry_run: bool = False) -> Forgotten:
    """Take drafts out of everything under ``evals``.

    Args:
        data_dir: whose ``evals`` folder.
        ids: the drafts.
        dry_run: only count.

    Raises:
        OSError: a file cannot be read or written; what was done before stays done.
    """
    done = Forgotten()
    home = runs_dir(data_dir)
    if not ids or not home.is_dir():
        return done
    named = re.compile(b"|".join(re.escape(one.encode()) for one in sorted(ids)))
    for folder in [home, *sorted(path for path in home.iterdir() if path.is_dir())]:
        with ExitStack() as stack:
            if folder != home and not dry_run:
                stack.enter_context(locked(folder, ".live.lock"))
                stack.enter_context(locked(folder))
            _of_folder(folder, home, named, dry_run, done)
    return done


def _of_folder(folder: Path, home: Path, named: re.Pattern[bytes], dry_run: bool, done: Forgotten) -> None:
    lost = False
    files = [path for path in _files(folder, folder != home) if _names(path, named)]
    for path in files:
        if path.suffix in _LINES and not path.name.startswith("."):
            done.lines += _without(path, named, dry_run)
            lost = lost or path.name == RESULTS
    derived = {path for path in files if path.suffix not in _LINES or path.name.startswith(".")}
    if lost:
        derived |= {path for path in _files(folder, True) if path.suffix not in _LINES and path.name not in _KEPT}
        done.folders.append(folder)
    for path in sorted(derived):
        if path.name in _KEPT or path.name.endswith(".lock"):
            continue
        done.files += 1
        if not dry_run:
            path.unlink(missing_ok=True)


def _files(folder: Path, deep: bool) -> Iterator[Path]:
    found = folder.rglob("*") if deep else folder.glob("*")
    return (path for path in sorted(found) if path.is_file() and not path.name.endswith(".lock"))


def _names(path: Path, named: re.Pattern[bytes]) -> bool:
    """Whether a file holds one of the ids, read in blocks that overlap."""
    tail = b""
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                if named.search(tail + block):
                    return True
                tail = block[-256:]
    except FileNotFoundError:
        return False
    return False


def _without(path: Path, named: re.Pattern[bytes], dry_run: bool) -> int:
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not named.search(line)]
    if not dry_run:
        write_whole(path, b"".join(kept))
    return len(lines) - len(kept)
