"""Every error as an RFC 9457 problem document, with the request's id and a Chinese sentence that says what to do."""

from __future__ import annotations

import errno
import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from service import watching
from service.api import chat_errors
from service.errors import (
    BodyTooLarge,
    EnvironmentProblem,
    InvalidRequest,
    MalformedBody,
    NotFound,
    TooMany,
    Unauthorised,
    Unavailable,
    YouliError,
)
from service.intake import invalid
from service.schemas import Problem

MEDIA_TYPE = "application/problem+json"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RETRY_AFTER_S = 2
"""Seconds a caller is told to wait when a part is busy; the writer's queue and a restart are shorter."""

_NO_THREAD = "can't start new thread"
"""What Python says where the system gives it no more threads."""


def problem_of(error: YouliError, request_id: str) -> Problem:
    """The document of one deliberate error."""
    return Problem(
        type=f"urn:youli:problem:{error.code}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        request_id=request_id,
        errors=error.errors if isinstance(error, InvalidRequest) else [],
        **error.extra,
    )


def problem_response(error: YouliError, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    """The answer for one deliberate error, in the shape of the door that was knocked at."""
    told(error)
    extra = dict(headers or {})
    if error.retry_after is not None:
        extra.setdefault("Retry-After", str(max(1, math.ceil(error.retry_after))))
    elif isinstance(error, (Unavailable, TooMany)):
        extra.setdefault("Retry-After", str(RETRY_AFTER_S))
    if isinstance(error, Unauthorised):
        extra.setdefault("WWW-Authenticate", "Bearer")
    if chat_errors.PATHS.match(scope["path"]):
        body = chat_errors.problem_of(error).model_dump_json()
        return Response(body, chat_errors.status_of(error), media_type="application/json", headers=extra)
    body = problem_of(error, request_id(scope)).model_dump_json()
    return Response(body, status_code=error.status, media_type=MEDIA_TYPE, headers=extra)


def told(error: YouliError) -> None:
    """Count a problem that goes out, and name it in the request's log line."""
    watching.count("youli_problems_total", error.code)
    watching.note(code=error.code)


async def send_problem(scope: Scope, receive: Receive, send: Send, error: YouliError, close: bool = False) -> None:
    """Answer with a problem from inside an ASGI layer; ``close`` ends the connection (unread bytes are pending)."""
    response = problem_response(error, scope, {"Connection": "close"} if close else None)
    await response(scope, receive, send)


def request_id(scope: Scope | Mapping[str, Any]) -> str:
    """The id the outermost layer gave this request."""
    return str(scope.get("state", {}).get("request_id", ""))


def of_status(status: int) -> YouliError:
    """The problem for an error the framework raised by number alone."""
    if status == 404:
        return NotFound()
    if status == 400:
        return MalformedBody("malformed_form")
    if status == 413:
        return BodyTooLarge(limit=0)
    error = InvalidRequest("method_not_allowed") if status == 405 else InvalidRequest()
    error.status = status
    return error


def of_machine(error: OSError | RuntimeError) -> YouliError:
    """The problem for what the machine would not do; the error itself if that says nothing about the machine.

    Raises:
        OSError: it is not the machine's.
        RuntimeError: the same.
    """
    if isinstance(error, RuntimeError):
        if str(error) == _NO_THREAD:
            return Unavailable("machine_exhausted")
        raise error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("disk_full", path=error.filename or "")
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM):
        return Unavailable("machine_exhausted")
    if error.errno in (errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM):
        return EnvironmentProblem("data_dir_unwritable", path=error.filename or "", reason=error.strerror)
    raise error


def install_problems(app: FastAPI) -> None:
    """Make every error of ``app``'s routes a problem document. Unhandled ones are the outermost layer's."""

    @app.exception_handler(YouliError)
    async def deliberate(request: Request, error: YouliError) -> Response:
        return problem_response(error, request.scope)

    @app.exception_handler(OSError)
    @app.exception_handler(RuntimeError)
    async def machine(request: Request, error: OSError | RuntimeError) -> Response:
        return problem_response(of_machine(error), request.scope)

    @app.exception_handler(RequestValidationError)
    async def fields(request: Request, error: RequestValidationError) -> Response:
        return problem_response(invalid(error.errors()), request.scope)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:  # the framework names the methods of one door; a path may have several
            headers["Allow"] = ", ".join(_methods_of(app, request.scope))
        return problem_response(of_status(error.status_code), request.scope, headers)


def _methods_of(app: FastAPI, scope: Scope) -> list[str]:
    """The methods a path has, whichever doors they belong to."""
    routes = app.router.routes
    return [m for m in _METHODS if any(one.matches({**scope, "method": m})[0] is Match.FULL for one in routes)]
