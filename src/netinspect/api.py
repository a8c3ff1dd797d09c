"""The Python API: one function for the look, one for each view of it.

The command line calls these and nothing else. Torch is imported only where a live model is at hand.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netinspect.records.checkpoint import Checkpoint
from netinspect.stored import (
    names_checkpoint,
    read_checkpoint,
    refuse_for_checkpoint,
    summarize_values,
)
from netinspect.view import View

if TYPE_CHECKING:
    from torch import nn

    from netinspect.kept.looks import LookCache
    from netinspect.records.reports.cache import Cache
    from netinspect.records.reports.contents import Contents
    from netinspect.records.reports.cost import CostReport
    from netinspect.records.reports.internals import Internals
    from netinspect.records.reports.names import NameTree
    from netinspect.records.reports.params import Parameters
    from netinspect.records.reports.samples import Samples
    from netinspect.records.reports.source import Source
    from netinspect.records.reports.steps import Steps
    from netinspect.records.reports.summary import Summary
    from netinspect.records.reports.tensors import StoredTensors
    from netinspect.records.reports.tree import Tree
    from netinspect.records.trace import Trace


def capture(model: nn.Module, /, *args: Any, **kwargs: Any) -> Trace:
    """Run a model on some inputs in eval mode, and record all that happened.

    The model is left as it was. Where its forward raises, the trace reaches up to there and tells the
    failure; nothing is raised for it.

    Args:
        model: A live module.
        args: Positional arguments of its forward; without any, those that its file declares, or that
            are found out.
        kwargs: Keyword arguments of its forward.
    """
    return load(model, args=args or None, kwargs=kwargs or None)


def load(
    subject: nn.Module | Trace | str | os.PathLike[str],
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = (),
    inputs_from: str | None = None,
    input_files: Sequence[str] = (),
    batch: int | None = None,
    seed: int = 0,
    constructor: Mapping[str, Any] | None = None,
    online: bool = False,
    on: str = "auto",
    run: bool = True,
    everything: bool = False,
    training: bool = False,
    grad: bool = False,
    values: bool = False,
    stats: bool = False,
    code: bool = False,
    symbolic: str | Sequence[str] = (),
    cache: bool | LookCache = False,
) -> Trace:
    """Look at a model, or read a saved look.

    Args:
        subject: A live module; or a target: a sample, `file.py:Name`, `package.module:Name`, a
            library's model such as `timm:resnet50`, a saved trace. Code that a target names is run.
        args: Positional arguments of forward, where values are at hand.
        kwargs: Keyword arguments of forward.
        inputs: Input specs, such as `10x1x28x28` or `ids=2x16:int64:0..999`.
        inputs_from: A function such as `data.py:make` that returns arguments, a dictionary of keyword
            arguments, or a pair of both. It is run.
        input_files: `FILE` or `NAME=FILE`, arrays of NumPy or tensors saved by torch or safetensors.
        batch: First dimension of every input.
        seed: Seed of the weights of a model that is built here, of the inputs, and of whatever
            forward draws.
        constructor: Arguments of the class or factory that a target names.
        online: Whether the configuration of a model on the hub may be fetched; weights never are.
        on: What its tensors shall be: `meta` (no values, any size), `hollow` (large weights are zeros
            that take no memory), a device for real ones such as `cpu`, or `auto` for the first of these
            that works.
        run: Whether to run forward; without, shapes are unknown.
        everything: Keep all that a saved trace needs for every view; forward is run if it can be.
        training: Run in train mode.
        grad: Also differentiate, and keep `grad_fn` and gradients.
        values: Keep the tensors as printed.
        stats: Summarise the values of the named tensors.
        code: Keep the source of the classes.
        symbolic: Sizes of the inputs to tell as symbols, so that shapes and costs are expressions where
            runs at other sizes prove them: `batch` (N), `seq` (T), `height`, `width`, or any name
            with the dimensions that it is, such as `points=x:2` or `seq=ids:1,mask:1`.
        cache: Whether a look at a target that was kept on disk may answer, and this one be kept; see
            docs/cache.md. It serves a process that has imported neither torch nor anything of the
            user's, as the command line is; others look anew.

    Raises:
        LoadError: The target could not be loaded.
        UsageError: The inputs do not fit the model's signature, or cannot be read.
    """
    from netinspect.loading import LoadRequest, load_subject

    request = LoadRequest(
        args=args,
        kwargs=kwargs,
        inputs=tuple(inputs),
        inputs_from=inputs_from,
        input_files=tuple(input_files),
        batch=batch,
        seed=seed,
        constructor=constructor or {},
        online=online,
        on=on,
        run=run,
        everything=everything,
        training=training,
        grad=grad,
        values=values,
        stats=stats,
        code=code,
        symbolic=(symbolic,) if isinstance(symbolic, str) else tuple(symbolic),
    )
    return load_subject(subject, request, cache)


def save(trace: Trace, file: str | os.PathLike[str]) -> None:
    """Write a trace to a file, whole or not at all.

    Raises:
        UsageError: The file cannot be written.
    """
    from netinspect.files import write_whole
    from netinspect.records.saved import dump_trace

    write_whole(Path(file), dump_trace(trace))


def summary(
    subject: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    *args: Any,
    depth: int | None = None,
    ops: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
) -> View[Summary | Contents]:
    """Show the module tree as a table, with totals; or what a checkpoint is and holds.

    Args:
        subject: What to look at; see `load` and `read_checkpoint`.
        args: Positional arguments of forward, for a live module.
        depth: Deepest level with rows of its own; None for all.
        ops: Give the functions between the layers rows too.
        include: Shell patterns of paths to keep.
        exclude: Shell patterns of paths to leave out.
        sort: `params`, `branch`, `bytes`, `macs`, `calls`, `output` or `name`; of a checkpoint
            `params`, `bytes`, `tensors` or `name`.
        top: Keep only so many rows.
    """
    if isinstance(subject, Checkpoint) or names_checkpoint(subject):
        from netinspect.analyze.stored.contents import tell_contents

        refuse_for_checkpoint("--ops", ops, "there are no functions in a checkpoint")
        found = read_checkpoint(subject)
        return View(
            tell_contents(found, depth=depth, include=include, exclude=exclude, sort=sort, top=top)
        )
    from netinspect.analyze.summary import summarize

    return View(
        summarize(
            load(subject, args=args or None),
            depth=depth,
            operations=ops,
            include=include,
            exclude=exclude,
            sort=sort,
            top=top,
        )
    )


def params(
    subject: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    *,
    buffers: bool = False,
    stats: bool = False,
    values: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> View[Parameters | StoredTensors]:
    """Show every named parameter, or every tensor of a checkpoint.

    Args:
        subject: What to look at; see `load` and `read_checkpoint`. Forward is not run.
        buffers: Show the buffers too; a checkpoint shows all it has.
        stats: Show mean, std, min, max, zeros, NaN and Inf of each.
        values: Show the tensors themselves.
        include: Shell patterns of names to keep.
        exclude: Shell patterns of names to leave out.
        sort: `size`, `bytes` or `name`; of a checkpoint also `position`.
        top: Keep only so many rows.
        progress: Told, while the values of a checkpoint are read, how many bytes are done and of how
            many; maybe by another thread, but by one at a time.
    """
    if isinstance(subject, Checkpoint) or names_checkpoint(subject):
        from netinspect.analyze.stored.tensors import list_tensors, with_values

        refuse_for_checkpoint("--values", values, "the tensors of a checkpoint are not printed")
        checkpoint = read_checkpoint(subject)
        listed = list_tensors(checkpoint, include=include, exclude=exclude, sort=sort, top=top)
        if stats:
            listed = with_values(
                listed, *summarize_values(checkpoint, [row.number for row in listed.rows], progress)
            )
        return View(listed)
    from netinspect.analyze.params import list_parameters

    return View(
        list_parameters(
            load(subject, run=False, values=values, stats=stats),
            buffers=buffers,
            statistics=stats,
            values=values,
            include=include,
            exclude=exclude,
            sort=sort,
            top=top,
        )
    )


def trace(
    subject: nn.Module | Trace | str | os.PathLike[str],
    *args: Any,
    depth: int | None = None,
    full: bool = False,
    grad: bool = False,
    values: bool = False,
) -> View[Steps]:
    """Show each step of forward in order.

    Args:
        subject: What to look at; see `load`.
        args: Positional arguments of forward, for a live module.
        depth: Deepest level of calls to show; None for all.
        full: Show the functions inside torch's own layers too.
        grad: Also run backward, and show `grad_fn` and gradients.
        values: Show the output tensor itself.
    """
    from netinspect.analyze.steps import list_steps

    look = load(subject, args=args or None, grad=grad, values=values)
    return View(list_steps(look, depth=depth, full=full, gradients=grad, values=values))


def cost(
    subject: nn.Module | Trace | str | os.PathLike[str],
    *args: Any,
    by: str = "module",
    depth: int | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
    grad: bool = False,
) -> View[CostReport]:
    """Show what forward costs: MACs, FLOPs, activations, bytes.

    Args:
        subject: What to look at; see `load`.
        args: Positional arguments of forward, for a live module.
        by: `module`, `class` (of modules), `function`, `operator`, `kind` (of operators) or `line`.
        depth: Deepest level of modules with rows of its own; None for all.
        include: Shell patterns of rows to keep, by what they are grouped by.
        exclude: Shell patterns of rows to leave out.
        sort: `macs`, `flops`, `other_flops`, `params`, `activations`, `bytes`, `intensity`, `calls` or
            `name`.
        top: Keep only so many rows.
        grad: Also run backward, and show its total.
    """
    from netinspect.analyze.cost import count_cost

    look = load(subject, args=args or None, grad=grad)
    return View(
        count_cost(
            look,
            by=by,
            depth=depth,
            include=include,
            exclude=exclude,
            sort=sort,
            top=top,
            gradients=grad,
        )
    )


def tree(
    subject: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    path: str = "",
    *,
    depth: int | None = None,
    full: bool = False,
) -> View[Tree | NameTree]:
    """Show the module tree, or the one that the names of a checkpoint imply.

    Args:
        subject: What to look at; see `load` and `read_checkpoint`. Forward is not run.
        path: Module at the top.
        depth: Deepest level to show; None for all.
        full: Show alike siblings one by one.
    """
    if isinstance(subject, Checkpoint) or names_checkpoint(subject):
        from netinspect.analyze.stored.tree import grow_name_tree

        return View(grow_name_tree(read_checkpoint(subject), path=path, depth=depth, full=full))
    from netinspect.analyze.tree import grow_tree

    return View(grow_tree(load(subject, run=False), path=path, depth=depth, full=full))


def source(
    subject: nn.Module | Trace | str | os.PathLike[str],
    *args: Any,
    path: str = "",
    full: bool = False,
) -> View[Source]:
    """Show the source of a module's class with the shapes that passed through its lines.

    Args:
        subject: What to look at; see `load`.
        args: Positional arguments of forward, for a live module.
        path: The module.
        full: Show every line of the class.
    """
    from netinspect.analyze.source import annotate_source

    return View(annotate_source(load(subject, args=args or None, code=True), path=path, full=full))


def internals(subject: nn.Module | Trace | str | os.PathLike[str], path: str = "") -> View[Internals]:
    """Show what one `nn.Module` holds, and what its `__call__` will run.

    Args:
        subject: What to look at; see `load`. Forward is not run.
        path: The module.
    """
    from netinspect.analyze.internals import look_inside

    return View(look_inside(load(subject, run=False), path=path))


def models(pattern: str | None = None) -> View[Samples]:
    """Show which models can be named: the samples that come with netinspect, or a library's.

    Args:
        pattern: `timm:` for all of a library, `timm:*convnext*` for some, `resnet*` for samples.
    """
    from netinspect.sources.catalog import find_models

    return View(find_models(pattern))


def cache(*, clear: bool = False) -> View[Cache]:
    """Show what is kept on disk of former looks, for the command line to answer from.

    Args:
        clear: Remove all of it.
    """
    from netinspect.kept.store import tell_cache

    return View(tell_cache(clear=clear))
