"""Descriptors, threads, temporary files, the log and the clock of a machine that fails: rows of ``disk_faults``."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from evals.benchmarks.faulted_server import Row, Server, disk, fill, served
from evals.benchmarks.kills_of_server import call

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
CGROUP = Path("/sys/fs/cgroup/pids")
LARGE = 40_000
"""Sentences of an upload that no memory buffer takes."""


def no_descriptors(whole: Path, row: Row) -> None:
    """P10: idle connections up to the limit of descriptors; the ones before go on, and it recovers. The log says so."""

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
        time.sleep(3)
        row.expect(server.process.poll() is None, f"{len(idle)} idle connections")
        for one in idle:
            one.close()
        time.sleep(2)
        status = server.draft()[0]
        row.expect(status == 201, f"after they left {status}")
        row.expect(server.upload()[0] == 201, "upload 201")
    lines = server.log.splitlines()
    row.expect(any("descriptors_spent" in line for line in lines) and len(lines) < 300, f"{len(lines)} lines of log")


def no_threads(whole: Path, row: Row) -> None:
    """P10: no thread or process can be started any more, as in a container with a limit of them; and it recovers."""
    group = CGROUP / f"youli-faults-{os.getpid()}"
    group.mkdir()
    try:
        with served(whole, row) as (server, _):
            (group / "cgroup.procs").write_text(str(server.process.pid))
            (group / "pids.max").write_text((group / "pids.current").read_text())
            with ThreadPoolExecutor(40) as pool:
                answers = list(pool.map(lambda _: server.draft(), range(200)))
            codes = {(status, told.get("code")) for status, told in answers}
            row.expect(codes <= {(201, None), (429, "too_many"), (503, "machine_exhausted")}, f"drafts {codes}")
            uploads = {(status, told.get("code")) for status, told in (server.upload() for _ in range(3))}
            row.expect(uploads <= {(201, None), (503, "machine_exhausted")}, f"uploads {uploads}")
            row.expect(server.searched() > 0, "search goes on")
            (group / "pids.max").write_text("max")
            row.expect(server.draft()[0] == 201, "with threads again 201")
            row.expect(server.upload()[0] == 201, "upload again 201")
            server.kept(row, [told["id"] for status, told in answers if status == 201])
    finally:
        group.rmdir()


def no_temp(whole: Path, row: Row) -> None:
    """P10: the temporary folder is full: what needs none goes on, a large upload is refused as what it is."""
    with disk("8m") as place, served(whole, row, TMPDIR=str(place)) as (server, _):
        row.expect(server.upload(LARGE)[0] == 201, "large upload 201")  # from now on the folder is settled
        fill(place / "ballast")
        row.expect(server.draft()[0] == 201, "drafts go on")
        row.expect(server.searched() > 0, "search goes on")
        status, told = server.upload()
        row.expect(status == 201, f"small upload {status} {told.get('code')}")
        status, told = server.upload(LARGE)
        row.expect((status, told.get("code")) == (503, "disk_full"), f"large upload {status} {told.get('code')}")
        (place / "ballast").unlink()
        status, told = server.upload(LARGE)
        row.expect(status == 201, f"with room again {status} {told.get('code')}")


def no_log(whole: Path, row: Row) -> None:
    """P10: the log is read no more, cannot be written, or has nobody at its other end: drafts go on."""
    with served(whole, row, "--verbose") as (server, _):
        for _ in range(600):  # more than a pipe holds
            call(server.port, "GET", "/v1/models")
        row.expect(all(server.draft()[0] == 201 for _ in range(5)), "unread: drafts go on")
        told = server.ready()[1]["parts"].get("logs", {})
        row.expect(told.get("state") == "degraded", f"readyz says {told.get('details')}")
        assert server.process.stderr is not None and server.process.stdout is not None
        server.process.stderr.close()
        server.process.stdout.close()
        row.expect(all(server.draft()[0] == 201 for _ in range(5)), "closed: drafts go on")
        server.process.stdout = server.process.stderr = None
    with Path("/dev/full").open("w") as nowhere, served(whole, row, "--verbose", errors=nowhere) as (server, _):
        row.expect(all(server.draft()[0] == 201 for _ in range(5)), "full: drafts go on")
        told = server.ready()[1]["parts"].get("logs", {})
        row.expect(told.get("state") == "degraded", f"readyz says {told.get('details')}")


def clock(whole: Path, row: Row) -> None:
    """P6: the clock jumps under a server, and between two; nothing is purged for it, and order is by sequence."""
    with tempfile.TemporaryDirectory() as folder:
        data, shift = Path(shutil.copytree(whole, Path(folder) / "data")), Path(folder) / "shift"
        fake: dict[str, Any] = {"LD_PRELOAD": FAKETIME, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        fake |= {"FAKETIME_CACHE_DURATION": "1", "FAKETIME_TIMESTAMP_FILE": str(shift)}
        drafts: list[str] = []
        for jumps in (("+0", "+1h", "+0", "-1h", "+400d", "-400d", "+0"), ("+400d",), ("-1h",), ("+0",)):
            shift.write_text(jumps[0])
            server = Server(data, **fake)
            try:
                if not server.port:
                    row.wrong.append(f"{jumps[0]}: did not start: {server.ended()[1][:200]}")
                    return
                for jump in jumps:
                    shift.write_text(jump)
                    time.sleep(2)  # it is looked at once a second
                    status, told = server.draft()
                    drafts.append(told.get("id", "-"))
                    row.expect(status == 201, f"{jump} {status}")
                row.expect(server.ready()[0] == 200, "ready")
                server.kept(row, drafts)
                row.expect(server.stop() == 0, "exit 0")
            finally:
                server.stop(signal.SIGKILL)
        shift.write_text("+400d")
        asked = [sys.executable, "-m", "service.cli", "retention", "--apply"]
        swept = subprocess.run(asked, capture_output=True, text=True, env=Server.environment(data, **fake))
        row.expect(swept.returncode == 3, f"retention at +400d: exit {swept.returncode} {swept.stderr.strip()[:60]}")
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


ROWS: dict[str, Callable[[Path, Row], None]] = {
    one.__name__: one for one in (no_descriptors, no_threads, no_temp, no_log, clock)
}
