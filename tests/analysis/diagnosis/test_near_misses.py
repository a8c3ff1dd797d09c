"""Tests that an error of another cause does not get the usual explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn, zeros
from torch.nn import functional as F

from netinspect.analysis.diagnosis.call import Call
from netinspect.analysis.diagnosis.diagnose import diagnose
from netinspect.analysis.diagnosis.table import mismatches
from netinspect.records.base import replace
from netinspect.records.trace import Trace
from netinspect.records.values import TensorSpec
from tests.nets.case import capture_trace, rows
from tests.nets.mistakes import Acting, on


def explained(act: Callable[..., Any], *args: Any, **layers: nn.Module) -> str | None:
    found = diagnose(capture_trace(Acting(act, layers), *args))
    assert found is not None
    return found.explanation


def refuse(*_: Any) -> None:
    raise ValueError("no dtype on this device, and the shape is out of range")


NOTHING_KNOWN: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "an einsum output": (lambda s, x: torch.einsum("ij->iz", x), (rows(2, 3),)),
    "a padding of a pooling": (lambda s, x: F.max_pool2d(x, 2, padding=2), (rows(2, 3, 5, 5),)),
    "memory of a place": (lambda s, x: x.expand(3, 2, 6).add_(1), (rows(1, 2, 6),)),
    "a class below zero": (lambda s, x: F.one_hot(x, 3), (torch.tensor([-1]),)),
    "an embedding's padding": (lambda s, x: F.embedding(x, zeros(3, 2), 7), (torch.tensor([1]),)),
    "a view as a dtype": (lambda s, x: x.view("a"), (rows(2, 6),)),
    "a group of a convolution": (
        lambda s, x: F.conv2d(x, zeros(5, 2, 1, 1), groups=2),
        (rows(1, 4, 3, 3),),
    ),
    "a stride of a convolution": (
        lambda s, x: F.conv2d(x, zeros(5, 4, 1, 1), stride=0),
        (rows(1, 4, 3, 3),),
    ),
    "a name": (lambda s, x: s.nothing(x), (rows(1, 4),)),
    "a user's own words": (lambda s, x: refuse(), (rows(1, 4),)),
}


@pytest.mark.parametrize("name", NOTHING_KNOWN)
def test_diagnose_gives_no_explanation_for_unknown_causes(name: str) -> None:
    act, args = NOTHING_KNOWN[name]
    assert explained(act, *args) is None


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(3, 3), nn.BatchNorm1d(3), nn.LSTM(3, 3), nn.Embedding(3, 3), nn.LayerNorm(3)],
    ids=lambda layer: type(layer).__name__,
)
def test_diagnose_does_not_blame_the_layer_for_its_hook(layer: nn.Module) -> None:
    layer.register_forward_pre_hook(refuse)
    x = torch.tensor([[1, 2]]) if isinstance(layer, nn.Embedding) else rows(2, 3)
    found = diagnose(capture_trace(nn.Sequential(layer), x))
    assert found is not None
    assert found.explanation is None


def test_diagnose_reports_dtype_before_sizes() -> None:
    text = explained(lambda s, x: s.fc(x), rows(2, 4).half(), fc=nn.Linear(4, 5))
    assert text is not None
    assert "same dtype" in text


def test_diagnose_embedding_rows_only_if_torch_reports_them() -> None:
    def act(s: Any, x: Tensor) -> Any:
        return s.table(x.to("meta"), 3)

    text = explained(act, torch.tensor([1]), table=nn.Embedding(4, 2))
    assert text is None or "rows" not in text


def test_wrong_channels_after_unbatched_image() -> None:
    """An unbatched image is valid: a batch dimension is suggested only if the sizes indicate it."""
    first, second = nn.Conv2d(3, 4, 3), nn.Conv2d(5, 4, 3)
    text = explained(lambda s, x: s.second(s.first(x)), rows(3, 9, 9), first=first, second=second)
    assert text is not None
    assert text.startswith("second expects 5 channels")
    found = diagnose(on(rows(3, 9, 9), first=first)(lambda s, x: s.first(x) + zeros(5)).capture())
    assert found is not None
    assert found.explanation is not None
    assert found.explanation.startswith("add cannot broadcast")
    assert any("lacks its batch dimension" in remedy for remedy in found.remedies)


def test_diagnose_input_with_the_shape_of_the_weight() -> None:
    found = diagnose(on(rows(4, 4).double(), fc=nn.Linear(4, 4))(lambda s, x: s.fc(x)).capture())
    assert found is not None
    assert [each.name for each in found.operands] == ["input", "fc.weight", "fc.bias"]


def test_diagnose_names_producers_of_equal_operands() -> None:
    text = explained(lambda s, x: s.fc(x.relu()) @ x.tanh(), rows(2, 3), fc=nn.Linear(3, 3))
    assert text is not None
    assert "of input from fc and dimension 0 of input 2 from tanh" in text


def test_mismatches_have_sources_of_their_operand() -> None:
    trace = on(rows(2, 3), rows(2, 3))(lambda s, x, y: x.relu() @ y.tanh()).capture()
    assert trace.failure is not None
    (found,) = mismatches(Call(trace, trace.steps[-1], trace.failure))
    assert (found.kind, found.sources) == ("size", (trace.inputs[0].name,))


def test_device_mismatch_in_recorded_trace() -> None:
    """The expected explanation is that of a machine with a GPU."""
    trace = on(rows(2, 4), fc=nn.Linear(3, 5))(lambda s, x: s.fc(x)).capture()
    found = diagnose(_on_gpu(trace))
    assert found is not None
    assert found.explanation == (
        "fc expects all tensors on the same device: input on cpu, fc.weight and fc.bias on cuda:0"
    )
    assert found.remedies == ("move the other tensors to the device of the model: x.to('cuda:0')",)


def _on_gpu(trace: Trace) -> Trace:
    """Return a trace as if the model had been moved to a GPU and the input had not."""
    own = {entry.name: entry.spec.shape for entry in trace.parameters}

    def moved(value: Any) -> Any:
        if isinstance(value, TensorSpec) and value.shape in own.values():
            return replace(value, device="cuda:0")
        return value

    assert trace.failure is not None
    step = trace.steps[-1]
    items = tuple(replace(item, value=moved(item.value)) for item in step.inputs.items)
    message = "Expected all tensors to be on the same device, but found at least two devices"
    return replace(
        trace,
        parameters=tuple(replace(entry, spec=moved(entry.spec)) for entry in trace.parameters),
        steps=(*trace.steps[:-1], replace(step, inputs=replace(step.inputs, items=items))),
        failure=replace(trace.failure, message=message),
    )


def test_diagnose_lists_recent_tensors_for_plain_python() -> None:
    def act(s: Any, x: Tensor) -> Any:
        return {"hidden": s.fc(x)}["output"]

    found = diagnose(capture_trace(Acting(act, {"fc": nn.Linear(6, 3)}), rows(2, 6)))
    assert found is not None
    assert [(each.name, each.spec.shape) for each in found.made] == [("fc", (2, 3))]
    assert found.place is not None
    assert found.place.text == 'return {"hidden": s.fc(x)}["output"]'


CALLS: list[Callable[..., Any]] = [
    lambda s, x, y: x + y,
    lambda s, x, y: x @ y,
    lambda s, x, y: torch.bmm(x, y),
    lambda s, x, y: torch.cat([x, y], -1),
    lambda s, x, y: torch.stack([x, y]),
    lambda s, x, y: x.view(y.shape),
    lambda s, x, y: x.view(-1, *y.shape),
    lambda s, x, y: x.unflatten(-1, tuple(y.shape)),
    lambda s, x, y: x.expand(y.shape),
    lambda s, x, y: x.repeat(*y.shape),
    lambda s, x, y: F.linear(x, y),
    lambda s, x, y: F.conv1d(x, y),
    lambda s, x, y: F.conv2d(x, y, padding=1),
    lambda s, x, y: F.max_pool2d(x, y.dim()),
    lambda s, x, y: F.scaled_dot_product_attention(x, y, x),
    lambda s, x, y: F.layer_norm(x, tuple(y.shape)),
    lambda s, x, y: F.group_norm(x, max(1, y.dim())),
    lambda s, x, y: F.batch_norm(x, y, y),
    lambda s, x, y: F.cross_entropy(x, y),
    lambda s, x, y: F.cross_entropy(x, y.long()),
    lambda s, x, y: F.embedding(x.long(), y),
    lambda s, x, y: F.pixel_shuffle(x, y.dim()),
    lambda s, x, y: torch.einsum("ij,jk->ik", x, y),
    lambda s, x, y: x[y.bool()],
    lambda s, x, y: x.gather(0, y),
    lambda s, x, y: x.masked_fill(y, 0.0),
    lambda s, x, y: torch.where(y, x, y),
    lambda s, x, y: x[..., 2, y.dim()],
    lambda s, x, y: x.split(list(y.shape)),
    lambda s, x, y: nn.MultiheadAttention(2, 1)(x, y, y),
    lambda s, x, y: nn.GRU(2, 3)(x, y),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(CALLS)))
def test_diagnose_never_raises_for_any_shapes(number: int) -> None:
    generator = torch.Generator().manual_seed(number)

    def shape() -> list[int]:
        rank = int(torch.randint(0, 5, (1,), generator=generator))
        return [int(size) for size in torch.randint(0, 4, (rank,), generator=generator)]

    failed = 0
    for _ in range(25):
        trace = capture_trace(Acting(CALLS[number], {}), torch.rand(shape()), torch.rand(shape()))
        found = diagnose(trace)
        failed += found is not None
        for operand in found.operands if found is not None else ():
            assert all(position < len(operand.spec.shape) for position in operand.wrong)
    assert failed


def test_diagnose_packed_sequence_ignores_dtype_of_lengths() -> None:
    def act(s: Any, x: Tensor) -> Any:
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([3, 2]), batch_first=True)
        return s.rnn(packed, zeros(1, 2, 7))

    found = diagnose(on(rows(2, 3, 4), rnn=nn.GRU(4, 5))(act).capture())
    assert found is not None
    assert "one dtype" not in (found.explanation or "")
