"""Tests of the `memory` report and its view."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from models.resnet18 import ResNet18
from models.tiny_gpt import TinyGPT
from torch import nn

import netinspect
from netinspect.analysis.allocation_totals import CATEGORIES
from netinspect.errors import ForwardError, UsageError
from netinspect.records.base import replace
from netinspect.records.codec import from_data, to_data
from netinspect.records.memory import (
    Allocation,
    BatchProbe,
    BatchSearch,
    MemoryStep,
    MemoryTrack,
    Tracking,
)
from netinspect.records.trace import Versions
from netinspect.rendering.document import Table
from netinspect.rendering.formats import COMMON_FORMATS, Format, Style
from netinspect.reports.memory.compute import build_memory
from netinspect.reports.memory.record import Amounts, Memory
from netinspect.reports.render import lay_out, render
from tests import forked
from tests.memory_tracker.runs import Asking, Blocks, Chain, Selecting, Tied
from tests.records.examples import small_trace
from tests.support import assert_golden

CASES: list[tuple[Any, torch.Tensor]] = [
    (Chain, torch.zeros(32, 64)),
    (Tied, torch.zeros(2, 8, dtype=torch.int64)),
    (Blocks, torch.zeros(16, 32)),
    (TinyGPT, torch.zeros(2, 16, dtype=torch.int64)),
    (ResNet18, torch.zeros(2, 3, 32, 32)),
    (lambda: nn.LSTM(8, 16), torch.zeros(5, 2, 8)),
]


def added(amounts: Amounts) -> int:
    return sum(getattr(amounts, category) for category in CATEGORIES)


@pytest.mark.parametrize("train", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(("make", "given"), CASES)
def test_memory_amounts_add_up(make: Any, given: torch.Tensor, train: bool) -> None:
    options: dict[str, Any] = {"train": train, "optimizer": "adam", "allocator": "cpu"}
    report = netinspect.memory(make(), given, top=None, points=None, **options).record
    assert len(report.timeline) == report.steps
    assert report.peak.total == max(point.total for point in report.timeline)
    assert report.peak in report.timeline
    for point in (*report.timeline, report.peak):
        assert point.total == added(point.amounts)
    for module in report.modules:
        assert module.total == added(module.amounts)
    for category in CATEGORIES:
        of_modules = sum(getattr(module.amounts, category) for module in report.modules)
        assert of_modules == getattr(report.peak.amounts, category)
    of_groups: dict[str, int] = {}
    for module in report.modules:
        name = module.repeat_of or module.path
        of_groups[name] = of_groups.get(name, 0) + module.total
    assert list(of_groups.values()) == sorted(of_groups.values(), reverse=True)
    elements = {id(each): each.numel() * each.element_size() for each in make().parameters()}
    assert report.peak.amounts.parameters == sum(elements.values())
    assert from_data(Memory, to_data(report)) == report
    # With a limit, the points are a selection that includes the peak.
    short = netinspect.memory(make(), given, top=2, points=5, depth=1, **options).record
    assert short.peak == report.peak
    assert short.peak in short.timeline
    assert set(short.timeline) <= set(report.timeline)
    assert sum(module.total for module in short.modules) + short.hidden_bytes == report.peak.total
    assert all("." not in module.path for module in short.modules)


def test_memory_search_finds_the_largest_batch() -> None:
    given, limit = torch.zeros(4, 64), 10_000_000
    report = netinspect.memory(Chain(), given, train=True, device_memory=limit).record
    assert report.search is not None
    found = report.search.found
    assert found

    def peak(batch: int) -> int:
        return netinspect.memory(Chain(), given, train=True, batch=batch).record.peak.total

    assert peak(found) <= limit < peak(found + 1)


def test_memory_search_ends_at_the_largest_tensor() -> None:
    report = netinspect.memory(nn.ReLU(), torch.zeros(1, 1 << 20), device_memory="1000PB").record
    assert report.search is not None
    assert report.search.found is None
    assert max(probe.batch for probe in report.search.probes) == 1 << 14


def test_memory_cuda_rounds_to_blocks() -> None:
    report = netinspect.memory(nn.Linear(3, 5), torch.zeros(2, 3), points=None).record
    assert report.allocator == "cuda"
    assert {point.total % 512 for point in report.timeline} == {0}
    assert report.peak.total == 4 * 512


def test_memory_records_inputs_and_options() -> None:
    report = netinspect.memory(Chain(), torch.zeros(4, 64), batch=7, train=True, dtype="bf16").record
    (entry,) = report.header.inputs
    assert entry.spec == "x=7x64"
    assert entry.value.shape == (7, 64)  # type: ignore[union-attr]
    assert entry.value.dtype == "bfloat16"  # type: ignore[union-attr]
    assert entry.value.bytes == 2 * 7 * 64  # type: ignore[union-attr]
    assert (report.batch, report.optimizer, report.dtype) == (7, "adamw", "bfloat16")
    assert (report.header.mode, report.header.tensor_mode) == ("train", "fake")


@pytest.mark.parametrize(
    ("model", "words"), [(Selecting(), "x[x > 0] * 2"), (Asking(), "x.sum().item() > 0")]
)
def test_memory_runs_models_that_need_values_on_the_cpu(model: nn.Module, words: str) -> None:
    report = netinspect.memory(model, torch.ones(2, 4)).record
    assert report.header.tensor_mode == "real"
    (note,) = report.header.warnings
    assert words in note
    assert "tracked on the CPU" in note
    assert "fake tensors" in note


def test_memory_of_a_failing_model_raises_forward_error() -> None:
    with pytest.raises(ForwardError, match="first") as caught:
        netinspect.memory(Chain(), torch.zeros(2, 63))
    assert "63" in str(caught.value.cause)


def test_memory_training_without_gradients_is_rejected() -> None:
    with pytest.raises(ForwardError, match="failed with batch 1 while") as caught:
        netinspect.memory(nn.BatchNorm1d(3), torch.zeros(2, 3), batch=1, train=True)
    assert "more than 1 value per channel" in str(caught.value.cause)
    frozen = nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(ForwardError) as caught:
        netinspect.memory(frozen, torch.zeros(1, 2), train=True)
    assert "no output depends on a parameter" in str(caught.value.cause)
    assert "--train" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"optimizer": "adamv"}, "unknown optimizer 'adamv'", "'adamw'"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion'", "sgd, sgd-momentum, adam"),
        ({"dtype": "fp8"}, "unknown dtype 'fp8'", "fp16"),
        ({"allocator": "tpu"}, "unknown allocator 'tpu'", "cpu"),
        ({"batch": 0}, "the batch is 0", "1 or more"),
        ({"checkpoint_activations": True}, "has no effect in inference", "--train"),
        ({"device_memory": "24"}, "cannot read the size '24'", "24GiB"),
        ({"device_memory": "24 gigs"}, "cannot read the size '24 gigs'", "24GiB"),
        ({"device_memory": "0GiB"}, "is zero", "24GiB"),
        ({"device_memory": "-1GiB"}, "cannot read", "24GiB"),
        ({"top": -1}, "top is -1", "0 or more"),
        ({"points": -1}, "points is -1", "0 or more"),
    ],
)
def test_memory_rejects_invalid_options(options: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        netinspect.memory(nn.Linear(2, 2), torch.zeros(1, 2), **options)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


# --- the view ------------------------------------------------------------------------------------


def by_hand() -> Tracking:
    """Return one iteration in which layer `one` saves a tensor for backward."""

    def step(phase: Any, iteration: int, module: str, operation: str) -> MemoryStep:
        return MemoryStep(phase=phase, iteration=iteration, module=module, operation=operation)

    def made(size: int, born: int, died: int | None, module: str, kind: Any = "made") -> Allocation:
        return Allocation(bytes=size, kind=kind, born=born, died=died, module=module)

    track = MemoryTrack(
        batch=8,
        training=True,
        steps=(
            step("start", 0, "", ""),
            step("forward", 1, "one", "aten.addmm"),
            step("forward", 1, "two", "aten.relu"),
            step("backward", 1, "two", "aten.threshold_backward"),
            step("backward", 1, "one", "aten.mm"),
            step("optimizer", 1, "", "aten.zeros_like"),
        ),
        allocations=(
            made(4096, 0, None, "one", "parameter"),
            made(2048, 0, None, "", "input"),
            made(8192, 1, 4, "one"),
            made(1024, 2, 2, "two"),
            made(8192, 3, 4, "two"),
            made(4096, 4, None, "one", "gradient"),
            made(8192, 5, None, "one", "optimizer_state"),
        ),
        wrapped=("blocks.0", "blocks.1"),
    )
    probes = tuple(BatchProbe(batch=batch, bytes=6144 + 2560 * batch) for batch in (8, 16, 22, 23))
    return Tracking(
        track=track, search=BatchSearch(limit=64_000, probes=probes, found=22, method="line")
    )


def report_by_hand(**options: Any) -> Memory:
    versions = Versions(netinspect="1", torch="2", python="3")
    trace = replace(small_trace(), failure=None, warnings=(), versions=versions)
    return build_memory(
        trace,
        by_hand(),
        inputs=trace.inputs,
        allocator="cuda",
        optimizer="adamw",
        dtype="bfloat16",
        checkpoint=True,
        **options,
    )


def test_memory_view_shows_the_numbers_of_the_record() -> None:
    report = report_by_hand()
    assert report.peak.index == 4
    assert report.peak.amounts == Amounts(
        parameters=4096,
        buffers=0,
        inputs=2048,
        gradients=4096,
        optimizer_states=0,
        activations=8192,
        temporaries=8192,
    )
    assert [(each.path, each.total) for each in report.modules] == [
        ("one", 16384), ("two", 8192), ("", 2048),
    ]  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_screen(width: int) -> None:
    text = render(report_by_hand(), Style(width=width))
    assert max(map(len, text.splitlines())) <= width
    assert_golden(f"screens/memory_by_hand_{width}.txt", text)


def test_ascii_screen() -> None:
    text = render(report_by_hand(), Style(width=80, ascii_only=True))
    assert text.isascii()
    assert_golden("screens/memory_by_hand_80_ascii.txt", text)


@pytest.mark.parametrize("width", [80, 120])
def test_screen_of_every_row(width: int) -> None:
    text = render(report_by_hand(fold=False), Style(width=width))
    assert max(map(len, text.splitlines())) <= width
    assert_golden(f"screens/memory_by_hand_no-fold_{width}.txt", text)


@pytest.mark.parametrize(
    ("sample", "train"),
    [
        ("lenet", False),
        ("resnet18", True),
        ("tiny_gpt", False),
        ("tiny_gpt", True),
        ("two_inputs", True),
    ],
)
def test_memory_view_fits_a_small_screen(sample: str, train: bool) -> None:
    report = netinspect.memory(sample, train=train).record
    lines = render(report, Style(width=80)).splitlines()
    assert len(lines) <= (24 if sample == "two_inputs" else 22)
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("peak: ") for line in lines[-2:])
    # The rows of modules add up to the peak, to which the parts of the first table add up too.
    _, _, modules = (block for block in lay_out(report).blocks if isinstance(block, Table))
    assert sum(_bytes(row.cells[2].text) for row in modules.shown_rows) == pytest.approx(
        report.peak.total, rel=0.02
    )
    assert len(modules.shown_rows) <= 6
    assert len(modules.rows) == len(report.modules)
    if sample == "tiny_gpt":
        rows = [row.cells[0].text for row in modules.shown_rows]
        assert "blocks.0..2.perceptron.0  x3" in rows
        assert "blocks.2.perceptron.0" in [row.cells[0].value for row in modules.rows]


def _bytes(text: str) -> float:
    number, unit = text.split()
    return float(number) * 1024 ** ["B", "KiB", "MiB", "GiB"].index(unit)


def test_memory_top_limits_the_modules() -> None:
    assert [each.path for each in report_by_hand(top=1).modules] == ["one"]
    assert report_by_hand(top=1).hidden_bytes == 10240
    assert "2 more modules" in render(report_by_hand(top=1))
    assert report_by_hand(top=0).modules == report_by_hand().modules
    assert report_by_hand(top=0).hidden_modules == 0


def test_memory_no_fold_lists_each_point() -> None:
    short = forked.run("memory", "lenet", "--format", "rich")
    whole = forked.run("memory", "lenet", "-f", "rich", "--no-fold", "--points", "0", "--width", "120")
    assert short.code == whole.code == 0
    assert "timeline, from" in short.out
    assert whole.out.count("aten.relu ") == 5
    assert "<peak" in whole.out
    assert forked.run("memory", "lenet", "--format", "csv").out.count("aten.relu") == 5


@pytest.mark.parametrize("format", [each for each in COMMON_FORMATS if each is not Format.RICH])
def test_format(format: Format) -> None:
    assert_golden(f"formats/memory.{format}", render(report_by_hand(), Style(format=format)))


def test_memory_machine_formats_have_exact_bytes() -> None:
    document = json.loads(render(report_by_hand(), Style(format=Format.JSON)))
    assert document["peak"]["total"] == 26624
    assert sum(document["peak"]["amounts"].values()) == 26624
    table = render(report_by_hand(), Style(format=Format.PLAIN)).split("\n\n")[0].splitlines()
    assert sum(int(row.split("\t")[1]) for row in table[1:]) == 26624


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (22, "largest batch in 62.5 KiB: 22"),
        (0, "no batch fits in 62.5 KiB"),
        (None, "all tracked batches fit"),
    ],
)
def test_memory_notes_the_result_of_the_search(found: int | None, words: str) -> None:
    tracking = by_hand()
    assert tracking.search is not None
    probes = tracking.search.probes
    search = BatchSearch(limit=64_000, probes=probes, found=found, method="bisection")
    trace = small_trace()
    report = build_memory(
        trace,
        Tracking(track=tracking.track, search=search),
        inputs=trace.inputs,
        allocator="cpu",
        optimizer=None,
        dtype=None,
        checkpoint=False,
    )
    assert words in render(report)


class SetsDefaults(nn.Module):
    """Model that changes the defaults of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.set_default_dtype(torch.float64)
        return self.fc(x)


def test_memory_leaves_the_defaults_of_torch() -> None:
    netinspect.memory(SetsDefaults(), torch.zeros(2, 4))
    assert torch.get_default_dtype() == torch.float32
