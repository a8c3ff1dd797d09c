"""Tests of the `source` report: code annotated with shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import netinspect
from netinspect.errors import SavedTraceError, UsageError
from netinspect.reports.source.compute import annotate_source
from netinspect.reports.source.record import Source
from tests.reports.traces import SAMPLES, trace_of
from tests.support import Outcome


def notes(report: Source) -> dict[str, str]:
    """Return the notes by the text of their line."""
    return {
        line.text.strip(): line.note
        for listing in report.listings
        for line in listing.lines
        if line.note
    }


def annotated(code: str, folder: Path, *inputs: str, path: str = "") -> dict[str, str]:
    file = folder / "net.py"
    file.write_text("import torch\nfrom torch import nn\nimport torch.nn.functional as F\n" + code)
    return notes(annotate_source(netinspect.load(f"{file}:Net", inputs=inputs, code=True), path=path))


def test_source_of_lenet_matches_tutorial_comments() -> None:
    found = notes(annotate_source(trace_of("lenet")))
    assert found["def forward(self, x: Tensor) -> Tensor:"] == "(10,1,28,28)"
    assert (
        found["x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))"]
        == "(10,1,28,28) -> (10,6,24,24) -> (10,6,12,12)"
    )
    assert (
        found["x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))"]
        == "(10,6,12,12) -> (10,16,8,8) -> (10,16,4,4)"
    )
    assert found["x = x.view(x.size()[0], -1)"] == "(10,16,4,4) -> (10,256)"
    assert found["x = F.relu(self.fc3(x))"] == "(10,84) -> (10,10)"
    assert found["return x"] == "(10,10)"
    assert found["self.fc1 = nn.Linear(256, 120)"] == "30,840 parameters"


def test_source_summarises_loops_and_repeated_calls() -> None:
    found = notes(annotate_source(trace_of("shared_layer")))
    assert found["x = x + step_size * torch.tanh(self.mixing(x))"] == "(8,32) -> (8,32)  x4"
    found = notes(annotate_source(trace_of("unet"), path="down1"))
    assert found["input = module(input)"].endswith("x6, 2 different")


def test_source_shows_both_results_of_a_line() -> None:
    (note,) = [
        note
        for text, note in notes(annotate_source(trace_of("two_inputs"))).items()
        if text.startswith("return {")
    ]
    assert note == "(4,64) -> (4,10), (4,1)"


def test_source_treats_nested_calls_as_one_run(tmp_path: Path) -> None:
    found = annotated(
        "class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return F.relu(x) + F.relu(x[:, :1])\n",
        tmp_path,
        "2x8",
    )
    assert found["return F.relu(x) + F.relu(x[:, :1])"] == "(2,8) -> (2,8)"


def test_source_shows_shapes_of_a_helper_call(tmp_path: Path) -> None:
    found = annotated(
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.fc = nn.Linear(8, 4)\n"
        "    def head(self, x):\n"
        "        return F.relu(self.fc(x))\n"
        "    def forward(self, x):\n"
        "        for _ in range(2):\n"
        "            y = self.head(x)\n"
        "        return y\n",
        tmp_path,
        "2x8",
    )
    assert found["return F.relu(self.fc(x))"] == "(2,8) -> (2,4)  x2"
    assert found["y = self.head(x)"].startswith("(2,8) -> (2,4)")
    assert found["return y"] == "(2,4)"


def test_source_notes_multi_line_statements_at_their_calls(tmp_path: Path) -> None:
    found = annotated(
        "class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return torch.cat(\n"
        "            [F.relu(x), x.sum(1, keepdim=True)],\n"
        "            dim=1,\n"
        "        )\n",
        tmp_path,
        "2x8",
    )
    assert found["[F.relu(x), x.sum(1, keepdim=True)],"] == "(2,8) -> (2,8), (2,1)"
    assert found["return torch.cat("] == "(2,8), (2,1) -> (2,9)"


def test_source_marks_the_failing_line() -> None:
    trace = netinspect.load("lenet", inputs=["10x1x32x32"], code=True)
    (line,) = [
        line for listing in annotate_source(trace).listings for line in listing.lines if line.failed
    ]
    assert line.text.strip() == "x = F.relu(self.fc1(x))"
    assert line.note == "(10,400) -> FAILED"


def test_source_shortens_torch_layers_unless_whole_class() -> None:
    short = annotate_source(trace_of("lenet"), path="conv1").listings[0]
    whole = annotate_source(trace_of("lenet"), path="conv1", whole_class=True).listings[0]
    assert len(short.lines) < len(whole.lines) == whole.total_lines == short.total_lines
    assert any(line.note.endswith("-> (10,6,24,24)") for line in short.lines)


@pytest.mark.parametrize("name", SAMPLES)
def test_source_exists_for_every_module_of_every_sample(name: str) -> None:
    trace = trace_of(name)
    for module in trace.modules:
        report = annotate_source(trace, path=module.path)
        assert report.listings[0].lines[0].text.strip().startswith(("class ", "@"))


def test_source_rejects_classes_without_source(tmp_path: Path, cli: Callable[..., Outcome]) -> None:
    with pytest.raises(UsageError, match="has no module 'conv3'") as caught:
        annotate_source(trace_of("lenet"), path="conv3")
    assert caught.value.hint is not None
    assert "conv1" in caught.value.hint
    with pytest.raises(SavedTraceError, match="contains no source"):
        annotate_source(netinspect.load("lenet"))
    file = tmp_path / "made.py"
    file.write_text(
        "from torch import nn\n"
        "space = {'nn': nn}\n"
        "exec('class Made(nn.Module):\\n    def forward(self, x): return x', space)\n"
        "Made = space['Made']\n"
    )
    outcome = cli("source", f"{file}:Made", "--input", "2x2")
    assert outcome.code == 2
    assert "has no source to show" in outcome.err
