"""The route class of every door: who may ask, whose shop, JSON read strictly, no unknown query key.

What a key opens is decided before the body is looked at, and here only, so that no door can forget it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response, params
from fastapi.routing import APIRoute
from pydantic import BaseModel

from service.access.rules import access_rules
from service.access.verifying import STRANGER
from service.acting import ANY_SHOP, Acting, acting
from service.api.binding import Places, bind_form, bind_json, bind_query, places_of
from service.api.forms import read_form
from service.api.once import answered_once
from service.errors import Refused, UnsupportedDocument
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

    @property
    def places(self) -> Places:
        """Where this operation takes a shop and a role from."""
        return places_of(self, self._known(), self._expected() == "multipart/form-data")

    def get_route_handler(self) -> Handler:
        """The framework's handler behind our checks."""
        inner = answered_once(self, super().get_route_handler())
        known, expected, places = self._known(), self._expected(), self.places
        operation = self.operation_id or self.name
        optional = self.body_field is not None and not self.body_field.field_info.is_required()

        async def checked(request: Request) -> Response:
            who = acting()
            admit(operation, who)
            bound = who.shop != ANY_SHOP
            if bound and places.query:
                bind_query(request.scope, who)
            request = StrictRequest(request.scope, request.receive)
            strange = [key for key in request.query_params if key not in known] if self.strict_query else []
            if strange:
                raise invalid({"type": "extra_forbidden", "loc": ("query", key)} for key in dict.fromkeys(strange))
            if optional and not await request.body():
                return await inner(request)
            if expected is not None:
                given = request.headers.get("content-type", "").split(";")[0].strip().lower()
                if given != expected:
                    raise UnsupportedDocument("unsupported_media_type", expected=expected)
            if expected == "application/json":
                bind_json(await request.json(), places, who)
            elif expected is not None:
                await read_form(request)
                if bound and places.form:
                    await bind_form(request, who)
            return await inner(request)

        return checked

    def _known(self) -> set[str]:
        return {name for field in self.dependant.query_params for name in _names(field)}

    def _expected(self) -> str | None:
        """The content type this door takes; none when it takes no body."""
        if self.body_field is None:
            return None
        return "multipart/form-data" if isinstance(self.body_field.field_info, params.Form) else "application/json"


def admit(operation: str, who: Acting) -> None:
    """Let a role in, or say which one it takes.

    Raises:
        Refused: ``scope_missing``; ``all_shops_only``.
    """
    rules = access_rules()
    roles = rules.openers.get(operation, ())
    if who.role in roles and who.shop != ANY_SHOP and operation in rules.all_shops:
        raise Refused("all_shops_only")
    if (who.role in roles and who.key != STRANGER.key) or (not roles and operation in rules.open):
        return
    raise Refused("scope_missing", needed=rules.role_names(roles), role=rules.roles[who.role].name)


def _names(field: Any) -> list[str]:
    """The query keys a parameter stands for: its own, or the fields of the model it is."""
    shape = field.field_info.annotation
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return [info.alias or name for name, info in shape.model_fields.items()]
    return [str(field.alias)]
