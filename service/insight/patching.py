"""Proposals as patches of the team's files: made on a copy, loaded there, never written into the folder itself."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.errors import RulebookError, YouliError
from service.insight.words import word
from service.rulebook.book import Rulebook
from service.rulebook.methodfile import script_rules
from service.rulebook.scripts import load_scenarios
from service.rulebook.yamlfile import read_text

_QUESTIONS = re.compile(r"^questions: *\[(.*)\]$", re.MULTILINE)
_PLAIN = re.compile(r"[^\[\]{},:#&*!|>'\"%@`\\]+")


class Unfit(YouliError):
    """A proposal that would not load; why is its detail."""

    code = "proposal_unfit"
    status = 409


@dataclass
class Patches:
    """Several proposals over one set of files: each sees what those before it did."""

    book: Rulebook
    texts: dict[str, str] = field(default_factory=dict)
    """Files as they would be, by their path below the project."""
    before: dict[str, str] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any], text: str, case: str | None = None) -> str:
        """Put a proposal in; returns the file it goes to.

        Args:
            row: the proposal.
            text: its wording, question, or a case's id.
            case: the case's file, for one.

        Raises:
            Unfit: the changed files would not load; they are left as they were.
        """
        if row["kind"] == "case":
            name = f"evals/cases/{text.replace('.', '/')}.yaml"
            self.before.setdefault(name, "")
            self.texts[name] = case or ""
            return name
        name = f"knowledge/scenarios/{row['scenario']}.md"
        path = self.book.folder / "scenarios" / f"{row['scenario']}.md"
        try:
            now = self.texts.get(name) or read_text(path)
        except RulebookError as error:
            raise Unfit(reason=error.detail) from None
        self.before.setdefault(name, now)
        if row["kind"] == "question":
            made = with_question(now, text)
        else:
            entry = self.book.method.entry
            made = with_bullet(now, entry.verdicts[row["verdict"]].name, entry.steps[row["step"]].name, text)
        self._loads(path.name, made)
        self.texts[name] = made
        return name

    def diff(self) -> str:
        """All of it as one patch for ``git apply``."""
        return "".join(_diff(name, self.before[name], made) for name, made in sorted(self.texts.items()))

    def _loads(self, name: str, text: str) -> None:
        """Load the scenarios with this one changed, as the service does.

        Raises:
            Unfit: they do not.
        """
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made) / "scenarios"
            shutil.copytree(self.book.folder / "scenarios", folder)
            for path, kept in self.texts.items():
                if path.startswith("knowledge/scenarios/"):
                    (folder / Path(path).name).write_text(kept, "utf-8")
            (folder / name).write_text(text, "utf-8")
            try:
                load_scenarios(folder, self.book.facts, script_rules(self.book.method.entry))
            except RulebookError as error:
                reason = str(error.parameters.get("reason", error.code))
                raise Unfit(reason=f"{name}:{error.parameters.get('line', '')} {reason}") from None


def with_bullet(text: str, verdict: str, step: str, bullet: str) -> str:
    """A scenario document with one more line, the first of its step; sections that are not there are made."""
    lines = text.split("\n")
    top = _find(lines, f"## {verdict}", 0, len(lines))
    if top is None:
        return "\n".join([*_trimmed(lines), "", f"## {verdict}", "", f"### {step}", f"- {bullet}", ""])
    end = next((i for i in range(top + 1, len(lines)) if lines[i].startswith("## ")), len(lines))
    at = _find(lines, f"### {step}", top, end)
    if at is not None:
        return "\n".join([*lines[: at + 1], f"- {bullet}", *lines[at + 1 :]])
    return "\n".join([*_trimmed(lines[:end]), "", f"### {step}", f"- {bullet}", "", *lines[end:]])


def with_question(text: str, question: str) -> str:
    """A scenario document that answers one more typical question.

    Raises:
        Unfit: its questions do not stand on one line, or it has the question already.
    """
    found = _QUESTIONS.search(text)
    written = question if _PLAIN.fullmatch(question) else json.dumps(question, ensure_ascii=False)
    if found is None:
        raise Unfit(reason=word("proposals", "no_questions"))
    if written in [one.strip() for one in found[1].split(",")]:
        raise Unfit(reason=word("proposals", "has_question"))
    listed = f"{found[1].strip()}, {written}" if found[1].strip() else written
    return f"{text[: found.start()]}questions: [{listed}]{text[found.end() :]}"


def _find(lines: list[str], heading: str, start: int, end: int) -> int | None:
    return next((i for i in range(start, end) if lines[i].strip() == heading), None)


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _diff(name: str, before: str, after: str) -> str:
    """A unified diff as git writes it; from nothing where the file is new."""
    old = f"a/{name}" if before else "/dev/null"
    made = difflib.unified_diff(_kept(before), _kept(after), old, f"b/{name}")
    lines: Iterable[str] = (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in made)
    head = f"diff --git a/{name} b/{name}\n" + ("" if before else "new file mode 100644\n")
    return head + "".join(lines)


def _kept(text: str) -> list[str]:
    return text.splitlines(keepends=True)
