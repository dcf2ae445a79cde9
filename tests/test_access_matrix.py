"""Every operation × every role × whose it is: made from the routes, so that a new door is tried by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

import pytest

from service.access.keys import Keys
from service.access.rules import access_rules
from service.acting import Role
from service.api.covering import operations
from service.api.route import StrictRoute
from service.app import create_app
from service.settings import Settings
from tests.foreign import MISSING, Foreign, body_of, family, naming, path_of, plant
from tests.guarded import A, B, Guarded, guarded
from tests.prepared import ready

ROLES: tuple[Role, ...] = get_args(Role)
RULES = access_rules()
ROUTES = {name: cast(StrictRoute, route) for name, route in operations(create_app(Settings(auth="off")))}
CLOSED = sorted(ROUTES.keys() - set(RULES.open))
BEGINS_WORK = {"start_run"}
"""Not asked for with a body that works: each would be a process of minutes."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(ready(tmp_path_factory.mktemp("data"))) as made:
        yield made


@pytest.fixture(scope="module")
def foreign(desk: Guarded) -> Foreign:
    return plant(desk)


@pytest.fixture(scope="module")
def bad(desk: Guarded) -> list[str | None]:
    """What opens nothing: no header, none of ours, a wrong secret, an expired key, a revoked one."""
    soon = desk.key("admin", A, expires_at=(datetime.now(UTC) + timedelta(seconds=1)).isoformat()).key
    gone = desk.key("admin", A, name="gone")
    keys = Keys(desk.app.state.desk.library.database)
    desk.run(keys.revoke(gone.id))
    time.sleep(1.1)
    return [None, "nonsense", desk.key("admin").key[:-4] + "0000", soon, gone.key]


def told(answer: Any, *ids: str) -> tuple[int, str]:
    """An answer without its request's id and the id that was asked for."""
    text = answer.text.replace(answer.headers["x-request-id"], "")
    for id in ids:
        text = text.replace(id, "")
    return answer.status_code, text


@pytest.mark.parametrize("operation", CLOSED)
def test_without_a_good_key_every_door_says_the_same(desk: Guarded, bad: list[str | None], operation: str) -> None:
    route = ROUTES[operation]
    method, path = sorted(route.methods or ())[0], path_of(route, "x")
    answers = set()
    for token in bad:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = desk.client.request(method, path, headers=headers, **body_of(operation, route))
        assert answer.headers["www-authenticate"] == "Bearer"
        answers.add(told(answer))
    assert [status for status, _ in answers] == [401]


@pytest.mark.parametrize("operation", CLOSED)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_the_file_says(desk: Guarded, operation: str, role: Role) -> None:
    route = ROUTES[operation]
    method, path = sorted(route.methods or ())[0], path_of(route, MISSING.get(family(route) or "", ""))
    asked: dict[str, Any] = {} if route.body_field is None else {"json": {}}
    answer = desk.ask(method, path, role, **asked)
    code = (answer.json().get("code") or answer.json().get("error", {}).get("code")) if answer.status_code > 299 else ""
    if role not in RULES.openers[operation]:
        assert (answer.status_code, code) == (403, "scope_missing")
        assert all(RULES.roles[one].name in answer.text for one in RULES.openers[operation])
    elif operation in RULES.all_shops:
        assert (answer.status_code, code) == (403, "all_shops_only")
    else:
        assert answer.status_code not in (401, 403, 500), answer.text


@pytest.mark.parametrize("operation", [name for name in CLOSED if ROUTES[name].places.any])
def test_another_shops_name_is_no_shop(desk: Guarded, operation: str) -> None:
    route = ROUTES[operation]
    method, path = sorted(route.methods or ())[0], path_of(route, "x")
    answers = {told(desk.ask(method, path, "admin", A, **naming(route, shop))) for shop in (B, "no-such-shop", "*")}
    ((status, text),) = answers
    assert status == 404
    assert '"code":"shop_not_found"' in text


@pytest.mark.parametrize("operation", [name for name in CLOSED if family(ROUTES[name])])
def test_another_shops_thing_is_not_there(desk: Guarded, foreign: Foreign, operation: str) -> None:
    route = ROUTES[operation]
    kind = family(route)
    assert kind is not None
    theirs, none = foreign.ids[kind], MISSING[kind]
    method, asked = sorted(route.methods or ())[0], body_of(operation, route)
    answers = [told(desk.ask(method, path_of(route, id), "admin", A, **asked), id) for id in (theirs, none)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


@pytest.mark.parametrize("operation", CLOSED)
def test_nothing_of_another_shop_is_in_any_answer(desk: Guarded, foreign: Foreign, operation: str) -> None:
    route = ROUTES[operation]
    method, kind = sorted(route.methods or ())[0], family(route)
    for role in RULES.openers[operation]:
        asked = {} if operation in BEGINS_WORK else body_of(operation, route)
        answer = desk.ask(method, path_of(route, foreign.ids[kind] if kind else ""), role, A, **asked)
        said = foreign.ids[kind] if kind else None  # what was asked for may be said again
        assert not [word for word in foreign.words if word != said and word in answer.text]
        if said:
            assert answer.text.count(said) <= 1
