"""The projection in a ``chroma run`` server, which several processes and hosts read and one of them keeps up.

A collection's title names the installation, the generation it answers for, and its vectors; it is given last, so that
what has the title is whole. What is new in a generation is put into the collection that is there, under the old title;
then it gets the new one. Readers have it open by its id and are disturbed by neither, and ids that are not in their
snapshot they pass over: so nothing is ever taken out of a collection, and one that has come to hold too much of what
is gone is built anew beside the old one, which is swept once nobody can be reading it any more.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from service.projection.base import REMOVED, Projection
from service.projection.folder import Folders
from service.projection.live import Live, put
from service.projection.process import ChromaLost, ChromaProcess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]
    Target = tuple[str, str, list[str], Matrix]

_log = structlog.get_logger()

BATCH = 500
"""Vectors in one message to the server."""
GRACE_S = 300.0
"""How long a collection is left that nobody should read any more."""
LEFT_S = 3_600.0
"""… and one that was begun and never finished."""
PATIENCE_S = 0.03
"""A search does not wait longer for the server; comparing all vectors takes less."""
RETRY_S = 4.0
OLDEST = 1
"""Major number of the servers whose interface we speak; older ones speak another."""


class SharedIndex(Projection):
    """Answers nearest-neighbour questions with chunk ids out of a server, or not at all.

    Args:
        data_dir: where ``youli knowledge reindex`` leaves its wish.
        url: the server, as ``YOULI_CHROMA_URL`` names it.
        installation: tells our collections from those of others who use the same server.
    """

    retry_s = RETRY_S

    def __init__(self, data_dir: Path, url: str, installation: str) -> None:
        super().__init__(Folders(data_dir / "chroma"), "none")
        self._url, self._prefix = url, f"youli-{_plain(installation)}-"
        self._sweep_at = 0.0

    def prepare(self) -> None:
        """Nothing can be done before it is known what to look for."""

    def project(self, name: str, ids: Sequence[str], matrix: Matrix, fingerprint: str = "", build: bool = True) -> bool:
        """Bring the index to ``name``: take up its collection or, with ``build``, see that there is one.

        Returns:
            Whether the index now answers for ``name``.
        """
        with self._working:
            if self._closed:
                return False
            if not ids:
                self._retire(None)
                self.state = "off"
                return True
            self.state = "building"
            begun, why = time.monotonic(), self._why
            try:
                new = self._brought(name, list(ids), matrix, fingerprint, build)
            except (ChromaLost, OSError) as error:
                self._fail(error)
                return False
            if new is None:  # whoever builds it has not done so yet
                return False
            self._retire(new)
            self.state, self.why, self.problem, self._why = "ready", why, None, "pointer"
            self.built_at, self.took_s = time.time(), round(time.monotonic() - begun, 3)
            _log.info("index_shared", why=why, pointer=name, chunks=len(ids), builds=build, seconds=self.took_s)
            if build:
                self._sweep_at = time.monotonic()
            return True

    def serves(self, name: str) -> bool:
        """Whether it answers for ``name``, and nobody wants it built anew; sweeps when that is due."""
        live = self._live
        if live is None:
            return False
        if not live.process.alive:
            self._drop(live, "lost", ChromaLost("Ended"))
        elif self._folders.rebuild_wanted():
            self._folders.rebuild_done()
            with suppress(ChromaLost), self._working:
                live.process.ask("drop", {"title": self._title(live.name, live.fingerprint, live.matrix)})
            self._drop(live, "asked", None)
        elif self._sweep_at and time.monotonic() - self._sweep_at > GRACE_S:
            self._sweep_at = 0.0
            with suppress(ChromaLost), self._working:
                self._sweep(live)
        return self._live is live and live.name == name

    def health(self, name: str | None) -> dict[str, Any]:
        """As of any projection; ``server`` is always there."""
        return {**super().health(name), "server": True}

    def _nearest(self, live: Live, vector: Matrix, k: int) -> list[str] | None:
        wanted = min(2 * k + 8, len(live.ids) + live.removed)  # some may be of another generation
        found = live.process.nearest(vector, wanted, PATIENCE_S)
        return found and [chunk for chunk in found if chunk in live.places][:k]

    def _untrue(self, live: Live, error: ChromaLost) -> str:
        return "unreachable" if str(error) in ("Count", "Unreachable") else "lost"

    def _brought(self, name: str, ids: list[str], matrix: Matrix, fingerprint: str, build: bool) -> Live | None:
        title = self._title(name, fingerprint, matrix)
        live = self._live
        same = live is not None and live.fingerprint == fingerprint and live.matrix.shape[1:] == matrix.shape[1:]
        if build and live is not None and same and (changed := self._change(live, title, name, ids, matrix)):
            return changed
        near = live.process if live is not None else self._spare or self._connected()
        self._spare = None
        new = self._found(near, live, title, (name, fingerprint, ids, matrix))
        if new is not None:
            return new
        if not build:  # to import Chroma takes a second: the process waits until there is something to find
            self._spare = None if live is not None else near
            return None
        if live is None and near.alive:
            return self._built(near, title, (name, fingerprint, ids, matrix))
        return self._built(self._connected(), title, (name, fingerprint, ids, matrix))

    def _connected(self) -> ChromaProcess:
        process = ChromaProcess()
        try:
            version = process.connect(self._url)
            if not version.partition(".")[0].isdigit() or int(version.partition(".")[0]) < OLDEST:
                self._why = "version"
                raise ChromaLost("Version")
        except BaseException:
            process.end()
            raise
        return process

    def _found(self, process: ChromaProcess, live: Live | None, title: str, target: Target) -> Live | None:
        """The collection that somebody made; None when there is none, or none to be trusted."""
        name, fingerprint, ids, matrix = target
        try:
            count = process.ask("find", {"title": title})["count"]
        except ChromaLost:
            process.end()
            raise
        if count is None:
            return None
        found = Live(process, None, name, fingerprint, ids, matrix, removed=max(count - len(ids), 0), more=True)
        try:
            found.verify()
        except ChromaLost as error:
            _log.warning("index_untrue", pointer=name, problem=str(error))
            if live is not None:
                self._drop(live, "unreachable", error)  # its process has the other collection open now
            self._why = "unreachable"
            return None
        return found

    def _built(self, process: ChromaProcess, title: str, target: Target) -> Live:
        """A new collection; it has its title once it is whole."""
        name, fingerprint, ids, matrix = target
        self._growing = process
        try:
            process.ask("make", {"title": f"{title}.part", "made": time.time()})
            for start in range(0, len(ids), BATCH):
                if self._closed:
                    raise ChromaLost("Closed")
                put(process, ids[start : start + BATCH], matrix[start : start + BATCH])
            new = Live(process, None, name, fingerprint, ids, matrix, more=True)
            new.verify()
            process.ask("drop", {"title": title})  # one that was found wanting
            process.ask("rename", {"title": title})
        except BaseException:
            process.end()
            raise
        finally:
            self._growing = None
        return new

    def _change(self, live: Live, title: str, name: str, ids: list[str], matrix: Matrix) -> Live | None:
        """Put into what is there what it lacks, and give it its new title; None when it is to be built anew."""
        fresh = live.changed(ids, matrix)
        count = live.process.ask("count")["count"]
        new_ids = len({ids[i] for i in fresh} - set(live.ids))
        removed = count + new_ids - len(ids)
        if removed > REMOVED * len(ids):
            return None
        try:
            for start in range(0, len(fresh), BATCH):
                places = fresh[start : start + BATCH]
                put(live.process, [ids[i] for i in places], matrix[places])
            new = Live(live.process, None, name, live.fingerprint, ids, matrix, max(removed, 0), more=True)
            new.verify(fresh)
            live.process.ask("rename", {"title": title})
        except ChromaLost as error:
            _log.warning("index_change_failed", problem=str(error), pointer=name)
            return None
        return new

    def _sweep(self, live: Live) -> None:
        """Take away what nobody reads: generations before this one, and what was begun and given up."""
        mine = self._title(live.name, live.fingerprint, live.matrix)
        found: dict[str, float] = live.process.ask("listed", {"prefix": self._prefix})["titles"]
        now = time.time()
        for title, made in found.items():
            if title != mine and now - made > (LEFT_S if title.endswith(".part") else GRACE_S):
                live.process.ask("drop", {"title": title})

    def _title(self, name: str, fingerprint: str, matrix: Matrix) -> str:
        vectors = f"{zlib.crc32(fingerprint.encode()):08x}-{int(matrix.shape[1])}"
        return f"{self._prefix}{_plain(name)}-{vectors}"

    def _fail(self, error: Exception) -> None:
        live = self._live
        if live is not None:
            self._drop(live, "lost", ChromaLost(str(error)))
        if self._why not in ("version", "asked", "unreachable"):
            self._why = "lost"
        super()._fail(error)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)
