import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import EnvironmentProblem
from service.library.embed import HashNgram
from service.settings import HOME
from service.vectors import VectorIndex, own_data_dir

EMBED = HashNgram(128)
TEXTS = ["退货要在七天内提出", "运费由店铺承担", "发票可以补开", "生鲜坏了拍照"]


@pytest.fixture
def index(tmp_path: Path):
    made = VectorIndex(tmp_path)
    yield made
    made.close()


def project(index: VectorIndex, name: str, texts: list[str]) -> bool:
    return index.project(name, [f"{name}#{i}" for i in range(len(texts))], EMBED.embed(texts))


def test_nothing_is_answered_before_there_is_an_index(index: VectorIndex):
    assert index.query(EMBED.embed(["运费"])[0], 3) is None
    assert index.state == "off"


def test_chroma_answers_like_the_exact_scan(index: VectorIndex):
    assert project(index, "g1", TEXTS)
    query = EMBED.embed(["运费谁承担"])[0]
    exact = np.argsort(-(EMBED.embed(TEXTS) @ query))
    assert index.query(query, 4) == [f"g1#{i}" for i in exact]
    assert (index.state, index.name) == ("ready", "g1")


def test_a_new_generation_replaces_the_old_and_its_folder(index: VectorIndex, tmp_path: Path):
    assert project(index, "g1", TEXTS)
    assert project(index, "g2", TEXTS[:2])
    found = index.query(EMBED.embed(["发票"])[0], 10)
    assert found is not None
    assert set(found) == {"g2#0", "g2#1"}
    assert [path.name for path in (tmp_path / "chroma").iterdir()] == ["gen-2"]


def test_what_a_dead_process_left_damaged_is_never_opened(tmp_path: Path):
    first = VectorIndex(tmp_path)
    assert project(first, "g1", TEXTS)
    first.close()
    for path in (tmp_path / "chroma").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff" * 100)
    second = VectorIndex(tmp_path)
    assert project(second, "g1", TEXTS)
    assert second.query(EMBED.embed([TEXTS[2]])[0], 1) == ["g1#2"]
    second.close()


def test_an_index_that_breaks_while_it_serves_says_so_and_is_rebuilt(index: VectorIndex):
    assert project(index, "g1", TEXTS)
    index._client.delete_collection("passages")
    assert index.query(EMBED.embed(["运费"])[0], 1) is None
    assert index.state == "broken"
    assert project(index, "g1", TEXTS)
    assert index.query(EMBED.embed([TEXTS[1]])[0], 1) == ["g1#1"]


def test_a_projection_that_fails_leaves_the_old_one_answering(index: VectorIndex):
    assert project(index, "g1", TEXTS)
    assert not index.project("g2", ["a", "a"], EMBED.embed(TEXTS[:2]))
    assert index.problem
    assert index.name == "g1"
    assert index.query(EMBED.embed([TEXTS[0]])[0], 1) == ["g1#0"]


def test_an_empty_generation_is_no_error(index: VectorIndex):
    assert index.project("g1", [], EMBED.embed([]))
    assert index.query(EMBED.embed(["运费"])[0], 1) is None


def test_one_process_owns_a_data_folder(tmp_path: Path):
    lock = own_data_dir(tmp_path)
    code = f"from service.vectors import own_data_dir; from pathlib import Path; own_data_dir(Path({str(tmp_path)!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HOME)
    assert "EnvironmentProblem" in other.stderr
    lock.close()
    again = own_data_dir(tmp_path)
    with pytest.raises(EnvironmentProblem) as problem:
        own_data_dir(tmp_path)
    assert problem.value.code == "data_dir_locked"
    again.close()


def test_the_lock_ends_with_its_process(tmp_path: Path):
    imports = "import os; from pathlib import Path; from service.vectors import own_data_dir"
    code = f"{imports}\nown_data_dir(Path({str(tmp_path)!r}))"
    assert subprocess.run([sys.executable, "-c", f"{code}\nos._exit(9)"], cwd=HOME).returncode == 9
    own_data_dir(tmp_path).close()


def test_importing_the_module_does_not_import_chroma():
    code = "import service.vectors, sys; print('chromadb' in sys.modules)"
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
