"""The function `summary` with torchinfo's arguments."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netinspect.api._inputs import read_inputs
from netinspect.api._placement import moved, placed_on
from netinspect.errors import UsageError
from netinspect.integrations.torchinfo.enums import Mode

if TYPE_CHECKING:
    import torch
    from torch import nn

    from netinspect.integrations.torchinfo.formatting import FormattingOptions
    from netinspect.integrations.torchinfo.model_statistics import ModelStatistics
    from netinspect.records.trace import Trace

_TRAIN = {Mode.TRAIN: True, Mode.EVAL: False, Mode.SAME: None}


def summary(
    model: nn.Module,
    input_size: Sequence[int | Sequence[Any] | torch.Size] | None = None,
    input_data: Any = None,
    batch_dim: int | None = None,
    cache_forward_pass: bool | None = None,
    col_names: Iterable[str] | None = None,
    col_width: int = 25,
    depth: int = 3,
    device: torch.device | str | None = None,
    dtypes: list[torch.dtype] | None = None,
    mode: str | None = None,
    row_settings: Iterable[str] | None = None,
    verbose: int | None = None,
    **kwargs: Any,
) -> ModelStatistics:
    """Show layers, shapes, parameters and multiply-accumulates of a model, as torchinfo does.

    Forward runs once on the inputs; without inputs it is not run, and only parameters are known. The
    model, with its mode, device and buffers, is restored at the end.

    Args:
        model: A live module.
        input_size: Size of the input with its batch, such as `(1, 3, 224, 224)`; several sizes for
            several inputs; `[]` among them for a scalar.
        input_data: A tensor; a list or tuple of positional arguments; a dictionary of keyword arguments.
            A dictionary that forward takes as one argument is put in a list.
        batch_dim: Dimension at which a batch of 1 is inserted into each size of `input_size`.
        cache_forward_pass: Accepted and not needed: forward runs at each call, and the result can be
            printed again with other `formatting`.
        col_names: Columns: `input_size`, `output_size`, `num_params`, `params_percent`, `kernel_size`,
            `groups`, `mult_adds`, `trainable`.
        col_width: Cells that each of these columns takes at least; nothing is cut.
        depth: Deepest level with rows: 0 for the row of the model alone, -1 for the totals alone.
        device: Device for the run: the model, the inputs and the tensors in `kwargs` are placed there
            for its time only.
        dtypes: Dtypes of the inputs of `input_size`, or their names; or types of tensors, such as
            `torch.LongTensor`. If omitted, they are inferred, as int64 for an embedding.
        mode: `eval`, `train`, or `same` for the mode of each module; None for `eval`.
        row_settings: What rows show: `depth`, `var_names`, `ascii_only`, `hide_recursive_layers`.
        verbose: 0 prints nothing, 1 the table, 2 also the parameters of each layer. None for 1 in a
            script, and 0 where the result is shown by itself, as in a notebook.
        kwargs: Further keyword arguments of forward.

    Raises:
        ValueError: A name, a number or a size is not accepted.
        TypeError: `input_size` is not a sequence of whole numbers, `depth` is not a number, or the model
            is not a module.
        RuntimeError: Arguments contradict each other, the device does not exist, or forward raised.
    """
    from netinspect import api
    from netinspect.integrations.torchinfo import arguments, errors
    from netinspect.integrations.torchinfo.advice import InputAdvice

    arguments.check_model(model)
    if verbose is None:
        verbose = 0 if getattr(sys, "ps1", None) else 1
    has_input = input_data is not None or input_size is not None
    formatting = arguments.read_formatting(
        col_names=col_names,
        col_width=col_width,
        depth=depth,
        row_settings=row_settings,
        verbose=verbose,
        has_input=has_input,
    )
    train = _TRAIN[arguments.read_name(Mode, mode or Mode.EVAL, "mode")]
    place = arguments.read_device(device)
    if input_data is not None and input_size is not None:
        raise errors.InvalidCallError("expected one of input_size and input_data, got both")
    shown_sizes: Any = []
    if input_size is not None:
        shown_sizes = arguments.read_sizes(input_size)
        dtypes = arguments.read_dtypes(dtypes, len(shown_sizes))
    elif input_data is not None:
        shown_sizes, dtypes = arguments.sizes_of(input_data), None
    advice = InputAdvice(
        keywords=frozenset(kwargs), from_sizes=input_size is not None, batch_dim=batch_dim
    )
    with ExitStack() as stack:
        try:
            if place is not None and has_input:
                stack.enter_context(placed_on(model, place))
                kwargs, input_data = moved(kwargs, place), moved(input_data, place)
            inputs = read_inputs(
                kwargs=kwargs,
                input_size=None if input_size is None else shown_sizes,
                input_data=list(input_data) if isinstance(input_data, tuple) else input_data,
                dtypes=dtypes,
                batch_dim=batch_dim,
            )
            trace = api.load(
                model,
                args=inputs.args,
                kwargs=inputs.kwargs,
                inputs=inputs.specs,
                run=has_input,
                train=train,
                code=True,  # so that every view can be made of the trace
                device=None if place is None or input_size is None else str(place),
            )
        except UsageError as error:
            raise errors.as_invalid_call(error, advice.signature) from error
    result = _statistics(model, trace, shown_sizes, formatting)
    if trace.failure is not None:
        raise errors.run_failed(result, replace(advice, inputs=trace.inputs).signature)
    if verbose:
        print(result)
    return result


def _statistics(
    model: nn.Module, trace: Trace, input_size: Any, formatting: FormattingOptions
) -> ModelStatistics:
    from netinspect import api
    from netinspect.integrations.torchinfo.layers import list_layers
    from netinspect.integrations.torchinfo.model_statistics import ModelStatistics

    report = api.summary(trace, order="calls", fold=False).record
    layers = list_layers(trace, report, model)
    return ModelStatistics(layers, trace, report, input_size, formatting)
