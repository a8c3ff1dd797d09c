"""Tests of the random state of NumPy, which loads `numpy.random` on first use."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_SCRIPT = """
import json, sys
import torch
from torch import nn
import netinspect

class Drawing(nn.Module):
    def __init__(self):
        super().__init__()
        if {early}:
            import numpy.random
            self.drawn = float(numpy.random.rand())

    def forward(self, x):
        import numpy
        return x * float(numpy.random.rand())

def draw(seed):
    return netinspect.load(Drawing(), args=(torch.ones(1),), values=True, seed=seed).output_values

assert "numpy.random" not in sys.modules, "torch loads it by itself now"
first = draw(3)
import numpy.random
loader = numpy.random.__spec__.loader
after = float(numpy.random.rand())
print(json.dumps([first, draw(3), draw(4), after, type(loader).__name__, len(sys.meta_path)]))
"""


def results(early: bool = False) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(early=early)], capture_output=True, text=True, check=True
    )
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_numpy_random_is_seeded_when_imported_late() -> None:
    one, other = results(), results()
    assert one[0] == other[0] == one[1]
    assert one[2] != one[0]
    # Numbers after a trace do not depend on its seed, and our import hook is removed.
    assert one[3] != other[3]
    assert one[4] == "SourceFileLoader"
    plain = "import sys, torch, numpy.random; print(len(sys.meta_path))"
    alone = subprocess.run([sys.executable, "-c", plain], capture_output=True, text=True, check=True)
    assert one[5] == int(alone.stdout)


@pytest.mark.slow
def test_import_hook_is_removed_after_build() -> None:
    one, other = results(early=True), results(early=True)
    assert one[0] == other[0] == one[1]
    assert one[3] != other[3]
