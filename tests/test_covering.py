"""The file of roles and scopes, held against the doors before anybody is answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, Field

from service.access import rules as ruling
from service.access.rules import AccessRules, access_rules
from service.acting import Acting
from service.api.binding import bind_json
from service.api.covering import check_covered, operations
from service.api.route import StrictRoute
from service.errors import NotFound, RulebookError
from service.schemas.base import Shop


class Inner(BaseModel):
    shop: Shop = "default"


class Body(BaseModel):
    shop: Shop = "default"
    maybe: Inner | None = None
    many: list[Inner] = Field(default_factory=list)
    named: dict[str, Inner] = Field(default_factory=dict)


def app_with(route_class: type = StrictRoute) -> FastAPI:
    app, router = FastAPI(openapi_url="/openapi.json", docs_url=None, redoc_url=None), APIRouter()
    router.route_class = route_class

    @router.post("/v1/things", operation_id="make_thing")
    async def make_thing(body: Body) -> None: ...

    @router.get("/v1/time", operation_id="tell_time")
    async def tell_time() -> None: ...

    app.include_router(router)
    return app


def rules_with(shopless: list[str], operations: list[str]) -> AccessRules:
    told = access_rules().model_dump() | {"open": [], "shopless": shopless, "all_shops": []}
    told["scopes"] = {"all": {"name": "x", "operations": operations}}
    told["roles"] = {name: rule | {"scopes": ["all"]} for name, rule in told["roles"].items()}
    return AccessRules.model_validate(told)


def test_what_agrees_may_start() -> None:
    check_covered(app_with(), rules_with(["tell_time"], ["make_thing", "tell_time"]))


@pytest.mark.parametrize(
    ("shopless", "named", "word"),
    [
        (["tell_time"], ["tell_time"], "make_thing"),
        ([], ["make_thing", "tell_time"], "tell_time"),
        (["tell_time", "make_thing"], ["make_thing", "tell_time"], "make_thing"),
        (["tell_time"], ["make_thing", "tell_time", "gone"], "gone"),
    ],
)
def test_what_nobody_thought_of_keeps_it_from_starting(shopless: list[str], named: list[str], word: str) -> None:
    with pytest.raises(RulebookError) as caught:
        check_covered(app_with(), rules_with(shopless, named))
    assert word in caught.value.reason


def test_a_door_that_goes_round_the_checks_keeps_it_from_starting() -> None:
    from fastapi.routing import APIRoute

    whole = rules_with(["tell_time"], ["make_thing", "tell_time"])
    with pytest.raises(RulebookError):
        check_covered(app_with(APIRoute), whole)
    app = app_with()
    app.mount("/files", FastAPI())
    with pytest.raises(RulebookError):
        check_covered(app, whole)


def test_shops_are_found_wherever_a_shape_has_them() -> None:
    route = dict(operations(app_with()))["make_thing"]
    assert isinstance(route, StrictRoute)
    assert set(route.places.json) == {("shop",), ("maybe", "shop"), ("many", "*", "shop"), ("named", "*", "shop")}
    who = Acting("k", "agent", "a", "agent")
    body = {"many": [{}, {"shop": "a"}, 7, None], "maybe": None}
    bind_json(body, route.places, who)
    assert body == {"shop": "a", "many": [{"shop": "a"}, {"shop": "a"}, 7, None], "maybe": {"shop": "a"}}
    for strange in (
        {"shop": "b"},
        {"maybe": {"shop": "b"}},
        {"many": [{}, {"shop": "b"}]},
        {"named": {"x": {"shop": "b"}}},
    ):
        with pytest.raises(NotFound):
            bind_json(strange, route.places, who)
    for odd in (7, None, [], "x", {"many": "x", "maybe": 3, "shop": 4}):
        bind_json(odd, route.places, who)  # the shapes refuse it afterwards


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda text: text.replace("qa: {name", "boss: {name"), "boss"),
        (lambda text: text.replace("scopes: [desk, read],", "scopes: [desk, reed],"), "reed"),
        (lambda text: text.replace("manager, highest: manager", "manager, highest: lead"), ""),
        (lambda text: text.replace("key_days: 365", "key_days: many"), ""),
    ],
)
def test_a_broken_file_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[str], str], word: str
) -> None:
    text = ruling.FILE.read_text("utf-8")
    assert spoil(text) != text
    path = tmp_path / "access.yaml"
    path.write_text(spoil(text), "utf-8")
    monkeypatch.setattr(ruling, "FILE", path)
    with pytest.raises(RulebookError) as caught:
        ruling.access_rules.__wrapped__()
    assert caught.value.line > 1
    assert word in caught.value.reason or word == "boss"
