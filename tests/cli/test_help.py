"""Tests of real processes: a target without a command, help, topics, and `--json`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from netinspect.api.command_names import COMMANDS, GROUPS
from netinspect.cli.app import build_app
from netinspect.cli.help_topics import TOPICS
from netinspect.errors import ExitCode
from netinspect.rendering.formats import Format
from tests import forked
from tests.support import Outcome

Installed = Callable[..., Outcome]
TINY = Path(__file__).parents[2] / "docs" / "examples" / "tiny.safetensors"


@pytest.fixture(scope="module")
def program() -> TyperGroup:
    program = typer.main.get_command(build_app())
    assert isinstance(program, TyperGroup)
    return program


# --- a target as the first word ------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "lenet --depth 1 --columns path,params",
        "net.py:Net --input 2x8 --json",
        "net.py -b 3",
        "saved.json --top 2",
        "./folder/tiny.safetensors --depth 2",
    ],
)
def test_target_without_command(workshop: Path, line: str) -> None:
    (workshop / "folder" / "tiny.safetensors").write_bytes(TINY.read_bytes())
    short = forked.run(*line.split())
    assert short == forked.run("summary", *line.split())
    assert short.code == 0
    assert short.out


def test_target_without_command_after_options(installed: Installed, workshop: Path) -> None:
    (workshop / "mine.toml").write_text('format = "json"\ndepth = 1\n')
    outcome = installed("--config", "mine.toml", "saved.json")
    assert outcome == installed("--config", "mine.toml", "summary", "saved.json")
    assert json.loads(outcome.out)["schema"] == "netinspect-summary"


def test_command_precedes_target_of_its_name(installed: Installed, workshop: Path) -> None:
    (workshop / "models").write_text((workshop / "saved.json").read_text())
    assert "two_inputs" in installed("models").out


def test_existing_file_precedes_similar_command(installed: Installed, workshop: Path) -> None:
    (workshop / "sumary").write_text((workshop / "saved.json").read_text())
    assert installed("sumary").out == installed("summary", "sumary").out != ""


@pytest.mark.parametrize(("word", "command"), [("sumary", "summary"), ("parms", "params")])
def test_mistyped_command(installed: Installed, word: str, command: str) -> None:
    outcome = installed(word, "lenet", "--depth", "1")
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.splitlines() == [
        f"error[usage]: no such command {word!r}",
        f"  hint: did you mean {command!r}?",
        f"        if it is a target: netinspect summary {word}",
    ]


# --- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("summary",), ("cache",), ("help",)])
def test_help_of_command_equals_option(installed: Installed, words: tuple[str, ...]) -> None:
    outcome = installed("help", *words)
    assert outcome == installed(*words, "--help")
    assert (outcome.code, outcome.err) == (0, "")


def test_help_of_every_command(cli: Callable[..., Outcome]) -> None:
    for name in COMMANDS:
        assert cli("help", name) == cli(name, "--help")


@pytest.mark.parametrize("topic", TOPICS)
def test_topic_fits_screen(installed: Installed, topic: str) -> None:
    outcome = installed("help", topic)
    assert (outcome.code, outcome.out, outcome.err) == (0, TOPICS[topic], "")
    lines = outcome.out.splitlines()
    assert len(lines) <= 23  # and the prompt
    assert max(map(len, lines)) <= 79


def test_help_unknown_topic(installed: Installed) -> None:
    outcome = installed("help", "formts")
    assert (outcome.code, outcome.out) == (2, "")
    assert "did you mean 'formats'" in outcome.err
    assert f"topics: {', '.join(TOPICS)}\n" in outcome.err


def test_help_with_broken_settings(installed: Installed, workshop: Path) -> None:
    (workshop / "netinspect.toml").write_text("width = \n")
    for topic in ("summary", "targets"):
        assert installed("help", topic).code == 0


def test_topics_are_complete(program: TyperGroup) -> None:
    options = {
        (each.envvar, max(each.opts, key=len))
        for command in (program, *program.commands.values())
        for each in command.params
        if isinstance(each.envvar, str)
    }
    shown = re.findall(r"(NETINSPECT_\w+) +(--[\w-]+)", TOPICS["environment"])
    assert sorted(shown) == sorted(options)
    formats = re.findall(r"^  (\w+) +", TOPICS["formats"], re.MULTILINE)
    assert formats == list(Format)
    codes = re.findall(r"^ +(\d+)  ", TOPICS["exit-codes"], re.MULTILINE)
    assert [int(code) for code in codes] == sorted(ExitCode)


def test_help_lists_examples_then_groups(installed: Installed, program: TyperGroup) -> None:
    page = installed("--help").out
    parts = [
        page.index(f"{title}:\n") for title in ("Examples", *map(str.capitalize, GROUPS), "Options")
    ]
    assert parts == sorted(parts)
    assert re.findall(r"^  ([a-z]+)  +[A-Z]", page, re.MULTILINE) == [*COMMANDS, "help"]
    assert set(program.commands) == {*COMMANDS, "help"}


# --- --json --------------------------------------------------------------------------------------


def test_json_is_short_for_format(installed: Installed, workshop: Path) -> None:
    expected = installed("tree", "saved.json", "--format", "json")
    assert json.loads(expected.out)["schema"] == "netinspect-tree"
    assert installed("tree", "--json", "saved.json") == expected
    assert installed("tree", "saved.json", "--json", "-f", "json") == expected
    for env in ({"NETINSPECT_FORMAT": "csv"}, {"NETINSPECT_WIDTH": "60"}):
        assert installed("tree", "saved.json", "--json", env=env) == expected
    assert installed("tree", "saved.json", "--json", "--width", "60") == expected
    (workshop / "netinspect.toml").write_text('format = "csv"\n')
    assert installed("tree", "saved.json", "--json") == expected


@pytest.mark.parametrize("line", ["cache clear --json -f csv", "models --format=rich --json"])
def test_json_and_another_format(installed: Installed, line: str) -> None:
    outcome = installed(*line.split())
    assert (outcome.code, outcome.out) == (2, "")
    error = json.loads(outcome.err)
    assert error["message"].startswith("--json and --format")
    assert error["hint"] == "omit one of them"


def test_json_error(installed: Installed) -> None:
    assert json.loads(installed("lente", "--json").err)["error"] == "load"


def test_json_of_every_command_with_format(program: TyperGroup) -> None:
    for command in program.commands.values():
        options = {name for each in command.params for name in each.opts}
        assert ("--json" in options) == ("--format" in options)
