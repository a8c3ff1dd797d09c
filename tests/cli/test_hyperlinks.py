"""Tests of links to source code (OSC 8), in real processes."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import forked
from tests.support import Outcome

LINK = re.compile(r"\x1b\]8;;([^\x1b]*)\x1b\\([^\x1b]+)\x1b\]8;;\x1b\\")
TERMINALS = [
    {"TERM_PROGRAM": "WezTerm"},
    {"TERM_PROGRAM": "vscode"},
    {"VTE_VERSION": "7600"},
    {"KITTY_WINDOW_ID": "1"},
    {"WT_SESSION": "0f1e"},
    {"DOMTERM": "version=3"},
    {"TERM": "foot-extra"},
    {"FORCE_HYPERLINK": "1"},
]
OTHERS = [
    {},
    {"VTE_VERSION": "5000"},
    {"TERM_PROGRAM": "Apple_Terminal"},
    {"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/tmux"},
    {"KITTY_WINDOW_ID": "1", "TERM": "dumb"},
    {"KITTY_WINDOW_ID": "1", "CI": "1"},
    {"KITTY_WINDOW_ID": "1", "FORCE_HYPERLINK": "0"},
]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "TERM_PROGRAM",
        "VTE_VERSION",
        "KITTY_WINDOW_ID",
        "WT_SESSION",
        "DOMTERM",
        "TMUX",
        "STY",
    ):
        monkeypatch.delenv(name, raising=False)


def terminal(*words: str, env: dict[str, str], cwd: Path) -> str:
    env = {"TERM": "xterm", **env}
    outcome = forked.on_a_terminal(*words, "-q", columns=120, lines=50, env=env, cwd=cwd)
    assert outcome.code == 0, outcome.out
    return outcome.out


def test_class_is_link_to_its_definition(workshop: Path) -> None:
    folder = workshop / "my nets #1"
    folder.mkdir()
    (folder / "net.py").write_text((workshop / "net.py").read_text())
    for command in ("summary", "tree"):
        text = terminal(command, "my nets #1/net.py", env=TERMINALS[0], cwd=workshop)
        (address, label), *_ = LINK.findall(text)
        assert label == "Net"
        place = f"{folder}/net.py".replace(" ", "%20").replace("#", "%23")
        assert address == f"file://{socket.gethostname()}{place}#4"


def test_called_at_is_link(workshop: Path) -> None:
    env = {**TERMINALS[0], "NO_COLOR": "1"}
    text = terminal("trace", "net.py", "--columns", "name,called_at", env=env, cwd=workshop)
    ((address, label),) = LINK.findall(text)
    assert label == "net.py:10"
    assert address.endswith("/net.py#10")
    assert "\x1b[" not in text  # no colour


@pytest.mark.parametrize("env", TERMINALS, ids=str)
def test_terminal_with_links(env: dict[str, str], workshop: Path) -> None:
    assert "\x1b]8;" in terminal("tree", "net.py", env=env, cwd=workshop)


@pytest.mark.parametrize("env", OTHERS, ids=str)
def test_terminal_without_links(env: dict[str, str], workshop: Path) -> None:
    assert "\x1b]8;" not in terminal("tree", "net.py", env=env, cwd=workshop)


def test_no_links_without_color(workshop: Path) -> None:
    text = terminal("tree", "net.py", "--color", "never", env=TERMINALS[0], cwd=workshop)
    assert "\x1b" not in text


@pytest.mark.parametrize("words", [(), ("--color", "always"), ("-f", "html"), ("-f", "svg")])
def test_no_links_in_pipe(
    installed: Callable[..., Outcome], workshop: Path, words: tuple[str, ...]
) -> None:
    outcome = installed("tree", "saved.json", *words, env=TERMINALS[0], cwd=workshop)
    assert outcome.code == 0
    assert "]8;" not in outcome.out
    assert "file://" not in outcome.out


def test_links_are_removed_for_pager(workshop: Path) -> None:
    env = {**TERMINALS[0], "PAGER": "cat -A"}
    text = terminal("tree", "resnet18", "--no-fold", env=env, cwd=workshop)
    assert "$" in text  # paged
    assert "]8;" not in text
