"""Tests of the traces of all samples and odd models: invariants, and torch's own hooks."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import nn

from netinspect.analysis.module_index import Structure
from netinspect.analysis.unregistered import notes_of
from netinspect.records.steps import Step
from netinspect.records.values import Literal, TensorSpec, tensors_in
from netinspect.records.values import Structure as StructureValue
from netinspect.tracing.recording.pending_steps import UNSEEN
from netinspect.tracing.tensors.describe import describe, tensors_of
from tests.nets import every, sharing
from tests.nets.case import Case, capture_trace, rows
from tests.tracing.invariants import check_steps, own_record, recorded_calls

NOT_DIFFERENTIATED = frozenset(
    {"nothing", "self-backward", "operators", "in-place", "views", "attending"}
    | {"quantized", "quantized-lstm", "quantized-cell"}
)
"""Models without gradients, or with an in-place write to a tensor saved for backward."""

every_net = pytest.mark.parametrize("case", every.CASES, ids=lambda case: case.name)


def named(case_name: str) -> Case:
    return next(case for case in every.CASES if case.name == case_name)


def functions(steps: tuple[Step, ...], *, inside: str = "") -> list[str]:
    return [step.name for step in steps if step.kind == "function" and step.module == inside]


def called(steps: tuple[Step, ...]) -> list[str]:
    return [step.module for step in steps if step.kind == "module"]


@every_net
def test_trace_is_consistent(case: Case) -> None:
    trace = case.capture()
    assert trace.failure is None
    check_steps(trace)


@every_net
def test_calls_equal_those_of_hooks(case: Case) -> None:
    expected, output = own_record(case.model(), case.args(), case.kwargs())
    trace = case.capture()
    assert recorded_calls(trace) == expected
    assert trace.output == describe(output)


@every_net
def test_output_is_the_same_without_tracing(case: Case) -> None:
    model = case.model()
    before = _run(model, case)
    capture_trace(model, *case.args(), **case.kwargs())
    after = _run(model, case)
    for one, other in zip(tensors_of(before), tensors_of(after), strict=True):
        assert torch.equal(one, other)


def _run(model: nn.Module, case: Case) -> Any:
    for module in model.modules():
        module.training = False
    torch.manual_seed(5)
    return model(*case.args(), **case.kwargs())


@every_net
def test_trace_with_all_options(case: Case) -> None:
    trace = case.capture(backward=True, values=True, stats=True, code=True)
    check_steps(trace)
    if trace.failure is not None:
        assert trace.failure.phase == "backward"
        assert case.name in NOT_DIFFERENTIATED
    assert all(entry.values for entry in trace.parameters)
    real = [entry for entry in trace.parameters if not entry.spec.dtype.startswith("complex")]
    assert all(entry.statistics for entry in real)


# --- structures ----------------------------------------------------------------------------------


def test_nested_inputs_and_outputs_keep_their_names() -> None:
    trace = named("nested").capture()
    (data,) = trace.inputs
    spec = TensorSpec(shape=(4, 3), dtype="float32", device="cpu", bytes=48)
    assert list(tensors_in(data.value)) == [spec] * 5
    assert isinstance(data.value, StructureValue)
    assert [item.key for item in data.value.items] == ["list", "batch", "note"]
    output = trace.output
    assert isinstance(output, StructureValue)
    kinds = {item.key: getattr(item.value, "type", "") for item in output.items}
    assert kinds == {"pair": "Pair", "batch": "Batch", "list": "list", "size": "int"}
    pair = output.items[0].value
    assert isinstance(pair, StructureValue)
    assert [item.key for item in pair.items] == ["left", "right"]


def test_keywords_are_inputs_under_their_names() -> None:
    trace = named("keyword-only").capture()
    assert [entry.name for entry in trace.inputs] == ["x"]
    assert [item.key for item in trace.steps[0].inputs.items] == ["x"]
    trace = named("any-number").capture()
    assert [entry.name for entry in trace.inputs] == ["0", "1", "third"]
    assert [spec.shape for spec in tensors_in(trace.output)] == [(4, 2), (2, 2), (1, 2)]


def test_outputs_of_every_kind() -> None:
    assert named("nothing").capture().output == Literal(type="NoneType", text="None")
    boxed = named("boxed").capture().output
    assert isinstance(boxed, StructureValue)
    box, hostile = (item.value for item in boxed.items)
    assert [spec.shape for spec in tensors_in(box)] == [(4, 2)] * 3
    assert hostile == Literal(type="Hostile", text="<Hostile>")
    distributed = named("distributed").capture().output
    assert isinstance(distributed, StructureValue)
    assert distributed.type == "Independent"
    assert {spec.shape for spec in tensors_in(distributed)} == {(4, 2)}


def test_output_dtypes() -> None:
    dtypes = [spec.dtype for spec in tensors_in(named("dtypes").capture().output)]
    assert dtypes == ["bfloat16", "complex64", "float16"]


# --- sharing -------------------------------------------------------------------------------------


def test_reused_layer_has_a_call_each_time() -> None:
    steps = [step for step in named("reused").capture().steps if step.module == "linear"]
    layers = [step for step in steps if step.kind == "module"]
    assert [step.call for step in layers] == [1, 2, 3]
    assert [next(tensors_in(step.output)).shape for step in layers] == [(4, 3), (4, 3), (1, 3)]


def test_containers_without_calls_are_walked() -> None:
    trace = named("containers").capture()
    assert called(trace.steps) == [
        "",
        "several.0",
        "named.relu",
        "several.1",
        "named.relu",
        "named.last",
    ]
    multiplied = [step.parameters for step in trace.steps if step.name == "mul"]
    assert multiplied == [("scales.0",), ("scales.1",)]
    assert {"shifts.one"} == {
        name for step in trace.steps if step.name == "add" for name in step.parameters
    }


def test_direct_forward_has_unknown_output() -> None:
    trace = named("uncalled").capture()
    assert called(trace.steps) == ["", "used", "direct"]
    used, direct = (step for step in trace.steps if step.kind == "function")
    assert (direct.module, direct.name) == ("direct", "linear")
    assert direct.producers == (used.index,)
    assert direct.parent is not None
    call = trace.steps[direct.parent]
    assert (call.parent, call.depth, call.producers) == (0, 1, (used.index,))
    assert [spec.shape for spec in tensors_in(call.inputs)] == [(4, 3)]
    assert call.output == UNSEEN
    assert call.source is not None
    assert call.source.text == "return self.direct.forward(self.used(x))"
    (warning,) = trace.warnings
    assert warning.startswith("called through .forward(), which bypasses hooks: direct; ")
    assert Structure(trace).never_called() == ("idle", "idle_branch")


@pytest.mark.parametrize(
    ("name", "tied", "total"),
    [
        ("tied-object", {("embedding.weight", "head.weight")}, 15),
        ("tied-storage", {("first.weight", "again.weight", "turned.weight")}, 12),
        ("halves", set(), 12),
        (
            "aliased",
            {("left.0.0.weight", "right.1.0.weight"), ("left.0.0.bias", "right.1.0.bias")},
            36,
        ),
    ],
)
def test_ties(name: str, tied: set[tuple[str, ...]], total: int) -> None:
    trace = named(name).capture()
    groups: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for entry in trace.parameters:
        groups.setdefault(entry.identity, []).append(entry.name)
        sizes[entry.identity] = entry.spec.elements
    assert {tuple(names) for names in groups.values() if len(names) > 1} == tied
    assert sum(sizes.values()) == total


def test_alias_is_called_under_first_path() -> None:
    trace = named("aliased").capture()
    assert [(m.path, m.alias_of) for m in trace.modules if m.alias_of] == [("right.1", "left.0")]
    assert called(trace.steps).count("left.0") == 2
    trace = named("circular").capture()
    assert [(m.path, m.alias_of) for m in trace.modules if m.alias_of is not None] == [
        ("child.parent", "")
    ]


def test_layers_in_plain_list_are_noted() -> None:
    trace = named("hidden").capture()
    assert called(trace.steps) == ["", "known"]
    assert functions(trace.steps) == ["linear", "add_", "batch_norm"]  # eval() does not reach it either
    (note,) = notes_of(trace)
    assert note.startswith("2 modules were called but are not registered (plain.0 Linear, plain.1 Batch")


def test_temporary_layer_has_calling_line() -> None:
    trace = named("on-the-spot").capture()
    assert functions(trace.steps) == ["relu", "softmax"]
    softmax = trace.steps[-1]
    assert softmax.source is not None
    assert softmax.source.text == "return nn.Softmax(dim=1)(nn.ReLU()(self.linear(x)))"
    assert softmax.site is None


def test_patched_forward_runs_and_is_located() -> None:
    trace = named("tricky").capture()
    assert called(trace.steps) == ["", "linear"]
    root = trace.modules[0]
    assert root.forward_file == sharing.__file__
    assert root.forward_line == sharing.Tricky.patched.__code__.co_firstlineno


def test_three_thousand_layers() -> None:
    model = sharing.Deep()
    trace = capture_trace(model, rows(1, 2))
    assert len(trace.steps) == 1 + 2 * 3000
    assert trace.steps[-1].producers == (trace.steps[-3].index,)
    assert len(trace.modules) == 3001


# --- operations ----------------------------------------------------------------------------------


def test_operators_are_steps_in_order() -> None:
    trace = named("operators").capture()
    assert functions(trace.steps) == [
        "chunk", "matmul", "split", "einsum", "unbind", "getitem", "neg", "getitem", "rsub", "cat",
        "add_", "relu_", "setitem", "mul", "unsqueeze_", "mT", "getitem",
    ]  # fmt: skip
    by_name = {step.name: step for step in trace.steps}
    assert by_name["matmul"].parameters == ("weight",)
    # What is done in place is what comes next.
    order = ["cat", "add_", "relu_", "setitem", "mul", "unsqueeze_", "mT"]
    for earlier, later in itertools.pairwise(order):
        assert by_name[earlier].index in by_name[later].producers
    assert next(tensors_in(by_name["unsqueeze_"].output)).shape == (1, 4, 3)


def test_caught_exception_is_not_a_failure() -> None:
    trace = named("fallback").capture()
    assert trace.failure is None
    assert not any(step.failed for step in trace.steps)
    assert called(trace.steps) == ["", "wrong", "wrong.0", "right"]
    unfinished = [step for step in trace.steps if step.output is None]
    assert [step.name for step in unfinished] == ["Sequential", "Linear", "linear", "view"]
    assert all(
        step.parent == 0 for step in trace.steps if step.module == "right" and step.kind == "module"
    )
    assert trace.steps[-1].name == "relu"
    assert trace.steps[-1].parent == 0


def test_reads_of_values_are_steps() -> None:
    trace = named("reader").capture()
    assert {"numpy", "item", "bool"} <= set(functions(trace.steps))


def test_autograd_function_is_recorded_inside() -> None:
    trace = named("custom").capture(backward=True)
    assert functions(trace.steps) == ["mul", "add"]
    assert all(parameter.gradient for parameter in trace.parameters)


@pytest.mark.parametrize("name", ["checkpointed", "checkpointed-reentrant"])
def test_checkpoint_is_recorded_inside_and_differentiated(name: str) -> None:
    case = named(name)
    trace = case.capture(backward=True)
    assert called(trace.steps) == ["", "block", "block.0", "block.1"]
    assert all(parameter.gradient for parameter in trace.parameters)


def test_both_checkpoint_kinds_have_equal_gradients() -> None:
    one, other = (
        named(name).capture(backward=True) for name in ("checkpointed", "checkpointed-reentrant")
    )
    assert [entry.gradient for entry in one.parameters] == [entry.gradient for entry in other.parameters]


def test_packed_sequences() -> None:
    (lstm,) = [
        step for step in named("packed").capture().steps if step.module == "lstm" and step.depth == 1
    ]
    assert lstm.inputs.items[0].value == StructureValue(
        type="PackedSequence",
        items=lstm.inputs.items[0].value.items,  # type: ignore[union-attr]
    )
    assert next(spec.shape for spec in tensors_in(lstm.output)) == (5, 4)


def test_forward_that_differentiates_has_graph() -> None:
    trace = named("self-backward").capture()
    assert trace.failure is None
    assert trace.output == TensorSpec(shape=(4, 3), dtype="float32", device="cpu", bytes=48)


def test_functional_call_weights_have_producers() -> None:
    steps = named("functional").capture().steps
    doubled = [step.index for step in steps if step.name == "mul"]
    (linear,) = [step for step in steps if step.name == "linear"]
    assert linear.producers == tuple(doubled)
    assert linear.parameters == ("linear.weight", "linear.bias")


def test_attention_fast_path_is_recorded_inside() -> None:
    trace = named("transformer").capture()
    assert [path for path in called(trace.steps) if "layers.0" in path] == [
        "layers.0",
        *(f"layers.0.{name}" for name in ("self_attn", "dropout1", "norm1", "linear1", "dropout")),
        *(f"layers.0.{name}" for name in ("linear2", "dropout2", "norm2")),
    ]
    handed = {name for step in trace.steps for name in step.parameters}
    assert handed == {entry.name for entry in trace.parameters}


def test_parametrizations_are_called_modules() -> None:
    assert "parametrizations.weight.0" in called(named("weight-norm").capture().steps)


def test_case_names_are_unique() -> None:
    names = [case.name for case in every.CASES]
    assert len(names) == len(set(names))
