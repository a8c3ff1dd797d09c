"""Entry point of the runner, for `api` and `cli`: a trace from the cache, a saved file or a new run.

Torch is imported only if a model has to be run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netinspect._utils import process
from netinspect.errors import LoadError, UsageError, class_name, text_of
from netinspect.records.base import replace
from netinspect.records.request import Target, TraceRequest
from netinspect.records.trace import Trace
from netinspect.runner.run_options import GivenValues, RunOptions

if TYPE_CHECKING:
    from netinspect.trace_cache.lookup import TraceCache


def load_trace(
    request: TraceRequest, given: GivenValues | None = None, cache: bool | TraceCache = False
) -> Trace:
    """Return the trace of a target; `netinspect.load` documents the request.

    Args:
        request: The request; its target may have any kind.
        given: Values of a Python caller.
        cache: Whether the trace cache is used, or the cache itself.

    Raises:
        LoadError: The target cannot be loaded.
        ForwardError: A method of the model raised while the model was read.
        UsageError: The request is invalid, or does not apply to the target.
    """
    options = RunOptions.parse(request, given)
    target = request.target
    assert target is not None
    if target.is_checkpoint:
        from netinspect.runner.stored_files import read_checkpoint

        if target.kind == "checkpoint":
            read_checkpoint(target)  # a file of another kind has an error of its own
        raise not_a_model(target.text)
    if target.kind == "saved":
        return _read(target, options)
    # Caller's values, and what a hub answers, are not part of the key.
    if not cache or not options.given.is_empty or request.online:
        return _run(target, options)
    return _answer(cache, target, options)


def trace_live(model: object, request: TraceRequest, given: GivenValues | None = None) -> Trace:
    """Return the trace of a live module.

    Raises:
        LoadError: The object is not a module.
        ForwardError: A method of the model raised while the model was read.
        UsageError: The request is invalid, or does not apply to the module.
    """
    options = _with_code(RunOptions.parse(request, given))
    from netinspect.runner.trace_target import trace_module
    from netinspect.targets.user_code_errors import model_code

    with model_code(class_name(type(model))):
        return trace_module(model, options)


def unknown_arguments(model: Any, names: Sequence[str]) -> list[str]:
    """Return the names that `forward` of a live module does not take."""
    from netinspect.inputs.signature import ForwardNames

    forward = ForwardNames(model)
    return [name for name in names if name not in forward.names and not forward.takes_any_name]


def not_a_model(target: str) -> UsageError:
    """Return the error for a checkpoint where a model is needed."""
    return UsageError(
        f"{target} is a checkpoint: it has tensors, but no forward to run",
        hint="name the model itself, such as file.py:Class; summary, params and tree show a checkpoint",
    )


def _answer(cache: bool | TraceCache, target: Target, options: RunOptions) -> Trace:
    """Answer a request from the cache; run it, and cache the trace, if the cache has no answer."""
    from netinspect.runner.cached_traces import answer_trace
    from netinspect.trace_cache.lookup import TraceCache

    request = options.request
    traces = TraceCache() if isinstance(cache, bool) else cache
    # A cached trace has the source of the classes, for commands that show it.
    with_code = replace(options, request=replace(request, code=True))
    trace = answer_trace(traces, request, lambda: _run(target, with_code))
    if traces.is_hit and sys.stderr is not None:
        # As in the run, where the model writes to stderr itself.
        sys.stderr.write(traces.recorded.output)
    return trace if request.code or request.everything else replace(trace, code=())


def _run(target: Target, options: RunOptions) -> Trace:
    """Build the model of a target, and trace it."""
    from netinspect.targets.mistyped import check_target

    request = options.request
    # Parsing does not check the names of models: the check takes longer than an answer from the cache.
    check_target(target, online=request.online)
    if process.before_user_code is not None:
        process.before_user_code(target.text)
    process.begin_phase("importing torch")
    _import_torch()
    from netinspect.runner.trace_target import trace_target
    from netinspect.targets.isolation.project_imports import project_code
    from netinspect.targets.model_factory import find_factory
    from netinspect.targets.user_code_errors import model_code

    process.settle()  # before user code runs
    with project_code(whole=request.run_file) as project:
        options = _with_code(replace(options, example=_example(request)))
        factory = find_factory(
            target,
            options.model_args,
            seed=request.seed,
            online=request.online,
            run_file=request.run_file,
        )
        if target.kind == "library":
            process.settle()
        # Torch imports parts of itself late, and some of them ask for the current folder.
        with process.in_a_folder(), model_code(target.text):
            trace = trace_target(factory, options)
    # At the end: constructor and forward may have imported more.
    notes = (*project.notes, *factory.notes)
    return replace(trace, warnings=(*notes, *trace.warnings)) if notes else trace


def _example(request: TraceRequest) -> Any:
    """Return the inputs that a function or files of the user give; None without either."""
    if request.inputs_from is not None:
        from netinspect.targets.model_factory import call_function

        return call_function(request.inputs_from, seed=request.seed, run_file=request.run_file)
    if request.input_files:
        from netinspect.inputs.files import read_inputs

        return read_inputs(request.input_files)
    return None


def _with_code(options: RunOptions) -> RunOptions:
    """Return options that record the source of the classes if the request needs it."""
    request = options.request
    return replace(options, request=replace(request, code=request.code or request.everything))


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


def _read(target: Target, options: RunOptions) -> Trace:
    """Read a saved trace, which cannot be run again."""
    from netinspect.runner.stored_files import read_saved

    request = options.request
    if request.symbolic:
        raise UsageError(
            f"{target.text} is a saved trace: it cannot be run at other sizes",
            hint="name the model itself; what --save keeps of it then has the symbols",
        )
    for_a_run = (
        *(request.inputs, request.inputs_from, request.input_files, request.batch, request.train),
        *(options.model_args, request.run_file, options.has_values, request.call != "forward"),
    )
    if any(for_a_run):
        raise UsageError(
            f"{target.text} is a saved trace: it cannot be run again on another input",
            hint="leave --input, --batch, --arg, --train and --run-file out, or name the model itself",
        )
    return read_saved(target.place, target.text)
