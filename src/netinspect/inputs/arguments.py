"""Arguments of one call of `forward`, built from specs or values and checked against its signature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from netinspect._utils.classes import plain_name
from netinspect.errors import UsageError, message_of, suggestion
from netinspect.inputs.containers import ContainerBuilder, Entries
from netinspect.inputs.infer.model_facts import device_of
from netinspect.inputs.request import InputRequest
from netinspect.inputs.signature import ForwardNames, forward_names
from netinspect.inputs.spec import DTYPES, InputSpec
from netinspect.inputs.tensors import build_value
from netinspect.records.base import replace
from netinspect.records.trace import GIVEN, Input
from netinspect.records.values import TensorSpec
from netinspect.tracing.arguments import Argument
from netinspect.tracing.safe_access import is_a, items_of, values_of
from netinspect.tracing.tensors.describe import describe


class _PartialArgument(NamedTuple):
    """An argument whose specs are being read."""

    keyword: str | None
    value: Any
    """Its value, or the entries of a container that is still to be built."""

    text: str
    origin: str


def make_arguments(
    model: nn.Module,
    specs: Sequence[tuple[InputSpec, str]],
    request: InputRequest,
    *,
    complete: bool = True,
) -> list[Argument]:
    """Build the arguments that input specs describe.

    Args:
        model: The live module.
        specs: Specs, each with its origin.
        request: Batch, seed and device.
        complete: Whether every required argument of forward must be among them.

    Raises:
        UsageError: A name is not an argument of `forward`, or one is missing or given twice.
    """
    device = torch.device(request.device) if request.device else device_of(model)
    generator = torch.Generator().manual_seed(request.seed)
    names = forward_names(model, request.call)
    partial: dict[str, _PartialArgument] = {}
    position = 0
    for spec, origin in specs:
        spec = spec.with_batch(request.batch)
        if spec.head is not None:
            _check_name(spec.head, model, names)
        elif position >= len(names.positional) and not names.takes_any_position:
            raise UsageError(
                f"{plain_name(type(model))}.{names.method} takes {_count(len(names.positional))}, "
                f"but {len(specs)} inputs were given",
                hint=f"its arguments are: {', '.join(names.positional) or 'none'}",
            )
        name = spec.head or names.at(position)
        position += spec.head is None
        try:
            value: Any = build_value(spec, generator, device)
        except (RuntimeError, MemoryError) as error:
            cause = message_of(error).partition("\n")[0] or "not enough memory"
            raise UsageError(
                f"cannot make the input {spec}",
                cause=cause,
                hint="use a smaller batch or smaller sizes" if _is_too_large(error, cause) else None,
            ) from error
        text = str(spec)
        before = partial.get(name)
        keys = str(spec.name).split(".")[1:]
        if before is not None and not (keys and type(before.value) is Entries):
            raise _given_twice(model, name, names)
        if keys:
            try:
                value = _with_key(before.value if before else Entries(), keys, value)
            except KeyError:
                raise _given_twice(model, str(spec.name), names) from None
        if before is not None:
            text, origin = f"{before.text} {text}", _joined_origins(before.origin, origin)
        partial[name] = _PartialArgument(spec.head, value, text, origin)
    builder = ContainerBuilder(model, names)
    made = []
    for name, each in partial.items():
        value = builder.build(name, each.value)
        record = Input(name=name, value=describe(value), spec=each.text, origin=each.origin)
        made.append(Argument(keyword=each.keyword, value=value, record=record))
    if complete:
        _check_complete(model, names, made)
    return _by_position(names, made)


def _is_too_large(error: Exception, cause: str) -> bool:
    return isinstance(error, MemoryError) or re.search("memory|overflow|too large", cause) is not None


def join_arguments(
    model: nn.Module, made: Sequence[Argument], values: Sequence[Argument], call: str = "forward"
) -> list[Argument]:
    """Return arguments made from specs followed by values that the caller gave.

    Raises:
        UsageError: One of them is given twice, or a required one is missing.
    """
    names, taken = forward_names(model, call), {argument.record.name for argument in made}
    for argument in values:
        if argument.record.name in taken:
            raise _given_twice(model, argument.record.name, names)
    joined = [*made, *values]
    _check_complete(model, names, joined)
    return joined


def as_call(
    model: nn.Module, value: Any, call: str = "forward"
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Convert the return value of a user's function to the arguments of `forward`.

    Args:
        model: The live module.
        value: A pair of positional and keyword arguments, a dictionary of arguments by name, a tuple of
            arguments, or a single argument.
        call: Method of the model that takes them.

    Returns:
        Positional and keyword arguments.
    """
    if (
        (type(value) is tuple or type(value) is list)
        and len(value) == 2
        and is_a(value[0], (tuple, list))
        and is_a(value[1], dict)
    ):
        return tuple(values_of(value[0])), dict(items_of(value[1]))
    names = forward_names(model, call)
    if is_a(value, dict):
        entries = dict(items_of(value))
        if names.takes_any_name or {*entries} <= {*names.names}:
            return (), entries
    return (tuple(value) if type(value) is tuple else (value,)), {}


def _with_key(entries: Entries, keys: Sequence[str], value: Any) -> Entries:
    first, *rest = keys
    inner = entries.get(first, Entries())
    if first in entries and not (rest and type(inner) is Entries):
        raise KeyError(first)
    return Entries({**entries, first: _with_key(inner, rest, value) if rest else value})


def _joined_origins(one: str, other: str) -> str:
    return one if other in one.split("; ") else f"{one}; {other}"


def _by_position(names: ForwardNames, arguments: list[Argument]) -> list[Argument]:
    """Pass arguments by position where possible: only those reach hooks without kwargs."""
    by_name = {argument.record.name: argument for argument in arguments}
    leading = []
    for name in names.positional:
        if name not in by_name:
            break
        leading.append(replace(by_name.pop(name), keyword=None))
    return leading + list(by_name.values())


def given_arguments(
    model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], call: str = "forward"
) -> list[Argument]:
    """Wrap the values that a caller of the Python API passed."""
    names = forward_names(model, call)

    def wrap(name: str, keyword: str | None, value: Any) -> Argument:
        with torch._C.DisableTorchFunction():
            described, spec = describe(value), ""
        # A spec describes a plain tensor, whose memory differs from that of a sparse one of its shape.
        is_plain = isinstance(described, TensorSpec) and described.layout is None
        if isinstance(described, TensorSpec) and is_plain and described.dtype in DTYPES:
            sizes = [size for size in described.shape if isinstance(size, int)]
            if len(sizes) == len(described.shape):
                spec_name = name if name.isidentifier() else None
                spec = str(InputSpec(name=spec_name, shape=tuple(sizes), dtype=described.dtype))
        record = Input(name=name, value=described, spec=spec, origin=GIVEN)
        return Argument(keyword=keyword, value=value, record=record)

    return [wrap(names.at(index), None, value) for index, value in enumerate(args)] + [
        wrap(name, name, value) for name, value in kwargs.items()
    ]


def _check_name(name: str, model: nn.Module, names: ForwardNames) -> None:
    if name in names.names or names.takes_any_name:
        return
    listed = f"its arguments are: {', '.join(names.names) or 'none'}"
    if len(names.names) == 1:
        listed += f"; an entry of a dictionary is named {names.names[0]}.{name}"
    raise UsageError(
        f"{plain_name(type(model))}.{names.method} has no argument {name!r}",
        hint=suggestion(name, names.names) or listed,
    )


def _given_twice(model: nn.Module, name: str, names: ForwardNames) -> UsageError:
    return UsageError(
        f"the argument {name!r} of {plain_name(type(model))}.{names.method} is given twice",
        hint="name the other inputs too: --input NAME=SIZES",
    )


def _check_complete(model: nn.Module, names: ForwardNames, arguments: list[Argument]) -> None:
    given = {argument.record.name for argument in arguments}
    missing = [name for name in names.required if name not in given]
    if missing:
        raise UsageError(
            f"{plain_name(type(model))}.{names.method} also needs {', '.join(missing)}",
            cause=f"its arguments are {', '.join(names.names)}; given: {', '.join(given) or 'none'}",
            hint=" ".join(f"--input {name}=SIZES" for name in missing),
        )


def _count(number: int) -> str:
    return "1 argument" if number == 1 else f"{number} arguments"
