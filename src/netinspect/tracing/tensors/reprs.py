"""Representations of values as in Python, without calling the `__repr__` of user classes."""

from __future__ import annotations

from typing import Any

import torch

from netinspect._utils.classes import plain_name, qualified_name
from netinspect.tracing.safe_access import (
    class_attribute,
    fields_of,
    is_a,
    is_mapping,
    is_users_class,
    items_of,
    runs_users_code,
    text_of,
    values_of,
)
from netinspect.tracing.tensors.inner_tensors import inner_tensors, may_wrap, quietly, wraps

_MAXIMUM_DEPTH = 32


def printed(value: Any, depth: int = 0) -> str:
    """Return the `repr` of tensors, plain values, containers and instances of library classes.

    Args:
        value: The value.
        depth: Number of containers around it.
    """
    cls = type(value)
    if issubclass(cls, torch.Tensor):
        with torch._C.DisableTorchFunction():
            if may_wrap(cls) and is_users_class(cls):
                return _of_users_class(value, depth)
            own = class_attribute(cls, "__repr__")
            text: str = torch.Tensor.__repr__(value) if runs_users_code(own) else repr(value)  # type: ignore[no-untyped-call]
            return text
    if depth > _MAXIMUM_DEPTH:
        return "..."
    inside = depth + 1
    if fields := fields_of(value):
        entries = ", ".join(f"{name}={printed(each, inside)}" for name, each in fields)
        return f"{qualified_name(cls)}({entries})"
    if issubclass(cls, (tuple, list, set, frozenset)):
        return _in_brackets(cls, [printed(each, inside) for each in values_of(value)])
    if is_a(value, dict):
        entries = ", ".join(
            f"{printed(key, inside)}: {printed(each, inside)}" for key, each in items_of(value)
        )
        return f"{{{entries}}}" if cls is dict else f"{plain_name(cls)}({{{entries}}})"
    if is_mapping(value):
        return repr(value)
    return text_of(value)


def _of_users_class(tensor: torch.Tensor, depth: int) -> str:
    """Return the representation of a tensor with user-defined dispatch, from its inner tensors."""
    name = plain_name(type(tensor))
    if not wraps(tensor):
        with quietly():
            return torch.Tensor.__repr__(tensor)  # type: ignore[no-untyped-call,no-any-return]
    if depth > _MAXIMUM_DEPTH:
        return f"{name}(...)"
    inner = inner_tensors(tensor).items()
    return f"{name}({', '.join(f'{key}={printed(each, depth + 1)}' for key, each in inner)})"


def _in_brackets(cls: type, texts: list[str]) -> str:
    entries = ", ".join(texts)
    if issubclass(cls, list):
        return f"[{entries}]"
    if issubclass(cls, tuple):
        return f"({entries},)" if len(texts) == 1 else f"({entries})"
    if not texts:
        return f"{plain_name(cls)}()"
    return f"{{{entries}}}" if cls is set else f"{plain_name(cls)}({{{entries}}})"
