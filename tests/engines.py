"""Real engines for tests: PostgreSQL, Redis, Chroma's server and nginx, from Debian's packages, on loopback.

Each is started by whoever first asks for it, on a free port and in a folder of its own, and ends with the run, however
the run ends. None of them is ever asked for where its program is missing: the test is skipped and says what to install.

``YOULI_TEST_ENGINES=on`` (``make test-engines``) has the whole suite run on them: every data folder then has a database
of its own in PostgreSQL, and vectors and rates lie in the servers. :func:`on_engines` says so;
``tests/on_engines`` tells the processes that tests start.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.on_engines.redirected import SHARED, TEMPLATE, admin, database_of, make, told, url

HERE = Path(__file__).resolve().parent
WANTED = "YOULI_TEST_ENGINES"
START_S = 60.0
_PDEATHSIG = 1
_CHINESE = ("--locale-provider=icu", "--icu-locale=zh-Hans-CN")
"""Texts are sorted otherwise than here: nothing may rest on how a server sorts them."""


def on_engines() -> bool:
    """Whether this run keeps everything in the engines."""
    return SHARED in os.environ


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Engine:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    command: Sequence[str] = ()
    stop_by: signal.Signals = signal.SIGTERM

    def stop(self) -> None:
        """End it and whatever it started."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, self.stop_by)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def start(self) -> None:
        """Start it again on its port, after :meth:`stop` or :meth:`kill`."""
        self.process = _spawn(self.command)
        _until_open(self)

    def remove(self) -> None:
        """Stop it, and take its folder away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Postgres(Engine):
    """A PostgreSQL server."""

    stop_by: signal.Signals = signal.SIGINT  # ends sessions, then itself

    def fresh(self, name: str, template: str = TEMPLATE) -> str:
        """A new database, migrated; its url."""
        _beside(lambda: make(self.port, name, template, anew=True))
        return url(self.port, name)


def missing(*programs: str) -> str | None:
    """The reason why a test is skipped, or None."""
    gone = [name for name in programs if find(name) is None]
    return f"not installed: {', '.join(gone)}" if gone else None


def find(name: str) -> str | None:
    """Where a program is."""
    if name in ("postgres", "initdb"):
        places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
        return str(places[-1]) if places else shutil.which(name)
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or shutil.which(f"/usr/sbin/{name}")


def need(*programs: str) -> None:
    """Skip the test where a program is missing; CI installs them."""
    reason = missing(*programs)
    if reason:
        pytest.skip(reason)


def start_postgres() -> Postgres:
    """A PostgreSQL server with a user ``desk`` and nothing else; run as a user who is not root."""
    folder = _folder("postgres")
    initdb, postgres = find("initdb"), find("postgres")
    assert initdb and postgres
    as_user = _as_user("postgres", folder)
    data = folder / "data"
    words = ["-U", "desk", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", *_CHINESE, "--no-sync"]
    command = [*as_user, initdb, "-D", str(data), *words]
    done = subprocess.run(command, capture_output=True, cwd=folder, text=True)
    assert done.returncode == 0, done.stderr
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "fsync": "off",  # it is a test's: what the disk loses no one misses
        "autovacuum": "off",
        "shared_buffers": "64MB",
        "logging_collector": "off",
        "timezone": "Asia/Shanghai",  # not UTC: what is stored must not depend on it
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [*as_user, postgres, "-D", str(data), "-p", str(port), *options]
    server = Postgres(_spawn(command), port, folder, command)
    _until_open(server)
    _beside(lambda: _make_template(port))
    return server


def start_redis() -> Engine:
    """A Redis server that keeps nothing."""
    folder, port, program = _folder("redis"), free_port(), find("redis-server")
    assert program
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    return _started(Engine(_spawn(command), port, folder, command))


def start_chroma() -> Engine:
    """``chroma run``: chromadb's own server in Rust (its Python server is another program, and is not started)."""
    folder, port, program = _folder("chroma"), free_port(), find("chroma")
    assert program
    command = [program, "run", "--path", str(folder / "data"), "--host", "127.0.0.1", "--port", str(port)]
    return _started(Engine(_spawn(command), port, folder, command))


def start_nginx(configuration: str, port: int) -> Engine:
    """An nginx on a whole configuration, of which ``@folder@`` is replaced by its own folder."""
    folder, program = _folder("nginx"), find("nginx")
    assert program
    path = folder / "nginx.conf"
    path.write_text(configuration.replace("@folder@", str(folder)), encoding="utf-8")
    command = [program, "-c", str(path), "-p", str(folder), "-e", str(folder / "error.log")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    command += ["-g", "daemon off;"]
    return _started(Engine(_spawn(command), port, folder, command, signal.SIGQUIT))


def _folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"youli-test-{name}-"))


def _as_user(name: str, folder: Path) -> list[str]:
    """In front of a command that may not be root's: as another user, to whom the folder is given."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(name)
    os.chown(folder, user.pw_uid, user.pw_gid)
    ends = ["--pdeathsig", "INT"]
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *ends]


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a server that ends when we do, whatever ends us."""
    silent = subprocess.DEVNULL
    return subprocess.Popen(
        command, stdin=silent, stdout=silent, stderr=silent, start_new_session=True, preexec_fn=_end_with_parent
    )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)


def _started(engine: Engine) -> Engine:
    _until_open(engine)
    return engine


def _until_open(engine: Engine) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert engine.process.poll() is None, f"{engine.command[0]} ended with {engine.process.returncode}"
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", engine.port), 1)):
            return
        time.sleep(0.05)
    raise AssertionError(f"{engine.command[0]} does not listen")


def until_ready(server: Postgres) -> None:
    """Wait until PostgreSQL takes connections again: after a crash it first puts itself right."""

    async def knock() -> None:
        await (await admin(server.port)).close()

    _beside(knock)


def _beside(work: Callable[[], Any]) -> Any:
    """Run a coroutine to its end, also inside a running loop."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as beside:
        return beside.submit(lambda: asyncio.run(work())).result()


async def _make_template(port: int) -> None:
    from service.database.session import Database

    await make(port, TEMPLATE, "template0")
    await (await Database.open(url(port, TEMPLATE))).close()


@cache
def postgres() -> Postgres:
    """The PostgreSQL server of this process, or of the whole run."""
    if on_engines():
        return Postgres(None, told()["postgres"], Path())  # type: ignore[arg-type]
    need("initdb", "postgres", "setpriv")
    return _kept(start_postgres())


@cache
def redis() -> Engine:
    """The Redis server of this process."""
    need("redis-server")
    return _kept(start_redis())


@cache
def chroma() -> Engine:
    """The Chroma server of this process."""
    need("chroma")
    return _kept(start_chroma())


_running: list[Any] = []


def _kept(engine: Any) -> Any:
    _running.append(engine)
    return engine


def end_all() -> None:
    """Stop what this process started; called when its tests are done."""
    while _running:
        _running.pop().remove()


# The whole suite on engines.


def share_all() -> None:
    """Start the engines of a whole run and tell them to everybody who comes after."""
    need("initdb", "postgres", "setpriv", "chroma", "redis-server")
    ports = {"postgres": _kept(start_postgres()).port}
    ports |= {"chroma": _kept(start_chroma()).port, "redis": _kept(start_redis()).port}
    os.environ[SHARED] = json.dumps(ports)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE / "on_engines"), os.environ.get("PYTHONPATH", "")]).rstrip(":")


def url_of(path: Path) -> str:
    """Where a test that opens a database by itself finds it: a file, or a database named after it."""
    return url(told()["postgres"], database_of(path)) if on_engines() else f"sqlite+aiosqlite:///{path}"


def database_at(data: Path) -> Path:
    """The path by which :func:`url_of` knows the database of a data folder."""
    return data if on_engines() else data / "youli.sqlite3"


def copy_database(source: Path, target: Path) -> None:
    """Make the database of one data folder a copy of another's."""
    _beside(lambda: make(told()["postgres"], database_of(target), database_of(source), anew=True))


def restore_dump(dump: Path, target: Path) -> None:
    """Put a dump into the database of a data folder, as a person does who was told to."""
    port, name = told()["postgres"], database_of(target)
    _beside(lambda: make(port, name))
    where = url(port, name).replace("+asyncpg", "")
    command = ["pg_restore", "--clean", "--if-exists", "--no-owner", f"--dbname={where}", str(dump)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def main() -> None:
    """``python -m tests.engines``: start all three, print what to export, stop at Ctrl-C; for trying and measuring."""
    server, vectors, counts = start_postgres(), start_chroma(), start_redis()
    try:
        print(f"export YOULI_DATABASE_URL={server.fresh('youli')}")
        print(f"export YOULI_CHROMA_URL=http://127.0.0.1:{vectors.port}")
        print(f"export YOULI_REDIS_URL=redis://127.0.0.1:{counts.port}/0", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        return
    finally:
        for engine in (server, vectors, counts):
            engine.remove()


if __name__ == "__main__":
    main()
