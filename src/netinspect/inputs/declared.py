"""Inputs declared by the user, by the model's file or by the model itself."""

from __future__ import annotations

import sys
from typing import Any

from torch import nn

from netinspect._utils.classes import defining_module, plain_name
from netinspect.errors import UsageError
from netinspect.inputs.arguments import given_arguments
from netinspect.inputs.request import InputRequest
from netinspect.inputs.signature import forward_names
from netinspect.inputs.spec import InputSpec, parse_spec
from netinspect.records.base import replace
from netinspect.records.trace import GIVEN
from netinspect.tracing.arguments import Argument
from netinspect.tracing.model.members import entries
from netinspect.tracing.safe_access import attribute, dictionary_of, is_a, items_of, values_of
from netinspect.tracing.tensors.describe import tensors_of

DECLARATION = "EXAMPLE_INPUTS"
"""Name of the tuple of input specs in the file that defines a model."""

OWN_EXAMPLE = "the model's own example"
"""`Input.origin` of a declared input."""

EXAMPLE_ATTRIBUTE = "example_input_array"
"""Attribute of a Lightning module that holds example arguments."""


def declared_specs(model: nn.Module, request: InputRequest) -> list[tuple[InputSpec, str]] | None:
    """Return the specs from the user or the model's file, each with its origin; None without any.

    Raises:
        UsageError: The declaration in the file is not a tuple of strings, or a spec is invalid.
    """
    if request.specs:
        return [(spec, GIVEN) for spec in request.specs]
    if not _is_example(_declaration(model)):
        raise UsageError(
            f"{DECLARATION} in the file of {plain_name(type(model))} is not a tuple of strings",
            hint=f'write it like {DECLARATION} = ("x=1x3x224x224",)',
        )
    declared = declared_example(model, request.call)
    if declared:
        return [(parse_spec(text), OWN_EXAMPLE) for text in declared]
    names = forward_names(model, request.call)
    if not (names.names or names.takes_any_position or names.takes_any_name):
        return []
    return None


def live_example(model: nn.Module, call: str = "forward") -> list[Argument] | None:
    """Return the example arguments of forward stored on a model, as Lightning modules have; or None."""
    example = _example_of(model) if call == "forward" else None
    if next(tensors_of(example), None) is None:
        return None
    named = dict(items_of(example)) if is_a(example, dict) else None
    if named is not None and {*named} <= {*forward_names(model).names}:
        arguments = given_arguments(model, (), named)
    else:
        arguments = given_arguments(
            model, tuple(values_of(example)) if is_a(example, tuple) else (example,), {}
        )
    origin = f"the model's {EXAMPLE_ATTRIBUTE}"
    return [replace(each, record=replace(each.record, origin=origin)) for each in arguments]


def _example_of(model: nn.Module) -> Any:
    """Return the stored example; Lightning's property stores it with a leading underscore."""
    stored = attribute(model, EXAMPLE_ATTRIBUTE, attribute(model, f"_{EXAMPLE_ATTRIBUTE}"))
    return stored if stored is not None else dict(entries(model, "_buffers")).get(EXAMPLE_ATTRIBUTE)


def declared_example(model: nn.Module, call: str = "forward") -> tuple[str, ...]:
    """Return the input specs of forward that the file of a model's class declares; empty without any.

    A value of another type under that name is ignored here; `declared_specs` rejects it.
    """
    declared = _declaration(model) if call == "forward" else ()
    return tuple(declared) if _is_example(declared) else ()


def _declaration(model: nn.Module) -> Any:
    namespace = dictionary_of(sys.modules.get(defining_module(type(model))))
    return (namespace or {}).get(DECLARATION, ())


def _is_example(declared: Any) -> bool:
    return isinstance(declared, (tuple, list)) and all(isinstance(text, str) for text in declared)
