"""The route class of every door: JSON read strictly, the right content type, no unknown query key."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response, params
from fastapi.routing import APIRoute
from pydantic import BaseModel

from service.api.once import answered_once
from service.errors import UnsupportedDocument
from service.intake import invalid, read_json

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRequest(Request):
    """A request whose JSON was read by :func:`service.intake.read_json`."""

    async def json(self) -> Any:
        """The body's value.

        Raises:
            MalformedBody: see :func:`service.intake.read_json`.
        """
        if not hasattr(self, "_value"):
            self._value = read_json(await self.body())
        return self._value


class StrictRoute(APIRoute):
    """Checks what the framework lets pass, before it looks at the body."""

    strict_query = True
    """Whether an unknown query key is an error."""

    def get_route_handler(self) -> Handler:
        """The framework's handler behind our checks."""
        inner = answered_once(self, super().get_route_handler())
        known = {name for field in self.dependant.query_params for name in _names(field)}
        expected = self._expected()
        optional = self.body_field is not None and not self.body_field.field_info.is_required()

        async def checked(request: Request) -> Response:
            strange = [key for key in request.query_params if key not in known] if self.strict_query else []
            if strange:
                raise invalid({"type": "extra_forbidden", "loc": ("query", key)} for key in dict.fromkeys(strange))
            if optional:
                request = StrictRequest(request.scope, request.receive)
                if not await request.body():
                    return await inner(request)
            if expected is not None:
                given = request.headers.get("content-type", "").split(";")[0].strip().lower()
                if given != expected:
                    raise UnsupportedDocument("unsupported_media_type", expected=expected)
            if expected == "application/json":
                if not isinstance(request, StrictRequest):
                    request = StrictRequest(request.scope, request.receive)
                await request.json()
            return await inner(request)

        return checked

    def _expected(self) -> str | None:
        """The content type this door takes; none when it takes no body."""
        if self.body_field is None:
            return None
        return "multipart/form-data" if isinstance(self.body_field.field_info, params.Form) else "application/json"


def _names(field: Any) -> list[str]:
    """The query keys a parameter stands for: its own, or the fields of the model it is."""
    shape = field.field_info.annotation
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return [info.alias or name for name, info in shape.model_fields.items()]
    return [str(field.alias)]
