"""Cases of the tests of `netinspect.torchinfo`: calls of `summary`, and checks of their results."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from netinspect.integrations.torchinfo.layout import lay_out
from netinspect.rendering.document import Table
from netinspect.torchinfo import ModelStatistics, summary


@dataclass(frozen=True)
class Call:
    """One call of `summary`."""

    model: Callable[[], nn.Module]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    macs: int
    """Multiply-accumulates, computed by hand."""

    params: int | None
    """Parameters; None for as many as torch counts."""

    rows: int | None
    """Rows of the whole list; None if they are not checked."""


@dataclass(frozen=True)
class Case:
    """What one test of torchinfo calls."""

    name: str
    calls: tuple[Call, ...]
    check: Callable[[Sequence[ModelStatistics]], None] | None = None
    """Check of the results of all calls."""


def call(
    model: Callable[[], nn.Module],
    *arguments: Any,
    macs: int = 0,
    params: int | None = None,
    rows: int | None = None,
    **options: Any,
) -> Call:
    """Make a call; all further arguments are those of `summary`."""
    return Call(model, arguments, options, macs, params, rows)


def case(
    name: str, *calls: Call, check: Callable[[Sequence[ModelStatistics]], None] | None = None
) -> Any:
    """Make a case."""
    return Case(name, calls, check)


def run(each: Call) -> ModelStatistics:
    """Call `summary`, and check the totals and that the model is unchanged."""
    torch.manual_seed(0)
    model = each.model()
    before = state_of(model)
    result = summary(model, *each.arguments, **each.options)
    assert state_of(model) == before
    parameters = [p for p in model.parameters() if not lazy(p)]
    count = sum(p.numel() for p in parameters)
    assert result.total_params == (count if each.params is None else each.params)
    if each.params is None:
        assert result.trainable_params == sum(p.numel() for p in parameters if p.requires_grad)
    if not any(map(lazy, model.parameters())):
        assert result.total_param_bytes == sum(p.numel() * p.element_size() for p in parameters)
    assert result.total_mult_adds == each.macs
    assert each.rows is None or len(result.summary_list) == each.rows
    check_sums(result)
    return result


def state_of(model: nn.Module) -> Any:
    """Return what a call must restore: values, devices, modes and hooks."""
    tensors = {
        name: (each.device.type, each.requires_grad, None if lazy(each) else digest(each))
        for name, each in model.state_dict(keep_vars=True).items()
        if isinstance(each, torch.Tensor) and each.device.type != "meta"
    }
    modules = [
        (module.training, len(module._forward_hooks), len(module._forward_pre_hooks))
        for module in model.modules()
    ]
    return tensors, modules


def digest(tensor: torch.Tensor) -> int:
    """Return a hash of the values of a tensor."""
    return hash(tensor.detach().cpu().float().numpy().tobytes())


def lazy(tensor: torch.Tensor) -> bool:
    """Return whether a tensor has no size yet."""
    return isinstance(tensor, nn.UninitializedParameter)


def check_sums(result: ModelStatistics) -> None:
    """Check that rows add up to the totals, in the list and in the printed table of any depth."""
    assert sum(layer.own.params for layer in result.summary_list) == result.total_params
    assert sum(layer.own.macs for layer in result.summary_list) == result.total_mult_adds
    for layer in result.summary_list:
        assert layer.parent_info is None or layer in layer.parent_info.children
    formatting = result.formatting
    asked = formatting.max_depth, formatting.row_settings, formatting.col_names
    for depth in {asked[0], 0, 1, 2, 99}:
        formatting.max_depth, formatting.row_settings = depth, frozenset()
        formatting.col_names = ("num_params", "mult_adds")  # type: ignore[assignment]
        assert column_sum(result, "num_params") == result.total_params
        assert column_sum(result, "mult_adds") == result.total_mult_adds
    formatting.max_depth, formatting.row_settings, formatting.col_names = asked


def column_sum(result: ModelStatistics, key: str) -> int:
    """Return the sum of the numbers that a column of the printed table shows."""
    return sum(
        int(number.replace(",", ""))
        for text in column(result, key)
        if "*" not in text
        for number in re.findall(r"\d[\d,]*", text)
    )


def column(result: ModelStatistics, key: str) -> list[str]:
    """Return the texts of a column of the printed table."""
    (table,) = (block for block in lay_out(result).blocks if isinstance(block, Table))
    at = [each.key for each in table.columns].index(key)
    return [row.cells[at].text for row in table.rows]
