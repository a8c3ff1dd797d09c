"""Document of a summary with torchinfo's columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netinspect._utils import units
from netinspect.integrations.torchinfo.enums import ColumnSettings, Verbosity
from netinspect.integrations.torchinfo.formatting import FormattingOptions, format_total
from netinspect.integrations.torchinfo.layer_info import HeldParameter, LayerInfo
from netinspect.records.values import Value
from netinspect.rendering import format_values
from netinspect.rendering.document import Column, Document, Legend, Line, line, make_table

if TYPE_CHECKING:
    from netinspect.integrations.torchinfo.model_statistics import ModelStatistics

_NAMED = 8
"""Maximum number of modules that a note names."""

_NUMBERS = (ColumnSettings.NUM_PARAMS, ColumnSettings.PARAMS_PERCENT, ColumnSettings.MULT_ADDS)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table: of a layer, or of one of its parameters."""

    layer: LayerInfo
    is_last: bool
    """Whether the rows below the layer are not shown, and so are counted in it."""

    parameter: HeldParameter | None = None


def lay_out(statistics: ModelStatistics) -> Document:
    """Lay out a summary: the table, the totals, and notes on what the table does not show."""
    formatting = statistics.formatting
    rows = [*_rows(statistics.summary_list, formatting)]
    texts = [row.layer.num_params_to_str(row.is_last) for row in rows]
    marks = {text[:2] for text in texts if text.startswith("(")}
    meanings = [
        "(number): not trainable" if any(mark[1].isdigit() for mark in marks) else "",
        "(recursive): the same layer again, counted above" if "(r" in marks else "",
        "(tied): the same weight, counted above" if "(t" in marks else "",
    ]
    legend = Legend(
        text="; ".join(filter(None, meanings)),
        about=(ColumnSettings.NUM_PARAMS.value,) if marks else (),
    )
    table = make_table(
        "summary",
        _columns(statistics),
        rows,
        level=lambda row: row.layer.depth + (row.parameter is not None),
    )
    return Document(
        title=line((statistics.summary_list[0].class_name, "title")),
        blocks=(table,) if rows else (),  # no rows with a depth below 0
        legends=(legend,),
        notes=(*_totals(statistics), *_notes(statistics, rows)),
    )


def _rows(layers: Sequence[LayerInfo], formatting: FormattingOptions) -> Iterator[_Row]:
    for layer in layers:
        if layer.depth > formatting.max_depth or (
            layer.is_repeated and formatting.hide_recursive_layers
        ):
            continue
        yield _Row(layer, is_last=layer.depth == formatting.max_depth)
        if formatting.verbose >= Verbosity.VERBOSE and not layer.is_repeated:
            for parameter in layer.parameters:
                yield _Row(layer, is_last=False, parameter=parameter)


def _columns(statistics: ModelStatistics) -> tuple[Column[_Row], ...]:
    formatting, total = statistics.formatting, statistics.total_params
    makers = {
        ColumnSettings.KERNEL_SIZE: _kernel_size,
        ColumnSettings.GROUPS: lambda row: _or_dash(row.layer.groups),
        ColumnSettings.INPUT_SIZE: lambda row: _shapes(row.layer.inputs),
        ColumnSettings.OUTPUT_SIZE: lambda row: _shapes(
            () if row.layer.output is None else (row.layer.output,)
        ),
        ColumnSettings.NUM_PARAMS: lambda row: row.layer.num_params_to_str(row.is_last),
        ColumnSettings.PARAMS_PERCENT: lambda row: row.layer.params_percent(total, row.is_last),
        ColumnSettings.MULT_ADDS: lambda row: row.layer.macs_to_str(row.is_last),
        ColumnSettings.TRAINABLE: lambda row: row.layer.trainable,
    }
    of_parameters = {
        ColumnSettings.KERNEL_SIZE: lambda parameter: str(list(parameter.shape)),
        ColumnSettings.NUM_PARAMS: lambda parameter: (
            "(tied)" if parameter.tied else f"{parameter.elements:,} *"
        ),
    }
    name = Column[_Row](
        key="layer",
        value=lambda row: _name(row, formatting),
        tree=True,
    )
    chosen = (
        Column[_Row](
            key=column.value,
            value=_value(makers[column], of_parameters.get(column)),
            align="right" if column in _NUMBERS else "left",
            least_width=formatting.col_width,
        )
        for column in map(ColumnSettings, formatting.col_names)
    )
    return (name, *chosen)


def _value(
    of_layer: Callable[[_Row], str], of_parameter: Callable[[HeldParameter], str] | None
) -> Callable[[_Row], str]:
    def value(row: _Row) -> str:
        if row.parameter is None:
            return of_layer(row)
        return "" if of_parameter is None else of_parameter(row.parameter)

    return value


def _name(row: _Row, formatting: FormattingOptions) -> str:
    if row.parameter is None:
        return row.layer.get_layer_name(formatting.show_var_name, formatting.show_depth)
    shape = str(list(row.parameter.shape))
    is_shown = ColumnSettings.KERNEL_SIZE in formatting.col_names
    return row.parameter.name if is_shown else f"{row.parameter.name} {shape}"


def _kernel_size(row: _Row) -> str:
    return _or_dash(row.layer.kernel_size)


def _or_dash(value: int | list[int] | None) -> str:
    return "--" if value is None else str(value)


def _shapes(values: Sequence[Value]) -> str:
    """Format all shapes of values: `((2, 10, 8), ((1, 10, 8), (1, 10, 8)))`."""
    return ", ".join(map(format_values.in_table, values)) or "--"


def _totals(statistics: ModelStatistics) -> list[Line]:
    formatting = statistics.formatting
    counts, sizes = formatting.params_count_units, formatting.params_size_units
    frozen = statistics.total_params - statistics.trainable_params
    texts = [
        f"Total params{format_total(statistics.total_params, counts)}",
        f"Trainable params{format_total(statistics.trainable_params, counts)}",
        f"Non-trainable params{format_total(frozen, counts)}",
    ]
    if statistics.trace.ran:
        macs = format_total(statistics.total_mult_adds, formatting.macs_units)
        if statistics.is_lower_bound:
            macs = macs.replace(": ", ": >= ")
        outputs = format_total(statistics.total_output_bytes, sizes, is_bytes=True)
        total = statistics.total_input + statistics.total_output_bytes + statistics.total_param_bytes
        texts += [
            f"Total mult-adds{macs}",
            f"Input size{format_total(statistics.total_input, sizes, is_bytes=True)}",
            f"Forward/backward pass size{outputs}",
            f"Params size{format_total(statistics.total_param_bytes, sizes, is_bytes=True)}",
            f"Estimated total size{format_total(total, sizes, is_bytes=True)}",
        ]
    return [line((text, "total")) for text in texts]


def _notes(statistics: ModelStatistics, rows: Sequence[_Row]) -> Iterator[Line]:
    """Yield notes on what neither rows nor totals show."""
    report, formatting = statistics.report, statistics.formatting
    if formatting.verbose >= Verbosity.VERBOSE and any(row.parameter for row in rows):
        yield line(("* a parameter of the layer above it, counted there", "hint"))
    if formatting.hide_recursive_layers:
        hidden = [layer for layer in statistics.summary_list if layer.is_repeated]
        if hidden:
            macs = sum(layer.own.macs for layer in hidden)
            calls = units.plural(len(hidden), "further call")
            yield line((f"not shown: {calls} of layers above, with {macs:,} mult-adds", "hint"))
    for tie in report.ties:
        names = " = ".join(name or "the model itself" for name in tie.names)
        yield line(f"tied: {names}, {units.plural(tie.elements, 'parameter')} counted once")
    masked = statistics.stored_params - statistics.total_params
    if masked:
        yield line(
            f"pruned: {units.count(masked)} of {units.plural(statistics.stored_params, 'parameter')} "
            "are masked and not counted; sizes and mult-adds include them, as torch stores and "
            "multiplies them"
        )
    if report.unused and statistics.trace.ran:
        names = units.some(report.unused, _NAMED)
        size = units.plural(report.unused_parameters, "parameter")
        text = f"never called: {names}, with {size}, counted in the rows that contain them"
        yield line((text, "warning"))
    if statistics.uncounted:
        calls = units.plural(statistics.uncounted, "call")
        yield line(
            (f"mult-adds are a lower bound: {calls} of operators could not be counted", "warning")
        )
    yield from format_values.run_notes(report.header)
