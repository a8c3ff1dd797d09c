"""Traces of live modules, targets, saved traces and cache entries.

Torch is imported only if a model has to be run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netinspect._utils import process
from netinspect._utils.classes import is_a, is_target
from netinspect.errors import LoadError, UsageError, class_name, text_of
from netinspect.inputs.request import InputRequest, check_sources
from netinspect.inputs.symbols import SymbolRequest, parse_symbols
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.trace import Trace

if TYPE_CHECKING:
    from torch import nn

    from netinspect.runner.cached_traces import TraceCache
    from netinspect.targets.target import Target
    from netinspect.trace_cache.cache_key import CacheKey


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """Options of one request; `load` documents each field."""

    args: Sequence[Any] | None = None
    kwargs: Mapping[str, Any] | None = None
    inputs: tuple[str, ...] = ()
    inputs_from: str | None = None
    input_files: tuple[str, ...] = ()
    batch: int | None = None
    seed: int = 0
    constructor: Mapping[str, Any] = field(default_factory=dict)
    online: bool = False
    run_file: bool = False
    on: str = "auto"
    run: bool = True
    everything: bool = False
    training: bool = False
    grad: bool = False
    values: bool = False
    stats: bool = False
    code: bool = False
    symbolic: tuple[str, ...] = ()

    def symbols(self) -> tuple[SymbolRequest, ...]:
        """Return the parsed symbols.

        Raises:
            UsageError: A symbol is malformed, or the batch is given as a number too.
        """
        return parse_symbols(self.symbolic, batch=self.batch) if self.symbolic else ()

    def check(self) -> InputRequest:
        """Return the parsed inputs.

        Raises:
            UsageError: They are malformed, come from several sources, or the seed is out of range.
        """
        if not 0 <= self.seed < 2**63:
            raise UsageError(
                f"the seed {self.seed} is out of range", hint="take one from 0 to 2**63 - 1"
            )
        self.symbols()
        request = InputRequest.parse(self.inputs, batch=self.batch, seed=self.seed)
        check_sources(
            input=bool(self.inputs),
            inputs_from=self.inputs_from is not None,
            input_file=bool(self.input_files),
            batch=self.batch is not None,
        )
        return request


def capture(model: nn.Module, /, *args: Any, **kwargs: Any) -> Trace:
    """Run a model in eval mode, and return its trace.

    The state of the model is restored afterwards. If forward raises, the trace ends there and describes
    the failure; no exception is raised for it.

    Args:
        model: A live module.
        args: Positional arguments of forward. If omitted, the inputs that the file of the model declares
            are used, or inputs are inferred.
        kwargs: Keyword arguments of forward.
    """
    # With the source of the classes, every view can be made of the trace without a second run.
    return load(model, args=args or None, kwargs=kwargs or None, code=True)


def load(
    subject: nn.Module | Trace | str | os.PathLike[str],
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    inputs: str | Sequence[str] = (),
    inputs_from: str | None = None,
    input_files: str | Sequence[str] = (),
    batch: int | None = None,
    seed: int = 0,
    constructor: Mapping[str, Any] | None = None,
    online: bool = False,
    run_file: bool = False,
    on: str = "auto",
    run: bool = True,
    everything: bool = False,
    training: bool = False,
    grad: bool = False,
    values: bool = False,
    stats: bool = False,
    code: bool = False,
    symbolic: str | Sequence[str] = (),
    cache: bool | TraceCache = False,
) -> Trace:
    """Trace a model, or read a saved trace.

    Args:
        subject: A live module; or a target: a sample, `file.py:Name`, `package.module:Name`, a
            library's model such as `timm:resnet50`, a saved trace. Code that a target names is executed.
        args: Positional arguments of forward, as values.
        kwargs: Keyword arguments of forward.
        inputs: Input specs, such as `10x1x28x28` or `ids=2x16:int64:0..999`.
        inputs_from: A function such as `data.py:make` that returns arguments, a dictionary of keyword
            arguments, or a pair of both. It is called.
        input_files: `FILE` or `NAME=FILE`, arrays of NumPy or tensors saved by torch or safetensors.
        batch: First dimension of every input.
        seed: Seed of the weights of a model that is built here, of the inputs, and of random numbers
            that forward draws.
        constructor: Arguments of the class or factory that a target names.
        online: Whether the configuration of a model on the hub may be fetched; weights never are.
        run_file: Whether files that do work when they are imported are run whole. Otherwise only their
            imports, definitions and what they need are run, and while the project is imported it may
            not start processes, use the network or write files.
        on: Tensors to run on: `meta` (no values, any size), `zeros` (large weights are zeros that take
            no memory), `fake`, a device for real ones such as `cpu`, or `auto` for the first of these
            that works.
        run: Run forward; shapes are unknown otherwise.
        everything: Record everything that any view needs; forward is run if possible.
        training: Run in train mode.
        grad: Also run backward, and record `grad_fn` and gradients.
        values: Record the tensors as printed.
        stats: Summarise the values of the named tensors.
        code: Record the source of the classes.
        symbolic: Input sizes to replace by symbols; shapes and costs become formulas where runs at other
            sizes confirm them: `batch` (N), `seq` (T), `height`, `width`, or any name with its
            dimensions, such as `points=x:2` or `seq=ids:1,mask:1`.
        cache: Reuse a cached trace if nothing has changed, and cache this one; see docs/cache.md. Only a
            process that has imported neither torch nor user code, such as the command line, uses the
            cache.

    Raises:
        LoadError: The target could not be loaded.
        ForwardError: A method of the model raised while the model was read. If forward itself raises,
            the trace describes the failure.
        UsageError: The inputs do not match the model's signature, or cannot be read.
    """
    request = LoadRequest(
        args=args,
        kwargs=kwargs,
        inputs=one_or_several(inputs),
        inputs_from=inputs_from,
        input_files=one_or_several(input_files),
        batch=batch,
        seed=seed,
        constructor=constructor or {},
        online=online,
        run_file=run_file,
        on=on,
        run=run,
        everything=everything,
        training=training,
        grad=grad,
        values=values,
        stats=stats,
        code=code,
        symbolic=one_or_several(symbolic),
    )
    return load_subject(subject, request, cache)


def one_or_several(texts: str | Sequence[str]) -> tuple[str, ...]:
    """Return texts as a tuple; a single string is one text, not a sequence of characters."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def save(trace: Trace, file: str | os.PathLike[str]) -> None:
    """Write a trace to a file atomically.

    Raises:
        UsageError: The file cannot be written.
    """
    from netinspect._utils.atomic_files import write_whole
    from netinspect.records.saved import dump_trace

    write_whole(Path(file), dump_trace(trace))


def load_subject(subject: object, request: LoadRequest, cache: bool | TraceCache = False) -> Trace:
    """Return the trace of a subject; see `load`."""
    inputs = request.check()
    if is_a(subject, Trace):
        return subject
    if is_a(subject, Checkpoint):
        raise _no_model(subject.target)
    if not is_target(subject):
        from netinspect.runner.trace_target import trace_module
        from netinspect.targets.user_code_errors import model_code

        with model_code(class_name(type(subject))):
            return trace_module(subject, _run_options(request, inputs))
    from netinspect.targets.target import parse_target

    # Library names are checked later: the check takes longer than an answer from the cache.
    target = parse_target(os.fspath(subject), online=request.online, check=False)
    if target.kind == "checkpoint":
        from netinspect.runner.stored_files import read_checkpoint
        from netinspect.targets.target import is_on_hub

        if is_on_hub(target.text):
            raise _no_model(target.text)
        raise _no_model(read_checkpoint(target.text, online=request.online).target)
    if target.kind == "saved":
        return _read(target, request)
    cache_key = _cache_key(target, request) if cache else None
    if cache_key is None:
        return _run(target, request, inputs)
    return _ask(cache, cache_key, target, request, inputs)


def _no_model(target: str) -> UsageError:
    """Return the error for a checkpoint where a model is needed."""
    return UsageError(
        f"{target} is a checkpoint: it has tensors, but no forward to run",
        hint="name the model itself, such as file.py:Class; summary, params and tree show a checkpoint",
    )


def _ask(
    cache: bool | TraceCache,
    cache_key: CacheKey,
    target: Target,
    request: LoadRequest,
    inputs: InputRequest,
) -> Trace:
    from netinspect._utils.safe_text import safe
    from netinspect.runner.cached_traces import TraceCache

    traces = cache if isinstance(cache, TraceCache) else TraceCache()
    # A cached trace has the source of the classes, for commands that show it.
    complete = replace(request, code=True)
    trace = traces.answer(cache_key, lambda: _run(target, complete, inputs))
    for line in traces.output.splitlines():
        print(safe(line), file=sys.stderr)
    return trace if request.code or request.everything else replace(trace, code=())


def _cache_key(target: Target, request: LoadRequest) -> CacheKey | None:
    """Return the cache key of a request; None if its trace must not be cached."""
    from netinspect.trace_cache.cache_key import CacheKey, format_model_args

    constructor = format_model_args(request.constructor)
    has_values = request.args is not None or request.kwargs is not None
    if constructor is None or has_values or request.online:
        return None
    return CacheKey(
        target=target.text,
        kind=target.kind,
        place=target.place,
        name=target.name,
        inputs=request.inputs,
        inputs_from=request.inputs_from,
        input_files=request.input_files,
        batch=request.batch,
        seed=request.seed,
        constructor=constructor,
        run_file=request.run_file,
        on=request.on,
        run=request.run,
        everything=request.everything and not request.run,
        training=request.training,
        grad=request.grad,
        values=request.values,
        stats=request.stats,
        symbolic=request.symbolic,
    )


def _run(target: Target, request: LoadRequest, inputs: InputRequest) -> Trace:
    from netinspect.targets.target import check_target, parse_target

    check_target(target, online=request.online)
    if process.before_user_code is not None:
        process.before_user_code(target.text)
    _import_torch()
    from netinspect.runner.trace_target import trace_target
    from netinspect.targets.isolation.project_imports import project_code
    from netinspect.targets.model_factory import call_function, find_factory
    from netinspect.targets.user_code_errors import model_code

    process.settle()  # before user code runs
    with project_code(whole=request.run_file) as project:
        example = None
        if request.inputs_from is not None:
            example = call_function(
                parse_target(request.inputs_from), seed=request.seed, run_file=request.run_file
            )
        elif request.input_files:
            from netinspect.inputs.files import read_inputs

            example = read_inputs(request.input_files)
        factory = find_factory(
            target,
            request.constructor,
            seed=request.seed,
            online=request.online,
            run_file=request.run_file,
        )
        if target.kind == "library":
            process.settle()
        # Torch imports parts of itself late, and some of them ask for the current folder.
        with process.in_a_folder(), model_code(target.text):
            trace = trace_target(factory, _run_options(request, inputs, example))
    # At the end: constructor and forward may have imported more.
    return replace(trace, warnings=(*project.notes, *trace.warnings)) if project.notes else trace


def _import_torch() -> None:
    """Import torch.

    Raises:
        LoadError: It is not installed, is broken, or exceeds the memory limit.
    """
    try:
        with process.in_a_folder():
            import torch  # noqa: F401
    except MemoryError:
        raise
    except Exception as error:  # its initialisation may fail too, as without /dev/urandom
        raise LoadError(
            "torch cannot be imported",
            cause=text_of(error),
            hint="python -c 'import torch' shows the whole traceback",
        ) from error


def _run_options(request: LoadRequest, inputs: InputRequest, example: Any = None) -> Any:
    from netinspect.runner.trace_target import RunOptions
    from netinspect.tracing.capture import CaptureOptions

    return RunOptions(
        request=inputs,
        example=example,
        args=request.args,
        kwargs=request.kwargs,
        run=request.run,
        everything=request.everything,
        on=request.on,
        capture=CaptureOptions(
            training=request.training,
            seed=request.seed,
            backward=request.grad,
            values=request.values,
            statistics=request.stats,
            code=request.code or request.everything,
        ),
        symbols=request.symbols(),
    )


def _read(target: Target, request: LoadRequest) -> Trace:
    from netinspect.runner.stored_files import read_saved

    given = (
        *(request.inputs, request.inputs_from, request.input_files, request.args, request.kwargs),
        *(request.batch, request.constructor, request.training, request.run_file),
    )
    if request.symbolic:
        raise UsageError(
            f"{target.text} is a saved trace: it cannot be run at other sizes",
            hint="name the model itself; what --save keeps of it then has the symbols",
        )
    if any(given):
        raise UsageError(
            f"{target.text} is a saved trace: it cannot be run again on another input",
            hint="leave --input, --batch, --arg, --train and --run-file out, or name the model itself",
        )
    return read_saved(target.place, target.text)
