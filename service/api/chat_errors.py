"""Errors of the OpenAI door in OpenAI's shape, whichever layer they come from."""

from __future__ import annotations

import re

from service.errors import InvalidRequest, YouliError
from service.schemas.chat import ChatFault, ChatProblem

PATHS = re.compile(r"/v1/(?:chat|models)(?:/|$)")
"""Whose errors are OpenAI's: every path a chat client may call."""

_NAMED = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_INDEX = re.compile(r"\.(\d+)(?=\.|$)")


def status_of(error: YouliError) -> int:
    """The status this door answers with: OpenAI knows no 422."""
    return 400 if error.status == 422 else error.status


def problem_of(error: YouliError) -> ChatProblem:
    """The error as a chat client expects it; the first field that does not fit is said in the message too."""
    status = status_of(error)
    kind = _NAMED.get(status, "server_error" if status >= 500 else "invalid_request_error")
    message, param = error.detail, None
    if isinstance(error, InvalidRequest) and error.errors:
        first = error.errors[0]
        param = _param(first["pointer"])
        if error.code == InvalidRequest.code:
            message = InvalidRequest("chat_field", where=param or "body", what=first["message"]).detail
    fault = {"message": message, "type": kind, "code": error.code, "param": param}
    return ChatProblem(error=ChatFault.model_validate(fault))


def _param(pointer: str) -> str | None:
    """``/messages/0/content`` as ``messages[0].content``."""
    dotted = pointer.strip("/").replace("/", ".").replace("~1", "/").replace("~0", "~")
    return _INDEX.sub(r"[\1]", dotted) or None
