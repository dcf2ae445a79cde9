"""What a label may say: closed lists only, taken from where each is defined, so that nobody outside can grow one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml

from service.errors import messages
from service.schemas import FeedbackAction
from service.schemas.base import Category, Severity, Verdict, WriterKind

TABLE = Path(__file__).with_name("metrics.zh.yaml")

OTHER = "other"
"""What any value outside its list becomes."""

NONE = "none"
"""No reason: nothing went another way than wanted."""

OK, LEFT = "ok", "left"

PARTS = (
    "rulebook",
    "database",
    "migrations",
    "search",
    "chroma",
    "model",
    "embeddings",
    "limiter",
    "disk",
    "workers",
    "audit",
    "clock",
    "logs",
    "service",
)
"""The parts ``/readyz`` tells of."""

_REASONS = ("llm_", "embedding_", "tokens_")
"""How the codes begin that say why a model was not asked, or did not answer."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx", LEFT)


@cache
def table() -> dict[str, Any]:
    """The table of all metrics, as written."""
    with TABLE.open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(file, Loader=yaml.CBaseLoader)
    return loaded


@cache
def closed() -> dict[str, frozenset[str]]:
    """The lists that have a name; ``operation``, ``knowledge`` and ``version`` are filled by who knows them."""
    codes = frozenset(messages()) - {"phrases"}
    reasons = frozenset(code for code in codes if code.startswith(_REASONS))
    return {
        "verdict": frozenset(get_args(Verdict)),
        "writer": frozenset(get_args(WriterKind)),
        "category": frozenset(get_args(Category)),
        "severity": frozenset(get_args(Severity)),
        "action": frozenset(get_args(FeedbackAction)),
        "reason": reasons | {NONE},
        "outcome": reasons | {OK, LEFT},
        "code": codes,
        "ending": codes | {LEFT},
        "method": frozenset(METHODS),
        "status": frozenset(STATUSES),
        "part": frozenset(PARTS),
        "operation": frozenset(),
        "knowledge": frozenset(),
        "version": frozenset(),
    }
