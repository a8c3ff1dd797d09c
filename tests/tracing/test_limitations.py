"""Tests of the limits of tracing: invisible work is reported as such."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from netinspect.analysis.module_index import Structure
from netinspect.records.request import TraceRequest
from netinspect.records.values import tensors_in
from tests.nets.case import capture_trace, rows
from tests.support import PATIENCE
from tests.tracing.invariants import check_steps
from tests.tracing.process_snapshot import snapshot


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.linear(x))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("how", ["script", "trace"])
@pytest.mark.parametrize("where", ["child", "root"])
def test_torchscript_is_one_step_and_noted(how: str, where: str) -> None:
    compiled = torch.jit.script(Block()) if how == "script" else torch.jit.trace(Block(), rows(1, 3))
    model = compiled if where == "root" else nn.Sequential(compiled, nn.ReLU())
    assert model.forward is not None  # TorchScript caches attributes on first access
    before = snapshot(model)
    trace = capture_trace(model, rows(2, 3), options=TraceRequest(backward=True, values=True, code=True))
    assert trace.failure is None
    check_steps(trace)
    path = "" if where == "root" else "0"
    (step,) = [each for each in trace.steps if each.kind == "module" and each.module == path]
    assert next(tensors_in(step.output)).shape == (2, 4)
    assert trace.warnings == (
        f"steps inside TorchScript modules are not recorded: {path or type(model).__name__}",
    )
    if where == "child":
        (relu,) = [each for each in trace.steps if each.name == "relu"]
        assert relu.producers == (step.index,)
    # Its inner calls are invisible, so its submodules must not be reported as never called.
    assert Structure(trace).never_called() == ()
    assert all(entry.gradient for entry in trace.parameters)
    after = snapshot(model)
    assert after["global hooks"] == before["global hooks"]
    assert after["model"] == before["model"]


def test_calls_in_other_threads_are_steps() -> None:
    class Parallel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.last = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            with ThreadPoolExecutor(2) as pool:
                left, right = pool.map(lambda layer: layer(x), [self.left, self.right])
            out: Tensor = self.last(left + right)
            return out

    trace = capture_trace(Parallel(), rows(2, 3))
    check_steps(trace)
    paths = [step.module for step in trace.steps if step.kind == "module"]
    assert sorted(paths) == ["", "last", "left", "right"]
    assert trace.warnings == ()


COMPILED = """
import sys, warnings
sys.path.insert(0, ".")
warnings.simplefilter("ignore")
import torch
from torch import nn
from tests.tracing.invariants import check_steps
from tests.nets.case import capture_trace, rows

net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
for model, name in ((torch.compile(net, backend="eager"), "OptimizedModule"), (net, "Sequential")):
    if name == "Sequential":
        net.compile(backend="eager")
    trace = capture_trace(model, rows(2, 3))
    check_steps(trace)
    assert trace.failure is None
    assert [step.name for step in trace.steps if step.kind == "function"] == ["linear", "relu"]
    assert trace.warnings == (f"compiled modules were run in eager mode: {name}",), trace.warnings
    with torch.no_grad():
        model(rows(2, 3))  # now there is compiled code, which must not run either
    assert capture_trace(model, rows(2, 3)).steps == trace.steps
both = torch.compile(net, backend="eager")
for model, calls in ((both, 4), (nn.Sequential(both, net), 8), (net, 3)):
    trace = capture_trace(model, rows(2, 3))
    check_steps(trace)
    assert trace.steps[0].name == type(model).__name__
    assert sum(step.kind == "module" for step in trace.steps) == calls, trace.steps
"""


@pytest.mark.slow
def test_compiled_modules_run_eagerly_and_are_noted() -> None:
    # In a process of its own: importing the compiler is slow, and changes torch for all other tests.
    subprocess.run([sys.executable, "-c", COMPILED], check=True, timeout=PATIENCE)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.eye(3).to_sparse_csr(),
        lambda: torch.empty(3, 3, device="meta"),
        lambda: torch.zeros(0, 3),
        lambda: torch.zeros(3, 3, dtype=torch.complex64),
        lambda: torch.zeros(3, 3).to(torch.float8_e4m3fn),
    ],
    ids=["sparse", "sparse csr", "meta", "empty", "complex", "float8"],
)
@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_buffers_of_every_kind_do_not_crash(make: Callable[[], Tensor]) -> None:
    model, tensor = nn.Linear(3, 3), make()
    model.register_buffer("odd", tensor)
    options = TraceRequest(values=True, stats=True, backward=True)
    trace = capture_trace(model, rows(2, 3), options=options)
    assert trace.failure is None
    (buffer,) = trace.buffers
    assert buffer.spec.shape == tuple(tensor.shape)
    assert buffer.values
    assert model.odd is tensor


def test_meta_model_has_shapes_and_no_values() -> None:
    model = nn.Sequential(nn.Linear(3, 4, device="meta"), nn.ReLU())
    options = TraceRequest(values=True, stats=True)
    trace = capture_trace(model, torch.empty(2, 3, device="meta"), options=options)
    assert trace.failure is None
    assert [(spec.shape, spec.device) for spec in tensors_in(trace.output)] == [((2, 4), "meta")]
    assert all(entry.statistics is None for entry in trace.parameters)


def test_nested_tensor_has_the_bytes_of_its_parts() -> None:
    class Jagged(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.nested.nested_tensor([x, x[:1]], layout=torch.jagged) * 2

    trace = capture_trace(Jagged(), rows(2, 3))
    assert trace.failure is None
    (spec,) = tensors_in(trace.output)
    assert spec.shape[0] == 2
    assert isinstance(spec.shape[1], str)
    # Two rows and one of three numbers each, and three offsets.
    assert (spec.shape[2], spec.elements, spec.bytes) == (3, 9, 9 * 4 + 3 * 8)
