"""Public functions, one per command.

The command line calls the same functions. Torch is imported only if a live model is given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack, overload

from netinspect._utils.classes import is_a
from netinspect.analysis.rows import Selection
from netinspect.api._checkpoints import refuse_for_checkpoint, summarize_values
from netinspect.api._load import load, load_or_read
from netinspect.api._options import BuildOptions, ForwardOptions, ViewOptions, given, takes
from netinspect.api._summary import SummaryView
from netinspect.api._view import View
from netinspect.records.checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch import nn

    from netinspect.records.cache_usage import Cache
    from netinspect.records.model_list import ModelList
    from netinspect.records.trace import Trace
    from netinspect.reports.cost.record import CostReport
    from netinspect.reports.internals.record import Internals
    from netinspect.reports.params.record import Parameters
    from netinspect.reports.source.record import Source
    from netinspect.reports.summary.checkpoint_record import CheckpointSummary
    from netinspect.reports.trace.record import TraceTable
    from netinspect.reports.tree.record import Tree

    _Model = nn.Module | Trace
    _Named = str | os.PathLike[str]


# fmt: off
@overload
def summary(
    model: Checkpoint, *args: Any, depth: int | None = ..., order: str = ..., functions: bool = ...,
    fold: bool = ...,
    include: Sequence[str] = ..., exclude: Sequence[str] = ..., sort: str | None = ...,
    top: int | None = ..., **options: Unpack[ForwardOptions],
) -> View[CheckpointSummary]: ...
@overload
def summary(
    model: _Model, *args: Any, depth: int | None = ..., order: str = ..., functions: bool = ...,
    fold: bool = ...,
    include: Sequence[str] = ..., exclude: Sequence[str] = ..., sort: str | None = ...,
    top: int | None = ..., **options: Unpack[ForwardOptions],
) -> SummaryView: ...
@overload
def summary(
    model: _Named, *args: Any, depth: int | None = ..., order: str = ..., functions: bool = ...,
    fold: bool = ...,
    include: Sequence[str] = ..., exclude: Sequence[str] = ..., sort: str | None = ...,
    top: int | None = ..., **options: Unpack[ForwardOptions],
) -> SummaryView | View[CheckpointSummary]: ...
# fmt: on


@takes(ForwardOptions)
def summary(
    model: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    *args: Any,
    depth: int | None = None,
    order: str = "definition",
    functions: bool = False,
    fold: bool = True,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
    **options: Unpack[ForwardOptions],
) -> SummaryView | View[CheckpointSummary]:
    """Show the module tree as a table, with totals; or what a checkpoint is and holds.

    Nothing is printed: print the view, or read `total_params`, `trainable_params`, `total_mult_adds`,
    `total_output_bytes` and `layers` of it.

    Args:
        model: A model, a trace or a target; see `load` and `read_checkpoint`.
        args: Positional arguments of forward, for a live module.
        depth: Deepest level with rows of its own; None for all, up to the 128th.
        order: `definition` for the order of the constructors, or `calls` for that of the calls.
        functions: Give the functions between the layers rows too, in the order of the calls.
        fold: Show identical consecutive blocks in one row.
        include: Shell patterns of paths to keep.
        exclude: Shell patterns of paths to leave out.
        sort: `params`, `bytes`, `macs`, `flops`, `activations`, `calls`, `output` or `path`; of a
            checkpoint `elements`, `bytes`, `tensors` or `path`.
        top: Keep only so many rows: those with most parameters, or elements, unless sorted.
        options: The options below, of all functions that run a model.

    Keyword Args:
        input_size: A size with its batch, such as `(1, 3, 224, 224)`; a list of sizes; or sizes by the
            names of arguments of forward. If no inputs are given, they are inferred.
        input_data: Inputs of your own: a list or tuple of positional arguments, a dictionary of keyword
            arguments, or the only argument.
        inputs: Input specs as on the command line, such as `ids=2x16:int64:0..999`.
        dtypes: Dtypes of the tensors of `input_size`, in their order or by their names.
        kwargs: Keyword arguments of forward, next to whatever gives the other ones.
        device: Device of the inputs. A live model is not moved.
        train: Run forward in train mode, or None for the mode that each module has. The model is in its
            own modes afterwards.
        batch: First dimension of every input.
        symbolic: Input sizes to replace by symbols, such as `batch`.
        inputs_from: A function that makes the inputs, such as `data.py:make`.
        input_files: Files with the inputs, as `FILE` or `NAME=FILE`.
        model_args: Arguments of the class or factory that a target names: `{"num_classes": 10}`.
        seed: Seed of the weights of a target, of inputs and of random numbers that forward draws.
        tensors: Tensors that a target is run on: `auto`, `real`, `zeros`, `meta` or `fake`.
        online: Whether the configuration of a model on the hub may be fetched.
        run_file: Whether files that do work when they are imported are run whole.
        cache: Whether cached traces may be used, and new ones cached; see `load`.
        columns: Keys of the columns to show, such as `["path", "output", "params"]`, or `all`.
    """
    selection = Selection(include, exclude, sort, top)
    found = load_or_read(model, args=args or None, **given(options))
    if is_a(found, Checkpoint):
        from netinspect.reports.summary.checkpoint_compute import build_checkpoint_summary

        refuse_for_checkpoint("--functions", functions, "a checkpoint has no functions")
        return View(build_checkpoint_summary(found, selection, depth=depth, fold=fold))
    from netinspect.reports.summary.compute import build_summary

    return SummaryView(
        build_summary(found, selection, depth=depth, order=order, functions=functions, fold=fold)
    )


@takes(BuildOptions)
def params(
    model: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    *,
    buffers: bool = False,
    stats: bool = False,
    values: bool = False,
    fold: bool = True,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Unpack[BuildOptions],
) -> View[Parameters]:
    """Show every named parameter, or every tensor of a checkpoint.

    Args:
        model: A model, a trace or a target; see `load` and `read_checkpoint`. Forward is not run.
        buffers: Show the buffers too; a checkpoint shows all it has.
        stats: Show mean, std, min, max, zeros, NaN and Inf of each.
        values: Show the tensors themselves.
        fold: Show identical tensors of repeated blocks as one row, unless the list is sorted or limited,
            or has statistics or values.
        include: Shell patterns of names to keep.
        exclude: Shell patterns of names to leave out.
        sort: `elements`, `bytes` or `name`; of a checkpoint also `offset`; with `stats` also a
            statistic, and by default tensors with anomalies come first.
        top: Keep only so many rows: the largest.
        progress: Called with bytes done and total bytes while the values of a checkpoint are read.
        options: How a target is built, and `columns`, as for `summary`.
    """
    from netinspect.reports.params.compute import ReadValues, list_tensors, matching_indices

    selection = Selection(include, exclude, sort, top)
    found = load_or_read(model, run=False, values=values, stats=stats, **given(options))
    if is_a(found, Checkpoint):
        refuse_for_checkpoint("--values", values, "the tensors of a checkpoint are not printed")
        if not stats:
            return View(list_tensors(found, selection, fold=fold))
        # A limit hides rows, not findings: every tensor that the filters let through is read.
        indices = matching_indices(found, selection)
        summaries, findings = summarize_values(found, indices, progress)
        read = ReadValues(dict(zip(indices, summaries, strict=True)), findings)
        return View(list_tensors(found, selection, read=read))
    return View(
        list_tensors(found, selection, buffers=buffers, statistics=stats, values=values, fold=fold)
    )


@takes(ForwardOptions)
def trace(
    model: nn.Module | Trace | str | os.PathLike[str],
    *args: Any,
    depth: int | None = None,
    inside_layers: bool = False,
    backward: bool = False,
    values: bool = False,
    fold: bool = True,
    **options: Unpack[ForwardOptions],
) -> View[TraceTable]:
    """Show each step of forward in order.

    Args:
        model: A model, a trace or a target; see `load`.
        args: Positional arguments of forward, for a live module.
        depth: Deepest level of calls to show; None for all.
        inside_layers: Show the functions inside torch's own layers too.
        backward: Run backward too, and show `grad_fn` and gradients.
        values: Show the output tensor itself.
        fold: Show identical blocks once, and of a failed run the branch that failed.
        options: Inputs of forward, its mode and the columns, as for `summary`.
    """
    from netinspect.reports.trace.compute import list_steps

    recorded = load(model, args=args or None, backward=backward, values=values, **given(options))
    return View(
        list_steps(
            recorded,
            depth=depth,
            inside_layers=inside_layers,
            backward=backward,
            values=values,
            fold=fold,
        )
    )


@takes(ForwardOptions)
def cost(
    model: nn.Module | Trace | str | os.PathLike[str],
    *args: Any,
    by: str = "module",
    tree: bool = False,
    depth: int | None = None,
    fold: bool = True,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
    backward: bool = False,
    **options: Unpack[ForwardOptions],
) -> View[CostReport]:
    """Show what forward costs: MACs, FLOPs, activations, bytes.

    Args:
        model: A model, a trace or a target; see `load`.
        args: Positional arguments of forward, for a live module.
        by: `module`, `class` (of modules), `function`, `operator`, `kind` (of operators) or `line`.
        tree: Show all modules in order, each with the sum of its branch, instead of a list.
        depth: Deepest level of modules with rows of its own; None for all.
        fold: Show identical modules as one row; the list that people see is sorted and limited by these.
        include: Shell patterns of rows to keep, by what they are grouped by.
        exclude: Shell patterns of rows to leave out.
        sort: `macs`, `flops`, `other_flops`, `params`, `activations`, `bytes`, `read`, `written`,
            `intensity`, `calls` or `name`.
        top: Keep only so many rows; in what people see, identical modules count as one.
        backward: Run backward too, and show its total.
        options: Inputs of forward, its mode and the columns, as for `summary`.
    """
    from netinspect.reports.cost.compute import count_cost

    recorded = load(model, args=args or None, backward=backward, **given(options))
    return View(
        count_cost(
            recorded,
            Selection(include, exclude, sort, top),
            by=by,
            depth=depth,
            backward=backward,
            tree=tree,
            fold=fold,
        )
    )


@takes(BuildOptions)
def tree(
    model: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    path: str = "",
    *,
    depth: int | None = None,
    fold: bool = True,
    **options: Unpack[BuildOptions],
) -> View[Tree]:
    """Show the module tree, or the one that the names of a checkpoint imply.

    Args:
        model: A model, a trace or a target; see `load` and `read_checkpoint`. Forward is not run.
        path: Module at the top.
        depth: Deepest level to show; None for all, up to the 128th.
        fold: Whether a run of identical siblings is one row.
        options: How a target is built, and `columns`, as for `summary`.
    """
    from netinspect.reports.tree.compute import build_tree

    found = load_or_read(model, run=False, **given(options))
    return View(build_tree(found, path=path, depth=depth, fold=fold))


@takes(ForwardOptions)
def source(
    model: nn.Module | Trace | str | os.PathLike[str],
    *args: Any,
    path: str = "",
    whole_class: bool = False,
    **options: Unpack[ForwardOptions],
) -> View[Source]:
    """Show the source of a module's class with the shapes that passed through its lines.

    Args:
        model: A model, a trace or a target; see `load`.
        args: Positional arguments of forward, for a live module.
        path: The module.
        whole_class: Show every line of the class.
        options: Inputs of forward, its mode and the columns, as for `summary`.
    """
    from netinspect.reports.source.compute import annotate_source

    recorded = load(model, args=args or None, code=True, **given(options))
    return View(annotate_source(recorded, path=path, whole_class=whole_class))


@takes(BuildOptions)
def internals(
    model: nn.Module | Trace | str | os.PathLike[str], path: str = "", **options: Unpack[BuildOptions]
) -> View[Internals]:
    """Show what one `nn.Module` holds, and what its `__call__` will run.

    Args:
        model: A model, a trace or a target; see `load`. Forward is not run.
        path: The module.
        options: How a target is built, and `columns`, as for `summary`.
    """
    from netinspect.reports.internals.compute import build_internals

    return View(build_internals(load(model, run=False, **given(options)), path=path))


@takes(ViewOptions)
def models(pattern: str | None = None, **options: Unpack[ViewOptions]) -> View[ModelList]:
    """Show which models can be named: samples, models of libraries, or classes of files.

    Nothing is imported or run.

    Args:
        pattern: `timm:` for all of a library, `timm:*convnext*` for some, `resnet*` for samples and all
            libraries; or the path of a Python file or folder, whose nn.Module classes are listed.
        options: `columns`, as for `summary`.
    """
    from netinspect.targets.catalog import find_models

    return View(find_models(pattern))


def cache(*, clear: bool = False) -> View[Cache]:
    """Show or clear the trace cache.

    Args:
        clear: Remove all cached traces.
    """
    from netinspect.trace_cache.store import cache_usage

    return View(cache_usage(clear=clear))
