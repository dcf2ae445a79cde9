"""Fixtures every test may ask for: settings on an empty data folder, and the parts that are dear to load."""

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from service.library.rules import LibraryRules, load_rules
from service.library.store import Library
from service.rulebook.thesaurus import Thesaurus, load_thesaurus
from service.settings import HOME, Settings, read_settings
from tests import engines, prepared
from tests.on_engines import redirected

KNOWLEDGE = HOME / "knowledge"

hypothesis_settings.register_profile("untimed", deadline=None)  # the first example pays for lazy imports
hypothesis_settings.load_profile("untimed")

gc.set_threshold(20_000, 10, 10)  # half a million rules and modules stay; nobody need look them through again and again


@pytest.hookimpl(trylast=True)  # after pytest has made its own folder
def pytest_configure(config: pytest.Config) -> None:
    """What is shared lies in the folder of this run, above the workers' own."""
    if os.environ.get(engines.WANTED) == "on" and not engines.on_engines():
        engines.share_all()
    if engines.on_engines():
        redirected.install()
    own = config.option.basetemp if hasattr(config, "workerinput") else None
    prepared.share(Path(own).parent if own else config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]


def pytest_unconfigure() -> None:
    """Servers that tests started end with the run."""
    engines.end_all()


@pytest.hookimpl(tryfirst=True)  # before xdist writes the groups into the tests' names
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share something made for their file stay with one worker, so that it is made once."""
    for item in items:
        if item.get_closest_marker("thorough") and not engines.on_engines():
            item.add_marker(pytest.mark.skip(reason="run by make test-engines"))
        mark = item.get_closest_marker("sqlite_only")
        if mark is not None and engines.on_engines():
            item.add_marker(pytest.mark.skip(reason=f"on embedded stores only: {mark.args[0]}"))
        made = item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
        if any(found[-1].scope == "module" for found in made) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_collection_finish() -> None:
    """What all tests need is there: it is not garbage, and need not be looked through again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_outer_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own YOULI_* and OPENAI_* variables must not reach a test."""
    for name in list(os.environ):
        if name.startswith(("YOULI_", "OPENAI_")):
            monkeypatch.delenv(name)
    yield


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return read_settings(data_dir=data_dir)


@pytest.fixture(scope="session")
def library_rules() -> LibraryRules:
    return load_rules(KNOWLEDGE / "library")


@pytest.fixture(scope="session")
def thesaurus() -> Thesaurus:
    return load_thesaurus(KNOWLEDGE / "thesaurus.yaml")


@pytest.fixture
async def library(settings: Settings, thesaurus: Thesaurus) -> AsyncIterator[Library]:
    """An empty library as the shell opens it: no Chroma, no lock."""
    opened = await Library.open(settings, thesaurus)
    yield opened
    await opened.close()
