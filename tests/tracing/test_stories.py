"""Tests of the steps of odd models: names, shapes, and the producer of every input."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
import torch.fx
from torch import Tensor, nn

from netinspect.analysis.module_index import Structure
from netinspect.analysis.unregistered import notes_of
from netinspect.records.request import TraceRequest
from netinspect.records.steps import Origin
from netinspect.reports.source.compute import annotate_source
from netinspect.reports.summary.compute import build_summary
from netinspect.tracing.recording.data_flow import DataFlow
from netinspect.tracing.tensors.packed_weights import packed_tensors
from tests.nets import every, mutating
from tests.nets.case import Case, capture_trace, rows
from tests.tracing.invariants import check_steps
from tests.tracing.stories import STORIES
from tests.tracing.story import format_tensors, story


def named(name: str) -> Case:
    return next(case for case in every.CASES if case.name == name)


@pytest.mark.parametrize("name", STORIES)
def test_steps_have_shapes_and_producers(name: str) -> None:
    assert story(named(name).capture()) == STORIES[name]


@pytest.mark.parametrize("name", ["hooked", "custom", "checkpointed", "checkpointed-reentrant"])
def test_steps_are_the_same_with_backward(name: str) -> None:
    assert story(named(name).capture(backward=True)) == STORIES[name]


@pytest.mark.libraries
def test_library_object_output() -> None:
    pytest.importorskip("transformers")
    trace = named("model-output").capture()
    text = "BaseModelOutput[last_hidden_state=(4,2) hidden_states=tuple[0=(4,2) 1=(4,2)]]"
    assert story(trace) == [
        f"inner: (4,3) -> {text} of x",
        "inner.linear: (4,3) -> (4,2) of x",
        "head: (4,2) -> (4,1) from inner.linear",
    ]
    assert format_tensors(trace.output) == f"dict[state={text} scores=tuple[0=(4,1) 1=]]".replace(
        " 1=]]", "]]"
    )


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("mapped", ["inside torch.vmap, full shapes are shown"]),
        ("vectorised", ["inside torch.vmap, full shapes are shown"]),
        ("directly", ["called through .forward(), which bypasses hooks: norm, block, derived; "]),
        ("quantized", ["packed for quantized functions, shown as buffers: 0._packed_params."]),
        ("hidden", ["not registered (plain.0 Linear, plain.1 BatchNorm1d)"]),
        ("gradients", []),
        ("hooked", []),
        ("sentences", []),
    ],
)
def test_limitations_are_noted(name: str, parts: list[str]) -> None:
    warnings = notes_of(named(name).capture())
    assert len(warnings) == len(parts)
    assert all(part in warning for part, warning in zip(parts, warnings, strict=True))


def test_multi_head_attention_step() -> None:
    trace = named("attention").capture()
    (step,) = [each for each in trace.steps if each.name == "multi_head_attention_forward"]
    assert step.arguments == ("query", "key", "value")
    assert step.parameters == ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
    assert format_tensors(trace.output) == "tuple[0=(5,2,4) 1=(2,5,5)]"


def test_torch_func_grad_has_producers() -> None:
    trace = named("gradients").capture()
    steps = {step.name: step for step in trace.steps}
    assert steps["Linear"].producers  # `grad` computed z from y
    made = steps["linear"].index
    assert steps["sum"].producers == (made,)
    assert steps["sum"].index in steps["grad"].producers


def test_functional_call_weights_are_named() -> None:
    (linear,) = [step for step in named("functional").capture().steps if step.name == "linear"]
    assert linear.parameters == ("linear.weight", "linear.bias")


@pytest.mark.parametrize(
    ("name", "function", "weights"),
    [
        ("quantized", "linear_dynamic", {"weight": "qint8(2,3)", "bias": "(2)"}),
        (
            "quantized-lstm",
            "quantized_lstm",
            {"0.weight": "qint8(16,3)", "0.bias": "(16)", "1.weight": "qint8(16,4)", "1.bias": "(16)"},
        ),
        ("quantized-cell", "quantized_gru_cell_dynamic", {"weight": "qint8(12,4)", "bias": "(12)"}),
    ],
)
def test_packed_weights_are_read(name: str, function: str, weights: dict[str, str]) -> None:
    trace = named(name).capture(values=True)
    (step,) = [each for each in trace.steps if each.name == function]
    buffers = {buffer.name: format_tensors(buffer.spec) for buffer in trace.buffers}
    assert step.parameters == tuple(buffers)
    last = list(buffers.values())[-len(weights) :]
    assert last == list(weights.values())
    assert all(entry.values for entry in trace.buffers)
    assert Structure(trace).never_called() == ()
    # Consecutive copies have different producers.
    assert len({entry.identity for entry in trace.buffers}) == len(trace.buffers)


def test_unreadable_packed_object_has_no_tensors() -> None:
    class Refusing:
        def unpack(self) -> None:
            raise RuntimeError("no")

    assert packed_tensors(Refusing()) == []
    assert packed_tensors(object()) == []


def test_lazy_layers_record_no_initialization() -> None:
    trace = capture_trace(mutating.Lazy(), rows(4, 3))
    assert [step.name for step in trace.steps] == [
        *("Lazy", "LazyLinear", "linear", "LazyBatchNorm1d", "batch_norm"),
    ]
    assert trace.steps[3].producers == (2,)


def test_failing_direct_forward_is_reported() -> None:
    class Failing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(nn.Linear(3, 3), nn.Linear(4, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.block.forward(x)

    trace = capture_trace(Failing(), rows(2, 3))
    check_steps(trace)
    assert trace.failure is not None
    assert trace.failure.module == "block.1"
    failed = [step for step in trace.steps if step.failed]
    assert [step.module for step in failed] == ["", "block", "block.1", "block.1"]
    assert all(step.output is None for step in failed)


def test_direct_forward_in_loop_has_a_call_each_time() -> None:
    class Looping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(3):
                x = self.layer.forward(x)
            return x

    trace = capture_trace(Looping(), rows(2, 3))
    check_steps(trace)
    assert story(trace) == [
        "layer: (2,3) -> ? of x",
        "layer/2: (2,3) -> ? from layer",
        "layer/3: (2,3) -> ? from layer/2",
    ]


def test_source_of_parametrized_layer_is_its_base() -> None:
    trace = named("parametrized").capture(code=True)
    module = next(each for each in trace.modules if each.path == "0")
    assert (module.class_name, module.bases[0]) == ("ParametrizedLinear", "Linear")
    assert module.file is not None
    assert module.file.endswith("linear.py")
    assert module.line is not None
    (listing,) = annotate_source(trace, path="0").listings
    assert listing.file == module.file
    notes = [line.note for line in listing.lines if "F.linear" in line.text]
    assert notes == ["(2,4,3), (3,3), (3) -> (2,4,3)"]


def test_source_of_graph_module_is_generated_code() -> None:
    one, other = (torch.fx.symbolic_trace(nn.Sequential(layer)) for layer in (nn.ReLU(), nn.Tanh()))
    trace = capture_trace(nn.Sequential(one, other), rows(2, 3), options=TraceRequest(code=True))
    for path in ("0", "1"):
        (listing,) = annotate_source(trace, path=path, whole_class=True).listings
        head, *body = listing.lines
        assert head.text == "class GraphModule(torch.nn.Module):  # written by torch.fx"
        assert body[0].text == "    def forward(self, input):"
        assert [line.note for line in body if 'getattr(self, "0")' in line.text] == ["(2,3) -> (2,3)"]
    files = {module.path: module.file for module in trace.modules}
    assert files["0"] is not None
    assert files["0"].startswith("<eval_with_key>")
    assert files["0"] != files["1"]


def test_global_hook_may_call_torch() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def double(module: nn.Module, args: Any) -> Any:
        return (args[0] * 2,)

    handle = nn.modules.module.register_module_forward_pre_hook(double)
    try:
        trace = capture_trace(model, rows(2, 3))
    finally:
        handle.remove()
    check_steps(trace)
    assert [step.name for step in trace.steps if step.parent is None] == ["mul", "Sequential"]
    table = build_summary(trace, functions=True).rows
    assert [row.path for row in table if row.kind == "module"] == ["", "0", "1"]


def test_backward_warning_is_a_note() -> None:
    class Warning_(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            warnings.warn("on  purpose", stacklevel=1)
            return gradients[0]

    class Warned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = Warning_.apply(Warning_.apply(self.linear(x)))
            return out

    trace = capture_trace(Warned(), rows(2, 3), options=TraceRequest(backward=True))
    assert trace.failure is None
    assert trace.warnings == ("backward warned: on purpose",)


def test_extra_repr_of_parameter_list_is_one_line() -> None:
    trace = named("containers").capture()
    (scales,) = [module for module in trace.modules if module.path == "scales"]
    assert "\n" not in scales.extra
    assert scales.extra.startswith("(0): ")
    assert ", (1): " in scales.extra


def test_writes_to_disjoint_parts_are_not_producers() -> None:
    base = torch.zeros(4, 6)
    parts = {
        "rows": base[1:3],
        "column": base[:, 2],
        "flat": base.view(-1),
        "square": base[2:, 3:],
        "even": base[:, ::2],
        "turned": base.t(),
    }
    touching = {
        "rows": {"column", "flat", "square", "even", "turned"},
        "column": {"rows", "flat", "even", "turned"},
        "square": {"rows", "flat", "even", "turned"},
    }
    for written, expected in touching.items():
        flow = DataFlow()
        flow.add_write(parts[written], 7)
        found = {name for name, part in parts.items() if list(flow.writers(part)) == [7]}
        assert found == {written} | expected, written


def test_reused_memory_has_no_old_producers() -> None:
    flow = DataFlow()
    for index in range(50):
        tensor = torch.zeros(1000)
        assert flow.origin(tensor) == Origin()
        flow.add_output(tensor, index)
        flow.add_write(tensor, index)
        assert flow.origin(tensor[:3]).producers == (index,)
        del tensor
