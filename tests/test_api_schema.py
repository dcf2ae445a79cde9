"""The doors hold what their own document promises: Schemathesis, every operation, all checks, keys on.

The full run of 20,000 cases and more is ``python -m evals.benchmarks.schema_fuzz``.
"""

from __future__ import annotations

from pathlib import Path

from evals.benchmarks.processes import served
from evals.benchmarks.schema_fuzz import ENVIRONMENT, admin_key, fuzz
from tests.prepared import ready

AT_LEAST = 1_000
SEED = 20261122
EVERY = 3
"""Every third operation by name; all of them, and sequences of requests, are the full run's."""
PATIENCE_S = 180
"""On a quiet machine all is tried in a third of it."""


def test_every_operation_holds_every_check(tmp_path: Path) -> None:
    data = ready(tmp_path / "data")
    environment = ENVIRONMENT | {"YOULI_DATA_DIR": str(data)}
    with served("youli", ["service.cli", "serve", "--port", "0"], tmp_path / "log", None, **environment) as server:
        url, key = f"http://127.0.0.1:{server.port}", admin_key(server.said)
        tally = fuzz(url, key, SEED, 1, ("examples", "coverage"), EVERY, **{"max-time": PATIENCE_S})
    told = tally.report(f"seed {SEED}") + "\n\n" + "\n\n".join(tally.failures.values())
    assert not tally.failed, told
    assert not tally.errors, told
    assert tally.total >= AT_LEAST, told
    assert len(tally.operations) >= 15
    assert min(tally.checks[name] for name in CHECKS) > 0, told


CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)
"""None of them is off."""
