"""Sentences to learn from beyond the rules' own: ``knowledge/forbidden/sentences/*.txt``, one sentence a line.

``plain.txt`` holds what anybody may say. In every other file a line ``[rule]`` says which rule the sentences below it
carry the sense of. Empty lines and lines that begin with ``#`` are for the reader.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from service.errors import RulebookError, phrase

PLAIN = "plain.txt"


@dataclass(frozen=True)
class Corpus:
    """``like``: rule → sentences of its sense; ``plain``: sentences anybody may say."""

    like: dict[str, list[str]] = field(default_factory=dict)
    plain: list[str] = field(default_factory=list)


def read_corpus(folder: Path, rules: Collection[str]) -> Corpus:
    """Read every file of a folder; none there means no sentences.

    Raises:
        RulebookError: a file that is not UTF-8, a heading that names no rule, a sentence before the first heading;
            with file and line.
    """
    corpus = Corpus()
    for path in sorted(folder.glob("*.txt")):
        if path.name == PLAIN:
            corpus.plain.extend(line for _, line in _lines(path))
            continue
        rule = ""
        for number, line in _lines(path):
            if line.startswith("[") and line.endswith("]"):
                rule = line[1:-1].strip()
                if rule not in rules:
                    raise RulebookError(path, number, phrase("rule_unknown", rule=rule))
            elif not rule:
                raise RulebookError(path, number, phrase("corpus_no_rule"))
            else:
                corpus.like.setdefault(rule, []).append(line)
    return corpus


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RulebookError(path, 0, phrase("corpus_encoding")) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if (stripped := line.strip()) and not stripped.startswith("#"):
            yield number, stripped
