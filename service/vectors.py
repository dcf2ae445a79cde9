"""Chroma, the projection of the published vectors; the only module that imports it.

Rules this module keeps (each was learned from a fault): our own vectors in and out, never a text, so no stored
embedding function can run; ``.configuration`` is never read; ids only, filters are the snapshot's; a folder is
written by the process that holds the data folder's lock and read by nobody else. A folder left by an earlier process is
not opened but built anew beside the running service, so a damaged file can neither answer nor crash it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from service.errors import EnvironmentProblem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOCK_FILE = ".owner.lock"
BATCH = 2_000
_COLLECTION = "passages"
_FOLDER = re.compile(r"gen-(\d+)")

State = Literal["off", "building", "ready", "broken"]


class OwnerLock:
    """The right to serve from a data folder; held until closed or the process ends, however it ends."""

    def __init__(self, file: IO[str], path: Path) -> None:
        self._file = file
        self.path = path

    def close(self) -> None:
        """Let go."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()


def own_data_dir(path: Path) -> OwnerLock:
    """Become the one server of a data folder.

    Raises:
        EnvironmentProblem: ``data_dir_locked``, naming the process that has it.
    """
    file = (path / LOCK_FILE).open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read(20).strip() or "?"
        file.close()
        raise EnvironmentProblem("data_dir_locked", path=path, pid=holder) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return OwnerLock(file, path)


class VectorIndex:
    """Answers nearest-neighbour questions with chunk ids, or not at all.

    Args:
        data_dir: the folder this process owns; Chroma's folders lie in ``chroma/gen-N``.
        url: a ``chroma run`` server to use instead of folders.
    """

    def __init__(self, data_dir: Path, url: str | None = None) -> None:
        self._root = data_dir / "chroma"
        self._url = url
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._client: Any = None
        self._collection: Any = None
        self._size = 0
        self._closed = False
        self.name: str | None = None
        """The pointer the index was built from."""
        self.state: State = "off"
        self.problem: str | None = None
        """Class name of the last error, for ``health``; never its text."""

    def project(self, name: str, ids: Sequence[str], matrix: NDArray[np.float32]) -> bool:
        """Build ``name`` beside what answers now, then switch; blocking, to be run in a thread.

        Returns:
            Whether the index now answers for ``name``. A failure leaves the search to the exact scan.
        """
        with self._building:
            if self._closed:
                return False
            self.state = "building"
            try:
                client, collection, folder = self._open(name)
                for start in range(0, len(ids), BATCH):
                    if self._closed:
                        _close(client)
                        return False
                    batch = slice(start, start + BATCH)
                    collection.upsert(ids=list(ids[batch]), embeddings=matrix[batch])
                if collection.count() != len(ids):
                    raise RuntimeError("count")
            except Exception as error:  # whatever the binding raises: the database has it all
                self.state, self.problem = "broken", type(error).__name__
                return False
            self._switch(name, client, collection, len(ids))
            self._sweep(folder, name)
            return True

    def query(self, vector: NDArray[np.float32], k: int) -> list[str] | None:
        """Ids of the ``k`` nearest chunks, best first; None when there is no healthy index."""
        with self._lock:
            collection, size = self._collection, self._size
            if collection is None or not size:
                return None
            try:
                answer = collection.query(query_embeddings=vector[None, :], n_results=min(k, size), include=[])
                return list(answer["ids"][0])
            except Exception as error:
                self._collection, self.state, self.problem = None, "broken", type(error).__name__
                return None

    def stop(self) -> None:
        """Begin no more work; what is being built ends at its next batch."""
        self._closed = True

    def close(self) -> None:
        """Close the client; what is being built is finished first and thrown away."""
        self._closed = True
        with self._building, self._lock:
            _close(self._client)
            self._client = self._collection = None
            self.state = "off"

    def _open(self, name: str) -> tuple[Any, Any, Path | None]:
        import chromadb
        from chromadb.config import Settings

        quiet = Settings(anonymized_telemetry=False)
        if self._url:
            parts = urlsplit(self._url)
            client = chromadb.HttpClient(
                host=parts.hostname or "127.0.0.1",
                port=parts.port or 8000,
                ssl=parts.scheme == "https",
                settings=quiet,
            )
            title = re.sub(r"[^A-Za-z0-9_-]", "-", f"youli-{name}")
            return client, self._create(client, title), None
        numbers = [int(m[1]) for path in self._root.glob("gen-*") if (m := _FOLDER.fullmatch(path.name))]
        folder = self._root / f"gen-{max(numbers, default=0) + 1}"
        folder.mkdir(parents=True)
        client = chromadb.PersistentClient(path=str(folder), settings=quiet)
        return client, self._create(client, _COLLECTION), folder

    @staticmethod
    def _create(client: Any, title: str) -> Any:
        return client.get_or_create_collection(title, embedding_function=None, metadata={"hnsw:space": "cosine"})

    def _switch(self, name: str, client: Any, collection: Any, size: int) -> None:
        with self._lock:
            old = self._client
            self._client, self._collection, self._size = client, collection, size
            self.name, self.state, self.problem = name, "ready", None
        _close(old)

    def _sweep(self, keep: Path | None, name: str) -> None:
        """Remove what older generations left, ours and those of earlier processes."""
        if keep is not None:
            for path in self._root.glob("gen-*"):
                if path != keep:
                    shutil.rmtree(path, ignore_errors=True)
            return
        with suppress(Exception):
            mine = re.sub(r"[^A-Za-z0-9_-]", "-", f"youli-{name}")
            for other in self._client.list_collections():
                if other.name.startswith("youli-") and other.name != mine:
                    self._client.delete_collection(other.name)


def _close(client: Any) -> None:
    if client is not None:
        with suppress(Exception):
            client.close()
