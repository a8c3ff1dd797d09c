"""Tests of the diagnosis of a failed forward: place, mismatched sizes and remedies."""

from __future__ import annotations

from pathlib import Path

import netinspect
from netinspect.analysis.diagnosis.diagnose import diagnose
from netinspect.records.report_header import Diagnosis


def failure(target: str, *inputs: str, **options: bool) -> Diagnosis:
    found = diagnose(netinspect.load(target, inputs=inputs, **options))  # type: ignore[arg-type]
    assert found is not None
    return found


def wrong_sizes(found: Diagnosis) -> dict[str, list[int | str]]:
    """Return the sizes marked as wrong, by operand."""
    return {
        operand.name: [operand.spec.shape[position] for position in operand.wrong]
        for operand in found.operands
        if operand.wrong
    }


def test_diagnose_without_failure_is_none() -> None:
    assert diagnose(netinspect.load("lenet")) is None


def test_diagnose_wrong_image_size() -> None:
    found = failure("lenet", "10x1x32x32")
    assert found.place is not None
    assert (Path(found.place.file).name, found.place.text) == ("lenet.py", "x = F.relu(self.fc1(x))")
    assert found.path == ("LeNet", "fc1 (Linear)")
    assert wrong_sizes(found) == {"input": [400], "fc1.weight": [256]}
    assert found.explanation is not None
    assert "400 = 16 * 5 * 5" in found.explanation
    assert "(10, 16, 5, 5)" in found.explanation
    assert "256 = 16 * 4 * 4" in found.explanation
    assert found.remedies[0] == "to accept this input size: fc1 = Linear(400, 120)"
    assert "--input 10x1x28x28 to --input 10x1x31x31" in found.remedies[1]
    assert found.remedies[2].endswith("--input x=10x1x28x28")


def test_diagnose_suggested_sizes_pass() -> None:
    trace = netinspect.load("lenet", inputs=["10x1x40x40"])
    assert trace.failure is not None
    assert trace.failure.working_inputs
    for spec in trace.failure.working_inputs:
        assert netinspect.load("lenet", inputs=[spec]).failure is None


def test_diagnose_missing_batch_dimension() -> None:
    found = failure("lenet", "1x28x28")
    assert found.explanation is not None
    assert "without a batch dimension" in found.explanation
    assert "N x 1 x 28 x 28" in found.explanation
    assert found.remedies[0] == "add the batch dimension: --input x=1x1x28x28"


def test_diagnose_wrong_rank() -> None:
    found = failure("lenet", "28x28")
    assert found.explanation is not None
    assert "conv1 expects 4 dimensions (N x C x H x W)" in found.explanation


def test_diagnose_wrong_channels() -> None:
    found = failure("lenet", "10x3x28x28")
    assert found.explanation is not None
    assert found.explanation.startswith("conv1 expects 1 channel in dimension 1, got 3")
    assert wrong_sizes(found) == {"input": [3], "conv1.weight": [1]}
    assert found.remedies[0] == "--input x=10x1x28x28"


def test_diagnose_image_smaller_than_kernel() -> None:
    found = failure("lenet", "10x1x12x12")
    assert found.explanation == ("conv2 has a kernel of 5 x 5, larger than its input of 4 x 4")
    found = failure("alexnet", "1x3x48x48")
    assert found.explanation is not None
    assert "would be empty" in found.explanation


def test_diagnose_embedding_indices() -> None:
    found = failure("tiny_gpt", "tokens=2x16:int64:0..999")
    assert found.explanation is not None
    assert "token_embedding has 256 rows" in found.explanation
    assert found.remedies[0] == "--input tokens=2x16:int64:0..255"
    found = failure("tiny_gpt", "tokens=2x16:float32")
    assert found.explanation == "token_embedding expects integer indices, got float32"
    assert found.remedies[:2] == ("--input tokens=2x16:int64:0..255", "convert the input: tokens.long()")


def test_diagnose_grouped_and_transposed_convolutions(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\n"
        "grouped = nn.Sequential(nn.Conv2d(8, 8, 3, groups=4))\n"
        "transposed = nn.Sequential(nn.ConvTranspose2d(6, 3, 2))\n"
    )
    found = failure(f"{file}:grouped", "1x6x9x9")
    assert found.explanation is not None
    assert found.explanation.startswith("0 expects 8 channels in dimension 1, got 6")
    found = failure(f"{file}:transposed", "1x4x9x9")
    assert found.explanation is not None
    assert found.explanation.startswith("0 expects 6 channels in dimension 1, got 4")
    assert wrong_sizes(found) == {"input": [4], "0.weight": [6]}


def test_diagnose_plain_python_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return {}['missing']\n"
    )
    found = failure(str(file), "2x2")
    assert (found.exception, found.message) == ("KeyError", "'missing'")
    assert found.place is not None
    assert (found.place.line, found.place.text) == (4, "return {}['missing']")
    assert [(each.name, each.spec.shape) for each in found.operands] == [("x", (2, 2))]
    assert found.explanation is None


def test_diagnose_backward_failure(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x.argmax()\n"
    )
    found = failure(str(file), "2x2", backward=True)
    assert (found.phase, found.summary) == ("backward", "the backward pass of Net failed")


FLATTENING = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4 * 6 * 6, 10)
        self.start = start

    def forward(self, x):
        x = self.conv(x)
        if self.start is not None:
            x = torch.flatten(x, self.start)
        return self.fc(x)


merged, forgotten = Net(0), Net(None)
"""


def test_diagnose_flatten_with_batch_or_missing(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(FLATTENING)
    found = failure(f"{file}:merged", "2x3x8x8")
    assert found.explanation == (
        "flatten turned (2, 4, 6, 6) into (288): it merged the batch dimension of 2 with the features"
    )
    assert found.remedies == ("keep the batch dimension: torch.flatten(x, 1)",)
    found = failure(f"{file}:forgotten", "2x3x8x8")
    assert found.explanation is not None
    assert "144 = 4 * 6 * 6" in found.explanation
    assert found.remedies == ("flatten before fc: torch.flatten(x, 1)",)
