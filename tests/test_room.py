"""Little room, and what else a machine refuses: said as a problem that names what to do, never as an error of ours."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from service.errors import Unavailable
from service.room import need_room
from service.settings import Settings
from tests.fake_desk import ASKED, FakeDesk, FakeDrafter, client_of, is_problem

LOW = 1_000_000
FILE = {"files": {"file": ("a.md", b"# a\n\nb\n")}, "data": {"kind": "shop"}}


def desk(tmp_path: Path, least: int) -> FakeDesk:
    return FakeDesk(settings=Settings(auth="off", data_dir=tmp_path, min_free_mb=least))


def test_with_little_room_documents_and_runs_wait_and_drafts_go_on(tmp_path: Path) -> None:
    with client_of(desk(tmp_path, LOW)) as client:
        told = is_problem(client.post("/v1/knowledge/documents", **FILE), 503, "disk_low")
        assert str(LOW) in told["detail"]
        assert is_problem(client.post("/v1/evals/runs", json={}), 503, "disk_low")
        assert client.post("/v1/drafts", json=ASKED).status_code == 201
    with client_of(desk(tmp_path, 0)) as client:
        assert client.post("/v1/knowledge/documents", **FILE).status_code == 201


def test_a_folder_nobody_can_measure_keeps_nothing_out(tmp_path: Path) -> None:
    need_room(Settings(data_dir=tmp_path / "not there", min_free_mb=LOW))
    with pytest.raises(Unavailable) as problem:
        need_room(Settings(data_dir=tmp_path, min_free_mb=LOW))
    assert problem.value.retry_after is not None


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EMFILE, "machine_exhausted"),
        (errno.ENOMEM, "machine_exhausted"),
        (errno.EROFS, "data_dir_unwritable"),
        (errno.EIO, "data_dir_unwritable"),
        (errno.ECONNRESET, None),
    ],
)
def test_what_the_machine_refuses_is_a_problem_with_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str | None
) -> None:
    made = desk(tmp_path, 0)

    async def refuses(*given: Any, **more: Any) -> None:
        raise OSError(number, "refused", str(tmp_path))

    monkeypatch.setattr(made.library, "add", refuses)
    with client_of(made) as client:
        answer = client.post("/v1/knowledge/documents", **FILE)
    if code is None:
        is_problem(answer, 500, "internal_error")
    else:
        is_problem(answer, 503, code)
        assert code != "disk_full" or str(tmp_path) in answer.json()["detail"]


def test_a_large_upload_without_room_for_its_temporary_file_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*given: Any, **more: Any) -> None:
        raise OSError(errno.ENOSPC, "no room", str(tmp_path))

    large = {"files": {"file": ("a.md", b"# a\n\n" + b"b" * 2_000_000)}, "data": {"kind": "shop"}}
    with client_of(desk(tmp_path, 0)) as client:
        monkeypatch.setattr("tempfile.TemporaryFile", no_room)  # what a spooled file becomes when it is too large
        is_problem(client.post("/v1/knowledge/documents", **large), 503, "disk_full")
        assert client.post("/v1/knowledge/documents", **FILE).status_code == 201


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("can't start new thread"), "machine_exhausted"),
        (OSError(errno.EMFILE, "refused"), "machine_exhausted"),
        (RuntimeError("anything else"), "internal_error"),
    ],
)
def test_what_the_machine_refuses_has_its_name_in_answers_and_streams(
    tmp_path: Path, error: Exception, code: str
) -> None:
    made = desk(tmp_path, 0)
    made.drafter = FakeDrafter(before=error)
    with client_of(made) as client:
        is_problem(client.post("/v1/drafts", json=ASKED), 500 if code == "internal_error" else 503, code)
    made.drafter = FakeDrafter(after=error)
    with client_of(made) as client:
        streamed = client.post("/v1/drafts", json=ASKED | {"stream": True}).text
    last = json.loads(streamed.rpartition("data: ")[2].splitlines()[0])
    assert last["code"] == code
