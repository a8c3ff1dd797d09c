"""The README's claims, run: every console example, the Python example, and the two commands."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from models.lenet import LeNet

from tests.support import Outcome

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
_CONSOLE = re.compile(r"```console\n\$ netinspect (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)


def examples() -> list[str]:
    return [match["command"] for match in _CONSOLE.finditer(README.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("command", examples())
def test_a_console_example_prints_what_the_readme_shows(
    command: str, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = re.search(r"^torch==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    if not torch.__version__.startswith(pinned[1]) and command.startswith(("internals", "tree")):
        pytest.skip(f"it shows torch's own code and layers, as they are in torch {pinned[1]}")
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NETINSPECT_FORMAT", "rich")
    monkeypatch.setenv("NETINSPECT_WIDTH", "112")
    outcome = cli(*shlex.split(command))
    shown = outcome.out + outcome.err
    text = README.read_text(encoding="utf-8")
    if os.environ.get("UPDATE_GOLDEN"):
        text = _CONSOLE.sub(
            lambda match: (
                f"```console\n$ netinspect {command}\n{shown}```"
                if match["command"] == command
                else match[0]
            ),
            text,
        )
        README.write_text(text, encoding="utf-8")
    found = next(match for match in _CONSOLE.finditer(text) if match["command"] == command)
    assert shown == found["output"]


def test_every_command_has_an_example() -> None:
    from netinspect.cli.app import COMMANDS

    text = README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"netinspect {name}" not in text] == []


def test_the_python_example_runs() -> None:
    text = README.read_text(encoding="utf-8")
    match = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert match is not None
    namespace: dict[str, object] = {"model": LeNet(), "x": torch.randn(10, 1, 28, 28)}
    exec(match[1], namespace)
    line = match[1].strip().splitlines()[-1]
    expression, _, comment = line.partition("  # ")
    assert repr(eval(expression, namespace)) == comment


def test_ci_runs_the_second_command_of_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    commands = re.findall(r"^    (python3 -m venv .*)$", text, re.MULTILINE)
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
