"""The machine fails under a real server: ``python -m evals.benchmarks.disk_faults [--only NAME …]``. Linux, as root.

Disks that are full (a tmpfs that was filled), or cannot be written (the same, mounted anew); a database another tool
holds, that is damaged, or that goes while the server runs; no descriptors, no threads, no temporary folder; a log
nobody reads; a clock that is wrong. One row each: what was answered, and whether it was as it should be. After each,
the fault is taken away, and what was answered with 201 must be there.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from evals.benchmarks.faulted_server import Row, Server, disk, fill, served
from evals.benchmarks.machine_faults import ROWS


def full(whole: Path, row: Row) -> None:
    """D11: a full disk. Drafts that cannot be kept are refused; search goes on; all is well when there is room."""
    with disk("64m") as place, served(whole, row, place=place, YOULI_MIN_FREE_MB="0") as (server, _):
        drafts = [server.draft()[1]["id"] for _ in range(5)]
        blocks = place / "ballast"
        fill(blocks)
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
    with disk("64m") as place, served(whole, row, place=place, YOULI_MIN_FREE_MB="200") as (server, _):
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
    """D13: header garbage, a cut, nothing left: refused with the path and what to do."""
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


FAULTS: dict[str, Callable[[Path, Row], None]] = {
    one.__name__: one for one in (full, low, read_only, held, gone, damaged)
} | ROWS


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
