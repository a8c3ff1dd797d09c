"""Values, statistics and gradients of named tensors, added to their records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch

from netinspect.errors import class_name
from netinspect.records.base import replace
from netinspect.records.distribution import ValueSummary
from netinspect.records.tensors import Buffer, Gradient, Parameter
from netinspect.tracing.tensors.reprs import printed
from netinspect.tracing.tensors.statistics import summarize_values

_Entry = TypeVar("_Entry", Parameter, Buffer)


def with_values(
    entries: tuple[_Entry, ...], live: Mapping[str, torch.Tensor], *, text: bool, summary: bool
) -> tuple[_Entry, ...]:
    """Return records with the values of their tensors.

    Args:
        entries: The records.
        live: Tensors by name, without those that forward registered and removed again.
        text: Add the values as torch prints them.
        summary: Add their statistics, or the reason for their absence.
    """
    if not (text or summary):
        return entries
    return tuple(
        [
            _with_values(each, live[each.name], text=text, summary=summary)
            if each.name in live
            else each
            for each in entries
        ]
    )


def with_gradients(
    parameters: tuple[Parameter, ...],
    live: Mapping[str, torch.Tensor],
    gradients: Mapping[int, Gradient | None],
) -> tuple[Parameter, ...]:
    """Return the records of parameters with their gradients, given by the ids of the tensors."""
    if not gradients:
        return parameters
    return tuple([replace(each, gradient=gradients.get(id(live.get(each.name)))) for each in parameters])


def as_printed(value: Any) -> str:
    """Return a value as torch prints it."""
    try:
        return printed(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # raised in a repr of an installed package
        return f"<its repr raised {class_name(type(error))}>"


def _with_values(entry: _Entry, tensor: torch.Tensor, *, text: bool, summary: bool) -> _Entry:
    found = summarize_values(tensor) if summary else ValueSummary()
    return replace(
        entry,
        values=as_printed(tensor) if text else None,
        statistics=found.statistics,
        distribution=found.distribution,
        not_read=found.not_read,
    )
