"""``youli serve``: everything that can refuse does so before the port is answered, each with one line."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.commands.words import word
from service.errors import EnvironmentProblem
from service.settings import LOOPBACK, Settings, read_settings

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from service.assembly import Desk

CLOSE_S = 2
"""Seconds connections may take to close once what was under way is done; see ``server`` for that."""

GARBAGE = (700, 10, 100)
"""Python's own but for the last: looking through everything takes 0.1 s, and came every 5 s of full load."""

_PORTS_TRIED = 50


@dataclass(frozen=True)
class Post:
    """A server's place among others on the same port."""

    speaks: Callable[[], bool]
    """Whether it is for this one to say that all are ready."""
    taken: Callable[[uvicorn.Server], None]
    """Told of the server before it starts."""


def run_serve(host: str, port: int, verbose: bool, workers: int | None = None) -> int:
    """Serve until told to stop; returns the exit code.

    Args:
        host: where to listen.
        port: where to listen; 0: any.
        verbose: log more.
        workers: processes; as the settings say if None.

    Raises:
        EnvironmentProblem: several workers on embedded stores, a bind that is not local without keys, port taken, data
            folder not usable or taken.
        RulebookError: a broken file in ``knowledge/``.
    """
    settings = read_settings(**({} if workers is None else {"workers": workers}))
    if settings.auth == "off" and host not in LOOPBACK:
        raise EnvironmentProblem("bind_refused", host=host[:80])
    if settings.workers > 1:
        from service.commands.workers import refuse_embedded, run_workers

        refuse_embedded(settings)
        with contextlib.closing(bind(host, port)) as listener:
            return run_workers(settings, listener, verbose)
    with contextlib.closing(bind(host, port)) as listener, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_once(settings, listener, verbose))
    return 0


def bind(host: str, port: int) -> socket.socket:
    """A bound socket, not listening yet: nobody is answered before the service is ready.

    Raises:
        EnvironmentProblem: ``port_taken``, naming the next free port; or the address is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if _answers(host, port, family):
        raise EnvironmentProblem("port_taken", host=host, port=port, next=_free_after(host, port, family))
    # The protocol is named because asyncio sets TCP_NODELAY only then: without it every answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            free = _free_after(host, port, family)
            raise EnvironmentProblem("port_taken", host=host, port=port, next=free) from None
        raise EnvironmentProblem(reason=f"{host}:{port} {error.strerror}") from None
    return listener


def _answers(host: str, port: int, family: socket.AddressFamily) -> bool:
    """True when somebody listens there already: on some systems a second bind would silently succeed."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        return port != 0 and probe.connect_ex((host, port)) == 0


def _free_after(host: str, port: int, family: socket.AddressFamily) -> int:
    for candidate in range(port + 1, min(port + _PORTS_TRIED, 65_536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            probe.bind((host, candidate))
            return candidate
    return 0


async def serve_once(settings: Settings, listener: socket.socket, verbose: bool, post: Post | None = None) -> None:
    """Build the desk, serve until told to stop, close it; errors as of :func:`run_serve`."""
    from service.assembly import assemble, warm
    from service.logs import configure_logs

    configure_logs(logging.INFO if verbose else logging.getLevelNamesMapping()[settings.log_level.upper()])
    async with assemble(settings, owner=True) as desk:
        from service.api.gauges import beating
        from service.app import close_doors, create_app, swap_desk
        from service.reloading import following

        app = create_app(settings, desk=desk)
        if settings.auth == "on":
            await first_key(desk)
        await warm(desk)
        gc.enable()  # the command line runs without; a server lives long
        gc.set_threshold(*GARBAGE)
        gc.freeze()  # the rulebook and the snapshot stay; only what requests leave behind is looked through
        enough = threading.Event()
        threading.Thread(target=_learning, args=(desk, enough.is_set), name="learning", daemon=True).start()
        try:
            async with following(desk, lambda new: swap_desk(app, new)), beating(app):
                await _run(app, listener, settings, post)
            await close_doors(app)
        finally:
            enough.set()  # what is not learned yet is at the next start; stopping does not wait for it


def _learning(desk: Desk, enough: Callable[[], bool]) -> None:
    """What is learned stays as well: while it was looked through again, every five seconds, nobody was answered."""
    from service.assembly import learn

    learn(desk, enough)
    gc.freeze()


async def first_key(desk: Desk) -> None:
    """Make and print a key for an admin where nobody could come in; only here, and never in the log."""
    from service.access.keys import Keys

    made = await Keys(desk.library.database).first(word("keys", "first_name"))
    if made is not None:
        print(word("keys", "first", key=made.key), flush=True)


async def _run(app: FastAPI, listener: socket.socket, settings: Settings, post: Post | None) -> None:
    import uvicorn

    from service.api.connection import connections
    from service.commands.server import Server

    cut = connections()

    config = uvicorn.Config(
        app,
        lifespan="off",  # the desk is built and closed around the server, so that its errors stay errors
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=CLOSE_S,
        http=cut,
        timeout_keep_alive=round(cut.limits.idle_s),
    )

    def ready() -> None:
        if post is None or post.speaks():
            _announce(listener, settings)

    server = Server(config, app, ready)
    if post is not None:
        post.taken(server)
    await server.serve([listener])


def _announce(listener: socket.socket, settings: Settings) -> None:
    with contextlib.suppress(OSError):  # whoever started it may have stopped listening to it
        _say(listener, settings)


def _say(listener: socket.socket, settings: Settings) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(word("serve", "ready", url=f"http://{shown}:{port}"), flush=True)
    if not settings.model_ready:
        print(word("serve", "no_model"), file=sys.stderr, flush=True)
    if settings.embedding_endpoint is None:
        print(word("serve", "no_embedding"), file=sys.stderr, flush=True)
