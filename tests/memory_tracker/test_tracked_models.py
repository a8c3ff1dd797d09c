"""Tests of models whose constructors reject fake tensors or whose forward needs values."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.analysis.allocation_totals import peak_bytes
from netinspect.api import load
from netinspect.errors import ForwardError
from netinspect.memory_tracker import runs
from netinspect.memory_tracker.request import TrackOptions, TrackRequest
from netinspect.memory_tracker.runs import run_once
from netinspect.memory_tracker.session import track
from netinspect.memory_tracker.tracked_models import BATCHED, TargetSource
from netinspect.records.memory import MemoryTrack
from netinspect.records.request import TraceRequest
from netinspect.targets.model_factory import find_factory
from netinspect.targets.target import parse_target
from tests.memory_tracker.runs import Asking, Chain, Selecting, tracked
from tests.support import TORCH

MOVED = """
import copy
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune


def plain():
    return nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 3))


def to_cpu():
    return plain().to("cpu")


def to_device():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return plain().to(device).train().eval()


def there_and_back():
    return plain().double().half().to(torch.bfloat16).float()


def loaded():
    model = plain()
    model.load_state_dict(plain().to("cpu").state_dict())
    return model


def copied():
    layer = nn.Linear(8, 8).to("cpu")
    return nn.Sequential(copy.deepcopy(layer), nn.Linear(8, 3).to(memory_format=torch.preserve_format))


def compiled():
    return torch.compile(to_cpu())


def initialised():
    model = to_cpu()
    nn.init.orthogonal_(model[0].weight)
    nn.init.trunc_normal_(model[1].weight, std=float(model[0].weight.std()))
    return model


def cast():
    return plain().to(torch.bfloat16)


def normed():
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(8, 8)), nn.Linear(8, 3)).to("cpu")


def pruned():
    model = to_cpu()
    prune.l1_unstructured(model[0], "weight", 0.5)
    return model


def lazy():
    return nn.Sequential(nn.LazyLinear(8), nn.LazyLinear(3)).to("cpu")


def exported():
    # It refuses to switch its mode.
    return torch.export.export(to_cpu(), (torch.ones(4, 8),)).module()


def moved_in_constructor():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = plain()
            self.to("cpu")

        def forward(self, x):
            return self.body(x)

    return Net()


class Branch(nn.Module):
    # One weight is large enough to be zeros.
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(8, 1 << 18)

    def forward(self, x):
        y = self.body(x)
        return y * 2 if y.sum().item() > 0 else y.sum()
"""


AWAY = """
from torch import nn


def last_away():
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    layer = net[2]
    originals = {name: each.detach().clone() for name, each in layer.named_parameters()}

    def put(where):
        for name, value in originals.items():
            setattr(layer, name, nn.Parameter(where(value), requires_grad=False))

    put(lambda value: value.to("meta"))
    layer.register_forward_pre_hook(lambda module, args: put(lambda value: value))
    layer.register_forward_hook(lambda module, args, output: put(lambda value: value.to("meta")))
    return net
"""


def request_for(target: str, *specs: str, training: bool = True, **more: Any) -> TrackRequest:
    run = TraceRequest(target=parse_target(target), inputs=specs, train=training)
    return TrackRequest(name=target, run=run, options=TrackOptions(device="cpu"), **more)


def tracked_target(request: TrackRequest) -> MemoryTrack:
    """Track a target in this process."""
    assert request.run.target is not None
    factory = find_factory(request.run.target, {})
    return track(request, TargetSource(factory, partial(run_once, request))).track


@pytest.fixture
def moved(tmp_path: Path) -> str:
    (tmp_path / "moved.py").write_text(MOVED, encoding="utf-8")
    return str(tmp_path / "moved.py")


@pytest.mark.parametrize(
    "factory",
    [
        *("to_cpu", "to_device", "there_and_back", "loaded", "copied", "compiled", "initialised"),
        *("moved_in_constructor", "lazy", "exported"),
    ],
)
def test_model_moved_in_constructor_has_equal_memory(moved: str, factory: str) -> None:
    if factory == "exported" and TORCH <= (2, 6):
        pytest.skip("torch 2.6 cannot export a model on fake tensors")
    there = tracked_target(request_for(f"{moved}:{factory}", "4x8"))
    plain = tracked(nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 3)), "4x8", training=True)
    assert there.tensor_mode == "fake"
    assert peak_bytes(there, "cpu") == peak_bytes(plain, "cpu")


@pytest.mark.parametrize(
    ("factory", "spec", "kind", "size"),
    [
        ("cast", "4x8:bfloat16", "parameter", 2 * 99),
        ("normed", "4x8", "parameter", 4 * (99 + 8)),  # the norm of each row
        ("pruned", "4x8", "buffer", 4 * 64),  # the mask
    ],
)
def test_weights_keep_constructor_shapes(
    moved: str, factory: str, spec: str, kind: str, size: int
) -> None:
    there = tracked_target(request_for(f"{moved}:{factory}", spec))
    assert sum(each.bytes for each in there.allocations if each.kind == kind) == size


@pytest.mark.parametrize("factory", ["to_cpu", "cast", "normed", "moved_in_constructor"])
def test_summary_on_fake_tensors_of_moved_model(moved: str, factory: str) -> None:
    spec = "4x8:bfloat16" if factory == "cast" else "4x8"
    trace = load(f"{moved}:{factory}", tensors="fake", inputs=spec)
    assert (trace.tensor_mode, trace.failure) == ("fake", None)
    assert trace.output is not None


def test_large_weights_of_a_run_with_values_are_zeros(moved: str) -> None:
    there = tracked_target(request_for(f"{moved}:Branch", "2x8", training=False))
    assert there.tensor_mode == "zeros"
    assert "y.sum().item() > 0" in there.reason
    weights = sum(each.bytes for each in there.allocations if each.kind == "parameter")
    assert weights == 4 * 9 * (1 << 18)
    assert peak_bytes(there, "cpu") >= weights + 4 * 2 * (1 << 18)


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_offloaded_weights_count_from_their_call(tmp_path: Path, training: bool) -> None:
    (tmp_path / "away.py").write_text(AWAY, encoding="utf-8")
    there = tracked_target(request_for(f"{tmp_path}/away.py:last_away", "4x8", training=training))
    assert there.tensor_mode == "fake"
    at_start = sum(each.bytes for each in there.allocations if not each.born)
    assert at_start == 4 * (72 + 32)
    brought = [
        each for each in there.allocations if each.module == "2" and each.bytes in (4 * 24, 4 * 3)
    ]
    assert [(each.kind, each.died) for each in brought[:2]] == [("made", None)] * 2
    assert peak_bytes(there, "cpu") >= at_start + 4 * 27


class Routed(nn.Module):
    """Mixture of experts, each of which gets the tokens routed to it."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(8, 2)
        self.experts = nn.ModuleList(nn.Linear(8, 8) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        chosen = self.router(x).argmax(-1)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            (rows,) = torch.where(chosen == number)
            out = out.index_add(0, rows, expert(x[rows]))
        return out


class Listed(nn.Module):
    """Model that converts values to a list in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * max(x[:, 0].tolist()) + float(x.numpy().mean())


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(
    ("make", "spec"),
    [(Routed, "6x8"), (Listed, "3x4"), (Asking, "2x4:float32:0..1"), (Selecting, "2x4")],
)
def test_model_that_needs_values_is_unchanged(make: Any, spec: str, training: bool) -> None:
    if make is Selecting and training:
        return  # it has nothing to train
    model = make()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    there = tracked(model, spec, training=training)
    assert (there.tensor_mode, bool(there.reason)) == ("real", True)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(each.grad is None for each in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_run_with_values_stops_at_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_MAX_BYTES", 1 << 14)
    tracked(Asking(), "2x4")
    with pytest.raises(ForwardError, match="Asking takes too much memory") as caught:
        tracked(Asking(), "4096x4")
    assert "fake tensors do not have" in str(caught.value.cause)
    assert "16.0 KiB" in str(caught.value.cause)
    assert "smaller batch" in str(caught.value.hint)


def test_model_too_large_for_values_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_MAX_PARAMETERS", {"zeros": 19, "real": 19})
    with pytest.raises(ForwardError, match="Asking needs tensor values") as caught:
        netinspect.memory(Asking(), torch.ones(2, 4))
    assert "x.sum().item() > 0" in str(caught.value.cause)
    assert "too large to run with values" in str(caught.value.hint)


def test_max_batch_of_model_that_needs_values() -> None:
    report = netinspect.memory(Asking(), torch.ones(1, 4), device_memory="8KiB", allocator="cpu").record
    assert report.search is not None
    assert report.search.found is not None
    assert report.header.tensor_mode == "real"
    assert (
        max(probe.bytes for probe in report.search.probes if probe.batch == report.search.found) <= 8192
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_model_has_equal_memory() -> None:
    scripted = torch.jit.script(Chain())
    both = [peak_bytes(tracked(each, "32x64", training=True), "cpu") for each in (scripted, Chain())]
    assert both[0] == both[1]


class Adjacent(nn.Module):
    """Model with a sparse parameter, which torch cannot copy as a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.edges = nn.Parameter(torch.eye(8).to_sparse())

    def forward(self, x: Tensor) -> Tensor:
        return torch.sparse.mm(self.edges, x)


def test_sparse_parameter_is_copied() -> None:
    there = tracked(Adjacent(), "8x2")
    assert sum(each.bytes for each in there.allocations if each.kind == "parameter") == 8 * (2 * 8 + 4)


def test_optimizer_that_refuses_a_gradient_is_named() -> None:
    model = nn.Sequential(nn.Embedding(10, 4, sparse=True), nn.Linear(4, 2))
    ids = torch.ones(2, 3, dtype=torch.int64)
    with pytest.raises(ForwardError, match="in optimizer") as caught:
        netinspect.memory(model, ids, train=True)
    assert "sparse gradients" in str(caught.value.cause)
    assert "--optimizer" in str(caught.value.hint)
    peak = netinspect.memory(model, ids, train=True, optimizer="sgd", allocator="cpu").record.peak
    assert peak.amounts.parameters == 4 * (40 + 8 + 2)


EXPERTS = {
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_local_experts": 4,
    "vocab_size": 99,
}


@pytest.mark.slow
@pytest.mark.libraries
def test_memory_of_experts_by_name_equals_live_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transformers = pytest.importorskip("transformers")
    factory = find_factory(parse_target("transformers:mixtral"), EXPERTS)
    request = request_for("transformers:mixtral", "input_ids=1x16:int64:0..98", training=False)

    def by_name() -> MemoryTrack:
        return track(request, TargetSource(factory, partial(run_once, request))).track

    live = transformers.MixtralModel(transformers.MixtralConfig(**EXPERTS)).eval()
    found = by_name()
    assert found.tensor_mode != "fake"
    ids = torch.randint(0, 99, (1, 16))
    assert peak_bytes(found, "cpu") == netinspect.memory(live, ids, allocator="cpu").record.peak.total
    # If the model is too large to run with values, its experts are multiplied in batches, with a note.
    monkeypatch.setattr("netinspect.memory_tracker.tracked_models.MOST_WITH_VALUES", 10)
    batched = by_name()
    assert (batched.tensor_mode, batched.reason) == ("fake", BATCHED)
    assert peak_bytes(batched, "cpu") > peak_bytes(found, "cpu")
