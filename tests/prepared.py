"""What is dear to make and the same for every test, made once a run: a data folder in use, and one rulebook.

Both workers of a run share the folder. A test that is about a first start, or about what files become, takes none of
this: it starts on an empty folder, or on a copy of ``knowledge/``.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from service.rulebook import book
from service.rulebook.book import Rulebook
from service.rulebook.shelf import fingerprint
from service.settings import HOME, Settings
from tests import engines

KNOWLEDGE = HOME / "knowledge"
_READ = book.load_rulebook
_place: list[Path] = []


def share(place: Path) -> None:
    """Where all workers of this run find what is shared; said once, before the first test."""
    _place.append(place)


@cache
def _folder() -> Path:
    return (_place[-1] if _place else Path(tempfile.mkdtemp())) / "ready"


def load_once(folder: Path, learned: Path | None = None) -> Rulebook:
    """The shipped rulebook, read once a process while its files stay as they are; any other folder is read anew.

    One with the shipped examples that would keep nothing of what it learns takes what others have learned from them.
    """
    if folder == KNOWLEDGE:
        return _shipped(book.digest_of(folder))
    if learned is None and fingerprint(folder / "reading") == fingerprint(KNOWLEDGE / "reading"):
        learned = _folder() / "learned"
    return _READ(folder, learned)


@cache
def _shipped(digest: str) -> Rulebook:
    return _READ(KNOWLEDGE, _folder() / "learned")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    _folder().parent.mkdir(parents=True, exist_ok=True)
    with (_folder().parent / "ready.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def _use() -> None:
    from service.assembly import assemble, learn

    async with assemble(Settings(auth="off", data_dir=_folder()), owner=False) as desk:
        learn(desk)
    (_folder().parent / "ready.done").touch()


def ready(folder: Path) -> Path:
    """Make ``folder`` a data folder that has been in use: the shipped documents are in it, all examples are learned."""
    _made()
    shutil.copytree(_folder(), folder, dirs_exist_ok=True, copy_function=_copied)
    if engines.on_engines():
        engines.copy_database(_folder(), folder)
    return folder


def learned(folder: Path) -> Path:
    """Make ``folder`` a data folder with nothing in it but what was learned from the shipped examples."""
    _made()
    shutil.copytree(_folder() / "learned", folder / "learned", copy_function=_copied)
    return folder


def _made() -> None:
    with _one_at_a_time():
        if not (_folder().parent / "ready.done").exists():
            with ThreadPoolExecutor(1) as beside:  # whoever asks may be inside a running loop
                beside.submit(asyncio.run, _use()).result()


def _copied(source: str, target: str) -> str:
    """A copy; what was learned is never written in place, so that a second name for it does."""
    if source.endswith(".npz"):
        os.link(source, target)
        return target
    return str(shutil.copy2(source, target))


book.load_rulebook = load_once  # conftest comes before whoever imports it from there
