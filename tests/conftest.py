"""Fixtures every test may ask for: settings on an empty data folder, and the parts that are dear to load."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from service.library.rules import LibraryRules, load_rules
from service.library.store import Library
from service.rulebook.thesaurus import Thesaurus, load_thesaurus
from service.settings import HOME, Settings, read_settings

KNOWLEDGE = HOME / "knowledge"

hypothesis_settings.register_profile("untimed", deadline=None)  # the first example pays for lazy imports
hypothesis_settings.load_profile("untimed")


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
