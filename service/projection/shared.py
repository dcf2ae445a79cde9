"""The projection in a ``chroma run`` server, which several processes and hosts read and one of them keeps up.

A collection's title names the installation, the generation it answers for, and its vectors; it is given last, so that
what has the title is whole. What is new in a generation is put into the collection that is there, under the old title;
then it gets the new one. Readers have it open by its id and are disturbed by neither, and ids that are not in their
snapshot they pass over: so nothing is ever taken out of a collection, and one that has come to hold too much of what
is gone is built anew beside the old one, which is swept once nobody can be reading it any more.
"""

from __future__ import annotations

import re
import threading
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import structlog

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
REMOVED = 0.25
"""Above this share of vectors that are gone a collection is built anew."""
GRACE_S = 300.0
"""How long a collection is left that nobody should read any more."""
LEFT_S = 3_600.0
"""… and one that was begun and never finished."""
PATIENCE_S = 0.03
"""A search does not wait longer for the server; comparing all vectors takes less."""
RETRY_S = 4.0
OLDEST = 1
"""Major number of the servers whose interface we speak; older ones speak another."""
State = Literal["off", "building", "ready", "broken"]


class SharedIndex:
    """Answers nearest-neighbour questions with chunk ids out of a server, or not at all.

    Args:
        data_dir: where ``youli knowledge reindex`` leaves its wish.
        url: the server, as ``YOULI_CHROMA_URL`` names it.
        installation: tells our collections from those of others who use the same server.
    """

    retry_s = RETRY_S

    def __init__(self, data_dir: Path, url: str, installation: str) -> None:
        self._folders = Folders(data_dir / "chroma")
        self._url, self._prefix = url, f"youli-{_plain(installation)}-"
        self._lock, self._working = threading.Lock(), threading.Lock()
        self._live: Live | None = None
        self._growing: ChromaProcess | None = None
        self._spare: ChromaProcess | None = None
        self._closed = False
        self._sweep_at = 0.0
        self._why = "none"
        self.state: State = "off"
        self.why: str | None = None
        """As of :class:`~service.projection.index.VectorIndex`; ``version`` here means a server we do not speak to."""
        self.built_at: float | None = None
        self.took_s: float | None = None
        self.problem: str | None = None

    @property
    def name(self) -> str | None:
        """The generation the index answers for."""
        live = self._live
        return live.name if live is not None else None

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

    def query(self, vector: Matrix, k: int) -> list[str] | None:
        """Ids of the ``k`` nearest chunks, best first; None when there is no healthy index, or not at once."""
        live = self._live
        if live is None:
            return None
        wanted = min(2 * k + 8, len(live.ids) + live.removed)  # some may be of another generation
        try:
            found = live.process.nearest(vector, wanted, PATIENCE_S)
        except ChromaLost as error:
            self._drop(live, "lost", error)
            return None
        return found and [chunk for chunk in found if chunk in live.places][:k]

    def check(self) -> bool:
        """Whether what answers holds every vector and finds those it is asked for; if not, it answers no more."""
        live = self._live
        if live is None:
            return False
        with self._working:
            try:
                live.verify()
            except ChromaLost as error:
                self._drop(live, "unreachable" if str(error) in ("Count", "Unreachable") else "lost", error)
                return False
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

    def stop(self) -> None:
        """Begin no more work; what is under way is given up at once."""
        self._closed = True
        growing = self._growing
        if growing is not None:
            growing.kill()

    def close(self) -> None:
        """Let go of the server."""
        self.stop()
        with self._working:
            self._retire(None)
            if self._spare is not None:
                self._spare.end()
            self.state = "off"

    def health(self, name: str | None) -> dict[str, Any]:
        """As of :class:`~service.projection.index.VectorIndex`; ``server`` is always there."""
        self.serves(name or "")
        state = "building" if self.state == "ready" and self.name != name else self.state
        why = self._why if state == "broken" else self.why
        told = {key: getattr(self, key) for key in ("built_at", "took_s", "problem")}
        return {"state": state, "why": why, "generation": self.name, "server": True, **told}

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

    def _retire(self, new: Live | None) -> None:
        with self._lock:
            old, self._live = self._live, new
        if old is not None and (new is None or old.process is not new.process):
            old.process.end()

    def _drop(self, live: Live, why: str, error: ChromaLost | None) -> None:
        """This one answers no more."""
        with self._lock:
            if self._live is not live:
                return
            self._live = None
            self.state, self._why = "broken", why
            self.problem = str(error) if error else None
        _log.warning("index_lost", why=why, problem=self.problem)
        live.process.end()

    def _fail(self, error: Exception) -> None:
        live = self._live
        if live is not None:
            self._drop(live, "lost", ChromaLost(str(error)))
        if self._why not in ("version", "asked", "unreachable"):
            self._why = "lost"
        self.problem = str(error) if isinstance(error, ChromaLost) else type(error).__name__
        self.state = "broken"
        if not self._closed:
            _log.warning("index_failed", problem=self.problem)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)
