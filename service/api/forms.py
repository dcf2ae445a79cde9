"""A form, read once: the framework's own reading finds it read already."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from service.errors import MalformedBody, YouliError


async def read_form(request: Request) -> FormData:
    """The form of a request.

    Raises:
        MalformedBody: it is no form.
        HTTPException: the framework refused it by number.
        ClientDisconnect: its sender has left.
        OSError: there is no room for it: a large one is written to a temporary file.
    """
    try:
        return await request.form()
    except (YouliError, HTTPException, ClientDisconnect, OSError):
        raise
    except Exception:  # as the framework itself takes it: whatever the parser chokes on, the form is broken
        raise MalformedBody("malformed_form") from None
