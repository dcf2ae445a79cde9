"""Processes to measure: started, kept to a processor of their own, asked what they have used, stopped. Linux only."""

from __future__ import annotations

import compileall
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_S = 180.0
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_TICK = os.sysconf("SC_CLK_TCK")


def compile_all() -> None:
    """Compile what is run, so that no start pays for it, whatever the environment says about writing bytecode."""
    for folder in ("service", "evals"):
        compileall.compile_dir(str(ROOT / folder), quiet=2)


def stop_when_told() -> None:
    """End as by an exception on SIGTERM too, so that what was started is stopped."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def processors() -> tuple[int | None, int | None]:
    """One processor for the load and the endpoint, one for what is measured; None where there are no two."""
    have = sorted(os.sched_getaffinity(0))
    return (have[0], have[1]) if len(have) > 1 else (None, None)


def pin(pid: int, processor: int | None) -> None:
    """Keep a process, and what it starts from now on, to one processor."""
    if processor is not None:
        with suppress(OSError):
            os.sched_setaffinity(pid, {processor})


class Served:
    """A process that serves a port of this machine."""

    def __init__(self, name: str, process: subprocess.Popen[str], port: int, errors: Path) -> None:
        self.name, self.port, self.errors = name, port, errors
        self._process = process
        self.said: list[str] = []
        """The lines it printed before it was ready."""

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def cpu(self) -> float:
        """Seconds of processor it has used, user and system, all its threads."""
        return _used(self.pid) or 0.0

    def cpu_of_children(self) -> float:
        """The same of the processes it has started and that run."""
        return sum(_used(pid) or 0.0 for pid in children(self.pid))

    def waited(self) -> float:
        """Seconds its first thread, where the loop runs, was ready to run while the processors were at other work."""
        return waited_of(self.pid)

    def settle(self, patience: float = 400.0) -> None:
        """Wait until it does nothing for a while: a server learns from its examples beside its first answers."""
        until, before, quiet = time.monotonic() + patience, self.cpu(), 0
        while time.monotonic() < until and quiet < 3:
            time.sleep(1.0)
            now = self.cpu()
            quiet = quiet + 1 if now - before < 0.03 else 0
            before = now

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it, and wait until it has."""
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def served(
    name: str, arguments: list[str], folder: Path, processor: int | None, **environment: str
) -> Iterator[Served]:
    """``python -m ARGUMENTS`` until the block ends; it must print its address when it is ready.

    Raises:
        RuntimeError: it ended before it was ready.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YOULI_", "OPENAI_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    kept["PYTHONPATH"] = os.pathsep.join([str(ROOT), kept.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    folder.mkdir(parents=True, exist_ok=True)
    errors = folder / f"{name}.stderr.txt"
    with errors.open("wb") as file:
        command = [sys.executable, "-m", *arguments]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=file, env=kept | environment, text=True, cwd=folder
        )
    pin(process.pid, processor)
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if found := _ADDRESS.search(line):
            running = Served(name, process, int(found[1]), errors)
            running.said = said
            break
    else:
        process.wait()
        raise RuntimeError(f"{name} did not start: {errors.read_text('utf-8', 'replace')[-2000:]}")
    try:
        yield running
    finally:
        running.stop()


def control(port: int, **how: Any) -> dict[str, Any]:
    """Tell the endpoint how to answer; what it has seen since the last time. Without arguments it only tells."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/control", json.dumps(how).encode() if how else b"")
    with urllib.request.urlopen(request, timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def youli_environment(folder: Path, endpoint: int, **more: str) -> dict[str, str]:
    """A server of ours with the endpoint as its model."""
    return {
        "YOULI_AUTH": "off",
        "YOULI_DATA_DIR": str(folder),
        "YOULI_MODEL": "fake-1",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{endpoint}/v1",
        "OPENAI_API_KEY": "sk-of-no-use",
    } | more


def cpu_of(pid: int) -> float:
    """Seconds of processor a process has used, user and system, all its threads; 0 once it is gone."""
    return _used(pid) or 0.0


def stolen() -> float:
    """Seconds of processor the host of this virtual machine has given to others, all processors together."""
    return int(Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[8]) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> int:
    """Bytes of memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def waited_of(pid: int) -> float:
    """Seconds the first thread of a process was ready to run and did not."""
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[1]) / 1e9


def held(pid: int) -> dict[str, int]:
    """What a process may leak: open files, of them sockets, and threads."""
    links = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            links.append(str(file.readlink()))
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    return {"files": len(links), "sockets": sum(link.startswith("socket:") for link in links), "threads": threads}


def children(pid: int) -> list[int]:
    """Processes a process has started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))) is not None and int(fields[1]) == pid:
            found.append(int(entry.name))
    return found


def _used(pid: int) -> float | None:
    fields = _fields(pid)
    return None if fields is None else (int(fields[11]) + int(fields[12])) / _TICK


def _fields(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return None
