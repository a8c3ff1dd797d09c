"""Table of counting rules: first own rules, then formulas of torch, then tags of operators."""

from __future__ import annotations

from typing import Any

import torch
from torch._ops import OpOverload

from netinspect.tracing.counting.arithmetic import ARITHMETIC, elementwise
from netinspect.tracing.counting.attention import ATTENTION
from netinspect.tracing.counting.kernels import KERNELS
from netinspect.tracing.counting.movement import MOVEMENT, UNCOUNTED
from netinspect.tracing.counting.products import OWN, torchs_rule
from netinspect.tracing.counting.rule import Rule, no_arithmetic, unknown

_RULES = {**MOVEMENT, **ARITHMETIC, **KERNELS, **ATTENTION, **OWN}
_UNKNOWN = Rule("unknown", unknown)
_MOVES = Rule("data_movement", no_arithmetic)
_COMPOSED = Rule("unknown", unknown, decomposes=True)
_CALLS = Rule("unknown", unknown, parts=True)
_CALLING = frozenset(
    f"higher_order.{name}"
    for name in (
        "cond", "while_loop", "scan", "associative_scan", "map_impl", "wrap", "hints_wrapper",
        "wrap_with_set_grad_enabled", "wrap_with_autocast", "tag_activation_checkpoint",
        "wrap_activation_checkpoint", "invoke_subgraph",
    )
)  # fmt: skip
"""Operators that call their function arguments."""

_NO_WORK = frozenset({"prim", "profiler", "debugprims"})
"""Namespaces of queries and markers, some of which are unknown to the dispatcher."""


def name_of(operator: Any) -> str:
    """Return the name of an operator with its namespace, without its overload: `aten.convolution`."""
    if isinstance(operator, OpOverload):
        # The full name has the form `aten.add.Tensor`.
        return str(operator).rpartition(".")[0]
    return f"higher_order.{getattr(operator, '__name__', type(operator).__name__)}"


def rule_for(operator: Any) -> Rule | None:
    """Find the rule of an operator.

    Args:
        operator: An overload such as `torch.ops.aten.mm.default`, or a higher-order operator.

    Returns:
        The rule; None for an operator that neither computes nor moves anything: views, sizes, flags.
    """
    name = name_of(operator)
    if not isinstance(operator, OpOverload):
        return torchs_rule(name, operator) or (_CALLS if name in _CALLING else _UNKNOWN)
    if name in UNCOUNTED or operator.namespace in _NO_WORK:
        return None
    known = _RULES.get(name) or torchs_rule(name, operator.overloadpacket)
    if known is None and name.endswith("_"):
        # In-place operators have a trailing underscore.
        plain = name.removesuffix("_")
        known = _RULES.get(plain)
        if known is None and operator.namespace == "aten":
            known = torchs_rule(plain, getattr(torch.ops.aten, plain.removeprefix("aten."), None))
    if known is not None:
        return known
    if _is_composed(operator):
        return _COMPOSED
    if operator.is_view:
        return None
    if operator.namespace == "aten":
        is_loop = name.startswith("aten._foreach")
        if is_loop or _is_pointwise(operator):
            return elementwise(lists=is_loop)
        if not any("Tensor" in str(each.type) for each in operator._schema.returns):
            return None
        if name.endswith("_copy"):
            return _MOVES
    return _UNKNOWN


def _is_pointwise(operator: OpOverload) -> bool:
    """Return whether torch tags an operator or its functional form as pointwise."""
    packets = {operator.overloadpacket.__name__, operator.overloadpacket.__name__.removesuffix("_")}
    return any(
        torch.Tag.pointwise in getattr(packet, overload).tags
        for packet in (getattr(torch.ops.aten, name, None) for name in packets)
        if packet is not None
        for overload in packet.overloads()
    )


def _is_composed(operator: OpOverload) -> bool:
    """Return whether torch decomposes an operator outside inference mode."""
    try:
        composed: bool = torch._C._dispatch_has_kernel_for_dispatch_key(
            operator._name, "CompositeImplicitAutograd"
        )
    except RuntimeError:  # known to TorchScript only, as `aten::dim`, which torch 2.6 dispatches
        return False
    return composed
