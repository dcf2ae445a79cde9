"""Drafts asked from a service that wants keys, as ``youli eval run --against`` does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from evals.asking import asking
from service.access.keys import Keys
from service.app import create_app
from service.database.session import Database
from service.errors import UsageError, YouliError
from service.schemas import Inquiry
from service.schemas.keys import KeyIn
from service.settings import Settings
from tests.desk import inquiry
from tests.prepared import ready
from tests.serving import serving


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(auth="on", data_dir=ready(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def url(settings: Settings) -> Iterator[str]:
    with serving(create_app(settings)) as address:
        yield address


@pytest.fixture(scope="module")
def key(settings: Settings) -> str:
    return asyncio.run(_made(settings, KeyIn(name="qa", role="qa", shop="default")))


def manager() -> Inquiry:
    return inquiry("能便宜点吗", context={"role": "manager"})


async def test_with_a_key_it_drafts(url: str, key: str) -> None:
    async with asking(url, key) as drafting:
        assert (await drafting(inquiry("没拆，不喜欢，退了吧"))).shop == "default"


@pytest.mark.parametrize("wrong", [None, "nonsense", f"yl_{'0' * 12}.{'0' * 43}"])
async def test_without_a_good_one_it_says_so_before_the_first_case(url: str, wrong: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        async with asking(url, wrong):
            pass
    assert caught.value.code == "target_key_refused"
    assert "YOULI_TARGET_KEY" in caught.value.detail


async def test_what_the_key_may_not_is_told_in_the_services_words(url: str, key: str, settings: Settings) -> None:
    async with asking(url, key) as drafting:
        with pytest.raises(YouliError) as caught:
            await drafting(manager())
        assert caught.value.code == "context_role_refused"
        assert "manager" in caught.value.detail
        with pytest.raises(YouliError) as caught:
            await drafting(inquiry("在吗", shop="demo"))
        assert caught.value.code == "shop_not_found"
    wanted = KeyIn(name="qa", role="qa", shop="default", context_role="manager")
    async with asking(url, await _made(settings, wanted)) as drafting:
        assert await drafting(manager())


async def _made(settings: Settings, wanted: KeyIn) -> str:
    database = await Database.open(settings.database)
    try:
        return (await Keys(database).create(wanted)).key
    finally:
        await database.close()
