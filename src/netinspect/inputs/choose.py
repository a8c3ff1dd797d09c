"""From a request and a model to the arguments of `forward`.

This is the one place that decides what a model is run with. Evidence is asked in order: what the
user said, what the model's file or the model itself declares, what the library that it comes from
knows, and then what names, layers and short runs tell.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from netinspect.errors import UsageError, closest
from netinspect.inputs.build import build_value
from netinspect.inputs.facts import device_of, read_facts
from netinspect.inputs.guess import Candidate, Guess
from netinspect.inputs.infer import infer
from netinspect.inputs.libraries import known_inputs
from netinspect.inputs.request import InputRequest
from netinspect.inputs.signature import ForwardNames, forward_names
from netinspect.inputs.spec import DTYPES, InputSpec, is_name, parse_spec
from netinspect.observe.arguments import Argument
from netinspect.observe.describe import describe, tensors_of
from netinspect.observe.run import CaptureOptions, Forward, observe
from netinspect.records.steps import Failure
from netinspect.records.trace import Attempt, Input
from netinspect.records.values import TensorSpec

DECLARATION = "EXAMPLE_INPUTS"
"""A module-level tuple of input specs in the file that defines a model."""

EXAMPLE_ATTRIBUTE = "example_input_array"
"""An attribute of a model that holds what it can be called with."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What forward will be called with, and how that came about."""

    arguments: list[Argument]
    attempts: tuple[Attempt, ...] = ()
    forward: Forward | None = None
    """What happened on these very arguments, where they were found by running them."""

    stopped: bool = False
    """Whether the search was given up because the model read values that its tensors do not have."""


def choose_inputs(
    model: nn.Module,
    request: InputRequest,
    options: CaptureOptions,
    *,
    target: str | None = None,
    stops_at: Callable[[Failure], bool] = lambda failure: False,
) -> Choice:
    """Decide what to call `forward` with: what is stated, else what the model lets infer.

    Args:
        model: The live module.
        request: What the user asked for.
        options: How forward will be run.
        target: What the user called the model; a library's name tells more than the module.
        stops_at: Whether a failure is one that no other input can mend.

    Raises:
        UsageError: What was asked for does not fit the signature of `forward`.
    """
    stated = _stated_specs(model, request)
    facts = read_facts(model)
    settled = {spec.head or facts.names.at(index) for index, (spec, _) in enumerate(stated or ())}
    missing = [name for name in facts.names.required if name not in settled]
    if stated is not None and not (missing and request.specs):
        return Choice(make_arguments(model, stated, request))
    if stated is None and (example := live_example(model)) is not None:
        return Choice(example)
    # Checks the names of what was given, and that none is given twice.
    fixed = make_arguments(model, stated or [], request, complete=False)
    given = {
        spec.name or argument.record.name: Guess(spec=spec, reason="given")
        for argument in fixed
        for spec in map(parse_spec, argument.record.spec.split())
    }

    def arguments_of(candidate: Candidate) -> list[Argument]:
        specs = [
            (replace(guess.spec, name=name if is_name(name) else None), guess.reason)
            for name, guess in candidate.items()
        ]
        return make_arguments(model, specs, replace(request, batch=None), complete=False)

    found = infer(
        facts,
        lambda candidate: observe(model, arguments_of(candidate), options),
        given=given,
        known={
            **known_inputs(facts, target),
            **{
                parse_spec(text).name or facts.names.at(index): Guess(
                    spec=parse_spec(text), reason=reason
                )
                for index, (texts, reason) in enumerate(request.start)
                for text in texts.split()
            },
        },
        stops_at=stops_at,
    )
    arguments, forward = arguments_of(found.candidate), found.forward
    if request.batch is not None:
        specs = [
            (parse_spec(text), each.record.origin)
            for each in arguments
            for text in each.record.spec.split()
        ]
        arguments, forward = make_arguments(model, specs, request, complete=False), None
    return Choice(arguments, found.attempts, forward, found.stopped)


def choose_arguments(model: nn.Module, request: InputRequest) -> list[Argument]:
    """Decide what to call `forward` with, without running it.

    Raises:
        UsageError: Nothing states what the model takes, or a name is not an argument of `forward`.
    """
    stated = _stated_specs(model, request)
    if stated is None:
        names = forward_names(model)
        specs = " ".join(f"--input {name}=1x3x224x224" for name in names.required or names.names)
        raise UsageError(
            f"nothing tells what to run {type(model).__name__} on",
            cause=f"its forward takes {', '.join(names.names)}, and its file declares no {DECLARATION}",
            hint=f"give the shapes, such as {specs}",
        )
    return make_arguments(model, stated, request)


def make_arguments(
    model: nn.Module,
    specs: Sequence[tuple[InputSpec, str]],
    request: InputRequest,
    *,
    complete: bool = True,
) -> list[Argument]:
    """Make the arguments that specs stand for.

    Args:
        model: The live module.
        specs: Each with who chose it.
        request: Batch and seed.
        complete: Whether all that forward needs has to be among them.

    Raises:
        UsageError: A name is not an argument of `forward`, or one is missing or given twice.
    """
    device = device_of(model)
    generator = torch.Generator().manual_seed(request.seed)
    names = forward_names(model)
    arguments: dict[str, Argument] = {}
    position = 0
    for spec, origin in specs:
        spec = spec.with_batch(request.batch)
        if spec.head is not None:
            _check_name(spec.head, model, names)
        elif position >= len(names.positional) and not names.takes_any_position:
            raise UsageError(
                f"{type(model).__name__}.forward takes {_count(len(names.positional))}, "
                f"but {len(specs)} inputs were given",
                hint=f"its arguments are: {', '.join(names.positional) or 'none'}",
            )
        name = spec.head or names.at(position)
        position += spec.head is None
        try:
            value: Any = build_value(spec, generator, device)
        except (RuntimeError, MemoryError) as error:
            raise UsageError(
                f"cannot make the input {spec}",
                cause=str(error).partition("\n")[0] or "there is not enough memory",
                hint="take a smaller batch or smaller sizes",
            ) from error
        text = str(spec)
        before = arguments.get(name)
        if spec.name != spec.head and (before is None or isinstance(before.value, dict)):
            value = _with_key(before.value if before else {}, str(spec.name).split(".")[1:], value)
            text, origin = (
                (f"{before.record.spec} {text}", _both(before.record.origin, origin))
                if before
                else (text, origin)
            )
        elif before is not None:
            raise _given_twice(model, name)
        record = Input(name=name, value=describe(value), spec=text, origin=origin)
        arguments[name] = Argument(keyword=spec.head, value=value, record=record)
    made = list(arguments.values())
    if complete:
        _check_complete(model, names, made)
    return _by_position(names, made)


def _with_key(dictionary: dict[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = keys
    return {**dictionary, first: _with_key(dictionary.get(first, {}), rest, value) if rest else value}


def _both(one: str, other: str) -> str:
    return one if other in one.split("; ") else f"{one}; {other}"


def _by_position(names: ForwardNames, arguments: list[Argument]) -> list[Argument]:
    """Pass by position what can be, as people write a call; hooks without kwargs see it then."""
    by_name = {argument.record.name: argument for argument in arguments}
    leading = []
    for name in names.positional:
        if name not in by_name:
            break
        leading.append(replace(by_name.pop(name), keyword=None))
    return leading + list(by_name.values())


def given_arguments(model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Argument]:
    """Wrap values that a caller of the Python API has at hand."""
    names = forward_names(model)

    def wrap(name: str, keyword: str | None, value: Any) -> Argument:
        described, spec = describe(value), ""
        if isinstance(described, TensorSpec) and described.dtype in DTYPES:
            sizes = [size for size in described.shape if isinstance(size, int)]
            if len(sizes) == len(described.shape):
                known = name if name.isidentifier() else None
                spec = str(InputSpec(name=known, shape=tuple(sizes), dtype=described.dtype))
        record = Input(name=name, value=described, spec=spec, origin="given")
        return Argument(keyword=keyword, value=value, record=record)

    return [wrap(names.at(index), None, value) for index, value in enumerate(args)] + [
        wrap(name, name, value) for name, value in kwargs.items()
    ]


def _stated_specs(model: nn.Module, request: InputRequest) -> list[tuple[InputSpec, str]] | None:
    """What the user or the model's own file says; None where neither does."""
    if request.specs:
        return [(spec, "given") for spec in request.specs]
    if not _is_example(_declaration(model)):
        raise UsageError(
            f"{DECLARATION} in the file of {type(model).__name__} is not a tuple of strings",
            hint=f'write it like {DECLARATION} = ("x=1x3x224x224",)',
        )
    declared = declared_example(model)
    if declared:
        return [(parse_spec(text), "the model's own example") for text in declared]
    names = forward_names(model)
    if not names.names and not names.takes_any_position:
        return []
    return None


def live_example(model: nn.Module) -> list[Argument] | None:
    """Return the arguments that a model holds ready in an attribute, as those of Lightning do."""
    example = getattr(model, EXAMPLE_ATTRIBUTE, None)
    if not tensors_in_value(example):
        return None
    if isinstance(example, dict) and set(example) <= {*forward_names(model).names}:
        arguments = given_arguments(model, (), example)
    else:
        arguments = given_arguments(model, example if isinstance(example, tuple) else (example,), {})
    origin = f"the model's {EXAMPLE_ATTRIBUTE}"
    return [replace(each, record=replace(each.record, origin=origin)) for each in arguments]


def as_call(model: nn.Module, value: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Read what a user's function returned as the arguments of `forward`.

    Args:
        model: The live module.
        value: A pair of positional and keyword arguments; a dictionary by the names of arguments; a
            tuple of arguments; or a single one.
    """
    if (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and isinstance(value[0], (tuple, list))
        and isinstance(value[1], dict)
    ):
        return tuple(value[0]), dict(value[1])
    names = forward_names(model)
    if isinstance(value, dict) and (names.takes_any_name or {*value} <= {*names.names}):
        return (), dict(value)
    return (tuple(value) if type(value) is tuple else (value,)), {}


def tensors_in_value(value: Any) -> bool:
    """Whether a value is a tensor, or holds one."""
    return next(tensors_of(value), None) is not None


def declared_example(model: nn.Module) -> tuple[str, ...]:
    """Return the input specs that the file of a model's class declares; empty if it does not.

    Something else under that name is the file's own business, as long as nobody needs an example.
    """
    declared = _declaration(model)
    return tuple(declared) if _is_example(declared) else ()


def _declaration(model: nn.Module) -> Any:
    return getattr(sys.modules.get(type(model).__module__), DECLARATION, ())


def _is_example(declared: Any) -> bool:
    return isinstance(declared, (tuple, list)) and all(isinstance(text, str) for text in declared)


def _check_name(name: str, model: nn.Module, names: ForwardNames) -> None:
    if name in names.names or names.takes_any_name:
        return
    raise UsageError(
        f"{type(model).__name__}.forward has no argument {name!r}",
        hint=closest(name, names.names) or f"its arguments are: {', '.join(names.names) or 'none'}",
    )


def _given_twice(model: nn.Module, name: str) -> UsageError:
    return UsageError(
        f"the argument {name!r} of {type(model).__name__}.forward is given twice",
        hint="name the others too: --input NAME=SIZES",
    )


def _check_complete(model: nn.Module, names: ForwardNames, arguments: list[Argument]) -> None:
    given = {argument.record.name for argument in arguments}
    missing = [name for name in names.required if name not in given]
    if missing:
        raise UsageError(
            f"{type(model).__name__}.forward also needs {', '.join(missing)}",
            cause=f"its arguments are {', '.join(names.names)}; given: {', '.join(given) or 'none'}",
            hint=" ".join(f"--input {name}=SIZES" for name in missing),
        )


def _count(number: int) -> str:
    return "1 argument" if number == 1 else f"{number} arguments"
