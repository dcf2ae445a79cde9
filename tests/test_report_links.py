"""Signed addresses of reports: one report, for a while, without a header."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.results import RunInfo
from evals.runs import runs_dir, write_info
from service.access.links import Link, opened
from service.api.proxies import believe, networks
from service.errors import EnvironmentProblem
from tests.fake_desk import is_problem
from tests.guarded import B, Guarded, guarded
from tests.prepared import ready

RUN = "run_20261122-0001-aaaa"
OTHER = "run_20261122-0002-bbbb"
PROXY = "10.0.0.9"


def report(data: Path, run: str, shop: str) -> None:
    folder = runs_dir(data) / run
    write_info(folder, RunInfo(id=run, shop=shop, state="done", started_at=datetime.now(UTC)))
    (folder / "report.html").write_text(f"<p>{run}</p>", "utf-8")
    (folder / "results.csv").write_text("secret", "utf-8")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    data = ready(tmp_path_factory.mktemp("data"))
    with guarded(data, public_url="https://desk.example/", trusted_proxies=PROXY) as made:
        report(data, RUN, B)
        report(data, OTHER, B)
        yield made


def address(desk: Guarded, run: str = RUN) -> str:
    url = desk.ask("GET", f"/v1/evals/runs/{run}", "qa", B).json()["report_url"]
    listed = desk.ask("GET", "/v1/evals/runs", "qa", B).json()["runs"]
    assert {urlsplit(run["report_url"]).path for run in listed} >= {urlsplit(url).path}
    assert url.startswith(f"https://desk.example/v1/evals/runs/{run}/report?")
    return str(url.removeprefix("https://desk.example"))


def test_whoever_has_one_address_uses_up_the_rate_of_no_other(desk: Guarded) -> None:
    left = [desk.client.get(address(desk, run)).headers["ratelimit"] for run in (RUN, RUN, OTHER)]
    assert [one.split(";")[1] for one in left] == ["r=599", "r=598", "r=599"]


def test_it_opens_in_a_browser_that_report_and_no_other(desk: Guarded) -> None:
    path = address(desk)
    answer = desk.client.get(path)
    assert (answer.status_code, answer.text) == (200, f"<p>{RUN}</p>")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    for other in (
        path.replace(RUN, OTHER),
        path.replace("format=html", "format=csv"),
        path.replace(f"shop={B}", "shop=default"),
        path + "&format=csv",
        path + "&shop=default",
        path[:-1],
    ):
        is_problem(desk.client.get(other), 403, "report_link")
    assert desk.client.get(path.replace("format=html&", "")).status_code == 200  # html is what is not said
    for method in ("POST", "DELETE", "HEAD"):
        assert desk.client.request(method, path).status_code == 401
    is_problem(desk.client.get(path.replace("/report?", "?")), 401, "unauthorised")


def test_it_is_over_after_its_time_and_a_person_gets_a_page(desk: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    path = address(desk)
    expires = int(parse_qs(urlsplit(path).query)["expires"][0])
    monkeypatch.setattr("service.api.gate.time.time", lambda: expires - 1)
    assert desk.client.get(path).status_code == 200
    monkeypatch.setattr("service.api.gate.time.time", lambda: expires)
    pages = [
        desk.client.get(one, headers={"Accept": "text/html,*/*"})
        for one in (path, path.replace(f"expires={expires}", f"expires={expires + 60}"), path[:-2])
    ]
    assert len({page.text for page in pages}) == 1
    assert {page.status_code for page in pages} == {403}
    assert pages[0].headers["content-type"].startswith("text/html")
    is_problem(desk.client.get(path), 403, "report_link")


def test_without_a_public_address_it_is_a_path_and_a_trusted_proxy_says_which(
    desk: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = desk.app.state.gate._settings
    monkeypatch.setattr(desk.app.state.gate, "_settings", settings.model_copy(update={"public_url": None}))
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    told = desk.ask("GET", f"/v1/evals/runs/{RUN}", "qa", B, headers=forwarded).json()["report_url"]
    assert told.startswith("/v1/evals/")


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**40), st.data())
def test_a_signature_is_of_its_link_alone(run: str, shop: str, kind: str, expires: int, data: Any) -> None:
    link, secret = Link(run, shop, kind, expires), b"s" * 32
    signature = link.signed(secret)
    assert opened(secret, link, signature, expires - 1)
    assert not opened(secret, link, signature, expires)
    assert not opened(b"t" * 32, link, signature, expires - 1)
    other = Link(*(data.draw(st.text(alphabet="ab", max_size=3)) for _ in range(3)), data.draw(st.integers(0, 99)))
    assert opened(secret, other, signature, -1) == (other == link)


def scoped(client: str, headers: dict[str, str]) -> dict[str, Any]:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (client, 1), "scheme": "http", "headers": raw}


def test_a_proxy_of_ours_is_believed_and_nobody_else() -> None:
    trusted = networks("10.0.0.0/8, ::1")
    told = {"X-Forwarded-For": "6.6.6.6, 9.9.9.9, 10.1.1.1", "X-Forwarded-Proto": "https", "Host": "desk.example"}
    ours, theirs = scoped("10.0.0.1", told), scoped("9.9.9.9", told)
    believe(ours, trusted)
    believe(theirs, trusted)
    assert (ours["client"][0], ours["scheme"], ours["state"]["public_host"]) == ("9.9.9.9", "https", "desk.example")
    assert (theirs["client"][0], theirs["scheme"], "state" in theirs) == ("9.9.9.9", "http", False)
    odd = scoped("10.0.0.1", {"X-Forwarded-For": "nobody", "X-Forwarded-Host": 'a"><script>'})
    believe(odd, trusted)
    assert (odd["client"][0], "state" in odd) == ("10.0.0.1", False)
    with pytest.raises(EnvironmentProblem):
        networks("10.0.0.0/99")
