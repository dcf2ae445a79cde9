"""The READMEs name only commands, settings, doors and make targets that are real."""

import json
import re

import pytest
import typer

from service.app import create_app
from service.cli import app
from service.schemas import Inquiry
from service.settings import Settings
from tests.desk import ROOT, draft

READMES = ["README.md", "README.zh-CN.md", "knowledge/README.md"]
STANDARD = {"OPENAI_API_KEY", "OPENAI_BASE_URL"}


def text_of(name):
    return (ROOT / name).read_text("utf-8")


def code_of(name):
    """What stands in code blocks and code spans."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text_of(name), re.DOTALL))


@pytest.mark.parametrize("name", READMES)
def test_every_command_named_is_there(name):
    tree = typer.main.get_command(app)
    for words in re.findall(r"\byouli ((?:[a-z]+ ?)+)", code_of(name)):
        first, *rest = words.split()
        assert first in tree.commands, words
        group = tree.commands[first]
        if rest and hasattr(group, "commands"):
            assert rest[0] in group.commands, words


@pytest.mark.parametrize("name", READMES)
def test_every_option_named_is_there(name):
    tree = typer.main.get_command(app)
    known = {"--help", "--json", "--require-hashes", "--no-deps", "--no-build-isolation"}
    stack = list(tree.commands.values())
    while stack:
        command = stack.pop()
        known |= {option for parameter in command.params for option in parameter.opts}
        stack += getattr(command, "commands", {}).values()
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text_of(name))) <= known


@pytest.mark.parametrize("name", READMES)
def test_every_setting_named_is_there(name):
    fields = {f"YOULI_{field.upper()}" for field in Settings.model_fields} | STANDARD
    assert set(re.findall(r"\b(?:YOULI|OPENAI)_[A-Z_]+\b", text_of(name))) <= fields


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_named_is_there(name):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\b", text_of(name))) <= targets


@pytest.mark.parametrize("name", READMES)
def test_every_door_named_is_there(name):
    paths = set(create_app(Settings(auth="off")).openapi()["paths"])
    for path in re.findall(r"(/v1/[a-z/{}_]+|/healthz|/readyz|/version)", code_of(name)):
        assert path.rstrip("/") in paths, path


def test_both_readmes_tell_the_two_commands():
    for name in READMES[:2]:
        assert "make demo" in text_of(name)
        assert "make test" in text_of(name)


@pytest.mark.parametrize("name", READMES[:2])
async def test_the_answer_shown_is_the_answer_given(name):
    text = text_of(name)
    body = json.loads(re.search(r"-d '(\{.*?\})'", text, re.DOTALL)[1])
    shown = "\n".join(line[2:] for line in text.splitlines() if line.startswith("> "))
    made = await draft(Inquiry.model_validate(body | {"writer": "playbook"}))
    assert made.reply == shown
