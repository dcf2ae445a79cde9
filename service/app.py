"""The application: builds the collaborators once and mounts the doors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import metadata
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig

from service import watching
from service.access.rules import access_rules
from service.api import (
    analytics,
    audit,
    chat,
    checks,
    conflicts,
    documents,
    drafts,
    eval_reviews,
    evals,
    feedback,
    health,
    keys,
    knowledge,
    metrics,
    privacy,
    proposals,
    versions,
    webhooks,
)
from service.api.access import Access
from service.api.admitting import Admitting
from service.api.callers import Callers
from service.api.covering import check_covered, open_paths
from service.api.described import about, openapi_of
from service.api.draining import Drain, Draining
from service.api.edge import Edge
from service.api.eval_pages import PageWriter
from service.api.eval_process import EvalProcess
from service.api.gate import Gate
from service.api.gauges import beating
from service.api.guard import LOCAL_HOSTS, LocalOnly
from service.api.limits import BodyLimit
from service.api.problems import install_problems
from service.api.readiness import Looker
from service.api.route import StrictRoute
from service.assembly import Desk, assemble
from service.hooks.delivering import delivering
from service.idempotency.keeper import Keeper
from service.reloading import following
from service.retaining import sweeping
from service.settings import Settings, read_settings

if TYPE_CHECKING:
    from service.database.session import Database

DOORS = (
    drafts,
    feedback,
    chat,
    checks,
    privacy,
    conflicts,
    knowledge,
    versions,
    documents,
    evals,
    eval_reviews,
    audit,
    keys,
    analytics,
    proposals,
    webhooks,
    health,
    metrics,
)
"""In this order: a document's id may hold ``/``, so the longer paths of its versions come first."""


_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""The framework's own would record paths, query strings and the texts of exceptions; ours records none of them."""


def create_app(settings: Settings | None = None, *, desk: Desk | None = None, hosts: Set[str] = LOCAL_HOSTS) -> FastAPI:
    """The application.

    Args:
        settings: read from the environment when not given.
        desk: collaborators that are built and closed by the caller; built in the lifespan when not given.
        hosts: Host names that are answered while there are no keys.

    Raises:
        EnvironmentProblem: a setting that cannot be used.
        RulebookError: ``access.yaml`` is broken, or leaves an operation out.
    """
    settings = settings or read_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if desk is not None:
            yield
            return
        async with assemble(settings, owner=True) as built:
            app.state.desk = built
            sweeper = sweeping(built.library.database, settings, lambda folder: app.state.pages.ask(folder, settings))
            async with (
                following(built, lambda new: swap_desk(app, new)),
                beating(app),
                sweeper,
                delivering(built.library.database, settings),
            ):
                yield
            await close_doors(app)
            app.state.desk = None

    app = _fastapi(lifespan, settings.workers)
    app.state.desk = desk
    app.state.evals = EvalProcess()
    app.state.pages = PageWriter()
    app.state.looker = Looker()
    app.state.keeper = Keeper(settings.idempotency_hours)
    app.state.draining, app.state.drain = False, Drain()
    check_covered(app, access_rules())
    app.state.gate = _gate(app, settings)
    app.add_middleware(Admitting)
    app.add_middleware(BodyLimit)
    app.add_middleware(Draining)
    if app.state.gate is not None:
        app.add_middleware(Access, gate=app.state.gate)
    else:
        app.add_middleware(LocalOnly, hosts=hosts)
    app.add_middleware(
        Edge, callers=Callers(settings.trusted_proxies), slow_s=settings.slow_request_s
    )  # the last added is the outermost
    return app


def _gate(app: FastAPI, settings: Settings) -> Gate | None:
    """Who lets callers in; None while everybody at this machine may do everything."""
    if settings.auth == "off":
        return None

    def database() -> Database | None:
        desk = app.state.desk
        return desk.library.database if desk is not None else None

    return Gate(settings, database, open_paths(app, access_rules()))


async def close_doors(app: FastAPI) -> None:
    """Finish what the doors have under way beside requests."""
    await app.state.evals.close()
    await app.state.pages.close()
    await app.state.looker.close()
    if app.state.gate is not None:
        await app.state.gate.close()


def swap_desk(app: FastAPI, desk: Desk) -> None:
    """Requests that come from now on reach this desk; those in flight keep theirs."""
    app.state.desk = desk


def _fastapi(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]], workers: int) -> FastAPI:
    """The framework's application with our words, our problems and the doors."""
    words = about()
    app = FastAPI(
        title=words["title"],
        description=words["description"],
        openapi_tags=words["openapi_tags"],
        version=metadata.version("youli"),
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere and its requests carry an Origin
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.router.route_class = StrictRoute
    install_problems(app)
    for door in DOORS:
        app.include_router(door.router)
    routes = (route for door in DOORS for route in door.router.routes if isinstance(route, APIRoute))
    watching.start((route.operation_id for route in routes if route.operation_id), app.version, workers)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]
    return app
