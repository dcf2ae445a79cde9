"""A rulebook whose files change while the service runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.assembly import Broken, Desk, assemble
from service.reloading import Keeper, following
from service.settings import Settings
from tests.desk import KNOWLEDGE, inquiry
from tests.fake_desk import FakeDesk, client_of
from tests.prepared import ready
from tests.test_serve import Server, start_server

PATIENCE_S = 240
"""For a loaded machine; what is asserted is what comes about, not how soon."""
WORD = "乌龙伞"
RULE = f"""category: vague
rules:
  - id: made_up
    name: 说伞
    why: 只为试一试
    frames: [{WORD}]
    bad: [一把{WORD}, 两把{WORD}, 三把{WORD}, 四把{WORD}, 五把{WORD}, 六把{WORD}, 七把{WORD}, BAD]
    ok: [一双鞋, 两双鞋, 三双鞋, 四双鞋, 五双鞋, 六双鞋, 七双鞋, 八双鞋]
"""


def _write(folder: Path, last_bad: str = f"八把{WORD}") -> None:
    (folder / "forbidden" / "made_up.yaml").write_text(RULE.replace("BAD", last_bad), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KNOWLEDGE, tmp_path / "knowledge"))


@pytest.fixture
def server(tmp_path: Path, folder: Path) -> Iterator[Server]:
    more = {"YOULI_KNOWLEDGE_DIR": str(folder), "YOULI_KNOWLEDGE_POLL_S": "0.2"}
    running = start_server(ready(tmp_path / "data"), **more)
    yield running
    if running.process.poll() is None:
        running.stop()


def _rulebook(server: Server) -> dict[str, Any]:
    status, body = server.call("GET", "/readyz")
    assert status == 200
    assert body["ready"] is True
    part: dict[str, Any] = body["parts"]["rulebook"]
    return part


def _until(server: Server, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    last = time.monotonic() + PATIENCE_S
    while not holds(part := _rulebook(server)):
        assert time.monotonic() < last, part
        time.sleep(0.2)
    return part


def _found(server: Server) -> bool:
    status, body = server.call("POST", "/v1/checks", {"text": f"送您{WORD}一把。"})
    assert status == 200
    return any(finding["rule"] == "made_up" for finding in body["findings"])


def test_a_running_server_follows_its_files_but_not_into_a_broken_state(server: Server, folder: Path) -> None:
    before = _rulebook(server)
    assert before["state"] == "up"
    assert not _found(server)

    _write(folder)
    changed = _until(server, lambda part: part["details"]["digest"] != before["details"]["digest"])
    assert changed["state"] == "up"
    assert _found(server)

    _write(folder, last_bad="这句没有那个词")
    broken = _until(server, lambda part: part["state"] == "degraded")
    assert broken["details"]["digest"] == changed["details"]["digest"]
    assert broken["details"]["file"] == "knowledge/forbidden/made_up.yaml"
    assert f"knowledge/forbidden/made_up.yaml:{broken['details']['line']} " in broken["note"]
    assert "这句没有那个词" in broken["note"]
    assert _found(server)

    _write(folder)
    mended = _until(server, lambda part: part["state"] == "up")
    assert mended["details"]["digest"] == changed["details"]["digest"]
    code, log = server.stop()
    assert code == 0
    assert "rulebook_refused" in log
    assert "rulebook_swapped" in log


class Hasty(Keeper):
    """Takes files without having their examples run in another process first."""

    async def _examine(self) -> None:
        return None


async def test_a_draft_in_flight_keeps_its_rulebook(tmp_path: Path, folder: Path) -> None:
    settings = Settings(auth="off", data_dir=ready(tmp_path / "data"), knowledge_dir=folder)
    published: list[Desk] = []
    async with assemble(settings, owner=True) as desk:
        keeper = Hasty(desk, published.append)
        await keeper.look()
        await keeper.look()
        assert published == []
        events = desk.drafter.draft(inquiry("伞放了一个月不想要了，退了吧", order={"days_since_received": 30}))
        await anext(events)

        _write(folder)
        await keeper.look()
        assert published == []  # files that move are left alone for a round
        await keeper.look()
        assert [new.rulebook.digest for new in published] == [keeper.desk.rulebook.digest]
        assert keeper.desk.rulebook.digest != desk.rulebook.digest
        assert "made_up" in keeper.desk.rulebook.forbidden.by_id
        assert await desk.rulebooks.archive(keeper.desk.rulebook.digest)

        last = [event async for event in events][-1]
        assert last.draft is not None
        assert last.draft.knowledge_version.endswith(desk.rulebook.digest)

        (folder / "forbidden" / "made_up.yaml").write_text("category: [", encoding="utf-8")
        await keeper.look()
        await keeper.look()
        assert keeper.desk.broken is not None
        assert keeper.desk.broken.file == "knowledge/forbidden/made_up.yaml"
        assert "made_up" in keeper.desk.rulebook.forbidden.by_id

        (folder / "forbidden" / "made_up.yaml").unlink()
        thesaurus = folder / "thesaurus.yaml"
        thesaurus.write_text(thesaurus.read_text(encoding="utf-8") + "# 末尾的话\n", encoding="utf-8")
        await keeper.look()
        await keeper.look()
        assert keeper.desk.broken is None
        assert keeper.desk.restart
        assert "made_up" not in keeper.desk.rulebook.forbidden.by_id


async def test_nothing_is_watched_at_interval_zero(tmp_path: Path) -> None:
    desk: Any = FakeDesk(settings=Settings(auth="off", data_dir=tmp_path, knowledge_poll_s=0))
    async with following(desk, lambda new: pytest.fail("swapped")):
        pass


def test_a_broken_rulebook_is_no_reason_to_be_unready() -> None:
    desk = FakeDesk(broken=Broken("knowledge/facts.yaml", 3, "缺少“ask”"))
    answer = client_of(desk).get("/readyz")
    assert answer.status_code == 200
    part = answer.json()["parts"]["rulebook"]
    assert part["state"] == "degraded"
    assert "knowledge/facts.yaml:3 缺少“ask”" in part["note"]
    assert part["details"]["digest"] == "abc"


def test_what_waits_for_a_restart_is_said() -> None:
    part = client_of(FakeDesk(restart=True)).get("/readyz").json()["parts"]["rulebook"]
    assert part["state"] == "degraded"
    assert "重启" in part["note"]
