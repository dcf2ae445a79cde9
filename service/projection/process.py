"""The other end of Chroma's process: started, asked, and given up without ever being waited for too long."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from service.settings import HOME
from service.vectors import Head, receive, send

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

START_S = 60.0
"""Starting means importing Chroma, on a machine that may be busy."""
WORK_S = 60.0
"""One batch in, one count."""
PATIENCE_S = 0.005
"""A search does not wait longer for its answer: comparing all vectors takes less."""
GIVEN_UP_S = 5.0
"""An answer that is this late never comes."""


class ChromaLost(Exception):
    """The process is gone, says nothing, or says no; the message is a class name."""


class ChromaProcess:
    """The process that holds one Chroma folder, or one collection of a ``chroma run`` server.

    Raises:
        ChromaLost: it could not be started.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._sock = ours
        self._asking = threading.Lock()
        self._number = self._heard = 0
        self._since = 0.0
        paths = [str(HOME), *filter(None, [os.environ.get("PYTHONPATH")])]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "service.vectors", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
                )
            except OSError as error:
                ours.close()
                raise ChromaLost(type(error).__name__) from None

    def open(self, path: Path) -> str:
        """Have the collection of an empty folder made; returns Chroma's version.

        Raises:
            ChromaLost: it was not made.
        """
        return str(self.ask("open", {"path": str(path)}, wait=START_S)["version"])

    def connect(self, url: str) -> str:
        """Reach a ``chroma run`` server; returns its version.

        Raises:
            ChromaLost: it is not to be reached.
        """
        return str(self.ask("connect", {"url": url}, wait=START_S)["version"])

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def ask(self, op: str, given: Head | None = None, body: bytes | memoryview = b"", wait: float = WORK_S) -> Head:
        """Have something done.

        Raises:
            ChromaLost: it was not; what the process holds is not to be trusted any more.
        """
        with self._asking:
            self._send(op, given or {}, body)
            try:
                while True:
                    answer: Head = self._answer(wait)
                    if answer["number"] == self._number:
                        return answer
            except TimeoutError:
                raise ChromaLost("Timeout") from None

    def nearest(self, vector: NDArray[np.float32], k: int, wait: float = PATIENCE_S) -> list[str] | None:
        """Ids of the ``k`` nearest; None when that would take longer than ``wait`` seconds.

        Raises:
            ChromaLost: as :meth:`ask`.
        """
        if not self._asking.acquire(blocking=False):
            return None
        try:
            if not self._caught_up():
                return None
            self._since = time.monotonic()
            self._send("query", {"k": k}, vector.astype("<f4").tobytes())
            found: list[str] = self._answer(wait)["ids"][0]
            return found
        except TimeoutError:
            return None
        finally:
            self._asking.release()

    def _caught_up(self) -> bool:
        """Take the answers nobody waited for; False while one is still due."""
        try:
            while self._heard < self._number:
                self._answer(0.0)
        except TimeoutError:
            if time.monotonic() - self._since > GIVEN_UP_S:
                raise ChromaLost("Timeout") from None
            return False
        return True

    def _send(self, op: str, given: Head, body: bytes | memoryview) -> None:
        self._number += 1
        try:
            self._sock.settimeout(WORK_S)
            send(self._sock, {"number": self._number, "op": op, "given": given}, body)
        except OSError as error:
            raise ChromaLost(type(error).__name__) from None

    def _answer(self, wait: float) -> Head:
        """The next answer.

        Raises:
            TimeoutError: none has begun to come within ``wait`` seconds.
            ChromaLost: none will.
        """
        try:
            self._sock.settimeout(wait)
            try:
                self._sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                raise TimeoutError from None
            self._sock.settimeout(GIVEN_UP_S)
            answer = receive(self._sock)[0]
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise ChromaLost(type(error).__name__) from None
        self._heard = answer["number"]
        if not answer["ok"]:
            raise ChromaLost(answer["error"])
        return answer

    def kill(self) -> None:
        """Stop it at once, whatever it is doing; whoever waits for its answer is told."""
        with suppress(OSError):
            self._process.kill()

    def end(self) -> None:
        """Stop it and forget it."""
        self.kill()
        self._process.wait()
        self._sock.close()
