"""How a door reaches the collaborators the application built."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fastapi import Request

from service.errors import Unavailable

if TYPE_CHECKING:
    from service.assembly import Desk


def desk_of(request: Request) -> Desk:
    """The collaborators of the application this request came to.

    Raises:
        Unavailable: ``not_ready`` while the application starts or stops.
    """
    desk = getattr(request.app.state, "desk", None)
    if desk is None:
        raise Unavailable("not_ready")
    return cast("Desk", desk)
