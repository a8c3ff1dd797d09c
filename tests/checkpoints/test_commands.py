"""Tests of the commands on checkpoints, with golden screens and errors."""

from __future__ import annotations

import csv
import io
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reports.checkpoints import llama
from tests.support import PATIENCE, Outcome, assert_golden

SIZES = {"F32": 4, "F16": 2, "I64": 8}


def write(file: Path, tensors: dict[str, tuple[str, tuple[int, ...]]], **metadata: str) -> None:
    """Write a safetensors file of zeros, its bytes in the order given."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, (dtype, shape) in tensors.items():
        size = SIZES[dtype]
        for each in shape:
            size *= each
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(at))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a file of a small Llama, and a model of it in two shards."""
    monkeypatch.chdir(tmp_path)
    tensors = {name: ("F32" if len(shape) == 1 else "F16", shape) for name, shape in llama(3).items()}
    write(tmp_path / "llama.safetensors", tensors, format="pt")
    model = tmp_path / "model"
    model.mkdir()
    shards: dict[str, list[str]] = {
        "model-00001-of-00002.safetensors": [],
        "model-00002-of-00002.safetensors": [],
    }
    for number, name in enumerate(tensors):
        shards[list(shards)[number % 2]].append(name)
    for shard, names in shards.items():
        write(model / shard, {name: tensors[name] for name in names})
    index = {"weight_map": {name: shard for shard, names in shards.items() for name in names}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    (model / "config.json").write_text('{"model_type": "llama", "hidden_size": 8}')
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("width", ["60", "80", "120"])
@pytest.mark.parametrize(
    "words", ["summary llama.safetensors", "params model", "tree llama.safetensors", "summary model"]
)
def test_command_screens(cli: Callable[..., Outcome], words: str, width: str) -> None:
    outcome = cli(*words.split(), "--width", width)
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= int(width)
    assert_golden(f"screens/checkpoint_{words.replace(' ', '_')}_{width}.txt", outcome.out)


@pytest.mark.usefixtures("folder")
def test_command_index_equals_folder(cli: Callable[..., Outcome]) -> None:
    rows = [
        json.loads(cli("params", target, "-f", "json").out)["rows"]
        for target in ("model", "model/model.safetensors.index.json")
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) == len(llama(3))


@pytest.mark.parametrize("format", ["plain", "csv"])
def test_command_notes_which_set_was_read(
    folder: Path, cli: Callable[..., Outcome], format: str
) -> None:
    write(folder / "model" / "model.safetensors", {"w": ("F32", (2,))})
    outcome = cli("params", "model", "-f", format)
    assert outcome.code == 0
    comments = outcome.out if format == "plain" else outcome.err
    assert "# note: model.safetensors was read; these weights next to it were not:" in comments
    assert cli("params", "model", "-f", format, "--quiet").err == ""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("format", ["plain", "csv", "json", "markdown"])
@pytest.mark.parametrize("command", ["summary", "params", "tree"])
def test_command_every_output_format_has_every_tensor(
    cli: Callable[..., Outcome], command: str, format: str
) -> None:
    outcome = cli(command, "llama.safetensors", "-f", format)
    assert outcome.code == 0
    if format == "json":
        data = json.loads(outcome.out)
        assert data["totals"]["elements"] == 100 * 8 * 2 + 8 + 3 * (4 * 64 + 3 * 128 + 8)
    if format == "csv" and command == "params":
        rows = list(csv.DictReader(io.StringIO(outcome.out)))
        assert [row["name"] for row in rows] == list(llama(3))
        assert int(rows[0]["offset"]) > 8
    if format == "plain" and command == "params":
        lines = [line for line in outcome.out.splitlines() if not line.startswith("#")]
        assert len(lines) == 1 + len(llama(3))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "words",
    ["trace", "cost", "source", "internals", "memory"],
)
def test_command_that_needs_a_model_refuses_checkpoint(cli: Callable[..., Outcome], words: str) -> None:
    outcome = cli(words, "llama.safetensors")
    assert outcome.code == 2
    assert "llama.safetensors is a checkpoint: it has tensors, but no forward" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "option", ["--input=1x3", "--arg=a=1", "--train", "--save=x.json", "--batch=2", "--device=cpu"]
)
def test_command_refuses_model_options_for_checkpoint(cli: Callable[..., Outcome], option: str) -> None:
    outcome = cli("params", "llama.safetensors", option)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error[usage]: {option.partition('=')[0]} is for models")
    assert not Path("x.json").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("command", "option"), [("params", "--values"), ("summary", "--functions")])
def test_command_refuses_missing_columns_of_checkpoint(
    cli: Callable[..., Outcome], command: str, option: str
) -> None:
    outcome = cli(command, "llama.safetensors", option)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error[usage]: {option} is for models")


def test_command_ignores_model_settings_of_project(
    cli: Callable[..., Outcome], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "netinspect.toml").write_text('input = ["1x3x8x8"]\nbatch = 2\n')
    monkeypatch.setenv("NETINSPECT_SEED", "3")
    assert cli("params", "llama.safetensors").code == 0


def test_command_reports_missing_shard_and_shows_the_rest(
    cli: Callable[..., Outcome], folder: Path
) -> None:
    (folder / "model" / "model-00002-of-00002.safetensors").unlink()
    for command in ("params", "summary", "tree"):
        outcome = cli(command, "model", "-f", "rich")
        assert outcome.code == 1
        assert "PROBLEM: shard model-00002-of-00002.safetensors" in outcome.out
        assert "embed_tokens" in outcome.out
        plain = cli(command, "model", "-f", "plain")
        assert (plain.code, "PROBLEM" in plain.out) == (1, True)
        assert plain.err.startswith("problem: shard model-00002-of-00002.safetensors")


def test_command_escapes_names_for_terminal(cli: Callable[..., Outcome], folder: Path) -> None:
    hostile = "a\x1b[2J\u202e\x9b[bold]:smile:\nb.w"
    write(folder / "bad.safetensors", {hostile: ("F32", (1,))}, key="\x1b]0;title\x07")
    for command in ("params", "summary", "tree"):
        for format, *width in (("rich", "--width", "200"), ("plain",), ("csv",), ("markdown",)):
            out = cli(command, "bad.safetensors", "-f", format, *width).out
            assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(out)
            assert "[bold]:smile:" in out.replace("\\", "")


@pytest.mark.usefixtures("folder")
def test_command_does_not_import_torch_numpy_or_rich() -> None:
    code = (
        "import sys\nfrom netinspect.cli.run import run\n"
        "for command in ('params', 'summary', 'tree'):\n"
        "    assert run([command, 'llama.safetensors', '-f', 'plain', '-o', 'out.tsv', '-q']) == 0\n"
        "print(sorted({'torch', 'numpy', 'rich.console', 'zipfile', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.strip() == "[]"
