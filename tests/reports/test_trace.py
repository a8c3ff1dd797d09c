"""Tests of the `trace` report: repeated calls, changes of shape, and failed runs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import netinspect
from netinspect.records.values import tensors_in
from netinspect.rendering.document import Row, Table
from netinspect.rendering.formats import Style
from netinspect.reports.render import lay_out, render
from netinspect.reports.trace.record import StepRow, TraceTable
from tests import forked
from tests.support import assert_golden


class Block(nn.Module):
    """A block whose sum with its input is outside of it."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.layers = nn.ModuleList(nn.Linear(size, size) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x)
        return x


class Residual(nn.Module):
    """A loop over blocks with a sum after each."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(map(Block, sizes))
        self.head = nn.Linear(sizes[-1], 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + 1
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class Reused(nn.Module):
    """One layer that is called several times."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = self.layer(x)
        return x


class Uneven(nn.Module):
    """Two layers with equal shapes that differ in a parameter inside."""

    def __init__(self, second: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(4, size), nn.Linear(size, 4)) for size in (8, second)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def steps_of(report: TraceTable) -> Table:
    table = lay_out(report).blocks[0]
    assert isinstance(table, Table)
    return table


def names_of(report: TraceTable) -> list[str]:
    table = steps_of(report)
    at = [column.key for column in table.columns].index("name")

    def name(row: Row) -> str:
        return "  " * row.level + row.cells[at].text

    return [name(row) for row in table.shown_rows]


def test_trace_folds_blocks_and_the_sums_between_them() -> None:
    report = netinspect.trace(Residual(8, 8, 8, 8), torch.zeros(2, 8)).record
    assert names_of(report) == [
        "add",
        "blocks.0..3, add  x4",
        "  blocks.0",
        "    norm",
        "    layers.0..1  x2",
        "  add",
        "head",
    ]
    assert [row.number for row in report.rows] == list(range(1, 23))
    assert names_of(netinspect.trace(Residual(8, 8), torch.zeros(2, 8), fold=False).record) == [
        "add",
        "blocks.0",
        "  norm",
        "  layers.0",
        "  layers.1",
        "add",
        "blocks.1",
        "  norm",
        "  layers.0",
        "  layers.1",
        "add",
        "head",
    ]


def test_trace_folds_calls_of_one_layer() -> None:
    assert names_of(netinspect.trace(Reused(), torch.zeros(2, 4)).record) == ["layer  x3"]


def test_trace_depth_folds_only_what_is_identical_inside() -> None:
    given = torch.zeros(2, 4)
    assert names_of(netinspect.trace(Uneven(8), given, depth=1).record) == ["layers.0..1  x2"]
    assert names_of(netinspect.trace(Uneven(9), given, depth=1).record) == ["layers.0", "layers.1"]


def test_trace_notes_steps_below_the_depth_only() -> None:
    given = torch.zeros(2, 4)
    assert "not shown" not in render(netinspect.trace(Uneven(8), given).record)
    shallow = netinspect.trace(Uneven(8), given, depth=1).record
    assert "4 steps below the depth not shown (--depth 0)" in render(shallow)


def expanded(rows: list[StepRow], start: int, depth: int) -> int:
    """Count the steps of the visible rows from a position on at one depth and below."""
    count, index = 0, start
    times, left = 1, 0
    while index < len(rows) and rows[index].depth >= depth:
        row = rows[index]
        if not left:
            times, left = row.repeats, row.group
        count += times * (1 + expanded(rows, index + 1, depth + 1))
        left -= 1
        index += 1
        while index < len(rows) and rows[index].depth > depth:
            index += 1
    return count


@pytest.mark.parametrize(
    "sample", ["lenet", "resnet18", "tiny_gpt", "lstm_tagger", "shared_layer", "encoder", "unet"]
)
def test_trace_folded_rows_stand_for_all_steps(sample: str) -> None:
    report = netinspect.trace(sample).record
    visible = [row for row in report.rows if row.repeat_of is None]
    assert expanded(visible, 0, 1) == len(report.rows)
    by_index = {row.index: row for row in report.rows}
    for row in report.rows:
        if row.repeat_of is not None:
            first = by_index[row.repeat_of]
            assert first.index < row.index
            assert first.repeat_of is None
            assert (first.class_name, first.depth, first.output) == (
                row.class_name,
                row.depth,
                row.output,
            )
            assert list(map(list, map(tensors_in, first.inputs))) == list(
                map(list, map(tensors_in, row.inputs))
            )


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_trace_marks_changed_shapes(width: int) -> None:
    report = netinspect.trace("resnet18").record
    text = render(report, Style(width=width))
    assert max(map(len, text.splitlines())) <= width
    table = steps_of(report)
    at = {column.key: index for index, column in enumerate(table.columns)}
    for row in table.shown_rows:
        given, output = row.cells[at["input"]], row.cells[at["output"]]
        shape = output.text[2:]
        assert (output.text[:2] == "▸ ") == (shape not in given.text)
    assert "(1, 64, 56, 56) x2" in text


@pytest.mark.parametrize("sample", ["lenet", "resnet18", "tiny_gpt"])
def test_trace_on_a_small_screen(sample: str) -> None:
    report = netinspect.trace(sample).record
    text = render(report, Style(width=80, height=24))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    names = names_of(report)
    assert len(lines) < 28
    # Each call of the model itself has a row, whatever the height.
    for name in names:
        if not name.startswith(" "):
            assert any(name in line for line in lines)
    assert_golden(f"screens/trace_{sample}_80x24.txt", text)


def test_trace_ascii_has_another_mark() -> None:
    text = render(netinspect.trace("lenet").record, Style(width=80, ascii_only=True))
    assert text.isascii()
    assert "> (10, 6, 24, 24)" in text


def test_trace_of_a_failed_run_shows_the_branch_that_failed() -> None:
    model = Residual(8, 8, 8)
    setattr(model.get_submodule("blocks.2.layers"), "1", nn.Linear(9, 8))
    report = netinspect.trace(model, torch.zeros(2, 8)).record
    assert names_of(report) == [
        "add",
        "blocks.0..1, add  x2",
        "  blocks.0",
        "  add",
        "blocks.2",
        "  norm",
        "  layers.0",
        "  layers.1",
    ]
    assert len(report.rows) == 15
    assert render(report).count("FAILED") >= 2


def test_trace_no_fold_lists_each_block() -> None:
    folded = forked.run("trace", "tiny_gpt", "--format", "rich")
    whole = forked.run("trace", "tiny_gpt", "--format", "rich", "--no-fold")
    assert folded.code == whole.code == 0
    assert "blocks.0..2  x3" in folded.out
    assert "blocks.2 " in whole.out
    assert len(whole.out.splitlines()) - len(folded.out.splitlines()) == 2 * 18
    assert forked.run("trace", "tiny_gpt", "--format", "csv").out.count(",blocks.2,Block,") == 1
