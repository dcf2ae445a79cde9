"""What every projection is, wherever Chroma keeps its vectors: one collection that answers, or none, and why."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import structlog

from service.projection.process import ChromaLost, ChromaProcess
from service.watching import span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from service.projection.folder import Folders
    from service.projection.live import Live

    Matrix = NDArray[np.float32]

_log = structlog.get_logger()

REMOVED = 0.25
"""Above this share of removed vectors an index is built anew: they stay in its graph, marked."""
State = Literal["off", "building", "ready", "broken"]


class Projection(ABC):
    """Answers nearest-neighbour questions with chunk ids, or not at all; a search then compares all vectors.

    Args:
        folders: where wishes for a new index are left, and Chroma's own files, if it has any here.
        why: the reason of the first index.
    """

    retry_s: ClassVar[float]
    """The longest wait before a projection that failed is tried again."""

    def __init__(self, folders: Folders, why: str) -> None:
        self._folders = folders
        self._lock, self._working = threading.Lock(), threading.Lock()
        self._live: Live | None = None
        self._growing: ChromaProcess | None = None
        self._spare: ChromaProcess | None = None
        self._closed = False
        self._why = why
        """Why the next index will be built, or why there is none."""
        self.state: State = "off"
        self.why: str | None = None
        """Why the index was last built: ``none`` ``missing`` ``earlier`` ``damaged`` ``version`` ``fingerprint`` (what
        was found at the start), ``pointer`` (another generation), ``lost`` (its process ended) or ``unreachable``
        (vectors it holds were not found), ``asked`` (by the shell). ``version`` of a server: one we do not speak to."""
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

    @abstractmethod
    def prepare(self) -> None:
        """Begin what can be begun before it is known what is to be held."""

    @abstractmethod
    def project(self, name: str, ids: Sequence[str], matrix: Matrix, fingerprint: str = "", build: bool = True) -> bool:
        """Bring the index to ``name``; blocking, to be run in a thread.

        Args:
            name: the generation it is to answer for.
            ids: of the passages.
            matrix: their vectors, one row each.
            fingerprint: of what made the vectors.
            build: whether it is for this process to build what is not there.

        Returns:
            Whether the index now answers for ``name``. A failure leaves the search to the exact scan.
        """

    def query(self, vector: Matrix, k: int) -> list[str] | None:
        """Ids of the ``k`` nearest chunks, best first; None when there is no healthy index, or not at once."""
        live = self._live
        if live is None:
            return None
        try:
            with span("query chroma", kind="client", db__system__name="chroma", db__operation__name="query"):
                return self._nearest(live, vector, k)
        except ChromaLost as error:
            self._drop(live, "lost", error)
            return None

    def check(self) -> bool:
        """Whether what answers holds every vector and finds those it is asked for; if not, it answers no more."""
        live = self._live
        if live is None:
            return False
        with self._working:
            try:
                live.verify()
            except ChromaLost as error:
                self._drop(live, self._untrue(live, error), error)
                return False
        return True

    @abstractmethod
    def serves(self, name: str) -> bool:
        """Whether it answers for ``name``; cheap enough to be asked twice a second."""

    def stop(self) -> None:
        """Begin no more work; what is being built is given up at once."""
        self._closed = True
        growing = self._growing
        if growing is not None:
            growing.kill()

    def close(self) -> None:
        """End Chroma's process, or let go of its server."""
        self.stop()
        with self._working:
            self._retire(None)
            if self._spare is not None:
                self._spare.end()
            self.state = "off"

    def health(self, name: str | None) -> dict[str, Any]:
        """State, what it answers for, why and when it was built.

        Args:
            name: what it should answer for, None for nothing; until it does it is being built, whatever it did before.
        """
        self.serves(name or "")
        state = "building" if self.state == "ready" and self.name != name else self.state
        why = self._why if state == "broken" else self.why
        told = {key: getattr(self, key) for key in ("built_at", "took_s", "problem")}
        return {"state": state, "why": why, "generation": self.name, **told}

    @abstractmethod
    def _nearest(self, live: Live, vector: Matrix, k: int) -> list[str] | None:
        """The answer of what answers now.

        Raises:
            ChromaLost: it answers no more.
        """

    def _untrue(self, live: Live, error: ChromaLost) -> str:
        """Why a collection that was looked at answers no more."""
        return "unreachable" if live.process.alive else "lost"

    def _retire(self, new: Live | None) -> None:
        """The new one answers from now on."""
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
        self.problem = str(error) if isinstance(error, ChromaLost) else type(error).__name__
        self.state = "broken"
        if not self._closed:
            _log.warning("index_failed", problem=self.problem)
