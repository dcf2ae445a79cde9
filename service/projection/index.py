"""The projection of the published vectors: built beside what answers, switched whole, kept up, and checked.

A folder left by an earlier process is never opened but built anew beside the running service, so a damaged file can
neither answer nor crash anything; while there is no index the search compares all vectors. Small changes go into the
collection that answers; the search ignores ids that are not in its snapshot, so the collection may hold more.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import structlog

from service.projection.folder import Folders, Stamp, installed
from service.projection.live import Live, put
from service.projection.process import ChromaLost, ChromaProcess
from service.watching import span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

_log = structlog.get_logger()

BATCH = 1_000
"""Vectors in one message to a collection that is being built; nobody asks it anything yet."""
SMALL_BATCH = 250
"""… to the one that answers: for as long as a batch takes (about 0.1 s) the exact scan does."""
REMOVED = 0.25
"""Above this share of removed vectors an index is built anew: they stay in its graph, marked."""
RETRY_S = 60.0
"""The longest wait before a projection that failed is tried again."""
State = Literal["off", "building", "ready", "broken"]
_QUIET = ("none", "earlier", "pointer")
"""Reasons that are daily life; the others are warnings."""


class VectorIndex:
    """Chroma in folders of this process's own: answers nearest-neighbour questions with chunk ids, or not at all.

    Args:
        data_dir: the folder this process owns; Chroma's folders lie in ``chroma/gen-N``.
        first: whether nobody served from this folder before.
    """

    retry_s = RETRY_S

    def __init__(self, data_dir: Path, *, first: bool = False) -> None:
        self._folders = Folders(data_dir / "chroma")
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._live: Live | None = None
        self._growing: ChromaProcess | None = None
        self._spare: ChromaProcess | None = None
        self._closed = False
        self._broken = self._folders.found(first)
        self.state: State = "off"
        self.why: str | None = None
        """Why the index was last built: ``none`` ``missing`` ``earlier`` ``damaged`` ``version`` ``fingerprint`` (what
        was found at the start), ``pointer`` (another generation), ``lost`` (its process ended) or ``unreachable``
        (vectors it holds were not found), ``asked`` (by the shell)."""
        self.built_at: float | None = None
        """Seconds since the epoch."""
        self.took_s: float | None = None
        self.problem: str | None = None
        """Class name of the last error, for ``health``; never its text."""

    @property
    def name(self) -> str | None:
        """The pointer the index answers for."""
        live = self._live
        return live.name if live is not None else None

    def prepare(self) -> None:
        """Start the process that will hold the first index: it takes a second to come to itself."""
        with self._building:
            if not self._closed and self._live is None and self._spare is None:
                with suppress(ChromaLost):
                    self._spare = ChromaProcess()

    def project(self, name: str, ids: Sequence[str], matrix: Matrix, fingerprint: str = "", build: bool = True) -> bool:
        """Bring the index to ``name``; blocking, to be run in a thread. ``build`` says nothing here: see ``shared``.

        Returns:
            Whether the index now answers for ``name``. A failure leaves the search to the exact scan.
        """
        with self._building:
            if self._closed:
                return False
            if not ids:  # nothing to find: nothing to ask
                self._retire(None)
                self.state = "off"
                return True
            self.state = "building"
            begun = time.monotonic()
            target = (name, list(ids), matrix, fingerprint)
            why = self._reason(fingerprint)
            try:
                how = "changed" if why == "pointer" and self._change(*target) else "built"
                if how == "built":
                    self._build(*target)
            except (ChromaLost, OSError) as error:
                self._fail(error)
                return False
            self.state, self.why, self.problem = "ready", why, None
            self.built_at, self.took_s = time.time(), round(time.monotonic() - begun, 3)
            self._broken = "pointer"
            tell = _log.info if why in _QUIET else _log.warning
            tell("index_built", why=why, how=how, pointer=name, chunks=len(ids), seconds=self.took_s)
            return True

    def query(self, vector: Matrix, k: int) -> list[str] | None:
        """Ids of the ``k`` nearest chunks, best first; None when there is no healthy index, or not at once."""
        live = self._live
        if live is None:
            return None
        try:
            with span("query chroma", kind="client", db__system__name="chroma", db__operation__name="query"):
                return live.process.nearest(vector, min(k, len(live.ids)))
        except ChromaLost as error:
            self._drop(live, "lost", error)
            return None

    def check(self) -> bool:
        """Whether what answers holds every vector and finds those it is asked for; if not, it answers no more."""
        live = self._live
        if live is None:
            return False
        with self._building:
            try:
                live.verify()
            except ChromaLost as error:
                self._drop(live, "lost" if not live.process.alive else "unreachable", error)
                return False
        return True

    def serves(self, name: str) -> bool:
        """Whether it answers for ``name``, its process runs, its folder is there, and nobody wants it built anew.

        Cheap enough to be asked twice a second.
        """
        live = self._live
        if live is None:
            return False
        if not live.process.alive:
            self._drop(live, "lost", ChromaLost("Ended"))
        elif live.folder is not None and not self._folders.whole(live.folder):
            self._drop(live, "missing", ChromaLost("FilesGone"))
        elif self._folders.rebuild_wanted():
            self._drop(live, "asked", None)
        return self._live is live and live.name == name

    def stop(self) -> None:
        """Begin no more work; what is being built is given up at once."""
        self._closed = True
        growing = self._growing
        if growing is not None:
            growing.kill()

    def close(self) -> None:
        """End Chroma's process."""
        self.stop()
        with self._building:
            self._retire(None)
            if self._spare is not None:
                self._spare.end()
            self.state = "off"

    def _reason(self, fingerprint: str) -> str:
        live = self._live
        if live is None:
            stamp = self._folders.stamp
            other = self._broken == "earlier" and stamp is not None and stamp.fingerprint != fingerprint
            return "fingerprint" if other else self._broken
        return "pointer" if live.fingerprint == fingerprint else "fingerprint"

    def _build(self, name: str, ids: list[str], matrix: Matrix, fingerprint: str) -> None:
        """A new process on a new folder, checked before it answers."""
        self._folders.rebuild_done()
        folder = self._folders.new()
        process = self._growing = self._spare or ChromaProcess()
        self._spare = None
        try:
            version = process.open(folder)
            for start in range(0, len(ids), BATCH):
                if self._closed:
                    raise ChromaLost("Closed")
                put(process, ids[start : start + BATCH], matrix[start : start + BATCH])
            new = Live(process, folder, name, fingerprint, ids, matrix)
            new.verify()
        except BaseException:
            process.end()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self._growing = None
        self._retire(new)
        self._folders.write(Stamp(version, fingerprint, name, len(ids)))
        self._folders.sweep(folder)

    def _retire(self, new: Live | None) -> None:
        """The new one answers from now on."""
        with self._lock:
            old, self._live = self._live, new
        if old is not None:
            old.process.end()

    def _change(self, name: str, ids: list[str], matrix: Matrix, fingerprint: str) -> bool:
        """Bring what answers up to date; False when it should be built anew instead."""
        live = self._live
        if live is None or live.matrix.shape[1:] != matrix.shape[1:]:
            return False
        fresh = live.changed(ids, matrix)
        kept = set(ids) - {ids[i] for i in fresh}
        gone = [chunk for chunk in live.ids if chunk not in kept]  # a vector put over another is often not found again
        removed = live.removed + len(gone)
        if removed > REMOVED * len(ids):
            return False
        try:
            for start in range(0, len(gone), SMALL_BATCH):
                live.process.ask("delete", {"ids": gone[start : start + SMALL_BATCH]})
            for start in range(0, len(fresh), SMALL_BATCH):
                places = fresh[start : start + SMALL_BATCH]
                put(live.process, [ids[i] for i in places], matrix[places])
            new = Live(live.process, live.folder, name, fingerprint, ids, matrix, removed)
            new.verify(fresh)
        except ChromaLost as error:
            _log.warning("index_change_failed", problem=str(error), pointer=name)
            self._drop(live, "unreachable", error)
            return False
        with self._lock:
            self._live = new
        self._folders.write(Stamp(installed(), fingerprint, name, len(ids)))
        return True

    def _drop(self, live: Live, why: str, error: ChromaLost | None) -> None:
        """This one answers no more."""
        with self._lock:
            if self._live is not live:
                return
            self._live = None
            self.state, self._broken = "broken", why
            self.problem = str(error) if error else None
        _log.warning("index_lost", why=why, problem=self.problem)
        live.process.end()

    def _fail(self, error: Exception) -> None:
        self.problem = str(error) if isinstance(error, ChromaLost) else type(error).__name__
        self.state = "broken"
        if not self._closed:
            _log.warning("index_failed", problem=self.problem)

    def health(self, name: str | None) -> dict[str, Any]:
        """State, what it answers for, why and when it was built.

        Args:
            name: what it should answer for, None for nothing; until it does it is being built, whatever it did before.
        """
        self.serves(name or "")
        state = "building" if self.state == "ready" and self.name != name else self.state
        why = self._broken if state == "broken" else self.why
        told = {key: getattr(self, key) for key in ("built_at", "took_s", "problem")}
        return {"state": state, "why": why, "generation": self.name, **told}
