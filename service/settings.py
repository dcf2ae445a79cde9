"""Settings, read once from ``YOULI_*`` and the standard ``OPENAI_*`` variables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.errors import EnvironmentProblem

HOME = Path(__file__).resolve().parent.parent
"""The folder that holds ``service/``, ``knowledge/`` and ``prompts/``."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked, and with which key."""

    url: str | None
    key: SecretStr | None


VENDORS = {
    "anthropic": "langchain-anthropic",
    "bedrock_converse": "langchain-aws",
    "cohere": "langchain-cohere",
    "google_genai": "langchain-google-genai",
    "google_vertexai": "langchain-google-vertexai",
    "groq": "langchain-groq",
    "mistralai": "langchain-mistralai",
    "xai": "langchain-xai",
}
"""Vendors asked through LangChain, by the name in front of the model's, and the package each needs.

Only these names count: what an OpenAI-compatible server calls ``qwen3:8b`` is a model's whole name.
"""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(BaseSettings):
    """Everything that may differ between machines. Unset means the offline default."""

    model_config = SettingsConfigDict(env_prefix="YOULI_", env_file=None, extra="ignore", frozen=True)

    data_dir: Path = Path("data")
    database_url: str | None = None
    chroma_url: str | None = None
    model: str | None = None
    embedding_model: str | None = None
    embedding_api_key: SecretStr | None = None
    embedding_base_url: str | None = None
    judge_model: str | None = None
    judge_api_key: SecretStr | None = None
    judge_base_url: str | None = None
    knowledge_dir: Path = HOME / "knowledge"
    prompts_dir: Path = HOME / "prompts"
    knowledge_poll_s: float = Field(default=2.0, ge=0, le=3600)
    """Seconds between two looks at the rulebook's files; 0: only at start."""
    draft_deadline_s: float = Field(default=8.0, gt=0, le=120)
    auth: Literal["on", "off"] = "on"
    oidc_issuer: str | None = None
    """Whose tokens are taken beside keys; None: keys only."""
    oidc_audience: str | None = None
    oidc_role_claim: str = "youli_role"
    oidc_shop_claim: str = "youli_shop"
    secret: SecretStr | None = None
    """Signs report addresses and seals what is kept of webhooks; one of its own is kept in the data folder if unset."""
    redis_url: str | None = None
    """Where rates and budgets are counted when several processes serve; in memory if unset."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that serve; more than one needs PostgreSQL, a Chroma server and Redis."""
    trusted_proxies: str = ""
    """Addresses (comma-separated, networks allowed) whose ``X-Forwarded-*`` are believed."""
    public_url: str | None = None
    """The address people know the service by, for links in answers; the one it was asked at if unset."""
    max_drafts: int = Field(default=100, ge=1, le=10_000)
    """Drafts under way at once in one process; more are refused at once with 429."""
    rate_per_minute: int = Field(default=600, ge=1, le=1_000_000)
    """Requests a minute of a key that has no rate of its own."""
    tokens_per_day: int = Field(default=0, ge=0)
    """Model tokens a day of a key that has no budget of its own; 0: no limit."""
    webhook_allow: str = ""
    """Hosts, addresses and networks (comma-separated) events may be sent to though not on the open internet."""
    retention_days: int = Field(default=180, ge=0, le=36_500)
    """Days drafts and what belongs to them are kept; 0: for ever."""
    idempotency_hours: float = Field(default=24, ge=24, le=8760)
    """Hours the answer to a request with an ``Idempotency-Key`` is kept."""
    min_free_mb: int = Field(default=200, ge=0, le=1_000_000)
    """Room to be left on the data folder's disk, in MB: with less, documents and eval runs wait; drafts go on."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """From which level on events are logged; ``--verbose`` asks for ``info``."""
    slow_request_s: float = Field(default=10.0, gt=0, le=3600)
    """Seconds from which a request is logged as a warning; above the longest a draft is meant to take."""
    api_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("OPENAI_API_KEY"))
    base_url: str | None = Field(default=None, validation_alias=AliasChoices("OPENAI_BASE_URL"))

    @property
    def database(self) -> str:
        """The SQLAlchemy URL; SQLite in the data folder unless one is set."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'youli.sqlite3'}"

    @property
    def vendor(self) -> str | None:
        """The vendor in front of the model's name, one of :data:`VENDORS`; None for OpenAI-compatible endpoints."""
        name, colon, rest = (self.model or "").partition(":")
        return name if colon and rest and name in VENDORS else None

    @property
    def model_ready(self) -> bool:
        """True when a model can be asked: a name, and a key, an endpoint of one's own or a vendor with its own key."""
        return bool(self.model) and (self.vendor is not None or self.api_key is not None or self.base_url is not None)

    @property
    def embedding_endpoint(self) -> Endpoint | None:
        """Where embeddings come from, or None: vectors are made here.

        An address of its own goes with a key of its own only: the chat vendor's key must not travel to another vendor.
        """
        at = self._endpoint(self.embedding_base_url, self.embedding_api_key)
        return at if self.embedding_model and (at.key is not None or at.url is not None) else None

    @property
    def judging(self) -> Settings | None:
        """These settings with the judge's model in the writer's place; None: no judge is asked for.

        A key and an address go together as for embeddings. Whether a model can be asked says ``model_ready``.
        """
        if not self.judge_model:
            return None
        at = self._endpoint(self.judge_base_url, self.judge_api_key)
        return self.model_copy(update={"model": self.judge_model, "api_key": at.key, "base_url": at.url})

    def _endpoint(self, url: str | None, key: SecretStr | None) -> Endpoint:
        """An address of one's own with a key of one's own; without one, the writer's address."""
        return Endpoint(self.base_url, key or self.api_key) if url is None else Endpoint(url, key)


def read_settings(**overrides: object) -> Settings:
    """The settings of this process.

    Raises:
        EnvironmentProblem: a variable holds a value that cannot be used.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        shown = name if name.isupper() else f"YOULI_{name.upper()}"
        raise EnvironmentProblem("setting_invalid", name=shown, reason=first["msg"]) from None


def prepare_data_dir(settings: Settings) -> Path:
    """Make sure the data folder is there and can be written.

    One that is made here is its owner's alone: buyers' words and the secret reports are signed with lie in it.

    Raises:
        EnvironmentProblem: it is a file, or not writable.
    """
    path = settings.data_dir
    if path.exists() and not path.is_dir():
        raise EnvironmentProblem("data_dir_is_file", path=path)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / ".write-probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        if error.errno == 28:  # ENOSPC: the folder is fine, the disk is not
            raise EnvironmentProblem("disk_full", path=path) from None
        raise EnvironmentProblem("data_dir_unwritable", path=path, reason=error.strerror) from None
    return path
