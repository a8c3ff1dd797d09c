"""Tests of operators that torch does not dispatch to modes: they are counted or reported."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.analysis.operator_counts import cost_of_steps
from netinspect.tracing.counting.table import rule_for
from tests.nets.case import capture_trace, rows
from tests.support import PATIENCE, TORCH
from tests.tracing.counting.counted import Calls, capture_model

scripts = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


def test_functions_in_threads_are_counted() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(1) as pool:
            (square,) = pool.map(lambda each: each @ each, [x])
        out: Tensor = square @ x
        return out

    trace = capture_trace(Calls(run), rows(3, 3))
    assert trace.failure is None
    view = netinspect.cost(trace)
    assert (view.record.total.macs, view.record.partly) == (54, False)
    assert "at least" not in view.text()
    assert trace.warnings == ()


def test_tracing_restores_thread_profiler() -> None:
    seen: list[str] = []

    def profile(frame: Any, event: str, arg: Any) -> None:
        seen.append(event)

    def run(self: Any, x: Tensor) -> Tensor:
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        return x

    before = threading.getprofile()
    threading.setprofile(profile)
    try:
        assert capture_trace(Calls(run), rows(3, 3)).counted == "yes"
        assert threading.getprofile() is profile
    finally:
        threading.setprofile(before)
    assert len(seen) > 1


def test_constructed_tensor_subclass_runs_uncounted() -> None:
    class Own(Tensor):
        pass

    def run(self: Any, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x) + Own([1.0, 2.0, 3.0]).sum()
        return out

    trace = capture_trace(Calls(run, layer=nn.Linear(3, 3)), rows(2, 3))
    assert trace.failure is None
    assert "Linear" in [step.name for step in trace.steps]
    assert "at least 0 MACs" in netinspect.cost(trace).text()
    assert any(note.startswith("no operators were counted") for note in trace.warnings)


def test_numpy_computation_is_uncounted_and_noted() -> None:
    def run(self: Any, x: Tensor) -> Tensor:
        other = x.numpy()
        out: Tensor = self.layer(torch.from_numpy(other @ other))
        return out

    trace = capture_trace(Calls(run, layer=nn.Linear(3, 3)), rows(3, 3))
    assert trace.failure is None
    assert "forward: at least 27 MACs" in netinspect.cost(trace).text()
    assert any(note.startswith("values left torch") for note in trace.warnings)


def script(*layers: nn.Module) -> Any:
    return torch.jit.freeze(torch.jit.script(nn.Sequential(*layers).eval()))


def test_operator_of_torchscript_only_has_no_rule() -> None:
    assert rule_for(torch.ops.aten.ord.default) is None


@scripts
def test_frozen_script_is_counted() -> None:
    trace = capture_model(script(nn.Conv2d(3, 6, 3), nn.ReLU()), rows(2, 3, 8, 8))
    assert cost_of_steps(trace.steps).macs == 2 * 6 * 36 * 27


@scripts
def test_optimized_script_kernels_are_uncounted_and_noted() -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no such kernels")
    optimized = torch.jit.optimize_for_inference(script(nn.Conv2d(3, 6, 3), nn.ReLU()))
    trace = capture_trace(Calls(lambda self, x: self.inner(x), inner=optimized), rows(2, 3, 8, 8))
    assert trace.failure is None
    assert trace.counted == "partly"
    assert any("kernels that are not counted: inner" in note for note in trace.warnings)


COMPILING = """
import sys, warnings
sys.path.insert(0, ".")
warnings.simplefilter("ignore")
import torch
from torch import nn
from netinspect.analysis.operator_counts import cost_of_steps
from tests.tracing.counting.counted import Calls, cost
from tests.nets.case import rows

def branch(x):
    return torch.cond(x.sum() > -1e9, lambda y: y @ y, lambda y: y @ y @ y, (x,))

# Forward loads the compiler first; compiled code would also trace the recorder.
assert "torch._dynamo" not in sys.modules
found = cost(branch, rows(3, 3))
assert (found.macs, found.uncounted) == (27, 0), found

from torch._higher_order_ops.while_loop import while_loop

def loop(x):
    return while_loop(lambda n, y: n < 4, lambda n, y: (n + 1, y @ y), (torch.tensor(0), x))

found = cost(loop, rows(3, 3))
assert (found.macs, found.uncounted) == (4 * 27, 0), found

exported = torch.export.export(nn.Sequential(nn.Linear(8, 16)).eval(), (rows(3, 8),)).module()
for model in (exported, Calls(lambda self, x: self.inner(x), inner=exported)):
    assert cost(model, rows(3, 8)).macs == 3 * 8 * 16
"""


@pytest.mark.slow
@pytest.mark.skipif(TORCH <= (2, 6), reason="torch 2.6 has no control flow under a dispatch mode")
def test_control_flow_and_exported_programs_are_counted() -> None:
    # In a process of its own, as all that imports the compiler.
    subprocess.run([sys.executable, "-c", COMPILING], check=True, timeout=PATIENCE)
