"""Tests of the tracker against hand calculation, torch's own tracker and real allocations."""

from __future__ import annotations

import copy
import importlib
from collections import Counter
from typing import Any

import pytest
import torch
from models.encoder import PatchEncoder
from models.resnet18 import ResNet18
from models.tiny_gpt import TinyGPT
from torch import nn
from torch.profiler import ProfilerActivity, profile

from netinspect.analysis.allocation_totals import categories, peak_bytes
from netinspect.errors import LoadError
from netinspect.memory_tracker.allocations import AllocationTracker
from netinspect.memory_tracker.fake_tensors import adapt, fake_tensors
from netinspect.memory_tracker.request import OPTIMIZERS, TrackOptions, TrackRequest
from netinspect.memory_tracker.session import track as track_request
from netinspect.memory_tracker.workload import Observer, infer, train
from netinspect.records.memory import MemoryTrack
from netinspect.records.request import TraceRequest
from tests.memory_tracker.runs import Blocks, Chain, Tied, tracked
from tests.tracing.process_snapshot import snapshot

FLOAT = 4


def sums(track: MemoryTrack, index: int) -> Counter[str]:
    """Return the bytes of each category at one step."""
    found: Counter[str] = Counter()
    for each, kind in zip(track.allocations, categories(track), strict=True):
        if each.born <= index and (each.died is None or each.died >= index):
            found[kind] += each.bytes
    return found


# --- by hand -------------------------------------------------------------------------------------


def test_inference_of_linear_allocates_its_tensors() -> None:
    track = tracked(nn.Linear(10, 20), "8x10")
    assert peak_bytes(track, "cpu") == FLOAT * (10 * 20 + 20 + 8 * 10 + 8 * 20)
    assert [step.operation for step in track.steps] == ["", "aten.addmm"]
    assert sums(track, 1) == {
        "parameters": FLOAT * 220, "inputs": FLOAT * 80, "activations": FLOAT * 160,
    }  # fmt: skip


def test_unused_activations_are_freed() -> None:
    track = tracked(nn.Sequential(nn.Linear(8, 1000), nn.ReLU(), nn.Linear(1000, 8)), "4x8")
    last = sums(track, len(track.steps) - 1)
    # The second layer runs while the result of the ReLU is there, and the first one's is not.
    assert last["activations"] == FLOAT * (4 * 1000 + 4 * 8)


def test_training_allocates_gradients_and_states() -> None:
    parameters = FLOAT * (64 * 256 + 256 + 256 * 256 + 256 * 64 + 64)
    track = tracked(Chain(), "16x64", training=True, optimizer="adam")
    stepping = [index for index, step in enumerate(track.steps) if step.phase == "optimizer"]
    second = [index for index in stepping if track.steps[index].iteration == 2]
    held = sums(track, second[0])
    assert held["parameters"] == held["gradients"] == parameters
    count = len(list(Chain().parameters()))
    # Two moments as large as the parameters, and a count of steps for each of them.
    assert held["optimizer_states"] == 2 * parameters + FLOAT * count
    forward = [index for index, step in enumerate(track.steps) if step.phase == "forward"]
    assert sums(track, forward[-1])["gradients"] == 0


def test_training_keeps_activations_for_backward() -> None:
    track = tracked(Chain(), "16x64", training=True, optimizer="none")
    forward = [
        i for i, step in enumerate(track.steps) if step.phase == "forward" and step.iteration == 1
    ]
    # The results of relu and of tanh, while that of each layer before them is dropped; and the loss.
    assert sums(track, forward[-1])["activations"] == FLOAT * (2 * 16 * 256 + 1)


def test_host_step_counters_are_not_counted() -> None:
    track = tracked(nn.Linear(8, 8), "4x8", training=True, optimizer="adamw", device="cuda")
    states = [each for each in track.allocations if each.kind == "optimizer_state"]
    assert {each.bytes for each in states} == {FLOAT * 64, FLOAT * 8}
    assert len(states) == 4


def test_tied_weights_count_once() -> None:
    track = tracked(Tied(), "2x8:int64", training=True, optimizer="none")
    kinds = Counter(each.kind for each in track.allocations if each.born == 0)
    assert kinds == {"parameter": 1, "input": 1}
    gradients = [each.bytes for each in track.allocations if each.kind == "gradient"]
    assert gradients == [FLOAT * 1600] * 2  # one in each iteration


def test_gradients_and_backward_have_modules() -> None:
    track = tracked(Chain(), "16x64", training=True, optimizer="none")
    gradients = Counter(each.module for each in track.allocations if each.kind == "gradient")
    assert set(gradients) == {"first", "second", "third"}
    backward = [step for step in track.steps if step.phase == "backward" and step.iteration == 1]
    assert [step.module for step in backward if step.operation == "aten.mm"] == [
        "third", "third", "second", "second", "first",
    ]  # fmt: skip


def test_half_dtype_halves_floating_tensors() -> None:
    whole, half = (tracked(Chain(), "16x64", dtype=dtype) for dtype in (None, "bfloat16"))
    assert peak_bytes(half, "cpu") * 2 == peak_bytes(whole, "cpu")
    tokens = tracked(Tied(), "2x8:int64", dtype="float16")
    assert sums(tokens, 0) == {"parameters": 2 * 1600, "inputs": 8 * 16}


def test_checkpointed_blocks_keep_only_inputs() -> None:
    plain = tracked(Blocks(), "64x32", training=True, optimizer="none")
    checkpointed = tracked(Blocks(), "64x32", training=True, optimizer="none", checkpoint=True)
    assert checkpointed.wrapped == ("blocks.0", "blocks.1", "blocks.2", "blocks.3")
    assert plain.wrapped == ()

    def saved_bytes(track: MemoryTrack) -> int:
        ends = [
            i for i, step in enumerate(track.steps) if (step.phase, step.iteration) == ("forward", 1)
        ]
        return sums(track, ends[-1])["activations"]

    # Without: the hidden layer before and after GELU, and the input of each block but the first.
    assert saved_bytes(plain) == FLOAT * (64 * (4 * 2 * 256 + 3 * 32) + 1)
    assert saved_bytes(checkpointed) == FLOAT * (64 * 3 * 32 + 1)
    assert any(each.recomputed for each in checkpointed.allocations)
    assert peak_bytes(checkpointed, "cpu") < peak_bytes(plain, "cpu")


def test_recomputed_blocks_use_gpu_dropout() -> None:
    layers = [nn.Sequential(nn.Linear(32, 32), nn.Dropout()) for _ in range(3)]
    track = tracked(nn.Sequential(*layers), "64x32", training=True, device="cuda", checkpoint=True)
    masks = [each for each in track.allocations if each.recomputed and each.bytes == 64 * 32]
    assert len(masks) == 2 * len(layers)


def test_without_repeated_blocks_nothing_is_checkpointed() -> None:
    assert tracked(Chain(), "16x64", training=True, checkpoint=True).wrapped == ()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_can_be_tracked(optimizer: str) -> None:
    track = tracked(Chain(), "16x64", training=True, optimizer=optimizer)
    states = sum(each.bytes for each in track.allocations if each.kind == "optimizer_state")
    assert (states > 0) == (optimizer not in ("sgd", "none"))


def test_gpu_dropout_keeps_one_byte_per_element() -> None:
    model = nn.Sequential(nn.Linear(8, 4096), nn.Dropout(0.5))

    def saved_sizes(device: str) -> list[int]:
        track = tracked(model, "16x8", training=True, optimizer="none", device=device)
        return [
            each.bytes
            for each, kind in zip(track.allocations, categories(track), strict=True)
            if kind == "activations" and track.steps[each.born].iteration == 1 and each.module == "1"
        ]

    assert saved_sizes("cpu") == [FLOAT * 16 * 4096]
    assert saved_sizes("cuda") == [16 * 4096]


def test_gpu_attention_with_dropout_allocates_no_matrix() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.layer(x)
            rate = 0.5 if self.training else 0.0
            return nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=rate)

    def largest(device: str) -> int:
        track = tracked(Attention(), "1x1x256x8", training=True, optimizer="none", device=device)
        return max(each.bytes for each in track.allocations)

    assert largest("cpu") == FLOAT * 256 * 256
    assert largest("cuda") < FLOAT * 256 * 256


def test_meta_model_is_tracked() -> None:
    with torch.device("meta"):
        empty = Chain()
    whole = tracked(Chain(), "16x64", training=True)
    assert peak_bytes(tracked(empty, "16x64", training=True), "cpu") == peak_bytes(whole, "cpu")


def test_lazy_layers_are_initialized_by_first_run() -> None:
    lazy = nn.Sequential(nn.LazyLinear(10), nn.ReLU())
    parameters = [each.bytes for each in tracked(lazy, "2x5").allocations if each.kind == "parameter"]
    assert sorted(parameters) == [FLOAT * 10, FLOAT * 50]
    assert isinstance(lazy[0], nn.LazyLinear)  # the model itself is not run


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(
    ("make", "spec"), [(Chain, "32x64"), (TinyGPT, "4x32:int64"), (ResNet18, "2x3x32x32")]
)
def test_run_with_values_equals_run_without(make: Any, spec: str, training: bool) -> None:
    model = make()
    without, with_values = (
        tracked(model, spec, training=training, with_values=wanted) for wanted in (False, True)
    )
    assert (without.tensor_mode, with_values.tensor_mode) == ("fake", "real")
    assert with_values.steps == without.steps
    assert peak_bytes(with_values, "cpu") == peak_bytes(without, "cpu")


# --- comparison with torch ---------------------------------------------------------------


CASES: list[tuple[Any, str]] = [
    (Chain, "32x64"),
    (Tied, "2x8:int64"),
    (TinyGPT, "4x32:int64"),
    (ResNet18, "2x3x32x32"),
    (PatchEncoder, "2x3x32x32"),
    (Blocks, "16x32"),
]


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(("make", "spec"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_peak_equals_torch_memory_tracker(make: Any, spec: str, training: bool) -> None:
    module = pytest.importorskip(
        "torch.distributed._tools.mem_tracker", reason="this torch has no memory tracker of its own"
    )
    from netinspect.inputs.spec import parse_spec
    from netinspect.inputs.tensors import build_tensor

    if make is PatchEncoder and not training:
        pytest.skip("with hooks on its modules, an encoder layer does not take its fused way")
    with fake_tensors():
        model = make().train(training)
        adapt(model, None)
        given = build_tensor(parse_spec(spec), torch.Generator())
        tracker = module.MemTracker()
        tracker.track_external(model, given)

        class Resetting(Observer):
            def enter_phase(self, phase: Any, iteration: int) -> None:
                if phase == "forward" and iteration > 1:
                    tracker.reset_mod_stats()  # it refuses a second iteration otherwise

        with tracker:
            if training:
                train(model, lambda: model(given), "adamw", foreach=False, observer=Resetting())
            else:
                infer(lambda: model(given), Resetting())
        (snapshot,) = tracker.get_tracker_snapshot("peak").values()
    track = tracked(make(), spec, training=training, optimizer="adamw")
    assert peak_bytes(track, "cpu") == snapshot["Total"]


def test_fake_deepcopy_is_tracked_like_original() -> None:
    """Torch's transformers copy their layers; views of a fake copy do not share its memory."""
    request = TrackRequest(
        name="encoder",
        run=TraceRequest(inputs=("2x3x32x32",), train=True),
        options=TrackOptions(device="cpu"),
    )

    class NewModel:
        modes_with_values: tuple[Any, ...] = ()
        note = ""

        def without_data(self, mode: Any) -> nn.Module:
            return PatchEncoder()

        def with_values(self, tensor_mode: Any) -> Any:
            raise NotImplementedError

    rebuilt = track_request(request, NewModel()).track
    assert peak_bytes(rebuilt, "cpu") == peak_bytes(
        tracked(PatchEncoder(), "2x3x32x32", training=True), "cpu"
    )


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(
    ("make", "spec", "least"),
    [(Chain, "512x64", 1.0), (TinyGPT, "16x64:int64", 0.95), (Blocks, "512x32", 0.95)],
)
def test_peak_equals_cpu_allocator(make: Any, spec: str, least: float, training: bool) -> None:
    from netinspect.inputs.spec import parse_spec
    from netinspect.inputs.tensors import build_tensor

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        model = make().train(training)
        given = build_tensor(parse_spec(spec), torch.Generator())
        if training:
            train(model, lambda: model(given), "adamw", foreach=False, observer=Observer())
        else:
            infer(lambda: model(given), Observer())
    events = profiler.profiler.kineto_results.events()
    total = true = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            total += event.nbytes()
            true = max(true, total)
    track = tracked(make(), spec, training=training, optimizer="adamw")
    # Where it is not all, a matrix product copies an operand within itself.
    assert least <= peak_bytes(track, "cpu") / true <= 1.0


@pytest.mark.gpu
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_peak_is_close_to_gpu_allocator(training: bool) -> None:
    def run() -> None:
        model = Chain(512).to("cuda").train(training)
        given = torch.randn(2048, 512, device="cuda")
        if training:
            train(model, lambda: model(given), "adamw", foreach=True, observer=Observer())
        else:
            infer(lambda: model(given), Observer())

    run()  # libraries take their workspaces at the first run
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    true = torch.cuda.max_memory_allocated() - before
    track = tracked(Chain(512), "2048x512", training=training, optimizer="adamw", device="cuda")
    assert peak_bytes(track, "cuda") == pytest.approx(true, rel=0.05)


# --- state of the model and of torch -----------------------------------------------------------------


def test_live_model_is_unchanged() -> None:
    model = Blocks()
    model.register_forward_hook(lambda *_: None)
    before, random = snapshot(model), torch.get_rng_state()
    tracked(model, "4x32", training=True, checkpoint=True, dtype="bfloat16")
    assert snapshot(model) == before
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.randn(2).sum().item() is not None  # tensors have data again


def test_tracker_removes_its_hooks() -> None:
    with fake_tensors():
        model = Chain()
        hooks = copy.copy(model.first._forward_hooks), copy.copy(model._forward_pre_hooks)
        with pytest.raises(ZeroDivisionError), AllocationTracker(model, ()):
            _ = 1 / 0
        assert (model.first._forward_hooks, model._forward_pre_hooks) == hooks
        assert not model.first.weight._post_accumulate_grad_hooks


def test_resized_storage_is_counted_again() -> None:
    with fake_tensors():
        model = nn.Identity()
        with AllocationTracker(model, ()) as tracker:
            tensor = torch.zeros(10)
            tensor.resize_(100)
            assert [each.bytes for each in tracker.allocations()] == [40, 400]
            assert tracker.allocations()[0].died == 1


def test_torch_without_fake_tensors_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("torch._subclasses.fake_tensor")
    monkeypatch.delattr(module, "FakeTensorMode")
    with pytest.raises(LoadError, match="cannot run without data") as caught, fake_tensors():
        pass
    assert "FakeTensorMode" in str(caught.value.cause)
    assert "version of torch" in str(caught.value.hint)
