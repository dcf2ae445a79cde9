"""The machine fails under a real server: ``python -m evals.benchmarks.disk_faults [--only NAME …]``. Linux, as root.

Disks that are full (a tmpfs that was filled), or cannot be written (the same, mounted anew); a database another tool
holds, that is damaged, or that goes while the server runs; no descriptors, no threads, no temporary folder; a log
nobody reads; a clock that is wrong. One row each: what was answered, and whether it was as it should be. After each,
the fault is taken away, and what was answered with 201 must be there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals.benchmarks.kills_of_server import call
from evals.benchmarks.processes import ROOT, START_S
from evals.benchmarks.said import said

WORDS = said("disk_faults")
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


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

    def __init__(self, data: Path, *wrapped: str, limits: Callable[[], None] | None = None, **more: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("YOULI_", "OPENAI_"))}
        kept |= {"YOULI_DATA_DIR": str(data), "YOULI_AUTH": "off", "PYTHONPATH": str(ROOT)} | more
        command = [*wrapped, sys.executable, "-m", "service.cli", "serve", "--port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=kept, preexec_fn=limits
        )
        assert self.process.stdout is not None
        self.killed = False
        line = self.process.stdout.readline()
        self.port = int(line.split("http://127.0.0.1:")[1].split()[0]) if "http://" in line else 0

    def draft(self) -> tuple[int, Any]:
        """Ask for a draft."""
        return call(self.port, "POST", "/v1/drafts", WORDS["inquiry"])

    def searched(self) -> int:
        """How many passages a search finds."""
        return len(call(self.port, "POST", "/v1/knowledge/search", WORDS["search"])[1].get("passages", []))

    def ready(self) -> tuple[int, Any]:
        """What ``/readyz`` says."""
        return call(self.port, "GET", "/readyz")

    def upload(self) -> tuple[int, Any]:
        """Hand a document in."""
        text = WORDS["title"] + WORDS["sentence"] * 400
        body = (
            '--b\r\nContent-Disposition: form-data; name="kind"\r\n\r\nshop\r\n--b\r\nContent-Disposition: form-data; '
            f'name="file"; filename="a.md"\r\n\r\n{text}{time.time()}\r\n--b--\r\n'
        ).encode()
        import http.client

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
            self.process.communicate(timeout=60)
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
def served(whole: Path, row: Row, place: Path | None = None, **more: Any) -> Iterator[tuple[Server, Path]]:
    """A server on a copy of a folder that was in use."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copytree(whole, (place or Path(folder)) / "data"))
        server = Server(data, *more.pop("wrapped", ()), **more)
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


def _fill(path: Path) -> None:
    """To the last byte of its disk."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def full(whole: Path, row: Row) -> None:
    """D11: a full disk. Drafts that cannot be kept are refused; search goes on; all is well when there is room."""
    with disk("64m") as place, served(whole, row, place, YOULI_MIN_FREE_MB="0") as (server, _):
        drafts = [server.draft()[1]["id"] for _ in range(5)]
        blocks = place / "ballast"
        _fill(blocks)
        refused = [server.draft() for _ in range(40)]
        codes = {(status, body.get("code")) for status, body in refused if status != 201}
        drafts += [body["id"] for status, body in refused if status == 201]
        row.expect(codes == {(503, "disk_full")}, f"full: drafts {codes}")
        status, told = server.upload()
        row.expect((status, told.get("code")) == (503, "disk_full"), f"upload {status} {told.get('code')}")
        row.expect(server.searched() > 0, "search goes on")
        row.expect(server.ready()[0] == 503, f"readyz {server.ready()[0]}")
        blocks.unlink()
        status, told = server.draft()
        row.expect(status == 201, f"with room again {status}")
        row.expect(server.upload()[0] == 201, "upload with room again")
        server.kept(row, drafts)


def low(whole: Path, row: Row) -> None:
    """D11: little room. Documents and runs are refused early; drafts go on."""
    with disk("64m") as place, served(whole, row, place, YOULI_MIN_FREE_MB="200") as (server, _):
        status, told = server.upload()
        row.expect((status, told.get("code")) == (503, "disk_low"), f"upload {status} {told.get('code')}")
        row.expect(server.draft()[0] == 201, "drafts go on")
        row.expect(server.searched() > 0, "search goes on")


def read_only(whole: Path, row: Row) -> None:
    """D13: the disk cannot be written any more, then the start on such a disk."""
    with disk("64m") as place:
        data = Path(shutil.copytree(whole, place / "data"))
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        code, said = Server(data).ended()
        row.expect(code == 3 and str(data) in said, f"start: exit {code}: {said.strip()[:80]}")


def held(whole: Path, row: Row) -> None:
    """D12: another tool holds the database for some seconds."""
    with served(whole, row) as (server, data):
        with closing(sqlite3.connect(data / "youli.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            status, told = server.draft()
            took = time.monotonic() - began
            row.expect((status, told.get("code")) == (503, "db_busy"), f"{status} {told.get('code')} in {took:.1f} s")
            row.expect(took < 6, "said soon")
            row.expect(server.searched() > 0, "search goes on")
            other.execute("ROLLBACK")
        row.expect(server.draft()[0] == 201, "free again 201")


def gone(whole: Path, row: Row) -> None:
    """D13: the database is deleted under the server; then a start without it, then with its old self."""
    with served(whole, row) as (server, data):
        server.draft()
        time.sleep(2)
        path = data / "youli.sqlite3"
        path.rename(data / "aside")
        status, told = server.draft()
        row.expect((status, told.get("code")) == (503, "database_gone"), f"{status} {told.get('code')}")
        time.sleep(5)
        row.expect(server.ready()[0] == 503, f"readyz {server.ready()[0]}")
        (data / "aside").rename(path)
        row.expect(server.draft()[0] == 201, "back again 201")
        time.sleep(2)
        server.killed = True
        server.stop(signal.SIGKILL)
        path.unlink()
        code, said = Server(data).ended()
        row.expect(code == 3 and "youli restore" in said, f"start without it: exit {code}: {said.strip()[:60]}")


def damaged(whole: Path, row: Row) -> None:
    """D13: header garbage, a cut, a truncated ``-wal``: refused with the path and what to do."""
    for name in ("garbage", "cut", "empty"):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(shutil.copytree(whole, Path(folder) / "data"))
            path = data / "youli.sqlite3"
            path.write_bytes(
                {"garbage": bytes(100) + path.read_bytes()[100:], "cut": path.read_bytes()[: 2**20], "empty": b""}[name]
            )
            code, said = Server(data).ended()
            right = code == 3 and str(data) in said and said.count("\n") == 1
            row.expect(right, f"{name}: exit {code}")


def no_descriptors(whole: Path, row: Row) -> None:
    """P10: idle connections up to the limit of descriptors; the ones before go on, and it recovers."""
    import socket

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))

    with served(whole, row, limits=few) as (server, _):
        idle = []
        for _ in range(150):
            one = socket.socket()
            one.settimeout(2)
            try:
                one.connect(("127.0.0.1", server.port))
                idle.append(one)
            except OSError:
                one.close()
                break
        time.sleep(1)
        row.expect(server.process.poll() is None, f"{len(idle)} idle connections")
        for one in idle:
            one.close()
        time.sleep(2)
        status = server.draft()[0]
        row.expect(status == 201, f"after they left {status}")
        row.expect(server.upload()[0] in (201, 503), "upload answered")


def no_temp(whole: Path, row: Row) -> None:
    """P10: the temporary folder is full."""
    with disk("1m") as place:
        (place / "ballast").write_bytes(b"x" * 900_000)
        with served(whole, row, TMPDIR=str(place)) as (server, _):
            _fill(place / "more")
            row.expect(server.draft()[0] == 201, "drafts go on")
            status, told = server.upload()
            row.expect(status in (201, 503), f"upload {status} {told.get('code')}")


def no_log(whole: Path, row: Row) -> None:
    """P10: nobody reads the log any more, or anything."""
    with served(whole, row, YOULI_LOG_LEVEL="info") as (server, _):
        assert server.process.stderr is not None and server.process.stdout is not None
        server.process.stderr.close()
        server.process.stdout.close()
        row.expect(all(server.draft()[0] == 201 for _ in range(5)), "drafts go on")
        server.process.stdout = server.process.stderr = None


def clock(whole: Path, row: Row) -> None:
    """P6: the clock an hour ahead, behind, 400 days ahead, and back: nothing is purged, order is by sequence."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copytree(whole, Path(folder) / "data"))
        drafts: list[str] = []
        for shift in ("+0", "+1h", "-1h", "+400d", "+0"):
            server = Server(data, LD_PRELOAD=FAKETIME, FAKETIME=shift, FAKETIME_DONT_FAKE_MONOTONIC="1")
            if not server.port:
                row.wrong.append(f"{shift}: did not start: {server.ended()[1][:200]}")
                return
            status, told = server.draft()
            drafts.append(told.get("id", "-"))
            row.expect(status == 201, f"{shift} {status}")
            time.sleep(3)
            server.kept(row, drafts)
            row.expect(server.stop() == 0, "exit 0")
        row.expect(*_ordered(data))


def _ordered(data: Path) -> tuple[bool, str]:
    from service.database.session import Database
    from service.database.verifying import verify

    async def work() -> tuple[bool, str]:
        database = await Database.open(f"sqlite+aiosqlite:///{data / 'youli.sqlite3'}")
        try:
            found = await verify(database)
        finally:
            await database.close()
        return found.sound, f"trail of {found.last} holds" if found.sound else f"trail: {found.problems[:2]}"

    return asyncio.run(work())


FAULTS: dict[str, Callable[[Path, Row], None]] = {
    one.__name__: one for one in (full, low, read_only, held, gone, damaged, no_descriptors, no_temp, no_log, clock)
}


def main(arguments: list[str]) -> int:
    """Run and print a table; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(FAULTS))
    given = parser.parse_args(arguments)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        first = Server(whole)
        assert first.port, first.ended()
        first.draft()
        assert first.stop() == 0
        shutil.rmtree(whole / "chroma", ignore_errors=True)
        for name in given.only or FAULTS:
            row = Row()
            try:
                FAULTS[name](whole, row)
            except Exception as error:
                row.wrong.append(f"{type(error).__name__}: {str(error)[:200]}")
            bad += bool(row.wrong)
            print(f"{name:15} {'WRONG ' + '; '.join(row.wrong) + ' | ' if row.wrong else 'ok    '}", end="")
            print("; ".join(row.told), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
