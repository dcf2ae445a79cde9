"""A server of ours whose machine fails, and what is noted of it: for :mod:`evals.benchmarks.disk_faults`."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from evals.benchmarks.kills_of_server import call
from evals.benchmarks.processes import ROOT, START_S
from evals.benchmarks.said import said

WORDS = said("disk_faults")


@dataclass
class Row:
    """What happened, in words, and what was wrong."""

    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, right: bool, what: str) -> None:
        """Note something that must hold."""
        (self.told if right else self.wrong).append(what)


class Server:
    """A server of ours on a data folder."""

    def __init__(
        self,
        data: Path,
        *options: str,
        limits: Callable[[], None] | None = None,
        errors: IO[str] | int = subprocess.PIPE,
        **more: str,
    ) -> None:
        kept = self.environment(data, **more)
        command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=kept, preexec_fn=limits
        )
        assert self.process.stdout is not None
        self.killed = False
        self.log = ""
        """What it said on standard error; there once it has been stopped."""
        line = self.process.stdout.readline()
        self.port = int(line.split("http://127.0.0.1:")[1].split()[0]) if "http://" in line else 0

    @staticmethod
    def environment(data: Path, **more: str) -> dict[str, str]:
        """Of a process on a data folder."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("YOULI_", "OPENAI_"))}
        return kept | {"YOULI_DATA_DIR": str(data), "YOULI_AUTH": "off", "PYTHONPATH": str(ROOT)} | more

    def draft(self) -> tuple[int, Any]:
        """Ask for a draft."""
        return call(self.port, "POST", "/v1/drafts", WORDS["inquiry"])

    def searched(self) -> int:
        """How many passages a search finds."""
        return len(call(self.port, "POST", "/v1/knowledge/search", WORDS["search"])[1].get("passages", []))

    def ready(self) -> tuple[int, Any]:
        """What ``/readyz`` says."""
        return call(self.port, "GET", "/readyz")

    def upload(self, sentences: int = 400) -> tuple[int, Any]:
        """Hand a document in."""
        text = WORDS["title"] + WORDS["sentence"] * sentences
        body = (
            '--b\r\nContent-Disposition: form-data; name="kind"\r\n\r\nshop\r\n--b\r\nContent-Disposition: form-data; '
            f'name="file"; filename="a.md"\r\n\r\n{text}{time.time()}\r\n--b--\r\n'
        ).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with closing(connection):
            head = {"Content-Type": "multipart/form-data; boundary=b"}
            connection.request("POST", "/v1/knowledge/documents", body, head)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def ended(self) -> tuple[int, str]:
        """For one that does not start: its code and what it said."""
        _, err = self.process.communicate(timeout=START_S)
        return self.process.returncode, err

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it; its code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        with suppress(ValueError):  # its pipes were closed, that was the fault
            self.log = self.process.communicate(timeout=60)[1] or self.log
        self.process.wait(60)
        return self.process.returncode

    def kept(self, row: Row, drafts: list[str]) -> None:
        """Every draft that was answered is there."""
        lost = [name for name in drafts if call(self.port, "GET", f"/v1/drafts/{name}")[0] != 200]
        row.expect(not lost, f"{len(drafts)} answered drafts are there" if not lost else f"lost {lost}")


@contextmanager
def disk(size: str) -> Iterator[Path]:
    """A small disk of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "disk"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", place], check=True)


@contextmanager
def served(
    whole: Path, row: Row, *options: str, place: Path | None = None, **more: Any
) -> Iterator[tuple[Server, Path]]:
    """A server on a copy of a folder that was in use."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copytree(whole, (place or Path(folder)) / "data"))
        server = Server(data, *options, **more)
        try:
            if not server.port:
                row.wrong.append("did not start: " + server.ended()[1][:300])
                return
            yield server, data
            if server.killed:
                return
            row.expect(server.process.poll() is None, "alive")
            code = server.stop()
            row.expect(code == 0, f"exit {code}")
        finally:
            server.stop(signal.SIGKILL)


def fill(path: Path) -> None:
    """To the last byte of its disk."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
