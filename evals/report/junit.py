"""JUnit XML, for build servers: a suite for each scenario, a test case for each result.

A test case fails where its case did not pass, with a ``failure`` for each score that failed, vetoes first. What failed
in a case that passed all the same, and what could not be scored, is told in ``system-out``: a score that is missing is
neither a failure nor a reason to skip what was scored. Skipped are cases of which nothing could be scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as Tree

from evals.report.casework import Case
from evals.report.inert import xml_text
from evals.report.names import Names, phrase
from evals.report.page import Page
from evals.results import Score
from service.labelling import explicit, metadata


def junit(page: Page) -> str:
    """The run as JUnit XML. What XML 1.0 cannot carry is replaced."""
    root = Tree.Element("testsuites", name=xml_text(page.run.id))
    by_scenario: dict[str, list[Case]] = {}
    for case in page.cases:
        by_scenario.setdefault(case.result.scenario, []).append(case)
    for scenario, cases in sorted(by_scenario.items()):
        _suite(root, scenario, sorted(cases, key=lambda one: (one.result.case, one.result.repeat)), page)
    _count(root, page.cases)
    Tree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Tree.tostring(root, encoding="unicode") + "\n"


def _suite(root: Tree.Element, scenario: str, cases: Sequence[Case], page: Page) -> None:
    suite = Tree.SubElement(root, "testsuite", name=xml_text(page.names.scenario(scenario)))
    suite.set("timestamp", page.run.started_at.isoformat(timespec="seconds"))
    _count(suite, cases)
    properties = Tree.SubElement(suite, "properties")
    Tree.SubElement(properties, "property", name="AIGC", value=xml_text(metadata(page.run.id)))
    for case in cases:
        _case(suite, case, page.names)


def _count(element: Tree.Element, cases: Sequence[Case]) -> None:
    states = [case.state for case in cases]
    element.set("tests", str(len(states)))
    element.set("failures", str(states.count("veto") + states.count("failed")))
    element.set("errors", str(states.count("error")))
    element.set("skipped", str(states.count("unscored")))
    element.set("time", f"{sum(case.result.seconds for case in cases):.3f}")


def _case(suite: Tree.Element, case: Case, names: Names) -> None:
    result = case.result
    times = f" [{result.repeat}]" if result.repeat > 1 else ""
    made = Tree.SubElement(suite, "testcase", name=xml_text(f"{result.name}{times}"))
    made.set("classname", xml_text(f"{result.case}"))
    made.set("time", f"{result.seconds:.3f}")
    if case.state == "error":
        Tree.SubElement(
            made, "error", message=xml_text(names.error(result.error or "")), type=xml_text(result.error or "")
        )
    if case.state == "unscored":
        Tree.SubElement(made, "skipped", message=phrase("junit", "nothing"))
    elif case.state != "passed":
        for shown in case.failed:
            _failure(made, shown.score, names)
        if not case.failed and case.state == "failed":
            Tree.SubElement(made, "failure", message=_points(case), type="points")
    Tree.SubElement(made, "system-out").text = xml_text("\n".join(_told(case, names)))


def _failure(made: Tree.Element, score: Score, names: Names) -> None:
    veto = f"{phrase('junit', 'vetoed')} " if score.veto else ""
    told = f"{veto}{names.scorer(score.scorer)} {score.criterion}".strip()
    failure = Tree.SubElement(made, "failure", message=xml_text(told), type=xml_text(score.scorer))
    failure.text = xml_text("\n".join([score.reason, *(mark.why for mark in score.marks if mark.why != score.reason)]))


def _told(case: Case, names: Names) -> list[str]:
    told = [_points(case)]
    if case.state == "passed" and case.failed:
        told.append(phrase("junit", "minor", names=_list(names, [one.score for one in case.failed])))
    if case.unscored:
        told.append(phrase("junit", "unscored", names=_list(names, case.unscored)))
    if case.result.draft is not None:
        told += ["", explicit(), case.result.draft.reply]
    return told


def _points(case: Case) -> str:
    points = case.result.points
    return phrase("junit", "points", points="—" if points is None else f"{points:.1f}")


def _list(names: Names, scores: Sequence[Score]) -> str:
    comma = phrase("list", "comma")
    return comma.join(dict.fromkeys(names.scorer(one.scorer) for one in scores))
