"""The README: length, first page, table of commands, and the commands of a new user."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netinspect.api.command_names import GROUPS
from tests.docs.test_examples import README, ROOT, text_of
from tests.support import Outcome

_OF_SITE = ("api", "records")
"""Pages whose content is only in the site, made from docstrings."""

_NET = """\
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes=4, act=nn.ReLU):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.act = act()
        self.fc = nn.Linear(8, num_classes)

    def forward(self, x):
        return self.fc(self.act(self.conv(x)).mean((2, 3)))
"""


def section(title: str) -> str:
    """Return the text below a heading of the README."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## )", text_of(README), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_readme_length() -> None:
    assert len(text_of(README).splitlines()) <= 200


def test_own_model_is_on_the_first_page() -> None:
    first_page = text_of(README).splitlines()[:40]
    assert "    netinspect summary net.py:Net" in first_page
    for words in ("If no input is given", "--input", "--arg"):
        assert any(words in line for line in first_page), words


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    re.findall(r"^    netinspect (.* net\.py:Net.*)$", section("Your own model"), re.MULTILINE),
)
def test_command_for_an_own_model(
    command: str, installed: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(_NET, encoding="utf-8")
    outcome = installed(*shlex.split(command), cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("path\tclass\t")
    assert "conv\tConv2d\t" in outcome.out


def rows() -> Iterator[tuple[str, str]]:
    """Yield group and name of each command in the table."""
    group = ""
    for start, name, page in re.findall(
        r"^\| (\w*) ?\| \[`(\w+)`\]\(docs/reference/commands/(\w+)\.md\) \| .+ \|$",
        section("Commands"),
        re.MULTILINE,
    ):
        assert page == name
        group = start or group
        yield group, name


def test_readme_names_every_command() -> None:
    """The groups are those of `netinspect help`, which is itself the last command."""
    assert [*rows()] == [
        *((group, name) for group, names in GROUPS.items() for name in names),
        ("tool", "help"),
    ]


def test_readme_links_every_page() -> None:
    text = text_of(README)
    folders = ("how-to", "reference", "explanation", "measurements")
    pages = [page for each in folders for page in sorted((ROOT / "docs" / each).glob("*.md"))]
    names = [
        page.relative_to(ROOT).as_posix() for page in pages if page.stem not in ("index", *_OF_SITE)
    ]
    assert [name for name in names if f"]({name}" not in text] == []


def test_ci_runs_the_second_command_of_the_readme() -> None:
    commands = re.findall(r"^    (python3 -m venv .*)$", text_of(README), re.MULTILINE)
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
