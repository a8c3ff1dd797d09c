"""Requests of the command line: the target, its trace or checkpoint, and `--save`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from netinspect._utils.opened_files import note_opened
from netinspect.cli import stdin
from netinspect.cli.console import is_terminal, print_message, style_for, wants_color
from netinspect.cli.options import SETTINGS, ModelOptions, OutputOptions
from netinspect.cli.outputs import check_outputs, refuse_trace_on_terminal, save_trace
from netinspect.cli.progress import live_line
from netinspect.cli.streams import users_output_on_stderr
from netinspect.errors import UsageError
from netinspect.records.base import field_names, replace
from netinspect.records.request import Target, TraceRequest, format_model_args
from netinspect.rendering.formats import Format
from netinspect.rendering.styles import escape_parameters
from netinspect.settings import Settings

if TYPE_CHECKING:
    from netinspect.records.checkpoint import Checkpoint
    from netinspect.records.trace import Trace
    from netinspect.trace_cache.lookup import TraceCache

DEFAULT_TARGET = "lenet"
_FOR_CHECKPOINTS = ("online", "cache")
"""Options of a model that also apply to a checkpoint."""


def load_trace(
    target: str | Target | None,
    model: ModelOptions,
    output: OutputOptions,
    *,
    run: bool = True,
    backward: bool = False,
    values: bool = False,
    stats: bool | Literal["if_small"] = False,
    code: bool = False,
    symbolic: Sequence[str] | None = None,
) -> Trace:
    """Load the target, and save its trace if `--save` was given.

    Args:
        target: As typed, or parsed; None for the project's default, else `lenet`.
        model: How to build the model, what to run it on, and where to save the trace.
        output: Verbosity and format.
        run: Whether the command needs a forward; inputs that are given ask for one too.
        backward: Run backward too.
        values: Keep the tensors as printed.
        stats: Summarise the values; `if_small` unless a large model runs without its weights.
        code: Keep the source of the classes.
        symbolic: Input sizes to replace by symbols.

    Raises:
        ForwardError: The model ended the program.
    """
    request = read_request(target, model, output, symbolic=symbolic)
    request = replace(
        request,
        run=run or model.asks_to_run or bool(request.inputs) or request.call != "forward",
        backward=backward,
        values=values,
        stats=stats is True,
        stats_if_small=stats == "if_small",
        code=code,
    )
    return run_request(request, model, output)


def read_request(
    target: str | Target | None,
    model: ModelOptions,
    output: OutputOptions,
    *,
    symbolic: Sequence[str] | None = None,
) -> TraceRequest:
    """Return the request of a command line; see `load_trace`.

    Raises:
        UsageError: An option is malformed, or an output file would replace a file that is read.
        LoadError: The target does not exist.
    """
    style_for(output)  # reports a wrong output option before a long forward
    parsed = read_target(target, output)
    settings = SETTINGS.get()
    inputs = model.input or []
    if not _is_of_project(parsed.text, settings) and "input" not in model.typed:
        # Inputs in the project's settings apply to its own target only.
        inputs = [] if inputs == settings.values.get("input") else inputs
    refuse_trace_on_terminal(model.save)
    check_outputs(output.output, model.save, sources=_sources(parsed.text, model))
    batch, symbols = sizes_asked_for(parsed, model, symbolic)
    return TraceRequest(
        target=parsed,
        # Arguments without a literal are passed as values.
        model_args=format_model_args(model.model_args()) or "{}",
        online=model.online,
        run_file=model.run_file,
        inputs=tuple(inputs),
        inputs_from=None if model.inputs_from is None else _parse(model.inputs_from),
        input_files=tuple(model.input_file or ()),
        batch=batch,
        seed=model.seed,
        tensors=model.tensors,
        device=model.device,
        train=model.train,
        call=model.call,
        everything=model.save is not None,
        symbolic=symbols,
    )


def run_request(request: TraceRequest, model: ModelOptions, output: OutputOptions) -> Trace:
    """Return the trace of a request, print notes on it, and save it if `--save` was given.

    Raises:
        ForwardError: The model ended the program.
    """
    from netinspect.records.trace import is_about_loading
    from netinspect.reports.shared.header import notes_of
    from netinspect.runner import loading
    from netinspect.runner.run_options import GivenValues
    from netinspect.trace_cache.lookup import TraceCache

    assert request.target is not None
    cache = TraceCache()
    given = model.model_args()
    has_literals = format_model_args(given) is not None
    started = time.perf_counter()
    with users_output_on_stderr(), live_line(quiet=output.quiet, color=output.color):
        trace = loading.load_trace(
            request,
            GivenValues(model_args=None if has_literals else given),
            cache if model.cache else False,
        )
    print_cache_outcome(cache, output, request.target.text)
    if output.debug and trace.failure is not None and trace.failure.traceback:
        for text in ("Traceback (most recent call last):", *trace.failure.traceback):
            print_message(text, whole=True)
    if output.output is not None or model.save is not None:
        for path in cache.installed_files():
            note_opened(path)
    if model.explain_input:
        for text in explain_inputs(trace):
            print_message(text)
    if output.verbose and not output.quiet:
        seconds = time.perf_counter() - started
        versions = trace.versions
        how = f"traced {request.target.text}"
        if cache.is_hit or request.target.kind == "saved":
            how = f"read {'the cached' if cache.is_hit else 'a saved'} trace of {trace.target}"
        print_message(
            f"{how} in {seconds:.2f} s: torch {versions.torch}, Python "
            f"{versions.python}, tensor mode {trace.tensor_mode}, seed {trace.seed}"
        )
        for warning in notes_of(trace):
            print_message(f"note: {warning}")
    elif style_for(output).format in (Format.PLAIN, Format.CSV) and not output.quiet:
        # Rows do not show that only a part of a file was run.
        for warning in filter(is_about_loading, trace.warnings):
            print_message(f"note: {warning}")
    if model.save is not None:
        from netinspect.records.saved import dump_trace, pack

        is_on_stdout = save_trace(model.save, dump_trace(trace), pack)
        if not output.quiet and not is_on_stdout:
            print_message(f"saved to {model.save}")
    return trace


def print_cache_outcome(cache: TraceCache, output: OutputOptions, target: str) -> None:
    """Print whether the cache answered: with `--verbose` always, on a terminal if it did."""
    if output.quiet or not cache.outcome:
        return
    if output.verbose or (cache.is_hit and is_terminal(sys.stderr)):
        message = f"{target}: {cache.outcome}"
        print_message(
            message, style=escape_parameters("hint") if wants_color(sys.stderr, output.color) else ""
        )


def _sources(target: str, model: ModelOptions) -> Iterator[str]:
    """Yield the parts of the command line that may be names of files."""
    for named in (target, model.inputs_from or ""):
        yield from (named, named.rpartition(":")[0])
    for named in model.input_file or ():
        yield from (named, named.partition("=")[2])


def sizes_asked_for(
    target: Target, model: ModelOptions, symbolic: Sequence[str] | None
) -> tuple[int | None, tuple[str, ...]]:
    """Return batch and symbols; typed options take precedence over settings that contradict them.

    Args:
        target: The target.
        model: The batch, and which options were typed.
        symbolic: Input sizes to replace by symbols, typed or from settings.
    """
    typed, batch, symbols = model.typed, model.batch, tuple(symbolic or ())
    is_set = (symbols and "symbolic" not in typed) or (batch is not None and "batch" not in typed)
    if is_set and (target.is_checkpoint or target.kind == "saved"):
        # Neither can be run at another size. A typed option is refused later, a setting is ignored.
        symbols = symbols if "symbolic" in typed else ()
        batch = batch if "batch" in typed else None
    if "batch" in typed and "symbolic" not in typed:
        symbols = tuple(each for each in symbols if not _is_batch(each))
    is_symbol = any(map(_is_batch, symbols)) and "batch" not in typed
    return None if is_symbol else batch, symbols


def _is_batch(text: str) -> bool:
    """Return whether a symbol replaces the first dimension of an input."""
    name, _, places = text.partition("=")
    return name.strip() == "batch" or any(each.strip().endswith(":0") for each in places.split(","))


def load_other(
    target: str | None,
    model: ModelOptions,
    output: OutputOptions,
    *,
    symbolic: Sequence[str] | None = None,
) -> Trace | Checkpoint | None:
    """Load the second model of a comparison, with the options of the first; None without one.

    Raises:
        UsageError: The trace is to be saved.
    """
    if target is None:
        return None
    if model.save is not None:
        raise UsageError(
            "--save writes one trace, but --against names a second model",
            hint="save each with netinspect summary TARGET --save FILE",
        )
    return load_target(target, model, output, symbolic=symbolic)


def load_target(
    target: str | Target | None,
    model: ModelOptions,
    output: OutputOptions,
    *,
    run: bool = True,
    values: bool = False,
    stats: bool | Literal["if_small"] = False,
    code: bool = False,
    symbolic: Sequence[str] | None = None,
    is_mixed: bool = False,
) -> Trace | Checkpoint:
    """Load the target, or read it if it is a checkpoint; see `load_trace`.

    Args:
        target: As typed, or parsed; None for the default.
        model: How to build a model.
        output: Verbosity and format.
        run: Whether the command needs a forward.
        values: Keep the tensors as printed.
        stats: Summarise the values; `if_small` unless a large model runs without its weights.
        code: Keep the source of the classes.
        symbolic: Input sizes to replace by symbols.
        is_mixed: Whether another target of the command is a model, to which model options apply.

    Raises:
        UsageError: The target is a checkpoint, and an option for models was typed.
    """
    from netinspect.runner.stored_files import read_checkpoint

    target = read_target(target, output)
    if not target.is_checkpoint:
        return load_trace(
            target, model, output, run=run, values=values, stats=stats, code=code, symbolic=symbolic
        )
    style_for(output)
    check_outputs(output.output, sources=(target.text,))
    started = time.perf_counter()
    checkpoint = read_checkpoint(target, online=model.online)
    options = (name for name in field_names(ModelOptions) if name not in _FOR_CHECKPOINTS)
    for_models = [name for name in options if name in model.typed]
    symbols = sizes_asked_for(target, model, symbolic)[1]
    if (for_models and not is_mixed) or symbols:
        option = (for_models or ["symbolic"])[0].replace("_", "-")
        raise UsageError(
            f"--{option} is for models, but {target.text} is a checkpoint",
            hint="leave it out, or name the model itself",
        )
    if output.verbose and not output.quiet:
        seconds = time.perf_counter() - started
        print_message(
            f"read {target.text} in {seconds:.2f} s: {checkpoint.format}; nothing in it was executed"
        )
        for warning in checkpoint.warnings:
            print_message(f"note: {warning}")
    return checkpoint


def read_target(target: str | Target | None, output: OutputOptions) -> Target:
    """Parse the target; print which one is taken if none was given.

    Raises:
        UsageError: The target has no known form.
        LoadError: The target does not exist.
    """
    if isinstance(target, Target):
        return target
    if target == stdin.TARGET:
        return stdin.stdin_target(quiet=output.quiet)
    return _parse(_default_target(output) if target is None else target)


def _parse(text: str) -> Target:
    from netinspect.targets.target import parse_target

    return parse_target(text)


def _default_target(output: OutputOptions) -> str:
    settings = SETTINGS.get()
    target = _project_target(settings) or DEFAULT_TARGET
    if not output.quiet:
        origin = f"set in {settings.file}" if settings.target else "the default"
        print_message(f"no target given: {target} ({origin})")
    return target


def explain_inputs(trace: Trace) -> Iterator[str]:
    """Yield the inputs of forward, their origins, and the attempts before them."""
    if not trace.ran:
        yield "forward was not run, and needed no inputs"
    for entry in trace.inputs:
        yield f"input {entry.spec or entry.name}: {entry.origin}"
    for number, attempt in enumerate(trace.attempts, start=1):
        yield f"attempt {number}: {' '.join(attempt.inputs) or 'no arguments'}"
        yield f"  because: {attempt.why}"
        yield f"  outcome: {attempt.outcome}"
    if trace.ran and not trace.attempts:
        yield "no attempt was needed"


def _is_of_project(target: str, settings: Settings) -> bool:
    """Return whether settings apply to a target; without a default target they apply to all."""
    return settings.target in (None, target) or _project_target(settings) == target


def _project_target(settings: Settings) -> str | None:
    """Return the target in the project's settings; a file is relative to the folder of the settings."""
    target = settings.target
    if target is None or settings.file is None:
        return target
    file, mark, name = target.rpartition(".py:")
    file = f"{file}.py" if mark else target
    path = settings.file.parent / file
    if not os.path.isfile(path):
        return target
    try:
        near = os.path.relpath(path)
    except (OSError, ValueError):  # the current folder was removed, or is on another drive
        near = str(path)
    return near + (f":{name}" if mark else "")
