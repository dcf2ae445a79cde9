import ast
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import EnvironmentProblem
from service.library.embed import HashNgram
from service.owner import own_data_dir, owner_of
from service.projection.folder import Folders, Stamp, installed
from service.projection.index import VectorIndex
from service.settings import HOME

EMBED = HashNgram(128)
TEXTS = ["退货要在七天内提出", "运费由店铺承担", "发票可以补开", "生鲜坏了拍照"]
MANY = [f"第{i}条：{'退换补发保修运费发票'[i % 9]}{i * 7919 % 1000}号" for i in range(300)]


@pytest.fixture
def index(tmp_path: Path):
    made = VectorIndex(tmp_path, first=True)
    yield made
    made.close()


def project(index: VectorIndex, name: str, texts: dict[str, str]) -> bool:
    return index.project(name, list(texts), EMBED.embed(list(texts.values())), EMBED.fingerprint)


def named(texts: list[str]) -> dict[str, str]:
    return {f"d@1#{i}": text for i, text in enumerate(texts)}


def asked(index: VectorIndex, text: str, k: int = 1) -> list[str]:
    """What the index answers, once it is quick enough to: a loaded machine may need several tries."""
    vector = EMBED.embed([text])[0]
    until = time.monotonic() + 30
    while (found := index.query(vector, k)) is None and index.state == "ready" and time.monotonic() < until:
        time.sleep(0.02)
    return found if found is not None else ["nothing"]


def test_nothing_is_answered_before_there_is_an_index(index: VectorIndex):
    assert index.query(EMBED.embed(["运费"])[0], 3) is None
    assert (index.state, index.name, index.serves("g1")) == ("off", None, False)


def test_chroma_answers_like_the_exact_scan_and_follows_small_changes_in_place(index: VectorIndex, tmp_path: Path):
    texts = named([*TEXTS, *MANY])
    assert project(index, "g1", texts)
    ids, query = list(texts), EMBED.embed(["运费谁承担"])[0]
    scores = EMBED.embed(list(texts.values())) @ query
    assert asked(index, "运费谁承担", 4) == [ids[i] for i in np.argsort(-scores, kind="stable")[:4]]
    assert (index.state, index.name, index.why) == ("ready", "g1", "none")
    folder = next((tmp_path / "chroma").glob("gen-*"))

    changed = {**texts, "d@1#0": "赠品丢了不用赔", "d@2#0": "安装师傅上门要预约"}  # one edited under its id, one new
    del changed["d@1#2"]
    assert project(index, "g2", changed)
    assert asked(index, "赠品丢了不用赔") == ["d@1#0"]
    assert asked(index, "安装师傅上门要预约") == ["d@2#0"]
    assert "d@1#2" not in asked(index, TEXTS[2], 20)
    assert [index.serves(name) for name in ("g1", "g2")] == [False, True]
    assert [index.health(name)["state"] for name in ("g1", "g2")] == ["building", "ready"]
    assert [path.name for path in (tmp_path / "chroma").glob("gen-*")] == [folder.name]

    assert project(index, "g3", named(TEXTS))  # most of it gone: built anew
    assert set(asked(index, "发票", 10)) == set(named(TEXTS))
    assert [path.name for path in (tmp_path / "chroma").glob("gen-*")] == ["gen-2"]


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ("nothing", "none"),
        ("no folder", "missing"),
        ("a stamp alone", "missing"),
        ("no stamp", "damaged"),
        ("half a stamp", "damaged"),
        ("a strange stamp", "damaged"),
        ("no database", "damaged"),
        ("a broken head", "damaged"),
        ("an empty database", "damaged"),
        ("another chromadb", "version"),
        ("all in order", "earlier"),
    ],
)
def test_what_an_earlier_process_left_is_named(tmp_path: Path, left: str, why: str):
    root = tmp_path / "chroma"
    database = root / "gen-7" / "chroma.sqlite3"
    if left not in ("nothing", "no folder"):
        database.parent.mkdir(parents=True)
        database.write_bytes(b"SQLite format 3\x00" + b"\x07" * 500)
        Folders(root).write(Stamp(installed(), EMBED.fingerprint, "g1", 4))
    stamp = root / "stamp.json"
    changes: dict[str, Callable[[], object]] = {
        "a stamp alone": lambda: shutil.rmtree(database.parent),
        "no stamp": stamp.unlink,
        "half a stamp": lambda: stamp.write_text(stamp.read_text()[:20]),
        "a strange stamp": lambda: stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "chunks": "4"})),
        "no database": database.unlink,
        "a broken head": lambda: database.write_bytes(b"\x00" * 4096),
        "an empty database": lambda: database.write_bytes(b""),
        "another chromadb": lambda: Folders(root).write(Stamp("0.5.3", EMBED.fingerprint, "g1", 4)),
    }
    changes.get(left, lambda: None)()
    assert Folders(root).found(first=left == "nothing") == why


def test_what_a_dead_process_left_is_never_opened(tmp_path: Path):
    left = tmp_path / "chroma" / "gen-7"
    left.mkdir(parents=True)
    for name in ("chroma.sqlite3", "data_level0.bin"):
        (left / name).write_bytes(b"\xff" * 100)
    Folders(left.parent).write(Stamp(installed(), "another", "g1", 4))
    index = VectorIndex(tmp_path)
    assert project(index, "g1", named(TEXTS))
    assert index.health("g1")["why"] == "damaged"
    assert asked(index, TEXTS[2]) == ["d@1#2"]
    assert [path.name for path in left.parent.glob("gen-*")] == ["gen-8"]
    index._live.process.ask("delete", {"ids": ["d@1#0"]})  # what it does not find any more …
    assert not index.check()
    assert (index.state, index.problem, index.serves("g1")) == ("broken", "Count", False)  # … it is not asked for
    index.close()


def _flip(folder: Path) -> None:
    chance = random.Random(7)
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size:
            data = bytearray(path.read_bytes())
            for _ in range(max(8, len(data) // 50)):
                data[chance.randrange(len(data))] ^= 0xFF
            with path.open("r+b") as file:
                file.write(data)


def _truncate(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)


def test_harm_to_the_live_folder_gives_no_wrong_answer(index: VectorIndex, tmp_path: Path):
    texts = named([*TEXTS, *MANY])
    assert project(index, "g0", texts)
    for number, harm in enumerate([_flip, _truncate, shutil.rmtree]):
        harm(next((tmp_path / "chroma").glob("gen-*")))
        for text in TEXTS:
            found = index.query(EMBED.embed([text])[0], 1)
            assert found is None or texts[found[0]] == text
        if not (index.check() and index.serves(f"g{number}")):
            assert index.query(EMBED.embed([TEXTS[0]])[0], 1) is None
            assert index.state == "broken"
        new = f"d@{number + 2}#0"
        texts[new] = f"安装师傅上门要预约{number}"
        assert project(index, f"g{number + 1}", texts)
        assert asked(index, texts[new]) == [new]


def test_a_process_that_hangs_or_dies_is_not_waited_for(tmp_path: Path):
    index = VectorIndex(tmp_path, first=True)
    assert project(index, "g1", named(TEXTS))
    live = index._live
    assert live is not None
    os.kill(live.process.pid, signal.SIGSTOP)
    assert [index.query(EMBED.embed([text])[0], 1) for text in TEXTS] == [None] * 4
    assert index.state == "ready"
    os.kill(live.process.pid, signal.SIGCONT)
    assert asked(index, TEXTS[3]) == ["d@1#3"]  # the late answer to the first question is not taken for this one
    os.kill(live.process.pid, signal.SIGSEGV)
    live.process._process.wait()
    assert index.health("g1")["state"] == "broken"
    assert index.query(EMBED.embed([TEXTS[0]])[0], 1) is None
    assert project(index, "g1", named(TEXTS))
    assert (index.why, asked(index, TEXTS[1])) == ("lost", ["d@1#1"])
    assert index.check()
    Folders(tmp_path / "chroma").want_rebuild()
    assert not index.serves("g1")
    assert index.health("g1")["state"] == "broken"
    index.close()
    assert not Path(f"/proc/{live.process.pid}").exists()


def test_an_empty_generation_is_no_error(index: VectorIndex):
    assert index.project("g1", [], EMBED.embed([]))
    assert (index.state, index.name) == ("off", None)
    assert index.query(EMBED.embed(["运费"])[0], 1) is None


def test_one_process_owns_a_data_folder(tmp_path: Path):
    assert owner_of(tmp_path) is None
    lock = own_data_dir(tmp_path)
    assert lock.first
    code = f"from service.owner import own_data_dir; from pathlib import Path; own_data_dir(Path({str(tmp_path)!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HOME)
    assert "EnvironmentProblem" in other.stderr
    assert owner_of(tmp_path) == str(os.getpid())
    lock.close()
    assert owner_of(tmp_path) is None
    again = own_data_dir(tmp_path)
    assert not again.first
    with pytest.raises(EnvironmentProblem) as problem:
        own_data_dir(tmp_path)
    assert problem.value.code == "data_dir_locked"
    assert problem.value.parameters["pid"] == str(os.getpid())
    again.close()


def test_the_lock_ends_with_its_process(tmp_path: Path):
    imports = "import os; from pathlib import Path; from service.owner import own_data_dir"
    code = f"{imports}\nown_data_dir(Path({str(tmp_path)!r}))"
    assert subprocess.run([sys.executable, "-c", f"{code}\nos._exit(9)"], cwd=HOME).returncode == 9
    own_data_dir(tmp_path).close()


def test_the_server_never_imports_chroma():
    code = "import service.app, service.vectors, service.projection.index, sys; print('chromadb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HOME).stdout == "False\n"


def test_only_vectors_touches_chroma_and_never_its_dangerous_parts():
    for path in (HOME / "service").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            name.split(".")[0]
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert "chromadb" not in imported or path.name == "vectors.py", path
    tree = ast.parse((HOME / "service" / "vectors.py").read_text(encoding="utf-8"))
    keywords = {k.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for k in node.keywords}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not keywords & {"query_texts", "documents", "where", "where_document"}
    assert "configuration" not in attributes


@given(st.text(max_size=200))
def test_vectors_are_unit_length_and_repeatable(text: str):
    row = EMBED.embed([text])[0]
    assert np.array_equal(row, EMBED.embed([text])[0])
    assert np.isclose(np.linalg.norm(row), 1.0, atol=1e-5) or not row.any()


def test_vectors_are_the_same_on_every_machine():
    row = HashNgram(64).embed(["退货运费"])[0]
    assert {int(i): int(np.sign(row[i])) for i in np.nonzero(row)[0]} == {
        7: 1,
        13: -1,
        15: -1,
        16: 1,
        23: 1,
        28: 1,
        43: -1,
        49: -1,
        62: 1,
    }
    assert HashNgram(64).fingerprint != HashNgram(128).fingerprint
