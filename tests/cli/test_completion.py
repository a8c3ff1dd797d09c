"""Tests of shell completion, which imports no torch and runs no file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netinspect.cli.completion import complete_pattern, complete_target
from netinspect.targets.samples import sample_names

SHOW = """
import sys
from netinspect.cli.run import run
code = run(sys.argv[1:])
assert not {"torch", "numpy", "rich"} & set(sys.modules), "heavy imports"
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("len", ["lenet"]),
        ("two", ["two_inputs"]),
        ("al", ["alexnet"]),
        ("net.", ["net.py"]),
        ("fold", ["folder/"]),
        ("save", ["saved.json"]),
        ("sever", ["several.py"]),
        ("several.py:", ["several.py:First", "several.py:Second", "several.py:Plain"]),
        ("several.py:S", ["several.py:Second"]),
        ("./several.py:S", ["./several.py:Second"]),
        ("./net", ["./net.py"]),
        ("folder/", ["folder/inner.py"]),
        ("gone/", []),
        ("gone.py:", []),
        ("syntax.py:", []),
        ("weights", ["weights.pt"]),
        ("timm:convnext_at", ["timm:convnext_atto", "timm:convnext_atto_ols", "timm:convnext_atto_rms"]),
        ("torchvision:resnet1", [f"torchvision:resnet{size}" for size in (18, 101, 152)]),
        ("transformers:BertForMas", ["transformers:BertForMaskedLM"]),
        ("ti", ["timm:", "tiny_gpt"]),
        ("torchvi", ["torchvision:"]),
        ("timm:nothing_like_it", []),
        ("zzz", []),
        ("\0", []),
        ("\0.py:", []),
    ],
)
def test_complete_target(workshop: Path, typed: str, completed: list[str]) -> None:
    (workshop / "folder" / "inner.py").touch()
    assert sorted(complete_target(typed)) == sorted(completed)


def test_complete_pattern_lists_models_only(workshop: Path) -> None:
    assert complete_pattern("") == [*sample_names(), "torchvision:", "timm:", "transformers:"]
    assert complete_pattern("timm:convnext_attoo") == []
    assert complete_pattern("net.") == []


def test_complete_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert complete_target("timm:") == []


def test_complete_empty_word(workshop: Path) -> None:
    offered = complete_target("")
    assert "lenet" in offered
    assert "net.py" in offered
    assert not any(each.startswith(".") for each in offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_show_completion_script(shell: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW, "--show-completion", shell],
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_NETINSPECT_COMPLETE" in shown.stdout
    assert "\x1b" not in shown.stdout


def told_to_bash(words: list[str], current: int) -> list[str]:
    completed = subprocess.run(
        [sys.executable, "-m", "netinspect"],
        env={
            **os.environ,
            "_NETINSPECT_COMPLETE": "complete_bash",
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(current),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.stderr == ""
    return completed.stdout.split()


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("netinspect su", ["summary"]),
        ("netinspect --no-config he", ["help"]),
        ("netinspect help inp", ["inputs"]),
        ("netinspect lenet --form", ["--format"]),
        ("netinspect lenet --sort t", ["total_params", "tensors"]),
        ("netinspect summary len", ["lenet"]),
        ("netinspect summary lenet --form", ["--format"]),
        ("netinspect cost lenet --format ht", ["html"]),
        ("netinspect cost lenet --sort in", ["intensity"]),
        ("netinspect summary lenet --sort t", ["total_params", "tensors"]),
        # Bash breaks words at colons, and replaces only the text after the last one.
        ("netinspect summary several.py : F", ["First"]),
        ("netinspect summary several.py :", ["First", "Second", "Plain"]),
        ("netinspect summary timm : convnext_atto_", ["convnext_atto_ols", "convnext_atto_rms"]),
        ("netinspect summary timm : convnext_atto --form", ["--format"]),
        ("netinspect models torchvision : alex", ["alexnet"]),
        ("netinspect models torchv", ["torchvision:"]),
    ],
)
def test_bash_completion(workshop: Path, line: str, completed: list[str]) -> None:
    words = line.split()
    assert told_to_bash(words, len(words) - 1) == completed


def test_bash_completion_after_colon(workshop: Path) -> None:
    words = ["netinspect", "summary", "several.py", ":"]
    assert told_to_bash(words, len(words)) == ["First", "Second", "Plain"]
