"""One row of a summary with the attributes of torchinfo's `LayerInfo`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netinspect.integrations.torchinfo.enums import ColumnSettings
from netinspect.records.values import Value

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Amounts:
    """Amounts of one row; those that a row counts itself add up to the totals over all rows."""

    params: int = 0
    trainable: int = 0
    bytes: int = 0
    macs: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            self.params + other.params,
            self.trainable + other.trainable,
            self.bytes + other.bytes,
            self.macs + other.macs,
        )


@dataclass(frozen=True, slots=True)
class HeldParameter:
    """A parameter that a module holds itself."""

    name: str
    """Name in the module."""

    shape: tuple[int | str, ...]
    elements: int
    """Elements, or those that the mask of a pruned parameter leaves."""

    tied: bool
    """Whether it is counted under another name in an earlier row."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerInfo:
    """One call of a module, or a module that is listed because of the modules in it."""

    module: nn.Module | None
    """The live module; None for one that forward made."""

    path: str
    """Dotted path of the module, by which it was called; empty for the root."""

    var_name: str
    """Name in its parent; of the root the name of its class."""

    class_name: str
    depth: int
    """Level in the tree of modules; 0 for the root."""

    depth_index: int
    """Number of the row among those of its level, from 1."""

    executed: bool
    """Whether the row is a call; False for a container such as `ModuleList`."""

    is_leaf_layer: bool
    """Whether the module has no modules in it."""

    is_repeated: bool
    """Whether an earlier row has the same module."""

    contains_lazy_param: bool
    inputs: tuple[Value, ...]
    """The arguments with tensors."""

    output: Value | None
    input_size: list[int]
    """Shape of the first input tensor; empty without one."""

    output_size: list[int]
    """Shape of the first output tensor; empty without one."""

    output_bytes: int
    """Bytes of all output tensors."""

    kernel_size: int | list[int] | None
    groups: int | None
    branch: Amounts
    """Parameters of the module and all modules in it; MACs of this call and all calls in it, 0 for a row
    that is not a call."""

    own: Amounts
    """Amounts that no other row counts."""

    parameters: tuple[HeldParameter, ...]
    is_lower_bound: bool
    """Whether MACs of some operators of this row could not be counted."""

    _rows: Sequence[LayerInfo] = field(repr=False)
    _index: int = field(repr=False)
    _parent: int | None = field(repr=False)

    def __repr__(self) -> str:
        return f"{self.class_name}: {self.depth}"

    @property
    def layer_id(self) -> int:
        """`id` of the module."""
        return id(self.module)

    @property
    def parent_info(self) -> LayerInfo | None:
        """The row of the module that contains this one; None for the root."""
        return None if self._parent is None else self._rows[self._parent]

    @property
    def children(self) -> list[LayerInfo]:
        """All rows below this one."""
        end = self._index + 1
        while end < len(self._rows) and self._rows[end].depth > self.depth:
            end += 1
        return list(self._rows[self._index + 1 : end])

    @property
    def num_params(self) -> int:
        """Elements of the parameters of the module and all modules in it, each tied one once."""
        return self.branch.params

    @property
    def trainable_params(self) -> int:
        """The part of `num_params` that requires gradients."""
        return self.branch.trainable

    @property
    def param_bytes(self) -> int:
        """Bytes of the parameters of the module and all modules in it."""
        return self.branch.bytes

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the call with all calls and functions in it, or of the rows below."""
        return self.branch.macs if self.executed else self.counted(True).macs

    @property
    def is_recursive(self) -> bool:
        """Whether all its parameters are counted in earlier rows."""
        return self.is_repeated or (bool(self.parameters) and all(each.tied for each in self.parameters))

    @property
    def trainable(self) -> str:
        """`True`, `False` or `Partial`; `--` without parameters."""
        if not self.num_params:
            return "--"
        if self.trainable_params in (0, self.num_params):
            return str(self.trainable_params > 0)
        return "Partial"

    @property
    def inner_layers(self) -> Mapping[str, Mapping[ColumnSettings, Any]]:
        """Shape and number of elements, as texts, of each parameter that the module holds itself."""
        return {
            each.name: {
                ColumnSettings.KERNEL_SIZE: str(list(each.shape)),
                ColumnSettings.NUM_PARAMS: f"{each.elements:,}",
            }
            for each in self.parameters
        }

    def leftover_params(self) -> int:
        """Return the number of parameters that this row counts, and no other."""
        return self.own.params

    def leftover_trainable_params(self) -> int:
        """Return the number of trainable parameters that this row counts, and no other."""
        return self.own.trainable

    def leftover_param_bytes(self) -> int:
        """Return the bytes of the parameters that this row counts, and no other."""
        return self.own.bytes

    def counted(self, reached_max_depth: bool) -> Amounts:
        """Return what the row shows: its own amounts, or with those of the rows below it.

        Args:
            reached_max_depth: Whether the rows below it are not shown.
        """
        return sum((each.own for each in self.children), self.own) if reached_max_depth else self.own

    def get_layer_name(self, show_var_name: bool, show_depth: bool) -> str:
        """Return the text of the row in the first column: `Conv2d (conv1): 1-1`."""
        name = self.class_name
        if show_var_name and self.var_name:
            name += f" ({self.var_name})"
        return f"{name}: {self.depth}-{self.depth_index}" if show_depth and self.depth else name

    def num_params_to_str(self, reached_max_depth: bool) -> str:
        """Format the parameters that the row counts; in parentheses if none is trainable."""
        counted = self.counted(reached_max_depth)
        if not counted.params:
            if not self.num_params:
                return "--"
            if self.is_repeated:
                return "(recursive)"
            return "(tied)" if self.is_recursive else "--"
        text = f"{counted.params:,}"
        return text if counted.trainable else f"({text})"

    def params_percent(self, total_params: int, reached_max_depth: bool) -> str:
        """Format the share of the parameters that the row counts."""
        counted = self.counted(reached_max_depth).params
        if counted and total_params:
            return f"{counted / total_params:.2%}"
        text = self.num_params_to_str(reached_max_depth)
        return text if text.startswith("(") else "--"

    def macs_to_str(self, reached_max_depth: bool) -> str:
        """Format the multiply-accumulates that the row counts."""
        rows = [self, *(self.children if reached_max_depth else ())]
        least = ">= " if any(each.is_lower_bound for each in rows) else ""
        macs = self.counted(reached_max_depth).macs
        return f"{least}{macs:,}" if macs or least else "--"
