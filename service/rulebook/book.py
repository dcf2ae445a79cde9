"""The rulebook, loaded whole from ``knowledge/`` with one digest over every file that can change a draft."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from service.rulebook.checkrules import CheckRules, load_checkrules
from service.rulebook.forbidden import ForbiddenRules
from service.rulebook.forbiddenfiles import load_forbidden

if TYPE_CHECKING:
    from service.rulebook.boundaries import Boundary
    from service.rulebook.facts import FactBook
    from service.rulebook.faithfile import FaithRules
    from service.rulebook.goodsfile import GoodsFile
    from service.rulebook.listening import Listening
    from service.rulebook.methodfile import Method
    from service.rulebook.scripts import Scenario
    from service.rulebook.shops import ShopFile

RULES = (
    *("facts.yaml", "method.yaml", "thesaurus.yaml", "checks.yaml", "faithful.yaml"),
    *("boundaries", "forbidden", "reading", "scenarios", "shops", "text"),
)
"""What the digest covers, inside ``knowledge/``."""


@dataclass(frozen=True)
class CheckBook:
    """What checking a bare text goes by; the shell's ``check`` loads nothing else."""

    folder: Path

    @cached_property
    def forbidden(self) -> ForbiddenRules:
        """The forbidden rules; loaded on first use, since drafting and checking share them."""
        return load_forbidden(self.folder / "forbidden")

    @cached_property
    def checkrules(self) -> CheckRules:
        """What the provenance, method, leak, length and privacy checks go by."""
        return load_checkrules(self.folder / "checks.yaml")

    @cached_property
    def faithful(self) -> FaithRules:
        """What a model's words may not add to the playbook's; a bare text is checked without."""
        from service.rulebook.faithfile import load_faithful

        return load_faithful(self.folder / "faithful.yaml")

    @cached_property
    def goods(self) -> GoodsFile:
        """How goods are named; a bare text is checked without."""
        from service.rulebook.goodsfile import GoodsFile
        from service.rulebook.yamlfile import read_yaml

        return read_yaml(self.folder / "method.yaml").parse(GoodsFile, "goods")


@dataclass(frozen=True)
class Rulebook(CheckBook):
    """规矩: everything that decides, checked and ready. Immutable; a changed file means a new one."""

    digest: str
    facts: FactBook
    method: Method
    boundaries: tuple[Boundary, ...]
    scenarios: dict[str, Scenario]
    shops: dict[str, ShopFile]
    listening: Listening


def rule_files(folder: Path) -> Iterator[Path]:
    """Every file that can change a draft, in one order."""
    for name in RULES:
        top = folder / name
        yield from (path for path in sorted([top] if top.is_file() else top.rglob("*.*")) if path.is_file())


def digest_of(folder: Path) -> str:
    """Sixteen hex digits over names and bytes of all rule files."""
    hashed = hashlib.sha256()
    for path in rule_files(folder):
        hashed.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        hashed.update(hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()[:16]


def load_rulebook(folder: Path, learned: Path | None = None) -> Rulebook:
    """Load and validate everything.

    Args:
        folder: ``knowledge/``.
        learned: where what is learned from examples is kept between runs; None keeps it in memory only.

    Raises:
        RulebookError: the first thing that is wrong, with file and line.
    """
    # Imported here: the shell's check, which has half a second in all, needs none of them.
    from service.rulebook.boundaries import load_boundaries
    from service.rulebook.facts import load_facts
    from service.rulebook.listening import load_listening
    from service.rulebook.methodfile import build_method, read_method, script_rules
    from service.rulebook.scripts import COMMON, load_scenarios, scenario_names
    from service.rulebook.shops import load_shops

    entry, method_file = read_method(folder / "method.yaml")
    facts = load_facts(folder / "facts.yaml")
    names = set(scenario_names(folder / "scenarios")) - {COMMON}
    book = Rulebook(
        folder=folder,
        digest=digest_of(folder),
        facts=facts,
        method=build_method(entry, method_file, facts),
        boundaries=load_boundaries(folder / "boundaries", facts, names),
        scenarios=load_scenarios(folder / "scenarios", facts, script_rules(entry)),
        shops=load_shops(folder / "shops"),
        listening=load_listening(folder / "reading", facts, learned),
    )
    book.forbidden, book.checkrules, book.faithful  # noqa: B018  (a broken file must be told at load, not at the first draft)
    return book
