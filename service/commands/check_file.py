"""``youli check --file chats.csv``: what was really sent, checked turn by turn, and a report a spreadsheet opens."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from service.commands.chats import BOOKS, BadLine, ExportsFile, Turn, load_exports, read_chats
from service.commands.inputs import shown, usage
from service.commands.place import knowledge_dir
from service.commands.words import lines, name_of, printable, strong, word

if TYPE_CHECKING:
    from service.checking import Checker
    from service.schemas import Finding

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell must not begin with, or a spreadsheet runs it."""
_SHOWN = 20
"""Bad lines and totals of one kind that are printed; the report and ``--json`` have all."""


@dataclass
class Tally:
    """What a file came to."""

    turns: int = 0
    blocked: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    by_category: Counter[str] = field(default_factory=Counter)
    by_agent: Counter[str] = field(default_factory=Counter)
    by_rule: Counter[str] = field(default_factory=Counter)
    by_severity: Counter[str] = field(default_factory=Counter)

    def add(self, turn: Turn, findings: list[Finding]) -> None:
        """Count one turn of an agent."""
        self.turns += 1
        self.blocked += any(finding.severity == "block" for finding in findings)
        for finding in findings:
            self.by_category[finding.category] += 1
            self.by_agent[turn.agent] += 1
            self.by_rule[finding.rule] += 1
            self.by_severity[finding.severity] += 1
            where = {"conversation": turn.conversation, "line": turn.line, "time": turn.time, "agent": turn.agent}
            self.findings.append({**where, "text": turn.text, **finding.model_dump(mode="json", exclude={"step"})})

    def summary(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "checked": self.turns,
            "passed": self.turns - self.blocked,
            "blocked": self.blocked,
            "passed_share": round((self.turns - self.blocked) / self.turns, 4) if self.turns else None,
            "by_category": dict(self.by_category.most_common()),
            "by_severity": dict(self.by_severity.most_common()),
            "by_agent": dict(self.by_agent.most_common()),
            "by_rule": dict(self.by_rule.most_common()),
            "findings": self.findings,
            "bad_lines": [{"line": bad.line, "reason": bad.reason} for bad in self.bad],
        }


def run_check_file(path: str, out: str | None, as_json: bool) -> int:
    """Check the agents' turns of a file; 1 when one must not be sent, else 2 when lines could not be read.

    Raises:
        UsageError: a file of another kind, not readable, without messages, or a report that cannot be written.
        RulebookError: a broken rule file.
    """
    if Path(path).suffix.lower() in BOOKS:
        raise usage("chats_book", path=path)
    from service.checking import Checker
    from service.rulebook.book import CheckBook

    names = load_exports(knowledge_dir())
    checker = Checker(CheckBook(knowledge_dir()))
    tally = Tally()
    with _opened(out, path) as file:
        report = _Report(file) if file is not None else None
        for turn, findings in _checked(path, names, checker):
            if isinstance(turn, BadLine):
                tally.bad.append(turn)
            else:
                tally.add(turn, findings)
            if report is not None:
                report.write(turn, findings)
    if not tally.turns and not tally.bad:
        raise usage("chats_no_agent", path=path)
    print(json.dumps(tally.summary(), ensure_ascii=False, indent=2) if as_json else "\n".join(_lines(tally, out)))
    return 1 if tally.blocked else 2 if tally.bad else 0


def _checked(path: str, names: ExportsFile, checker: Checker) -> Iterator[tuple[Turn | BadLine, list[Finding]]]:
    """Every agent turn with its findings, and every bad line; what the buyer said is context for quotations."""
    from service.checks.ground import Ground

    said: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=names.context))
    for turn in read_chats(path, names):
        if isinstance(turn, BadLine):
            yield turn, []
        elif turn.role == "buyer":
            said[turn.conversation].append(turn.text)
        elif turn.role == "agent":
            yield turn, checker.text(turn.text, Ground(buyer=tuple(said[turn.conversation])))


def _opened(out: str | None, path: str) -> Any:
    if out is None:
        return nullcontext()
    if Path(out).resolve() == Path(path).resolve():
        raise usage("out_is_file", path=out)
    try:
        return Path(out).open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise usage("out_unwritable", path=out, reason=error.strerror or type(error).__name__) from None


class _Report:
    """The report's rows, one a finding, written as they are found: what is there stays if the rest fails."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._csv = csv.writer(file)
        self._csv.writerow(lines("chats", "columns"))

    def write(self, turn: Turn | BadLine, findings: list[Finding]) -> None:
        """Add the rows of one turn, or that a line was not checked."""
        if isinstance(turn, BadLine):
            rows = [["", turn.line, "", "", "", "", word("chats", "unchecked"), "", turn.reason, ""]]
        else:
            told = [turn.conversation, turn.line, turn.time, turn.agent, turn.text]
            rows = [[*told, *_finding_cells(finding)] for finding in findings]
        for row in rows:
            self._csv.writerow([safe_cell(str(cell)) for cell in row])
        if rows:
            self._file.flush()


def _finding_cells(finding: Finding) -> list[str]:
    kind, grade = name_of("category", finding.category), name_of("severity", finding.severity)
    return [finding.excerpt, kind, grade, finding.reason, finding.suggestion or ""]


def safe_cell(text: str) -> str:
    """A cell no spreadsheet takes for a formula, without characters no spreadsheet can hold."""
    text = "".join(c if c in "\t\n\r" or ord(c) >= 32 else " " for c in text)
    return "'" + text if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def _lines(tally: Tally, out: str | None) -> list[str]:
    passed = tally.turns - tally.blocked
    shown_lines = [strong(word("chats", "total", turns=tally.turns, passed=passed, blocked=tally.blocked))]
    for title, counts, kind in (
        ("by_category", tally.by_category, "category"),
        ("by_agent", tally.by_agent, ""),
        ("by_rule", tally.by_rule, ""),
    ):
        if counts:
            shown_lines.append(word("chats", title))
        for name, count in counts.most_common(_SHOWN):
            said = name_of(kind, name) if kind else name or word("chats", "nobody")
            shown_lines.append(word("chats", "count", name=printable(said), count=count))
    shown_lines += [word("chats", "bad_line", line=bad.line, reason=bad.reason) for bad in tally.bad[:_SHOWN]]
    if len(tally.bad) > _SHOWN:
        shown_lines.append(word("chats", "more_bad", count=len(tally.bad) - _SHOWN))
    if out is not None:
        shown_lines.append(word("chats", "written", path=shown(out)))
    elif tally.findings:
        shown_lines.append(word("chats", "hint"))
    return [printable(line) for line in shown_lines]
