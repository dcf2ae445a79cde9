"""Who is let in, to what, and for which shop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_desk import ASKED, is_problem
from tests.guarded import B, Guarded, guarded
from tests.prepared import ready


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(ready(tmp_path_factory.mktemp("data"))) as made:
        yield made


def plain(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def test_a_key_drafts_for_its_own_shop_whether_it_says_so_or_not(desk: Guarded) -> None:
    made = desk.ask("POST", "/v1/drafts", shop=B, json=ASKED)
    assert (made.status_code, made.json()["shop"]) == (201, B)
    assert desk.ask("POST", "/v1/drafts", shop=B, json=ASKED | {"shop": B}).json()["shop"] == B
    fetched = desk.ask("GET", f"/v1/drafts/{made.json()['id']}", shop=B)
    assert fetched.json()["id"] == made.json()["id"]


@pytest.mark.parametrize("shop", ["default", "nobody", "", "*", "Ä"])
def test_another_shop_is_not_there_whether_it_is_or_not(desk: Guarded, shop: str) -> None:
    told = desk.ask("POST", "/v1/drafts", shop=B, json=ASKED | {"shop": shop})
    is_problem(told, 404, "shop_not_found")
    for path in ("/v1/drafts", "/v1/drafts/dft_x", "/v1/evals/runs"):
        asked = desk.ask("GET", path, "qa", B, params={"shop": shop})
        assert plain(asked) == plain(told)
