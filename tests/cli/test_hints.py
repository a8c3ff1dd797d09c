"""Tests of the hints at a next command, on real terminals."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests import forked

ROOT = Path(__file__).parents[2]
TINY = "docs/examples/tiny.safetensors"
TUNED = "docs/examples/tuned.safetensors"


def last_line(
    *words: str, env: dict[str, str] | None = None, cwd: Path = ROOT, anew: bool = False
) -> str:
    shown = forked.on_a_terminal(*words, columns=120, lines=60, env=env, cwd=cwd, anew=anew)
    return shown.out.splitlines()[-1]


def hint(*words: str, cwd: Path = ROOT) -> str:
    """Return the command of the hint after a command."""
    shown = last_line(*words, cwd=cwd)
    assert shown.startswith("\x1b[2m"), shown
    return re.sub(r"\x1b\[[0-9;]*m", "", shown).partition(": ")[2]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lenet", "cost lenet"),
        ("summary lenet -i 10x1x28x28 --train --depth 1", "cost lenet --input 10x1x28x28 --train"),
        ("--no-config summary lenet --symbolic batch", "--no-config cost lenet --symbolic batch"),
        ("cost lenet --top 3 --symbolic batch --sort flops", "cost lenet --symbolic batch --tree"),
        ("cost lenet --include conv* --backward --no-fold", "cost lenet --backward --tree"),
        ("cost lenet --tree --depth 1 --columns macs -b 2", "cost lenet --batch 2 --by line"),
        ("cost lenet --by class --top 1", "memory lenet"),
        ("trace lenet --symbolic batch --explain-input --depth 1", "source lenet --symbolic batch"),
        ("tree lenet conv1", "source lenet conv1"),
        ("tree tiny_gpt blocks --depth 1", "source tiny_gpt blocks"),
        ("source lenet", "trace lenet"),
        ("source lenet fc1 --whole-class", "internals lenet fc1"),
        ("params lenet --buffers --sort bytes", "params lenet --buffers --stats"),
        ("params lenet --include fc* --top 1", "params lenet --include 'fc*' --stats"),
        (f"summary {TINY}", f"params {TINY} --stats"),
        ("summary docs/examples/untrusted.pt --depth 1", "globals docs/examples/untrusted.pt"),
        ("globals docs/examples/untrusted.pt", "summary docs/examples/untrusted.pt"),
        (f"diff {TINY} {TUNED} --exit-code --no-fold", f"diff {TINY} {TUNED} --compare-values"),
        ("diff lenet mlp --sort elements --top 3", "diff lenet mlp --counts"),
        ("memory lenet --batch 4 --depth 1", "memory lenet --batch 4 --train"),
        ("memory lenet --train --top 3", "memory lenet --train --device-memory 24GiB"),
    ],
)
def test_hint_after_view_runs(line: str, expected: str) -> None:
    command = hint(*line.split())
    assert command == f"netinspect {expected}"
    outcome = forked.run(*shlex.split(command)[1:], cwd=ROOT)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["cost", "--top", "2"], "cost {} --tree"),
        (["source"], "trace {}"),
        (["tree", "--depth", "1"], "source {}"),
    ],
    ids=str,
)
def test_hint_after_view_of_saved_trace_runs(words: list[str], expected: str, tmp_path: Path) -> None:
    forked.run("summary", "lenet", "--save", str(tmp_path / "saved.json"), "-q")
    command = hint(*words, "saved.json", cwd=tmp_path)
    assert command == f"netinspect {expected.format('saved.json')}"
    outcome = forked.run(*shlex.split(command)[1:], cwd=tmp_path)
    assert outcome.code == 0, outcome.err


def test_hint_is_quoted_and_works(workshop: Path) -> None:
    (workshop / "my net.py").write_text((workshop / "net.py").read_text())
    command = hint("summary", "my net.py", "--arg", "classes=5", "-i", "x=2x8", cwd=workshop)
    assert command == "netinspect cost 'my net.py' --input x=2x8 --arg classes=5"
    outcome = forked.run(*shlex.split(command)[1:], cwd=workshop)
    assert outcome.code == 0, outcome.err


def test_hint_follows_error_of_failed_run(workshop: Path) -> None:
    assert hint("summary", "net.py", "-i", "2x9", cwd=workshop) == "netinspect source net.py --input 2x9"
    assert "hint:" in last_line("source", "net.py", "-i", "2x9", cwd=workshop)


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (["-q"], {}),
        (["--json"], {}),
        ([], {"NETINSPECT_HINTS": "0"}),
        ([], {"CI": "true"}),
        ([], {"TERM": "dumb"}),
        (["-o", "/dev/null", "-f", "rich"], {}),
    ],
    ids=str,
)
def test_no_hint(words: list[str], env: dict[str, str]) -> None:
    assert "netinspect cost" not in last_line("summary", "lenet", *words, env=env)


def test_hint_setting_of_user(tmp_path: Path) -> None:
    file = tmp_path / "netinspect" / "netinspect.toml"
    file.parent.mkdir()
    file.write_text("hints = false\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "NETINSPECT_CACHE": "1"}
    assert "netinspect cost" not in last_line("summary", "lenet", env=env, anew=True)
    # The second answer is that of the cache.
    env["NETINSPECT_HINTS"] = "1"
    assert "netinspect cost" in last_line("summary", "lenet", env=env, anew=True)


def test_no_hint_in_pipe() -> None:
    assert "netinspect cost" not in forked.run("summary", "lenet", "--color", "always").err
