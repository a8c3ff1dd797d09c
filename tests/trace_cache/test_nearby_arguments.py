"""Tests that cached traces depend on the files from which constructor arguments were read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.trace_cache.queries import Asker, write

pytestmark = pytest.mark.slow

NET = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, width, config):
        super().__init__()
        self.layer = nn.Linear(4, width * config.factor)

    def forward(self, x):
        return self.layer(x)
"""
TRAIN = """\
import os
from net import Net

if os.path.exists("x"):
    print("exists")
config = json.load(open("config.json"))
model = Net(WIDTH, config)
"""
WORDS = ("summary", "net.py:Net", "--columns", "params")


def test_trace_is_cached_until_a_read_file_changes(tmp_path: Path) -> None:
    project = tmp_path / "project"
    files = {
        "net.py": NET,
        "train.py": f"import json\nWIDTH = 3\n{TRAIN}",
        "config.json": '{"factor": 2}',
    }
    write(project, {**files, "setup.py": ""})
    ask = Asker(project, tmp_path / "home")
    first = ask(*WORDS, "-v")
    assert first.code == 0, first.err
    assert "the trace was cached" in first.err
    assert "30" in first.out
    assert "train.py line 9: width=3, config={1 entry} (--arg changes them)" in first.out
    assert ask(*WORDS, blocked=True).out == first.out
    write(project, {"train.py": files["train.py"].replace("WIDTH = 3", "WIDTH = 5")})
    assert "50" in ask(*WORDS).out
    write(project, {"config.json": '{"factor": 4}'})
    assert "100" in ask(*WORDS).out
    write(project, {"train2.py": "from net import Net\nNet(1, {'factor': 1})\n"})
    assert "train2.py line 2 differs" in ask(*WORDS).out


@pytest.mark.parametrize("format", ["json", "csv", "markdown", "plain", "html"])
def test_source_of_arguments_is_reported(tmp_path: Path, format: str) -> None:
    train = "from net import Net\nfrom types import SimpleNamespace\nNet(3, SimpleNamespace(factor=2))\n"
    write(tmp_path / "project", {"net.py": NET, "train.py": train, "setup.py": ""})
    outcome = Asker(tmp_path / "project", tmp_path / "home")("summary", "net.py:Net", "-f", format)
    assert outcome.code == 0, outcome.err
    expected = "constructor arguments were read from train.py line 3: width=3"
    assert expected in outcome.out + outcome.err
    if format == "json":
        assert any(expected in each for each in json.loads(outcome.out)["header"]["warnings"])
