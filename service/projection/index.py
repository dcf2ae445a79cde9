"""The projection of the published vectors: built beside what answers, switched whole, kept up, and checked.

A folder left by an earlier process is never opened but built anew beside the running service, so a damaged file can
neither answer nor crash anything; while there is no index the search compares all vectors. Small changes go into the
collection that answers; the search ignores ids that are not in its snapshot, so the collection may hold more.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from service.projection.base import REMOVED, Projection
from service.projection.folder import Folders, Stamp, installed
from service.projection.live import Live, put
from service.projection.process import ChromaLost, ChromaProcess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

_log = structlog.get_logger()

BATCH = 1_000
"""Vectors in one message to a collection that is being built; nobody asks it anything yet."""
SMALL_BATCH = 250
"""… to the one that answers: for as long as a batch takes (about 0.1 s) the exact scan does."""
RETRY_S = 60.0
"""The longest wait before a projection that failed is tried again."""
_QUIET = ("none", "earlier", "pointer")
"""Reasons that are daily life; the others are warnings."""


class VectorIndex(Projection):
    """Chroma in folders of this process's own: answers nearest-neighbour questions with chunk ids, or not at all.

    Args:
        data_dir: the folder this process owns; Chroma's folders lie in ``chroma/gen-N``.
        first: whether nobody served from this folder before.
    """

    retry_s = RETRY_S

    def __init__(self, data_dir: Path, *, first: bool = False) -> None:
        folders = Folders(data_dir / "chroma")
        super().__init__(folders, folders.found(first))

    def prepare(self) -> None:
        """Start the process that will hold the first index: it takes a second to come to itself."""
        with self._working:
            if not self._closed and self._live is None and self._spare is None:
                with suppress(ChromaLost):
                    self._spare = ChromaProcess()

    def project(self, name: str, ids: Sequence[str], matrix: Matrix, fingerprint: str = "", build: bool = True) -> bool:
        """Bring the index to ``name``; blocking, to be run in a thread. ``build`` says nothing here: see ``shared``.

        Returns:
            Whether the index now answers for ``name``. A failure leaves the search to the exact scan.
        """
        with self._working:
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
            self._why = "pointer"
            tell = _log.info if why in _QUIET else _log.warning
            tell("index_built", why=why, how=how, pointer=name, chunks=len(ids), seconds=self.took_s)
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

    def _nearest(self, live: Live, vector: Matrix, k: int) -> list[str] | None:
        return live.process.nearest(vector, min(k, len(live.ids)))

    def _reason(self, fingerprint: str) -> str:
        live = self._live
        if live is None:
            stamp = self._folders.stamp
            other = self._why == "earlier" and stamp is not None and stamp.fingerprint != fingerprint
            return "fingerprint" if other else self._why
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
        self._retire(new)
        self._folders.write(Stamp(installed(), fingerprint, name, len(ids)))
        return True
