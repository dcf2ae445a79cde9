"""What no schema can tell a client of the API, and what one does: for :mod:`evals.benchmarks.schema_fuzz`.

Keys of repeated requests are used once, addresses resolve, shops and ids are of what is there. Only some of the
requests that fit the document are mended so, so that both kinds are seen; none that does not fit.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service.idempotency.keys import HEADER, PATTERN
from service.schemas.webhooks import ADDRESS

HOOK = "http://127.0.0.1:9/"
"""An address events may be sent to, where nobody listens: no invented one would resolve."""
SHOP = "default"
REMEMBERED = 50
"""Of each kind: the last ones."""
UNSEEN = frozenset({"list_keys"})
"""What is not looked at: among the keys is the one that is asked with, and it must not be revoked."""


class Client:
    """One that remembers what it was told."""

    def __init__(self) -> None:
        self._made: dict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        """Parameters a path would be asked with, of what was made here: not all that is there may be changed."""
        self._listed: dict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def ask(self, case: Any) -> None:
        """Mend a request before it is sent."""
        draw = zlib.crc32(case.id.encode())
        key = (case.headers or {}).get(HEADER)
        if isinstance(key, str) and re.fullmatch(PATTERN, key) and draw % 4:
            case.headers[HEADER] = f"{key[:200]}{case.id}"
        _bound(case)
        if case.meta is None or not case.meta.generation.mode.is_positive:
            return
        if draw % 2 and case.operation.definition.raw.get("operationId") == "create_webhook":
            _reachable(case)
        if draw % 3 == 0 or case.meta.phase.name.value == "stateful":
            return  # sequences know whom they speak of
        for place in (case.query, case.body):
            if isinstance(place, dict) and isinstance(place.get("shop"), str) and place["shop"] != "*":
                place["shop"] = SHOP
        known = self._made[case.operation.path] if draw % 2 else ()
        known = known or self._listed[case.operation.path]
        if known and case.path_parameters:
            case.path_parameters.update(known[draw % len(known)])

    def hear(self, case: Any, response: Any) -> None:
        """Remember what an answer names."""
        operation, below = case.operation, f"{case.operation.path}/{{"
        if response.status_code >= 300 or operation.definition.raw.get("operationId") in UNSEEN:
            return
        paths = [path for path in operation.schema.raw_schema["paths"] if path.startswith(below)]
        try:
            told = json.loads(response.content)
        except ValueError:
            return
        if not paths or not isinstance(told, dict):
            return
        listed = next((value for value in told.values() if isinstance(value, list)), [])
        for one in [told, *listed[:REMEMBERED]]:
            for path in paths:
                name = path[len(below) :].split("}")[0]
                found = one.get(name) or one.get("id") or one.get("version") if isinstance(one, dict) else None
                if found is not None and (one is not told or operation.method == "post"):
                    known = self._made if one is told else self._listed
                    known[path].append({**(case.path_parameters or {}), name: found})


def _bound(case: Any) -> None:
    """Have no run that keeps a processor busy for minutes: it is asked for a case there is none of."""
    if case.operation.definition.raw.get("operationId") == "start_run" and isinstance(case.body, dict):
        only = case.body.get("only", [])
        if isinstance(only, list):
            case.body["only"] = [*only[:49], "no-case-has-this"]


def _reachable(case: Any) -> None:
    """Have events sent to where something could be."""
    url = case.body.get("url") if isinstance(case.body, dict) else None
    if isinstance(url, str) and re.search(ADDRESS, url):
        case.body["url"] = f"{HOOK}{case.id}"


@contextmanager
def client() -> Iterator[None]:
    """Schemathesis asks as a client of its own as long as the block runs."""
    import schemathesis
    from schemathesis import hooks

    one = Client()

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        one.ask(case)

    def after_call(context: Any, case: Any, response: Any) -> None:
        one.hear(case, response)

    for hook in (before_call, after_call):  # it knows them by their names
        schemathesis.hook(hook)
    try:
        yield
    finally:
        for hook in (before_call, after_call):
            hooks.unregister(hook)
