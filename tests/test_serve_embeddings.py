"""A served process whose embeddings endpoint is down, comes up, and turns out to be another model."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fake_model import FakeModel, Reply
from tests.fake_vectors import embeds
from tests.prepared import learned
from tests.test_serve import ROOT, START_S, Server, _command, _environment, start_server

ASKED = {"query": "礼盒少件几天补发", "kinds": ["shop"]}


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def _search(server: Server) -> Any:
    return server.call("POST", "/v1/knowledge/search", ASKED)[1]


def _shell(data: Path, *arguments: str, **more: str) -> tuple[int, Any]:
    command = _command("knowledge", *arguments, "--json")
    done = subprocess.run(command, cwd=ROOT, env=_environment(data, **more), capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


def test_down_up_and_another(tmp_path: Path) -> None:
    data, note = learned(tmp_path / "data"), tmp_path / "礼盒.txt"
    note.write_text("礼盒少件的，三天内补发。", encoding="utf-8")
    with FakeModel() as fake:
        endpoint = {"YOULI_EMBEDDING_MODEL": "e-1", "YOULI_EMBEDDING_BASE_URL": fake.url}
        fake.vectors = lambda request: Reply.status_of(503)
        server = start_server(data, **endpoint)
        status, ready = server.call("GET", "/readyz")
        assert (status, ready["ready"], ready["parts"]["search"]["state"]) == (200, True, "degraded")
        found = server.call("POST", "/v1/knowledge/search", {"query": "七天无理由退货"})[1]
        assert found["passages"]
        assert found["degraded"]
        code, added = _shell(data, "add", str(note), "--kind", "shop", "--publish", **endpoint)
        assert (code, added["queued"], added["state"]) == (0, True, "draft")
        assert _search(server)["passages"] == []
        fake.vectors = embeds()
        _until(lambda: bool(_search(server)["passages"]))
        _until(lambda: server.call("GET", "/readyz")[1]["parts"]["search"]["state"] == "up")
        assert not _search(server)["degraded"]
        assert server.stop()[0] == 0
        fake.vectors = embeds(seed="other")
        server = start_server(data, **endpoint)
        assert _search(server)["reason"] == "embedding_changed"
        assert "youli knowledge reindex" in server.call("GET", "/readyz")[1]["parts"]["search"]["note"]
        code, told = _shell(data, "reindex", **endpoint)
        assert (code, told["made"]["left"]) == (0, 0)
        _until(lambda: not _search(server)["degraded"])
        assert _search(server)["passages"][0]["text"] == "礼盒少件的，三天内补发。"
        code, errors = server.stop()
        assert code == 0
        assert "Traceback" not in errors
