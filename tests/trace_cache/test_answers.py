"""Tests that cached traces equal new ones, and are read without torch."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import netinspect
from netinspect.records.trace import Trace
from netinspect.runner.cached_traces import is_same_without_forward, without_forward
from netinspect.trace_cache.lookup import TraceCache
from tests.support import PATIENCE, Outcome
from tests.trace_cache.queries import Asker, write

pytestmark = pytest.mark.slow

Cli = Callable[..., Outcome]

COMMANDS = (
    ("summary", "--format", "rich"),
    ("summary", "--functions", "--format", "json"),
    ("trace", "--inside-layers", "--format", "plain"),
    ("tree", "--format", "json"),
    ("params", "--buffers", "--format", "csv"),
    ("source", "--format", "markdown"),
    ("internals", "--format", "json"),
    ("summary", "--explain-input"),
)


def test_second_command_is_answered(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ask = Asker(tmp_path, tmp_path / "home")
    assert ask("summary", "tiny_gpt").code == 0
    for command, *options in COMMANDS:
        words = (command, "tiny_gpt", *options)
        fresh, cached = cli(*words, "--no-cache"), ask(*words, blocked=True)
        assert (cached.code, cached.out, cached.err) == (fresh.code, fresh.out, fresh.err), words
    saved = (tmp_path / "fresh.json", tmp_path / "cached.json")
    assert cli("summary", "tiny_gpt", "--no-cache", "--save", str(saved[0])).code == 0
    assert ask("summary", "tiny_gpt", "--save", str(saved[1]), blocked=True).code == 0
    assert saved[0].read_bytes() == saved[1].read_bytes()


def test_cached_failure_is_reported(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ask = Asker(tmp_path, tmp_path / "home")
    words = ("summary", "lenet", "-i", "10x1x32x32")
    assert ask(*words).code == 4
    fresh, cached = cli(*words), ask(*words, blocked=True)
    assert (cached.code, cached.out, cached.err) == (4, fresh.out, fresh.err)
    # A trace without a forward would not have failed.
    assert not ask.is_answered("tree", "lenet")


def test_trace_without_forward_ignores_inputs(tmp_path: Path) -> None:
    ask = Asker(tmp_path, tmp_path / "home")
    assert ask("summary", "lenet", "-i", "3x1x28x28").code == 0
    assert ask.is_answered("tree", "lenet")
    assert ask.is_answered("params", "lenet")
    assert ask.is_answered("summary", "lenet", "-i", "3x1x28x28")
    assert not ask.is_answered("summary", "lenet")
    assert not ask.is_answered("params", "lenet", "--stats")


def test_cached_answer_is_reported_on_terminal(tmp_path: Path) -> None:
    ask = Asker(tmp_path, tmp_path / "home")

    def on_terminal(*words: str) -> tuple[str, str]:
        """Return stdout, and stderr as written to a terminal."""
        master, slave = os.openpty()
        process = ask.start("tree", "mlp", *words, stderr=slave)
        os.close(slave)
        out, _ = process.communicate(timeout=PATIENCE)
        err = ""
        with suppress(OSError):  # the end of a terminal is an error
            while part := os.read(master, 4096):
                err += part.decode()
        os.close(master)
        assert process.returncode == 0
        # Progress is removed again.
        return out, re.sub("\r\x1b\\[2K(\x1b\\[2m[\u2800-\u28ff] [^\r\n]*\x1b\\[0m)?", "", err)

    out, err = on_terminal()
    assert err == ""
    assert on_terminal()[0] == out
    line = "mlp: cached trace of [0-9]+ (s|min) ago \\(--no-cache runs the model again\\)"
    assert re.fullmatch(f"\x1b\\[2m{line}\x1b\\[0m\r\n", on_terminal()[1])
    assert re.fullmatch(f"{line}\r\n", on_terminal("--color", "never")[1])
    assert on_terminal("-q") == (out, "")
    assert on_terminal("--no-cache") == (out, "")
    piped = ask("tree", "mlp")
    assert (piped.out, piped.err) == (out, "")


def test_answer_in_another_terminal_and_with_verbose(tmp_path: Path) -> None:
    ask = Asker(tmp_path, tmp_path / "home")
    assert "\ntraced mlp in " in ask("tree", "mlp", "-v").err
    other = {
        **{"WT_SESSION": "1", "KITTY_WINDOW_ID": "2", "TERM_PROGRAM": "vscode", "VTE_VERSION": "7600"},
        **{"TMUX_PANE": "%1", "VSCODE_IPC_HOOK_CLI": "/run/x", "TERM": "xterm-kitty", "LINES": "50"},
    }
    answer = ask("tree", "mlp", "-v", blocked=True, env=other)
    assert answer.code == 0
    assert re.search(r"^read the cached trace of mlp in \d+\.\d\d s: torch ", answer.err, re.MULTILINE)
    assert "traced" not in answer.err
    assert ask("tree", "mlp", "--save", "mlp.json", "-q").code == 0
    saved = ask("tree", "mlp.json", "-v", blocked=True)
    assert saved.err.startswith("read a saved trace of mlp in ")


TALKS = """\
import sys
import warnings

from torch import nn

EXAMPLE_INPUTS = ("x=2x8",)
print("hello from the import")


class Talks(nn.Module):
    def forward(self, x):
        print("\\x1b[31mhello from forward", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        return x * 2
"""


def test_cached_output_of_model_is_printed(tmp_path: Path) -> None:
    write(tmp_path, {"talks.py": TALKS})
    ask = Asker(tmp_path, tmp_path / "home")
    first, second = ask("summary", "talks.py"), ask("summary", "talks.py", blocked=True)
    assert first.code == second.code == 0
    assert first.out == second.out
    for words in ("hello from the import", "hello from forward", "UserWarning: careful"):
        assert words in first.err
        assert words in second.err
    # The model's own text is the same in both, not escaped in one.
    assert "\x1b[31mhello from forward\n" in first.err
    assert "\x1b[31mhello from forward\n" in second.err
    assert not ask.is_answered("tree", "talks.py")  # it would have printed less


def test_no_cache_reads_and_writes_nothing(tmp_path: Path) -> None:
    ask = Asker(tmp_path, tmp_path / "home")
    assert ask("tree", "mlp", "--no-cache").code == 0
    assert ask("tree", "mlp", env={"NETINSPECT_CACHE": "0"}).code == 0
    assert not ask.home.exists()


SEVERAL = {
    "nets.py": """\
from torch import nn


class Lazy(nn.Sequential):
    def __init__(self):
        super().__init__(nn.LazyLinear(4), nn.ReLU())


class Normal(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))


class Fails(nn.Module):
    def forward(self, x):
        raise ValueError("no")


class Hidden(nn.Module):
    def __init__(self):
        super().__init__()
        self.plain = [nn.Linear(3, 3)]

    def forward(self, x):
        return self.plain[0](x)
""",
}
NETS = ("Item", "Branch", "Mask", "Numpy", "Inverts", "Builds", "BuildsFromWeights", "Refuses")
WARNED = ("Inverts", "Numpy", "Refuses")
"""Targets whose trace with a forward prints or warns more than one without."""


@pytest.mark.parametrize(
    ("target", "is_same"),
    [
        *((name, True) for name in ("lenet", "tiny_gpt", "resnet18", "shared_layer", "two_inputs")),
        *((f"tests.nets.valued:{name}", name not in WARNED) for name in NETS),
        ("nets.py:Lazy", False),
        ("nets.py:Normal", True),
        ("nets.py:Fails", False),
        ("nets.py:Hidden", False),
        ("timm:resnet18", True),
        ("torchvision:squeezenet1_1", True),
    ],
)
def test_trace_with_forward_answers_request_without(
    target: str, is_same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cached trace without its forward equals a trace that was made without one."""
    write(tmp_path, SEVERAL)
    if ".py" in target:
        monkeypatch.chdir(tmp_path)
    ran: Trace = netinspect.load(target, code=True)
    still: Trace = netinspect.load(target, code=True, run=False)
    assert is_same_without_forward(ran) == is_same
    if is_same:
        assert without_forward(ran) == still


def test_process_with_torch_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has imported torch, and may have changed it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # which other tests do not use
    traces = TraceCache()
    netinspect.load("mlp", cache=traces)
    assert "has already imported torch or user code" in traces.outcome
    assert netinspect.cache().record.entries == 0
