"""Chroma in a process of its own; the only module that imports it, and only when it is that process.

Chroma is native code over files: a flipped byte in a live index can end its process (SIGSEGV), a batch of vectors
holds the interpreter for a third of a second, a lock can hold for as long as somebody else likes. None of that may
reach a desk that waits for a draft, so the server talks to this process over a socket and can do without it.

Rules kept here (each was learned from a fault): our own vectors in and out, never a text, so no stored embedding
function can run; ``.configuration`` is never read; ids only, filters are the snapshot's; a folder is written and
read by the process that made it, and by no other ever after.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

Head = dict[str, Any]

SPACE = {
    "hnsw:space": "cosine",
    "hnsw:construction_ef": 100,
    "hnsw:M": 16,
    "hnsw:search_ef": 500,
}
"""How the graph is built and walked. ``sync_threshold`` stays as it is: with 100,000 the first upsert after 3,000
hangs for good (1.5.9, measured)."""

_COLLECTION = "passages"
MADE = "youli:made"
"""What a server's collection says of when it was made."""
_SIZES = struct.Struct(">II")
_MOST_HEAD = 64 * 2**20
_MOST_BODY = 512 * 2**20


def send(sock: socket.socket, head: Head, body: bytes | memoryview = b"") -> None:
    """Write one message: sizes, a JSON head, raw numbers.

    Raises:
        OSError: the other side is gone or does not take it in time.
    """
    told = json.dumps(head).encode()
    sock.sendall(_SIZES.pack(len(told), len(body)) + told)
    if len(body):
        sock.sendall(body)


def receive(sock: socket.socket) -> tuple[Head, bytes]:
    """Read one message.

    Raises:
        OSError: the other side is gone (also in the middle of a message) or says nothing in time.
        ValueError: what came is no message.
    """
    head, body = _SIZES.unpack(_exactly(sock, _SIZES.size))
    if head > _MOST_HEAD or body > _MOST_BODY:
        raise ValueError("size")
    told = json.loads(_exactly(sock, head))
    return told, _exactly(sock, body)


def _exactly(sock: socket.socket, size: int) -> bytes:
    parts = bytearray(size)
    view, got = memoryview(parts), 0
    while got < size:
        count = sock.recv_into(view[got:])
        if not count:
            raise ConnectionError
        got += count
    return bytes(parts)


class Chroma:
    """One collection in a folder of its own, or of many in a ``chroma run`` server."""

    def __init__(self) -> None:
        self._client: Any = None
        self._collection: Any = None

    def open(self, *, path: str) -> Head:
        """Make the collection of an empty folder."""
        import chromadb
        from chromadb.config import Settings

        self._client = chromadb.PersistentClient(path=path, settings=Settings(anonymized_telemetry=False))
        self._collection = self._client.create_collection(_COLLECTION, embedding_function=None, metadata=SPACE)
        return {"version": chromadb.__version__}

    def connect(self, *, url: str) -> Head:
        """Reach a server: ``http://host:port``, with ``/tenant/database`` behind it where they are not the default."""
        import chromadb
        from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT, Settings
        from chromadb.errors import NotFoundError

        parts = urlsplit(url)
        at: Head = {"host": parts.hostname or "127.0.0.1", "port": parts.port or 8000, "ssl": parts.scheme == "https"}
        tenant, _, database = parts.path.strip("/").partition("/")
        where: Head = {"tenant": tenant or DEFAULT_TENANT, "database": database or DEFAULT_DATABASE}
        quiet = Settings(anonymized_telemetry=False)
        try:
            self._client = chromadb.HttpClient(**at, **where, settings=quiet)
        except (NotFoundError, ValueError):
            if not tenant:
                raise
            self._admit(at, where)
            self._client = chromadb.HttpClient(**at, **where, settings=quiet)
        return {"version": str(self._client.get_version())}

    def _admit(self, at: Head, where: Head) -> None:
        """Make the tenant and the database that are named and not there."""
        import chromadb
        from chromadb.config import Settings
        from chromadb.errors import ChromaError

        place = {"host": at["host"], "http_port": at["port"], "ssl_enabled": at["ssl"]}
        named = {f"chroma_server_{name}": value for name, value in place.items()}
        keys = chromadb.AdminClient(
            Settings(chroma_api_impl="chromadb.api.fastapi.FastAPI", anonymized_telemetry=False, **named)
        )
        with suppress(ChromaError):  # it is there, or somebody else is quicker
            keys.create_tenant(where["tenant"])
        with suppress(ChromaError):
            keys.create_database(where["database"], tenant=where["tenant"])

    def find(self, *, title: str) -> Head:
        """Take up a server's collection by its title; how many vectors it has, ``None`` where there is none."""
        from chromadb.errors import NotFoundError

        try:
            self._collection = self._client.get_collection(title, embedding_function=None)
        except NotFoundError:
            return {"count": None}
        return self.count()

    def make(self, *, title: str, made: float) -> Head:
        """Make a server's collection anew; ``made`` is when, in seconds since the epoch."""
        self.drop(title=title)
        about = {**SPACE, MADE: made}
        self._collection = self._client.create_collection(title, embedding_function=None, metadata=about)
        return {}

    def rename(self, *, title: str) -> Head:
        """Give the collection another title; who has it open goes on."""
        self._collection.modify(name=title)
        return {}

    def listed(self, *, prefix: str) -> Head:
        """Titles that begin so, and when each was made."""
        found = [other for other in self._client.list_collections() if other.name.startswith(prefix)]
        return {"titles": {other.name: float((other.metadata or {}).get(MADE, 0.0)) for other in found}}

    def drop(self, *, title: str) -> Head:
        """Take a server's collection away, if it is there."""
        from chromadb.errors import NotFoundError

        with suppress(NotFoundError):
            self._client.delete_collection(title)
        return {}

    def ready(self) -> Head:
        """Nothing but an answer: the process is there and Chroma imported."""
        return {}

    def upsert(self, *, ids: list[str], dim: int, body: bytes) -> Head:
        """Put vectors in, or others in their place."""
        import numpy as np

        rows = np.frombuffer(body, dtype="<f4").reshape(len(ids), dim)
        self._collection.upsert(ids=ids, embeddings=rows)
        return {}

    def delete(self, *, ids: list[str]) -> Head:
        """Take vectors out."""
        self._collection.delete(ids=ids)
        return {}

    def count(self) -> Head:
        """How many there are."""
        return {"count": self._collection.count()}

    def query(self, *, k: int, body: bytes, count: int = 1) -> Head:
        """Ids of the ``k`` nearest to each of ``count`` vectors, best first."""
        import numpy as np

        asked = np.frombuffer(body, dtype="<f4").reshape(count, -1)
        answer = self._collection.query(query_embeddings=asked, n_results=k, include=[])
        return {"ids": answer["ids"]}

    def close(self) -> None:
        """Let go of the files."""
        if self._client is not None:
            with suppress(Exception):
                self._client.close()


def work(sock: socket.socket) -> None:
    """Answer until the other side is gone; an error is told by its class, never by its text."""
    import chromadb  # noqa: F401  begun at once: it takes a second, and the first order may be a while coming

    chroma = Chroma()
    while True:
        try:
            head, body = receive(sock)
        except (OSError, ValueError):
            return chroma.close()
        given = head["given"] | ({"body": body} if head["op"] in ("upsert", "query") else {})
        try:
            answer = {"ok": True, **getattr(chroma, head["op"])(**given)}
        except BaseException as error:  # a panic of the native code is no Exception
            answer = {"ok": False, "error": type(error).__name__}
        try:
            send(sock, {"number": head["number"], **answer})
        except OSError:
            return chroma.close()


def _end_with(sock: socket.socket) -> None:
    """End as soon as the other side has, however it ended and whatever is being done: nobody wants it any more."""
    look = select.poll()
    look.register(sock.fileno(), 0)  # a hang-up is told unasked
    look.poll()
    os._exit(0)


def main(arguments: list[str]) -> int:
    """Be the process; the argument is the number of the socket it was given."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is for the server, which ends us
    with socket.socket(fileno=int(arguments[0])) as sock:
        threading.Thread(target=_end_with, args=(sock,), daemon=True).start()
        work(sock)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
