"""What the OpenAPI document says: Chinese words from ``docs.zh.yaml``, examples from ``examples/``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from service.access.rules import access_rules
from service.api.problems import MEDIA_TYPE
from service.api.replay import REPLAYED
from service.idempotency.keys import HEADER, PATTERN
from service.schemas import Problem

_HERE = Path(__file__).parent
EXAMPLES = _HERE / "examples"


@cache
def _docs() -> dict[str, Any]:
    with (_HERE / "docs.zh.yaml").open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(file, Loader=yaml.CBaseLoader)
    return loaded


def about() -> dict[str, Any]:
    """Title, description and tags of the whole document."""
    service = _docs()["service"]
    return {"title": service["title"], "description": service["description"], "openapi_tags": _docs()["tags"]}


def examples_of(operation: str) -> dict[str, dict[str, Any]]:
    """The examples of one door by name: files ``<operation>.<name>.json`` with summary, request and response."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(EXAMPLES.glob(f"{operation}.*.json")):
        found[path.name.removeprefix(f"{operation}.").removesuffix(".json")] = json.loads(path.read_text("utf-8"))
    return found


def request_examples(operation: str) -> dict[str, Any]:
    """The requests of a door's examples, as OpenAPI wants them."""
    return {name: {"summary": e["summary"], "value": e["request"]} for name, e in examples_of(operation).items()}


def described(operation: str, *problems: int, success: int = 200, shape: type[BaseModel] = Problem) -> dict[str, Any]:
    """Keyword arguments of a route: stable operation id, words, the answer's examples, the problems it may give.

    Args:
        operation: its key in ``docs.zh.yaml``.
        problems: statuses it may answer with besides 401, 403, 429 and 500 (and 408 where it takes a body).
        success: the status of an answer.
        shape: of its errors, if they are not problem documents.
    """
    words = _docs()["operations"][operation]
    answers = {
        name: {"summary": e["summary"], "value": e["response"]}
        for name, e in examples_of(operation).items()
        if "response" in e
    }
    media = MEDIA_TYPE if shape is Problem else "application/json"
    responses: dict[int | str, dict[str, Any]] = {success: {"description": words["answer"]}}
    if answers:
        responses[success]["content"] = {"application/json": {"examples": answers}}
    slow = {408} if 413 in problems else set()
    for status in sorted({*problems, *slow, 401, 403, 429, 500}):
        responses[status] = {
            "description": _docs()["problems"][str(status)],
            "content": {media: {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}},
        }
    if shape is not Problem:  # the framework would otherwise promise an error of its own
        responses["default"] = {"model": shape, "description": _docs()["problems"]["500"]}
    return {
        "operation_id": operation,
        "summary": words["summary"],
        "description": words["description"],
        "tags": [words["tag"]],
        "status_code": success,
        "responses": responses,
    }


def parameter(name: str) -> str:
    """The Chinese description of a form, path or query parameter."""
    return str(_docs()["parameters"][name])


def health_note(name: str, **parameters: object) -> str:
    """What one part's state means, in Chinese."""
    return str(_docs()["health"][name]).format_map({k: str(v) for k, v in parameters.items()})


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the problem's shape among its components; built once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        document["components"]["schemas"][Problem.__name__] = Problem.model_json_schema()
        _with_idempotency(document)
        bearer = {"type": "http", "scheme": "bearer", "description": _docs()["service"]["bearer"]}
        link = {"type": "apiKey", "in": "query", "name": "signature", "description": parameter("report_link")}
        document["components"]["securitySchemes"] = {"bearer": bearer, "report_link": link}
        document["security"] = [{"bearer": []}]
        _open_doors(document)
        _as_it_is(document)
        app.openapi_schema = document
    return app.openapi_schema


def _with_idempotency(document: dict[str, Any]) -> None:
    """Every POST takes a key, may refuse it, and says when an answer was given before."""
    shape = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": PATTERN}
    taken = {"name": HEADER, "in": "header", "required": False, "schema": shape}
    told = {"description": parameter("idempotency_replayed"), "schema": {"type": "string", "const": "true"}}
    for operation in (methods["post"] for methods in document["paths"].values() if "post" in methods):
        operation.setdefault("parameters", []).append(taken | {"description": parameter("idempotency_key")})
        answers, refused = operation["responses"], 422 if "422" in operation["responses"] else 400
        answers.setdefault("409", answers[str(refused)] | {"description": _docs()["problems"]["409"]})
        for status, answer in answers.items():
            if status.isdecimal():
                answer.setdefault("headers", {})[REPLAYED] = told


def _as_it_is(document: dict[str, Any]) -> None:
    """What the framework cannot know: forms and queries have no null, a batch takes items it cannot read."""
    shapes = document["components"]["schemas"]
    for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
        for taken in operation.get("parameters", ()):
            taken["schema"] = _without_null(taken["schema"])
        for media, body in operation.get("requestBody", {}).get("content", {}).items():
            if media == "multipart/form-data":
                form = shapes[body["schema"]["$ref"].rsplit("/", 1)[-1]]
                form["properties"] = {name: _without_null(one) for name, one in form["properties"].items()}
                if "file" in form["properties"]:
                    body["encoding"] = {"file": {"headers": {"Content-Disposition": _named()}}}
    batch = shapes["BatchRequest"]["properties"]["items"]
    batch["items"] = {"anyOf": [batch["items"], {"description": parameter("batch_item")}]}


def _named() -> dict[str, Any]:
    """How the file of a form is sent: its name says how it is read."""
    shown = 'form-data; name="file"; filename="returns.md"'
    return {"description": parameter("file_name"), "required": True, "schema": {"type": "string"}, "example": shown}


def _without_null(shape: dict[str, Any]) -> dict[str, Any]:
    said = [one for one in shape.get("anyOf", ()) if one != {"type": "null"}]
    if len(said) != 1:
        return shape
    rest = {name: value for name, value in shape.items() if name not in ("anyOf", "default")}
    return rest | dict(said[0])


def _open_doors(document: dict[str, Any]) -> None:
    """Say of the doors that answer anybody that they do."""
    for methods in document["paths"].values():
        for operation in methods.values():
            if any(taken["name"] == "signature" for taken in operation.get("parameters", ())):
                operation["security"] = [{"bearer": []}, {"report_link": []}]
            if operation["operationId"] in access_rules().open:
                operation["security"] = [{}, {"bearer": []}]
                operation["responses"].pop("401", None)
