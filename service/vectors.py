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
import re
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
    """One collection in one folder, or in a ``chroma run`` server."""

    def __init__(self) -> None:
        self._client: Any = None
        self._collection: Any = None

    def open(self, *, path: str | None, url: str | None, name: str) -> Head:
        """Make the collection; of a server's, what we left there earlier is thrown away first."""
        import chromadb
        from chromadb.config import Settings

        quiet = Settings(anonymized_telemetry=False)
        title = _COLLECTION
        if url:
            parts = urlsplit(url)
            secure = parts.scheme == "https"
            host, port = parts.hostname or "127.0.0.1", parts.port or 8000
            self._client = chromadb.HttpClient(host=host, port=port, ssl=secure, settings=quiet)
            title = _title(name)
            if title in {other.name for other in self._client.list_collections()}:
                self._client.delete_collection(title)
        else:
            self._client = chromadb.PersistentClient(path=str(path), settings=quiet)
        self._collection = self._client.create_collection(title, embedding_function=None, metadata=SPACE)
        return {"version": chromadb.__version__}

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

    def sweep(self, *, name: str) -> Head:
        """Of a ``chroma run`` server, take away the collections of other generations."""
        for other in self._client.list_collections():
            if other.name.startswith("youli-") and other.name != _title(name):
                self._client.delete_collection(other.name)
        return {}

    def close(self) -> None:
        """Let go of the files."""
        if self._client is not None:
            with suppress(Exception):
                self._client.close()


def _title(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", f"youli-{name}")


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
