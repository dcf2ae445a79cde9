"""How each vendor's endpoint wants to be asked and what its error codes mean: data, in ``prompts/endpoints.yaml``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, Json, JsonValue

from service.errors import RulebookError, phrase
from service.llm_reply import Meaning
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml
from service.settings import HOME

FILE_NAME = "endpoints.yaml"
OWN_HOST = "api.openai.com"
"""Where the SDK goes when no address is set."""

Rung = Literal["json_schema", "json_object", "text"]
Kind = Literal["quota", "auth", "refused", "rate_limited", "too_long"]
Words = dict[Kind, list[Annotated[str, Field(pattern=r"^[^A-Z]+$")]]]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Limit(StrictModel):
    """The field that bounds an answer's length, and tokens it is bounded to at first."""

    field: str
    tokens: int = Field(ge=1, le=100_000)


class Temperature(StrictModel):
    """What is sent when nobody asks for a temperature (nothing, if None), and the most that may be sent."""

    usual: float | None = Field(default=None, ge=0, le=2)
    most: float = Field(ge=0, le=2)


class ChainManner(StrictModel):
    """Vendors asked through LangChain: the bound of an answer in tokens, and what the reasons it ends for mean."""

    tokens: int = Field(ge=1, le=100_000)
    whole: list[str]
    refused: list[str]


class Rest(StrictModel):
    """When the breaker opens and for how long; see :mod:`service.llm_breaker`."""

    after: int = Field(ge=1, le=1000)
    rest_s: Seconds
    longest_rest_s: Seconds
    account_rest_s: Seconds
    fair_s: float = Field(ge=0, le=120)


class _Manner(StrictModel):
    rung: Rung
    limit: Limit | None = None
    temperature: Temperature | None = None
    extra: Json[dict[str, JsonValue]] = Field(default_factory=dict)
    stream_usage: bool
    codes: Words = Field(default_factory=dict)
    words: Words = Field(default_factory=dict)
    finish: list[str] = Field(default_factory=list)


class _Match(StrictModel):
    host: str = "*"
    model: str = "*"

    def fits(self, host: str, model: str) -> bool:
        return fnmatchcase(host, self.host) and fnmatchcase(model, self.model)


class _Profile(_Manner):
    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    match: list[_Match] = Field(min_length=1)
    examples: list[Annotated[str, Field(pattern=r"^\S+ \S+$")]] = Field(min_length=1)


class _File(StrictModel):
    breaker: Rest
    general: _Manner
    chain: ChainManner
    profiles: list[_Profile]


class Profile(BaseModel):
    """How one endpoint is asked."""

    model_config = {"frozen": True, "arbitrary_types_allowed": True}

    id: str
    rung: Rung
    limit: Limit | None
    temperature: Temperature | None
    extra: dict[str, JsonValue]
    stream_usage: bool
    meaning: Meaning
    rest: Rest

    def heat(self, wanted: float | None) -> float | None:
        """The temperature to send when ``wanted`` is asked for; None: send none."""
        if self.temperature is None:
            return None
        heat = self.temperature.usual if wanted is None else wanted
        return None if heat is None else min(heat, self.temperature.most)


class Profiles:
    """All profiles of a file.

    Args:
        file: the parsed file.

    Raises:
        RulebookError: with file and line: a field that does not fit, an id twice, an example that falls elsewhere.
    """

    def __init__(self, file: YamlFile) -> None:
        self._file = file.parse(_File)
        seen: set[str] = set()
        for place, profile in enumerate(self._file.profiles):
            if profile.id in seen:
                raise file.error(phrase("endpoint_twice", id=profile.id), "profiles", place, "id")
            seen.add(profile.id)
            for n, example in enumerate(profile.examples):
                found = self.of(*example.split(" ")).id
                if found != profile.id:
                    reason = phrase("endpoint_example", id=profile.id, found=found, example=example)
                    raise file.error(reason, "profiles", place, "examples", n)

    @classmethod
    def load(cls, folder: Path) -> Profiles:
        """The profiles of a prompts folder; the shipped ones where it has no such file.

        Raises:
            RulebookError: the file is broken.
        """
        path = folder / FILE_NAME
        return cls(read_yaml(path if path.exists() else HOME / "prompts" / FILE_NAME))

    @property
    def chain(self) -> ChainManner:
        """What holds for vendors asked through LangChain."""
        return self._file.chain

    def of(self, base_url: str | None, model: str) -> Profile:
        """The profile for an endpoint's address and a model's name."""
        host = host_of(base_url)
        for profile in self._file.profiles:
            if any(match.fits(host, model) for match in profile.match):
                return self._made(profile.id, profile)
        return self._made("general", self._file.general)

    def _made(self, name: str, manner: _Manner) -> Profile:
        general = self._file.general
        meaning = Meaning(
            {code: kind for words in (general.codes, manner.codes) for kind, codes in words.items() for code in codes},
            tuple(
                (word, kind) for words in (manner.words, general.words) for kind, all_ in words.items() for word in all_
            ),
            frozenset((*general.finish, *manner.finish)),
        )
        asked = manner.model_dump(include={"rung", "stream_usage", "extra"})
        return Profile(
            id=name,
            limit=manner.limit,
            temperature=manner.temperature,
            meaning=meaning,
            rest=self._file.breaker,
            **asked,
        )


def host_of(base_url: str | None) -> str:
    """The host a URL names, with its port unless it is the scheme's own; the vendor's own host for None."""
    if base_url is None:
        return OWN_HOST
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        return ""
    host = (parts.hostname or "").lower()
    return host if port in (None, 80, 443) else f"{host}:{port}"


@cache
def shipped() -> Profiles:
    """The profiles the project ships."""
    return Profiles.load(HOME / "prompts")


__all__ = ["FILE_NAME", "Profile", "Profiles", "Rest", "RulebookError", "host_of", "shipped"]
