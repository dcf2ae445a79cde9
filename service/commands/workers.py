"""Several processes that serve one port: uvicorn's own manager, our worker.

The manager starts them, starts another where one has died or says nothing, and sends SIGTERM on to all. Everything
that can refuse does so before any is started, and what is done once for all is done then: migrations, the documents
of the folder, the first key, what is learned from examples.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import socket
import sys
import threading

import structlog
import uvicorn
from uvicorn.supervisors import multiprocess
from uvicorn.supervisors.multiprocess import Multiprocess

from service.errors import EnvironmentProblem, YouliError, phrase
from service.settings import Settings

_log = structlog.get_logger()

PATIENCE_S = 30
"""A worker that answers its manager no more for so long is ended: a long garbage collection is no reason."""
AGAIN_S = 2.0
"""Between two tries of a worker that cannot start as things are: the database is away, a file is broken."""


def refuse_embedded(settings: Settings) -> None:
    """Several workers need stores that several processes may use.

    Raises:
        EnvironmentProblem: ``workers_need_servers``, naming what is to be set.
    """
    database = settings.database_url or ""
    wanted = {
        "YOULI_DATABASE_URL": database.startswith(("postgres://", "postgresql")),
        "YOULI_CHROMA_URL": bool(settings.chroma_url),
        "YOULI_REDIS_URL": bool(settings.redis_url),
    }
    missing = [phrase(f"needs_{name}") for name, there in wanted.items() if not there]
    if missing:
        raise EnvironmentProblem("workers_need_servers", workers=settings.workers, missing="、".join(missing))


def run_workers(settings: Settings, listener: socket.socket, verbose: bool) -> int:
    """Serve with ``settings.workers`` processes until told to stop; returns the exit code.

    Raises:
        EnvironmentProblem: as of ``serve``.
    """
    from service.owner import own_data_dir
    from service.settings import prepare_data_dir

    with contextlib.closing(own_data_dir(prepare_data_dir(settings))):
        code = _prepared(settings)
        if code:
            return code
        config = uvicorn.Config(
            "service.app:create_app",  # only named: a worker builds its own, with its desk
            workers=settings.workers,
            log_config=None,
            timeout_worker_healthcheck=PATIENCE_S,
        )
        Worker.shared = _Shared(settings, verbose)
        multiprocess.Process = Worker  # type: ignore[misc]  # the manager knows its workers by this name alone
        manager = Multiprocess(config, [listener])
        manager.run()
        return max((abs(process.exitcode or 0) for process in manager.processes), default=0) and 1


class _Shared:
    """What every worker is given."""

    def __init__(self, settings: Settings, verbose: bool) -> None:
        self.settings, self.verbose = settings, verbose
        self.ready = multiprocessing.get_context("spawn").Value("i", 0)


class Worker(multiprocess.Process):
    """One process that serves."""

    shared: _Shared

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        self._given = type(self).shared
        super().__init__(config, sockets)

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop; this is what the new process runs."""
        assert sockets
        threading.Thread(target=self.always_pong, daemon=True).start()
        _die_with_parent(os.getppid())
        with contextlib.suppress(KeyboardInterrupt):
            sys.exit(asyncio.run(self._serve(sockets[0])))

    def pong(self) -> None:
        """Answer the manager; when it is gone there is nothing to answer."""
        try:
            self.child_conn.recv()
            self.child_conn.send(self._server is not None and self._server.started)
        except (EOFError, OSError):
            os._exit(1)

    async def _serve(self, listener: socket.socket) -> int:
        from service.commands.serving import Post, serve_once

        given = self._given
        while True:
            try:
                await serve_once(given.settings, listener, given.verbose, Post(self._announced, self._is))
                return 0
            except YouliError as error:  # it was all there when the first ones started: it will be again
                _log.error("worker_waits", code=error.code)
                await asyncio.sleep(AGAIN_S)

    def _is(self, server: uvicorn.Server) -> None:
        self._server = server

    def _announced(self) -> bool:
        """Whether this worker is the last one to be ready: it speaks for all."""
        with self._given.ready.get_lock():
            self._given.ready.value += 1
            return bool(self._given.ready.value == self._given.settings.workers)


def _prepared(settings: Settings) -> int:
    """Do what is done once for all, in a process that ends with it; its exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()  # nothing runs beside us yet; an error goes its ordinary way to one line and an exit code
    if child == 0:
        asyncio.run(_prepare(settings))
        sys.stdout.flush()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def _prepare(settings: Settings) -> None:
    from service.assembly import assemble
    from service.commands.serving import first_key

    async with assemble(settings, owner=False) as desk:
        if settings.auth == "on":
            await first_key(desk)


def _die_with_parent(parent: int) -> None:
    """End when the manager has ended, however it did: nobody would stop us, and the port would stay taken."""

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
