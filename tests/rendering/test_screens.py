"""Golden screens at several widths. Review them when they change.

They contain no numbers that depend on the version of torch or on the machine. `test_invariants` checks
properties of the same views, so that an updated golden file cannot hide an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.api.command_names import COMMANDS
from tests.support import GOLDEN, Outcome, assert_golden

ROOT = Path(__file__).parent.parent.parent

SAMPLES = ["lenet", "resnet18", "tiny_gpt", "lstm_tagger", "two_inputs"]
SCREENS = [
    *(("summary", sample, width) for sample in SAMPLES for width in (60, 80, 120, 200)),
    *(
        (command, "lenet", width)
        for command in ("trace", "cost", "tree", "params", "source", "internals", "models")
        for width in (80, 120)
    ),
    ("trace", "lstm_tagger", 120),
    *(
        ("trace", sample, width)
        for sample in ("resnet18", "tiny_gpt", "shared_layer")
        for width in (60, 80, 120, 200)
    ),
    ("trace --no-fold", "tiny_gpt", 80),
    *(("cost", sample, width) for sample in ("resnet18", "tiny_gpt") for width in (60, 80, 120, 200)),
    *(("cost --tree", sample, width) for sample in ("resnet18", "tiny_gpt") for width in (80, 120)),
    ("cost --no-fold --top 8", "encoder", 80),
    *(("params", sample, width) for sample in ("resnet18", "tiny_gpt") for width in (60, 80, 120, 200)),
    ("params --no-fold", "tiny_gpt", 80),
    ("internals", "tiny_gpt", 80),
    ("internals", "tiny_gpt", 60),
    *(("tree", sample, 80) for sample in ("tiny_gpt", "shared_layer", "encoder")),
    *(("params --buffers", sample, 80) for sample in ("shared_layer", "tiny_gpt")),
    ("summary --functions", "shared_layer", 100),
    ("summary --functions --depth 1", "tiny_gpt", 100),
    ("summary --sort params --top 4", "resnet18", 80),
    ("trace --depth 1", "resnet18", 100),
    ("cost --depth 1", "resnet18", 100),
    ("cost --sort macs --top 4", "resnet18", 80),
    ("cost --by kind --backward", "tiny_gpt", 120),
    ("cost --by line", "lstm_tagger", 120),
    ("cost --by function", "lenet", 100),
    ("cost --by operator", "encoder", 120),
    ("summary --symbolic batch", "lenet", 100),
    ("cost --depth 1 --symbolic batch --symbolic seq", "tiny_gpt", 120),
    ("trace --symbolic batch", "two_inputs", 100),
    ("source --symbolic batch", "lenet", 100),
    ("source", "two_inputs", 120),
    *(
        ("graph", sample, width)
        for sample in ("lenet", "resnet18", "tiny_gpt")
        for width in (60, 80, 120)
    ),
    ("graph", "unet", 80),
    ("graph --depth 1", "unet", 60),
    ("graph --heat params", "two_inputs", 80),
    ("graph --symbolic batch", "lenet", 80),
]


def words_of(command: str, sample: str) -> list[str]:
    name, *options = command.split()
    return [name, *([] if name == "models" else [sample]), *options]


def normalize(text: str) -> str:
    """Remove the folder of the repository and the versions of netinspect, torch and Python."""
    text = re.sub(r'"(netinspect|torch|python)": "[0-9][^"]*"', r'"\1": "VERSION"', text)
    return text.replace(f"{ROOT}/", "")


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("command", "sample", "width"), SCREENS)
def test_screen(cli: Callable[..., Outcome], command: str, sample: str, width: int) -> None:
    outcome = cli(*words_of(command, sample), "--format", "rich", "--width", str(width))
    assert outcome.code == 0
    name = command.replace(" --", "_").replace(" ", "")
    suffix = "" if name == "models" else f"_{sample}"
    assert_golden(f"screens/{name}{suffix}_{width}.txt", normalize(outcome.out))


@pytest.mark.parametrize("format", ["plain", "csv", "json", "markdown"])
@pytest.mark.parametrize("command", ["summary", "trace", "cost", "tree", "params", "source", "models"])
def test_format(cli: Callable[..., Outcome], command: str, format: str) -> None:
    outcome = cli(*words_of(command, "lenet"), "--format", format)
    assert outcome.code == 0
    assert_golden(f"formats/{command}.{format}", normalize(outcome.out))


@pytest.mark.parametrize("format", ["html", "svg"])
@pytest.mark.parametrize("command", ["summary", "source"])
def test_picture(cli: Callable[..., Outcome], command: str, format: str) -> None:
    outcome = cli(*words_of(command, "lenet"), "--format", format, "--width", "100")
    assert outcome.code == 0
    assert_golden(f"formats/{command}.{format}", normalize(outcome.out))


@pytest.mark.parametrize("format", ["plain", "csv", "markdown"])
def test_graph_tables(cli: Callable[..., Outcome], format: str) -> None:
    outcome = cli("graph", "lenet", "--format", format)
    assert outcome.code == 0
    assert_golden(f"formats/graph.{format}", normalize(outcome.out))


@pytest.mark.parametrize("format", ["dot", "mermaid", "svg"])
@pytest.mark.parametrize("sample", ["lenet", "resnet18", "tiny_gpt"])
def test_graph(cli: Callable[..., Outcome], sample: str, format: str) -> None:
    outcome = cli("graph", sample, "--format", format)
    assert outcome.code == 0
    assert_golden(f"graphs/{sample}.{format}", normalize(outcome.out))


@pytest.mark.parametrize("inputs", ["1x28x28", "10x3x28x28", "10x1x32x32"])
def test_failure(cli: Callable[..., Outcome], inputs: str) -> None:
    outcome = cli("summary", "lenet", "-i", inputs, "--format", "rich", "--width", "100")
    assert outcome.code == 4
    assert_golden(f"failures/lenet_{inputs}.txt", normalize(outcome.out + "\n" + outcome.err))


def test_ascii_screen(cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    from netinspect.cli import console

    monkeypatch.setattr(console, "is_ascii", lambda stream: True)
    out = cli("summary", "two_inputs", "--width", "60").out
    assert out.isascii()
    assert_golden("screens/summary_two_inputs_60_ascii.txt", out)
    out = cli("graph", "unet", "--width", "70", "--depth", "1").out
    assert out.isascii()
    assert_golden("screens/graph_unet_70_ascii.txt", out)


@pytest.mark.parametrize("command", ["", *COMMANDS, "help"])
def test_help(cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = cli(*command.split(), "--help").out
    assert max(map(len, page.splitlines())) <= 80
    assert "\x1b" not in page
    assert "..." not in page.replace("[ARGS]...", "")  # no sentence is cut
    assert_golden(f"help/{command or 'netinspect'}.txt", page)


def test_golden_files_contain_no_paths_or_versions() -> None:
    import platform

    import torch

    files = [file for file in GOLDEN.rglob("*") if file.is_file()]
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert str(ROOT) not in text
        assert torch.__version__ not in text
        assert platform.python_version() not in text
        assert "site-packages" not in text
