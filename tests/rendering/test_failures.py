"""Tests of the explanation of a failed forward, with one golden file for each family of mistakes.

Torch's own messages and line numbers are omitted, because they change with the version of torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import netinspect
from netinspect.analysis.diagnosis.diagnose import diagnose
from netinspect.errors import Excerpt
from netinspect.records.base import replace
from netinspect.records.report_header import Diagnosis
from netinspect.rendering.failure import build_failure
from netinspect.rendering.wrapping import mark
from tests.nets.mistakes import FAMILIES
from tests.support import Outcome, assert_golden

ROOT = Path(__file__).parents[2]


def format_failure(found: Diagnosis) -> str:
    plain = replace(found, exception="Error", message="...")
    lines: list[str] = []
    for part in build_failure(plain):
        if isinstance(part, Excerpt):
            lines += filter(None, mark(part, None)[0])
        else:
            lines.append("".join(span.text for span in part))
    return re.sub(r"(\.py):\d+", r"\1", "\n".join([f"FAILED: {found.summary}", *lines]))


@pytest.mark.parametrize("family", FAMILIES)
def test_diagnose_mistakes_match_golden(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    parts = []
    for name, mistake in FAMILIES[family].items():
        found = diagnose(mistake.capture())
        assert found is not None, name
        if family != "python":
            assert found.explanation is not None, name
        parts.append(f"# {name}\n{format_failure(found)}\n")
    assert_golden(f"failures/{family}.txt", "\n".join(parts))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("line", ["x.cuda()", "torch.zeros(1, device='cuda')", "x.to('cuda')"])
def test_diagnose_missing_gpu(cli: Callable[..., Outcome], tmp_path: Path, line: str) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.fc = torch.nn.Linear(8, 4)\n"
        f"    def forward(self, x):\n        {line}\n        return self.fc(x)\n"
    )
    error = cli("summary", str(tmp_path / "net.py")).err
    assert "requires a GPU, but none is available" in error
    assert "  hint: use the device of the input: device=x.device" in error
    # No other input can fix the failure.
    assert "could not be inferred" not in error


def test_trace_of_model_without_forward_suggests_other_commands(
    cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.fc = torch.nn.Linear(8, 4)\n    def training_step(self, batch): ...\n"
    )
    assert cli("summary", str(tmp_path / "net.py")).code == 0
    error = cli("trace", str(tmp_path / "net.py")).err
    assert "cause: summary, tree and params list what it holds" in error
    assert "write a function that returns one of its modules, such as fc (Linear)" in error


def test_failure_in_notebook_and_markdown_views() -> None:
    view = netinspect.summary(netinspect.load("lenet", inputs=["10x1x32x32"]))
    words = "400 = 16 * 5 * 5"
    assert words in str(view)
    assert words in view.text("markdown")
    assert words in view._repr_mimebundle_()["text/html"]
    for line in view.text(width=40).splitlines():
        assert len(line) <= 40
    comments = [line for line in view.text("plain").splitlines() if line.startswith("#")]
    assert words in "".join(comments)
    # Programs read the explanation from the record.
    assert words not in view.text("csv")


def test_cli_explains_failure_once(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    words = "400 = 16 * 5 * 5"
    for format in ("rich", "markdown", "plain"):
        outcome = cli("summary", "lenet", "-i", "10x1x32x32", "--format", format)
        assert outcome.code == 4
        assert words not in outcome.out
        assert outcome.err.count(words) == 1
    file = tmp_path / "failed.md"
    outcome = cli("summary", "lenet", "-i", "10x1x32x32", "-o", str(file))
    assert outcome.code == 4
    assert file.read_text(encoding="utf-8").count(words) == 1


def test_cause_omits_signatures_listed_by_torch() -> None:
    view = netinspect.summary(torch.nn.Conv2d(1, 2, 3), {"x": torch.zeros(1, 1, 9, 9)})
    lines = [line.strip() for line in view.text().partition("FAILED")[2].splitlines()]
    (words,) = [line for line in lines if line.startswith("TypeError")]
    assert words.endswith("but expected one of: …")
    assert "Conv2d expects a tensor, got a dict of 1 value" in lines
    assert not [line for line in lines if "didn't match" in line]
