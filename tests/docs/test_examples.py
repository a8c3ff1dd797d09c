"""Console and Python examples of the README and of docs/."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from models.lenet import LeNet

from tests.support import Outcome

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))
_CONSOLE = re.compile(r"```console\n\$ netinspect (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
_EXPECTED_VALUE = re.compile(r"['\"\d(\[]|True|False|None")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def console_examples() -> list[tuple[Path, str]]:
    return [(page, match["command"]) for page in PAGES for match in _CONSOLE.finditer(text_of(page))]


@pytest.mark.parametrize(
    ("page", "command"),
    [pytest.param(page, command, id=f"{page.stem}: {command}") for page, command in console_examples()],
)
def test_console_example_output(
    page: Path, command: str, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = re.search(r"^torch==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    if not torch.__version__.startswith(pinned[1]) and command.startswith(("internals", "tree")):
        pytest.skip(f"the output shows code and layers of torch {pinned[1]}")
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NETINSPECT_FORMAT", "rich")
    monkeypatch.setenv("NETINSPECT_WIDTH", "112")
    outcome = cli(*shlex.split(command))
    assert "error[usage]" not in outcome.err
    shown = (outcome.out + outcome.err).replace(f"{ROOT}{os.sep}", "")
    text = text_of(page)
    if os.environ.get("UPDATE_GOLDEN"):
        text = _CONSOLE.sub(
            lambda match: (
                f"```console\n$ netinspect {command}\n{shown}```"
                if match["command"] == command
                else match[0]
            ),
            text,
        )
        page.write_text(text, encoding="utf-8")
    found = next(match for match in _CONSOLE.finditer(text) if match["command"] == command)
    assert shown == found["output"]


@pytest.mark.parametrize(
    "page", [each for each in PAGES if _PYTHON.search(text_of(each))], ids=lambda page: page.stem
)
def test_python_example_values(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value after `  # ` is that of the expression before it."""
    monkeypatch.chdir(ROOT)
    namespace: dict[str, Any] = {"model": LeNet(), "x": torch.randn(10, 1, 28, 28)}
    checked = 0
    for block in _PYTHON.findall(text_of(page)):
        exec(block, namespace)
        for line in block.splitlines():
            expression, mark, shown = line.partition("  # ")
            if mark and _EXPECTED_VALUE.match(shown):
                assert repr(eval(expression, namespace)) == shown, expression
                checked += 1
    assert checked > 0
