"""Tests of color: pipes, terminals, CI, NO_COLOR, FORCE_COLOR, `--color`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from netinspect.api import command_names
from netinspect.cli import console
from netinspect.rendering.formats import COMMON_FORMATS, Format
from tests.support import Outcome, command_line

pytestmark = pytest.mark.slow

Cli = Callable[..., Outcome]

# memory takes seconds each time, and globals is about files.
COMMANDS = [each for each in command_names.COMMANDS if each not in ("memory", "globals", "page")]
ERRORS = [["summary", "lente"], ["summary", "lenet", "--zzz"], ["summary", "lenet", "-i", "1x1x9x9"]]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both streams are terminals, 80 cells wide."""
    monkeypatch.setattr(console, "is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", "PY_COLORS", "FORCE_COLOR"])
def test_pipe_output_has_no_escapes(cli: Cli, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    lines: list[Sequence[str]] = [["--help"], ["--version"], [], *ERRORS]
    for command in COMMANDS:
        lines.append([command, "--help"])
        for format in COMMON_FORMATS:
            lines.append([*command_line(command, "lenet"), "--format", format])
        lines.append(command_line(command, "lenet"))
    monkeypatch.setenv(variable, "1")
    for words in lines:
        outcome = cli(*words)
        forced = variable == "FORCE_COLOR" and ("rich" in words or words in ERRORS)
        assert ("\x1b" in outcome.out + outcome.err) == forced, words


def test_terminal_output_is_rich_in_color(cli: Cli, terminal: None) -> None:
    for command in COMMANDS:
        shown = cli(*command_line(command, "lenet")).out
        assert "\x1b[" in shown
        assert "\t" not in shown
        assert all(line.count("\x1b[0m") * 2 == line.count("\x1b[") for line in shown.splitlines())
    for words in ERRORS:
        assert "\x1b[1;91merror[" in cli(*words).err


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["--color", "never"], {}),
        (["--color=never"], {"FORCE_COLOR": "1"}),
        ([], {"NO_COLOR": "1"}),
        ([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}),
        ([], {"TERM": "dumb"}),
        ([], {"NETINSPECT_COLOR": "never"}),
    ],
)
def test_terminal_output_without_color(
    cli: Cli,
    terminal: None,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    environment: dict[str, str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for line in (*(command_line(each, "lenet") for each in COMMANDS), *ERRORS):
        outcome = cli(*line, *words)
        assert "\x1b" not in outcome.out
        assert "\x1b" not in outcome.err
        assert "error[" in outcome.err or ("lenet" if "lenet" in line else "netinspect") in outcome.out
    assert "\x1b" not in cli("--help").out
    assert "\x1b" not in cli("summary", "--help", *words).out


@pytest.mark.parametrize("command", COMMANDS)
def test_color_always_in_pipe(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[1m" in cli(*command_line(command, "lenet"), "--color", "always").out
    assert "\x1b[1;91merror" in cli(command, "--color", "always", "--zzz").err


def test_color_always_refuses_other_formats(cli: Cli) -> None:
    for format in set(Format) - {Format.RICH}:
        assert "\x1b" not in cli("summary", "lenet", "--color", "always", "--format", format).out


def test_color_keeps_text(cli: Cli) -> None:
    import re

    # The reports of these two name the colour itself.
    for command in set(COMMANDS) - {"config", "doctor"}:
        words = [*command_line(command, "lenet"), "--width", "70"]
        shown = cli(*words, "--color", "always").out
        assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == cli(*words).out
