"""Annotations of the arguments of `forward`, resolved without evaluating them."""

from __future__ import annotations

import ast
import enum
import types
from typing import Any

from torch import nn

from netinspect._utils.classes import ancestors, defining_module, namespace_of, plain_name
from netinspect.inputs.infer.forward_code.lookup import attribute_of
from netinspect.inputs.infer.forward_code.source import unwrapped
from netinspect.inputs.infer.forward_code.values import Plain
from netinspect.inputs.signature import ForwardArgument, class_method
from netinspect.tracing.safe_access import class_attribute, is_a

_MOST_VALUES = 32
_EMPTY = (list, dict, set, tuple)
"""Classes that the default of a field may be made from."""


def annotated_class(model: nn.Module, argument: ForwardArgument, call: str = "forward") -> type | None:
    """Return the class that an argument is annotated with, or with it and None; None for another form.

    Args:
        model: The live module.
        argument: An argument of its forward.
        call: The method that has the argument, in place of forward.
    """
    annotation = argument.annotated
    if is_a(annotation, type):
        return annotation
    for inner in _alternatives_of(annotation):
        if is_a(inner, type) and inner is not type(None):
            return inner
    function = unwrapped(class_method(model, call))
    if not is_a(annotation, str) or function is None:
        return None
    try:
        expression = ast.parse(annotation.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return next((cls for cls in _named_classes(expression, function.__globals__)), None)


def _alternatives_of(annotation: Any) -> tuple[Any, ...]:
    if defining_module(type(annotation)) not in ("typing", "types"):
        return ()
    found = getattr(annotation, "__args__", ())
    is_union = str(annotation).startswith(("typing.Optional", "typing.Union")) or "|" in str(annotation)
    return found if is_union and is_a(found, tuple) else ()


def _named_classes(node: ast.expr, names: dict[str, Any]) -> list[type]:
    """Return the classes that an annotation names, apart from those in brackets of containers."""
    match node:
        case ast.Name():
            found = names.get(node.id)
            return [found] if is_a(found, type) else []
        case ast.Attribute(value=ast.Name(id=name)):
            inner = attribute_of(names.get(name), node.attr)
            value = inner.value if isinstance(inner, Plain) else None
            return [value] if is_a(value, type) else []
        case ast.BinOp(op=ast.BitOr()):
            return _named_classes(node.left, names) + _named_classes(node.right, names)
        case ast.Subscript(value=ast.Name(id="Optional" | "Union")):
            inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return [cls for each in inside for cls in _named_classes(each, names)]
        case ast.Constant() if type(node.value) is str:
            return [names[node.value]] if is_a(names.get(node.value), type) else []
    return []


def literals_of(annotation: str) -> list[object]:
    """Return the values of a `Literal[...]` in the text of an annotation; empty without one."""
    try:
        tree = ast.parse(annotation.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    for node in ast.walk(tree):
        name = node.value if isinstance(node, ast.Subscript) else None
        if isinstance(node, ast.Subscript) and (
            (isinstance(name, ast.Name) and name.id == "Literal")
            or (isinstance(name, ast.Attribute) and name.attr == "Literal")
        ):
            inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            values: list[object] = [each.value for each in inside if isinstance(each, ast.Constant)]
            return values[:_MOST_VALUES]
    return []


def members_of(cls: type | None) -> dict[str, Any]:
    """Return the members of an Enum by name; empty for another class."""
    if cls is None or not is_a(cls, enum.EnumMeta):
        return {}
    members = namespace_of(cls).get("_member_map_", {})
    return dict(members) if type(members) is dict else {}


def fields_of_class(cls: type | None) -> list[str] | None:
    """Return the fields of a NamedTuple, a dataclass or a TypedDict; None for another class."""
    if cls is None:
        return None
    names = class_attribute(cls, "_fields")
    if tuple in ancestors(cls) and type(names) is tuple:
        return [name for name in names if type(name) is str]
    declared = class_attribute(cls, "__dataclass_fields__")
    if type(declared) is dict:
        return list(declared)
    if is_typed_dictionary(cls):
        return list(_annotations_in(cls))
    return None


def defaults_of_class(cls: type) -> dict[str, Any]:
    """Return the defaults of the fields of a NamedTuple or a dataclass, without those that are None."""
    found: dict[str, Any] = {}
    named = class_attribute(cls, "_field_defaults")
    declared = class_attribute(cls, "__dataclass_fields__")
    if type(named) is dict:
        found = named
    elif type(declared) is dict:
        found = {name: class_attribute(cls, name) for name in declared}
        found |= {
            name: factory()
            for name, each in declared.items()
            if (factory := each.default_factory) in _EMPTY
        }
    is_slot = types.MemberDescriptorType
    return {name: each for name, each in found.items() if each is not None and type(each) is not is_slot}


def is_typed_dictionary(cls: type) -> bool:
    """Return whether a class is a TypedDict."""
    return plain_name(type(cls)) == "_TypedDictMeta"


def _annotations_in(cls: type) -> dict[str, Any]:
    found = namespace_of(cls).get("__annotations__", {})
    return found if type(found) is dict else {}
