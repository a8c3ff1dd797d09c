"""Signature of the method to run: names, defaults, annotations, and keys of its dictionaries."""

from __future__ import annotations

import inspect
import itertools
import re
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from netinspect._utils.signatures import signature_of
from netinspect.errors import LONGEST_TEXT
from netinspect.tracing.model.modes import script_of
from netinspect.tracing.safe_access import class_attribute, state_of


@dataclass(frozen=True, slots=True)
class ForwardArgument:
    """One argument of `forward`."""

    name: str
    required: bool
    positional: bool
    annotation: str
    """Text of the annotation as written, or formatted by Python; empty without one."""

    annotated: Any = None
    """The annotation itself, which may be a string; None without one."""

    @property
    def is_list(self) -> bool:
        """True if it is annotated as a list of tensors."""
        return (
            re.match(r"(typing\.)?(list|sequence)\[.*tensor", self.annotation, re.IGNORECASE) is not None
        )


class ForwardNames:
    """The arguments of a model's `forward`, without `self`.

    Attributes:
        method: Name of the method, if another one than `forward` is run.
        arguments: Arguments by name, in order.
        takes_any_position: Whether forward has `*args`.
        takes_any_name: Whether forward has `**kwargs`.
    """

    def __init__(self, model: nn.Module, call: str = "forward") -> None:
        self.method = call
        self.arguments: dict[str, ForwardArgument] = {}
        self.takes_any_position = self.takes_any_name = False
        try:
            parameters = list(signature_of(_method_of(model, call)).parameters.values())
        except (TypeError, ValueError, AttributeError):
            # Some forwards come from C++ or a compiler and have no signature.
            self.takes_any_position = self.takes_any_name = True
            return
        for parameter in parameters:
            if parameter.kind is parameter.VAR_POSITIONAL:
                self.takes_any_position = True
            elif parameter.kind is parameter.VAR_KEYWORD:
                self.takes_any_name = True
            else:
                self.arguments[parameter.name] = ForwardArgument(
                    name=parameter.name,
                    required=parameter.default is parameter.empty,
                    positional=parameter.kind is not parameter.KEYWORD_ONLY,
                    annotation=_annotation(parameter),
                    annotated=None if parameter.annotation is parameter.empty else parameter.annotation,
                )

    @property
    def names(self) -> list[str]:
        """All names."""
        return list(self.arguments)

    @property
    def positional(self) -> list[str]:
        """Names that may be given by position, in order."""
        return [each.name for each in self.arguments.values() if each.positional]

    @property
    def required(self) -> list[str]:
        """Names without a default."""
        return [each.name for each in self.arguments.values() if each.required]

    def at(self, position: int) -> str:
        """Return the name of the argument at a position; the position itself if it has no name."""
        positional = self.positional
        return positional[position] if position < len(positional) else str(position)

    def complete(self, names: Iterable[str | None]) -> list[str]:
        """Return the names of arguments, where None stands for the next position."""
        positions = itertools.count()
        return [self.at(next(positions)) if name is None else name for name in names]


def _method_of(model: nn.Module, call: str) -> Any:
    """Return a method of a model, bound as in a call; a property is not evaluated."""
    stored = state_of(model).get(call)
    if stored is not None:
        return stored
    if script_of(model) is not None:
        return None  # it has no signature, and TorchScript would cache the attribute access
    defined = class_method(model, call)
    if type(defined) is types.FunctionType:
        return types.MethodType(defined, model)
    return defined.__func__ if type(defined) is staticmethod else getattr(model, call, None)


def forward_names(model: nn.Module, call: str = "forward") -> ForwardNames:
    """Read the signature of the method of a model to run."""
    return ForwardNames(model, call)


def _annotation(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return ""
    if isinstance(annotation, str):
        return annotation[:LONGEST_TEXT]
    text = annotation.__name__ if type(annotation) is type else str(annotation)
    return text[:LONGEST_TEXT]


def class_method(model: nn.Module, call: str = "forward") -> Any:
    """Return a method in the class of a model, unbound: binding that of TorchScript runs code."""
    return class_attribute(type(model), call)
