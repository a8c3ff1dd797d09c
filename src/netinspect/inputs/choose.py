"""From a request and a model to the arguments of `forward`.

This is the one place that decides what a model is run with. Evidence is asked in order: what the
user said, then what the model's file declares. Inference from the model itself will join here.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from netinspect.errors import UsageError, closest
from netinspect.inputs.build import build_tensor
from netinspect.inputs.request import InputRequest
from netinspect.inputs.spec import DTYPES, InputSpec, parse_spec
from netinspect.observe.arguments import Argument
from netinspect.observe.describe import describe, tensor_spec
from netinspect.records.trace import Input
from netinspect.records.values import TensorSpec

DECLARATION = "EXAMPLE_INPUTS"
"""A module-level tuple of input specs in the file that defines a model."""


def choose_arguments(model: nn.Module, request: InputRequest) -> list[Argument]:
    """Decide what to call `forward` with.

    Raises:
        UsageError: Nothing tells what the model takes, or a name is not an argument of `forward`.
    """
    specs, origin = _choose_specs(model, request)
    device = _device_of(model)
    generator = torch.Generator().manual_seed(request.seed)
    names = forward_names(model)
    arguments = []
    position = 0
    for spec in specs:
        spec = spec.with_batch(request.batch)
        if spec.name is not None:
            _check_name(spec.name, model, names)
        elif position >= len(names.positional) and not names.takes_any_position:
            raise UsageError(
                f"{type(model).__name__}.forward takes {_count(len(names.positional))}, "
                f"but {len(specs)} inputs were given",
                hint=f"its arguments are: {', '.join(names.positional) or 'none'}",
            )
        name = spec.name or names.at(position)
        position += spec.name is None
        try:
            tensor = build_tensor(spec, generator, device)
        except (RuntimeError, MemoryError) as error:
            raise UsageError(
                f"cannot make the input {spec}",
                cause=str(error).partition("\n")[0] or "there is not enough memory",
                hint="take a smaller batch or smaller sizes",
            ) from error
        record = Input(name=name, value=tensor_spec(tensor), spec=str(spec), origin=origin)
        arguments.append(Argument(keyword=spec.name, value=tensor, record=record))
    _check_complete(model, names, arguments)
    return _by_position(names, arguments)


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


class ForwardNames:
    """The argument names of a model's `forward`.

    Attributes:
        positional: Names that may be given by position, in order, `self` left out.
        required: Those names, and keyword-only ones, that have no default.
        takes_any_position: Whether there is a `*args`.
        takes_any_name: Whether there is a `**kwargs`.
    """

    def __init__(self, model: nn.Module) -> None:
        self.positional: list[str] = []
        self.names: list[str] = []
        self.required: list[str] = []
        self.takes_any_position = self.takes_any_name = False
        try:
            parameters = list(inspect.signature(model.forward).parameters.values())
        except (TypeError, ValueError):
            # Some forwards are built in C++ or by a compiler and tell no signature.
            self.takes_any_position = self.takes_any_name = True
            return
        for parameter in parameters:
            if parameter.kind is parameter.VAR_POSITIONAL:
                self.takes_any_position = True
            elif parameter.kind is parameter.VAR_KEYWORD:
                self.takes_any_name = True
            else:
                self.names.append(parameter.name)
                if parameter.kind is not parameter.KEYWORD_ONLY:
                    self.positional.append(parameter.name)
                if parameter.default is parameter.empty:
                    self.required.append(parameter.name)

    def at(self, position: int) -> str:
        """Name the argument at a position; a number where forward has no name for it."""
        return self.positional[position] if position < len(self.positional) else str(position)


def forward_names(model: nn.Module) -> ForwardNames:
    """Read the signature of a model's `forward`."""
    return ForwardNames(model)


def _choose_specs(model: nn.Module, request: InputRequest) -> tuple[tuple[InputSpec, ...], str]:
    if request.specs:
        return request.specs, "given"
    if not _is_example(_declaration(model)):
        raise UsageError(
            f"{DECLARATION} in the file of {type(model).__name__} is not a tuple of strings",
            hint=f'write it like {DECLARATION} = ("x=1x3x224x224",)',
        )
    declared = declared_example(model)
    if declared:
        return tuple(parse_spec(text) for text in declared), "the model's own example"
    names = forward_names(model)
    if not names.required:
        return (), "forward needs no argument"
    specs = " ".join(f"--input {name}=1x3x224x224" for name in names.required)
    raise UsageError(
        f"nothing tells what to run {type(model).__name__} on",
        cause=f"its forward takes {', '.join(names.names)}, and its file declares no {DECLARATION}",
        hint=f"give the shapes, such as {specs}",
    )


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


def _device_of(model: nn.Module) -> torch.device:
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


def _check_name(name: str, model: nn.Module, names: ForwardNames) -> None:
    if name in names.names or names.takes_any_name:
        return
    raise UsageError(
        f"{type(model).__name__}.forward has no argument {name!r}",
        hint=closest(name, names.names) or f"its arguments are: {', '.join(names.names) or 'none'}",
    )


def _check_complete(model: nn.Module, names: ForwardNames, arguments: list[Argument]) -> None:
    given = {argument.record.name for argument in arguments}
    if len(given) < len(arguments):
        repeated = [argument.record.name for argument in arguments]
        twice = next(name for name in repeated if repeated.count(name) > 1)
        raise UsageError(
            f"the argument {twice!r} of {type(model).__name__}.forward is given twice",
            hint="name the others too: --input NAME=SIZES",
        )
    missing = [name for name in names.required if name not in given]
    if missing:
        raise UsageError(
            f"{type(model).__name__}.forward also needs {', '.join(missing)}",
            cause=f"its arguments are {', '.join(names.names)}; given: {', '.join(given) or 'none'}",
            hint=" ".join(f"--input {name}=SIZES" for name in missing),
        )


def _count(number: int) -> str:
    return "1 argument" if number == 1 else f"{number} arguments"
