"""Public functions `load`, `capture`, `save` and `read_checkpoint`; what a public function was given."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from netinspect._utils.classes import is_a, is_target, plain_name
from netinspect.api._checkpoints import path_of
from netinspect.api._checks import checks_arguments
from netinspect.api._inputs import read_inputs
from netinspect.api._options import FOR_CHECKPOINTS, ForwardOptions
from netinspect.errors import UsageError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.request import Target, TraceRequest, format_model_args
from netinspect.records.trace import Trace

if TYPE_CHECKING:
    import torch
    from torch import nn

    from netinspect.runner.run_options import GivenValues
    from netinspect.trace_cache.lookup import TraceCache


def capture(model: nn.Module, /, *args: Any, **kwargs: Any) -> Trace:
    """Run a model in eval mode, and return its trace.

    The state of the model is restored afterwards. If forward raises, the trace ends there and describes
    the failure; no exception is raised for it.

    Args:
        model: A live module.
        args: Positional arguments of forward. If omitted, the inputs that the file of the model declares
            are used, or inputs are inferred.
        kwargs: Keyword arguments of forward.

    Raises:
        UsageError: A keyword argument is an option of `load`, which forward does not take.
    """
    _refuse_options_of_load(model, kwargs)
    # With the source of the classes, every view can be made of the trace without a second run.
    return load(model, args=args or None, kwargs=kwargs or None, code=True)


def _refuse_options_of_load(model: Any, kwargs: Mapping[str, Any]) -> None:
    options = [name for name in kwargs if name in signature(load).parameters]
    if not options or not hasattr(type(model), "forward"):
        return
    from netinspect.runner.loading import unknown_arguments

    if unknown := unknown_arguments(model, options):
        given = ", ".join(f"{name}=..." for name in unknown)
        raise UsageError(
            f"forward of {plain_name(type(model))} has no argument {unknown[0]!r}",
            hint=f"capture passes its arguments to forward: use netinspect.load(model, {given})",
        )


@checks_arguments
def load(
    model: nn.Module | Trace | str | os.PathLike[str],
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    inputs: str | Sequence[str] = (),
    input_size: Any = None,
    input_data: Any = None,
    dtypes: Any = None,
    inputs_from: str | None = None,
    input_files: str | Sequence[str] = (),
    batch: int | None = None,
    seed: int = 0,
    model_args: Mapping[str, Any] | None = None,
    online: bool = False,
    run_file: bool = False,
    tensors: str = "auto",
    device: str | torch.device | None = None,
    run: bool = True,
    train: bool | None = False,
    call: str = "forward",
    backward: bool = False,
    values: bool = False,
    stats: bool | Literal["if_small"] = False,
    code: bool = False,
    everything: bool = False,
    symbolic: str | Sequence[str] = (),
    cache: bool | TraceCache = False,
) -> Trace:
    """Trace a model, or read a saved trace.

    Args:
        model: A live module; or a target: a sample, `file.py:Name`, `package.module:Name`, a library's
            model such as `timm:resnet50`, a saved trace. Code that a target names is executed.
        args: Positional arguments of forward, as values.
        kwargs: Keyword arguments of forward, next to whatever gives the other ones.
        inputs: Input specs, such as `10x1x28x28` or `ids=2x16:int64:0..999`.
        input_size: A size with its batch, such as `(1, 3, 224, 224)`; a list of sizes; or sizes by the
            names of arguments, as in `{"ids": (1, 128), "mask": (1, 128)}`. Tensors are made of them.
        input_data: Tensors of your own: a list or tuple of positional arguments, a dictionary of keyword
            arguments, or the only argument.
        dtypes: Dtypes of the tensors of `input_size`, in their order or by their names; as text also
            with the range of the values, such as `int64:0..999`. If omitted, they are inferred.
        inputs_from: A function such as `data.py:make` that returns arguments, a dictionary of keyword
            arguments, or a pair of both. It is called.
        input_files: `FILE` or `NAME=FILE`, arrays of NumPy or tensors saved by torch or safetensors.
        batch: First dimension of every input.
        seed: Seed of the weights of a model that is built here, of the inputs, and of random numbers
            that forward draws.
        model_args: Arguments of the class or factory that a target names.
        online: Whether the configuration of a model on the hub may be fetched; weights never are.
        run_file: Whether files that do work when they are imported are run whole. Otherwise only their
            imports, definitions and what they need are run, and while the project is imported it may
            not start processes, use the network or write files.
        tensors: Tensors to run on: `real`; `zeros` (large weights are zeros that take no memory); `meta`
            (no values, any size); `fake` (the same, on a device); or `auto` for the first that works.
        device: Device of real tensors, such as `cpu` or `cuda:0`; None for the CPU. A live model is not
            moved: its inputs are made on its own device, or on another one that it uses.
        run: Run forward; shapes are unknown otherwise.
        train: Run in train mode; None for the mode that each module has.
        call: Method to run, such as `encode`. Hooks of the model itself apply to forward only.
        backward: Also run backward, and record `grad_fn` and gradients.
        values: Record the tensors as printed.
        stats: Summarise the values of the named tensors; `if_small` to do so unless the model of a
            target is so large that it is run without its weights.
        code: Record the source of the classes.
        everything: Record everything that any view needs; forward is run if possible.
        symbolic: Input sizes to replace by symbols; shapes and costs become expressions where runs at
            other sizes confirm them: `batch` (N), `seq` (T), `height`, `width`, or any name with its
            dimensions, such as `points=x:2` or `seq=ids:1,mask:1`.
        cache: Reuse a cached trace if nothing has changed, and cache this one; see
            docs/explanation/cache.md. Only a process that has imported neither torch nor
            user code, such as the command line, uses the cache.

    Raises:
        LoadError: The target could not be loaded.
        ForwardError: A method of the model raised while the model was read. If forward itself raises,
            the trace describes the failure.
        UsageError: The inputs do not match the model's signature, or cannot be read.
    """
    from netinspect.runner.run_options import GivenValues

    read = read_inputs(
        args,
        kwargs=kwargs,
        inputs=inputs,
        input_size=input_size,
        input_data=input_data,
        dtypes=dtypes,
    )
    found = resolve(model)
    if is_a(found, Trace):
        inputs_or_sizes = (read.specs, read.args, read.kwargs, inputs_from, input_files, batch, symbolic)
        refuse_to_run_again(
            found,
            (*inputs_or_sizes, model_args, run_file, device is not None, call != "forward"),
            train=train,
        )
    text = format_model_args(model_args or {})
    request = TraceRequest(
        target=found if is_a(found, Target) else None,
        model_args=text or "{}",
        online=online,
        run_file=run_file,
        inputs=read.specs,
        inputs_from=None if inputs_from is None else resolve(inputs_from),
        input_files=one_or_several(input_files),
        batch=batch,
        seed=seed,
        tensors=tensors,
        device=None if device is None else str(device),
        run=run,
        train=train,
        call=call,
        backward=backward,
        values=values,
        stats=stats is True,
        stats_if_small=stats == "if_small",
        code=code,
        everything=everything,
        symbolic=one_or_several(symbolic),
    )
    given = GivenValues(read.args, read.kwargs, model_args if text is None else None)
    return trace_of(found, request, given, cache)


def refuse_to_run_again(trace: Trace, inputs: Sequence[Any], *, train: bool | None = False) -> None:
    """Refuse to run a trace on inputs or in a mode that a caller gave.

    Args:
        trace: The trace.
        inputs: What was given; empty or None for nothing.
        train: Whether train mode was requested.

    Raises:
        UsageError: Something was given.
    """
    if any(inputs) or (train and trace.mode != "train"):
        raise UsageError(
            f"a trace of {trace.target} cannot be run again on other inputs or devices, "
            "or in another mode",
            hint="give the model itself, or its target",
        )


def trace_of(
    found: Any, request: TraceRequest, given: GivenValues, cache: bool | TraceCache = False
) -> Trace:
    """Return the trace of what `resolve` returned; see `load`."""
    from netinspect.runner.loading import load_trace, not_a_model, trace_live
    from netinspect.runner.run_options import RunOptions

    if is_a(found, Target):
        return load_trace(request, given, cache)
    if is_a(found, Trace):
        RunOptions.parse(request, given)
        return found
    if is_a(found, Checkpoint):
        raise not_a_model(found.target)
    return trace_live(found, request, given)


def save(trace: Trace, file: str | os.PathLike[str]) -> None:
    """Write a trace to a file atomically: JSON, compressed by gzip if it is longer than 1 MiB.

    Raises:
        UsageError: The file cannot be written.
    """
    from netinspect._utils.atomic_files import write_whole
    from netinspect.records.saved import dump_trace, pack

    write_whole(Path(file), pack(dump_trace(trace)))


def read_checkpoint(source: Checkpoint | str | os.PathLike[str], *, online: bool = False) -> Checkpoint:
    """Read names, shapes, dtypes and offsets of the tensors of a checkpoint, not their values.

    Nothing in the checkpoint is executed, and torch is not imported.

    Args:
        source: A file of safetensors, torch, GGUF, ONNX or NumPy; an index of shards; a folder with a
            model's files; a model on the hub (`hf:org/name`).
        online: Whether headers may be fetched from the hub.

    Raises:
        CheckpointError: It is damaged, or not a checkpoint.
        LoadError: It cannot be read.
    """
    if is_a(source, Checkpoint):
        return source
    from netinspect.runner import stored_files
    from netinspect.targets.target import checkpoint_target

    return stored_files.read_checkpoint(checkpoint_target(path_of(source)), online=online)


def load_or_read(
    model: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    *,
    is_mixed: bool = False,
    **options: Any,
) -> Trace | Checkpoint:
    """Return the checkpoint that a target names, or else the trace.

    Args:
        model: The model, trace, checkpoint or target.
        is_mixed: Whether another target of the call is built, to which the options apply.
        options: Options of `load`.

    Raises:
        UsageError: The target is a checkpoint, and an option is for models.
    """
    found = resolve(model)
    if is_mixed and not is_a(found, Target):
        options.pop("model_args", None)
    if is_a(found, Checkpoint) or is_checkpoint(found):
        names = [name for name in ForwardOptions.__annotations__ if name not in FOR_CHECKPOINTS]
        run = [name for name in names if options.get(name)]
        if (options.get("args") or run) and not is_mixed:
            raise UsageError(
                f"{'*args' if options.get('args') else run[0]} is for models: a checkpoint is not run",
                hint="leave it out, or name the model itself",
            )
    if is_a(found, Checkpoint):
        return found
    if is_checkpoint(found):
        from netinspect.runner.stored_files import read_checkpoint

        return read_checkpoint(found, online=options.get("online", False))
    return load(found, **options)


def is_checkpoint(found: Any) -> bool:
    """Return whether what `resolve` returned names a checkpoint."""
    return is_a(found, Target) and found.is_checkpoint


def resolve(model: Any) -> Any:
    """Return the parsed target of a string or path; anything else unchanged.

    Raises:
        UsageError: The target has no known form.
        LoadError: The target does not exist.
    """
    if not is_target(model):
        return model
    from netinspect.targets.target import parse_target

    return parse_target(os.fspath(model))


def one_or_several(texts: str | Sequence[str]) -> tuple[str, ...]:
    """Return texts as a tuple; a single string is one text, not a sequence of characters."""
    return (texts,) if isinstance(texts, str) else tuple(texts)
