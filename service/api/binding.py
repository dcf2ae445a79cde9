"""Where in a request a shop stands, and whose grants it asks for: found in the shapes, held to the key in one place.

A key of one shop says nothing by leaving ``shop`` out: it is put in. Naming another answers 404, the same whether there
is such a shop or not. From here on the doors see one shop only, and it is the key's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl, quote

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.datastructures import FormData
from starlette.requests import Request

from service import schemas
from service.access.rules import above
from service.acting import ANY_SHOP, Acting
from service.api.forms import read_form
from service.errors import NotFound, Refused
from service.schemas.inquiry import Context

SHOP = "shop"
EACH = "*"
"""In a place: every item of a list, every value of an object with names of the caller's own."""

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where one operation takes a shop and a role from."""

    query: bool
    form: bool
    json: tuple[Place, ...]
    """Of each shop in the body."""
    roles: tuple[Place, ...]
    """Of each ``context.role`` in the body."""

    @property
    def any(self) -> bool:
        """Whether there is a place for a shop at all."""
        return self.query or self.form or bool(self.json)


def places_of(route: APIRoute, query: set[str], form: bool) -> Places:
    """Where a route takes a shop from.

    Args:
        route: the route.
        query: the query keys it knows.
        form: whether its body is a form.
    """
    found: list[tuple[Place, bool]] = []
    if route.body_field is not None:
        found = list(_in_shape(route.body_field.field_info.annotation, ()))
    shops = tuple(place for place, is_shop in found if is_shop)
    roles = tuple(place for place, is_shop in found if not is_shop)
    return Places(SHOP in query, form and bool(shops), () if form else shops, () if form else roles)


def _in_shape(shape: Any, at: Place) -> Iterator[tuple[Place, bool]]:
    """Places of shops (True) and of roles (False) within a shape."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        for name, field in shape.model_fields.items():
            if name == SHOP:
                yield (*at, name), True
                continue
            held = _promised(field.json_schema_extra)
            if held is not None:
                yield from _in_shape(held, (*at, name, EACH))
                continue
            yield from _in_shape(field.annotation, (*at, name))
        if shape is Context:
            yield (*at, "role"), False
        return
    inner = [part for part in get_args(shape) if part is not Ellipsis]
    origin = get_origin(shape)
    deeper = (*at, EACH) if origin in (list, tuple, set, frozenset, dict) else at
    for part in inner:
        yield from _in_shape(part, deeper)


def _promised(extra: Any) -> type[BaseModel] | None:
    """The shape of a list's items where they are read one by one: as the document promises it."""
    items = extra.get("items", {}) if isinstance(extra, dict) else {}
    name = str(items.get("$ref", "")).rsplit("/", 1)[-1]
    return getattr(schemas, name) if name else None


def bind_query(scope: Any, who: Acting) -> None:
    """Hold the query's shop to the key's.

    Raises:
        NotFound: ``shop_not_found``.
    """
    query = scope.get("query_string", b"").decode("latin-1")
    named = [value for key, value in parse_qsl(query, keep_blank_values=True) if key == SHOP]
    for shop in named:
        _same(shop, who)
    if not named:
        own = f"{SHOP}={quote(who.shop)}"
        scope["query_string"] = (f"{query}&{own}" if query else own).encode("latin-1")


def bind_json(value: Any, places: Places, who: Acting) -> None:
    """Hold every shop of a body to the key's, and every role to what the key may state. Changes ``value``.

    Raises:
        NotFound: ``shop_not_found``.
        Refused: ``context_role_refused``.
    """
    if who.shop != ANY_SHOP:
        for place in places.json:
            for holder in _holders(value, place[:-1]):
                if holder.get(SHOP) is None:
                    holder[SHOP] = who.shop
                elif isinstance(holder[SHOP], str):  # anything else is no shop, and told as that
                    _same(holder[SHOP], who)
    for place in places.roles:
        for holder in _holders(value, place[:-1], make=False):
            asked = holder.get(place[-1])
            if isinstance(asked, str) and above(asked, who.context_role):
                raise Refused("context_role_refused", role=asked, highest=who.context_role)


def _holders(value: Any, place: Place, make: bool = True) -> Iterator[dict[str, Any]]:
    """The objects at a place; those that are left out are put in, empty, where ``make`` says so."""
    if not place:
        if isinstance(value, dict):
            yield value
        return
    step, rest = place[0], place[1:]
    if step == EACH:
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for item in items:
            yield from _holders(item, rest, make)
    elif isinstance(value, dict):
        if make and value.get(step) is None and EACH not in place:
            value[step] = {}
        yield from _holders(value.get(step), rest, make)


async def bind_form(request: Request, who: Acting) -> None:
    """Hold the form's shop to the key's; the form is read once, here.

    Raises:
        NotFound: ``shop_not_found``.
        MalformedBody: it is no form.
    """
    form = await read_form(request)
    named = form.getlist(SHOP)
    try:
        for shop in named:
            _same(shop if isinstance(shop, str) else "", who)
    except NotFound:
        await form.close()
        raise
    if not named:
        request._form = FormData([*form.multi_items(), (SHOP, who.shop)])


def _same(shop: str, who: Acting) -> None:
    if shop != who.shop:
        raise NotFound("shop_not_found")
