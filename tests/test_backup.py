import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.backup.dumping import dump_command
from service.backup.making import back_up
from service.backup.restoring import restore, verify
from service.cli import main
from service.database.session import known_migrations
from service.errors import EnvironmentProblem, Unavailable, UsageError
from service.library.store import Library
from service.owner import own_data_dir
from service.rulebook.thesaurus import load_thesaurus
from service.schemas import SearchRequest
from service.settings import HOME, Settings
from tests import engines
from tests.engines import on_engines
from tests.prepared import ready
from tests.rows import rows_of

ROOT = Path(__file__).resolve().parent.parent
THESAURUS = HOME / "knowledge" / "thesaurus.yaml"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data = ready(tmp_path_factory.mktemp("data"))
    (data / "signing.key").write_text("a secret")
    run = data / "evals" / "run_20261122-0930-1a2b"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    (run / "results.jsonl").write_text('{"case": 1}\n{"case": 2}\n{"ca')
    (data / "chroma" / "gen-1").mkdir(parents=True)
    (data / "chroma" / "gen-1" / "chroma.sqlite3").write_text("a projection")
    return Settings(auth="off", data_dir=data)


@pytest.fixture(scope="module")
def made(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return back_up(settings, tmp_path_factory.mktemp("kept") / "one.zip").path


def put_back(path: Path, folder: Path, **more: Any) -> Any:
    done = restore(path, folder, HOME / "knowledge", HOME / "prompts", **more)
    if done.dump is not None:  # what the shell says is left to do
        engines.restore_dump(done.dump, folder)
    return done


def counts_of(data: Path) -> dict[str, int]:
    return {name: len(rows) for name, rows in rows_of(data).items()}


def sections(data: Path) -> list[str]:
    """What passages stand under, each once."""
    named = [row.section for row in rows_of(data, "chunks")["chunks"]]
    return list(dict.fromkeys(named))


async def top_5(data: Path, queries: list[str]) -> list[list[tuple[str, int, int]]]:
    library = await Library.open(Settings(auth="off", data_dir=data), load_thesaurus(THESAURUS))
    try:
        found = [library.search(SearchRequest(query=query, k=5)) for query in queries]
    finally:
        await library.close()
    return [[(p.document_id, p.version, p.start) for p in passages] for passages in found]


WRITER = """
import asyncio, sys
from service.database.drafts import DraftStore
from service.database.session import Database
from service.schemas import Inquiry, Message
from tests.fake_desk import a_draft

async def main():
    database = await Database.open(sys.argv[1])
    store = DraftStore(database)
    for number in range(100_000):
        inquiry = Inquiry(messages=(Message(role="customer", content="在吗"),))
        await store.save_draft(a_draft(inquiry, f"dft_w{number}"), inquiry)
        if number % 50 == 0:
            print(number, flush=True)

asyncio.run(main())
"""


@contextmanager
def written_to(settings: Settings) -> Iterator[None]:
    """Drafts come in without end, from another process."""
    command = [sys.executable, "-c", WRITER, settings.database]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


async def test_made_while_it_is_written_it_is_the_same_elsewhere(tmp_path: Path) -> None:
    settings = Settings(auth="off", data_dir=ready(tmp_path / "data"))
    with written_to(settings):
        first = back_up(settings, tmp_path / "first.zip")
        second = back_up(settings, tmp_path / "second.zip")
    at_first, at_second = first.manifest.counts["drafts"], second.manifest.counts["drafts"]
    assert 0 < at_first <= at_second <= counts_of(settings.data_dir)["drafts"]
    done = put_back(second.path, tmp_path / "elsewhere" / "new")
    assert counts_of(done.folder) == second.manifest.counts
    queries = sections(settings.data_dir)[:50]
    assert len(queries) == 50
    before = await top_5(settings.data_dir, queries)
    assert await top_5(done.folder, queries) == before
    assert all(before)


def test_what_is_in_it_and_what_is_not(settings: Settings, made: Path) -> None:
    told = verify(made)
    paths = {entry.path for entry in told.files}
    kind, database = ("postgresql", "data/youli.pgdump") if on_engines() else ("sqlite", "data/youli.sqlite3")
    assert {database, "data/signing.key", "knowledge/facts.yaml", "prompts/draft.md"} <= paths
    assert not any("chroma" in path or "learned" in path or "-wal" in path for path in paths)
    with zipfile.ZipFile(made) as archive:
        lines = archive.read("data/evals/run_20261122-0930-1a2b/results.jsonl").decode().splitlines()
    assert lines == ['{"case": 1}', '{"case": 2}']
    assert (told.counts["documents"] > 0, told.migration, told.database) == (True, known_migrations()[-1], kind)
    assert made.stat().st_mode & 0o077 == 0
    assert [path.name for path in made.parent.iterdir()] == ["one.zip"]


def test_a_folder_gets_a_name_by_the_time_and_nothing_is_overwritten(settings: Settings, tmp_path: Path) -> None:
    made = back_up(settings, tmp_path)
    assert made.path.parent == tmp_path
    assert made.path.name.endswith(".youli.zip")
    before = made.path.read_bytes()
    with pytest.raises(UsageError) as problem:
        back_up(settings, made.path)
    assert (problem.value.code, made.path.read_bytes() == before) == ("backup_exists", True)


def test_a_damaged_backup_is_never_restored(made: Path, tmp_path: Path) -> None:
    whole = made.read_bytes()
    for number, place in enumerate(range(40, len(whole), len(whole) // 25)):
        bad = tmp_path / "bad.zip"
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            told = verify(bad)
        except EnvironmentProblem as problem:
            assert problem.code in ("backup_broken", "backup_newer")
        else:  # a byte that says nothing about the content, such as a date
            assert told == verify(made)
        bad.write_bytes(whole[:place])
        with pytest.raises(EnvironmentProblem) as cut:
            put_back(bad, tmp_path / f"new{number}")
        assert cut.value.code == "backup_broken"
    assert [path.name for path in tmp_path.iterdir()] == ["bad.zip"]


def changed(made: Path, target: Path, **more: Any) -> Path:
    """A backup whose manifest says something else."""
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            raw = source.read(name)
            archive.writestr(name, json.dumps(json.loads(raw) | more) if name == "manifest.json" else raw)
    return target


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"format": 2, "of": "tomorrow"}, "backup_newer"),
        ({"migration": "9999"}, "database_newer"),
        pytest.param(
            {"counts": {"drafts": 7}},
            "backup_broken",
            marks=pytest.mark.sqlite_only("a dump's rows are only counted where it is put back"),
        ),
        ({"files": []}, "backup_broken"),
    ],
)
def test_a_backup_this_program_does_not_know_is_refused(
    made: Path, tmp_path: Path, more: dict[str, Any], code: str
) -> None:
    with pytest.raises(EnvironmentProblem) as problem:
        put_back(changed(made, tmp_path / "other.zip", **more), tmp_path / "new")
    assert (problem.value.code, (tmp_path / "new").exists()) == (code, False)
    assert problem.value.detail


def test_nothing_that_is_there_is_overwritten(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    put_back(made, folder)  # an empty one is as good as none
    (folder / "mine").write_text("kept")
    with pytest.raises(UsageError) as problem:
        put_back(made, folder)
    assert problem.value.code == "restore_not_empty"
    done = put_back(made, folder, force=True)
    assert not (folder / "mine").exists()
    assert done.kept is not None
    assert (done.kept / "mine").read_text() == "kept"
    lock = own_data_dir(folder)
    with pytest.raises(EnvironmentProblem) as taken:
        put_back(made, folder, force=True)
    lock.close()
    assert (taken.value.code, taken.value.parameters["pid"]) == ("data_dir_locked", str(os.getpid()))


def test_the_teams_files_of_then_are_kept_where_they_are_others_now(made: Path, tmp_path: Path) -> None:
    done = restore(made, tmp_path / "new", tmp_path / "nothing", HOME / "prompts")
    assert done.differs == ("knowledge",)
    kept = done.folder / "restored" / "knowledge" / "facts.yaml"
    assert kept.read_bytes() == (HOME / "knowledge" / "facts.yaml").read_bytes()
    assert put_back(made, tmp_path / "same").differs == ()


def test_the_address_is_said_as_the_servers_own_program_takes_it() -> None:
    url = "postgresql+asyncpg://desk:geheim@db.example/shop?pooler=on&ssl=require&application_name=x"
    command, environment = dump_command(url, Path("x.pgdump"))
    assert command[-1] == "--dbname=postgresql://desk@db.example/shop?application_name=x&sslmode=require"
    assert (environment, "geheim" in " ".join(command)) == ({"PGPASSWORD": "geheim"}, False)


@pytest.mark.sqlite_only("a broken file")
def test_a_damaged_database_is_not_backed_up(settings: Settings, tmp_path: Path) -> None:
    data = shutil.copytree(settings.data_dir, tmp_path / "data")
    with (data / "youli.sqlite3").open("rb+") as file:
        file.seek(4096 * 20)
        file.write(b"\x55" * 4096 * 3)
    with pytest.raises(EnvironmentProblem) as problem:
        back_up(Settings(auth="off", data_dir=data), tmp_path / "kept.zip")
    assert problem.value.code == "database_broken"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.skipif(os.getuid() != 0, reason="mounts")
@pytest.mark.parametrize(("options", "code"), [("size=2m", "disk_full"), ("ro", "backup_unwritable")])
def test_a_target_with_no_room_or_that_cannot_be_written(
    settings: Settings, tmp_path: Path, options: str, code: str
) -> None:
    target = tmp_path / "disk"
    target.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", target], capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        with pytest.raises((Unavailable, EnvironmentProblem)) as problem:
            back_up(settings, target)
        assert problem.value.code == code
        assert list(target.iterdir()) == []
    finally:
        subprocess.run(["umount", target], check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="mounts")
def test_into_a_mounted_folder_and_after_a_restore_that_was_stopped(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        (folder / ".restoring").mkdir()
        with pytest.raises(EnvironmentProblem) as problem:
            own_data_dir(folder)
        assert problem.value.code == "restore_unfinished"
        put_back(made, folder)
        assert counts_of(folder) == verify(made).counts
        own_data_dir(folder).close()
        done = put_back(made, folder, force=True)
        assert done.kept is not None
        assert (done.kept / ("youli.pgdump" if on_engines() else "youli.sqlite3")).exists()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_the_shell_says_what_it_did(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(settings.data_dir))
    kept = tmp_path / "kept.zip"
    assert main(["backup", str(kept), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["path"], told["dump"], told["counts"]["documents"] > 0) == (str(kept), None, True)
    assert main(["restore", str(kept), "--verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sound"] is True
    assert main(["restore", str(kept), "--to", str(tmp_path / "new")]) == 0
    assert str(tmp_path / "new") in capsys.readouterr().out
    assert main(["restore", str(kept)]) == 2
    assert main(["restore", str(tmp_path / "none.zip"), "--verify"]) == 3
    assert main(["backup", str(kept)]) == 2
    assert str(kept) in capsys.readouterr().err
