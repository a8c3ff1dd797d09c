"""Tests of shell completion, which imports no torch and runs no file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.cli.completion import complete_pattern, complete_target
from netinspect.cli.completion_values import column_keys
from netinspect.targets.samples import sample_names
from tests.support import Outcome
from tests.trace_cache.queries import Asker

TINY = Path(__file__).parents[2] / "docs" / "examples" / "tiny.safetensors"

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
        ("diffusers:UNet2DC", ["diffusers:UNet2DConditionModel"]),
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


def test_complete_pattern_lists_models_and_places(workshop: Path) -> None:
    offered = complete_pattern("")
    assert offered[: len(sample_names()) + 4] == [
        *sample_names(),
        "torchvision:",
        "timm:",
        "transformers:",
        "diffusers:",
    ]
    assert {"folder/", "net.py"} <= {*offered}
    assert "weights.pt" not in offered
    assert complete_pattern("timm:convnext_attoo") == []
    assert complete_pattern("net.") == ["net.py"]


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
        ("netinspect co", ["cost", "config"]),
        ("netinspect le", ["lenet"]),
        ("netinspect several", ["several.py"]),
        ("netinspect several.py : F", ["First"]),
        ("netinspect timm : convnext_atto_o", ["convnext_atto_ols"]),
        ("netinspect summary lenet --columns ma", ["macs"]),
        ("netinspect lenet --columns path,par", ["path,params"]),
        ("netinspect params lenet --columns name,shape,medi", ["name,shape,median"]),
        ("netinspect cost lenet --by op", ["operator"]),
        ("netinspect trace lenet --tensors z", ["zeros"]),
        ("netinspect source saved.json f", ["fc1", "fc2", "fc3"]),
        ("netinspect --no-config he", ["help"]),
        ("netinspect help inp", ["inputs"]),
        ("netinspect lenet --form", ["--format"]),
        ("netinspect lenet --sort t", ["tensors"]),
        ("netinspect summary len", ["lenet"]),
        ("netinspect summary lenet --form", ["--format"]),
        ("netinspect cost lenet --format ht", ["html"]),
        ("netinspect cost lenet --sort in", ["intensity"]),
        ("netinspect summary lenet --sort t", ["tensors"]),
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


def test_completion_of_modules_of_cached_trace_and_checkpoint(tmp_path: Path) -> None:
    ask = Asker(tmp_path, tmp_path / "home")

    def completed(*words: str) -> list[str]:
        line = ["netinspect", *words]
        variables = {
            "_NETINSPECT_COMPLETE": "complete_bash",
            "COMP_WORDS": "\n".join(line),
            "COMP_CWORD": str(len(line) - 1),
        }
        outcome = ask(blocked=True, env=variables)
        assert outcome.err == ""
        return outcome.out.split()

    assert completed("source", "tiny_gpt", "b") == []
    assert ask("tree", "tiny_gpt", "-q").code == 0
    assert completed("source", "tiny_gpt", "b") == ["blocks"]
    assert completed("internals", "tiny_gpt", "blocks.") == ["blocks.0", "blocks.1", "blocks.2"]
    assert "blocks.0.attention" in completed("tree", "tiny_gpt", "blocks.0.")
    assert completed("tree", str(TINY), "m") == ["model"]


def test_column_keys_have_all_columns(cli: Callable[..., Outcome]) -> None:
    for words in (
        *("summary lenet", f"summary {TINY}", "params lenet --stats", f"params {TINY} --stats"),
        *("cost lenet", "cost lenet --by operator", "cost lenet --by line", "trace lenet --backward"),
        *("tree lenet", f"tree {TINY}", f"diff {TINY} {TINY}", f"globals {TINY}", "models vit"),
    ):
        printed = " ".join(cli(*words.split(), "--columns", "zzz", "-f", "csv").err.split())
        listed = printed.partition("the columns are: ")[2].partition(";")[0].split(", ")
        assert listed != [""]
        assert set(listed) <= set(column_keys(words.split()[0])), words
