"""Vectors in a real ``chroma run`` server: built by one, read by all, kept up, and done without."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from service.library.embed import HashNgram
from service.projection import shared
from service.projection.folder import Folders
from service.projection.process import ChromaLost, ChromaProcess
from service.projection.shared import SharedIndex
from tests import engines
from tests.test_vectors import MANY, TEXTS, named

pytestmark = pytest.mark.xdist_group("engines")
EMBED = HashNgram(128)


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{engines.chroma().port}"


@pytest.fixture
def open_index(url: str, tmp_path: Path) -> Iterator[Callable[..., SharedIndex]]:
    made: list[SharedIndex] = []
    installation = uuid4().hex[:8]

    def build(at: str = url, name: str = installation) -> SharedIndex:
        made.append(SharedIndex(tmp_path / str(len(made)), at, name))
        return made[-1]

    yield build
    for index in made:
        index.close()


@pytest.fixture
def look(url: str) -> Iterator[Callable[[SharedIndex], dict[str, float]]]:
    """What titles an installation has on the server."""
    process = ChromaProcess()
    process.connect(url)
    yield lambda index: process.ask("listed", {"prefix": index._prefix})["titles"]
    process.end()


def project(index: SharedIndex, name: str, texts: dict[str, str], build: bool = True) -> bool:
    return index.project(name, list(texts), EMBED.embed(list(texts.values())), EMBED.fingerprint, build)


def asked(index: SharedIndex, text: str, k: int = 1) -> list[str]:
    vector = EMBED.embed([text])[0]
    until = time.monotonic() + 30
    while (found := index.query(vector, k)) is None and index.state == "ready" and time.monotonic() < until:
        time.sleep(0.02)
    return found if found is not None else ["nothing"]


def test_one_builds_and_all_find_what_is_new_while_nobody_is_disturbed(
    open_index: Callable[..., SharedIndex], look: Callable[[SharedIndex], dict[str, float]]
) -> None:
    builder, reader = open_index(), open_index()
    texts = named([*TEXTS, *MANY])
    assert not project(reader, "g1", texts, build=False), "there is nothing yet to be taken up"
    assert (reader.state, reader.query(EMBED.embed(["运费"])[0], 3)) == ("building", None)
    assert project(builder, "g1", texts)
    assert project(reader, "g1", texts, build=False)
    best = EMBED.embed(list(texts.values())) @ EMBED.embed(["运费谁承担"])[0]
    exact = [list(texts)[i] for i in np.argsort(-best, kind="stable")[:4]]
    assert asked(builder, "运费谁承担", 4) == asked(reader, "运费谁承担", 4) == exact

    changed = {**texts, "d@2#0": "安装师傅上门要预约"}
    del changed["d@1#2"]
    assert project(builder, "g2", changed)
    assert asked(reader, TEXTS[2]) == ["d@1#2"], "who has not followed yet goes on as before"
    assert len(asked(reader, "安装师傅上门要预约", 3)) == 3
    assert "d@1#2" not in asked(builder, TEXTS[2], 20)
    assert [reader.serves("g2"), reader.health("g2")["state"]] == [False, "building"]
    assert project(reader, "g2", changed, build=False)
    assert asked(reader, "安装师傅上门要预约") == ["d@2#0"]
    assert len(look(builder)) == 1, "what was there was added to, and got the new name"

    few = named(TEXTS)
    assert project(builder, "g3", few)  # most of it gone: built anew, and the old one left to who reads it
    assert len(look(builder)) == 2
    assert asked(reader, "安装师傅上门要预约") == ["d@2#0"]
    assert set(asked(builder, "发票", 10)) == set(few)


@pytest.mark.thorough
def test_what_was_left_is_swept_when_nobody_can_be_reading_it(
    open_index: Callable[..., SharedIndex],
    look: Callable[[SharedIndex], dict[str, float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    builder, other = open_index(), open_index(name=uuid4().hex[:8])
    for index in (builder, other):
        assert project(index, "g1", named([*TEXTS, *MANY]))
    process = ChromaProcess()
    process.connect(builder._url)
    process.ask("make", {"title": f"{builder._prefix}g0-left.part", "made": time.time() - 2 * shared.LEFT_S})
    process.end()
    assert project(builder, "g2", named(TEXTS))
    assert builder.serves("g2")
    assert len(look(builder)) == 3, "not at once"
    monkeypatch.setattr(shared, "GRACE_S", 0.0)
    time.sleep(0.01)
    assert builder.serves("g2")
    assert [title.startswith(f"{builder._prefix}g2-") for title in look(builder)] == [True]
    assert len(look(other)) == 1, "another installation's is left alone"


def test_a_server_that_is_gone_is_done_without_and_found_again(
    open_index: Callable[..., SharedIndex], tmp_path: Path
) -> None:
    engines.need("chroma")
    own = engines.start_chroma()
    try:
        index = open_index(f"http://127.0.0.1:{own.port}")
        texts = named([*TEXTS, *MANY])
        assert project(index, "g1", texts)
        own.kill()
        until = time.monotonic() + 30
        while index.serves("g1") and time.monotonic() < until:
            assert index.query(EMBED.embed(["运费"])[0], 1) in (None, ["d@1#1"])
            time.sleep(0.02)
        told = index.health("g1")
        assert (told["state"], told["why"], told["server"]) == ("broken", "lost", True)
        assert not project(index, "g1", texts)
        own.start()
        assert project(index, "g1", texts)
        assert asked(index, "运费由店铺承担") == ["d@1#1"]
    finally:
        own.remove()


@pytest.mark.parametrize(
    "wrong",
    [
        "too few",
        pytest.param("other vectors", marks=pytest.mark.thorough),
        pytest.param("another length", marks=pytest.mark.thorough),
    ],
)
def test_a_collection_that_is_not_what_it_says_is_not_asked_and_built_anew(
    open_index: Callable[..., SharedIndex], wrong: str
) -> None:
    builder, reader, texts = open_index(), open_index(), named([*TEXTS, *MANY])
    matrix = EMBED.embed(list(texts.values()))
    process = ChromaProcess()
    process.connect(builder._url)
    process.ask("make", {"title": builder._title("g1", EMBED.fingerprint, matrix), "made": time.time()})
    rows = {"other vectors": np.roll(matrix, 7, axis=1), "too few": matrix[:5], "another length": matrix[:, :64]}[wrong]
    body = np.ascontiguousarray(rows, dtype="<f4").tobytes()
    process.ask("upsert", {"ids": list(texts)[: len(rows)], "dim": rows.shape[1]}, body)
    process.end()
    assert not project(reader, "g1", texts, build=False)
    assert reader.query(EMBED.embed(["运费"])[0], 1) is None
    assert project(builder, "g1", texts)
    assert asked(builder, "运费由店铺承担") == ["d@1#1"]
    assert project(reader, "g1", texts, build=False)


class _Strange(http.server.BaseHTTPRequestHandler):
    """Something that answers, and is no Chroma server of our time."""

    said: Any = "0.5.3"

    def do_GET(self) -> None:
        body = json.dumps(self.said if self.path.endswith("version") else {"tenant": "t"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.thorough
@pytest.mark.parametrize("said", ["0.5.3", "nginx", {"no": 1}])
def test_what_is_no_server_of_our_time_is_told_and_not_used(
    open_index: Callable[..., SharedIndex], said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Strange, "said", said)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Strange) as strange:
        threading.Thread(target=strange.serve_forever, daemon=True).start()
        index = open_index(f"http://127.0.0.1:{strange.server_address[1]}")
        assert not project(index, "g1", named(TEXTS))
        assert (index.state, index.name) == ("broken", None)
        assert index.health("g1")["why"] in ("version", "lost")
        strange.shutdown()


@pytest.mark.thorough
def test_a_tenant_of_ones_own_is_made_and_kept_apart(open_index: Callable[..., SharedIndex], url: str) -> None:
    name = f"t{uuid4().hex[:8]}"
    mine, open_to_all = open_index(f"{url}/{name}/desk"), open_index()
    assert project(mine, "g1", named([*TEXTS, *MANY]))
    assert not project(open_to_all, "g1", named([*TEXTS, *MANY]), build=False)
    assert asked(mine, "运费由店铺承担") == ["d@1#1"]


@pytest.mark.thorough
def test_reindex_has_it_built_anew(open_index: Callable[..., SharedIndex], look: Any) -> None:
    index, texts = open_index(), named([*TEXTS, *MANY])
    assert project(index, "g1", texts)
    first = look(index)
    Folders(index._folders.root).want_rebuild()
    assert not index.serves("g1")
    assert index.health("g1")["why"] == "asked"
    assert project(index, "g1", texts)
    assert look(index).keys() == first.keys() and look(index) != first


def test_its_ten_nearest_are_those_of_the_exact_scan(open_index: Callable[..., SharedIndex]) -> None:
    index, texts = open_index(), named(MANY)
    assert project(index, "g1", texts)
    matrix, ids = EMBED.embed(list(texts.values())), list(texts)
    same = 0
    for text in MANY[::10]:
        scores = matrix @ EMBED.embed([text])[0]
        bar = np.sort(scores)[-10]
        found = asked(index, text, 10)
        same += sum(scores[ids.index(chunk)] >= bar - 1e-4 for chunk in found)
    assert same >= 0.99 * 10 * len(MANY[::10])


@pytest.mark.thorough
def test_a_server_that_says_nothing_is_waited_for_by_nobody(
    open_index: Callable[..., SharedIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_index()
    assert project(index, "g1", named(TEXTS))
    live = index._live
    assert live is not None

    def silent(*_: object) -> None:
        raise ChromaLost("Timeout")

    monkeypatch.setattr(live.process, "nearest", silent)
    assert index.query(EMBED.embed(["运费"])[0], 1) is None
    assert (index.state, index.health("g1")["problem"]) == ("broken", "Timeout")
