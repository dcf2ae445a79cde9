"""``reviews.jsonl``: the reviews of a run, one a line in the order they were given.

Written whole under a lock and put in the old one's place, so that the command line and the server together lose
nothing and a crash leaves the old file or the new one. A line nobody can read is told and skipped.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from evals.reviews import Review
from evals.whole import write_whole
from service.errors import EnvironmentProblem, Unavailable

NAME = "reviews.jsonl"
_DISK_FULL = 28


@dataclass(frozen=True)
class ReviewLog:
    """What stands in the file: reviews in order, and the lines that cannot be read (from 1)."""

    reviews: tuple[Review, ...] = ()
    broken: tuple[int, ...] = ()


@contextmanager
def locked(folder: Path, name: str = ".reviews.lock") -> Iterator[None]:
    """Alone with a run's folder for as long as this lasts, among all processes; waits its turn.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    try:
        file = (folder / name).open("a+b")
    except OSError as error:
        raise _unwritable(folder, error) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_log(folder: Path) -> ReviewLog:
    """The reviews of a run; none where nobody has reviewed it.

    Raises:
        EnvironmentProblem: the file is there and cannot be read.
    """
    try:
        data = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return ReviewLog()
    except OSError as error:
        raise EnvironmentProblem("data_dir_unwritable", path=folder / NAME, reason=error.strerror) from None
    reviews, broken = [], []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            reviews.append(Review.model_validate_json(line))
        except ValidationError:
            broken.append(number)
    return ReviewLog(tuple(reviews), tuple(broken))


def append(folder: Path, new: Sequence[Review]) -> None:
    """Put reviews behind those that are there, all or none of them; call it under :func:`locked`.

    A last line that was cut off is left out: whoever wrote it was never told that it was kept.

    Raises:
        Unavailable: the disk is full; what was there is still there.
        EnvironmentProblem: the folder cannot be written.
    """
    path = folder / NAME
    try:
        before = path.read_bytes() if path.exists() else b""
        whole = before[: before.rfind(b"\n") + 1]
        tail = before[len(whole) :]
        if tail and _readable(tail):
            whole += tail + b"\n"
        lines = "".join(review.model_dump_json() + "\n" for review in new)
        write_whole(path, whole + lines.encode())
    except OSError as error:
        raise _unwritable(folder, error) from None


def _readable(line: bytes) -> bool:
    try:
        return bool(Review.model_validate_json(line))
    except ValidationError:
        return False


def _unwritable(folder: Path, error: OSError) -> Unavailable | EnvironmentProblem:
    if error.errno == _DISK_FULL:
        return Unavailable("disk_full", path=folder)
    return EnvironmentProblem("data_dir_unwritable", path=folder, reason=error.strerror)
