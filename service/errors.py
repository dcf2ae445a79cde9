"""The tree of everything that can go wrong on purpose.

    YouliError                     code, status, exit code, parameters of the message
    ├── InvalidRequest             422  a field is missing, unknown, of the wrong type or out of range
    │   ├── MalformedBody          400  the body is no JSON
    │   ├── BodyTooLarge           413
    │   ├── BodyTooSlow            408
    │   └── UnsupportedDocument    415  a file type or encoding nobody can read
    ├── Unauthorised               401  no key, or none that is good
    ├── NotFound                   404
    ├── Conflict                   409  file_managed, rule_in_use, superseded …
    ├── PreconditionFailed         412  a lost race on a document
    ├── Refused                    403  host, origin or bind not allowed
    ├── TooMany                    429  more than this key, or this machine, takes just now
    ├── Unavailable                503  a part is down or busy
    ├── RulebookError              exit 2  a file in knowledge/ or prompts/ is broken: file, line, what to do
    ├── UsageError                 exit 2  the command line is wrong
    ├── EnvironmentProblem         exit 3  data folder, port, lock, missing setting
    ├── EmbeddingError             search goes on by words: it becomes ``degraded`` with its code as the reason
    └── ModelError                 never leaves the drafter: it becomes ``degraded`` with its code as the reason

The sentence a person reads is not here: ``messages.zh.yaml`` holds one entry a code, filled with ``parameters``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_MESSAGES = Path(__file__).with_name("messages.zh.yaml")


@cache
def messages() -> dict[str, dict[str, str]]:
    """All message entries by code; read once."""
    with _MESSAGES.open(encoding="utf-8") as file:
        loaded: dict[str, dict[str, str]] = yaml.load(file, Loader=yaml.CBaseLoader)
    return loaded


def phrase(name: str, /, **parameters: Any) -> str:
    """A sentence from the ``phrases`` entry of the message file, filled in.

    Raises:
        KeyError: no such phrase.
    """
    return messages()["phrases"][name].format_map({k: str(v) for k, v in parameters.items()})


class YouliError(Exception):
    """Base of all deliberate errors. ``code`` is stable; ``parameters`` fill the Chinese sentence."""

    code = "internal_error"
    status = 500
    exit_code = 1

    def __init__(self, code: str | None = None, **parameters: Any) -> None:
        if code is not None:
            self.code = code
        self.parameters = parameters
        self.extra: dict[str, Any] = {}
        """Further members of the problem document, for programs."""
        self.retry_after: float | None = None
        """Seconds after which the same may be tried again; goes out as ``Retry-After``, rounded up."""
        super().__init__(self.code)

    @property
    def title(self) -> str:
        """The short Chinese name of the problem."""
        return messages()[self.code]["title"]

    @property
    def detail(self) -> str:
        """The Chinese sentence that says what happened and what to do next."""
        return messages()[self.code]["detail"].format_map({k: str(v) for k, v in self.parameters.items()})

    def __str__(self) -> str:
        return self.detail


class Told(YouliError):
    """An error of which only its problem document is left: it says what was said."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        code, status, detail = problem.get("code"), problem.get("status"), problem.get("detail")
        super().__init__(code if isinstance(code, str) else None)
        self.status = status if isinstance(status, int) else self.status
        self._said = detail if isinstance(detail, str) else None

    @property
    def detail(self) -> str:
        """The sentence as it was told."""
        return self._said if self._said is not None else super().detail


def told_by(problem: Mapping[str, Any]) -> YouliError:
    """The error a problem document tells of, where only its data is left; an internal one if it names no code."""
    return Told(problem)


class InvalidRequest(YouliError):
    """The request cannot be understood. ``errors`` points at the fields: ``[{pointer, message}]``."""

    code = "invalid_request"
    status = 422
    exit_code = 2

    def __init__(self, code: str | None = None, errors: list[dict[str, str]] | None = None, **parameters: Any) -> None:
        super().__init__(code, **parameters)
        self.errors = errors or []


class MalformedBody(InvalidRequest):
    """The body is not JSON, not UTF-8, or not the form that was promised."""

    code = "malformed_body"
    status = 400


class BodyTooLarge(InvalidRequest):
    """More bytes than this door takes."""

    code = "body_too_large"
    status = 413


class BodyTooSlow(InvalidRequest):
    """The body does not come in: too slow, or not at all."""

    code = "body_too_slow"
    status = 408


class UnsupportedDocument(InvalidRequest):
    """A file whose type or encoding cannot be read."""

    code = "unsupported_document"
    status = 415


class Unauthorised(YouliError):
    """No key, or none that is good; why is not told."""

    code = "unauthorised"
    status = 401


class NotFound(YouliError):
    """No such thing, or not yours."""

    code = "not_found"
    status = 404
    exit_code = 2


class Conflict(YouliError):
    """The thing is there but may not be changed in this way."""

    code = "conflict"
    status = 409


class PreconditionFailed(YouliError):
    """Somebody else was faster (If-Match)."""

    code = "precondition_failed"
    status = 412


class Refused(YouliError):
    """Not allowed from here."""

    code = "refused"
    status = 403


class TooMany(YouliError):
    """More than this key, or this machine, takes just now; ``retry_after`` says when to come back."""

    code = "too_many"
    status = 429


class Unavailable(YouliError):
    """A part is down or busy for now."""

    code = "unavailable"
    status = 503
    exit_code = 3


class UsageError(YouliError):
    """The command line cannot be carried out as typed."""

    code = "usage"
    status = 422
    exit_code = 2


class EnvironmentProblem(YouliError):
    """The machine is not as needed: data folder, port, lock, missing setting."""

    code = "environment"
    status = 503
    exit_code = 3


class ModelError(YouliError):
    """The model path failed; the playbook takes over and ``code`` is the reason it gives."""

    code = "llm_unavailable"
    status = 503


class EmbeddingError(YouliError):
    """No vectors from the endpoint, or none that may be used; search goes on by words and uploads wait."""

    code = "embedding_unavailable"
    status = 503
    exit_code = 3


class RulebookError(YouliError):
    """A file the team owns is broken.

    Attributes:
        file: path as the team knows it (relative to the working folder where possible).
        line: 1-based, 0 when the whole file is meant.
        reason: Chinese sentence, what is wrong and how to mend it.
    """

    code = "rulebook_broken"
    status = 503
    exit_code = 2

    def __init__(self, file: Path | str, line: int, reason: str) -> None:
        self.file, self.line, self.reason = str(file), line, reason
        super().__init__(file=self.file, line=line, reason=reason)
