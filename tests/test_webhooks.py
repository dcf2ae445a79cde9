"""Webhooks: signed, at least once, no words, nobody else's, and nowhere inside the house."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from service.api.described import examples_of
from service.app import create_app
from service.cli import main
from service.database import outbox as outbox_module
from service.database.drafts import DraftStore
from service.database.outbox import Outbox, wait_after
from service.database.session import Database
from service.database.tables_webhooks import deliveries
from service.errors import InvalidRequest, YouliError
from service.hooks import delivering as delivering_module
from service.hooks import hooks as hooks_module
from service.hooks import sending
from service.hooks.addresses import Allowed, Target, public, resolve, target_of, unwrapped
from service.hooks.delivering import Deliverer
from service.hooks.forms import letter, line
from service.hooks.hooks import Hooks, Sealer, sealer_for
from service.schemas import FeedbackIn, Inquiry
from service.schemas.webhooks import WebhookIn, WebhookMade
from service.settings import Settings
from tests.fake_desk import a_draft, is_problem
from tests.hook_receiver import Receiver, receiving
from tests.prepared import ready
from tests.rows import rows_of

SAID = "阳台那把椅子晃得厉害"
ADOPTED = FeedbackIn(action="adopted")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(auth="off", data_dir=tmp_path, webhook_allow="127.0.0.1")


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = await Database.open(settings.database)
    yield opened
    await opened.close()


async def hooked(database: Database, settings: Settings, url: str, **more: Any) -> WebhookMade:
    wanted = {"url": url, "shop": "demo", "events": ["draft.adopted", "draft.edited"]} | more
    return await Hooks(database, settings).create(WebhookIn.model_validate(wanted))


async def adopt(database: Database, name: str, shop: str = "demo") -> None:
    inquiry = Inquiry.model_validate({"messages": [{"role": "customer", "content": SAID}], "shop": shop})
    draft, store = a_draft(inquiry, f"dft_{name}"), DraftStore(database)
    await store.save_draft(draft, inquiry)
    await store.give_feedback(draft.id, shop, ADOPTED, True, [])


async def deliverer(database: Database, settings: Settings) -> Deliverer:
    return Deliverer(database, settings, await sealer_for(settings, database))


async def rows(database: Database) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.execute(select(deliveries).order_by(deliveries.c.id))).all())


async def hurry(database: Database) -> None:
    """Make everything that waits due now."""

    async def work(connection: Any) -> None:
        await connection.execute(update(deliveries).values(next_at=datetime.now(UTC), leased_until=None))

    await database.write(work)


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As the documentation tells receivers to do."""
    parts = dict(part.split("=", 1) for part in headers["youli-signature"].split(","))
    made = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made, parts["v1"]) and abs(time.time() - int(parts["t"])) <= 300


async def test_an_adopted_draft_is_told_signed_and_without_words(
    database: Database, settings: Settings, receiver: Receiver
) -> None:
    made = await hooked(database, settings, receiver.url)
    assert made.secret is not None
    await adopt(database, "1")
    assert await (await deliverer(database, settings)).once() == 1
    headers, body = receiver.wait(1)[0]
    assert verified(made.secret, headers, body)
    assert not verified(made.secret, headers, body.replace(b"demo", b"damo"))
    told = json.loads(body)
    assert (told["type"], told["shop"], told["data"]["draft"]) == ("draft.adopted", "demo", "dft_1")
    assert headers["youli-event-id"] == told["id"]
    assert SAID not in body.decode()
    assert (
        a_draft(Inquiry.model_validate({"messages": [{"role": "customer", "content": "x"}]})).reply not in body.decode()
    )
    assert [(row.state, row.attempts, row.status) for row in await rows(database)] == [("delivered", 1, 200)]


async def test_what_fails_is_tried_again_with_the_same_event(
    database: Database, settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers = [500, 302, 200]
    await hooked(database, settings, receiver.url)
    await adopt(database, "1")
    worker = await deliverer(database, settings)
    for state in ("waiting", "waiting", "delivered"):
        assert await worker.once() == 1
        assert (await rows(database))[0].state == state
        assert await worker.once() == 0  # not before its time
        if state == "waiting":
            await hurry(database)
    came = receiver.wait(3)
    assert len({headers["youli-event-id"] for headers, _ in came}) == 1
    assert len(receiver.came) == 3  # the redirect was not followed


async def test_a_slow_receiver_is_given_up_on_for_now(
    database: Database, settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_S", 0.2)
    receiver.slow_s = 1.0
    await hooked(database, settings, receiver.url)
    await adopt(database, "1")
    await (await deliverer(database, settings)).once()
    assert [(row.state, row.error) for row in await rows(database)] == [("waiting", "timeout")]


async def test_after_a_day_it_is_dead_and_may_be_sent_again_by_hand(
    database: Database, settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "GIVE_UP", timedelta(seconds=0))
    receiver.answers = [500]
    made = await hooked(database, settings, receiver.url)
    await adopt(database, "1")
    worker = await deliverer(database, settings)
    await worker.once()
    row = (await rows(database))[0]
    assert (row.state, row.error) == ("dead", "status")
    again = await Hooks(database, settings).again(made.id, "demo", row.id)
    assert again.state == "waiting"
    await worker.once()
    assert (await rows(database))[0].state == "delivered"
    assert receiver.came[0][0]["youli-event-id"] == receiver.came[1][0]["youli-event-id"]


def test_waits_double_and_stay_below_the_longest() -> None:
    waits = [wait_after(n).total_seconds() for n in range(1, 40)]
    assert 5 <= waits[0] <= 7.5
    assert all(
        low <= wait <= low * 1.5 for wait, low in zip(waits, (min(5 * 2**n, 14_400) for n in range(39)), strict=True)
    )


async def test_two_workers_do_not_send_the_same(database: Database, settings: Settings, receiver: Receiver) -> None:
    await hooked(database, settings, receiver.url)
    for place in range(12):
        await adopt(database, str(place))
    workers = [await deliverer(database, settings) for _ in range(3)]
    while any(await asyncio.gather(*(worker.once() for worker in workers))):
        pass
    assert sorted(json.loads(body)["data"]["draft"] for _, body in receiver.came) == sorted(
        f"dft_{n}" for n in range(12)
    )


async def test_one_shops_queue_does_not_keep_another_shop_waiting(
    database: Database, settings: Settings, receiver: Receiver
) -> None:
    await hooked(database, settings, receiver.url)
    await hooked(database, settings, receiver.url, shop="other")
    for number in range(12):
        await adopt(database, f"1{number:02}")
    await adopt(database, "201", "other")
    assert await (await deliverer(database, settings)).once() == 8
    sent = [row.shop for row in await rows(database) if row.state == "delivered"]
    assert sorted(sent) == ["demo"] * 7 + ["other"]


async def test_a_lease_that_ran_out_is_taken_over(database: Database, settings: Settings, receiver: Receiver) -> None:
    await hooked(database, settings, receiver.url)
    await adopt(database, "1")
    outbox = Outbox(database)
    assert len(await outbox.lease(5, 0.3)) == 1
    assert await outbox.lease(5, 0.3) == []
    await asyncio.sleep(0.4)
    assert await (await deliverer(database, settings)).once() == 1
    assert len(receiver.wait(1)) == 1


async def test_what_is_not_committed_is_not_told(database: Database, settings: Settings, receiver: Receiver) -> None:
    await hooked(database, settings, receiver.url)
    with pytest.raises(YouliError):
        await DraftStore(database).give_feedback("dft_none", "demo", ADOPTED, True, [])
    assert await rows(database) == []


async def test_a_hook_hears_of_its_shop_and_its_events_only(
    database: Database, settings: Settings, receiver: Receiver
) -> None:
    hook = await hooked(database, settings, receiver.url)
    await hooked(database, settings, receiver.url, shop="other", events=["knowledge.published"])
    await adopt(database, "1", "other")
    await adopt(database, "2", "demo")
    assert [(row.webhook, row.shop, row.body["data"]["draft"]) for row in await rows(database)] == [
        (hook.id, "demo", "dft_2")
    ]
    hooks = Hooks(database, settings)
    for asking in (
        hooks.deliveries(hook.id, "other", None, 5),
        hooks.test(hook.id, "other"),
        hooks.remove(hook.id, "other"),
        hooks.again(hook.id, "other", (await rows(database))[0].id),
    ):
        with pytest.raises(YouliError) as caught:
            await asking
        assert caught.value.code == "webhook_not_found"


async def test_a_run_that_ended_is_told_once_and_old_ones_not_at_all(
    database: Database, settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evals.results import RunInfo

    now = datetime.now(UTC)
    old = RunInfo(id="run_old", shop="demo", state="done", started_at=now, finished_at=now)
    monkeypatch.setattr(delivering_module, "all_runs", lambda _: [old])
    await hooked(database, settings, receiver.url, events=["eval.run.completed"])
    new = RunInfo(id="run_new", shop="demo", state="done", started_at=now, finished_at=datetime.now(UTC), total=7)
    monkeypatch.setattr(delivering_module, "all_runs", lambda _: [new, old])
    for _ in range(2):
        worker = await deliverer(database, settings)  # as after a restart
        await worker.runs()
        await worker.runs()
    assert [(row.event_id, row.body["data"]["total"]) for row in await rows(database)] == [("evt_run_new", 7)]


async def test_address_and_secret_are_sealed(database: Database, settings: Settings, tmp_path: Path) -> None:
    made = await hooked(
        database,
        settings,
        "http://127.0.0.1:9/robot/send?access_token=hush-hush",
        format="dingtalk",
        secret="SEC-quiet",
    )
    assert made.secret is None
    assert "hush" not in made.model_dump_json()
    rows = rows_of(settings.data_dir, "webhooks")["webhooks"]
    assert len(rows) == 1
    kept = repr(rows).encode() + b"".join(path.read_bytes() for path in tmp_path.glob("youli.sqlite3*"))
    assert b"hush-hush" not in kept
    assert b"SEC-quiet" not in kept
    with pytest.raises(ValueError, match="sealed"):
        Sealer(os.urandom(32)).open(Sealer(os.urandom(32)).seal("a", "b"))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "fec0::1"),
        *(
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "::ffff:100.100.100.200",
        ),
    ],
)
def test_no_event_goes_inside_the_house(address: str) -> None:
    found = ipaddress.ip_address(address)
    assert not public(unwrapped(found))
    for secure in (True, False):
        assert not Allowed("").may(Target(secure, "example.com", 443, "/"), found)


def test_the_open_internet_is_reached_over_tls_only_and_the_setting_opens_more() -> None:
    open_ = ipaddress.ip_address("93.184.215.14")
    assert Allowed("").may(Target(True, "example.com", 443, "/"), open_)
    assert not Allowed("").may(Target(False, "example.com", 80, "/"), open_)
    inside, here = ipaddress.ip_address("10.1.2.3"), ipaddress.ip_address("127.0.0.1")
    assert Allowed("10.1.0.0/16").may(Target(True, "desk.internal", 443, "/"), inside)
    assert not Allowed("10.1.0.0/16").may(Target(False, "desk.internal", 80, "/"), inside)
    assert Allowed("hooks.test, 127.0.0.0/8").may(Target(False, "localhost", 80, "/"), here)


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://localhost/",
        "https://[::ffff:7f00:1]/",
        "http://127.0.0.1/",
    ],
)
async def test_other_ways_to_write_this_machine(url: str) -> None:
    assert await resolve(target_of(url), Allowed("")) is None


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/", "https://", "https://user:word@example.com/", "https://example.com/#x"),
        *("https://example.com/a b", "https://example.com/\r\nHost: x", "https://example.com:99999/", "javascript:x"),
        *("https://exa\u3002mple.com/", "https://" + "a" * 3000, "//example.com/"),
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InvalidRequest):
        target_of(url)


async def test_a_name_is_looked_up_each_time(
    database: Database, settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What meant somebody's server when the hook was made may mean ours when it is used."""
    await hooked(database, settings, receiver.url)
    await adopt(database, "1")
    strict = settings.model_copy(update={"webhook_allow": ""})
    await (await deliverer(database, strict)).once()
    assert [(row.state, row.error) for row in await rows(database)] == [("waiting", "address_refused")]
    assert receiver.came == []


async def test_names_that_take_long_to_look_up_keep_nobody_else_waiting(
    database: Database, settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, asked = threading.Event(), []

    def hangs(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        waiting.wait(60)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr(hooks_module, "TIMEOUT_S", 0.5)
    tries = [asyncio.create_task(hooked(database, settings, f"https://slow{n}.test/")) for n in range(64)]
    try:
        while not asked:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), 20) == 1
        ended = await asyncio.wait_for(asyncio.gather(*tries, return_exceptions=True), 20)
        assert {getattr(one, "code", one) for one in ended} == {"webhook_url"}
    finally:
        waiting.set()


BODY = {"id": "evt_1", "type": "draft.adopted", "shop": "demo", "data": {"draft": "dft_1", "scenario": "vague"}}
ROW = {"id": "dlv_1", "event": "draft.adopted", "event_id": "evt_1", "body": BODY}


def test_group_robots_get_their_own_form_and_signature() -> None:
    target = Target(True, "open.feishu.cn", 443, "/open-apis/bot/v2/hook/x")
    told = json.loads(letter("feishu", target, "s3", ROW, 1_600_000_000).body)
    assert told["msg_type"] == "text"
    assert "dft_1" in told["content"]["text"]
    key = b"1600000000\ns3"  # the vendor's way: time and secret are the key, and nothing is signed with it
    assert told["sign"] == base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    ding = letter("dingtalk", Target(True, "oapi.dingtalk.com", 443, "/robot/send?access_token=x"), "s3", ROW, 1.6e9)
    assert "&timestamp=1600000000000&sign=" in ding.target.path
    assert json.loads(ding.body)["msgtype"] == "text"
    wecom = letter("wecom", Target(True, "qyapi.weixin.qq.com", 443, "/cgi-bin/webhook/send?key=x"), "", ROW)
    assert "youli-signature" not in {key.lower() for key in wecom.headers}
    for event, data in (
        ("draft.edited", BODY["data"]),
        ("eval.run.completed", {"run": "r", "state": "done", "total": 3}),
        ("knowledge.published", {"action": "rolled_back", "count": 2, "documents": []}),
        ("webhook.test", {"webhook": "whk_1"}),
    ):
        assert "demo" in line({"type": event, "shop": "demo", "data": data})


@pytest.mark.parametrize(
    ("body", "state"), [(b'{"code":0}', "delivered"), (b'{"code":19024}', "waiting"), (b"ok", "waiting")]
)
async def test_a_robots_no_is_a_no(
    database: Database, settings: Settings, receiver: Receiver, body: bytes, state: str
) -> None:
    receiver.body = body
    await hooked(database, settings, receiver.url, format="feishu")
    await adopt(database, "1")
    await (await deliverer(database, settings)).once()
    assert (await rows(database))[0].state == state


def test_through_the_doors(tmp_path: Path, receiver: Receiver) -> None:
    """Made, tried, told of an adopted draft and of published knowledge; a hook's secret is told once."""
    settings = Settings(auth="off", data_dir=ready(tmp_path / "data"), webhook_allow="127.0.0.1")
    with TestClient(create_app(settings, hosts={"testserver"})) as client:
        wanted = {"url": receiver.url, "events": ["draft.adopted", "knowledge.published"]}
        made = client.post("/v1/webhooks", json=wanted).json()
        assert made["secret"].startswith("whsec_")
        assert "secret" not in client.get("/v1/webhooks").json()["webhooks"][0]
        assert client.post(f"/v1/webhooks/{made['id']}/test").status_code == 202
        assert json.loads(receiver.wait(1)[0][1])["type"] == "webhook.test"
        draft = client.post("/v1/drafts", json=examples_of("create_draft")["refuse"]["request"]).json()
        client.post(f"/v1/drafts/{draft['id']}/feedback", json={"action": "adopted"})
        assert json.loads(receiver.wait(2)[1][1])["data"]["draft"] == draft["id"]
        file = {"file": ("本店.md", "# 退货地址\n\n退货请寄到仓库，单号在后台填。\n".encode())}
        client.post("/v1/knowledge/documents", files=file, data={"kind": "shop", "publish": "true"})
        told = json.loads(receiver.wait(3)[2][1])
        assert (told["type"], told["data"]["count"]) == ("knowledge.published", 1)
        for headers, body in receiver.came:
            assert verified(made["secret"], headers, body)
        sent = client.get(f"/v1/webhooks/{made['id']}/deliveries").json()["deliveries"]
        assert {one["state"] for one in sent} <= {"delivered", "waiting"}
        again = client.post(f"/v1/webhooks/{made['id']}/deliveries/{sent[-1]['id']}/redeliver")
        assert again.status_code == 202
        assert receiver.wait(4)[3][0]["youli-event-id"] == sent[-1]["event_id"]
        is_problem(client.post(f"/v1/webhooks/{made['id']}/deliveries/dlv_x/redeliver"), 404, "delivery_not_found")
        is_problem(client.post("/v1/webhooks", json=wanted | {"url": "https://169.254.169.254/"}), 422, "webhook_url")
        assert client.delete(f"/v1/webhooks/{made['id']}").status_code == 200
        is_problem(client.get(f"/v1/webhooks/{made['id']}/deliveries"), 404, "webhook_not_found")


def test_the_command_line(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("YOULI_WEBHOOK_ALLOW", "127.0.0.1")
    assert main(["webhooks", "create", receiver.url, "--event", "draft.adopted", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert main(["webhooks", "test", made["id"]]) == 0
    assert main(["webhooks", "deliveries", made["id"]]) == 0
    assert "webhook.test" in capsys.readouterr().out
    assert main(["webhooks", "list"]) == 0
    assert made["secret"] not in capsys.readouterr().out
    assert main(["webhooks", "create", "http://10.0.0.1/", "--event", "draft.adopted"]) == 2
    assert main(["webhooks", "create", receiver.url, "--event", "draft.liked"]) == 2
    assert main(["webhooks", "delete", made["id"]]) == 0


WRITE_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from service.database.session import Database
from service.settings import Settings
from tests.test_webhooks import adopt
async def work():
    database = await Database.open(Settings(auth="off", data_dir=Path(sys.argv[1])).database)
    await adopt(database, "killed")
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(work())
"""


async def test_killed_between_commit_and_delivery_it_is_delivered_after_the_restart(
    database: Database, settings: Settings, receiver: Receiver
) -> None:
    await hooked(database, settings, receiver.url)
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", WRITE_AND_DIE, str(settings.data_dir)], check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert await (await deliverer(database, settings)).once() == 1
    assert json.loads(receiver.wait(1)[0][1])["data"]["draft"] == "dft_killed"
