"""Whether ``access.yaml`` and the doors agree: an operation nobody thought of keeps the service from starting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from service.access.rules import FILE, AccessRules
from service.api.route import StrictRoute
from service.errors import RulebookError, phrase


def operations(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    """Every operation of the doors with its route.

    Raises:
        RulebookError: a path that answers without being an operation, and so without anybody being asked for anything.
    """
    for route in _routes(app.routes):
        if isinstance(route, APIRoute):
            yield route.operation_id or route.name, route
        elif getattr(route, "path", None) != app.openapi_url:
            raise RulebookError(FILE, 0, phrase("access_route", operation=getattr(route, "path", route)))


def _routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes, those of included routers too: the framework keeps them where they were made."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from _routes(inner.routes)


def check_covered(app: FastAPI, rules: AccessRules) -> None:
    """Hold the file against the doors.

    Raises:
        RulebookError: an operation has no scope, no place for a shop or is none of our route class; or the file names
            one there is none of.
    """
    there = dict(operations(app))
    for name, route in there.items():
        if not isinstance(route, StrictRoute):
            raise RulebookError(FILE, 0, phrase("access_route", operation=name))
        if name not in rules.openers and name not in rules.open:
            raise RulebookError(FILE, 0, phrase("access_no_scope", operation=name))
        if route.places.any == (name in rules.shopless):
            raise RulebookError(FILE, 0, phrase("access_shop", operation=name))
    for name in sorted(rules.named.union(rules.open, rules.shopless, rules.all_shops) - there.keys()):
        raise RulebookError(FILE, 0, phrase("access_no_operation", operation=name))


def open_paths(app: FastAPI, rules: AccessRules) -> frozenset[str]:
    """The paths that answer anybody."""
    return frozenset(route.path for name, route in operations(app) if name in rules.open)
