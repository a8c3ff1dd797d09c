"""Tests of identical tensors in the `params` report."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import netinspect
from netinspect.analysis.rows import Selection
from netinspect.records.named_tensors import NamedTensor
from netinspect.reports.params.compute import list_tensors
from tests.reports.traces import ODD, SAMPLES, trace_of


@pytest.mark.parametrize("name", [*SAMPLES, *ODD])
def test_params_folded_rows_times_repeats_are_the_unfolded_ones(name: str) -> None:
    report = list_tensors(trace_of(name), buffers=True)
    unfolded = list_tensors(trace_of(name), buffers=True, fold=False)
    assert [row.name for row in report.rows] == [row.name for row in unfolded.rows]
    assert all(row.repeats == 1 and row.repeat_of is None for row in unfolded.rows)
    shown = [row for row in report.rows if row.repeat_of is None]
    assert sum(row.repeats for row in shown) == len(report.rows)
    assert sum(row.repeats * row.counted_elements for row in shown) == sum(
        row.counted_elements for row in unfolded.rows
    )
    for first in shown:
        group = [row for row in report.rows if first.name in (row.name, row.repeat_of)]
        assert len(group) == first.repeats
        assert {(row.shape, row.dtype, row.trainable, row.kind) for row in group} == {
            (first.shape, first.dtype, first.trainable, first.kind)
        }


def test_params_of_identical_blocks_once() -> None:
    text = netinspect.params("tiny_gpt").text(width=100)
    assert "blocks.0..2.attention.projection.weight  x3" in text
    assert "3 x 4,096" in text
    assert "blocks.1.attention.projection.weight" in netinspect.params("tiny_gpt").text(format="plain")
    for options in ({"fold": False}, {"stats": True}, {"sort": "bytes"}, {"top": 99}):
        assert " x3" not in netinspect.params("tiny_gpt", **options).text(width=100)


def names(model: nn.Module) -> list[tuple[str, int, str]]:
    rows: tuple[NamedTensor, ...] = netinspect.params(model).record.rows
    return [(row.name, row.repeats, row.last_name) for row in rows if row.repeat_of is None]


def test_params_folds_no_frozen_or_tied_tensors_with_others() -> None:
    model = nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(4)))
    assert names(model) == [("0.weight", 4, "3.weight")]
    model[2].weight.requires_grad_(False)
    assert names(model) == [("0.weight", 2, "1.weight"), ("2.weight", 1, ""), ("3.weight", 1, "")]
    model[2].weight.requires_grad_(True)
    model[3].weight = model[0].weight
    assert names(model)[0] == ("0.weight", 1, "")


def test_params_folds_lists_of_parameters_in_the_order_of_numbers() -> None:
    model = nn.ParameterList([nn.Parameter(torch.ones(2)) for _ in range(12)])
    assert names(model) == [("0", 12, "11")]
    report = list_tensors(netinspect.load("tiny_gpt", run=False), Selection(include=["blocks.[12].*"]))
    assert report.rows[0].last_name == "blocks.2.attention_norm.weight"
