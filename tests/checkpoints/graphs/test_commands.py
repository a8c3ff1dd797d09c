"""Tests of the commands that draw model files, in processes in which torch cannot be imported."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.checkpoints.graphs.models import built
from tests.support import Outcome

pytestmark = pytest.mark.filterwarnings("ignore")  # torch deprecates two of the three exporters

FILES = ("gpt.pt2", "gpt.onnx", "gpt.pt", "gpt.safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model in each format, and a torch that fails on import."""
    folder = tmp_path_factory.mktemp("files")
    model, inputs = built("tiny_gpt")
    torch.export.save(torch.export.export(model, inputs), str(folder / "gpt.pt2"))
    torch.onnx.export(model, inputs, str(folder / "gpt.onnx"), dynamo=False)
    torch.jit.trace(model, inputs).save(str(folder / "gpt.pt"))
    safetensors.torch.save_model(model, str(folder / "gpt.safetensors"))
    (folder / "broken").mkdir()
    (folder / "broken" / "torch.py").write_text("raise SystemExit('torch was imported')\n")
    return folder


@pytest.fixture
def run(installed: Callable[..., Outcome], folder: Path) -> Callable[..., Outcome]:
    """Run a command in the folder, without torch."""
    paths = [str(folder / "broken"), os.environ.get("PYTHONPATH", "")]
    env = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return lambda *words: installed(*words, env=env, cwd=folder)


@pytest.mark.parametrize("file", FILES)
def test_graph_of_file(file: str, run: Callable[..., Outcome]) -> None:
    result = run("graph", file, "--depth", "1")
    assert result.code == 0, result.err
    rows = [line.split("\t") for line in result.out.splitlines() if not line.startswith("#")]
    assert rows[0] == ["name", "class", "output", "params", "count", "id", "reads"]
    names = [row[0] for row in rows]
    assert ("blocks" if file == "gpt.safetensors" else "blocks.0") in names
    notes = [line for line in result.out.splitlines() if line.startswith("# no ")]
    assert notes


@pytest.mark.parametrize("file", FILES)
def test_graph_of_one_module_of_file(file: str, run: Callable[..., Outcome]) -> None:
    result = run("graph", file, "blocks.1", "-f", "json")
    assert result.code == 0, result.err
    missing = run("graph", file, "blocks.7")
    assert missing.code == 2
    assert "blocks.7 is not in the graph" in missing.err


@pytest.mark.parametrize("file", FILES)
def test_files_of_graph_and_page(file: str, run: Callable[..., Outcome], folder: Path) -> None:
    for output in ("net.dot", "net.mmd", "net.json"):
        result = run("graph", file, "-o", output)
        assert result.code == 0, result.err
        assert (folder / output).stat().st_size > 100
    result = run("page", file, "-o", "page.html")
    assert result.code == 0, result.err
    assert "perceptron" in (folder / "page.html").read_text(encoding="utf-8")


def test_graph_of_damaged_file(run: Callable[..., Outcome], folder: Path) -> None:
    (folder / "cut.onnx").write_bytes((folder / "gpt.onnx").read_bytes()[:-1000])
    result = run("graph", "cut.onnx")
    assert result.code != 0
    assert "cut.onnx is not whole" in result.err
    assert "Traceback" not in result.err
