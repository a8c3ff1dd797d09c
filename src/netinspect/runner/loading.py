"""From a subject and what is asked of it to a trace: a live look, a saved one, or one from the cache.

Torch is imported where a look is really taken, and not before.
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
    """What is asked of a subject; `load` tells what each entry means."""

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
        """Return the symbols that were asked for, understood.

        Raises:
            UsageError: They cannot be read, or the batch shall be a number too.
        """
        return parse_symbols(self.symbolic, batch=self.batch) if self.symbolic else ()

    def check(self) -> InputRequest:
        """Return the inputs that were asked for, understood.

        Raises:
            UsageError: They cannot be read, come from several places, or the seed is out of range.
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
    """Run a model on some inputs in eval mode, and record all that happened.

    The model is left as it was. Where its forward raises, the trace reaches up to there and tells the
    failure; nothing is raised for it.

    Args:
        model: A live module.
        args: Positional arguments of its forward; without any, those that its file declares, or that
            are found out.
        kwargs: Keyword arguments of its forward.
    """
    # The source of the classes too, so that every view can be made of it that needs no second run.
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
        run_file: Whether files that do work when they are imported are run whole. Otherwise only their
            imports, definitions and what they need are run, and while the project is imported it may
            not start processes, use the network or write files.
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
        ForwardError: A method of the model's own raised while it was read. Where forward itself raises,
            the trace tells so.
        UsageError: The inputs do not fit the model's signature, or cannot be read.
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
    """One text, or several: a text is a sequence of its letters too, which nobody means."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def save(trace: Trace, file: str | os.PathLike[str]) -> None:
    """Write a trace to a file, whole or not at all.

    Raises:
        UsageError: The file cannot be written.
    """
    from netinspect._utils.atomic_files import write_whole
    from netinspect.records.saved import dump_trace

    write_whole(Path(file), dump_trace(trace))


def load_subject(subject: object, request: LoadRequest, cache: bool | TraceCache = False) -> Trace:
    """Look at a subject; see `load`."""
    inputs = request.check()
    if is_a(subject, Trace):
        return subject
    if is_a(subject, Checkpoint):
        raise _no_model(subject.target)
    if not is_target(subject):
        from netinspect.runner.trace_target import trace_module
        from netinspect.targets.user_code_errors import model_code

        with model_code(class_name(type(subject))):
            return trace_module(subject, _look_options(request, inputs))
    from netinspect.targets.target import parse_target

    # Names of a library are checked later: that takes longer than an answer from the cache.
    target = parse_target(os.fspath(subject), online=request.online, check=False)
    if target.kind == "checkpoint":
        from netinspect.runner.stored_files import read_checkpoint
        from netinspect.targets.target import is_on_hub

        if is_on_hub(target.text):
            raise _no_model(target.text)
        raise _no_model(read_checkpoint(target.text, online=request.online).target)
    if target.kind == "saved":
        return _read(target, request)
    question = _question(target, request) if cache else None
    if question is None:
        return _look(target, request, inputs)
    return _ask(cache, question, target, request, inputs)


def _no_model(target: str) -> UsageError:
    """The error where a model is needed, and the target turned out to be a checkpoint."""
    return UsageError(
        f"{target} is a checkpoint: it holds tensors, and no forward that could be run",
        hint="name the model itself, such as file.py:Class; summary, params and tree show a checkpoint",
    )


def _ask(
    cache: bool | TraceCache,
    question: CacheKey,
    target: Target,
    request: LoadRequest,
    inputs: InputRequest,
) -> Trace:
    from netinspect._utils.safe_text import safe
    from netinspect.runner.cached_traces import TraceCache

    looks = cache if isinstance(cache, TraceCache) else TraceCache()
    # A look that is kept has the source of the classes, whatever this command shows of it.
    complete = replace(request, code=True)
    trace = looks.answer(question, lambda: _look(target, complete, inputs))
    for line in looks.said.splitlines():
        print(safe(line), file=sys.stderr)
    return trace if request.code or request.everything else replace(trace, code=())


def _question(target: Target, request: LoadRequest) -> CacheKey | None:
    """Spell what is asked; None where the answer must not be kept."""
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


def _look(target: Target, request: LoadRequest, inputs: InputRequest) -> Trace:
    from netinspect.targets.target import check_target, parse_target

    check_target(target, online=request.online)
    if process.before_user_code is not None:
        process.before_user_code(target.text)
    _import_torch()
    from netinspect.runner.trace_target import trace_target
    from netinspect.targets.isolation.project_imports import project_code
    from netinspect.targets.model_factory import call_function, find_factory
    from netinspect.targets.user_code_errors import model_code

    process.settle()  # before the user's own code comes
    with project_code(whole=request.run_file) as project:
        example = None
        if request.inputs_from is not None:
            example = call_function(
                parse_target(request.inputs_from), seed=request.seed, run_file=request.run_file
            )
        elif request.input_files:
            from netinspect.inputs.files import read_inputs

            example = read_inputs(request.input_files)
        blueprint = find_factory(
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
            trace = trace_target(blueprint, _look_options(request, inputs, example))
    # At the end: constructor and forward may have imported more.
    return replace(trace, warnings=(*project.notes, *trace.warnings)) if project.notes else trace


def _import_torch() -> None:
    """Import torch, which is large, and other people's.

    Raises:
        LoadError: It is not installed, is broken, or does not fit into the memory that is allowed.
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


def _look_options(request: LoadRequest, inputs: InputRequest, example: Any = None) -> Any:
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
