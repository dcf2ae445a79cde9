"""The rulebook follows its files: a changed one comes into force whole, or the old one stays and says why.

Every few seconds a thread compares sizes and times of the rulebook's files. What has changed, and been left alone for
one round, is examined in a process of its own (:mod:`service.checkup`): loaded, its examples run, what they teach
learned and put on the shelf. Only then is it loaded here, in a thread, warmed with a draft nobody sees, and swapped in
as one new :class:`~service.assembly.Desk`. A draft in flight keeps the desk, and so the rulebook, it began with.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import structlog

from service.assembly import Broken, Desk, learn, warm
from service.errors import RulebookError, YouliError, phrase
from service.logs import frames
from service.rulebook.book import digest_of, load_rulebook, rule_files
from service.rulebook.cited import cited_rules

RESTART = ("text", "thesaurus.yaml")
"""Rule files the process reads once for all; their change waits for the next start."""

State = dict[str, tuple[int, int]]
"""Path below the folder → time of change in nanoseconds, and size."""
_log = structlog.get_logger()


class Keeper:
    """Holds the desk in force and exchanges it when the files say so.

    Args:
        desk: the desk the process began with.
        publish: called with every new desk, on the event loop.
    """

    def __init__(self, desk: Desk, publish: Callable[[Desk], None]) -> None:
        self.desk, self._publish = desk, publish
        self.folder = desk.settings.knowledge_dir
        self._at_start = digest_of(self.folder) == desk.rulebook.digest and state_of(self.folder)
        self._seen: State | bool = self._at_start
        self._settled = True

    async def look(self) -> None:
        """One round: note what changed; act on what changed and then stayed as it was for a round."""
        now = await asyncio.to_thread(state_of, self.folder)
        if now != self._seen:
            self._seen, self._settled = now, False
        elif not self._settled:
            self._settled = await self._follow(now)

    async def _follow(self, now: State) -> bool:
        """Bring the files into force, or say why not; False when they moved meanwhile and must be looked at again."""
        digest = await asyncio.to_thread(digest_of, self.folder)
        if digest == self.desk.rulebook.digest:
            self._say(self.desk, None)
            return True
        try:
            await self._examine()
            new = await self._loaded()
        except RulebookError as error:
            if await asyncio.to_thread(state_of, self.folder) != now:
                return False
            broken = Broken(_below(self.folder, error.file), error.line, error.reason)
            _log.error("rulebook_refused", file=broken.file, line=broken.line, reason=broken.reason)
            self._say(self.desk, broken)
            return True
        except YouliError as error:
            _log.error("rulebook_not_kept", code=error.code)
            return False
        if new.rulebook.digest != digest:
            return False
        new.library.publisher.cited = cited_rules(new.rulebook.boundaries)
        _log.warning("rulebook_swapped", before=self.desk.rulebook.digest, after=digest)
        self._say(new, None, restart=self._waiting(now))
        return True

    def _say(self, desk: Desk, broken: Broken | None, *, restart: bool | None = None) -> None:
        waiting = desk.restart if restart is None else restart
        self.desk = replace(desk, broken=broken, restart=waiting)
        self._publish(self.desk)

    def _waiting(self, now: State) -> bool:
        if not isinstance(self._at_start, dict):
            return self.desk.restart
        then = self._at_start
        return any(then.get(path) != now.get(path) for path in then.keys() | now.keys() if path.startswith(RESTART))

    async def _examine(self) -> None:
        """Have the folder examined by a process of its own.

        Raises:
            RulebookError: the first problem.
        """
        learned = self.desk.settings.data_dir / "learned"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service.checkup", str(self.folder), str(learned)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            told, _ = await process.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        try:
            problem = json.loads(told)["problem"]
        except (ValueError, KeyError):
            raise RulebookError(self.folder, 0, phrase("checkup_failed", code=process.returncode)) from None
        if problem is not None:
            raise RulebookError(problem["file"], problem["line"], problem["reason"])

    async def _loaded(self) -> Desk:
        """A desk on the new rulebook, kept for replays, learned and warm.

        Raises:
            RulebookError: the files changed for the worse since they were examined.
            Unavailable: the rulebook could not be kept.
        """
        from service.drafting import Drafter
        from service.rulebook.archive import pack

        old = self.desk
        book = await asyncio.to_thread(load_rulebook, self.folder, old.settings.data_dir / "learned")
        archive = await asyncio.to_thread(pack, self.folder)
        await old.rulebooks.keep(book.digest, lambda: archive)
        drafter = Drafter(book, old.library, old.drafter.model_side, old.store, old.drafter.budget)
        new = replace(old, rulebook=book, drafter=drafter)
        await asyncio.to_thread(learn, new)
        await asyncio.to_thread(lambda: asyncio.run(warm(new)))
        return new


def state_of(folder: Path) -> State:
    """Time and size of every rule file; cheap enough to be asked every second."""
    found: State = {}
    for path in rule_files(folder):
        with contextlib.suppress(OSError):
            about = path.stat()
            found[path.relative_to(folder).as_posix()] = (about.st_mtime_ns, about.st_size)
    return found


def _below(folder: Path, file: str) -> str:
    """A file as the team knows it, ``knowledge/…``."""
    path = Path(file)
    return (Path(folder.name) / path.relative_to(folder)).as_posix() if path.is_relative_to(folder) else file


@contextlib.asynccontextmanager
async def following(desk: Desk, publish: Callable[[Desk], None]) -> AsyncIterator[None]:
    """Keep the desk on the rulebook its files say, for the time of the block; not at all when the interval is 0."""
    every = desk.settings.knowledge_poll_s
    if not every:
        yield
        return
    task = asyncio.create_task(_rounds(Keeper(desk, publish), every))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _rounds(keeper: Keeper, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            await keeper.look()
        except Exception as error:  # whatever it is, the rulebook in force goes on and the next round tries again
            _log.error("rulebook_watch_failed", where=frames(error))
