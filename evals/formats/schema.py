"""``python -m evals.formats.schema``: the JSON schema of case files, for editors.

It takes what the loader takes. Two things differ from what the models say of themselves: a loader that reads every
scalar as text takes a number, a truth or nothing where text is asked for, as an editor sees them; and a criterion has
short ways to be written.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from evals.dataset import TO_REVIEW, CaseFile
from evals.formats.casefile import SCHEMA
from evals.whole import write_whole
from evals.words import section

TRUTHS = ["true", "True", "yes", "on", "1", "false", "False", "no", "off", "0"]
"""Words the loader takes for a truth; an editor sees some of them as text."""


class _AsWritten(GenerateJsonSchema):
    """Scalars as an editor sees them before the loader makes text of them."""

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        """Text, or what an editor takes for something else."""
        made = super().str_schema(schema)
        return {**made, "type": ["string", "number", "boolean", "null"]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """What is not wanted is left out; text that is not there is empty text."""
        return self.generate_inner(schema["schema"])

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """A date, with or without a time."""
        return {"type": "string"}

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """A number, or one in quotes."""
        return {"anyOf": [super().float_schema(schema), {"type": "string", "pattern": r"^\s*[-+]?\.?[0-9]"}]}

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        """A truth, or a word for one."""
        return {"anyOf": [super().bool_schema(schema), {"enum": [*TRUTHS, 1, 0]}]}


def case_schema() -> dict[str, Any]:
    """The schema of one case file."""
    schema = CaseFile.model_json_schema(by_alias=True, schema_generator=_AsWritten)
    parts = schema["$defs"]
    for name, told in section("schema").items():
        texts = dict(told)
        part = schema if name == "CaseFile" else parts[name]
        part["description"] = texts.pop("_")
        for field, text in texts.items():
            part["properties"][field]["description"] = text
    parts["Criterion"] = _criterion(parts["Criterion"])
    _let_wait(schema, parts["Expect"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _criterion(whole: dict[str, Any]) -> dict[str, Any]:
    """A sentence; ``sentence: veto``; ``sentence: weight``; ``sentence: {…}``; or everything by name."""
    text = whole["properties"]["text"]
    beside = {name: part for name, part in whole["properties"].items() if name != "text"}
    weight = {"anyOf": whole["properties"]["weight"]["anyOf"]}
    more = {"type": "object", "properties": beside, "additionalProperties": False}
    short = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "not": {"required": ["text"]},
        "propertyNames": {"minLength": text["minLength"], "maxLength": text["maxLength"]},
        "additionalProperties": {"anyOf": [{"enum": ["veto", "", None]}, weight, more]},
    }
    sentence = {name: part for name, part in text.items() if name != "title"}
    return {"description": whole["description"], "anyOf": [sentence, short, whole]}


def _let_wait(schema: dict[str, Any], expect: dict[str, Any]) -> None:
    """A case that waits for a person may leave its verdict empty; no other may."""
    verdicts = expect["properties"]["verdict"]["enum"]
    expect["properties"]["verdict"] |= {"enum": [*verdicts, "", None]}
    expect["properties"]["verdict"].pop("type", None)
    expect["required"] = [name for name in expect["required"] if name != "verdict"]
    schema["if"] = {"properties": {"tags": {"contains": {"const": TO_REVIEW}}}, "required": ["tags"]}
    schema["else"] = {
        "properties": {"expect": {"required": ["verdict"], "properties": {"verdict": {"enum": verdicts}}}}
    }


def written() -> str:
    """The schema as its file has it."""
    return json.dumps(case_schema(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    write_whole(SCHEMA, written())
