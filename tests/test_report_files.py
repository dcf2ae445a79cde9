"""A run's reports as files: what they are made from, where they go, what is told when they cannot be made."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from evals.report.material import Material, earlier_runs, read_material
from evals.report.names import Names
from evals.report.reference import usual_reference
from evals.report.writing import write_report
from evals.results import CaseResult
from evals.runs import RESULTS, RUN, SUMMARY
from service.commands.eval_report import run_report
from service.errors import EnvironmentProblem, UsageError
from service.settings import HOME
from tests.report_run import PLAIN, draft, material, result, score, some


def test_a_report_is_written_whole_and_nothing_else_is_touched(tmp_path: Path) -> None:
    made = material(some())
    paths = write_report(made, tmp_path / "out")
    names = {"report.html", "junit.xml", "results.csv", "scores.csv", "report.md", SUMMARY, RESULTS}
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "out").iterdir()} == names
    assert json.loads((tmp_path / "out" / SUMMARY).read_text("utf-8"))["results"] == len(made.results)
    lines = (tmp_path / "out" / RESULTS).read_text("utf-8").splitlines()
    read = [CaseResult.model_validate_json(line) for line in lines]
    assert [one.model_copy(update={"aigc": None}) for one in read] == made.results
    only = write_report(made, tmp_path / "one", formats=["junit"])
    assert [path.name for path in only] == ["junit.xml"]


def test_a_stopped_run_with_a_half_line_is_reported_over_what_it_has(tmp_path: Path) -> None:
    made = material(some())
    (tmp_path / RUN).write_text(made.summary.run.model_copy(update={"state": "stopped"}).model_dump_json(), "utf-8")
    lines = "".join(one.model_dump_json() + "\n" for one in made.results)
    (tmp_path / RESULTS).write_text(lines[:-40], "utf-8")
    before = (tmp_path / RESULTS).read_bytes()
    assert len(read_material(tmp_path).results) == len(made.results) - 1
    write_report(tmp_path, tmp_path)
    assert (tmp_path / RESULTS).read_bytes() == before
    assert "中途停下" in (tmp_path / "report.html").read_text("utf-8")


def test_the_command_writes_beside_the_run_or_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YOULI_DATA_DIR", str(tmp_path))
    info = material(some()).summary.run
    folder = tmp_path / "evals" / info.id
    folder.mkdir(parents=True)
    (folder / RUN).write_text(info.model_dump_json(), "utf-8")
    (folder / RESULTS).write_text("".join(one.model_dump_json() + "\n" for one in some()), "utf-8")
    assert run_report("latest", None, "html", None, False) == 0
    assert "report.html" in capsys.readouterr().out and (folder / "report.html").is_file()
    assert run_report(info.id, str(tmp_path / "out"), "all", info.id, True) == 0
    files = [Path(path) for path in json.loads(capsys.readouterr().out)["files"]]
    assert {path.parent for path in files} == {tmp_path / "out"} and all(path.is_file() for path in files)
    with pytest.raises(UsageError):
        run_report("run_none", None, "html", None, False)


def test_no_run_and_no_place_to_write_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_report(tmp_path / "none", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem):
        write_report(material(some()), tmp_path / "file")


def test_earlier_runs_are_those_that_asked_the_same(tmp_path: Path) -> None:
    made = [material(some(), day) for day in (-3, -2, -1, 0)]
    other = made[1].summary.run.model_copy(update={"only": ["refusal"]})
    made[1] = Material(made[1].summary.model_copy(update={"run": other}), made[1].results)
    for one in made:
        folder = tmp_path / "evals" / one.summary.run.id
        folder.mkdir(parents=True)
        (folder / RUN).write_text(one.summary.run.model_dump_json(), "utf-8")
        (folder / SUMMARY).write_text(one.summary.model_dump_json(), "utf-8")
    found = [one.run.id for one in earlier_runs(made[3].summary.run, tmp_path)]
    assert found == [made[0].summary.run.id, made[2].summary.run.id]


def test_the_usual_reference_is_the_baseline_with_its_runs_replies_else_the_last_run(tmp_path: Path) -> None:
    made = material([result("vague.a", [score("steps")], draft(*PLAIN), digest="d")], -1)
    info, history = material([]).summary.run, [made.summary]
    folder, baseline = tmp_path / "evals" / made.summary.run.id, tmp_path / "baseline.json"
    assert usual_reference(info, tmp_path, [], baseline) is None
    folder.mkdir(parents=True)
    (folder / RUN).write_text(made.summary.run.model_dump_json(), "utf-8")
    (folder / RESULTS).write_text(made.results[0].model_dump_json() + "\n", "utf-8")
    last = usual_reference(info, tmp_path, history, baseline)
    assert last is not None and last.standing.kind == "run" and last.results.keys() == {"vague.a"}
    baseline.write_text(last.standing.model_copy(update={"kind": "baseline"}).model_dump_json(), "utf-8")
    kept = usual_reference(info, tmp_path, history, baseline)
    assert kept is not None and kept.standing.kind == "baseline" and kept.results == last.results
    (folder / RUN).unlink()  # the run is gone, the baseline stays
    bare = usual_reference(info, tmp_path, history, baseline)
    assert bare is not None and bare.standing == kept.standing and bare.results == {}


def test_known_misses_are_said_in_chinese() -> None:
    from evals.misses import known_misses

    names = Names.of([])
    said = {names.missed(one) for what in known_misses().values() for one in what}
    assert said and not [one for one in said if re.search("[A-Za-z]", one)]


def test_templates_are_shipped_with_the_code() -> None:
    # the wheel takes whole packages; what the report is made from must lie in one
    folder = HOME / "evals" / "report"
    assert {path.suffix for path in folder.iterdir()} >= {".j2", ".css", ".js", ".yaml"}
